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
        self.prefix = f"{str(settings.public_url).rstrip('/')}/p/"

    def token(self, store_number: int, code: str, reservation: UUID) -> str:
        """Make the token of a reservation."""
        return self.tokens.make(store_number, code, reservation)
