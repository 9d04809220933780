"""Two APIs and two workers under a nemesis: what was acknowledged is so, each message went out once, all adds up."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from demo.programs import ROOT
from service import checks
from service.database import Pool, open_pool
from tests.ordeal.conftest import SEED
from tests.ordeal.customers import Crowd
from tests.ordeal.linear import explain
from tests.ordeal.nemesis import Nemesis
from tests.ordeal.world import Caller, new_key
from tests.shop import Shop, settings_for
from tests.workers.conftest import Mailbox, MailServer

SECONDS = float(os.environ.get("ORDEAL_SECONDS", "120"))
PER_SECOND = float(os.environ.get("ORDEAL_PER_SECOND", "50"))
HOT = [f"hot-{n}" for n in range(8)]  # few units each: fought for, and judged
PLENTY = [f"plenty-{n}" for n in range(8)]
FEW = max(4, int(SECONDS * PER_SECOND / 120))
UNITS = dict.fromkeys(HOT, FEW) | dict.fromkeys(PLENTY, 100_000)
SETTLE = 240  # seconds: a message whose sender died waits for its lease, which is a minute, perhaps twice

pytestmark = [pytest.mark.ordeal, pytest.mark.timeout(int(SECONDS) + SETTLE + 180)]


class Aftermath(NamedTuple):
    """What is left when everything is quiet again."""

    nemesis: Nemesis
    crowd: Crowd
    mailbox: Mailbox
    pool: Pool


@pytest.fixture(scope="module")
async def aftermath(scratch: Path) -> AsyncIterator[Aftermath]:
    """The evening itself; the tests then look at what is left of it."""
    server = MailServer(Mailbox())
    server.start()
    chance = random.Random(SEED)
    nemesis = Nemesis(scratch / "nemesis", server.url, chance)
    try:
        await nemesis.open()
        pool = await open_pool(nemesis.database_url, size=4, name="ordeal")
        shop = Shop(pool, settings_for(nemesis.database_url))
        for sku, units in UNITS.items():
            await shop.stock(sku, units)
        async with Caller(await new_key(pool)) as caller:
            crowd = Crowd(caller, nemesis.urls, random.Random(SEED + 1))
            keeping = asyncio.create_task(nemesis.keep_running())
            raging = asyncio.create_task(nemesis.rage(SECONDS))
            await crowd.come([*HOT, *HOT, *PLENTY], seconds=SECONDS, per_second=PER_SECOND)
            await raging
            await quiet(pool)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        write_down(nemesis, crowd)
        yield Aftermath(nemesis, crowd, server.mailbox, pool)
        await pool.close()
    finally:
        await nemesis.close()
        server.stop()


async def quiet(pool: Pool) -> None:
    """Wait until everything was told, by the workers themselves, in their own time."""
    for _ in range(SETTLE):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if not await pool.fetchval(
                "select (select count(*) from event where position is null) + (select count(*) from notification"
                " where state in ('pending', 'sending') or (state = 'unknown' and next_attempt_at is not null))"
            ):
                return
        await asyncio.sleep(1)
    raise AssertionError("something is still to be done")


def write_down(nemesis: Nemesis, crowd: Crowd) -> None:
    """Keep what was done and what was told, for whoever has to find out why."""
    folder = ROOT / ".cache" / "ordeal"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"seed": SEED, "done": nemesis.done, "restarts": nemesis.restarts, "told": crowd.log, "heard": crowd.heard}
    (folder / "nemesis.json").write_text(json.dumps(facts))


Seen = Callable[[str], None]


async def test_every_acknowledged_reservation_exists_as_it_was_acknowledged(aftermath: Aftermath, seen: Seen) -> None:
    nemesis, crowd, _, pool = aftermath
    rows = await pool.fetch("select id, order_ref, state from reservation")
    found = {row["order_ref"]: (str(row["id"]), row["state"]) for row in rows}
    assert len(found) == len(rows), "one order, one reservation"
    acknowledged = {ref: (crowd.ids[ref], state) for ref, state in crowd.states.items() if state != "unknown"}
    assert {ref: found.get(ref) for ref in acknowledged} == acknowledged
    asked = {one.ref for one in crowd.log}
    assert found.keys() <= asked, "and nobody got what they did not ask for"
    kinds = Counter(harm.what.split(",")[0].split(" for ")[0].rstrip("()0123456789 ") for harm in nemesis.done)
    assert {"SIGKILL", "SIGSTOP"} <= {kind.split()[0] for kind in kinds}
    seen(
        f"{len(nemesis.done)} harms in {SECONDS:.0f} s ({sum(nemesis.restarts.values())} restarts), {len(crowd.log)}"
        f" questions, {len(acknowledged)} reservations acknowledged: all there, in the state that was told"
    )


async def test_callers_heard_nothing_worse_than_come_again(aftermath: Aftermath, seen: Seen) -> None:
    crowd = aftermath.crowd
    assert [heard.body for heard in crowd.surprises] == []
    lost = sum(1 for one in crowd.log if one.status == 0)
    assert lost <= len(crowd.log) // 100
    heard = ", ".join(f"{number} x {what}" for what, number in sorted(crowd.heard.items()))
    seen(f"heard: {heard}; {lost} questions never answered")


async def test_every_message_went_out_once(aftermath: Aftermath, seen: Seen) -> None:
    _, _, mailbox, pool = aftermath
    rows = await pool.fetch("select id, state, doubts, reason from notification where channel = 'email'")
    times = Counter(ref.strip("<>").split("@")[0] for ref in mailbox.refs)
    states = Counter(row["state"] for row in rows)
    assert states.keys() <= {"accepted", "suppressed", "unknown"}, states
    accepted = {str(row["id"]) for row in rows if row["state"] == "accepted"}
    left = {str(row["id"]) for row in rows if row["state"] == "unknown"}
    assert accepted <= times.keys(), "what is recorded as sent was sent"
    assert times.keys() <= accepted | left, "and nothing else"
    doubtful = {str(row["id"]) for row in rows if row["doubts"]}
    twice = {ref for ref, number in times.items() if number > 1}
    assert twice <= doubtful, "a second time only where a doubt is on record, under the same Message-ID"
    assert len(left) <= len(rows) // 50
    seen(f"{len(accepted)} messages sent; {len(twice)} twice under one Message-ID, {len(left)} left as doubts")


async def test_every_confirmed_order_was_told_so(aftermath: Aftermath, seen: Seen) -> None:
    _, crowd, _, pool = aftermath
    rows = await pool.fetch(
        "select r.order_ref, n.state from notification n join reservation r on r.store_id = n.store_id"
        " and r.id = n.reservation_id where n.kind = 'confirmed'"
    )
    told = Counter(row["order_ref"] for row in rows)
    confirmed = {ref for ref, state in crowd.states.items() if state not in {"held", "unknown"}}
    assert {ref: told[ref] for ref in confirmed} == dict.fromkeys(confirmed, 1)
    standing = {ref for ref, state in crowd.states.items() if state == "confirmed"}
    assert {row["state"] for row in rows if row["order_ref"] in standing} <= {"accepted", "unknown"}
    seen(f"{len(confirmed)} orders were confirmed: one message each")


async def test_the_ledger_is_clean(aftermath: Aftermath, seen: Seen) -> None:
    async with aftermath.pool.acquire() as db:
        assert [dict(row) for row in await checks.differences(db)] == []
    seen("`manage check`: every unit is accounted for")


async def test_each_position_can_have_happened_one_after_the_other(aftermath: Aftermath, seen: Seen) -> None:
    _, crowd, _, pool = aftermath
    rows = await pool.fetch("select order_ref, state from reservation")
    exist, cancelled = {r["order_ref"] for r in rows}, {r["order_ref"] for r in rows if r["state"] == "cancelled"}
    sizes = Counter[str]()
    for sku in UNITS:
        history = crowd.history(sku, exist, cancelled)
        assert explain(UNITS[sku], history) is not None, f"{sku}: no order explains what was told"
        sizes["told"] += len(history)
        sizes["refused"] += sum(not one.done for one in history)
    assert sizes["refused"] > 0
    seen(f"{sizes['told']} holds and cancellations of {len(UNITS)} positions, {sizes['refused']} refused: linearizable")


async def test_no_wrong_clock_released_a_hold(aftermath: Aftermath, seen: Seen) -> None:
    expired = await aftermath.pool.fetchval("select count(*) from reservation where state = 'expired'")
    late = await aftermath.pool.fetchval(
        "select count(*) from event where abs(extract(epoch from at - happened_at)) > 60"
    )
    assert (expired, late) == (0, 0)
    seen("an API 5 minutes fast, a worker 10 minutes slow: no hold of 15 minutes released, no event misdated")
