"""Who is asking: a key, a device, a customer or the clock, and what that lets them do."""

from dataclasses import dataclass, field
from enum import StrEnum


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
    """One caller. `credential` names it in idempotency records, in the history and in logs; it is no secret."""

    credential: str  # key:01h…, customer, clock
    scopes: frozenset[Scope] = field(default=frozenset())
    stores: frozenset[str] | None = None  # None: every store

    def may_see(self, store: str) -> bool:
        """Whether this store is one of the caller's."""
        return self.stores is None or store in self.stores


CLOCK = Caller("clock")
CUSTOMER = Caller("customer")
OPERATOR = Caller("operator")  # whoever runs `manage`
