"""Callbacks over HTTP: what is genuine is kept once and answered at once; what is not changes nothing."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.api.callbacks import CERTIFICATES
from service.api.certificates import Certificates
from service.database import Pool
from tests.service.api.conftest import Api, Told, serve
from tests.service.test_signatures import TOPIC, certificate, sns
from tests.shop import settings_for
from tests.workers.providers.exchange import exchange

PUBLIC = "https://shop.example"
TOKEN = "t" * 32
SECRET = "s" * 32
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
STATUS = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+33639980001"}
ID = "01a20822-4f32-752c-b487-bc28d7e83e6d"


@pytest.fixture
async def api(pool: Pool, database_url: str) -> AsyncIterator[Api]:
    settings = settings_for(
        database_url,
        public_url=PUBLIC,
        twilio_token=TOKEN,
        callback_secret=SECRET,
        sendgrid_key=PUBLIC_KEY,
        sns_topics=(TOPIC,),
    )
    async with serve(settings, pool) as api:
        yield api


async def kept(api: Api) -> list[tuple[str, str]]:
    return [tuple(row) for row in await api.pool.fetch("select provider, event_id from callback order by 1, 2")]


def signed(path: str, form: dict[str, str], token: str = TOKEN, public: str = PUBLIC) -> str:
    said = public + path + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), said.encode(), "sha1")).decode()


async def twilio(api: Api, form: dict[str, str], *, path: str = f"/callbacks/twilio?id={ID}", **changes: str) -> Told:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": changes.get("signature", signed(path, form)),
        **({"Host": changes["host"]} if "host" in changes else {}),
    }
    return await api.request("POST", changes.get("sent_to", path), data=urlencode(form), key="", headers=headers)


async def test_twilio_is_believed_by_its_signature_and_answered_at_once(api: Api) -> None:
    told = await twilio(api, STATUS)
    assert (told.status, told.text, told.headers["Content-Type"].split(";")[0]) == (200, "<Response/>", "text/xml")
    assert await kept(api) == [("twilio", "SM1 delivered")]


async def test_a_signature_that_is_no_text_is_refused(api: Api) -> None:
    assert (await twilio(api, STATUS, signature="\udcff")).status == 403
    assert await kept(api) == []


async def test_the_same_callback_again_is_welcome_and_kept_once(api: Api) -> None:
    for _ in range(3):
        assert (await twilio(api, STATUS)).status == 200
    assert len(await kept(api)) == 1


async def test_a_false_host_changes_nothing(api: Api) -> None:
    assert (await twilio(api, STATUS, host="evil.example")).status == 200
    path = f"/callbacks/twilio?id={ID}"
    forged = signed(path, STATUS, public="https://evil.example")
    assert (await twilio(api, STATUS, host="evil.example", signature=forged)).status == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": ""},
        {"signature": signed(f"/callbacks/twilio?id={ID}", STATUS, token="u" * 32)},
        {"signature": signed(f"/callbacks/twilio?id={ID}", {**STATUS, "MessageStatus": "failed"})},
        {"sent_to": "/callbacks/twilio?id=01a20822-4f32-752c-b487-bc28d7e83e6e"},
        {"sent_to": "/callbacks/twilio"},
    ],
)
async def test_whatever_is_changed_it_is_refused_in_the_same_words(api: Api, changes: dict[str, str]) -> None:
    told = await twilio(api, STATUS, **changes)
    assert told.status == 403
    assert told.json["detail"] == "This is not from whom it says it is."
    assert await kept(api) == []


def by_sendgrid(body: bytes, at: int | None = None) -> dict[str, str]:
    timestamp = str(at or int(time.time()))
    signature = KEY.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    return {
        "Content-Type": "application/json",
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
    }


EVENTS = b'[{"event":"delivered","sg_event_id":"e1"},{"event":"bounce","sg_event_id":"e2"}]\r\n'


async def test_sendgrid_s_reports_are_kept_each_by_its_own_id(api: Api) -> None:
    for _ in range(2):
        told = await api.request("POST", "/callbacks/sendgrid", data=EVENTS, key="", headers=by_sendgrid(EVENTS))
        assert told.status == 204
    assert await kept(api) == [("sendgrid", "e1"), ("sendgrid", "e2")]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (EVENTS.rstrip(), by_sendgrid(EVENTS)),
        (EVENTS.replace(b"bounce", b"bounze"), by_sendgrid(EVENTS)),
        (EVENTS, by_sendgrid(EVENTS, int(time.time()) - 600)),
        (EVENTS, {"Content-Type": "application/json"}),
    ],
)
async def test_what_sendgrid_did_not_sign_just_now_is_refused(api: Api, body: bytes, headers: dict[str, str]) -> None:
    assert (await api.request("POST", "/callbacks/sendgrid", data=body, key="", headers=headers)).status == 403
    assert await kept(api) == []


async def by_sns(api: Api, message: dict[str, Any]) -> Told:
    return await api.request(
        "POST", "/callbacks/ses", data=json.dumps(message), key="", headers={"Content-Type": "text/plain"}
    )


async def test_amazon_is_believed_by_its_certificate(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def ask(_self: Certificates, url: str) -> bytes:
        asked.append(url)
        return certificate()

    monkeypatch.setattr(Certificates, "_ask", ask)
    for _ in range(2):
        assert (await by_sns(api, sns())).status == 204
    assert len(await kept(api)) == 1
    assert len(asked) == 1  # remembered
    assert (await by_sns(api, {**sns(), "Message": "{ }"})).status == 403
    assert (await by_sns(api, sns(TopicArn=TOPIC + "2"))).status == 403
    assert (await by_sns(api, sns(SigningCertURL="https://evil.example/sns.amazonaws.com/a.pem"))).status == 403
    assert (await by_sns(api, sns(Timestamp=datetime(2020, 1, 1, tzinfo=UTC).isoformat()))).status == 403
    assert (len(await kept(api)), len(asked)) == (1, 1)
    assert CERTIFICATES is not None


@pytest.mark.parametrize(
    "said", ["<html>Busy</html>", "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_a_page_in_place_of_the_certificate_is_not_remembered_and_sns_comes_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    answers = [said.encode(), _elliptic(), certificate()]

    async def ask(_self: Certificates, _url: str) -> bytes:
        return answers.pop(0)

    monkeypatch.setattr(Certificates, "_ask", ask)
    assert [(await by_sns(api, sns())).status for _ in range(3)] == [503, 503, 204]
    assert answers == []


def _elliptic() -> bytes:
    """A certificate, and none with which SNS signs."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, KEY.public_key(), 1, now, now + timedelta(days=1))
    return made.sign(KEY, SHA256()).public_bytes(Encoding.PEM)


async def test_a_moment_beyond_all_time_is_refused_like_any_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_self: Certificates, _url: str) -> bytes:
        return certificate()

    monkeypatch.setattr(Certificates, "_ask", ask)
    assert (await by_sns(api, {**sns(), "Timestamp": "0001-01-01T00:00:00+23:00"})).status == 403
    headers = by_sendgrid(EVENTS) | {"X-Twilio-Email-Event-Webhook-Timestamp": "9" * 400}
    told = await api.request("POST", "/callbacks/sendgrid", data=EVENTS, key="", headers=headers)
    assert told.status == 403
    assert await kept(api) == []


@pytest.mark.parametrize("provider", ["ovh", "brevo"])
async def test_who_signs_nothing_must_know_the_address(api: Api, provider: str) -> None:
    body = json.dumps({"msg_status": "delivered", "messageId": 1, "to": "33639980001"})
    headers = {"Content-Type": "application/json"}
    for secret in ("x" * 32, SECRET[:-1], SECRET + "s"):
        told = await api.request("POST", f"/callbacks/{provider}/{secret}", data=body, key="", headers=headers)
        assert told.status == 403
    assert await kept(api) == []
    for _ in range(2):
        told = await api.request("POST", f"/callbacks/{provider}/{SECRET}", data=body, key="", headers=headers)
        assert told.status == {"ovh": 200, "brevo": 204}[provider]
    assert len(await kept(api)) == 1


async def test_ovh_calls_with_a_query(api: Api) -> None:
    for ptt in ("3", "4", "4"):
        told = await api.get(f"/callbacks/ovh/{SECRET}?id=17&ptt={ptt}&description=1", key="")
        assert (told.status, told.text) == (200, "")
    assert len(await kept(api)) == 2


async def test_a_query_is_kept_as_it_came_whatever_is_in_it(api: Api) -> None:
    path = f"/callbacks/ovh/{SECRET}?id=%00&message=100%2541%20%26+%2B&senderid=0033639980001"
    assert (await api.get(path, key="")).status == 200
    assert await api.pool.fetchval("select query from callback") == path.partition("?")[2]


async def test_without_settings_nobody_is_believed(pool: Pool, database_url: str) -> None:
    async with serve(settings_for(database_url), pool) as api:
        assert (await twilio(api, STATUS)).status == 403
        assert (await api.get(f"/callbacks/ovh/{SECRET}?id=17&ptt=4", key="")).status == 403
        told = await api.request("POST", "/callbacks/sendgrid", data=EVENTS, key="", headers=by_sendgrid(EVENTS))
        assert told.status == 403
        assert (await by_sns(api, sns())).status == 403


async def test_too_large_a_body_is_refused(api: Api) -> None:
    told = await api.request("POST", f"/callbacks/brevo/{SECRET}", data=b"[" + b" " * 300_000 + b"]", key="")
    assert told.status == 413


async def test_a_certificate_is_read_whole_or_not_at_all() -> None:
    async with exchange(lambda asked: "c" * (70_000 if asked.path == "/large.pem" else 2_000)) as server:
        server.pause = 0.1
        assert await Certificates()._ask(f"{server.url}/small.pem") == b"c" * 2_000
        assert await Certificates()._ask(f"{server.url}/large.pem") is None
