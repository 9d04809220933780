"""Items: made, changed and found by their sku."""

from collections.abc import Collection, Mapping
from typing import Any

from asyncpg import Record

from service import audit, queries
from service.callers import OPERATOR, Caller
from service.database import Connection
from service.errors import Forbidden, UnknownItem, VersionMismatch
from service.models.items import Item, ItemBody

SQL = queries.load("items")

MOST_KNOWN = 100_000  # remembered in this process

_known: set[str] = set()

SHARED = (
    "All stores share this item, and the key is bound to some: it may make one that is missing, and say where it lies"
    " in its own stores."
)


async def find(db: Connection, sku: str) -> Item:
    """The item as it stands. Raises UnknownItem."""
    row = await SQL["find"].row(db, sku=sku)
    if row is None:
        raise UnknownItem(f"There is no item {sku}.")
    return Item.model_validate(dict(row))


async def unknown(db: queries.Connection, skus: Collection[str]) -> list[str]:
    """Those of the skus that are not in the catalogue.

    Nothing ever leaves it, so that what was found once is not looked for again.
    """
    new = [sku for sku in skus if sku not in _known]
    if not new:
        return []
    missing = [row["sku"] for row in await SQL["unknown"].rows(db, skus=new)]
    if len(_known) > MOST_KNOWN:
        _known.clear()
    _known.update(set(new).difference(missing))
    return missing


def forget_known() -> None:
    """Take no item for known any more."""
    _known.clear()


async def put(
    db: Connection, sku: str, body: ItemBody, *, expected: int | None = None, caller: Caller = OPERATOR
) -> tuple[Item, bool]:
    """Make an item, or replace all of it where its version is the expected one (None: any); and say if it is new.

    Raises VersionMismatch, and Forbidden for a caller of some stores who would change what all of them share.
    """
    columns = body.model_dump(mode="json")
    before = await SQL["lock"].row(db, sku=sku)
    new = before is None and expected is None and await SQL["make"].run(db, sku=sku, **columns) > 0
    if before is None and not new:  # somebody else made it since, or nobody has
        before = await SQL["lock"].row(db, sku=sku)
    if not new and (before is None or expected not in {None, before["version"]}):
        raise VersionMismatch("The item has changed since, or is not there yet; read it again.")
    changed = sorted(name for name in columns if columns[name] != (before[name] if before else None))
    _refuse_beyond(caller, before, columns, changed)
    if not new:
        await SQL["replace"].run(db, sku=sku, **columns)
    if changed:
        await audit.note(db, caller, "item.made" if new else "item.changed", sku, facts={"fields": changed})
    return await find(db, sku), new


def _refuse_beyond(caller: Caller, before: Record | None, columns: Mapping[str, Any], changed: Collection[str]) -> None:
    """Raise Forbidden where a caller of some stores changes an item of all, or says where it lies in others."""

    def elsewhere(shelf: Mapping[str, str] | None) -> dict[str, str]:
        return {store: place for store, place in (shelf or {}).items() if not caller.may_see(store)}

    if caller.stores is None:
        return
    beyond = [name for name in changed if before is not None and name != "shelf"]
    if elsewhere(before["shelf"] if before else None) != elsewhere(columns["shelf"]):
        beyond.append("shelf")
    if beyond:
        raise Forbidden(SHARED, fields=sorted(beyond))


async def put_many(db: Connection, items: Mapping[str, ItemBody], *, only_new: bool = False) -> int:
    """Make or replace many items by sku, in one statement; how many are new or changed, the others stay untouched.

    `only_new`: those that are there already stay as they are, too.
    """
    return await SQL["put_many"].run(db, items=_rows(items), only_new=only_new)


async def differing(db: Connection, items: Mapping[str, ItemBody]) -> set[str]:
    """The skus of those items that are not in the catalogue as they are here."""
    return {row["sku"] for row in await SQL["differing"].rows(db, items=_rows(items))}


def _rows(items: Mapping[str, ItemBody]) -> list[dict[str, Any]]:
    return [{"sku": sku, **body.model_dump(mode="json")} for sku, body in items.items()]
