"""The one question after the handover: asked of who has the link, answered once, reported to who may read it."""

from tests.service.api.conftest import Api
from tests.shop import Shop

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


def question_of(reservation: dict[str, str]) -> str:
    """The question's path."""
    return "/s/" + reservation["pickup_url"].rsplit("/", 1)[1]


async def test_a_customer_answers_once_and_may_think_better_of_it(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    collected = await shop.collected("tea", 1)
    path = question_of(collected)
    assert "survey" in (await api.get(path, key="")).json["can"]
    assert (await api.post(path, {"score": 9, "comment": "Rapide"}, key="")).status == 200
    kept = await shop.pool.fetchval("select comment from survey_answer")
    assert "Rapide" not in kept
    assert (await api.get("/v1/reports/survey")).json["items"][0]["comment"] == "Rapide"
    assert (await api.post(path, {"score": 3}, key="")).status == 200
    told = (await api.get("/v1/reports/survey")).json
    assert (told["answers"], told["detractors"], told["nps"]) == (1, 1, -100)
    assert told["items"][0] | {"answered_at": ""} == {
        "id": collected["id"],
        "store": "lyon",
        "order_ref": collected["order_ref"],
        "score": 3,
        "comment": None,
        "answered_at": "",
        "promise_kept": True,
        "waited_seconds": None,
    }


async def test_an_answer_stands_after_a_day(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    path = question_of(await shop.collected("tea", 1))
    await api.post(path, {"score": 9}, key="")
    await shop.pool.execute("update survey_answer set answered_at = answered_at - interval '25 hours'")
    assert (await api.post(path, {"score": 3}, key="")).json["code"] == "too_late"
    assert "survey" not in (await api.get(path, key="")).json["can"]


async def test_nobody_is_asked_before_the_handover(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    path = question_of(await shop.ready("tea", 1))
    assert (await api.post(path, {"score": 9}, key="")).json["code"] == "wrong_state"
    page = await api.get(path, key="", headers={"Accept": "text/html"})
    assert "quand votre commande aura été remise" in page.text


async def test_what_is_no_score_is_refused(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    path = question_of(await shop.collected("tea", 1))
    for wrong in ({"score": 11}, {"score": -1}, {"score": "9"}, {"score": 9.5}, {}, {"score": 9, "name": "x"}):
        assert (await api.post(path, wrong, key="")).status == 422, wrong
    told = await api.request("POST", path, data="comment=no+score", key="", headers=FORM)
    assert (told.status, "no score" in told.text) == (422, True)


async def test_a_form_answers_and_leads_to_the_page_that_says_thanks(api: Api, shop: Shop) -> None:
    await shop.stock("tea", 5)
    path = question_of(await shop.collected("tea", 1))
    told = await api.request("POST", path, data="score=10&comment=Parfait+%3Cb%3E", key="", headers=FORM)
    assert (told.status, told.headers["Location"]) == (303, path.replace("/s/", "/p/"))
    page = await api.get(told.headers["Location"], key="", headers={"Accept": "text/html"})
    assert "Vous avez répondu 10 sur 10" in page.text
    assert "Parfait &lt;b&gt;" in page.text


async def test_a_report_tells_of_the_callers_stores_and_page_by_page(api: Api, shop: Shop) -> None:
    for store in ("lyon", "lille"):
        await shop.stock("tea", 9, store)
    for store, score in (("lyon", 10), ("lyon", 9), ("lyon", 8), ("lyon", 0), ("lille", 0)):
        await api.post(question_of(await shop.collected("tea", 1, store=store)), {"score": score}, key="")
    everything = (await api.get("/v1/reports/survey?limit=3")).json
    assert (everything["answers"], everything["nps"], len(everything["items"])) == (5, 0, 3)
    rest = (await api.get(f"/v1/reports/survey?limit=3&cursor={everything['next_cursor']}")).json
    assert ([one["score"] for one in rest["items"]], rest["next_cursor"]) == ([9, 10], None)
    lyon = await api.key("reports", stores=["lyon"])
    mine = (await api.get("/v1/reports/survey", key=lyon)).json
    assert (mine["answers"], mine["nps"]) == (4, 25)
    assert (await api.get("/v1/reports/survey?store=lille", key=lyon)).status == 404
    assert (await api.get("/v1/reports/survey", key=await api.key("counter"))).status == 403
    later = (await api.get("/v1/reports/survey?since=2100-01-01T00:00:00Z")).json
    assert (later["answers"], later["nps"], later["items"]) == (0, None, [])
