"""Items: made, changed and found by their sku."""

from collections.abc import Collection, Mapping

from service import queries
from service.errors import UnknownItem, VersionMismatch
from service.models.items import Item, ItemBody
from service.queries import Connection

SQL = queries.load("items")


async def find(db: Connection, sku: str) -> Item:
    """The item as it stands. Raises UnknownItem."""
    row = await SQL["find"].row(db, sku=sku)
    if row is None:
        raise UnknownItem(f"There is no item {sku}.")
    return Item.model_validate(dict(row))


async def unknown(db: Connection, skus: Collection[str]) -> list[str]:
    """Those of the skus that are not in the catalogue."""
    return [row["sku"] for row in await SQL["unknown"].rows(db, skus=list(skus))]


async def put(db: Connection, sku: str, body: ItemBody, *, expected: int | None = None) -> tuple[Item, bool]:
    """Make an item, or replace all of it where its version is the expected one (None: any); and say if it is new.

    Raises VersionMismatch.
    """
    version = await SQL["put"].value(db, sku=sku, expected=expected, **body.model_dump(mode="json"))
    if version is None:
        raise VersionMismatch("The item has changed since, or is not there yet; read it again.")
    return await find(db, sku), version == 1


async def put_many(db: Connection, items: Mapping[str, ItemBody]) -> int:
    """Make or replace many items by sku, in one statement; how many are new or changed, the others stay untouched."""
    rows = [{"sku": sku, **body.model_dump(mode="json")} for sku, body in items.items()]
    return await SQL["put_many"].run(db, items=rows)
