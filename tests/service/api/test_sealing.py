"""Over HTTP what is sealed is open, whichever way it leaves."""

from uuid import UUID

from service import reservations
from service.database import connection
from service.sealing import MARK
from tests.service.api.conftest import Api
from tests.service.test_sealing import PEOPLE, rows
from tests.shop import Shop


async def test_a_replay_is_the_first_answer_byte_for_byte(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    body = {"order_ref": "a1", "lines": [{"sku": "tea", "quantity": 1}], **PEOPLE}
    first = await api.post("/v1/stores/lyon/reservations", body, once="k1")
    again = await api.post("/v1/stores/lyon/reservations", body, once="k1")
    assert (first.status, first.text) == (again.status, again.text)
    assert first.json["customer"]["email"] == "zoe@atelier.example"
    assert MARK not in first.text


async def test_what_is_changed_is_sealed_too_and_every_list_is_open(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    held = await shop.hold("tea", 1)
    one = f"/v1/stores/lyon/reservations/{held['id']}"
    change = {"email": "zoe@atelier.example", "note": "Sonnez", "delegate": {"name": "Noé Canari"}}
    changed = await api.patch(one, change)
    assert changed.json["note"] == "Sonnez"
    assert "Noé" not in await rows(shop)
    found = await api.post("/v1/stores/lyon/reservations/search", {"q": "Durand"})
    listed = await api.get("/v1/stores/lyon/reservations")
    of_order = await api.get(f"/v1/reservations?order_ref={held['order_ref']}")
    for told in (found.json, listed.json, of_order.json):
        assert told["items"][0]["customer"]["email"] == "zoe@atelier.example"
        assert told["items"][0]["delegate"]["name"] == "Noé Canari"
    async with connection(shop.pool) as db:
        assert MARK not in await reservations.find(db, "lyon", UUID(held["id"]), links=shop.links)
