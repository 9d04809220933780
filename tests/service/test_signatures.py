"""Signatures: the providers' published vectors hold, and nothing else does."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from service import signatures

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
TWICE = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
JSON = b'{"property": "value", "boolean": true}'
WITH_DIGEST = URL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"

TWILIO = [  # as in the tests of twilio-python
    (URL, FORM, b"", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (URL, TWICE, b"", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (URL.replace(".com", ".com:1234"), FORM, b"", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (URL.replace("https://mycompany.com", "http://mycompany.com:1234"), FORM, b"", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    (URL, FORM, b"", "kvajT1Ptam85bY51eRf/AJRuM3w="),
    (URL.replace("https", "http"), FORM, b"", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    (WITH_DIGEST, [], JSON, "a9nBmqA0ju/hNViExpshrM61xv4="),
]


@pytest.mark.parametrize(("url", "form", "body", "signature"), TWILIO)
def test_twilio_s_vectors_hold(url: str, form: list[tuple[str, str]], body: bytes, signature: str) -> None:
    assert signatures.of_twilio(TOKEN, url, form, body, signature)


@pytest.mark.parametrize(("url", "form", "body", "signature"), TWILIO)
def test_twilio_s_vectors_hold_no_longer_when_anything_is_changed(
    url: str, form: list[tuple[str, str]], body: bytes, signature: str
) -> None:
    assert not signatures.of_twilio("12346", url, form, body, signature)
    assert not signatures.of_twilio(TOKEN, url.replace("foo=1", "foo=2"), form, body, signature)
    assert not signatures.of_twilio(TOKEN, url.replace("mycompany", "yourcompany"), form, body, signature)
    assert not signatures.of_twilio(TOKEN, url, form, body, signature.lower())
    assert not signatures.of_twilio(TOKEN, url, form, body, "")
    changed = (form, body + b" ") if body else ([*form[:-1], (form[-1][0], "x")], body)
    assert not signatures.of_twilio(TOKEN, url, *changed, signature)


SENDGRID = {  # as in the tests of sendgrid-python
    "key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",  # noqa: E501 -- a key has no line breaks
    "timestamp": "1600112502",
    "body": b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n',
    "signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
}
THEN = datetime.fromtimestamp(1600112502, UTC)


def sendgrid(now: datetime = THEN, **changes: Any) -> bool:
    return signatures.of_sendgrid(**{**SENDGRID, **changes}, now=now)


def test_sendgrid_s_vector_holds() -> None:
    assert sendgrid()
    assert sendgrid(THEN + timedelta(seconds=299))


@pytest.mark.parametrize(
    "changes",
    [
        {"body": SENDGRID["body"].rstrip()},  # type: ignore[attr-defined]
        {"body": SENDGRID["body"].replace(b"dropped", b"droppee")},  # type: ignore[attr-defined]
        {"timestamp": "1600112503"},
        {"timestamp": "then"},
        {"timestamp": ""},
        {"signature": "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxA=="},
        {"signature": "not base64"},
        {"signature": ""},
        {"key": ""},
        {"key": "bm9uZQ=="},
    ],
)
def test_sendgrid_s_vector_holds_no_longer_when_anything_is_changed(changes: dict[str, Any]) -> None:
    assert not sendgrid(**changes)


def test_what_sendgrid_signed_long_ago_is_a_replay() -> None:
    assert not sendgrid(THEN + timedelta(minutes=10))
    assert not sendgrid(THEN - timedelta(minutes=10))


TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses"
PRIVATE = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey = PRIVATE) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


def sns(*, hash: SHA1 | SHA256 | None = None, **fields: Any) -> dict[str, Any]:
    """A message as SNS signs it: name, line break, value, line break, of the named fields."""
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": "{}",
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": "2",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem",
        **fields,
    }
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    said = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    signature = PRIVATE.sign(said.encode(), padding.PKCS1v15(), hash or SHA256())
    return {**message, "Signature": base64.b64encode(signature).decode()}


def holds(message: dict[str, Any], *, by: bytes | None = None) -> bool:
    return signatures.of_sns(message, by or certificate(), [TOPIC], now=datetime.now(UTC))


def test_what_sns_signs_holds() -> None:
    assert holds(sns())
    assert holds(sns(Subject="Amazon SES Email Event Notification"))
    assert holds(sns(Type="SubscriptionConfirmation", SubscribeURL="https://sns.x", Token="t"))


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "Type", "Signature", "SignatureVersion"])
def test_what_sns_signs_holds_no_longer_when_anything_is_changed(name: str) -> None:
    message = sns()
    assert not holds({**message, name: message[name] + "x"})
    assert not holds({key: value for key, value in message.items() if key != name})


def test_sns_must_sign_as_it_does_today_for_a_topic_of_ours_and_lately() -> None:
    old = datetime.now(UTC) - timedelta(days=8)
    assert not holds(sns(SignatureVersion="1", hash=SHA1()))  # noqa: S303 -- as SNS did once
    assert not holds(sns(TopicArn=TOPIC + "2"))
    assert not holds(sns(Timestamp=old.isoformat()))
    assert not holds(sns(), by=certificate(rsa.generate_private_key(65537, 2048)))
    assert not holds(sns(), by=b"no certificate")


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-a.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", False),
        ("https://evil.example/sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com@evil.example/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:444/a.pem", False),
        ("https://s3.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com/../a.pem?x=.pem", False),
        ("https://sns.eu-west-1.amazonaws.com/a.pem\n", False),
    ],
)
def test_certificates_come_from_sns_and_nowhere_else(url: str, may: bool) -> None:  # noqa: FBT001
    assert signatures.may_vouch(url) is may
    assert not signatures.may_confirm(url)


def test_a_subscription_is_confirmed_with_sns_and_nowhere_else() -> None:
    query = "?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:123456789012:ses&Token=2336412f37"
    assert signatures.may_confirm(f"https://sns.eu-west-1.amazonaws.com/{query}")
    assert not signatures.may_confirm(f"https://sns.eu-west-1.amazonaws.com.evil.example/{query}")
    assert not signatures.may_confirm(f"https://evil.example/{query}#sns.eu-west-1.amazonaws.com")


def test_a_secret_in_an_address_is_the_whole_secret() -> None:
    secret = hashlib.sha256(b"x").hexdigest()
    assert signatures.is_secret(secret, secret)
    assert not signatures.is_secret(secret[:-1], secret)
    assert not signatures.is_secret("", secret)
