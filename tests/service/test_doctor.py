"""The doctor: what it finds in a deployment that is well, in one that is not, and in none."""

import asyncpg
import pytest

from service import doctor, keys, migrations
from service.callers import Scope
from service.database import Pool, transaction
from service.doctor import Finding
from service.settings import Settings
from tests.service.test_webhooks import relay
from tests.shop import Shop, settings_for


async def findings(settings: Settings) -> dict[str, list[Finding]]:
    """All of them, by what they are about."""
    found: dict[str, list[Finding]] = {}
    async for finding in doctor.examine(settings):
        found.setdefault(finding.about, []).append(finding)
    return found


def states(found: dict[str, list[Finding]]) -> dict[str, str]:
    """The worst that was found of each."""
    return {
        about: max((one.state for one in several), key=["ok", "warn", "fail"].index) for about, several in found.items()
    }


async def seen(pool: Pool, ago: str = "1 second") -> None:
    """A worker was here."""
    await pool.execute("insert into worker (id, host, seen_at) values (new_id(), 'h', now() - $1::text::interval)", ago)


async def test_who_is_well_is_told_so(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 5)
    await seen(shop.pool)
    async with transaction(shop.pool) as db:
        await keys.create(db, "shop", [Scope.CHECKOUT], stores=None)
    found = states(
        await findings(settings_for(database_url, email_providers=("smtp",), smtp_url="smtp://localhost:1025"))
    )
    for about in ("postgresql", "migrations", "clock", "connections", "workers", "events", "holds", "keys", "redis"):
        assert found[about] == "ok", about
    assert found["durability"] == "fail", "the tests' server runs without fsync"
    assert found["public_url"] == "fail", "http://shop.example"


async def test_what_is_late_given_up_and_idle_is_found(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 5)
    await seen(shop.pool, "10 minutes")
    await shop.hold("tea", 1)
    await relay(shop)
    held = await shop.hold("tea", 1)
    await shop.age(held)
    await shop.pool.execute("update event set at = at - interval '2 hours'")
    await shop.pool.execute(
        "insert into key (id, secret_hash, name, scopes, created_at)"
        " values ('ABCDEFGHIJKL', '\\x00', 'old', '{admin}', now() - interval '500 days')"
    )
    await shop.pool.execute(
        "insert into notification (store_id, id, event_seq, reservation_id, kind, channel, locale, state)"
        " select store_id, new_id(), seq, reservation_id, 'held', 'sms', 'fr', 'failed' from event"
        " where reservation_id is not null and position is not null limit 1"
    )
    found = await findings(settings_for(database_url, allow_private_webhooks=True, log_level="debug"))
    told = states(found)
    assert {about for about, state in told.items() if state == "fail"} >= {"workers", "events", "holds"}
    assert {about for about, state in told.items() if state == "warn"} >= {"keys", "messages", "carriers", "webhooks"}
    for several in found.values():
        for one in several:
            assert one.says.endswith(".")
            assert bool(one.do) == (one.state != "ok")


async def test_a_schema_that_is_behind_is_a_failure_and_nothing_is_asked_of_it(pool: Pool, database_url: str) -> None:
    await pool.execute("delete from schema_migrations where version = $1", migrations.newest())
    try:
        found = states(await findings(settings_for(database_url)))
    finally:
        await pool.execute("insert into schema_migrations values ($1)", migrations.newest())
    assert found["migrations"] == "fail"
    assert "workers" not in found


async def test_an_open_transaction_is_found(pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLD_TRANSACTION_SECONDS", 0)
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.fetchval("select 1")
        assert states(await findings(settings_for(database_url)))["transactions"] == "warn"
    await other.close()


async def test_what_is_away_is_told_without_its_secrets() -> None:
    settings = settings_for("postgresql://me:s3cret@127.0.0.1:1/x", redis_url="redis://:s3cret@127.0.0.1:1/0")
    found = await findings(settings)
    assert (states(found)["postgresql"], states(found)["redis"]) == ("fail", "warn")
    assert "s3cret" not in repr(found)


async def test_a_pool_that_does_not_fit_is_a_failure(database_url: str) -> None:
    db = await asyncpg.connect(database_url)
    server = await doctor.SQL["server"].row(db)
    await db.close()
    assert server is not None
    most = server["connections"]
    assert doctor._connections(dict(server), most // 2 + 1).state == "fail"
    assert doctor._connections({"connections": most, "connected": most}, 2).state == "warn"
