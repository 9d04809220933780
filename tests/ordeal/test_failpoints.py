"""A process dies at every place between two effects: afterwards each effect is there once, and everything adds up."""

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from demo.programs import ROOT
from service import failpoints
from service.failpoints import PLACES, Failpoint
from tests.ordeal.conftest import Start
from tests.ordeal.world import Api, Caller, Heard, Worker, order
from tests.service.files import COUNTS, count
from tests.service.test_webhooks import listen
from tests.shop import Shop
from tests.workers.conftest import until
from tests.workers.receiver import Receiver, receiving

Seen = Callable[[str], None]
Asking = Callable[[str], Awaitable[Heard]]

IN_MINUTES = {"hold_committed", "once_kept", "message_taken"}  # the others take their time: `make ordeal` has it


def test_every_place_is_reached_from_one_line() -> None:
    code = "\n".join(file.read_text() for room in ("service", "workers") for file in (ROOT / room).rglob("*.py"))
    assert sorted(re.findall(r'failpoints\.reached\("(\w+)"\)', code)) == sorted(PLACES)


def test_every_place_is_tried() -> None:
    assert {*API_PLACES, *IMPORT_PLACES, *WORKER_PLACES, *WEBHOOK_PLACES} == PLACES.keys()


def test_nothing_is_armed_unless_somebody_says_so() -> None:
    assert {} == failpoints.ARMED
    assert failpoints.reached is failpoints._pass_by


def test_what_is_to_happen_is_read_or_refused() -> None:
    assert failpoints.read("step_written=crash, message_begun=sleep:2,import_noted=raise@3") == {
        "step_written": Failpoint("crash"),
        "message_begun": Failpoint("sleep", 2),
        "import_noted": Failpoint("raise", 0, 3),
    }
    for wrong in ("nowhere=crash", "step_written=dance", "step_written"):
        with pytest.raises(ValueError, match="is no failpoint"):
            failpoints.read(wrong)


def places(*named: str) -> pytest.MarkDecorator:
    """One test for each, of which `make test` runs a few."""
    marks = {True: (), False: (pytest.mark.ordeal,)}
    return pytest.mark.parametrize("place", [pytest.param(one, marks=marks[one in IN_MINUTES]) for one in named])


class Scene(NamedTuple):
    """What is asked, at which address, and what has to be so once it was answered."""

    path: str
    body: dict[str, Any]
    status: int
    reserved: int
    events: list[str]


async def holding(_shop: Shop) -> Scene:
    return Scene("/v1/stores/lyon/reservations", order("o"), 201, 1, ["reservation.held"])


async def confirming(shop: Shop) -> Scene:
    held = await shop.hold("tea", 1)
    path = f"/v1/stores/lyon/reservations/{held['id']}/confirm"
    return Scene(path, {}, 200, 1, ["reservation.held", "reservation.confirmed"])


async def buying_what_expired(shop: Shop) -> Scene:
    await shop.age(await shop.hold("tea", 5))
    events = ["reservation.held", "stock.out", "reservation.expired", "reservation.held"]
    return Scene("/v1/stores/lyon/reservations", order("o"), 201, 1, events)


async def asking_differently(shop: Shop) -> Scene:
    await shop.hold("tea", 2, order_ref="o")
    return Scene("/v1/stores/lyon/reservations", order("o"), 409, 2, ["reservation.held"])


API_PLACES: dict[str, Callable[[Shop], Awaitable[Scene]]] = {
    "hold_asked": holding,
    "hold_committed": holding,
    "due_expired": buying_what_expired,
    "refusal_decided": asking_differently,
    "step_locked": confirming,
    "step_written": confirming,
    "once_written": confirming,
    "once_kept": confirming,
    "once_committed": confirming,
}


async def dies_at(place: str, api: Api, asking: Asking) -> None:
    """Ask the one that dies there: no answer comes, and it was a violent death."""
    first = await asking(api.url)
    assert first.status == 0, f"{place} was not reached: {first}"
    assert await api.ended() == -signal.SIGKILL


@places(*API_PLACES)
async def test_an_api_dies_and_the_same_key_finds_one_effect(
    shop: Shop, caller: Caller, start: Start, healthy: Api, place: str, seen: Seen
) -> None:
    await shop.stock("tea", 5)
    scene = await API_PLACES[place](shop)

    async def asking(url: str) -> Heard:
        return await caller.ask(url + scene.path, once="the-key", json=scene.body)

    doomed = await start(Api, COMPTOIR_FAILPOINTS=f"{place}=crash")
    assert isinstance(doomed, Api)
    await dies_at(place, doomed, asking)
    again, once_more = await asking(healthy.url), await asking(healthy.url)
    assert (again.status, once_more.status) == (scene.status, scene.status)
    assert once_more.headers["Idempotency-Replayed"] == "true"
    assert (await shop.position("tea"))["reserved"] == scene.reserved
    assert await shop.events() == scene.events
    found = "its effect" if again.headers.get("Idempotency-Replayed") else "nothing done, and did it"
    seen(f"killed where {PLACES[place]}; the same key found {found}")


IMPORT_PLACES = ("import_applied", "import_noted", "import_committed")


@places(*IMPORT_PLACES)
async def test_an_api_dies_during_an_import_and_the_file_is_sent_again(
    shop: Shop, caller: Caller, start: Start, healthy: Api, place: str, seen: Seen
) -> None:
    skus = [f"sku-{n:04}" for n in range(1200)]
    await shop.store()
    await shop.pool.execute("insert into item (sku, name) select s, s from unnest($1::text[]) s", skus)
    file = (COUNTS + "".join(count(sku, 3) for sku in skus)).encode()

    async def asking(url: str) -> Heard:
        return await caller.ask(f"{url}/v1/stock/imports", once="file", data=file, headers={"Content-Type": "text/csv"})

    doomed = await start(Api, COMPTOIR_FAILPOINTS=f"{place}=crash@2")
    assert isinstance(doomed, Api)
    await dies_at(place, doomed, asking)
    half = await shop.pool.fetchval("select count(*) from position where on_hand = 3")
    early = await asking(healthy.url)
    assert (early.status, early.code) == (409, "idempotency_in_flight")
    await shop.pool.execute("update import set updated_at = now() - interval '2 minutes'")
    again = await asking(healthy.url)
    assert (again.status, again.body["state"], again.body["lines"], again.body["applied"]) == (202, "done", 1200, 1200)
    assert await shop.pool.fetchval("select count(*) from movement") == 1200
    seen(f"killed where {PLACES[place]}: {half} of 1200 lines were there; sent again, each line counts once")


async def settled(shop: Shop) -> bool:
    """Whether everything was told."""
    return not await shop.pool.fetchval(
        "select (select count(*) from event where position is null)"
        " + (select count(*) from notification where state in ('pending', 'sending', 'unknown'))"
        " + (select count(*) from delivery where state in ('pending', 'sending'))"
        " + (select count(*) from reservation where state = 'held' and due_at < now())"
    )


async def leases_run_out(shop: Shop) -> None:
    """Move the rows, not the clock: whoever had something in hand was not heard of for a minute."""
    for table in ("notification", "delivery"):
        await shop.pool.execute(
            f"update {table} set lease_until = now(), next_attempt_at = now() where state = 'sending'"
        )


WORKER_PLACES = (
    "clock_struck",
    "events_placed",
    "events_owed",
    "events_relayed",
    "message_claimed",
    "message_begun",
    "message_taken",
    "message_recorded",
)


async def evening(shop: Shop, number: int) -> None:
    """Orders that were confirmed, and as many holds that nobody paid."""
    await shop.stock("tea", 1000)
    for n in range(number):
        paid = await shop.hold("tea", 1, customer={"name": f"C {n}", "email": f"paid{n}@atelier.example"})
        await shop.confirm(paid)
        await shop.age(await shop.hold("tea", 1, customer={"name": f"U {n}", "email": f"unpaid{n}@atelier.example"}))


@places(*WORKER_PLACES)
async def test_a_worker_dies_and_each_message_goes_out_once(shop: Shop, start: Start, place: str, seen: Seen) -> None:
    await evening(shop, 6)
    doomed = await start(Worker, COMPTOIR_FAILPOINTS=f"{place}=crash")
    assert await asyncio.wait_for(doomed.ended(), 30) == -signal.SIGKILL
    await leases_run_out(shop)
    await start(Worker)
    await until(lambda: settled(shop))
    rows = await shop.pool.fetch("select recipient, sendings from captured_message")
    wanted = {f"{who}{n}@atelier.example" for who in ("paid", "unpaid") for n in range(6)}
    assert sorted(row["recipient"] for row in rows) == sorted(wanted)
    twice = sum(row["sendings"] - 1 for row in rows)
    assert twice == 0
    assert (await shop.position("tea"))["reserved"] == 6
    seen(f"killed where {PLACES[place]}: 12 messages to 12 people, {twice} of them twice; 6 holds expired once")


WEBHOOK_PLACES = ("delivery_claimed", "delivery_answered")


@places(*WEBHOOK_PLACES)
async def test_a_worker_dies_and_each_webhook_arrives_under_its_id(
    shop: Shop, start: Start, place: str, seen: Seen
) -> None:
    async with receiving() as receiver:
        await listen(shop, receiver.url)
        await evening(shop, 6)
        doomed = await start(Worker, COMPTOIR_FAILPOINTS=f"{place}=crash")
        assert await asyncio.wait_for(doomed.ended(), 30) == -signal.SIGKILL
        await leases_run_out(shop)
        await start(Worker)
        await until(lambda: settled(shop))
        await every_event_arrived(shop, receiver)
        twice = len(receiver.seen) - len({one.id for one in receiver.seen})
        seen(f"killed where {PLACES[place]}: {len(receiver.seen)} requests, {twice} of them a second time, same id")


async def every_event_arrived(shop: Shop, receiver: Receiver) -> None:
    """Each event at least once, and the same bytes under the same id."""
    ids = {str(row["id"]) for row in await shop.pool.fetch("select id from event")}
    assert {one.id for one in receiver.seen} == ids
    assert len({(one.id, one.body) for one in receiver.seen}) == len(ids)


@pytest.mark.ordeal
async def test_a_worker_that_stood_still_beyond_its_lease_does_no_harm(shop: Shop, start: Start, seen: Seen) -> None:
    await evening(shop, 6)
    slow = await start(Worker, COMPTOIR_FAILPOINTS="message_claimed=sleep:3")
    await until(lambda: shop.pool.fetchval("select count(*) > 0 from notification where state = 'sending'"))
    await leases_run_out(shop)
    await start(Worker)
    await until(lambda: settled(shop))
    await asyncio.sleep(3)
    assert slow.pid is not None
    assert await shop.pool.fetchval("select count(*) from captured_message where sendings = 1") == 12
    seen("a worker slept for longer than its lease with messages in hand: another sent them, it sent none")


@pytest.mark.ordeal
@pytest.mark.parametrize("place", ["message_begun", "message_taken", "events_owed", "message_claimed"])
async def test_what_nobody_expected_is_survived(shop: Shop, start: Start, place: str, seen: Seen) -> None:
    await evening(shop, 3)
    await start(Worker, COMPTOIR_FAILPOINTS=f"{place}=raise")

    async def so() -> bool:
        await leases_run_out(shop)
        await shop.pool.execute("update notification set next_attempt_at = now() where state in ('pending', 'unknown')")
        return await settled(shop)

    await until(so)
    assert await shop.pool.fetchval("select count(*) from captured_message where sendings = 1") == 6
    seen(f"an error raised where {PLACES[place]}: the same process went on, 6 messages went out once")
