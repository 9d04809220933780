"""Imports that break off, are killed, taken over or sent again: what was told stays, and the file can be repeated."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service import import_runs, imports
from service.database import open_pool
from service.errors import IdempotencyInFlight, IdempotencyKeyReused, MalformedRequest, Unavailable
from service.import_runs import Ask
from service.models.imports import Kind, Mode
from tests.service.files import COUNTS, FEED, count, sent, take_in, units, until
from tests.shop import Shop


@pytest.fixture(autouse=True)
async def catalogue(shop: Shop) -> None:
    """A store, two items."""
    await shop.store()
    for sku in ("tea", "cup"):
        await shop.item(sku)


async def test_the_same_key_finds_the_import_again_and_reads_nothing(shop: Shop) -> None:
    first = await take_in(shop, COUNTS + count("tea", 5), key="k")
    again = await take_in(shop, COUNTS + count("tea", 6), key="k")
    assert again.model_dump_json() == first.model_dump_json()
    assert await units(shop) == {"lyon/tea": 5}


async def test_the_same_key_for_another_mode_is_refused(shop: Shop) -> None:
    await take_in(shop, COUNTS + count("tea", 5), key="k")
    with pytest.raises(IdempotencyKeyReused):
        await take_in(shop, COUNTS + count("tea", 5), Mode.SNAPSHOT, key="k")


async def test_a_file_that_breaks_off_leaves_what_was_applied_and_can_be_repeated(shop: Shop) -> None:
    head = COUNTS + count("tea", 5) * import_runs.BATCH
    with pytest.raises(MalformedRequest) as cut:
        await take_in(shop, head + "lyon,cu", key="k", then=MalformedRequest("The body ends before it should."))
    async with shop.pool.acquire() as db:
        [id] = [row["id"] for row in await db.fetch("select id from import")]
        report = await imports.find(db, id)
    assert (report.state, report.lines, report.applied) == ("failed", import_runs.BATCH, import_runs.BATCH)
    assert report.reason == "The body ends before it should."
    assert cut.value.facts["import"] == str(id)
    assert await units(shop) == {"lyon/tea": 5}
    again = await take_in(shop, head + count("cup", 7), key="k")
    assert (again.id, again.state, again.lines) == (id, "done", import_runs.BATCH + 1)
    assert await units(shop) == {"lyon/tea": 5, "lyon/cup": 7}


async def test_a_key_whose_import_runs_is_told_to_wait_and_taken_over_when_it_gives_no_sign_of_life(shop: Shop) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield (COUNTS + count("tea", 5)).encode()
        await go_on.wait()
        yield count("cup", 5).encode()

    ask = Ask(FEED, Kind.STOCK, Mode.ABSOLUTE, dry_run=False, key="k", fingerprint=b"absoluteFalse")
    running = asyncio.create_task(imports.take_in(shop.pool, ask, slow()))
    await until(shop, applied=0)
    with pytest.raises(IdempotencyInFlight):
        await take_in(shop, COUNTS + count("tea", 6), key="k")
    await shop.pool.execute("update import set updated_at = now() - interval '2 minutes'")
    async with shop.pool.acquire() as db:
        lost = await imports.find(db, await db.fetchval("select id from import"))
    assert lost.state == "failed"
    assert (await take_in(shop, COUNTS + count("tea", 7), key="k")).state == "done"
    go_on.set()
    with pytest.raises(IdempotencyInFlight):  # the dead one was not dead, and writes no more
        await running
    assert await units(shop) == {"lyon/tea": 7}


DOOMED = """
import asyncio, sys
from pathlib import Path
from service import imports
from service.callers import Caller
from service.database import open_pool
from service.import_runs import Ask
from service.models.imports import Kind, Mode

async def main(url, path):
    pool = await open_pool(url, size=2, name="doomed")
    ask = Ask(Caller("key:feed"), Kind.STOCK, Mode.ABSOLUTE, False, "k", b"absoluteFalse")
    await imports.take_in(pool, ask, imports._read(Path(path), None))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_that_is_killed_midway_leaves_what_it_told_and_the_file_is_repeated(
    shop: Shop, database_url: str, tmp_path: Path
) -> None:
    skus = [f"sku-{n:04}" for n in range(3 * import_runs.BATCH)]
    await shop.pool.execute("insert into item (sku, name) select s, s from unnest($1::text[]) s", skus)
    text = COUNTS + "".join(count(sku, 3) for sku in skus)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    doomed = await asyncio.create_subprocess_exec(sys.executable, "-c", DOOMED, database_url, pipe)
    with await asyncio.to_thread(pipe.open, "w") as file:
        await asyncio.to_thread(file.write, text[: -len(count(skus[0], 3)) * import_runs.BATCH // 2])
        await asyncio.to_thread(file.flush)
        await until(shop, applied=2 * import_runs.BATCH)
        doomed.kill()
        await doomed.wait()
    assert len(await units(shop)) == 2 * import_runs.BATCH
    assert await shop.pool.fetchval("select state from import") == "running"
    await shop.pool.execute("update import set updated_at = now() - interval '2 minutes'")
    again = await take_in(shop, text, key="k")
    assert (again.state, again.lines, again.applied) == ("done", len(skus), len(skus))
    assert set((await units(shop)).values()) == {3}
    assert await shop.pool.fetchval("select count(*) from movement") == len(skus)


async def test_a_database_that_goes_away_leaves_an_import_that_can_be_repeated(shop: Shop, database_url: str) -> None:
    own = await open_pool(database_url, size=1, name="away")
    own.terminate()
    ask = Ask(FEED, Kind.STOCK, Mode.ABSOLUTE, dry_run=False, key="k", fingerprint=b"x")
    with pytest.raises(Unavailable):
        await imports.take_in(own, ask, sent(COUNTS + count("tea", 5)))
    assert await units(shop) == {}
