"""Opens the demo's shop: its key, its five stores, its goods, and what lies on the shelves."""

from pathlib import Path
from typing import Any

from demo.baskets import CURRENCY, OPENING_STOCK, Product, opening_stock, products
from demo.programs import keep_secret
from demo.stores import stores_of
from service import items, keys, message_policies, queries, stock, stores, webhooks
from service.callers import OPERATOR, Scope
from service.database import Connection, Pool, connection, transaction
from service.errors import Unauthorized, UnknownStore
from service.models.items import ItemBody
from service.models.message_policies import MessagePolicyBody, QuietHours
from service.models.stock import Count
from service.models.stores import StoreBody
from service.models.webhooks import WebhookEndpointBody

SQL = queries.load("demo")

ACTOR = "demo"

LISTENERS: dict[str, dict[str, Any]] = {
    "shop": {"description": "Order system"},
    "crm": {
        "description": "Marketing",
        "format": "cloudevents",
        "fields": ["name", "locale"],
        "events": ["reservation.confirmed", "reservation.ready", "reservation.collected", "reservation.uncollected"],
    },
}
"""The systems of the merchant's that the demo has, and what each hears."""


async def api_key(pool: Pool, folder: Path) -> str:
    """The key with every scope that the folder keeps; a new one where it keeps none that this database knows."""
    path = folder / "api_key"
    if path.exists():
        try:
            await keys.Keyring(pool).authenticate(path.read_text())
        except Unauthorized:
            path.unlink()
        else:
            return path.read_text()
    async with connection(pool) as db:
        _, text = await keys.create(db, "demo", tuple(Scope))
    keep_secret(path, text)
    return text


async def endpoints(pool: Pool, folder: Path, url: str) -> dict[str, str]:
    """The endpoints of the demo's own systems, at the address that it has today; their secrets, by name."""
    secrets = {}
    async with transaction(pool) as db:
        for name, body in LISTENERS.items():
            address, path = f"{url}/demo/hooks/{name}", folder / f"webhook_{name}"
            asked = WebhookEndpointBody.model_validate({**body, "url": address})
            known = await SQL["endpoint"].value(db, url=f"%/demo/hooks/{name}")
            if known and path.exists():
                await webhooks.replace(db, known, asked, caller=OPERATOR, private=True)
            else:
                _, secret = await webhooks.create(db, asked, caller=OPERATOR, private=True)
                keep_secret(path, secret)
            secrets[name] = path.read_text()
    return secrets


async def stock_the_shop(pool: Pool, counted: Path | None) -> str:
    """Make stores, items and opening stock, all or nothing; says what there is, or '' where it was there before.

    `counted`: another file of opening stock.
    """
    async with transaction(pool) as db:
        now = await SQL["now"].value(db)
        shop = stores_of(now.year)
        if await _is_open(db, next(iter(shop))):
            return ""
        for id, body in shop.items():
            await stores.put(db, id, StoreBody.model_validate(body))
        any_hour = MessagePolicyBody(quiet_hours=QuietHours())  # whoever tries it at night waits for no message
        await message_policies.put(db, any_hour)
        goods = products()
        await items.put_many(db, {product.sku: _item(product, list(shop)) for product in goods})
        shelves = opening_stock(counted or OPENING_STOCK)
        for store, units in shelves.items():
            counts = [Count(sku=sku, on_hand=on_hand, as_of=now) for sku, on_hand in units.items()]
            await stock.count(db, store, counts, actor=ACTOR)
    return (
        f"{len(shop)} stores · {len(goods):,} items · {sum(sum(units.values()) for units in shelves.values()):,} units"
    )


async def _is_open(db: Connection, store: str) -> bool:
    try:
        await stores.find(db, store)
    except UnknownStore:
        return False
    return True


def _item(product: Product, shops: list[str]) -> ItemBody:
    """Each shop has the same aisles, and the goods of an aisle lie in the order of their skus."""
    place = f"Allée {product.aisle // 10 + 1}-{product.aisle % 10}"
    return ItemBody(name=product.name, price=product.price, currency=CURRENCY, shelf=dict.fromkeys(shops, place))
