"""What is personal is sealed in the database, opened at the door, and opens nothing elsewhere."""

import json
from typing import Any
from uuid import UUID

import pytest

from service import events, sendings
from service.ids import new_id
from service.opt_outs import OptOuts
from service.sealing import MARK, PREFIX_LENGTH, Sealer, Unreadable
from tests.shop import Shop

OLD, NEW = "o" * 40, "n" * 40
PEOPLE: dict[str, Any] = {
    "customer": {
        "name": "Zoé Canari",
        "email": "zoe@atelier.example",
        "phone": "+33639980077",
        "company": 'Canari "Frères"\\ & Fils',
    },
    "delegate": {"name": "Noé Canari", "phone": "+33639980002"},
    "note": "Sonnez deux fois\nau 3e “ét.” \u2028 🎁",
}
SEALED = ("email", "company", "delegate_name", "delegate_phone", "note")


def told(sealer: Sealer, id: UUID, **fields: str) -> str:
    """A reservation as PostgreSQL writes it."""
    sealed = {name: sealer.close(name, text, id) for name, text in fields.items()}
    return f'{{"id":"{id}","customer":{json.dumps(sealed, ensure_ascii=False)}}}'


def test_what_was_sealed_opens_as_it_was() -> None:
    sealer, id = Sealer((NEW,)), new_id()
    for text in ("", "Sonnez", 'quotes " and \\ and \n', "é🎁\u2028", MARK + "abcd.efgh", "x" * 1000):
        closed = sealer.close("note", text, id)
        assert closed
        assert not text or text not in closed
        assert sealer.read("note", closed, id) == text
        assert json.loads(sealer.open(told(sealer, id, note=text)))["customer"]["note"] == text
    assert sealer.close("note", None, id) is None


def test_however_json_is_spelled_what_is_sealed_in_it_opens() -> None:
    sealer, id = Sealer((NEW,)), new_id()
    sealed = sealer.close("email", "zoe@atelier.example", id)
    event = {"id": str(new_id()), "data": {"id": str(id), "store": "lyon", "customer": {"email": sealed}}}
    for between in ((",", ":"), (", ", ": "), (",", " : ")):
        for plain in (True, False):
            told = json.dumps(event, separators=between, ensure_ascii=False)
            told = told if plain else f"[{told},{told}]"
            assert sealer.open(told).count("zoe@atelier.example") == (1 if plain else 2)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    sealer, id = Sealer((NEW,)), new_id()
    assert sealer.close("note", "again", id) != sealer.close("note", "again", id)


def test_a_seal_moved_to_another_field_or_order_opens_nothing() -> None:
    sealer, id = Sealer((NEW,)), new_id()
    closed = sealer.close("email", "zoe@atelier.example", id) or ""
    for field, whose in (("note", id), ("email", new_id())):
        with pytest.raises(Unreadable):
            sealer.read(field, closed, whose)
    stolen = told(sealer, new_id(), note="mine").replace(MARK, closed + MARK)
    assert "zoe@" not in sealer.open(stolen)


@pytest.mark.parametrize("forged", ["", "abcd", "abcd.", "abcd.AAAA", "abcd." + "A" * 60, "!!!!.!!!!"])
def test_what_only_looks_sealed_stays_as_it_is(forged: str) -> None:
    sealer = Sealer((NEW,))
    body = f'{{"id":"{new_id()}","note":"{MARK}{forged}"}}'
    assert sealer.open(body) == body


def test_keys_rotate() -> None:
    id = new_id()
    before = told(Sealer((OLD,)), id, email="zoe@atelier.example", note="Sonnez")
    both = Sealer((NEW, OLD))
    assert json.loads(both.open(before))["customer"]["note"] == "Sonnez"
    renewed = both.renew(before)
    assert json.loads(Sealer((NEW,)).open(renewed))["customer"]["email"] == "zoe@atelier.example"
    assert Sealer((OLD,)).open(renewed) == renewed
    assert both.renew(renewed) == renewed


def test_an_address_is_found_by_its_prefix_whatever_key_sealed_it() -> None:
    both = Sealer((NEW, OLD))
    for keys in ((NEW,), (OLD,)):
        phone = Sealer(keys).close("phone", "+33639980077", new_id()) or ""
        assert phone[:PREFIX_LENGTH] in both.prefixes("+33639980077")
        closed = Sealer(keys).close("email", "Zoe@Atelier.example", new_id()) or ""
        assert closed[:PREFIX_LENGTH] in both.prefixes("zoe@atelier.example ")
        assert closed[:PREFIX_LENGTH] not in both.prefixes("zoe2@atelier.example")


async def rows(shop: Shop) -> str:
    """Everything that the database keeps of reservations, messages and answers, as text."""
    tables = [
        await shop.pool.fetch(f"select t::text as row from {table} t")
        for table in ("reservation", "notification", "idempotency")
    ]
    return "\n".join(row["row"] for table in tables for row in table)


async def test_only_name_and_phone_lie_open_in_the_database(shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1, **PEOPLE)
    for field, value in PEOPLE.items():
        assert held[field] == (value if isinstance(value, str) else held[field] | dict(value))
    kept = await rows(shop)
    assert "Zoé Canari" in kept
    for secret in ("zoe@", "Frères", "Noé", "980002", "Sonnez"):
        assert secret not in kept
    row = await shop.pool.fetchrow("select email, company, delegate_name, delegate_phone, note from reservation")
    assert row
    assert all(text.startswith(MARK) for text in row.values())


async def test_messages_go_where_they_should(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await shop.ready("tea", 1, **PEOPLE)
    for store in await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, store)
    due = {
        channel: await sendings.due(shop.pool, channel, 10, carrier="capture", carriers=["capture"])
        for channel in ("email", "sms")
    }
    sent = []
    for stores in due.values():
        for store, ids in stores.items():
            sent += (await sendings.claim(shop.pool, store, ids, links=shop.links, opt_outs=OptOuts(shop.settings)))[0]
    assert {(row["person"], row["channel"], row["address"]) for row in sent} == {
        ("customer", "email", "zoe@atelier.example"),
        ("customer", "sms", "+33639980077"),
        ("delegate", "sms", "+33639980002"),
    }
    assert {row["delegate_name"] for row in sent} == {"Noé Canari"}
    assert MARK not in str(sent)
