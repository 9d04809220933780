"""Stores: made and changed, found by id and by place."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service import hours, slots, stores
from service.database import Pool, transaction
from service.errors import UnknownStore, VersionMismatch
from service.models.stores import Near, Store, StoreBody, StoreListed, Stores, StoresQuery
from tests.paper import opening
from tests.shop import Shop

PLACES = {
    "lyon": (45.7617, 4.8357),
    "paris": (48.8571, 2.3609),
    "lille": (50.6404, 3.0632),
    "nantes": (47.2138, -1.5622),
}
PARIS_TO_LYON = 392.4  # km


def body(**fields: Any) -> StoreBody:
    """What PUT would bring."""
    return StoreBody.model_validate({"name": "Atelier", "time_zone": "Europe/Paris", **fields})


async def put(pool: Pool, id: str = "lyon", *, expected: int | None = None, **fields: Any) -> tuple[Store, bool]:
    """Make or replace a store."""
    async with transaction(pool) as db:
        return await stores.put(db, id, body(**fields), expected=expected)


async def places(pool: Pool) -> None:
    """Four stores on the map, one that is nowhere, one that takes no orders."""
    for id, (latitude, longitude) in PLACES.items():
        await put(pool, id, latitude=latitude, longitude=longitude)
    await put(pool, "nowhere")
    await put(pool, "closing", latitude=48.8571, longitude=2.3609, active=False)


async def page(pool: Pool, *, among: set[str] | None = None, **query: Any) -> Stores:
    """A page of the list."""
    async with pool.acquire() as db:
        return await stores.page(db, StoresQuery.model_validate(query), among=among)


async def names(pool: Pool, *, among: set[str] | None = None, **query: Any) -> list[str]:
    """The ids on a page of the list."""
    return [store.id for store in (await page(pool, among=among, **query)).items]


async def test_what_was_put_is_what_is_found(pool: Pool) -> None:
    asked: dict[str, Any] = {
        "address": {"line1": "52 rue de la République", "postcode": "69002", "city": "Lyon", "country": "FR"},
        "latitude": 45.7617,
        "longitude": 4.8357,
        "phone": "+33465710367",
        "gln": "3012345678902",
        "opening_hours": [opening("09:30", "12:00", "mo"), opening("14:00", "00:00", "tu", "sa")],
        "exceptional_days": [{"date": "2026-12-24"}, {"date": "2026-12-31", "opens": "09:00", "closes": "12:00"}],
        "public_holidays": "FR-57",
        "cut_off": "18:30",
        "slots": {"minutes": 30, "capacity": 10},
        "instructions": {"fr": "Au fond.", "en": "At the back."},
    }
    made, new = await put(pool, **asked)
    async with pool.acquire() as db:
        found = await stores.find(db, "lyon")
    assert new
    assert (made.version, made.number) == (1, 1)
    assert made == found
    assert {name: getattr(found, name) for name in StoreBody.model_fields} == dict(body(**asked))


async def test_a_replaced_store_has_a_new_version_its_old_number_and_forgets_what_was_left_out(pool: Pool) -> None:
    made, _ = await put(pool, cut_off="18:30", active=False)
    replaced, new = await put(pool, name="Atelier Lyon")
    assert not new
    assert (replaced.version, replaced.number, replaced.name) == (2, made.number, "Atelier Lyon")
    assert replaced.cut_off is None
    assert replaced.active
    assert replaced.created_at == made.created_at
    assert replaced.updated_at > made.updated_at


async def test_replacing_a_store_uses_up_no_numbers(pool: Pool) -> None:
    for _ in range(5):
        await put(pool, "lyon")
    assert (await put(pool, "lille"))[0].number == 2


async def test_only_the_expected_version_is_replaced(pool: Pool) -> None:
    await put(pool)
    assert (await put(pool, expected=1))[0].version == 2
    with pytest.raises(VersionMismatch):
        await put(pool, expected=1)
    with pytest.raises(VersionMismatch):
        await put(pool, "nowhere", expected=1)
    assert await names(pool) == ["lyon"]


async def test_a_store_made_by_two_at_once_is_made_once(pool: Pool) -> None:
    found = await asyncio.gather(*(put(pool, name=f"Atelier {n}") for n in range(8)))
    assert sorted(store.version for store, _ in found) == list(range(1, 9))
    assert sum(new for _, new in found) == 1


async def test_another_capacity_applies_to_slots_to_come_and_never_below_what_is_taken(shop: Shop, pool: Pool) -> None:
    await put(pool, slots={"minutes": 30, "capacity": 2})
    await shop.stock("tea", 10)
    async with pool.acquire() as db:
        lyon = await stores.find(db, "lyon")
        now = await db.fetchval("select now()")
    today = hours.of(lyon).day_of(now)
    first, second = slots.starts(lyon, today + timedelta(days=1))[20:22]
    for slot in (first, first, second):
        await shop.hold("tea", 1, slot=slot)
    await pool.execute("insert into slot (store_id, starts_at, capacity) values ('lyon', now() - interval '1 day', 2)")

    async def capacities() -> list[int]:
        return [row["capacity"] for row in await pool.fetch("select capacity from slot order by starts_at")]

    for capacity, expected in ((1, [2, 2, 1]), (5, [2, 5, 5]), (1, [2, 2, 1])):
        await put(pool, slots={"minutes": 30, "capacity": capacity})
        assert await capacities() == expected
    await put(pool)
    assert await capacities() == [2, 2, 1]


async def test_an_unknown_store_is_refused(pool: Pool) -> None:
    async with pool.acquire() as db:
        for ask in (stores.find, stores.known):
            with pytest.raises(UnknownStore):
                await ask(db, "atlantis")
        await put(pool)
        with pytest.raises(UnknownStore, match="atlantis") as refused:
            await stores.several(db, ["lyon", "atlantis"])
    assert refused.value.facts == {"stores": ["atlantis"]}


async def test_what_is_known_is_at_most_two_seconds_old(pool: Pool) -> None:
    await put(pool)
    async with pool.acquire() as db:
        assert (await stores.known(db, "lyon")).name == "Atelier"
        await db.execute("update store set name = 'Elsewhere'")  # another process
        assert (await stores.known(db, "lyon")).name == "Atelier"
        assert (await stores.find(db, "lyon")).name == "Elsewhere"
        assert [store.name for store in (await page(pool)).items] == ["Elsewhere"]
        read_at, store = stores._known["lyon"]
        stores._known["lyon"] = (read_at - stores.KNOWN_SECONDS, store)
        assert (await stores.known(db, "lyon")).name == "Elsewhere"


async def test_what_this_process_changes_is_known_at_once(pool: Pool) -> None:
    await put(pool)
    async with pool.acquire() as db:
        await stores.known(db, "lyon")
        await put(pool, name="Atelier Lyon")
        assert (await stores.known(db, "lyon")).name == "Atelier Lyon"


async def test_distances_are_those_of_the_globe(pool: Pool) -> None:
    await places(pool)
    async with pool.acquire() as db:
        found = await stores.nearest(db, near=Near(latitude=48.8571, longitude=2.3609))
        around = await stores.nearest(db, near=Near(latitude=-48.8571, longitude=-177.6391))
    assert [id for id, _ in found] == ["paris", "lille", "nantes", "lyon", "nowhere"]
    distances = dict(found)
    assert distances["paris"] == 0
    assert distances["lyon"] == pytest.approx(PARIS_TO_LYON, abs=1)
    assert distances["nowhere"] is None
    assert dict(around)["paris"] == pytest.approx(20015, abs=1)  # half around the world


async def test_the_list_is_by_id_or_nearest_first_and_leaves_out_stores_that_take_no_orders(pool: Pool) -> None:
    await places(pool)
    assert await names(pool) == ["lille", "lyon", "nantes", "nowhere", "paris"]
    assert await names(pool, near="45.76,4.84") == ["lyon", "paris", "nantes", "lille", "nowhere"]
    assert await names(pool, near="48.86,2.36", radius_km="250") == ["paris", "lille"]
    assert await names(pool, inactive="true") == ["closing", "lille", "lyon", "nantes", "nowhere", "paris"]


async def test_only_the_key_s_stores_are_listed(pool: Pool) -> None:
    await places(pool)
    assert await names(pool, among={"lyon", "nowhere", "closing"}) == ["lyon", "nowhere"]
    assert await names(pool, among=set()) == []


@pytest.mark.parametrize("query", [{}, {"near": "48.86,2.36"}, {"near": "48.86,2.36", "radius_km": "450"}])
async def test_pages_follow_each_other_without_gap_or_repeat(pool: Pool, query: dict[str, Any]) -> None:
    await places(pool)
    await put(pool, "paris-2", latitude=48.8571, longitude=2.3609)  # as far as the other one
    await put(pool, "nowhere-2")
    whole = await page(pool, **query)
    assert whole.next_cursor is None
    for limit in (1, 2, 3, len(whole.items)):
        cursor: dict[str, Any] = {}
        found: list[StoreListed] = []
        while True:
            part = await page(pool, limit=limit, **query, **cursor)
            found += part.items
            if part.next_cursor is None:
                break
            assert len(part.items) == limit
            cursor = {"cursor": part.next_cursor}
        assert found == whole.items


async def test_only_stores_that_are_open_then_are_listed_and_pages_are_full(pool: Pool) -> None:
    for n in range(12):
        await put(pool, f"shop-{n:02}", opening_hours=[opening("10:00", "12:00" if n % 3 else "20:00", "mo")])
    evening = "2026-11-23T18:00:00Z"
    first = await page(pool, open_at=evening, limit=3)
    assert [store.id for store in first.items] == ["shop-00", "shop-03", "shop-06"]
    second = await page(pool, open_at=evening, limit=3, cursor=first.next_cursor)
    assert [store.id for store in second.items] == ["shop-09"]
    assert second.next_cursor is None
    assert await names(pool, open_at="2026-11-24T18:00:00Z") == []
