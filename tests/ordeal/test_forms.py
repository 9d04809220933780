"""Odd bytes in every field of a page, every address, every header: a page or a refusal, never a crash."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import pytest

from service import admin_sessions
from service.api import routes
from service.callers import Scope
from service.database import transaction
from service.keys import Keyring
from service.screens import counter
from service.screens.admin_frame import COOKIE
from tests.ordeal.conftest import SEED
from tests.ordeal.listening import THOROUGH
from tests.ordeal.world import order
from tests.service.api.conftest import Api, serve
from tests.service.test_webhooks import listen
from tests.shop import Shop, settings_for

Seen = Callable[[str], None]

URLENCODED = "application/x-www-form-urlencoded"
EACH = 100 if THOROUGH else 2  # odd values a field is tried with, or a header half of them

ODD = {
    "nothing": "",
    "a NUL": "a%00b",
    "no UTF-8": "%FF%FE",
    "half a surrogate": "%ED%A0%80",
    "a line of its own": "/admin/x%0D%0ASet-Cookie:%20a=b",
    "an arrow back and a bomb": "%E2%80%AE%F0%9F%92%A3",
    "9,000 letters": "x" * 9000,
    "9,000 letters beyond ASCII": "%C3%A9%E2%82%AC" * 4500,
    "5,000 digits": "9" * 5000,
    "more than fits": "99999999999",
    "less than nothing": "-1",
    "a digit of elsewhere": "%EF%BC%97",
    "a power": "%C2%B2",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "no number": "nan",
    "no end": "1e999",
    "a template": "%7B%7B%20().__class__%20%7D%7D%7B%25%20x",
    "brackets": "%5B" * 500,
    "blanks": "%20%09%C2%A0%E2%80%8B",
}

WEEK = {"mo_opens": "09:00", "mo_closes": "18:00", "date_on": "2026-12-25", "date_opens": "", "date_closes": ""}
PLACE = {"line1": "1 rue X", "line2": "", "postcode": "69001", "city": "Lyon", "country": "FR"}
STORE = {
    "name": "Lyon",
    "time_zone": "Europe/Paris",
    "phone": "+33478000000",
    "gln": "",
    "public_holidays": "FR",
    "cut_off": "18:00",
    "latitude": "45.7",
    "longitude": "4.8",
    "preparation_minutes": "60",
    "parallel_orders": "1",
    "collect_days": "3",
    "slot_minutes": "30",
    "slot_capacity": "4",
    "instructions_fr": "Ici",
    "hold_minutes": "15",
    "instructions_en": "Here",
    "active": "on",
    "version": "{version}",
    **PLACE,
    **WEEK,
}
RULE = {
    f"ready.email.customer.{name}": value for name, value in {"send": "ready", "delay": "5", "quiet": "yes"}.items()
}
HOOK = {
    "url": "https://shop.example/hooks",
    "description": "Ours",
    "events": "reservation.ready",
    "told": "email",
    "format": "standard",
    "store": "lyon",
}

FORMS: dict[str, dict[str, str]] = {
    "/admin/sign-in": {"key": "{key}", "to": "/admin/keys"},
    "/admin/language": {"language": "en", "to": "/admin/keys"},
    "/admin/new-store": {"id": "s{n}", **STORE},
    "/admin/stores/{store}": STORE,
    "/admin/stores/{store}/board": {"names": "on", "renew": "on"},
    "/admin/devices": {"store": "lyon", "name": "Left", "language": "fr", "once": "{n}"},
    "/admin/devices/{device}/revoke": {},
    "/admin/stores/{store}/clerks": {"name": "Alix", "pin": "1", "once": "{n}"},  # a PIN that is none costs no hashing
    "/admin/stores/{store}/clerks/{clerk}": {"name": "Alix", "pin": ""},
    "/admin/keys": {"name": "Till", "scope": "stock", "stores": "lyon", "once": "{n}"},
    "/admin/keys/{key}/revoke": {},
    "/admin/messages": {
        "kind": "ready",
        "channel": "email",
        "locale": "fr",
        "subject": "A",
        "text": "B",
        "version": "",
    },
    "/admin/messages/failed/{store}/{id}": {},
    "/admin/messages/policy": {
        "store": "lyon",
        "version": "{version}",
        "hours": "own",
        "from": "21:00",
        "to": "08:00",
        "reminding": "own",
        "hours_before": "24 2",
        "gap": "12",
        **RULE,
    },
    "/admin/imports": {"mode": "absolute", "dry_run": "on"},
    "/admin/webhooks": {**HOOK, "once": "{n}"},
    "/admin/webhooks/{id}": {**HOOK, "active": "on", "version": "{version}"},
    "/admin/webhooks/{id}/rotate": {"once": "{n}"},
    "/admin/webhooks/{id}/ping": {},
    "/admin/webhooks/{id}/replay": {"delivery": "{n}"},
    "/admin/webhooks/{id}/remove": {},
    "/admin/sign-out": {},
    "/pair": {"code": "K7PX-29TD"},
    "/p/{token}/arrive": {},
    "/p/{token}/extend": {},
    "/p/{token}/delegate": {"name": "Zoé", "phone": "06 39 98 12 34"},
    "/p/{token}/answer": {"answer": "take"},
    "/p/{token}/cancel": {"reason": "No time"},
    "/s/{token}": {"score": "9", "comment": "Fine"},
    "/o/{token}": {"reminders": "true", "List-Unsubscribe": "One-Click"},
}
"""Every form that a page sends, with what a person would type."""

QUERIES: dict[str, tuple[str, ...]] = {
    "/admin/sign-in": ("to", "lang"),
    "/admin/day": ("store", "date", "done"),
    "/admin/messages": ("kind", "channel", "locale", "store"),
    "/admin/messages/letter": ("kind", "locale", "store"),
    "/admin/messages/policy": ("store",),
    "/admin/webhooks/{id}": ("state", "done"),
    "/pair": ("code", "lang"),
    "/p/{token}": ("lang", "score"),
    "/s/{token}": ("lang", "score"),
    "/o/{token}": ("lang",),
    "/board/{store}": ("key", "lang"),
}

BROKEN = {
    "in no known letters": (f"{URLENCODED}; charset=nonsense", b"to=x"),
    "in two bytes a letter": (f"{URLENCODED}; charset=utf-16", b"to=x\xff"),
    "in letters that are none": (f"{URLENCODED}; charset=unicode_escape", rb"to=\ud800&name=\ud800&once=\ud800"),
    "in bytes of another kind": (f"{URLENCODED}; charset=hex", b"to=x"),
    "with bytes beyond ASCII": (URLENCODED, b"\xff=\xfe&\x00=\x00&=&&;=;"),
    "with a thousand fields": (URLENCODED, b"&".join(b"f%d=1" % n for n in range(3000))),
    "with the same field twice": (
        URLENCODED,
        b"to=a&to=b&name=a&name=b&version=1&version=2&once=1&once=2&score=1&score=2",
    ),
    "nested": (URLENCODED, b"to[x]=1&name[]=1&name.x=2&version[0][0]=1&a[b[c=1"),
    "without a boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "cut off": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="to"\r\n\r\nabc'),
    "of parts in parts": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\na\r\n--y--\r\n--x--\r\n",
    ),
    "with a nameless part": ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
    "with a name of bytes": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=\"\xff\x00\"; filename*=utf-16''%ff\r\n\r\n\xff\r\n--x--\r\n",
    ),
    "packed as nobody knows": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="to"\r\nContent-Transfer-Encoding: uu\r\n\r\n!!!\r\n--x--\r\n',
    ),
}
"""Forms that are none."""


class Place(NamedTuple):
    """An API, what its addresses name, the cookie of somebody who may do everything; what was told, what crashed."""

    api: Api
    shop: Shop
    known: dict[str, str]
    cookie: str
    told: Counter[int]
    crashed: list[str]

    def hear(self, status: int, where: str) -> None:
        """Note an answer."""
        self.told[status] += 1
        if status >= 500 or not status:
            self.crashed.append(f"{where}: {status}")


@pytest.fixture
async def place(shop: Shop, database_url: str) -> AsyncIterator[Place]:
    """A shop with one of everything, that limits nobody."""
    unlimited = {"public_rate_limit_per_second": 0, "rate_limit_per_second": 0}
    settings = settings_for(database_url, trusted_proxies=("127.0.0.0/8",), **unlimited)
    await shop.stock("tea", 1000)
    waiting = await shop.ready("tea", 1)
    hook, _ = await listen(shop)
    async with serve(settings, shop.pool) as api:
        key = await api.key()
        clerk = (await api.post("/v1/stores/lyon/clerks", {"name": "Alix", "pin": "482913"})).json
        caller = await Keyring(shop.pool).authenticate(await api.key(*Scope))
        async with transaction(shop.pool) as db:
            cookie = await admin_sessions.begin(db, caller, language="fr")
        known = {"store": "lyon", "token": waiting["pickup_url"].rpartition("/")[2], "id": str(hook.id), "key": key}
        known |= {"clerk": clerk["id"], "device": "x"}
        yield Place(api, shop, known, f"{COOKIE}={cookie}", Counter(), [])


FOUND = {
    ("/admin/sign-in", "to"): ("a line of its own",),
    ("/admin/language", "to"): ("a line of its own",),
    ("/admin/stores/{store}", "city"): ("a NUL",),
    ("/admin/stores/{store}", "hold_minutes"): ("5,000 digits",),
    ("/admin/stores/{store}", "instructions_fr"): ("a NUL",),
    ("/admin/stores/{store}", "version"): ("5,000 digits", "more than fits"),
    ("/admin/messages", "version"): ("5,000 digits",),
    ("/admin/webhooks/{id}", "version"): ("5,000 digits",),
}
"""What crashed once, and is tried each time."""


def filled(path: str, known: dict[str, str]) -> str:
    """The path with what there is in its places."""
    return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], path)


def some(number: int, path: str, field: str) -> Iterator[str]:
    """Some odd values, others each time, or all of them; and what this field crashed by once."""
    every = list(ODD)
    chosen = [every[(SEED + number * EACH + step) % len(every)] for step in range(min(EACH, len(every)))]
    yield from dict.fromkeys([*chosen, *FOUND.get((path, field), ())])


async def send(place: Place, method: str, path: str, what: str, **content: Any) -> None:
    """Ask as a browser does, and hold the answer against what may be answered."""
    headers = {"Cookie": place.cookie, "Origin": place.api.url, "Accept": "text/html", **content.pop("headers", {})}
    where = f"{method} {path[:80]}, {what}"
    try:
        async with place.api.session.request(
            method, place.api.url + path, headers=headers, allow_redirects=False, **content
        ) as answer:
            assert "a=b" not in answer.headers.get("Set-Cookie", ""), where
            place.hear(answer.status, where)
    except aiohttp.ClientError:
        place.hear(0, where)


async def versions(shop: Shop, path: str) -> str:
    """The version that a form has to name to be taken."""
    table = "webhook_endpoint" if "webhooks" in path else "message_policy" if "policy" in path else "store"
    return str(await shop.pool.fetchval(f"select coalesce(max(version), 0) from {table}"))


def test_every_form_is_known() -> None:
    sent = {one.path for one in routes.ENDPOINTS if one.method == "POST" and (one.page or one.tag == "Customer")}
    assert sent == FORMS.keys()


async def test_whatever_is_typed_into_a_form_is_taken_or_refused(place: Place, seen: Seen) -> None:
    for path, fields in FORMS.items():
        if path == "/admin/imports":
            continue  # which takes a file, not this
        for field in fields:
            for what in some(place.told.total(), path, field):
                n = place.told.total()
                now = {**place.known, "n": str(n), "version": await versions(place.shop, path)}
                usual = {name: quote(filled(value, now)) for name, value in fields.items()}
                body = "&".join(f"{name}={value}" for name, value in {**usual, field: ODD[what]}.items())
                await place.shop.pool.execute("delete from attempt")
                headers = {"Content-Type": URLENCODED}
                await send(place, "POST", filled(path, now), f"{field} is {what}", data=body, headers=headers)
    assert not place.crashed, "\n".join(place.crashed)
    seen(f"{place.told.total()} forms with something odd in one field: {dict(place.told)}")


async def test_a_form_that_is_none_is_refused(place: Place, seen: Seen) -> None:
    for path in FORMS:
        for what, (kind, body) in BROKEN.items():
            headers = {"Content-Type": kind}
            await send(place, "POST", filled(path, place.known), what, data=body, headers=headers)
    assert not place.crashed, "\n".join(place.crashed)
    seen(f"{place.told.total()} forms that can't be read: {dict(place.told)}")


async def test_whatever_an_address_asks_for_is_a_page_or_a_refusal(place: Place, seen: Seen) -> None:
    for path, names in QUERIES.items():
        for name in names:
            for what, odd in ODD.items():
                if len(odd) < 5000:
                    query = f"{filled(path, place.known)}?{name}={odd}"
                    await send(place, "GET", query, what)
    for path in ("/p/{}", "/p/{}/qr.svg", "/s/{}", "/o/{}", "/board/{}", "/admin/stores/{}", "/counter/static/{}/x.js"):
        for what, odd in ODD.items():
            if 0 < len(odd) < 5000:
                await send(place, "GET", path.format(odd), what)
                token = place.known["token"]
                await send(place, "POST", f"/p/{token[:4]}{odd}{token[4:]}/arrive", what)
    assert not place.crashed, "\n".join(place.crashed)
    seen(f"{place.told.total()} addresses with something odd: {dict(place.told)}")


HOLD = json.dumps(order("x")).encode()
VALUES = {
    "nothing": b"",
    "bytes": b"\xff\xfe\x80",
    "half a surrogate": b"\xed\xa0\x80",
    "beyond ASCII": "é€\u202e".encode(),
    "Latin 1": "é".encode("latin-1"),
    "a tab": b"a\tb",
    "8,000 letters": b"a" * 8000,
    "9,000 letters": b"a" * 9000,
    "a quote": b'"',
    "a quoted nothing": b'""',
    "punctuation": b"=;=;;,,,:/?#[]@\\",
    "escapes": b"%00%ff%ed%a0%80",
    "many digits": b"9" * 300,
    "more than fits": b'"99999999999999999999"',
    "less than nothing": b"-1",
    "a digit of elsewhere": "７²".encode(),
    "two thousand of them": b"a," * 2000,
    "a weak tag": b'W/"1", *, "',
    "ranges": b"bytes=-1,5-1,99999999999999999999999-,0-0",
    "a range of nobody": b"bytes=9999999-",
    "a date that is none": b"Thu, 99 Foo 99999 99:99:99 GMT",
    "letters of nobody": b"application/json; charset=nonsense",
    "two bytes a letter": b"text/csv; charset=utf-16",
    "a boundary of no length": b'multipart/form-data; boundary=""',
    "qualities": b"fr;q=x, *;q=99999999999999999999, ;q=",
    "an address that is none": b"[::1, 999.1.1.1, ::ffff:1.2.3.4%eth0, 10.0.0.1",
    "a cookie that is none": b'__Host-comptoir-admin="\\377\\400; __Host-comptoir-device=cd_; =; $Version=1',
    "a trace that is none": b"00-" + b"g" * 32 + b"-" + b"0" * 16 + b"-zz",
}
HEADERS: dict[str, tuple[str, ...]] = {
    "Accept": ("GET /p/{token}",),
    "Accept-Encoding": ("GET /counter/static/{version}/main.js",),
    "Accept-Language": ("GET /admin/sign-in", "GET /pair", "GET /o/{token}"),
    "Authorization": ("GET /v1/stores", "POST /v1/stores/lyon/reservations"),
    "Content-Encoding": ("POST /v1/stores/lyon/reservations", "POST /v1/items/imports", "POST /p/{token}/cancel"),
    "Content-Type": (
        "POST /v1/stores/lyon/reservations",
        "POST /v1/items/imports",
        "POST /p/{token}/cancel",
        "POST /o/{token}",
        "POST /admin/sign-in",
        "POST /admin/imports",
    ),
    "Cookie": ("GET /admin/stores", "POST /admin/keys", "GET /v1/stores", "POST /v1/clerk-sessions"),
    "Host": ("POST /admin/sign-in", "GET /livez"),
    "Idempotency-Key": ("POST /v1/stores/lyon/reservations", "POST /v1/items/imports"),
    "If-Match": ("PUT /v1/items/tea", "PUT /v1/stores/lyon"),
    "If-Modified-Since": ("GET /static/admin.css",),
    "If-None-Match": ("GET /p/{token}", "GET /static/admin.css", "GET /counter/static/{version}/main.js"),
    "If-Range": ("GET /static/admin.css",),
    "Last-Event-ID": ("GET /v1/stores/lyon/stream",),
    "Origin": ("POST /admin/sign-in",),
    "Range": ("GET /static/admin.css", "GET /p/{token}", "GET /docs"),
    "Sec-Fetch-Site": ("POST /admin/sign-in",),
    "X-Forwarded-For": ("GET /p/{token}", "POST /pair", "POST /v1/devices/claim"),
    "X-Request-Id": ("GET /p/{token}",),
    "traceparent": ("POST /v1/stores/lyon/reservations",),
}
OWN = {"authorization", "cookie", "origin", "content-type", "idempotency-key", "host"}


async def heard(place: Place, asked: str, name: str, lines: list[bytes]) -> int:
    """Send a header as it is, byte for byte; the status of the answer."""
    where = urlsplit(place.api.url)
    method, path = filled(asked, {**place.known, "version": counter.version()}).split(" ")
    body = b"" if method == "GET" else b'{"name": "Tea"}' if method == "PUT" else HOLD
    usual = {
        "host": f"{where.netloc}",
        "authorization": f"Bearer {place.known['key']}",
        "cookie": place.cookie,
        "origin": place.api.url,
        "content-type": "application/json",
        "idempotency-key": "k",
    }
    head = [f"{other}: {value}".encode() for other, value in usual.items() if other != name.lower()]
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        start = f"{method} {path} HTTP/1.1".encode()
        end = [b"Connection: close", b"Content-Length: %d" % len(body)]
        writer.write(b"\r\n".join([start, *head, *(name.encode() + b": " + line for line in lines), *end, b"", body]))
        first = await asyncio.wait_for(reader.readline(), 10)
        return int(first.split()[1]) if first else 0
    finally:
        writer.transport.abort()


async def test_whatever_a_header_says_is_heard_or_refused(place: Place, seen: Seen) -> None:
    for name, asked in HEADERS.items():
        for count, (what, value) in enumerate(VALUES.items()):
            if not THOROUGH and (count + len(name) + SEED) % 2:
                continue
            for number, one in enumerate(asked):
                lines = [value] if (len(what) + number) % 4 else [value, value]
                place.hear(await heard(place, one, name, lines), f"{one}, {name} is {what}, {len(lines)} times")
    assert not place.crashed, "\n".join(place.crashed)
    seen(f"{place.told.total()} requests with something odd in a header: {dict(place.told)}")
