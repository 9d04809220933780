"""The words: complete in both languages, one text message long, readable by everybody."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest

from service.messages import examples, gsm
from service.messages.letters import Letter, write
from service.messages.own_words import OwnWords
from service.messages.words import WORDS, Words
from service.models.notifications import Kind
from service.settings import Settings
from tests.shop import settings_for

KINDS = get_args(Kind)
LANGUAGES = sorted(WORDS.languages)
TEXTS = sorted({file.name.removesuffix(".sms.txt") for file in WORDS.folder.glob("*/*.sms.txt")})
"""Every text message that there are words for: a kind, or a kind and whom it is for."""
LINK = "https://retrait.atelier-lumiere.fr/p/2222H7K3F2BCDFGHJKNPRSTV"

REAL = {
    "retailer": "Atelier Lumière",
    "public_url": "https://retrait.atelier-lumiere.fr",
    "email_from": "commandes@atelier-lumiere.example",
}


def settings(**others: Any) -> Settings:
    return settings_for("postgresql://nobody@localhost/x").model_copy(update=REAL | others)


def row(kind: str, channel: str, locale: str = "fr-FR", **changes: Any) -> dict[str, Any]:
    """What `contents` would say of an order as shops have them."""
    order = {
        "customer": {"name": "Camille Durand"},
        "order_ref": "WEB-104233",
        "pickup_code": "7K3F9P",
        "pickup_url": LINK,
        "currency": "EUR",
        "amount_due": 3990,
        "paid": False,
        "extended": False,
        "hold_expires_at": "2026-11-24T10:15:00.000000Z",
        "ready_by": "2026-11-24T16:00:00.000000Z",
        "answer_by": "2026-11-24T18:30:00.000000Z",
        "collect_by": "2026-11-25T18:30:00.000000Z",
        "total": 6780,
        "lines": [{**examples.ORDER["lines"][0], "name": "Lampe de bureau <Lucie>"}, examples.ORDER["lines"][1]],
    }
    order |= changes.pop("order", {})
    return {
        "id": UUID("01a20822-4f32-752c-b487-bc28d7e83e6d"),
        "store_id": "lyon",
        "reservation_id": UUID(int=7),
        "kind": kind,
        "channel": channel,
        "person": "customer",
        "address": "camille@atelier.example" if channel == "email" else "+33639980001",
        "locale": locale,
        "reservation": json.dumps(order),
        "token": "2222H7K3F2BCDFGHJKNPRSTV",
        "store_name": "Lyon Bellecour",
        "time_zone": "Europe/Paris",
        "store_address": {"line1": "12 rue de la République", "postcode": "69002", "city": "Lyon"},
        "store_phone": "+33478000000",
        "instructions": {"fr": "Comptoir au fond à gauche.", "en": "Counter at the back, left."},
        "facts": {"cause": "out_of_stock"} if kind == "cancelled" else None,
        **changes,
    }


def every(channel: str) -> list[Letter]:
    return [write(row(kind, channel, locale), settings=settings()) for kind in KINDS for locale in LANGUAGES]


class Page(HTMLParser):
    """What a reader gets out of an HTML page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data

    def has(self, tag: str) -> dict[str, str | None]:
        return next(attributes for name, attributes in self.tags if name == tag)


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("name", TEXTS)
def test_every_message_fits_one_text_message(name: str, locale: str) -> None:
    kind, _, person = name.partition(".")
    text = write(row(kind, "sms", locale, person=person or "customer"), settings=settings()).text
    cost = gsm.septets(text)
    assert cost is not None, f"{name} leaves the alphabet: {text}"
    assert cost <= gsm.SEGMENT, f"{cost}: {text}"
    assert gsm.segments(text) == 1
    assert text.startswith("Atelier Lumière")


@pytest.mark.parametrize("locale", LANGUAGES)
def test_the_delegates_text_names_the_customer_and_opens_nothing_but_the_door(locale: str) -> None:
    text = write(row("ready", "sms", locale, person="delegate"), settings=settings()).text
    assert gsm.segments(text) == 1
    assert "Camille Durand" in text
    assert "7K3F9P" in text
    assert "/p/" not in text


@pytest.mark.parametrize("public", ["https://retrait.atelier-lumiere.fr", "http://localhost:8080", "https://counter"])
def test_a_text_message_says_whether_it_holds_a_link(public: str) -> None:
    order = {"pickup_url": f"{public}/p/2222H7K3F2BCDFGHJKNPRSTV"}
    texts = {
        kind: write(row(kind, "sms", order=order), settings=settings(public_url=public))
        for kind in ("confirmed", "short", "ready", "cancelled", "collected")
    }
    assert [kind for kind, text in texts.items() if text.has_link] == ["confirmed", "short", "ready"]
    assert not write(row("ready", "sms", person="delegate"), settings=settings()).has_link


def test_a_link_of_the_shop_s_own_is_one_too() -> None:
    for words, has in (
        ("{{ shop }} : voyez atelier.fr/retrait", True),
        ("{{ shop }} : www.atelier.fr", True),
        ("{{ shop }} : a bientot. 12/24 h, 3.50/kg", False),
    ):
        own = OwnWords("fr", (("text", words),))
        assert write(row("collected", "sms"), settings=settings(), own=own).has_link is has


def test_the_templates_themselves_stay_within_the_alphabet() -> None:
    """Spelling ê as e is for names; our own words need no such mercy."""
    for file in WORDS.folder.glob("*/*.sms.txt"):
        name, words = file.name, re.sub(r"{[{%].*?[}%]}", "", file.read_text())
        assert set(words) <= gsm.BASIC, f"{name}: {set(words) - gsm.BASIC}"


def test_a_long_name_is_shortened_rather_than_paid_twice() -> None:
    long = row("ready", "sms", store_name="Grande Halle de la Création Artisanale du Vieux-Port de Marseille Nord")
    text = write(long, settings=settings()).text
    assert gsm.segments(text) == 1
    assert "7K3F9P" in text
    assert "/p/2222H7K3F2BCDFGHJKNPRSTV" in text


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("retailer", [REAL["retailer"], "Grands Magasins du Vieux-Port!"])
def test_no_order_that_words_stumble_over_costs_a_second_text_message(locale: str, retailer: str) -> None:
    ours = settings(retailer=retailer)
    for name in TEXTS:
        kind, _, person = name.partition(".")
        for example, found in examples.rows(kind, "sms", locale, settings=ours, person=person or "customer"):
            text = write(found, settings=ours).text
            assert gsm.segments(text) == 1, f"{name}, {example}: {text}"
            assert (gsm.septets(text) or 999) <= gsm.SEGMENT, f"{name}, {example}: {text}"


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_delegate_s_opting_out_is_confirmed_in_the_words_for_everybody(locale: str) -> None:
    ours = settings()
    letters = [write(row("opted_out", "sms", locale, person=who), settings=ours) for who in ("delegate", "customer")]
    assert letters[0].text == letters[1].text


PRICES = {
    "of a unit": ({"unit_price": 1250, "total": None}, "12,50", "€25.00"),
    "of the line": ({"unit_price": None, "total": 2505}, "12,52", "€25.05"),
}


@pytest.mark.parametrize("price", PRICES)
def test_who_has_paid_is_told_what_they_get_back(price: str) -> None:
    columns, missing, all_of_it = PRICES[price]
    line = {"sku": "a", "name": "Lampe", "asked": 2, "quantity": 2, "short": 1, "collected": 0, "refused": 0} | columns
    order = {"paid": True, "amount_due": 0, "lines": [line], "total": columns["total"] or 2500}
    for kind in ("short", "ready", "reminder"):
        letter = write(row(kind, "email", order=order), settings=settings())
        for words in (letter.text, Page(letter.html or "").words):
            said = f"sera remboursé par la boutique où vous avez commandé\u00a0: {missing}\u00a0€."
            assert said in re.sub(r"[ \n]+", " ", words)
    short = order | {"pickup_url": "https://k.fr/p/2222H7K3F2BCDFGHJKNPRSTV"}  # else the amount is what gives way
    assert f" {missing} € remboursés. " in write(row("ready", "sms", order=short), settings=settings()).text
    for channel in ("email", "sms"):
        assert all_of_it in write(row("cancelled", channel, "en", order=order), settings=settings()).text
    unpaid = write(row("ready", "email", order=order | {"paid": False}), settings=settings())
    assert "rembours" not in unpaid.text


@pytest.mark.parametrize(("units", "said"), [(1, "il manque un article"), (2, "il manque des articles")])
def test_one_thing_that_is_missing_is_not_several(units: int, said: str) -> None:
    order = {"lines": [{**examples.ORDER["lines"][0], "short": units}]}
    text, mail = (write(row("short", channel, order=order), settings=settings()) for channel in ("sms", "email"))
    assert (said in text.text, said in (mail.subject or ""), said in mail.text.lower()) == (True, True, True)


def test_names_are_spelled_within_the_alphabet() -> None:
    assert gsm.spelled("L’Œuvre d’Élodie, « forêt » – ça") == "L'OEuvre d'Élodie, \"foret\" - ca"
    assert gsm.spelled("Магазин") == "Магазин"
    assert gsm.septets("€") == 2
    assert gsm.septets("ê") is None
    assert (gsm.segments("a" * 160), gsm.segments("a" * 161), gsm.segments("ê" * 70), gsm.segments("ê" * 71)) == (
        1,
        2,
        1,
        2,
    )


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_mail_can_be_read_by_everybody(kind: str, locale: str) -> None:
    letter = write(row(kind, "email", locale), settings=settings())
    assert letter.html is not None
    page = Page(letter.html)
    assert page.open == []
    assert page.has("html")["lang"] == locale
    assert letter.subject
    assert f"<title>{letter.subject}</title>" in letter.html
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "form"} == set()
    assert {attributes.get("role") for tag, attributes in page.tags if tag == "table"} == {"presentation"}
    assert page.has("div")["style"] is not None
    sizes = re.findall(r"font-size: ?(\d+)px", re.sub(r"<!--.*?-->", "", letter.html))
    assert {size for size in map(int, sizes) if size < 16} <= {0, 1}  # of what is not to be seen: gaps, and the preview
    assert "prefers-color-scheme: dark" in letter.html
    assert letter.html.count(" !important") > 10  # French marks leave styles alone
    for tag, attributes in page.tags:
        if tag == "img":
            assert attributes["alt"]
            assert attributes["src"] == "cid:qr"
    addresses = {attributes.get("href") or attributes.get("src") for _, attributes in page.tags} - {None}
    assert addresses <= {LINK, LINK.replace("/p/", "/o/"), "tel:+33478000000", "cid:qr"}
    assert "url(" not in letter.html
    assert "None" not in page.words
    assert "<Lucie>" not in letter.html  # a name is no markup
    assert "<Lucie>" in page.words


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("#1f2328", "#ffffff"),
        ("#4d5560", "#ffffff"),
        ("#4d5560", "#f4f2ee"),
        ("#ffffff", "#14532d"),
        ("#eceff2", "#1c2126"),
        ("#b5bec8", "#1c2126"),
        ("#b5bec8", "#111417"),
        ("#0b1f12", "#86efac"),
    ],
)
def test_ink_stands_out_from_paper(ink: str, paper: str) -> None:
    html = write(row("ready", "email"), settings=settings()).html or ""
    assert ink in html
    assert paper in html
    dark, light = sorted((_luminance(ink), _luminance(paper)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_mail_of_a_ready_order_says_all_one_needs() -> None:
    letter = write(row("ready", "email"), settings=settings())
    page = Page(letter.html or "")
    for words in (letter.text, page.words):
        for said in (
            "Camille Durand",
            "Lyon Bellecour",
            "12 rue de la République",
            "69002 Lyon",
            "7K3F9P",
            "mercredi 25\u00a0novembre à 19\u00a0h\u00a030",
            "39,90\u00a0€",
            "1 × Lampe de bureau <Lucie>",
            "4 × Ampoule E27",
            "Comptoir au fond à gauche.",
            "+33\u00a04\u00a078\u00a000\u00a000\u00a000",
        ):
            assert said in words
    assert (letter.subject, letter.language) == ("Votre commande WEB-104233 est prête", "fr")
    assert letter.ref == f"{letter.id}@atelier-lumiere.example"
    again = write(row("ready", "email") | {"revivals": 1}, settings=settings())  # by hand
    assert again.ref == f"{letter.id}.1@atelier-lumiere.example"
    assert (letter.sender, letter.sender_name) == ("commandes@atelier-lumiere.example", "Atelier Lumière")
    assert (letter.qr or b"").startswith(b"\x89PNG")
    assert "data:image/png;base64," in (letter.html_with_qr() or "")


def test_english_customers_read_english() -> None:
    letter = write(row("ready", "email", "en-GB"), settings=settings())
    assert "Wednesday 25\u00a0November at 7:30\u00a0pm" in letter.text
    assert "€39.90" in letter.text
    assert "Counter at the back, left." in letter.text
    assert letter.subject == "Your order WEB-104233 is ready"


def test_others_read_the_shops_language() -> None:
    assert write(row("ready", "email", "de-DE"), settings=settings()).language == "fr"
    assert write(row("ready", "email", "de-DE"), settings=settings(default_locale="en")).language == "en"


def test_french_never_breaks_a_line_before_its_marks() -> None:
    for letter in every("email"):
        if letter.language == "fr":
            words = Page(letter.html or "").words
            for text in (letter.text, letter.subject or "", words):
                assert not re.search(r" [:;!?»€]", text), text


def test_what_was_paid_is_not_asked_for() -> None:
    letter = write(row("ready", "email", order={"amount_due": 0, "paid": True}), settings=settings())
    assert "régler" not in letter.text
    priceless = write(row("ready", "email", order={"amount_due": None, "currency": None}), settings=settings())
    assert "régler" not in priceless.text


def test_an_order_number_cannot_forge_a_header() -> None:
    letter = write(row("ready", "email", order={"order_ref": "1\r\nBcc: x@y.example"}), settings=settings())
    assert "\n" not in (letter.subject or "")
    assert "\r" not in (letter.subject or "")


@pytest.mark.parametrize(("channel", "person"), [("sms", "delegate"), ("email", "customer")])
def test_a_name_cannot_make_a_link_in_a_message_to_somebody_else(channel: str, person: str) -> None:
    def written(name: str) -> str:
        order = {"customer": {"name": name}}
        return write(row("ready", channel, person=person, order=order), settings=settings()).text.lower()

    for name in ("Voir http://prix.example/a", "WWW.prix\uff0eexample", "vous@prix.example", "prix\u2024example/a"):
        assert "prix example" in written(name)
        assert not re.search(r"[.@/]prix", written(name))
    assert "j.-p. o'neil/j.b." in written("J.-P. O'Neil/J.B.")


def test_a_shop_without_a_name_signs_as_its_store() -> None:
    letter = write(row("ready", "sms"), settings=settings(retailer=""))
    assert letter.text.startswith("Lyon Bellecour : commande disponible jusqu'au 25/11 19h30.")


def test_a_customer_whose_name_was_forgotten_is_greeted_by_no_name() -> None:
    letter = write(row("ready", "email", order={"customer": {"name": None}}), settings=settings())
    assert "Bonjour" not in letter.text
    assert "None" not in letter.text


def test_every_language_has_the_same_messages() -> None:
    names = {name: {file.name for file in (WORDS.folder / name).iterdir()} for name in LANGUAGES}
    assert all(files == names["fr"] for files in names.values())
    assert {"opted_out", *KINDS} == {name.partition(".")[0] for name in TEXTS}
    for kind in KINDS:
        assert {f"{kind}.subject.txt", f"{kind}.txt", f"{kind}.html", f"{kind}.sms.txt"} <= names["fr"]


def test_a_third_language_is_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    shutil.copytree(WORDS.folder, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(folder / "en", folder / "nl")
    spells = json.loads((folder / "nl" / "spelling.json").read_text())
    spells |= {
        "days": ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        "moment": "{day} {at.day} {month} om {hour}.{minute:02} uur",
        "thousands": ".",
        "decimal": ",",
        "amount": "{symbol} {number}",
    }
    (folder / "nl" / "spelling.json").write_text(json.dumps(spells))
    for file in (folder / "nl").glob("*.*"):
        if file.suffix in {".txt", ".html"}:
            file.write_text(file.read_text().replace("en/frame", "nl/frame").replace("Hello", "Beste"))
    letter = write(row("ready", "email", "nl-BE"), settings=settings(), words=Words(folder))
    assert letter.language == "nl"
    assert "Beste Camille Durand," in letter.text
    assert "woensdag 25 November om 19.30 uur" in letter.text
    assert "€ 39,90" in (letter.html or "")
    assert write(row("ready", "email", "nl-BE"), settings=settings()).language == "fr"  # without it, the shop's


def test_only_reminders_tell_how_to_have_no_more_of_them() -> None:
    told = {letter.kind for letter in every("email") if letter.opt_out}
    assert told == {"reminder"}
    letter = write(row("reminder", "email"), settings=settings())
    assert letter.opt_out == LINK.replace("/p/", "/o/")
    for words in (letter.text, letter.html or ""):
        assert letter.opt_out in words
