"""Files of stock and items: what their lines do, and what is told of them."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from service import import_runs, imports
from service.callers import Caller
from service.errors import InvalidRequest, MalformedRequest, UnknownImport
from service.import_runs import Ask
from service.models.imports import ImportReport, Kind, Mode
from tests.service.files import COUNTS, FEED, MOMENT, MOVES, count, faults, outcome, take_in, units
from tests.shop import Shop


@pytest.fixture(autouse=True)
async def catalogue(shop: Shop) -> None:
    """Two stores, two items."""
    for store in ("lyon", "paris"):
        await shop.store(store)
    for sku in ("tea", "cup"):
        await shop.item(sku)


async def test_a_file_of_counts_sets_what_there_is(shop: Shop) -> None:
    report = await take_in(shop, COUNTS + count("tea", 5) + count("cup", 7, "paris"))
    assert (report.state, report.kind, report.mode, report.dry_run) == ("done", "stock", "absolute", False)
    assert outcome(report) == (2, 2, 0, 0)
    assert await units(shop) == {"lyon/tea": 5, "paris/cup": 7}


async def test_lines_that_are_wrong_are_told_and_the_others_applied(shop: Shop) -> None:
    late = datetime.now(UTC) + timedelta(minutes=5)
    report = await take_in(
        shop,
        COUNTS
        + count("coffee", 5)
        + count("tea", "many")
        + count("tea", 5, "nowhere")
        + count("tea", 5)
        + count("cup", 5, as_of=late),
    )
    assert faults(report) == [
        (2, "unknown_sku"),
        (3, "invalid_fields"),
        (4, "unknown_store"),
        (6, "as_of_in_the_future"),
    ]
    assert outcome(report) == (5, 1, 0, 4)
    assert await units(shop) == {"lyon/tea": 5}


async def test_another_key_s_store_is_told_like_one_that_does_not_exist(shop: Shop) -> None:
    bound = Caller("key:lyon", FEED.scopes, frozenset({"lyon"}))
    report = await take_in(shop, COUNTS + count("tea", 5, "paris") + count("tea", 5, "nowhere"), caller=bound)
    absent = await take_in(shop, COUNTS + count("tea", 5, "nowhere"))
    assert faults(report) == [(2, "unknown_store"), (3, "unknown_store")]
    assert {error.detail for error in report.errors + absent.errors} == {absent.errors[0].detail}
    assert await units(shop) == {}


async def test_the_newest_of_two_counts_of_one_sku_stands(shop: Shop) -> None:
    older = MOMENT - timedelta(hours=1)
    report = await take_in(shop, COUNTS + count("tea", 1, as_of=older) + count("tea", 5) + count("tea", 2, as_of=older))
    assert outcome(report) == (3, 2, 1, 0)
    assert await units(shop) == {"lyon/tea": 5}


async def test_a_file_of_counts_sent_again_changes_nothing(shop: Shop) -> None:
    text = COUNTS + count("tea", 5) + count("cup", 7)
    await take_in(shop, text)
    before = await shop.pool.fetch("select * from position order by sku")
    assert outcome(await take_in(shop, text)) == (2, 2, 0, 0)
    assert await shop.pool.fetch("select * from position order by sku") == before


async def test_a_file_of_movements_is_told_once(shop: Shop) -> None:
    await shop.stock("tea", 5)
    text = MOVES + "lyon,tea,-1,sale,t-1,\nlyon,tea,-1,sale,t-2,\nlyon,tea,-1,sale,t-1,\nlyon,tea,-2,sale,t-2,\n"
    report = await take_in(shop, text, Mode.DELTA)
    assert outcome(report) == (4, 2, 1, 1)
    assert faults(report) == [(5, "movement_already_recorded")]
    assert outcome(await take_in(shop, text, Mode.DELTA)) == (4, 0, 3, 1)
    assert await units(shop) == {"lyon/tea": 3}


async def test_a_sale_in_a_file_of_what_was_handed_over_moves_nothing(shop: Shop) -> None:
    await shop.stock("tea", 5)
    order = await shop.collected("tea", 2)
    await take_in(shop, MOVES + f"lyon,tea,-2,sale,t-1,{order['order_ref']}\n", Mode.DELTA)
    assert await units(shop) == {"lyon/tea": 3}


async def test_a_line_that_the_database_refuses_is_found_among_the_others(shop: Shop) -> None:
    await shop.stock("tea", 1)
    await shop.pool.execute(
        "insert into movement (store_id, sku, on_hand_change, reserved_change, reason, actor, happened_at)"
        " values ('lyon', 'tea', 2147483000, 0, 'delivery', 'test', now())"
    )
    await shop.pool.execute("update position set on_hand = on_hand + 2147483000")
    lines = [f"lyon,cup,1,delivery,c-{n},\n" for n in range(9)]
    lines.insert(4, "lyon,tea,1000000,delivery,t-1,\n")
    report = await take_in(shop, MOVES + "".join(lines), Mode.DELTA)
    assert faults(report) == [(6, "on_hand_out_of_range")]
    assert outcome(report) == (10, 9, 0, 1)
    assert (await units(shop))["lyon/cup"] == 9


# Snapshots


async def test_a_snapshot_zeroes_what_it_does_not_name_in_the_stores_it_names(shop: Shop) -> None:
    long_ago = MOMENT - timedelta(days=1)
    await take_in(
        shop, COUNTS + "".join(count(sku, 9, store, long_ago) for sku in ("tea", "cup") for store in ("lyon", "paris"))
    )
    report = await take_in(shop, COUNTS + count("tea", 5), Mode.SNAPSHOT)
    assert (outcome(report), report.zeroed) == ((1, 1, 0, 0), 1)
    assert await units(shop) == {"lyon/tea": 5, "lyon/cup": 0, "paris/tea": 9, "paris/cup": 9}
    again = await take_in(shop, COUNTS + count("tea", 5), Mode.SNAPSHOT)
    assert again.zeroed == 0
    assert await shop.pool.fetchval("select count(*) from import_line") == 0


async def test_a_snapshot_keeps_what_was_counted_or_came_after_it(shop: Shop) -> None:
    """The snapshot is of nine o'clock: the cups counted at ten and the tea delivered since are not its business."""
    await take_in(
        shop,
        COUNTS + count("tea", 9, as_of=MOMENT - timedelta(days=1)) + count("cup", 9, as_of=MOMENT + timedelta(hours=1)),
    )
    await shop.item("pot")
    await take_in(shop, MOVES + "lyon,tea,4,delivery,d-1,\n", Mode.DELTA)
    report = await take_in(shop, COUNTS + count("pot", 1), Mode.SNAPSHOT)
    assert report.zeroed == 1
    assert await units(shop) == {"lyon/tea": 4, "lyon/cup": 9, "lyon/pot": 1}


async def test_a_snapshot_with_a_wrong_line_zeroes_nothing_in_that_store(shop: Shop) -> None:
    long_ago = MOMENT - timedelta(days=1)
    await take_in(shop, COUNTS + count("cup", 9, as_of=long_ago) + count("cup", 9, "paris", long_ago))
    report = await take_in(shop, COUNTS + count("tea", 5) + count("cup", "?") + count("tea", 5, "paris"), Mode.SNAPSHOT)
    assert (report.failed, report.zeroed) == (1, 1)
    assert await units(shop) == {"lyon/tea": 5, "lyon/cup": 9, "paris/tea": 5, "paris/cup": 0}


async def test_a_snapshot_with_a_line_of_nobody_knows_which_store_zeroes_nothing(shop: Shop) -> None:
    await take_in(shop, COUNTS + count("cup", 9, as_of=MOMENT - timedelta(days=1)))
    report = await take_in(shop, COUNTS + count("tea", 5) + '"lyon,\n', Mode.SNAPSHOT)
    assert (report.failed, report.zeroed) == (1, 0)
    assert (await units(shop))["lyon/cup"] == 9


async def test_a_snapshot_that_breaks_off_zeroes_nothing(shop: Shop) -> None:
    await take_in(shop, COUNTS + count("cup", 9, as_of=MOMENT - timedelta(days=1)))
    with pytest.raises(MalformedRequest):
        await take_in(shop, COUNTS + count("tea", 5), Mode.SNAPSHOT, then=MalformedRequest("cut"))
    assert (await units(shop))["lyon/cup"] == 9


async def test_a_snapshot_of_less_than_is_reserved_raises_a_shortfall(shop: Shop) -> None:
    await take_in(shop, COUNTS + count("cup", 2, as_of=MOMENT - timedelta(days=1)))
    await shop.hold("cup", 2)
    await take_in(shop, COUNTS + count("tea", 5), Mode.SNAPSHOT)
    position = await shop.position("cup")
    assert (position["on_hand"], position["shortfall"]) == (0, 2)


# Trying


@pytest.mark.parametrize("mode", [Mode.ABSOLUTE, Mode.SNAPSHOT])
async def test_a_dry_run_changes_nothing_and_tells_the_same(shop: Shop, mode: Mode) -> None:
    await take_in(shop, COUNTS + count("cup", 9, as_of=MOMENT - timedelta(days=1)))
    text = COUNTS + count("tea", 5) + count("coffee", 1, "paris") + count("tea", 1, as_of=MOMENT - timedelta(days=2))
    before = await shop.pool.fetch("select * from position"), await shop.pool.fetch("select * from event")
    tried = await take_in(shop, text, mode, dry_run=True)
    assert (await shop.pool.fetch("select * from position"), await shop.pool.fetch("select * from event")) == before
    real = await take_in(shop, text, mode)
    assert tried.dry_run
    same = {"lines", "applied", "passed_over", "zeroed", "failed", "errors"}
    assert tried.model_dump(include=same) == real.model_dump(include=same)


async def test_a_dry_run_of_movements_and_of_items_changes_nothing(shop: Shop) -> None:
    report = await take_in(shop, MOVES + "lyon,tea,-1,sale,t-1,\n", Mode.DELTA, dry_run=True)
    assert outcome(report) == (1, 1, 0, 0)
    report = await take_in(shop, "sku,name\npot,A pot\n", None, kind=Kind.ITEMS, dry_run=True)
    assert outcome(report) == (1, 1, 0, 0)
    assert await units(shop) == {}
    assert await shop.pool.fetchval("select count(*) from item where sku = 'pot'") == 0


# Items


async def test_a_file_of_items_makes_and_changes_them_where_they_lie(shop: Shop) -> None:
    await shop.pool.execute("""update item set shelf = '{"lyon": "A3"}' where sku = 'tea'""")
    text = "sku,name,name_fr,price,currency\ntea,Tea,Thé,390,EUR\npot,A pot,,,\nbad,,,,\n"
    report = await take_in(shop, text, None, kind=Kind.ITEMS)
    assert (outcome(report), faults(report)) == ((3, 2, 0, 1), [(4, "invalid_fields")])
    tea = await shop.pool.fetchrow("select name, names, price, shelf from item where sku = 'tea'")
    assert tea is not None
    assert dict(tea) == {"name": "Tea", "names": {"fr": "Thé", "en": None}, "price": 390, "shelf": {"lyon": "A3"}}
    assert outcome(await take_in(shop, text, None, kind=Kind.ITEMS)) == (3, 0, 2, 1)


async def test_only_the_first_thousand_errors_are_kept_and_all_are_counted(shop: Shop) -> None:
    report = await take_in(shop, COUNTS + count("coffee", 1) * 1250)
    assert (report.failed, len(report.errors), report.errors[-1].line) == (1250, 1000, 1001)


async def test_a_key_bound_to_stores_sees_only_its_own_imports(shop: Shop) -> None:
    report = await take_in(shop, COUNTS + count("tea", 5))
    async with shop.pool.acquire() as db:
        assert (await imports.find(db, report.id, caller=Caller("key:other"))).id == report.id
        with pytest.raises(UnknownImport):
            await imports.find(db, report.id, caller=Caller("key:other", stores=frozenset({"lyon"})))
        with pytest.raises(UnknownImport):
            await imports.find(db, uuid4())


# Much


async def test_files_in_crossing_order_at_the_same_time_lose_nothing(shop: Shop) -> None:
    skus = [await shop.item(f"sku-{n}") for n in range(40)]
    lines = [(store, sku) for store in ("lyon", "paris") for sku in skus]

    async def one(turn: int) -> ImportReport:
        order = lines[:: -1 if turn % 2 else 1]
        moves = "".join(f"{store},{sku},1,delivery,{turn}-{store}-{sku},\n" for store, sku in order)
        return await take_in(shop, MOVES + moves, Mode.DELTA)

    reports = await asyncio.gather(*(one(turn) for turn in range(6)))
    assert {report.applied for report in reports} == {80}
    assert set((await units(shop)).values()) == {6}


async def test_twenty_thousand_lines_are_taken_in_with_a_bar_to_watch(shop: Shop, tmp_path: Path) -> None:
    lines = 20_000
    await shop.pool.execute(
        "insert into item (sku, name) select 's' || n, 's' from generate_series(1, $1::int / 2) n", lines
    )
    path = tmp_path / "stock.csv"
    path.write_text(COUNTS + "".join(count(f"s{n // 2 + 1}", n, ("lyon", "paris")[n % 2]) for n in range(lines)))
    seen: list[int] = []
    report = await imports.import_file(
        shop.pool, path, kind=Kind.STOCK, mode=Mode.SNAPSHOT, dry_run=False, progress=seen.append
    )
    assert outcome(report) == (lines, lines, 0, 0)
    assert sum(seen) == path.stat().st_size
    assert await shop.pool.fetchval("select sum(on_hand) from position") == sum(range(lines))


async def test_memory_stays_flat_however_long_the_file(shop: Shop) -> None:
    async def much(batches: int) -> AsyncIterator[bytes]:
        yield COUNTS.encode()
        for _ in range(batches):
            yield count("tea", 5).encode() * (import_runs.BATCH // 2) + count("tea", "x").encode() * (
                import_runs.BATCH // 2
            )

    async def peak(batches: int) -> int:
        tracemalloc.start()
        ask = Ask(FEED, Kind.STOCK, Mode.SNAPSHOT, dry_run=False, key=str(uuid4()), fingerprint=b"")
        await imports.take_in(shop.pool, ask, much(batches))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    await peak(4)  # what is loaded once, and the errors that are kept
    assert await peak(14) < await peak(5) + 200_000


async def test_a_file_that_is_no_such_file_is_refused_before_anything_begins(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a,b\n")
    with pytest.raises(InvalidRequest):
        await imports.import_file(shop.pool, tmp_path / "x", kind=Kind.ITEMS, mode=None, dry_run=False)
    assert await shop.pool.fetchval("select count(*) from import") == 0
