"""People are forgotten when their time is over or when they ask, and nothing else is."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from demo.servers import Postgres
from service import changes, clocks, privacy, replies, resealing, sendings, survey
from service.callers import Caller, Scope
from service.database import transaction
from service.errors import WrongState
from service.models.privacy import Erased, Exported, Known, PersonBody
from service.models.steps import ChangeBody
from service.models.survey import SurveyBody
from service.opt_outs import OptOuts
from service.replies import Written
from service.sealing import MARK, Sealer
from tests.service.test_sealing import PEOPLE, rows
from tests.service.test_webhooks import listen, owed, relay
from tests.shop import CLERK, Shop, prove, settings_for
from workers.upkeep import tidy

ADMIN = Caller("key:admin", frozenset({Scope.ADMIN}))
CANARIES = ("Canari", "zoe@", "980077", "980002", "Frères", "Sonnez", "zoe-77", "carte")


async def canary(shop: Shop) -> dict[str, Any]:
    """An order with everything personal there is, handed over, told about, and taken back with a word."""
    people = {**PEOPLE, "customer": {**PEOPLE["customer"], "customer_ref": "zoe-77"}}
    ready = await shop.ready("tea", 2, **people)
    done = await shop.collect(ready, checked_by="carte de Zoé Canari")
    done = await shop.take("undo", done, reason="Zoé Canari forgot her bag")
    done = await shop.collect(done)
    await relay(shop)
    await shop.pool.execute(
        "insert into captured_message"
        " (store_id, reservation_id, message_ref, channel, sender, recipient, locale, kind, body_text)"
        " values ('lyon', $1, 'r', 'sms', 's', '+33639980077', 'fr', 'ready', 'Canari')",
        done["id"],
    )
    async with transaction(shop.pool) as db:
        said = SurveyBody(score=9, comment="Zoé Canari is happy")
        await survey.answer(db, "lyon", UUID(done["id"]), said, links=shop.links)
    return done | {"pickup_code": ready["pickup_code"], "token": ready["pickup_url"].rpartition("/")[2]}


async def dump(postgres: Postgres) -> str:
    """All that a backup would hold."""
    process = await asyncio.create_subprocess_exec(
        *(postgres.programs / "pg_dump", "--data-only", "--dbname", postgres.url), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def age(shop: Shop, days: int = 31) -> None:
    """Everything ended so many days ago."""
    await shop.pool.execute("update reservation set ended_at = ended_at - make_interval(days => $1)", days)


async def erase(shop: Shop, *, caller: Caller = ADMIN, **person: Any) -> Erased:
    """Ask to be forgotten."""
    async with transaction(shop.pool) as db:
        return await privacy.erase(db, PersonBody(**person), caller=caller, links=shop.links)


async def test_after_thirty_days_nothing_personal_is_in_a_dump(shop: Shop, postgres: Postgres) -> None:
    await shop.stock("tea", 50)
    done = await canary(shop)
    before = await dump(postgres)
    assert all(word in before for word in ("Canari", "980077", done["pickup_code"]))
    counted = await shop.pool.fetchrow("select * from reservation_line")
    await age(shop, 29)
    await tidy(shop.pool, shop.settings)
    assert "Canari" in await dump(postgres)
    await age(shop, 2)
    while await tidy(shop.pool, shop.settings):
        pass
    after = await dump(postgres)
    assert [word for word in (*CANARIES, MARK, done["pickup_code"], done["token"]) if word in after] == []
    assert done["order_ref"] in after
    assert await shop.pool.fetchrow("select * from reservation_line") == counted
    await prove(shop.pool)


async def test_webhooks_that_named_a_customer_tell_what_happened_and_no_more_to_whom(shop: Shop) -> None:
    await listen(shop)
    await listen(shop, "https://crm.example/", format="cloudevents", fields=["name", "email"])
    await shop.stock("tea", 50)
    done = await canary(shop)
    about = "select count(*) filter (where personal), count(*) from delivery where subject = $1"
    named, told = await shop.pool.fetchrow(about, done["id"]) or (0, 0)
    assert named * 2 == told > 0
    await erase(shop, order_ref=done["order_ref"])
    assert tuple(await shop.pool.fetchrow(about, done["id"]) or ()) == (0, told)
    bodies = await shop.pool.fetch("select body from delivery")
    assert [word for word in CANARIES if word in str(bodies)] == []


async def test_a_webhook_sealed_anew_is_opened_to_the_same_bytes(shop: Shop) -> None:
    endpoint, _ = await listen(shop, fields=["email", "company"])
    await shop.stock("tea", 50)
    await shop.hold("tea", 1, **PEOPLE)
    await relay(shop)
    [before] = [row["body"] for row in await owed(shop, endpoint)]
    both = Sealer(("n" * 40, "d" * 40))
    async with shop.pool.acquire() as db:
        assert (await resealing.reseal(db, both))["webhooks"] == 1
    [after] = [row["body"] for row in await owed(shop, endpoint)]
    assert MARK in before
    assert before != after
    assert Sealer(("n" * 40,)).open(after) == both.open(before)
    assert PEOPLE["customer"]["email"] in both.open(before)


async def test_what_a_deployment_chooses_is_when_people_are_forgotten(shop: Shop, database_url: str) -> None:
    await shop.stock("tea", 5)
    await shop.collected("tea", 1)
    await age(shop, 4)
    await tidy(shop.pool, settings_for(database_url, forget_after_days=5))
    assert await shop.pool.fetchval("select customer_name from reservation") is not None
    await tidy(shop.pool, settings_for(database_url, forget_after_days=3))
    assert await shop.pool.fetchval("select customer_name from reservation") is None


async def test_open_orders_keep_their_people_however_old(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1)
    await shop.pool.execute("update reservation set created_at = now() - interval '1 year'")
    await tidy(shop.pool, shop.settings)
    assert await shop.pool.fetchval("select customer_name from reservation") is not None


@pytest.mark.parametrize(
    "by",
    [
        {"email": "ZOE@atelier.example"},
        {"phone": "+33 6 39 98 00 77"},
        {"customer_ref": "zoe-77"},
        {"order_ref": "A1"},
    ],
    ids=lambda by: next(iter(by)),
)
async def test_who_asks_is_forgotten_at_once_and_others_are_not(
    shop: Shop, postgres: Postgres, by: dict[str, Any]
) -> None:
    await shop.stock("tea", 50)
    people = {**PEOPLE, "customer": {**PEOPLE["customer"], "customer_ref": "zoe-77"}}
    done = await shop.collected("tea", 1, order_ref="A1", **people)
    other = await shop.collected("tea", 1)
    told = await erase(shop, **by)
    assert [one.id.hex for one in told.erased] == [done["id"].replace("-", "")]
    assert told.waiting == []
    left = await dump(postgres)
    assert [word for word in CANARIES if word in left] == []
    assert other["customer"]["name"] in left
    again = await erase(shop, **by)
    assert again == (told if "order_ref" in by else Erased(erased=[], waiting=[]))


async def test_words_written_after_somebody_was_forgotten_are_not_kept(shop: Shop, postgres: Postgres) -> None:
    await shop.stock("tea", 5)
    done = await shop.collected("tea", 1, order_ref="A1", **PEOPLE)
    await erase(shop, order_ref="A1")
    back = await shop.take("undo", done, reason="Zoé Canari forgot her bag")
    await shop.collect(back, checked_by="carte de Zoé Canari")
    assert [word for word in CANARIES if word in await dump(postgres)] == []
    await shop.pool.execute("update reservation set checked_by = 'carte de Zoé'")  # of before this was so
    assert len((await erase(shop, order_ref="A1")).erased) == 1
    assert await shop.pool.fetchval("select checked_by from reservation") is None


async def test_a_delegate_is_told_and_forgotten_and_the_customer_stays(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1, key="k1", **PEOPLE)
    await relay(shop)
    id, phone = UUID(ready["id"]), PEOPLE["delegate"]["phone"]
    for wrote in (phone, PEOPLE["customer"]["phone"]):
        await write_back(shop, wrote, "Merci")
    known, told = await told_of(shop, phone)
    assert known.reservation.delegate is not None
    assert (known.reservation.delegate.phone, {one.person for one in known.replies}) == (phone, {"delegate"})
    assert {one.person for one in known.messages} == {"delegate"}
    assert [word for word in ("Zoé", "zoe@", "980077", "Sonnez", ready["pickup_code"]) if word in told] == []
    assert [one.id for one in (await erase(shop, phone=phone)).erased] == [id]
    assert await shop.pool.fetchval("select coalesce(delegate_name, delegate_phone) from reservation") is None
    for left in ("notification where address is not null", "reply where body is not null"):
        assert {row["person"] for row in await shop.pool.fetch(f"select person from {left}")} == {"customer"}
    kept = await shop.hold("tea", 1, key="k1", order_ref=ready["order_ref"], **PEOPLE)
    assert (kept["customer"]["name"], kept["delegate"]) == ("Zoé Canari", None)
    assert await erase(shop, phone=phone) == Erased(erased=[], waiting=[])


async def test_of_two_delegates_each_is_told_and_forgotten_alone(shop: Shop) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1, **PEOPLE)
    await relay(shop)
    first, second = PEOPLE["delegate"]["phone"], "+33639980055"
    await write_back(shop, first, "Merci du premier")
    async with transaction(shop.pool) as db:
        other = ChangeBody.model_validate({"delegate": {"name": "Noé", "phone": second}})
        await changes.change(db, "lyon", UUID(ready["id"]), other, caller=CLERK, links=shop.links)
    known, told = await told_of(shop, first)
    assert (known.reservation.delegate, len(known.messages)) == (None, 1)
    assert ([one.body for one in known.replies], "Noé" in told) == (["Merci du premier"], False)
    known, _ = await told_of(shop, second)
    assert (known.messages, known.replies, known.reservation.delegate is not None) == ([], [], True)
    await erase(shop, phone=second)
    assert await shop.pool.fetchval("select body from reply") is not None
    assert len((await erase(shop, phone=first)).erased) == 1
    assert await shop.pool.fetchval("select body from reply") is None
    assert await shop.pool.fetchval("select max(address) from notification where person = 'delegate'") is None


async def write_back(shop: Shop, phone: str, text: str) -> None:
    async with transaction(shop.pool) as db:
        written = Written("twilio", phone, text)
        assert await replies.receive(db, written, links=shop.links, opt_outs=OptOuts(shop.settings))


async def told_of(shop: Shop, phone: str) -> tuple[Known, str]:
    """The one order of somebody, as it is exported."""
    async with transaction(shop.pool) as db:
        told = await privacy.export(db, PersonBody(phone=phone), caller=ADMIN, links=shop.links)
    [known] = Exported.model_validate_json(told).items
    return known, told


async def test_an_open_order_is_forgotten_after_its_end(shop: Shop) -> None:
    await shop.stock("tea", 50)
    ready = await shop.ready("tea", 1, **PEOPLE)
    for _ in range(2):
        told = await erase(shop, email="zoe@atelier.example")
        assert (told.erased, [one.state for one in told.waiting]) == ([], ["ready"])
    await tidy(shop.pool, shop.settings)
    assert await shop.pool.fetchval("select customer_name from reservation") == "Zoé Canari"
    await shop.collect(ready)
    await tidy(shop.pool, shop.settings)
    assert await shop.pool.fetchval("select customer_name from reservation") is not None, "an undo is still possible"
    await shop.pool.execute("update reservation set ended_at = ended_at - interval '61 minutes'")
    await tidy(shop.pool, shop.settings)
    assert await shop.pool.fetchval("select customer_name from reservation") is None


async def test_a_caller_of_one_store_reaches_that_store_only(shop: Shop) -> None:
    for store in ("lyon", "lille"):
        await shop.stock("tea", 5, store=store)
        await shop.collected("tea", 1, store=store, order_ref="A1", **PEOPLE)
    lille = Caller("key:lille", frozenset({Scope.ADMIN}), frozenset({"lille"}))
    assert [one.store for one in (await erase(shop, caller=lille, order_ref="A1")).erased] == ["lille"]
    assert await shop.pool.fetchval("select count(*) from reservation where customer_name is not null") == 1
    noted = await shop.pool.fetch("select store_id, actor, action from audit")
    assert [tuple(row) for row in noted] == [("lille", "key:lille", "privacy.erased")]


async def test_a_forgotten_customer_is_sent_nothing_and_not_revived(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1, **PEOPLE)
    await shop.cancel(await shop.confirm(await shop.hold("tea", 1, **PEOPLE)))
    await shop.age(held, timedelta(hours=5))
    await clocks.expire_due(shop.pool, "lyon")
    await relay(shop)
    await erase(shop, email="zoe@atelier.example")
    for channel in ("email", "sms"):
        for store, ids in (await sendings.due(shop.pool, channel, 10, carrier="smtp", carriers=["smtp"])).items():
            claimed, moot = await sendings.claim(
                shop.pool, store, ids, links=shop.links, opt_outs=OptOuts(shop.settings)
            )
            assert (claimed, moot) == ([], len(ids))
    with pytest.raises(WrongState, match="forgotten"):
        await shop.confirm(held)


async def test_a_replay_of_a_forgotten_order_tells_nothing_of_its_people(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1, key="k1", order_ref="A1", **PEOPLE)
    await shop.cancel(held)
    await erase(shop, order_ref="A1")
    again = await shop.hold("tea", 1, key="k1", order_ref="A1", **PEOPLE)
    assert (again["id"], again["replayed"], again["customer"]["name"]) == (held["id"], True, None)
    assert "Canari" not in await rows(shop)


async def test_a_new_key_takes_over_and_the_old_one_may_go(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1, key="k1", **PEOPLE)
    await shop.confirm(held)
    await relay(shop)
    await tidy(shop.pool, shop.settings)
    await shop.pool.execute(
        "insert into survey_answer (store_id, reservation_id, score, comment) values ('lyon', $1, 9, $2)",
        *(held["id"], shop.links.sealer.close("note", "Rapide", UUID(held["id"]))),
    )
    await shop.pool.execute(
        "insert into reply (store_id, id, reservation_id, channel, body) values ('lyon', new_id(), $1, 'sms', $2)",
        *(held["id"], shop.links.sealer.close("note", "Merci", UUID(held["id"]))),
    )
    both, only = Sealer(("n" * 40, "d" * 40)), Sealer(("n" * 40,))
    async with shop.pool.acquire() as db:
        done = await resealing.reseal(db, both)
        assert done == {
            "reservations": 1,
            "addresses": 1,
            "comments": 1,
            "replies": 1,
            "answers": 1,
            "webhooks": 0,
            "signatures": 1,
            "unreadable": 0,
        }
        assert set((await resealing.reseal(db, both)).values()) == {0}
        assert set((await resealing.reseal(db, only)).values()) == {0}
    shop.links.sealer = only
    again = await shop.take("pick", held)
    assert again["note"] == PEOPLE["note"]
    assert (await shop.hold("tea", 1, key="k1", order_ref=held["order_ref"], **PEOPLE))["note"] == PEOPLE["note"]
    assert [one.store for one in (await erase(shop, caller=CLERK, email="zoe@atelier.example")).waiting] == ["lyon"]
