"""Receipts: what providers report of a message moves it forward, in any order, any number of times."""

from typing import NamedTuple
from uuid import UUID

from service import notifications, queries, sendings
from service.database import Connection
from service.models.notifications import NotificationHistory, Receipt
from service.opt_outs import OptOuts

SQL = queries.load("receipts")


class Report(NamedTuple):
    """One report: about the message with our id, or with the carrier's own name for it."""

    provider: str
    carrier: str  # who was handed the message: an e-mail goes out by smtp, and SendGrid reports
    status: str  # in the provider's word
    id: UUID | None = None
    revival: int | None = None  # which of its sendings by hand; None: not told, or found by the carrier's name for it
    ref: str | None = None
    state: str | None = None  # accepted, delivered, failed; None: nothing that changes anything
    reason: str | None = None
    opted_out: tuple[str, str] | None = None  # the channel and address that want no more
    may_be_ours: bool = True  # False: of other mail of the same account, where all of ours is told by its id


async def note(db: Connection, report: Report, opt_outs: OptOuts) -> bool:
    """Write a report into its message's history, and move the message where it leads. False: no such message (yet)."""
    if report.opted_out is not None:
        channel, address = report.opted_out
        await opt_outs.add(db, channel, address, reason="carrier", by=report.provider)
    if report.id is not None:
        found = await SQL["by_id"].row(db, id=report.id)
    else:
        found = await SQL["by_ref"].row(db, carrier=report.carrier, ref=report.ref)
    if found is None:
        return False
    message = {"store": found["store_id"], "id": found["id"]}
    await SQL["lock"].row(db, **message)
    await SQL["note"].run(db, **message, provider=report.provider, status=report.status, reason=report.reason)
    if report.state is not None:
        moved = await SQL["advance"].row(
            db,
            **message,
            state=report.state,
            reason=report.reason if report.state == "failed" else None,
            carrier=report.carrier,
            ref=report.ref,
            revival=report.revival,
        )
        if moved and report.state == "failed":
            await sendings.fall_back(db, found["store_id"], [found["id"]])
    return True


async def history(db: Connection, store: str, id: UUID) -> NotificationHistory:
    """One message, and what was reported about it in the order it was heard. Raises NotFound."""
    found = await notifications.find(db, store, id)
    rows = await SQL["of_notification"].rows(db, store=store, id=id)
    return NotificationHistory(
        **{**found.model_dump(exclude={"store", "reservation"}), "store_id": found.store},
        reservation_id=found.reservation,
        receipts=[Receipt(**row) for row in rows],
    )
