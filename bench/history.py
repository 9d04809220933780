"""Makes up a shop's past in bulk: reservations with their lines, ledger, history and first answers, all consistent."""

import asyncio
from collections.abc import Sequence

from bench.shop import Shop
from service import codes, queries
from service.database import Connection

SQL = queries.load("bench")

FIRST_NAMES = (
    *("Camille", "Louis", "Jade", "Gabriel", "Louise", "Raphaël", "Ambre", "Arthur", "Alba", "Jules", "Emma", "Adam"),
    *("Rose", "Maël", "Alice", "Léo"),
)
LAST_NAMES = (
    *("Martin", "Bernard", "Thomas", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau", "Laurent", "Simon"),
    *("Michel", "Lefèvre", "Leroy", "Roux", "David", "Bertrand", "Morel", "Fournier", "Girard", "Bonnet", "Dupont"),
    *("Lambert", "Fontaine", "Rousseau", "Vincent", "Muller", "Faure", "André", "Mercier", "Blanc", "Guérin", "Boyer"),
)
REMEMBERED = 12  # one in so many reservations of the past year ended in the last thirty days and still has its code
LINES_OF_A_RESERVATION = 6  # in the ledger: three set aside, three handed over or given back
AT_ONCE = 2  # stores


async def make_up(shop: Shop, stores: Sequence[str], *, past: int, open: int, ledger: int, items: int) -> None:
    """Let each store look back on `past` reservations and as many `ledger` lines, and have so many `open` orders.

    What tills and deliveries told fills the ledger up to its size.
    """
    waiting = iter(stores)

    async def serve() -> None:
        async with shop.patient() as db:
            await SQL["unguarded"].row(db)
            for store in waiting:
                async with db.transaction():
                    await _make_up(db, store, past=past, open=open, ledger=ledger, items=items)

    await asyncio.gather(*(serve() for _ in range(AT_ONCE)))
    async with shop.patient() as db:
        await SQL["own_policy"].run(db)
        await db.execute("vacuum (freeze, analyze)")
        await db.execute("checkpoint")


async def _make_up(db: Connection, store: str, *, past: int, open: int, ledger: int, items: int) -> None:
    await SQL["past_reservations"].run(
        db,
        store=store,
        past=past,
        open=open,
        codes=_codes(past // REMEMBERED + open),
        first_names=list(FIRST_NAMES),
        last_names=list(LAST_NAMES),
    )
    await SQL["past_lines"].run(db, store=store, items=items)
    await SQL["past_ledger"].run(db, store=store)
    await SQL["past_feed"].run(db, store=store, items=items, lines=max(0, ledger - LINES_OF_A_RESERVATION * past))
    await SQL["past_positions"].run(db, store=store)
    await SQL["past_events"].run(db, store=store)
    await SQL["past_stream"].run(db, store=store)
    await SQL["past_answers"].run(db, store=store)


def _codes(count: int) -> list[str]:
    """So many pickup codes, no two of them alike."""
    drawn: set[str] = set()
    while len(drawn) < count:
        drawn.add(codes.new_code())
    return list(drawn)
