"""What providers call to say: verified, kept as it came, answered at once; a worker reads it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from service import callbacks, signatures
from service.access_errors import CertificateAway
from service.api.certificates import Certificates
from service.api.endpoints import PROVIDERS, Answer, Call, Endpoint
from service.api.reading import receive
from service.database import transaction
from service.errors import BodyTooLarge, Forbidden, MalformedRequest, RequestTimeout

LARGEST = 256 * 1024  # bytes
LONGEST_ID = 200  # symbols
CERTIFICATE_SECONDS = 30  # until its certificate may be there again
CERTIFICATES: web.AppKey[Certificates] = web.AppKey("certificates", Certificates)

_EMPTY = "<Response/>"  # what Twilio takes for: nothing to say


def _refuse_unless(*, genuine: bool) -> None:
    """Raise Forbidden, in the same words whatever is wrong."""
    if not genuine:
        raise Forbidden("This is not from whom it says it is.")


async def _body(call: Call[None]) -> tuple[bytes, str]:
    """The body as it came, and as text."""
    raw = await receive(call.request, most=LARGEST)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    _refuse_unless(genuine="\0" not in text)
    return raw, text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        _refuse_unless(genuine=False)


async def _keep(call: Call[None], provider: str, reports: dict[str, str]) -> Answer:
    kept = {event_id[:LONGEST_ID]: body for event_id, body in reports.items()}
    async with transaction(call.pool) as db:
        await callbacks.keep(db, provider, kept, query=_query(call))
    return Answer("", 204)


def _query(call: Call[None]) -> str:
    """The query as it came, still escaped: whoever reads it unescapes it, once."""
    return call.request.rel_url.raw_query_string


def _told_apart(*parts: object) -> str:
    """A name for a report of a provider that gives it none: by what differs from report to report."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


async def from_twilio(call: Call[None]) -> web.Response:
    """A receipt, or a reply; signed with the account's token, over the address that the settings name."""
    raw, text = await _body(call)
    form = parse_qsl(text, keep_blank_values=True)
    token = call.settings.twilio_token
    url = str(call.settings.public_url).rstrip("/") + call.request.raw_path
    signature = call.request.headers.get("X-Twilio-Signature", "")
    genuine = token is not None and signatures.of_twilio(token.get_secret_value(), url, form, raw, signature)
    _refuse_unless(genuine=genuine)
    said = dict(form)
    id = f"{said.get('MessageSid', _told_apart(text))} {said.get('MessageStatus', 'reply')}"
    await _keep(call, "twilio", {id: text})
    return web.Response(text=_EMPTY, content_type="text/xml")


async def from_ovh(call: Call[None]) -> web.Response:
    """A receipt, in the query, or a reply. OVHcloud signs nothing: the address is the secret. It asks for a 200."""
    _check_secret(call)
    _, text = await _body(call)
    await _keep(call, "ovh", {_told_apart(_query(call), text): text})
    return web.Response(text="", content_type="text/plain")


async def from_brevo(call: Call[None]) -> Answer:
    """A report on an e-mail or a text message. Brevo signs nothing: the address is the secret."""
    _check_secret(call)
    _, text = await _body(call)
    said = _json(text)
    reports = said if isinstance(said, list) else [said]
    return await _keep(call, "brevo", {_told_apart(json.dumps(one)): json.dumps(one) for one in reports})


async def from_sendgrid(call: Call[None]) -> Answer:
    """Reports on e-mails, many at once; signed over the bytes as they came, the line break at the end too."""
    raw, text = await _body(call)
    headers = call.request.headers
    _refuse_unless(
        genuine=signatures.of_sendgrid(
            call.settings.sendgrid_key,
            headers.get("X-Twilio-Email-Event-Webhook-Timestamp", ""),
            raw,
            headers.get("X-Twilio-Email-Event-Webhook-Signature", ""),
            now=datetime.now(UTC),
        )
    )
    said = _json(text)
    reports = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    return await _keep(
        call, "sendgrid", {str(one.get("sg_event_id", _told_apart(one))): json.dumps(one) for one in reports}
    )


async def from_ses(call: Call[None]) -> Answer:
    """A report of Amazon SES, brought by SNS; signed by Amazon, and of a topic that is ours."""
    _, text = await _body(call)
    said = _json(text)
    _refuse_unless(genuine=isinstance(said, dict) and said.get("TopicArn") in call.settings.sns_topics)
    url = str(said.get("SigningCertURL", ""))
    _refuse_unless(genuine=signatures.may_vouch(url))
    certificate = await call.request.app[CERTIFICATES].fetch(url)
    if certificate is None:  # SNS brings it again, which it does not do with what is refused
        raise CertificateAway(retry_after=CERTIFICATE_SECONDS)
    _refuse_unless(genuine=signatures.of_sns(said, certificate, call.settings.sns_topics, now=datetime.now(UTC)))
    return await _keep(call, "ses", {str(said["MessageId"]): text})


def _check_secret(call: Call[None]) -> None:
    secret = call.settings.callback_secret
    _refuse_unless(genuine=secret is not None and signatures.is_secret(call.part("secret"), secret.get_secret_value()))


def _endpoint(method: str, path: str, handle: Any, summary: str, **others: Any) -> Endpoint:
    return Endpoint(
        method=method,
        path=f"/callbacks/{path}",
        handle=handle,
        summary=summary,
        tag=PROVIDERS,
        scopes=None,
        answers=others.pop("answers", {204: None}),
        problems=(Forbidden, BodyTooLarge, RequestTimeout, MalformedRequest, *others.pop("problems", ())),
        **others,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _endpoint(
        "POST",
        "twilio",
        from_twilio,
        "Take a receipt or a reply from Twilio",
        takes=("application/x-www-form-urlencoded", "application/json"),
        answers={200: None},
        media="text/xml",
    ),
    _endpoint(
        "GET",
        "ovh/{secret}",
        from_ovh,
        "Take a receipt or a reply from OVHcloud",
        answers={200: None},
        media="text/plain",
    ),
    _endpoint(
        "POST",
        "ovh/{secret}",
        from_ovh,
        "Take a receipt or a reply from OVHcloud, posted",
        takes=("application/x-www-form-urlencoded", "application/json"),
        answers={200: None},
        media="text/plain",
    ),
    _endpoint("POST", "brevo/{secret}", from_brevo, "Take a report from Brevo", takes=("application/json",)),
    _endpoint("POST", "sendgrid", from_sendgrid, "Take reports from SendGrid", takes=("application/json",)),
    _endpoint(
        "POST",
        "ses",
        from_ses,
        "Take a report of Amazon SES from SNS",
        takes=("text/plain", "application/json"),
        problems=(CertificateAway,),
    ),
)
