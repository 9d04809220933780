"""The shop's own words: what is refused and why, what is tried out, and that no message is held back by them."""

from typing import Any

import pytest

from service import events, message_templates
from service.database import transaction
from service.errors import InvalidRequest
from service.messages import examples, facts
from service.messages.letters import write
from service.messages.own_words import OwnWords
from service.models.message_templates import MessageTemplateBody
from tests.shop import Shop, settings_for
from tests.workers.test_notifications import Moody
from workers.notifications import Sender

SETTINGS = settings_for("postgresql://nobody@localhost/x")
READY = ("ready", "email", "fr")
PLAIN = "Votre commande {{ order_ref }} est prête : {{ code }}, {{ link }}"


def try_out(name: tuple[str, str, str] = READY, **parts: str) -> OwnWords:
    return message_templates.try_out(name, MessageTemplateBody(**parts), settings=SETTINGS)


def refused(name: tuple[str, str, str] = READY, **parts: str) -> dict[str, Any]:
    """What is said about the first thing that is wrong."""
    with pytest.raises(InvalidRequest) as said:
        try_out(name, **parts)
    fault: dict[str, Any] = said.value.facts["errors"][0]
    return fault


@pytest.mark.parametrize(
    ("words", "line", "advice"),
    [
        ("{{ code }}\n{% if due %}", 2, "Unexpected end of template"),
        ("{{ code }}\n{{ colour }}", 2, "there is no 'colour'; there are address, brief_moment, code"),
        ("{{ code }}\n\n{{ range(9) }}", 3, "nothing can be called"),
        ("{{ code }}{{ shop.__class__ }}", 1, "'__class__' is out of reach"),
        ("{{ code }}{{ ''['__class__'] }}", 1, "not allowed here"),
        ("{{ code }}{{ 9 ** 9 }}", 1, "'pow' is not allowed"),
        ("{{ code }}{{ 'a' * 99999999 }}", 1, "'mul' is not allowed"),
        ("{{ code }}{{ shop|center(99999999) }}", 1, "there is no filter 'center'"),
        ("{{ code }}{% for line in lines %}{% for line in lines %}{% endfor %}{% endfor %}", 1, "a loop in a loop"),
        ("{{ code }}{% for line in shop %}{% endfor %}", 1, "a loop goes over one of address, lines, missing"),
        ("{{ code }}{% for lines in lines %}{% endfor %}", 1, "call what the loop goes over `line`"),
        ("{{ code }}{% for line in lines recursive %}{{ loop(lines) }}{% endfor %}", 1, "a loop in a loop"),
        ("{{ code }}{% set x = 1 %}", 1, "'assign' is not allowed"),
        ("{{ code }}{% macro x() %}{{ x() }}{% endmacro %}", 1, "'macro' is not allowed"),
        ("{{ code }}{% include '/etc/passwd' %}", 1, "'include' is not allowed"),
        ("{% extends '../../../etc/passwd' %}", 1, "../../../etc/passwd"),
        ("{% extends shop %}", 1, "extends takes a name"),
        ("{{ code }}{% for line in lines %}\n{{ line.price }}\n{% endfor %}", 2, "no attribute 'price'"),
        ("{{ code }}\n{{ name|upper }}{{ instructions.fr }}", 2, "no attribute 'fr'"),
        ("{{ code }}\n\nProfitez de nos nouveautés", 3, "'Profitez' advertises"),
        ("Elle est prête.", None, "say {{ code }}"),
        ("{{ code }}" + "{% for line in lines %}" + "x" * 1000 + "{% endfor %}", None, "grows beyond"),
    ],
)
def test_a_broken_template_is_refused_with_its_line_and_what_to_do(words: str, line: int | None, advice: str) -> None:
    fault = refused(text=words)
    assert (fault["pointer"], fault["line"]) == ("/text", line), fault
    assert advice in fault["message"]


@pytest.mark.parametrize(
    ("page", "advice"),
    [
        ("<p>{{ code }}</p><script>1</script>", "mail programs drop it"),
        ("<p onclick='x()'>{{ code }}</p>", "mail programs drop it"),
        ("<mjml><mj-body><mj-sektion>{{ code }}</mj-sektion></mj-body></mjml>", "<mj-sektion> is no element"),
        ("<mjml><mj-body>{{ code }}", "it is no MJML"),
    ],
)
def test_a_page_is_held_against_what_mail_programs_show(page: str, advice: str) -> None:
    fault = refused(html=page)
    assert fault["pointer"] == "/html"
    assert advice in fault["message"]


def test_a_part_must_be_one_of_its_message() -> None:
    assert refused(delegate_text=PLAIN)["pointer"] == "/delegate_text"
    assert refused(("ready", "sms", "fr"), subject="Prête")["pointer"] == "/subject"
    assert refused(("confirmed", "sms", "fr"), delegate_text=PLAIN)["pointer"] == "/delegate_text"


def test_a_text_message_may_not_become_a_letter() -> None:
    fault = refused(("ready", "sms", "fr"), text=PLAIN + " merci" * 80)
    assert "text messages" in fault["message"]


BLOCKS = '{% extends "fr/frame.html" %}{% block headline %}Prête !{% endblock %}{% block sentence %}Ici.{% endblock %}'
MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>{{ code }} : {{ name }}</mj-text>
</mj-column></mj-section></mj-body></mjml>"""
PAGE = """<!doctype html><html><body>
{% for line in lines %}<p>{{ line.units }} {{ line.name|upper }}</p>{% endfor %}
{% if code %}<b>{{ code }}</b>{% else %}{{ link or '' }}{% endif %}
</body></html>"""


@pytest.mark.parametrize("page", [BLOCKS, MJML, PAGE])
def test_a_page_can_be_written_in_three_ways(page: str) -> None:
    own = try_out(html=page)
    letter = write(examples.row("ready", "email", "fr", settings=SETTINGS), settings=SETTINGS, own=own)
    assert letter.own_failed is None
    assert examples.CODE in (letter.html or "")
    assert letter.subject == "Votre commande WEB-104233 est prête"  # what is left out stays ours


def test_names_are_no_markup_in_the_shop_s_words_either() -> None:
    own = try_out(html="<p>{{ code }} {{ name }}</p>", text="{{ code }} {{ name }}")
    row = examples.row("ready", "email", "fr", settings=SETTINGS, order={"customer": {"name": "<b>Lucie</b> & co"}})
    letter = write(row, settings=SETTINGS, own=own)
    assert "&lt;b&gt;Lucie&lt;/b&gt; &amp; co" in (letter.html or "")
    assert "<b>Lucie</b> & co" in letter.text


async def keep(shop: Shop, name: tuple[str, str, str], **parts: str) -> None:
    async with transaction(shop.pool) as db:
        await message_templates.put(db, name, MessageTemplateBody(**parts), settings=SETTINGS)


async def send(shop: Shop, channel: str) -> list[str]:
    """Relay and send; what was said."""
    for store in await events.waiting_stores(shop.pool):
        await events.relay(shop.pool, store)
    said: list[str] = []

    class Listening(Moody):
        async def send(self, letter: Any) -> str:
            said.append(letter.text)
            return "taken"

    sender = Sender(shop.pool, shop.settings, channel, Listening([]))
    while await sender.send_due():
        pass
    return said


async def test_the_shop_s_words_go_out_instead_of_ours(shop: Shop) -> None:
    await shop.stock("tea", 5)
    await keep(shop, ("ready", "sms", "fr"), text="Tout est prêt. Code {{ code }}, {{ link }}")
    ready = await shop.ready("tea", 1)
    assert await send(shop, "sms") == [
        f"Tout est pret. Code {ready['pickup_code']}, {ready['pickup_url'].removeprefix('https://')}"
    ]


async def test_words_that_fail_at_last_hold_back_no_message_and_are_told(shop: Shop) -> None:
    """What was checked once may fail with the next version of ours; its customer must not notice."""
    await shop.stock("tea", 5)
    await keep(shop, ("ready", "sms", "fr"), text="Code {{ code }}, {{ link }}")
    await shop.pool.execute("""update message_template set parts = '{"text": "{{ gone }} {{ code }}"}'""")
    ready = await shop.ready("tea", 1)
    [text] = await send(shop, "sms")
    assert text.startswith("Atelier lyon : commande disponible")
    assert ready["pickup_code"] in text
    row = await shop.pool.fetchrow("select failures, failure from message_template")
    assert row is not None
    assert tuple(row) == (1, "UndefinedError: 'gone' is undefined")
    await keep(shop, ("ready", "sms", "fr"), text="Code {{ code }}, {{ link }}")
    assert await shop.pool.fetchval("select failures from message_template") == 0


@pytest.mark.parametrize(
    ("collect_by", "told"),
    [
        ("2026-11-25T22:59:00Z", "mercredi 25\u00a0novembre à 23\u00a0h\u00a059"),
        ("2026-11-25T23:00:00Z", "mercredi 25\u00a0novembre à 23\u00a0h\u00a059"),
        ("2026-11-25T23:01:00Z", "jeudi 26\u00a0novembre à 0\u00a0h\u00a001"),
        ("2026-03-28T23:00:00Z", "samedi 28\u00a0mars à 23\u00a0h\u00a059"),  # before the short day
        ("2026-03-29T22:00:00Z", "dimanche 29\u00a0mars à 23\u00a0h\u00a059"),  # and after it
    ],
)
def test_what_ends_at_midnight_ends_on_the_day_before(collect_by: str, told: str) -> None:
    """Who reads "until Thursday at 0:00" comes on Thursday."""
    order = examples.row("ready", "email", "fr-FR", settings=SETTINGS, order={"collect_by": collect_by})
    assert facts.gather(order, "fr", settings=SETTINGS)["moment"] == told
