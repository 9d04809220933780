"""Keys: made, recognised, revoked."""

import hashlib

import pytest

from service import keys
from service.callers import Caller, Scope
from service.database import Pool, transaction
from service.errors import InvalidRequest, Unauthorized, UnknownKey
from tests.shop import Shop

EVERYWHERE = Caller("key:root")


async def made(pool: Pool, *scopes: Scope, stores: list[str] | None = None) -> tuple[str, str]:
    """The id and the text of a new key."""
    async with transaction(pool) as db:
        key, text = await keys.create(db, "test", scopes or [Scope.CHECKOUT], stores=stores)
    return key.id, text


async def expire_belief(ring: keys.Keyring) -> None:
    """Let what the ring believes be six seconds old."""
    for living in ring._known.values():
        living.read_at -= keys.FRESH_SECONDS + 1


async def test_a_key_is_spelled_so_that_a_scanner_knows_it(pool: Pool) -> None:
    id, text = await made(pool)
    prefix, shown, secret, check = text.split("_")
    assert (prefix, shown, len(secret), len(check)) == ("ck", id, 43, 6)
    assert keys.read(text) == (id, secret)


@pytest.mark.parametrize("place", [3, 15, 20, 58, -1])
async def test_a_typo_is_noticed_without_the_database(place: int) -> None:
    text = keys.spell("A" * 12, "B" * 43)
    wrong = list(text)
    wrong[place] = "C"
    assert keys.read(text)
    assert keys.read("".join(wrong)) is None


async def test_the_secret_is_nowhere_in_the_database(pool: Pool) -> None:
    id, text = await made(pool)
    secret = text.split("_")[2]
    row = await pool.fetchrow("select key::text as everything, secret_hash from key where id = $1", id)
    assert row is not None
    assert secret not in row["everything"]
    assert row["secret_hash"] == hashlib.sha256(secret.encode()).digest()


async def test_a_key_says_who_calls(pool: Pool, shop: Shop) -> None:
    await shop.store("lyon")
    id, text = await made(pool, Scope.COUNTER, stores=["lyon"])
    caller = await keys.Keyring(pool).authenticate(text)
    assert caller == Caller(f"key:{id}", frozenset({Scope.COUNTER}), frozenset({"lyon"}))


async def test_another_secret_opens_nothing(pool: Pool) -> None:
    id, _ = await made(pool)
    with pytest.raises(Unauthorized):
        await keys.Keyring(pool).authenticate(keys.spell(id, "B" * 43))


async def test_nobody_holds_a_key_that_was_never_made(pool: Pool) -> None:
    with pytest.raises(Unauthorized):
        await keys.Keyring(pool).authenticate(keys.spell("A" * 12, "B" * 43))


async def test_a_revoked_key_opens_nothing_after_five_seconds(pool: Pool) -> None:
    id, text = await made(pool)
    ring = keys.Keyring(pool)
    await ring.authenticate(text)
    async with transaction(pool) as db:
        await keys.revoke(db, id, caller=EVERYWHERE)
    await expire_belief(ring)
    with pytest.raises(Unauthorized):
        await ring.authenticate(text)
    with pytest.raises(Unauthorized):
        await keys.Keyring(pool).authenticate(text)


async def test_a_key_revoked_twice_keeps_the_first_moment(pool: Pool) -> None:
    id, _ = await made(pool)
    async with transaction(pool) as db:
        first = await keys.revoke(db, id, caller=EVERYWHERE)
    async with transaction(pool) as db:
        again = await keys.revoke(db, id, caller=EVERYWHERE)
    assert again.revoked_at == first.revoked_at


async def test_use_is_written_down_once_a_minute(pool: Pool) -> None:
    id, text = await made(pool)
    used = "select last_used_at from key where id = $1"
    await keys.Keyring(pool).authenticate(text)
    first = await pool.fetchval(used, id)
    assert first is not None
    await keys.Keyring(pool).authenticate(text)
    assert await pool.fetchval(used, id) == first
    await pool.execute("update key set last_used_at = last_used_at - interval '2 minutes' where id = $1", id)
    await keys.Keyring(pool).authenticate(text)
    assert await pool.fetchval(used, id) > first


async def test_a_believed_key_asks_the_database_nothing(pool: Pool) -> None:
    _, text = await made(pool)
    ring = keys.Keyring(pool)
    caller = await ring.authenticate(text)
    await pool.execute("truncate key cascade")
    assert await ring.authenticate(text) == caller


async def test_a_caller_of_some_stores_sees_and_revokes_the_keys_of_those_alone(pool: Pool, shop: Shop) -> None:
    await shop.store("lyon")
    await shop.store("lille")
    lyon, _ = await made(pool, stores=["lyon"])
    lille, _ = await made(pool, stores=["lille"])
    everywhere, _ = await made(pool)
    caller = Caller("key:lyon", stores=frozenset({"lyon"}))
    async with transaction(pool) as db:
        assert [key.id for key in (await keys.listed(db, caller)).items] == [lyon]
        assert [key.id for key in (await keys.listed(db, EVERYWHERE)).items] == [lyon, lille, everywhere]
        for beyond in (lille, everywhere):
            with pytest.raises(UnknownKey):
                await keys.revoke(db, beyond, caller=caller)
        await keys.revoke(db, lyon, caller=caller)


async def test_the_list_goes_on_where_the_page_ended(pool: Pool) -> None:
    wanted = [(await made(pool))[0] for _ in range(5)]
    seen, after = [], None
    async with transaction(pool) as db:
        for _ in range(3):
            page = await keys.listed(db, EVERYWHERE, after=after, limit=2)
            seen += [key.id for key in page.items]
            after = page.next_cursor
    assert seen == wanted
    assert after is None


async def test_a_key_for_a_store_that_is_none_is_refused(pool: Pool) -> None:
    with pytest.raises(InvalidRequest, match="atlantis"):
        await made(pool, stores=["atlantis"])
