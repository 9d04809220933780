"""The board above the counter: whose order is being prepared, and whose is ready."""

from service import queries
from service.database import Connection
from service.models.board import Board, BoardOrder

SQL = queries.load("board")

MOST_SHOWN = 100  # orders in each column
NUMBER_LENGTH = 4


async def shown(db: Connection, store: str, *, names: bool = True) -> Board:
    """What the board of a store shows: numbers, and first names with an initial unless they are not wanted."""
    rows = await SQL["shown"].rows(db, store=store, limit=MOST_SHOWN)
    columns: dict[str, list[BoardOrder]] = {"preparing": [], "ready": []}
    for row in rows:
        name = called(row["customer_name"]) if names else None
        columns[row["lane"]].append(BoardOrder(number=number(row["order_ref"]), name=name))
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
