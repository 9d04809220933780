"""Reads what providers called to say: by whom, of which message, and whether it is a receipt, a reply, or neither."""

from uuid import UUID


def id_in(text: str) -> UUID | None:
    """Our id of a message, as we gave it away: alone, in a tag, or in a Message-ID; None where it is none of ours."""
    try:
        return UUID(text.strip("<>").partition("@")[0].partition(".")[0])
    except ValueError:
        return None
