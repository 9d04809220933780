"""Customers' links: the address of a reservation's page, which only its token opens, and what only we can open."""

from uuid import UUID

from service.codes import Tokens
from service.sealing import Sealer
from service.settings import Settings


class Links:
    """Where customers reach their reservations, the keys that sign the way, and those that seal what is personal."""

    def __init__(self, settings: Settings) -> None:
        self.tokens = Tokens(tuple(key.get_secret_value() for key in settings.token_keys))
        self.sealer = Sealer(tuple(key.get_secret_value() for key in settings.data_keys))
        self.home = str(settings.public_url).rstrip("/")
        self.prefix = f"{self.home}/p/"

    def token(self, store_number: int, code: str, reservation: UUID) -> str:
        """Make the token of a reservation."""
        return self.tokens.make(store_number, code, reservation)

    def board(self, store: str, edition: int) -> str:
        """Make the link that opens a store's board, and nothing else."""
        return f"{self.home}/board/{store}?key={self.tokens.seal(_board(store, edition))}"

    def opens_board(self, store: str, edition: int, key: str) -> bool:
        """Whether a key came with the link of that edition."""
        return self.tokens.sealed(key, _board(store, edition))


def _board(store: str, edition: int) -> str:
    return f"board {edition} of {store}"
