"""The checker can't be talked round: whatever is tampered with, it names it."""

import re

import pytest

from service import audit, checks, events
from service.database import Pool
from tests.shop import Shop, prove, settings_for

TAMPERED = {
    "update position set reserved = reserved - 1 where reserved > 0": "reserved is the claims on the position",
    "update position set on_hand = on_hand + 1": "a position is the sum of its movements",
    "update position set shortfall = shortfall + 1": "shortfall is what is missing",
    "update reservation_line set short = short + 1 where collected = 0": "reserved is the claims on the position",
    "update reservation set state = 'cancelled'": "the history tells the state",
    "update reservation set version = version + 1": "the history tells the state",
    "update slot set taken = 0": "slots taken are the reservations in them",
    "delete from notification; delete from delivery; delete from event where version = 2":
        "each step starts where the last one led",
    "update stream set position = position + 7": "positions in the stream have no gap",
    "update reservation set ended_at = now()": "an end leaves no claim",
    "update reservation_line set collected = collected - 1 where collected > 0": "an end leaves no claim",
    "delete from reservation_line; delete from reservation where order_ref = 'kept'": "a key made one reservation",
    "update idempotency set body = (select body from idempotency where status = 201 limit 1)":
        "a key made one reservation",
    "update notification set kind = 'expired'": "a message tells what happened, once",
    "update notification set reservation_id = new_id()": "a message tells what happened, once",
    "update event set position = null where type = 'reservation.ready'": "a message tells what happened, once",
    "delete from notification": "nobody is left untold",
    """delete from notification; insert into message_policy (store_id, policy) values ('', '{"quiet_hours": {}}')""":
        "nobody is left untold",
    "update delivery set message_id = new_id()": "a delivery tells what happened, once",
    "update delivery set body = '{}'": "a body tells what happened, to all the same",
    "update delivery set body = body || ' ' where id = (select max(id::text)::uuid from delivery)":
        "a body tells what happened, to all the same",
    "delete from delivery": "no endpoint is left untold",
    "update notification set next_attempt_at = now() + interval '10 years'": "every wait has an end",
    "update delivery set state = 'sending', lease_until = now() + interval '10 years'": "every wait has an end",
    "update notification set next_attempt_at = now() - interval '2 hours'": "nothing is held by the dead",
    "update delivery set next_attempt_at = now() - interval '2 hours'": "nothing is held by the dead",
    "update reservation set hold_expires_at = now() - interval '2 hours'": "nothing is held by the dead",
    "update notification set state = 'sending', lease_until = now() - interval '1 hour'":
        "nothing is held by the dead",
    "update delivery set state = 'sending', lease_until = now() - interval '1 hour'": "nothing is held by the dead",
    "update event set position = null, at = now() - interval '1 hour'": "nothing is held by the dead",
    "update event set actor = 'key:somebody-else'": "the history is as it was sealed",
}  # fmt: skip

UNGUARDED = {
    "never_oversold": (
        "alter table position drop constraint never_oversold; update position set reserved = 99",
        "nothing is oversold",
    ),
    "order_has_one_standing_reservation": (
        "drop index order_has_one_standing_reservation; update reservation set order_ref = 'same'",
        "one order, one reservation, one code",
    ),
    "pickup_code_opens_one_reservation": (
        "drop index pickup_code_opens_one_reservation; update reservation set pickup_code = '222222'",
        "one order, one reservation, one code",
    ),
    "message_is_sent_once": (
        (
            "alter table notification drop constraint message_is_sent_once;"
            " update notification set event_seq = (select min(event_seq) from notification)"
        ),
        "a message tells what happened, once",
    ),
    "delivery_is_owed_once": (
        (
            "alter table delivery drop constraint delivery_is_owed_once;"
            " update delivery set event_seq = (select min(event_seq) from delivery)"
        ),
        "a delivery tells what happened, once",
    ),
    "notification_is_never_in_limbo": (
        (
            "alter table notification drop constraint notification_is_never_in_limbo;"
            " update notification set next_attempt_at = null"
        ),
        "a message is never in limbo",
    ),
    "step_is_lawful": (
        (
            "alter table event drop constraint step_is_lawful;"
            " update event set target = 'returned' where action = 'collect'; update reservation set state = 'returned'"
        ),
        "every step is lawful",
    ),
    "movement_is_immutable": ("alter table movement disable trigger movement_is_immutable", "the ledger is sealed"),
    "movement_is_immutable, gone": ("drop trigger movement_is_immutable on movement", "the ledger is sealed"),
}
"""What can't be falsified while the schema keeps its guard: without it, the check still names it."""


@pytest.fixture
async def busy(pool: Pool, database_url: str) -> Shop:
    """A shop with something of everything; not proved afterwards, for it is tampered with."""
    shop = Shop(pool, settings_for(database_url))
    await shop.store(slots={"minutes": 60, "capacity": 2})
    await shop.stock("tea", 10)
    slot = await pool.fetchval("select date_trunc('hour', now()) + interval '1 day'")
    await shop.take("pick", await shop.confirm(await shop.hold("tea", 2, slot=slot.isoformat())))
    await shop.collected("tea", 2)
    await shop.ready("tea", 1, order_ref="kept")
    await shop.hold("tea", 1)
    await pool.execute(
        "insert into webhook_endpoint (id, url, secret, created_by, updated_at)"
        " select new_id(), 'https://merchant.example', 's', 'key:owner', now() - interval '1 day'"
        "   from generate_series(1, 2)"
    )
    [store] = await events.waiting_stores(pool)
    await events.relay(pool, store)
    await audit.seal(pool, store, shop.links.sealer)
    await pool.execute("insert into worker (id, host, started_at) values (new_id(), 'w', now() - interval '1 day')")
    return shop


async def test_an_honest_shop_is_clean(busy: Shop) -> None:
    await prove(busy.pool)


HONEST = {
    "what a policy does not send": """
        insert into message_policy (store_id, policy)
        values ('', '{"rules": [{"kind": "confirmed", "channel": "email", "send": "never"}]}');
        delete from notification where kind = 'confirmed'""",
    "what a policy may not have sent before it was changed": """
        insert into message_policy (store_id, policy, version) values ('', '{}', 2); delete from notification""",
    "a long line that moves": """
        update notification set next_attempt_at = now() - interval '2 hours';
        update delivery set next_attempt_at = now() - interval '2 hours';
        update notification set state = 'accepted', next_attempt_at = null, updated_at = now() + interval '1 second'
         where id in (select max(id::text)::uuid from notification group by channel);
        update delivery set state = 'delivered', next_attempt_at = null, updated_at = now() + interval '1 second'
         where id in (select max(id::text)::uuid from delivery group by endpoint_id)""",
    "an endpoint that asked for rest": """
        update delivery set next_attempt_at = now() - interval '2 hours';
        update webhook_endpoint set rest_until = now() + interval '20 hours'""",
    "what was due when there was no worker": """
        update worker set started_at = now() - interval '30 minutes';
        update notification set next_attempt_at = now() - interval '2 hours';
        update delivery set next_attempt_at = now() - interval '2 hours'""",
}


@pytest.mark.parametrize("honest", HONEST)
async def test_what_only_looks_broken_is_no_difference(busy: Shop, honest: str) -> None:
    await busy.pool.execute(HONEST[honest])
    await prove(busy.pool)


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_tampering_is_found_and_named(busy: Shop, tampering: str) -> None:
    await busy.pool.execute(tampering)
    async with busy.pool.acquire() as db:
        found = await checks.differences(db)
    assert TAMPERED[tampering] in {row["promise"] for row in found}
    assert all(row["store"] == "lyon" and row["subject"] for row in found)


@pytest.mark.parametrize("guard", UNGUARDED)
async def test_what_the_schema_guards_is_found_without_it_too(busy: Shop, guard: str) -> None:
    tampering, promise = UNGUARDED[guard]
    async with busy.pool.acquire() as db:
        attempt = db.transaction()
        await attempt.start()
        await db.execute(tampering)
        rows = await checks.seen_now(db)
        await attempt.rollback()
    assert promise in {row["promise"] for row in rows}


def test_every_promise_was_seen_to_be_broken() -> None:
    promised = {found for query in checks.SQL.values() for found in re.findall(r"'([^']+)' as promise", query.sql)}
    seen = {*TAMPERED.values(), *(promise for _, promise in UNGUARDED.values())}
    assert promised == seen


async def test_an_unlawful_step_cannot_be_recorded(busy: Shop) -> None:
    with pytest.raises(Exception, match="step_is_lawful"):
        await busy.pool.execute("update event set source = 'collected' where action = 'pick'")


@pytest.mark.parametrize("statement", ["update movement set reserved_change = 0", "delete from movement"])
async def test_the_ledger_is_never_changed(busy: Shop, statement: str) -> None:
    with pytest.raises(Exception, match="never changed or deleted"):
        await busy.pool.execute(statement)
