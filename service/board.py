"""The board above the counter: whose order is being prepared, and whose is ready."""

from typing import NamedTuple

from service import audit, queries
from service.callers import Caller
from service.database import Connection
from service.links import Links
from service.models.board import Board, BoardBody, BoardLink, BoardOrder

SQL = queries.load("board")

MOST_SHOWN = 100  # orders in each column
NUMBER_LENGTH = 4


class Setting(NamedTuple):
    """How a store's board is shown, and which of its links opens it."""

    names: bool
    edition: int


async def setting(db: Connection, store: str) -> Setting:
    """How the board of a store is shown."""
    row = await SQL["setting"].row(db, store=store)
    return Setting(**row) if row else Setting(names=True, edition=1)


async def change(db: Connection, store: str, body: BoardBody, *, links: Links, caller: Caller) -> BoardLink:
    """Say how the board of a store is shown; the links given out before are closed where that is asked for."""
    await audit.note(db, caller, "board.changed", store, store=store, facts={"renewed": body.renew})
    row = await SQL["set"].row(db, store=store, names=body.names, renew=body.renew)
    return _link(store, Setting(**row), links) if row else await link(db, store, links=links)


async def link(db: Connection, store: str, *, links: Links) -> BoardLink:
    """The link that opens the board of a store."""
    return _link(store, await setting(db, store), links)


def _link(store: str, now: Setting, links: Links) -> BoardLink:
    return BoardLink(names=now.names, url=links.board(store, now.edition))


async def opens(db: Connection, store: str, key: str, *, links: Links) -> bool:
    """Whether this key opens the board of this store now."""
    return links.opens_board(store, (await setting(db, store)).edition, key)


async def shown(db: Connection, store: str, *, names: bool | None = None) -> Board:
    """What the board of a store shows: numbers, and first names with an initial unless they are not wanted.

    `names`: None: as the store has set.
    """
    if names is None:
        names = (await setting(db, store)).names
    rows = await SQL["shown"].rows(db, store=store, limit=MOST_SHOWN)
    columns: dict[str, list[BoardOrder]] = {"preparing": [], "ready": []}
    for row in rows:
        name = called(row["customer_name"]) if names else None
        columns[row["lane"]].append(BoardOrder(number=number(row["order_ref"]), name=name, ready_at=row["ready_at"]))
    return Board(preparing=columns["preparing"], ready=columns["ready"])


def number(order_ref: str) -> str:
    """The end of an order reference, short enough to be called out."""
    return "".join(filter(str.isalnum, order_ref))[-NUMBER_LENGTH:].upper() or order_ref[-NUMBER_LENGTH:]


def called(name: str | None) -> str | None:
    """A name as it may be read by all: the first name, and the initial of the last."""
    words = (name or "").split()
    if not words:
        return None
    return words[0] if len(words) == 1 else f"{words[0]} {words[-1][0].upper()}."
