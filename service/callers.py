"""Who is asking: a key, a device, a customer or the clock, and what that lets them do."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

_DEVICE = "device:"


class Scope(StrEnum):
    """What a key may be allowed to do."""

    CHECKOUT = "checkout"
    COUNTER = "counter"
    STOCK = "stock"
    STORES = "stores"
    CUSTOMERS = "customers"
    REPORTS = "reports"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller. `credential` names it in idempotency records and limits, whoever works there; it is no secret."""

    credential: str  # key:01h…, device:7Kq…, customer, clock
    scopes: frozenset[Scope] = field(default=frozenset())
    stores: frozenset[str] | None = None  # None: every store
    clerk: UUID | None = None  # who works at the device

    @property
    def actor(self) -> str:
        """Who did it, as the history and the logs say: the device, and the clerk who works at it."""
        return f"{self.credential}/clerk:{self.clerk}" if self.clerk else self.credential

    @property
    def device(self) -> str | None:
        """The device's id, where the caller is one."""
        return self.credential.removeprefix(_DEVICE) if self.credential.startswith(_DEVICE) else None

    @property
    def only_store(self) -> str:
        """The one store of a device."""
        [store] = self.stores or frozenset[str]()
        return store

    def may_see(self, store: str) -> bool:
        """Whether this store is one of the caller's."""
        return self.stores is None or store in self.stores


CLOCK = Caller("clock")
CUSTOMER = Caller("customer")
OPERATOR = Caller("operator")  # whoever runs `manage`
