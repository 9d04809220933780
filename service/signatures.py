"""Whether a callback comes from the provider it says it comes from: signatures over the bytes as they came."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

TOLERANCE = 300  # seconds between a signed moment and now
SNS_TOLERANCE = 7 * 86400  # SNS signs the moment of the event, and brings it again for as long as nobody takes it

_CERTIFICATE = re.compile(r"https://sns\.[a-z0-9-]{1,30}\.amazonaws\.com(\.cn)?/[A-Za-z0-9._-]{1,200}\.pem")
_CONFIRMING = re.compile(r"https://sns\.[a-z0-9-]{1,30}\.amazonaws\.com(\.cn)?/\?[A-Za-z0-9&=%:._-]{1,2000}")
_PORTS = {"https": ":443", "http": ":80"}
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""What SNS signs of each kind of message, in this order; what is not there is left out."""


def of_twilio(token: str, url: str, form: Iterable[tuple[str, str]], body: bytes, signature: str) -> bool:
    """HMAC-SHA1 over the public URL and the sorted form; over the URL alone where that holds the body's digest.

    The URL is tried with its port and without, as Twilio may sign either.
    """
    digest = dict(parse_qsl(urlsplit(url).query)).get("bodySHA256")
    if digest is not None:
        if not _same(digest, hashlib.sha256(body).hexdigest()):
            return False
        form = ()
    said = "".join(name + value for name, value in sorted(set(form)))
    return any(
        _same(base64.b64encode(hmac.digest(token.encode(), (way + said).encode(), "sha1")).decode(), signature)
        for way in _ways(url)
    )


def _ways(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else _PORTS.get(parts.scheme, "")
    rest = url[len(parts.scheme) + 3 + len(parts.netloc) :]
    return f"{parts.scheme}://{host}{rest}", f"{parts.scheme}://{host}{port}{rest}"


def of_sendgrid(key: str, timestamp: str, body: bytes, signature: str, *, now: datetime) -> bool:
    """ECDSA over the moment and the body, with its line break at the end; a moment long ago is a replay."""
    try:
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE:
            return False
        public = load_der_public_key(base64.b64decode(key, validate=True))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, OverflowError, UnsupportedAlgorithm):
        return False
    return True


def may_vouch(url: str) -> bool:
    """Whether a certificate from there can be one of SNS."""
    return _CERTIFICATE.fullmatch(url) is not None


def may_confirm(url: str) -> bool:
    """Whether a subscription may be confirmed by asking there."""
    return _CONFIRMING.fullmatch(url) is not None


def of_sns(message: Mapping[str, object], certificate: bytes, topics: Iterable[str], *, now: datetime) -> bool:
    """RSA with SHA-256 (SignatureVersion 2, and no other) over the named fields, of a topic that is ours."""
    fields = _SIGNED.get(str(message.get("Type")))
    if fields is None or message.get("SignatureVersion") != "2" or message.get("TopicArn") not in set(topics):
        return False
    said = "".join(f"{name}\n{message[name]}\n" for name in fields if message.get(name) is not None)
    try:
        signed_at = datetime.fromisoformat(str(message.get("Timestamp"))).astimezone(UTC)
        if abs((now - signed_at).total_seconds()) > SNS_TOLERANCE:
            return False
        public = _key_of(certificate)
        if public is None:
            return False
        signature = base64.b64decode(str(message.get("Signature")), validate=True)
        public.verify(signature, said.encode(), padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError, OverflowError):
        return False
    return True


def is_certificate(pem: bytes) -> bool:
    """Whether these bytes are a certificate with which SNS may have signed, and no page about an outage."""
    return _key_of(pem) is not None


def _key_of(pem: bytes) -> rsa.RSAPublicKey | None:
    try:
        public = x509.load_pem_x509_certificate(pem).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return public if isinstance(public, rsa.RSAPublicKey) else None


def is_secret(given: str, secret: str) -> bool:
    """Whether an address holds the secret that only its provider was told."""
    return _same(hashlib.sha256(given.encode()).hexdigest(), hashlib.sha256(secret.encode()).hexdigest())


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="surrogateescape"), other.encode(errors="surrogateescape"))
