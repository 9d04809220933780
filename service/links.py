"""Customers' links: the address of a reservation's page, which only its token opens."""

from uuid import UUID

from service.codes import Tokens
from service.settings import Settings


class Links:
    """Where customers reach their reservations, and the keys that sign the way."""

    def __init__(self, settings: Settings) -> None:
        self.tokens = Tokens(tuple(key.get_secret_value() for key in settings.token_keys))
        self.prefix = f"{str(settings.public_url).rstrip('/')}/p/"

    def token(self, store_number: int, code: str, reservation: UUID) -> str:
        """Make the token of a reservation."""
        return self.tokens.make(store_number, code, reservation)
