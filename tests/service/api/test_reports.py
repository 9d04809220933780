"""The day in figures: counted by each store's clocks, and of nobody else's stores."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service import reports
from service.database import connection
from tests.service.api.conftest import Api
from tests.shop import Shop

PARIS = ZoneInfo("Europe/Paris")


async def move(shop: Shop, order: dict[str, Any], **moments: datetime) -> None:
    """Let things have happened at these moments."""
    names = ", ".join(f"{name} = ${number}" for number, name in enumerate(moments, 2))
    await shop.pool.execute(f"update reservation set {names} where id = $1::text::uuid", order["id"], *moments.values())


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment by the clocks of Paris."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=PARIS)


async def test_a_day_tells_how_fast_how_punctual_and_how_complete_it_was(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 30)
    day = datetime.now(PARIS).date()
    for minutes, waited in ((20, 2), (40, 4), (60, 6)):
        order = await shop.collected("tea", 2)
        confirmed = at(day, 10)
        await move(
            shop,
            order,
            confirmed_at=confirmed,
            ready_at=confirmed + timedelta(minutes=minutes),
            ready_by=at(day, 10, 50),
            arrived_at=at(day, 15),
            collected_at=at(day, 15) + timedelta(minutes=waited),
        )
    short = await shop.confirm(await shop.hold("tea", 3))
    short = await shop.take("shelve", await shop.take("pick", short), lines=[
        {"sku": "tea", "found": 1, "reason": "not_found"}
    ])  # fmt: skip
    await move(shop, short, confirmed_at=at(day, 11), ready_at=at(day, 11, 30), ready_by=at(day, 12))
    await shop.take("lapse", short)
    await move(shop, short, ended_at=at(day, 19))
    [told] = (await api.get(f"/v1/reports/day?store=lyon&date={day}")).json["items"]
    assert (told["confirmed"], told["ready"], told["collected"], told["uncollected"]) == (4, 4, 3, 1)
    assert told["time_to_ready"] == {"count": 4, "median": 35 * 60, "ninth": 54 * 60}
    assert told["promises"] == {"kept": 3, "missed": 1, "overdue": 0}
    assert (told["waiting"]["count"], told["waiting"]["median"]) == (3, 240)
    assert told["short"] == {"orders": 1, "units": 2, "of_units": 9}
    assert told["hours"] == [
        {"hour": 10, "confirmed": 3, "ready": 2, "collected": 0},
        {"hour": 11, "confirmed": 1, "ready": 2, "collected": 0},
        {"hour": 15, "confirmed": 0, "ready": 0, "collected": 3},
    ]


async def test_a_day_begins_at_the_store_s_midnight(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    await shop.store("nouméa", time_zone="Pacific/Noumea")
    await shop.stock("tea", 9, store="nouméa")
    today = datetime.now(UTC).date()
    moment = datetime(today.year, today.month, today.day, 22, 30, tzinfo=UTC)  # tomorrow in Nouméa, and today in Dakar
    await shop.pool.execute("update store set time_zone = 'Africa/Dakar' where id = 'lyon'")
    for store in ("lyon", "nouméa"):
        await move(shop, await shop.ready("tea", 1, store=store), confirmed_at=moment, ready_at=moment)
    told = {
        (one["store"], one["date"]): one["ready"]
        for day in (today, today + timedelta(days=1))
        for one in (await api.get(f"/v1/reports/day?date={day}")).json["items"]
    }
    assert {place for place, ready in told.items() if ready} == {
        ("lyon", f"{today}"),
        ("nouméa", f"{today + timedelta(days=1)}"),
    }


async def test_what_is_late_now_is_a_promise_not_kept(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 9)
    order = await shop.confirm(await shop.hold("tea", 1))
    promised = datetime.now(PARIS) - timedelta(seconds=1)
    await move(shop, order, ready_by=promised)
    [told] = (await api.get(f"/v1/reports/day?store=lyon&date={promised.date()}")).json["items"]
    assert told["promises"]["overdue"] == 1


async def test_a_key_of_some_stores_reads_the_days_of_those(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    await shop.store("brest", active=False)
    bound = await api.key("reports", stores=["lille"])
    assert [one["store"] for one in (await api.get("/v1/reports/day", key=bound)).json["items"]] == ["lille"]
    assert [one["store"] for one in (await api.get("/v1/reports/day")).json["items"]] == ["lille", "lyon"]
    assert (await api.get("/v1/reports/day?store=lyon", key=bound)).json["code"] == "unknown_store"
    assert (await api.get("/v1/reports/day?store=atlantis")).json["code"] == "unknown_store"


async def test_a_fortnight_has_its_quiet_days(shop: Shop) -> None:
    await shop.stock("tea", 9)
    order = await shop.ready("tea", 1)
    today = datetime.now(PARIS).date()
    await move(shop, order, confirmed_at=at(today, 9), ready_at=at(today, 10), ready_by=at(today, 11))
    async with connection(shop.pool) as db:
        days = await reports.fortnight(db, "lyon", today)
    assert [one.date for one in days] == [today - timedelta(days=13 - number) for number in range(14)]
    assert [one.ready for one in days] == [0] * 13 + [1]
    assert (days[-1].kept, days[-1].median) == (1, 3600)
