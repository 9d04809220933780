"""Reads what providers called to say: by whom, of which message, and whether it is a receipt, a reply, or neither."""

from uuid import UUID


def sending_in(*texts: str) -> tuple[UUID, int] | tuple[None, None]:
    """Our id of a message and how often it had been sent by hand, as its tag has them: alone, or in a Message-ID.

    From the first text that has them; None where they are none of ours.
    """
    for text in texts:
        id, _, revival = text.strip("<>").partition("@")[0].partition(".")
        try:
            return UUID(id), int(revival or 0)
        except ValueError:
            continue
    return None, None
