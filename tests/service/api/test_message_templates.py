"""The shop's own words over HTTP, and the preview of messages."""

from service.callers import Scope
from tests.service.api.conftest import Api
from tests.shop import Shop

ONE = "/v1/message-templates/ready/email/fr"
OWN = {"subject": "C’est prêt, {{ name }} !"}
PREVIEW = "/v1/message-preview"


async def test_a_template_is_made_read_replaced_and_removed(api: Api) -> None:
    made = await api.put(ONE, OWN)
    assert (made.status, made.json["version"], made.json["subject"]) == (201, 1, OWN["subject"])
    assert (await api.get(ONE)).json == made.json
    assert [one["kind"] for one in (await api.get("/v1/message-templates")).json["items"]] == ["ready"]
    replaced = await api.put(ONE, {"text": "{{ code }}"}, headers={"If-Match": made.headers["ETag"]})
    assert (replaced.status, replaced.json["version"], replaced.json["subject"]) == (200, 2, None)
    assert (await api.put(ONE, OWN, headers={"If-Match": '"1"'})).status == 412
    assert (await api.delete(ONE)).status == 204
    assert (await api.delete(ONE)).status == 404
    assert (await api.get(ONE)).status == 404


async def test_a_broken_template_is_refused_when_it_comes(api: Api) -> None:
    told = await api.put(ONE, {"subject": "Prête", "text": "Bonjour\n{{ nom }}"})
    assert (told.status, told.json["code"]) == (422, "invalid_request")
    [fault] = told.json["errors"]
    assert (fault["pointer"], fault["line"]) == ("/text", 2)
    assert "there is no 'nom'" in fault["message"]
    assert (await api.get(ONE)).status == 404


async def test_there_are_words_for_what_is_told_in_languages_that_are_spoken(api: Api) -> None:
    for path in ("greeting/email/fr", "ready/pigeon/fr", "ready/email/xx"):
        assert (await api.put(f"/v1/message-templates/{path}", OWN)).status == 404
    assert (await api.put(ONE, {})).status == 422


async def test_a_key_of_some_stores_changes_no_words(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    key = await api.key(Scope.ADMIN, stores=["lyon"])
    assert (await api.put(ONE, OWN, key=key)).status == 403
    assert (await api.get(ONE, key=await api.key(Scope.STORES))).status == 403


async def test_a_text_message_is_shown_with_what_it_costs(api: Api) -> None:
    shown = (await api.post(PREVIEW, {"kind": "ready", "channel": "sms"})).json
    assert (shown["alphabet"], shown["segments"], shown["cost_class"]) == ("gsm7", 1, "one_segment")
    assert 0 < shown["septets"] <= 160
    assert "7K3F9P" in shown["text"]
    russian = {"text": "Заказ готов: {{ code }}, {{ link }}. " + "Приходите, когда вам удобно. " * 2}
    shown = (await api.post(PREVIEW, {"kind": "ready", "channel": "sms", "template": russian})).json
    assert (shown["alphabet"], shown["septets"], shown["cost_class"]) == ("ucs2", None, "several_segments")
    assert shown["segments"] > 1
    told = await api.post(PREVIEW, {"kind": "ready", "channel": "sms", "person": "delegate", "locale": "en"})
    assert "asks you to collect" in told.json["text"]


async def test_a_mail_is_shown_in_the_words_in_force_and_for_the_store_named(api: Api, shop: Shop) -> None:
    await shop.store("nice", name="Nice Masséna", time_zone="America/Martinique")
    await api.put(ONE, OWN)
    asked = {"kind": "ready", "channel": "email", "locale": "fr-CA", "store": "nice"}
    shown = (await api.post(PREVIEW, asked)).json
    assert (shown["own_words"], shown["subject"]) == (True, "C’est prêt, Camille Durand\u00a0!")
    assert "Nice Masséna" in shown["text"]
    assert "14\u00a0h\u00a030" in shown["text"]
    assert "data:image/png;base64," in shown["html"]
    assert shown["cost_class"] == "free"
    ours = (await api.post(PREVIEW, asked | {"template": {"text": "{{ code }} !"}})).json
    assert (ours["subject"], ours["text"]) == ("Votre commande WEB-104233 est prête", "7K3F9P\u00a0!\n")
    english = (await api.post(PREVIEW, asked | {"locale": "en"})).json
    assert (english["language"], english["own_words"]) == ("en", False)


async def test_what_can_not_be_shown_is_refused(api: Api, shop: Shop) -> None:
    await shop.store("lyon")
    asked = {"kind": "ready", "channel": "email", "store": "nowhere"}
    assert (await api.post(PREVIEW, asked)).status == 404
    key = await api.key(Scope.STORES, stores=["lyon"])
    assert (await api.post(PREVIEW, asked | {"store": "nice"}, key=key)).status == 404
    assert (await api.post(PREVIEW, asked | {"store": "lyon"}, key=key)).status == 200
    broken = {"kind": "ready", "channel": "sms", "template": {"text": "{% for"}}
    assert (await api.post(PREVIEW, broken)).status == 422
    assert (await api.post(PREVIEW, {"kind": "held", "channel": "sms", "person": "delegate"})).status == 422
