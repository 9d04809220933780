"""A letter as an e-mail: plain text, the same as HTML, and the QR picture inside it."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, localtime

from service.messages.letters import Letter


def compose(letter: Letter) -> EmailMessage:
    """Write the headers and parts. The same letter has the same Message-ID, whenever it is composed."""
    message = EmailMessage(policy=SMTP if letter.recipient.isascii() else SMTPUTF8)
    message["From"] = Address(letter.sender_name, addr_spec=letter.sender)
    username, _, domain = letter.recipient.rpartition("@")
    message["To"] = Address(username=username, domain=domain)
    message["Subject"] = letter.subject or ""
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{letter.ref}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday note comes back …
    message["X-Auto-Response-Suppress"] = "All"  # … from Exchange either
    for name, value in letter.unsubscribe.items():
        message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        *_, page = message.iter_parts()
        if letter.qr is not None and isinstance(page, EmailMessage):
            page.add_related(letter.qr, "image", "png", cid="<qr>", disposition="inline", filename="qr.png")
    message["Content-Language"] = letter.language  # after the content, which takes such headers for its own
    return message
