"""E-mails through a real SMTP server that refuses, delays and drops."""

import asyncio
from dataclasses import replace
from email.message import EmailMessage
from uuid import UUID

import pytest

from demo.servers import LOOPBACK, free_port
from service.messages.letters import Letter, qr
from tests.workers.conftest import MailServer
from workers.providers.carrier import InDoubt, NotNow, NotYet, Refused
from workers.providers.email_message import compose
from workers.providers.smtp import Smtp

TOKEN = "2222H7K3F2BCDFGHJKNPRSTV"

LETTER = Letter(
    id=UUID("01a20822-0000-7000-8000-000000000001"),
    ref="01a20822@atelier.example",
    store="lyon",
    reservation=UUID(int=1),
    kind="ready",
    channel="email",
    language="fr",
    sender="commandes@atelier.example",
    sender_name="Atelier Lumière, Lyon",
    recipient="camille@atelier.example",
    subject="Votre commande est prête",
    text="Bonjour,\n.\n.. des points au début des lignes\nÀ bientôt\n",
    html='<html lang="fr"><body><p>Prête</p><img src="cid:qr" alt="QR"></body></html>',
    qr=qr(TOKEN),
)


def test_only_what_one_may_do_without_has_a_button_to_end_it() -> None:
    assert compose(LETTER)["List-Unsubscribe"] is None
    reminder = compose(replace(LETTER, kind="reminder", opt_out="https://shop.example/o/2222H7"))
    assert reminder["List-Unsubscribe"] == "<https://shop.example/o/2222H7>"
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_a_letter_arrives_as_it_was_written(mail: MailServer) -> None:
    await Smtp(mail.url).send(LETTER)
    [message] = mail.mailbox.taken
    assert message["Message-ID"] == "<01a20822@atelier.example>"
    assert message["Subject"] == "Votre commande est prête"
    assert str(message["From"]) == '"Atelier Lumière, Lyon" <commandes@atelier.example>'
    assert message["To"] == "camille@atelier.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "fr"
    assert message["Date"].datetime is not None
    assert mail.mailbox.recipients == ["camille@atelier.example"]
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert text.get_content().replace("\r\n", "\n") == LETTER.text
    assert related.get_content_type() == "multipart/related"
    page, picture = related.iter_parts()
    assert isinstance(page, EmailMessage)
    assert isinstance(picture, EmailMessage)
    assert "Prête" in page.get_content()
    assert picture["Content-ID"] == "<qr>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content() == LETTER.qr


async def test_the_same_letter_has_the_same_message_id(mail: MailServer) -> None:
    for _ in range(2):
        await Smtp(mail.url).send(LETTER)
    assert len(set(mail.mailbox.refs)) == 1


async def test_a_letter_without_a_picture_is_text_and_page(mail: MailServer) -> None:
    await Smtp(mail.url).send(replace(LETTER, qr=None))
    assert [part.get_content_type() for part in mail.mailbox.taken[0].iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("where", "answer", "problem", "reason"),
    [
        ("at_rcpt", "550 5.1.1 <camille@atelier.example> unknown", Refused, "smtp_550 5.1.1"),
        ("at_rcpt", "556 5.1.10 takes no mail", Refused, "smtp_556 5.1.10"),
        ("at_rcpt", "550 no such user", Refused, "smtp_550"),
        ("at_rcpt", "554 5.7.1 <camille@atelier.example>: Relay access denied", NotNow, "smtp_554 5.7.1"),
        ("at_rcpt", "550 5.4.1 no route", NotNow, "smtp_550 5.4.1"),
        ("at_rcpt", "530 Authentication required", NotNow, "smtp_530"),
        ("at_rcpt", "450 4.2.1 busy", NotYet, "smtp_450 4.2.1"),
        ("at_data", "554 5.1.1 <camille@atelier.example> unknown", Refused, "smtp_554 5.1.1"),
        ("at_data", "552 5.2.2 mailbox full", Refused, "smtp_552 5.2.2"),
        ("at_data", "553 5.1.8 not your domain", NotYet, "smtp_553 5.1.8"),
        ("at_data", "554 5.7.1 looks like spam", NotYet, "smtp_554 5.7.1"),
        ("at_data", "554 Message rejected: Email address is not verified", NotNow, "smtp_554"),
        ("at_data", "452 full", NotYet, "smtp_452"),
    ],
)
async def test_never_and_not_now_are_told_apart(
    mail: MailServer, where: str, answer: str, problem: type[Exception], reason: str
) -> None:
    setattr(mail.mailbox, where, answer)
    with pytest.raises(problem) as told:
        await Smtp(mail.url).send(LETTER)
    assert type(told.value) is problem
    assert str(told.value) == reason  # without the address
    assert mail.mailbox.taken == []


async def test_a_server_that_is_not_there_is_asked_later() -> None:
    with pytest.raises(NotNow):
        await Smtp(f"smtp://{LOOPBACK}:{free_port()}").send(LETTER)


async def test_a_server_that_never_greets_is_asked_later() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.close()

    async with await asyncio.start_server(silent, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotNow):
            await Smtp(f"smtp://{LOOPBACK}:{port}", seconds=0.2).send(LETTER)


async def conversation(answers: dict[bytes, bytes | None]) -> tuple[asyncio.Server, list[bytes]]:
    """A server that says these words to these commands; None hangs up. What it heard."""
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            heard.append(line)
            command = line.split()[0].upper() if line.split() else b""
            said = answers.get(command, b"250 OK\r\n")
            if said is None:
                break
            writer.write(said)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(speak, LOOPBACK, 0), heard


@pytest.mark.parametrize("command", [b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_a_connection_lost_before_the_message_leaves_no_doubt(command: bytes) -> None:
    server, _ = await conversation({command: None, b"HELO": None})
    async with server:
        with pytest.raises(NotNow):
            await Smtp(f"smtp://{LOOPBACK}:{server.sockets[0].getsockname()[1]}").send(LETTER)


async def test_a_refused_sender_is_our_fault_and_can_be_mended() -> None:
    server, _ = await conversation({b"MAIL": b"553 5.1.8 not your domain\r\n"})
    async with server:
        with pytest.raises(NotNow, match=r"smtp_553 5\.1\.8"):
            await Smtp(f"smtp://{LOOPBACK}:{server.sockets[0].getsockname()[1]}").send(LETTER)


async def test_a_connection_lost_after_the_message_leaves_a_doubt(mail: MailServer) -> None:
    mail.mailbox.drop = True
    with pytest.raises(InDoubt):
        await Smtp(mail.url).send(LETTER)
    assert len(mail.mailbox.taken) == 1


async def test_an_answer_that_never_comes_leaves_a_doubt(mail: MailServer) -> None:
    mail.mailbox.hang = True
    with pytest.raises(InDoubt):
        await Smtp(mail.url, seconds=0.3).send(LETTER)
    assert len(mail.mailbox.taken) == 1


async def test_a_cut_farewell_changes_nothing() -> None:
    silent = dict.fromkeys(
        (line.split()[0].upper() for line in compose(LETTER).as_bytes().splitlines() if line.strip()), b""
    )
    server, _ = await conversation(
        {**silent, b"": b"", b"DATA": b"354 go on\r\n", b".": b"250 taken\r\n", b"QUIT": None}
    )
    async with server:
        await Smtp(f"smtp://{LOOPBACK}:{server.sockets[0].getsockname()[1]}").send(LETTER)


async def test_a_password_is_never_sent_in_the_open() -> None:
    server, heard = await conversation({b"EHLO": b"250-hello\r\n250 AUTH PLAIN LOGIN\r\n"})
    async with server:
        with pytest.raises(NotNow):
            await Smtp(f"smtp://user:secret@{LOOPBACK}:{server.sockets[0].getsockname()[1]}").send(LETTER)
    assert not any(line.upper().startswith(b"AUTH") for line in heard)


async def test_an_address_beyond_ascii_needs_a_server_that_can(mail: MailServer) -> None:
    server, _ = await conversation({})
    async with server:
        with pytest.raises(Refused, match="smtputf8"):
            await Smtp(f"smtp://{LOOPBACK}:{server.sockets[0].getsockname()[1]}").send(
                replace(LETTER, recipient="chloé@atelier.example")
            )
    await Smtp(mail.url).send(replace(LETTER, recipient="chloé@atelier.example"))
    assert mail.mailbox.recipients == ["chloé@atelier.example"]


@pytest.mark.parametrize("url", ["http://x", "smtp:///x", "smtp://host:port"])
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        Smtp(url)


def test_no_line_is_longer_than_mail_allows() -> None:
    long = replace(LETTER, text="x" * 5000, html=f"<p>{'y' * 5000}</p>", subject="é" * 300)
    lines = compose(long).as_bytes().split(b"\r\n")
    assert max(map(len, lines)) <= 998
