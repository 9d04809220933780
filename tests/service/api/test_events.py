"""Reading what happened over HTTP: bookmarks, stores, histories."""

import base64
import json
import zlib
from urllib.parse import quote

import pytest

from service import events
from service.api.events import bookmark, read_bookmark
from service.callers import Scope
from service.errors import InvalidRequest
from tests.service.api.conftest import Api
from tests.shop import Shop

PATH = "/v1/events"


async def relay(shop: Shop) -> None:
    for store in await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, store)


async def test_what_happened_is_read_to_the_end_and_on(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1)
    await relay(shop)
    told = await api.get(PATH)
    assert told.status == 200
    [event] = told.json["items"]
    assert event["type"] == "reservation.held"
    assert (event["store"], event["position"]) == ("lyon", 1)
    assert event["data"] == {"id": held["id"], "version": 1, "state": "held", "order_ref": held["order_ref"]}

    again = await api.get(f"{PATH}?after={told.json['next']}")
    assert (again.json["items"], again.json["next"]) == ([], told.json["next"])
    await shop.confirm(held)
    await relay(shop)
    more = await api.get(f"{PATH}?after={again.json['next']}")
    assert [one["data"]["state"] for one in more.json["items"]] == ["confirmed"]


async def test_pages_are_as_long_as_asked(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 50)
    for _ in range(7):
        await shop.hold("tea", 1)
    await relay(shop)
    read, word = [], ""
    while True:
        told = await api.get(f"{PATH}?limit=3&after={word}")
        if not told.json["items"]:
            break
        read += [event["position"] for event in told.json["items"]]
        word = told.json["next"]
    assert read == list(range(1, 8))


async def test_a_key_reads_its_own_stores(shop: Shop, api: Api) -> None:
    for store in ("lyon", "nice"):
        await shop.stock("tea", 5, store=store)
        await shop.hold("tea", 1, store=store)
    await relay(shop)
    everything = await api.get(PATH)
    assert {event["store"] for event in everything.json["items"]} == {"lyon", "nice"}
    one = await api.get(f"{PATH}?store=nice")
    assert {event["store"] for event in one.json["items"]} == {"nice"}
    key = await api.key(Scope.REPORTS, stores=["lyon"])
    mine = await api.get(PATH, key=key)
    assert {event["store"] for event in mine.json["items"]} == {"lyon"}
    foreign = await api.get(f"{PATH}?store=nice", key=key)
    absent = await api.get(f"{PATH}?store=nowhere", key=key)
    assert (foreign.status, absent.status) == (404, 404)
    said = [{k: v for k, v in told.json.items() if k not in {"request_id", "instance"}} for told in (foreign, absent)]
    assert json.dumps(said[0]).replace("nice", "nowhere") == json.dumps(said[1])
    assert (await api.get(f"{PATH}?store=nowhere")).status == 404
    through = await api.get(f"{PATH}?after={bookmark({'nice': 0})}", key=key)
    assert {event["store"] for event in through.json["items"]} == {"lyon"}


async def test_a_place_beyond_a_restored_stream_is_told_from_the_beginning(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    await shop.hold("tea", 1)
    await relay(shop)
    everything = (await api.get(PATH)).json["items"]
    told = await api.get(f"{PATH}?after={bookmark({'lyon': 1000})}")
    assert told.json["items"] == everything
    assert (await api.get(f"{PATH}?after={told.json['next']}")).json["items"] == []


@pytest.mark.parametrize(
    "word",
    [
        "x",
        "bm90IHppcA",
        base64.urlsafe_b64encode(zlib.compress(b"[1]")).decode(),
        base64.urlsafe_b64encode(zlib.compress(b'{"lyon": -1}')).decode(),
        base64.urlsafe_b64encode(zlib.compress(b'{"lyon": true}')).decode(),
        base64.urlsafe_b64encode(zlib.compress(b'{"lyon": 9223372036854775808}')).decode(),
        base64.urlsafe_b64encode(zlib.compress(b'{"\\u0000": 1}')).decode(),
        base64.urlsafe_b64encode(zlib.compress(b'{"\\ud800": 1}')).decode(),
        base64.urlsafe_b64encode(zlib.compress(b"[" * 50_000)).decode(),
        "é",
    ],
)
async def test_a_forged_bookmark_is_refused(shop: Shop, api: Api, word: str) -> None:
    told = await api.get(f"{PATH}?after={quote(word)}")
    assert told.status == 422
    assert told.json["errors"][0]["pointer"] == "/after"


def test_a_bookmark_says_what_it_was_told() -> None:
    places = {f"store-{n}": n * 1000 for n in range(500)}
    assert read_bookmark(bookmark(places)) == places
    assert len(bookmark(places)) < 8000  # a line of HTTP holds it
    with pytest.raises(InvalidRequest):
        read_bookmark(base64.urlsafe_b64encode(zlib.compress(b" " * 2_000_000 + b"{}")).decode())


async def test_the_history_of_a_reservation_tells_every_step(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    collected = await shop.collected("tea", 1)
    told = await api.get(f"/v1/stores/lyon/reservations/{collected['id']}/events")
    assert told.status == 200
    assert [(event["action"], event["source"], event["target"]) for event in told.json["items"]] == [
        ("hold", None, "held"),
        ("confirm", "held", "confirmed"),
        ("pick", "confirmed", "picking"),
        ("shelve", "picking", "ready"),
        ("collect", "ready", "collected"),
    ]
    assert [event["data"]["version"] for event in told.json["items"]] == [1, 2, 3, 4, 5]
    assert told.json["items"][1]["actor"] == "key:clerk"


async def test_the_history_of_nothing_is_not_found(shop: Shop, api: Api) -> None:
    await shop.store()
    for id in ("01a20822-4f32-752c-b487-bc28d7e83e6d", "x"):
        told = await api.get(f"/v1/stores/lyon/reservations/{id}/events")
        assert (told.status, told.json["code"]) == (404, "unknown_reservation")


async def test_events_name_nobody(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 1)
    await shop.cancel(await shop.hold("tea", 1), reason="Camille a changé d'avis")
    await relay(shop)
    text = json.dumps((await api.get(PATH)).json, ensure_ascii=False).lower()
    assert "camille" not in text
    assert '"sku": "tea"' in text  # stock.out
