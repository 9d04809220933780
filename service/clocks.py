"""What happens when time is up: holds expire, ready orders lapse, customers are reminded, silence means take."""

from uuid import UUID

from service import failpoints, message_policies, picking, queries, steps
from service.callers import CLOCK
from service.database import Pool, connection, transaction
from service.lifecycle import State
from service.steps import Change

SQL = queries.load("reservations")

MOST_AT_ONCE = 1000


async def due_stores(pool: Pool) -> list[str]:
    """The stores where a clock has work, by a plain read; each is then taken on its own."""
    async with connection(pool) as db:
        policy = await message_policies.in_force(db, message_policies.DEPLOYMENT)
        furthest = max(policy.reminders.hours_before, default=0)
        return [row["id"] for row in await SQL["due_stores"].rows(db, hours=furthest)]


async def expire_due(pool: Pool, store: str, limit: int = 100) -> int:
    """Give back the stock of unpaid holds whose time is up; how many there were. Many sweepers share the work."""
    return await _expire(pool, store, "due_holds", limit)


async def expire_for_hold(pool: Pool, store: str) -> int:
    """The same for a customer who waits for that stock: afterwards nothing in this store is due."""
    count = 0
    while expired := await _expire(pool, store, "due_holds_waiting", MOST_AT_ONCE):
        count += expired
        if expired < MOST_AT_ONCE:
            break
    return count


async def _expire(pool: Pool, store: str, query: str, limit: int) -> int:
    async with transaction(pool) as db:
        ids = [row["id"] for row in await SQL[query].rows(db, store=store, limit=limit)]
        if ids:
            change = Change(action="expire", target=State.EXPIRED, event="reservation.expired")
            await steps.write_all(db, store, ids, change, caller=CLOCK)
            failpoints.reached("clock_struck")
        return len(ids)


async def lapse_due(pool: Pool, store: str, limit: int = 100) -> int:
    """Take back ready orders that nobody collected in time; the goods await put-back."""
    async with transaction(pool) as db:
        ids = [row["id"] for row in await SQL["due_lapses"].rows(db, store=store, limit=limit)]
        if ids:
            change = Change(
                action="lapse",
                target=State.UNCOLLECTED,
                event="reservation.uncollected",
                sets={"slot_starts_at": None},
            )
            await steps.write_all(db, store, ids, change, caller=CLOCK)
        return len(ids)


async def remind_due(pool: Pool, store: str, limit: int = 100) -> int:
    """Note that customers are due a reminder, as the store's policy plans them; once for each time planned."""
    async with transaction(pool) as db:
        plan = (await message_policies.in_force(db, store)).reminders
        if not plan.hours_before:
            return 0
        planned = {"hours": list(plan.hours_before), "gap": plan.minimum_gap_hours}
        ids: list[UUID] = [
            row["id"] for row in await SQL["due_reminders"].rows(db, store=store, limit=limit, **planned)
        ]
        if ids:
            now = await SQL["now"].value(db)
            change = Change(event="reservation.reminder_due", sets={"reminded_at": now})
            await steps.write_all(db, store, ids, change, caller=CLOCK)
        return len(ids)


async def answer_due(pool: Pool, store: str, limit: int = 100) -> int:
    """Shelve orders whose customer was asked about a short line and said nothing: silence means take."""
    async with transaction(pool) as db:
        ids = [row["id"] for row in await SQL["due_answers"].rows(db, store=store, limit=limit)]
        for id in ids:
            current = await steps.lock(db, store, id)
            await steps.write(db, current, await picking.take_what_is_there(db, current), caller=CLOCK)
        return len(ids)
