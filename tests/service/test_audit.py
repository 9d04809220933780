"""Who changed what is written with the change, and sealed so that tampering shows."""

import asyncio

import asyncpg
import pytest

from service import audit, checks, keys, webhooks
from service.callers import OPERATOR, Caller, Scope
from service.database import Pool, connection, transaction
from service.sealing import Sealer
from tests.service.test_webhooks import OWNER, listen, relay
from tests.shop import Shop, prove, settings_for

ADMIN = Caller("key:admin", frozenset({Scope.ADMIN}))
PROMISE = "the history is as it was sealed"

UNLOCKED = "alter table audit disable trigger audit_is_immutable"

TAMPERED = {
    "update event set actor = 'key:somebody' where position = 2": "seal 1:",
    "update event set happened_at = happened_at + interval '1 second' where position = 7": "seal 2:",
    'update event set data = \'{"cause": "asked"}\' where position = 1': "seal 1:",
    "update event set position = -position where position = 6": "seal 2:",
    "delete from audit_seal where number = 2": "seal 3:",
    "delete from audit_seal where number = 1": "seal 2:",
    "update audit_seal set events_until = events_until + 1 where number = 1": "seal 1:",
    "update audit_seal set digest = sha256('x') where number = 2": "seal 2:",
    f"{UNLOCKED}; delete from audit where position = 1": "seal 1:",
    f"{UNLOCKED}; update audit set actor = 'key:x' where position = 2": "seal 2:",
}


@pytest.fixture
async def sealed(pool: Pool, database_url: str) -> Shop:
    """A shop with three seals on its history; not proved afterwards, for it is tampered with."""
    shop = Shop(pool, settings_for(database_url))
    await shop.stock("tea", 9)
    for _ in range(3):
        async with transaction(pool) as db:
            await audit.note(db, ADMIN, "store.changed", "lyon", store="lyon", facts={"active": True})
        await shop.collected("tea", 1)
        await relay(shop)
        assert await audit.seal(pool, "lyon", shop.links.sealer)
    return shop


async def found(shop: Shop, sealer: Sealer | None = None) -> list[tuple[str, str]]:
    """What a check finds: promise and subject."""
    async with connection(shop.pool) as db:
        rows = [*map(dict, await checks.differences(db)), *await audit.forged(db, sealer or shop.links.sealer)]
    return [(row["promise"], row["subject"]) for row in rows]


async def test_an_honest_history_is_clean_and_sealed_once(sealed: Shop) -> None:
    assert await found(sealed) == []
    assert await audit.unsealed(sealed.pool) == []
    assert await audit.seal(sealed.pool, "lyon", sealed.links.sealer) is None
    assert await sealed.pool.fetchval("select count(*) from audit_seal") == 3


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_tampering_shows_and_the_first_broken_seal_is_named(sealed: Shop, tampering: str) -> None:
    try:
        await sealed.pool.execute(tampering)
        named = [subject for promise, subject in await found(sealed) if promise == PROMISE]
        assert len(named) == 1
        assert named[0].startswith(TAMPERED[tampering])
    finally:
        await sealed.pool.execute("alter table audit enable trigger audit_is_immutable")


async def test_a_chain_made_anew_lacks_the_signature(sealed: Shop) -> None:
    await sealed.pool.execute("update event set actor = 'key:somebody' where position = 2")
    await sealed.pool.execute("delete from audit_seal")
    stranger = Sealer(("s" * 40,))
    while await audit.seal(sealed.pool, "lyon", stranger):
        pass
    assert await found(sealed) == [("seals are signed with a key of DATA_KEYS", "seal 1")]


async def test_the_moment_of_a_seal_is_signed_with_it(sealed: Shop) -> None:
    await sealed.pool.execute("update audit_seal set at = at - interval '1 microsecond' where number = 2")
    assert await found(sealed) == [("seals are signed with a key of DATA_KEYS", "seal 2")]


async def test_seals_of_before_they_were_dated_hold_also_under_a_new_key(sealed: Shop) -> None:
    old, both = sealed.links.sealer, Sealer(("n" * 40, "d" * 40))
    digest = await sealed.pool.fetchval("select digest from audit_seal where number = 2")
    await sealed.pool.execute("update audit_seal set signature = $1 where number = 2", old.sign(digest)[1])
    assert await found(sealed) == []
    async with connection(sealed.pool) as db:
        assert await audit.sign_anew(db, both) == 3
    assert await found(sealed, Sealer(("n" * 40,))) == []
    await sealed.pool.execute("update audit_seal set at = now() where number in (1, 2)")
    assert await found(sealed, both) == [("seals are signed with a key of DATA_KEYS", "seal 1")]


async def test_seals_that_were_taken_away_are_missed_after_a_day(sealed: Shop) -> None:
    await sealed.pool.execute("update event set at = at - interval '2 days'")
    await sealed.pool.execute("delete from audit_seal")
    assert ("history is sealed within a day", "seals") in await found(sealed)


async def test_what_people_wrote_may_be_forgotten_without_breaking_a_seal(sealed: Shop) -> None:
    held = await sealed.hold("tea", 1)
    await sealed.cancel(held, reason="Zoé has no time")
    await relay(sealed)
    await audit.seal(sealed.pool, "lyon", sealed.links.sealer)
    await sealed.pool.execute("update event set data = data - 'reason'")
    assert await found(sealed) == []


async def test_many_sealers_put_on_one_chain(sealed: Shop) -> None:
    for _ in range(5):
        await sealed.hold("tea", 1)
        await relay(sealed)
        await asyncio.gather(*(audit.seal(sealed.pool, "lyon", sealed.links.sealer) for _ in range(6)))
    assert await found(sealed) == []


async def test_what_commits_late_is_under_a_later_seal(sealed: Shop) -> None:
    async with transaction(sealed.pool) as late:
        await audit.note(late, ADMIN, "store.changed", "lyon", store="lyon")
        async with transaction(sealed.pool) as db:
            await audit.note(db, ADMIN, "store.changed", "lyon", store="lyon", facts={"second": True})
        assert await audit.seal(sealed.pool, "lyon", sealed.links.sealer)
    assert await audit.unsealed(sealed.pool) == ["lyon"]
    assert await audit.seal(sealed.pool, "lyon", sealed.links.sealer)
    assert await found(sealed) == []


@pytest.mark.parametrize("statement", ["update audit set actor = 'x'", "delete from audit"])
async def test_lines_of_audit_are_never_changed(sealed: Shop, statement: str) -> None:
    with pytest.raises(asyncpg.PostgresError, match="never changed or deleted"):
        await sealed.pool.execute(statement)


async def test_the_line_is_written_with_the_change_or_not_at_all(shop: Shop) -> None:
    async def make_and_fail() -> None:
        async with transaction(shop.pool) as db:
            await keys.create(db, "x", [Scope.ADMIN], caller=ADMIN)
            raise LookupError

    with pytest.raises(LookupError):
        await make_and_fail()
    assert await shop.pool.fetchval("select count(*) from audit") == 0
    async with transaction(shop.pool) as db:
        key, _ = await keys.create(db, "x", [Scope.ADMIN], caller=ADMIN)
        await keys.revoke(db, key.id, caller=OPERATOR)
    endpoint, _ = await listen(shop)
    async with transaction(shop.pool) as db:
        await webhooks.remove(db, endpoint.id, caller=OWNER)
    rows = await shop.pool.fetch("select actor, action, subject from audit order by seq")
    assert [tuple(row) for row in rows] == [
        ("key:admin", "key.created", key.id),
        ("operator", "key.revoked", key.id),
        (OWNER.credential, "webhook.created", str(endpoint.id)),
        (OWNER.credential, "webhook.removed", str(endpoint.id)),
    ]
    await prove(shop.pool)
