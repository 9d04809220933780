"""The collection as an event for the customer's calendar (RFC 5545)."""

from datetime import timedelta

from service.orders import Seen

MOST_BYTES = 75  # of a line


def spell(seen: Seen, say: dict[str, str]) -> str | None:
    """The event; None while nothing is promised that could be put into a calendar."""
    order = seen.order
    starts = order.slot or order.ready_at or order.ready_by
    if starts is None:
        return None
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Comptoir//EN", "METHOD:PUBLISH", "BEGIN:VEVENT"),
        f"UID:{seen.id}@comptoir",
        f"SEQUENCE:{order.version}",
        f"DTSTAMP:{seen.updated_at:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{starts:%Y%m%dT%H%M%SZ}",
        f"DTEND:{starts + timedelta(minutes=30):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{_escaped(say['calendar_summary'].format(store=order.store.name))}",
        f"DESCRIPTION:{_escaped(say['calendar_description'].format(code=order.pickup_code or ''))}",
        f"LOCATION:{_escaped(order.store.one_line())}",
        *(("GEO:" + f"{order.store.latitude:.6f};{order.store.longitude:.6f}",) if order.store.latitude else ()),
        *("END:VEVENT", "END:VCALENDAR", ""),
    ]
    return "\r\n".join(map(_folded, lines))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> str:
    """No line of a calendar is longer than 75 bytes; the rest goes on after a blank."""
    parts, rest = [], line
    while len(rest.encode()) >= MOST_BYTES:
        cut = len(rest.encode()[: MOST_BYTES - 1].decode(errors="ignore"))
        parts.append(rest[:cut])
        rest = rest[cut:]
    return "\r\n ".join([*parts, rest])
