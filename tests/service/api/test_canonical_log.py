"""One line per request, and nothing personal in it."""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any
from uuid import UUID

import pytest
import structlog

from service import logs
from service.callers import Scope
from tests.service.api.conftest import Api
from tests.shop import Shop

Lines = list[MutableMapping[str, Any]]

SECRETS = ("camille.durand@atelier.example", "+33639981234", "Camille Durand", "tok-3n")


async def test_one_request_is_one_line(api: Api, shop: Shop, lines: Lines) -> None:
    await shop.store("lyon")
    key = await api.key(Scope.CHECKOUT)
    await api.get("/v1/stores/lyon", key=key)
    lines.clear()
    told = await api.get("/v1/stores/lyon?secret=tok-3n", key=key)
    [line] = lines
    assert line["request_id"] == told.headers["X-Request-Id"]
    assert line["event"] == "request_served"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/stores/{store}", 200)
    assert line["store"] == "lyon"
    assert line["credential"].startswith("key:")
    assert line["milliseconds"] > 0
    assert "tok-3n" not in str(line)


async def test_a_refusal_says_its_code(api: Api, lines: Lines) -> None:
    await api.get("/v1/keys", key="")
    assert [line["code"] for line in lines] == ["unauthorized"]


async def test_a_well_formed_request_id_is_kept_and_another_replaced(api: Api) -> None:
    told = await api.get("/livez", headers={"X-Request-Id": "checkout-7f3a"})
    assert told.headers["X-Request-Id"] == "checkout-7f3a"
    for bad in ("short", "x" * 200, "two words", 'quote"quote'):
        told = await api.get("/livez", headers={"X-Request-Id": bad})
        assert UUID(told.headers["X-Request-Id"]).version == 7


async def test_nothing_personal_reaches_the_log(api: Api, shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    await shop.stock("tea", 5)
    before = (structlog.get_config(), logging.getLogger().handlers[:], logging.getLogger().level)
    logs.set_up("json", "info")
    structlog.configure(cache_logger_on_first_use=False)  # other tests have their own
    try:
        email, phone, name, token = SECRETS
        order = {
            "order_ref": "A-1",
            "customer": {"name": name, "email": email, "phone": phone},
            "lines": [{"sku": "tea", "quantity": 2}],
        }
        held = await api.post("/v1/stores/lyon/reservations", order)
        assert held.status == 201
        await api.post("/v1/stores/lyon/reservations/search", {"q": phone})
        await api.get(f"/v1/stores/lyon/reservations/{email}")
        await api.get(f"/v1/stores/{email}")
        await api.get(f"/nowhere/{token}?email={email}")
        await api.post(
            "/v1/stores/lyon/reservations", {**order, "customer": {"name": name, "email": 1, "phone": phone}}
        )
        async with api.session.get(api.url + "/livez", headers={"Cookie": "x" * 9000}) as unread:
            assert unread.status == 400  # no header is that long
        structlog.get_logger().info("somebody_forgot", customer=name, to=phone, link=f"/r/{token}")  # not on the list
    finally:
        structlog.configure(**before[0])
        logging.getLogger().handlers, level = before[1], before[2]
        logging.getLogger().setLevel(level)
        sys.stderr.flush()
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines].count("request_served") == 6
    assert [line["level"] for line in lines if line["event"] == "request_unreadable"] == ["info"]
    assert "127.0.0.1" not in written, "where a caller sits is their own business"
    for secret in (*SECRETS, held.json["pickup_code"], held.json["pickup_url"].rpartition("/")[2], "ck_"):
        assert secret not in written
