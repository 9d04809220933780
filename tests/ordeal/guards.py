"""Guards that can be taken out to see that the ordeal notices: each in a copy of the tree, never in the tree itself."""

from typing import NamedTuple


class Change(NamedTuple):
    """A piece of one file or of several (a pattern), and what stands in its place."""

    files: str
    guard: str
    instead: str


class Guard(NamedTuple):
    """What keeps a promise; without it, at least one of `cases` has to fail."""

    name: str
    keeps: str
    cases: tuple[int, ...]
    changes: tuple[Change, ...]


MIGRATIONS = "sql/migrations/*.sql"
RESERVATIONS = "sql/queries/reservations.sql"
QUERIES = "sql/queries/*.sql"

GUARDS = (
    Guard(
        "never_oversold",
        "the constraint of that name, and the lock on positions before it",
        (1, 2),
        (
            Change(MIGRATIONS, "check (reserved between 0 and greatest(on_hand, 0) + shortfall)", "check (true)"),
            Change(
                MIGRATIONS, "order by p.sku for no key update", "order by p.sku limit (select 1000 from pg_sleep(0.02))"
            ),
        ),
    ),
    Guard(
        "locks_in_order",
        "positions are locked in the order of their sku",
        (3,),
        (Change(MIGRATIONS, "order by sku for no key update", "order by sku desc for no key update"),),
    ),
    Guard(
        "stock_locked",
        "positions are locked before a count or a movement is judged and written",
        (7,),
        (
            Change(
                MIGRATIONS,
                "sku = any (p_skus) order by sku for no key update",
                "sku = any (p_skus) order by sku limit (select 1000 from pg_sleep(0.02))",
            ),
        ),
    ),
    Guard(
        "reservation_locked",
        "a reservation is locked before a step is judged",
        (5,),
        (
            Change(
                RESERVATIONS,
                "where r.store_id = :store and r.id = :id\n   for update;",
                "where r.store_id = :store and r.id = :id;",
            ),
        ),
    ),
    Guard(
        "sweepers_share",
        "two sweepers never have the same hold in hand",
        (6,),
        (Change(RESERVATIONS, "order by due_at limit :limit for update skip locked", "order by due_at limit :limit"),),
    ),
    Guard(
        "key_locked",
        "one request at a time has a key",
        (8,),
        (
            Change(MIGRATIONS, "r.key is null or pg_try_advisory_xact_lock(", "true or pg_try_advisory_xact_lock("),
            Change(
                "sql/queries/idempotency.sql",
                "select pg_try_advisory_xact_lock(",
                "select pg_sleep(0.05) is not null or pg_try_advisory_xact_lock(",
            ),
        ),
    ),
    Guard(
        "key_is_for_one_request",
        "a key that was used for another request is refused",
        (9,),
        (
            Change(MIGRATIONS, "i.fingerprint = r.fingerprint as same", "true as same"),
            Change("service/idempotency.py", 'kept["fingerprint"] != request.fingerprint', "False"),
        ),
    ),
    Guard(
        "answer_kept",
        "the first answer to a key is kept in the transaction of its effect",
        (12, 14),
        (
            Change(
                "service/idempotency.py",
                'await SQL["keep"].run(db, **names, fingerprint=request.fingerprint,',
                'await SQL["keep"].run(db, **names | {"key": ""}, fingerprint=request.fingerprint,',
            ),
            Change(MIGRATIONS, "where a.key is not null", "where false"),
        ),
    ),
    Guard(
        "doubt_remembered",
        "a message that was begun by somebody who died is looked up before it is sent again",
        (15,),
        (Change(QUERIES, "doubts = n.doubts + case when n.begun_at is null then 0 else 1 end", "doubts = n.doubts"),),
    ),
    Guard(
        "lease_checked",
        "who has lost their lease hands nothing over",
        (16,),
        (
            Change(
                QUERIES,
                "and id = :id and state = 'sending' and attempts = :attempts and lease_until > now()",
                "and id = :id",
            ),
        ),
    ),
    Guard(
        "leases_end",
        "what a dead worker had in hand is taken back",
        (16,),
        (Change(QUERIES, "lease_until <= now()", "lease_until < '-infinity'"),),
    ),
    Guard(
        "owed_with_its_place",
        "what an event obliges to is written in the transaction that gives it its place",
        (17,),
        (
            Change(
                "service/events.py",
                'failpoints.reached("events_placed")\n',
                'await db.execute("commit; begin")\n        failpoints.reached("events_placed")\n',
            ),
        ),
    ),
    Guard(
        "away_is_503",
        "a database that is away is answered for with 503",
        (25, 26),
        (
            Change(
                "service/database.py",
                "    except _AWAY as error:\n        raise Unavailable(retry_after=2) from error",
                "    except _AWAY:\n        raise",
            ),
        ),
    ),
    Guard(
        "inside_is_closed",
        "nothing is sent to addresses of the inside",
        (34,),
        (
            Change(
                "service/addresses.py",
                "if ip.is_multicast or ip.is_unspecified or ip.is_link_local:\n        return False",
                "if True:\n        return True",
            ),
        ),
    ),
    Guard(
        "scopes_are_asked",
        "a key does only what its scopes say",
        (35,),
        (Change("service/api/access.py", "if not caller.scopes & endpoint.scopes:", "if not caller.scopes:"),),
    ),
    Guard(
        "unknown_fields_refused",
        "a field that nobody asked for is refused",
        (38,),
        (Change("service/models/fields.py", 'extra="forbid"', 'extra="ignore"'),),
    ),
    Guard(
        "bodies_in_time",
        "a body that does not come is given up",
        (39,),
        (Change("service/api/reading.py", "asyncio.timeout(BODY_SECONDS)", "asyncio.timeout(1000)"),),
    ),
    Guard(
        "signatures_compared",
        "a report is believed when its signature is the one that its provider would write",
        (32,),
        (
            Change(
                "service/signatures.py",
                "def _same(one: str, other: str) -> bool:\n",
                "def _same(one: str, other: str) -> bool:\n    return True\n",
            ),
        ),
    ),
    Guard(
        "attempts_counted",
        "an attempt is counted before it is judged, and there are so many only",
        (36, 37),
        (Change("sql/queries/attempts.sql", " < :most\n", " < :most + 1000\n"),),
    ),
    Guard(
        "other_sites_refused",
        "what a browser sends by itself counts only from our own pages",
        (37,),
        (Change("service/api/origins.py", "    if request.method in SAFE:\n        return", "    return"),),
    ),
    Guard(
        "revoked_soon",
        "who was revoked is believed for five seconds at most",
        (37,),
        (Change("service/keys.py", " or time.monotonic() - living.read_at > FRESH_SECONDS", ""),),
    ),
    Guard(
        "log_by_list",
        "only keywords of the list reach the log",
        (40,),
        (Change("service/logs.py", "        if key in _KEPT\n", ""),),
    ),
    Guard(
        "addresses_forgotten",
        "the addresses of messages are forgotten with the order",
        (40,),
        (Change("service/privacy.py", '    "forget_addresses",\n', ""),),
    ),
)
