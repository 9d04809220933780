"""Any carrier described by a setting: what it is sent, where its id is, and how it refuses."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from service.database import Pool
from service.settings import Settings
from tests.shop import settings_for
from tests.workers.providers.exchange import TEXT, Asked, Exchange, exchange
from workers.providers.by_http import ByHttp, Described
from workers.providers.carrier import InDoubt, NotNow, Refused
from workers.providers.choose import SettingWrong, choose


def answer(asked: Asked) -> Any:
    assert asked.headers["authorization"] == "Bearer secret"
    return {"messages": [{"id": f"m-{asked.json['ref']}"}]}


@pytest.fixture
async def server() -> AsyncIterator[Exchange]:
    async with exchange(answer) as server:
        yield server


@pytest.fixture
async def carrier(server: Exchange) -> AsyncIterator[ByHttp]:
    described = {
        "url": f"{server.url}/send",
        "headers": {"Authorization": "Bearer secret"},
        "body": {
            "ref": "{id}",
            "to": ["{recipient}"],
            "text": "{sender}: {text} {unknown} {",
            "flash": False,
            "out": "{opt_out}",
        },
        "id": "/messages/0/id",
    }
    made = ByHttp(Described.model_validate(described), seconds=0.5)
    yield made
    await made.close()


async def test_the_body_is_filled_with_the_message_and_the_id_is_found(carrier: ByHttp, server: Exchange) -> None:
    assert await carrier.send(TEXT) == f"m-{TEXT.id}"
    assert server.sent[0].path == "/send"
    assert server.sent[0].json == {
        "ref": str(TEXT.id),
        "to": ["+33639981234"],
        "text": f"ATELIER: {TEXT.text} {{unknown}} {{",
        "flash": False,
        "out": "",
    }
    await carrier.send(replace(TEXT, opt_out="https://shop.example/o/T", revivals=1))
    again = server.sent[1].json  # sent by hand: who takes each id once, takes this one too
    assert (again["ref"], again["out"]) == (f"{TEXT.id}.1", "https://shop.example/o/T")


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (301, NotNow),
        (302, NotNow),
        (307, NotNow),
        (400, Refused),
        (422, Refused),
        (401, NotNow),
        (404, NotNow),
        (409, InDoubt),
        (429, NotNow),
        (500, NotNow),
        (502, InDoubt),
    ],
)
async def test_a_refusal_is_told_from_what_can_be_mended(
    carrier: ByHttp, server: Exchange, status: int, problem: type[Exception]
) -> None:
    server.answers = [(status, {})]
    with pytest.raises(problem):
        await carrier.send(TEXT)


def settings(database_url: str, **others: Any) -> Settings:
    return settings_for(database_url, **others)


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"sms_providers": ("twilio",)}, "TWILIO_ACCOUNT"),
        ({"sms_providers": ("ovh",)}, "OVH_SERVICE"),
        ({"sms_providers": ("brevo",)}, "BREVO_KEY"),
        ({"sms_providers": ("http",)}, "HTTP_SMS"),
        ({"email_providers": ("smtp",)}, "SMTP_URL"),
        ({"email_providers": ("capture", "http"), "http_email": SecretStr('{"url": "secret"}')}, "HTTP_EMAIL"),
    ],
)
async def test_what_a_carrier_needs_and_has_not_is_named_without_secrets(
    everything: Pool, database_url: str, chosen: dict[str, Any], missing: str
) -> None:
    with pytest.raises(SettingWrong, match=missing) as told:
        choose(settings(database_url, **chosen), everything)
    assert "secret" not in str(told.value)


async def test_carriers_come_in_the_order_of_the_setting(everything: Pool, database_url: str) -> None:
    chosen = choose(
        settings(
            database_url,
            sms_providers=("twilio", "capture", "twilio"),
            twilio_account="AC1",
            twilio_token=SecretStr("t"),
        ),
        everything,
    )
    assert [carrier.name for carrier in chosen["sms"]] == ["twilio", "capture"]
    for carriers in chosen.values():
        for carrier in carriers:
            await carrier.close()
