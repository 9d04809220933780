"""A shop in words: what tests need of the world, in one line each."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from service import changes, checks, handover, holding, idempotency, picking, steps
from service.callers import Caller, Scope
from service.database import Pool, transaction
from service.errors import Problem
from service.links import Links
from service.models.fields import Asked
from service.models.reservations import HoldBody
from service.models.steps import (
    CancelBody,
    CollectBody,
    ConfirmBody,
    Deed,
    ExtendBody,
    Nothing,
    ReturnBody,
    ShelveBody,
    UndoBody,
)
from service.settings import Settings

CLERK = Caller("key:clerk", frozenset({Scope.COUNTER}))
CHECKOUT = Caller("key:checkout", frozenset({Scope.CHECKOUT}))

JUDGES: dict[str, tuple[type[Asked], Any]] = {
    "confirm": (ConfirmBody, picking.confirm),
    "pick": (Deed, picking.pick),
    "shelve": (ShelveBody, picking.shelve),
    "unshelve": (Deed, picking.unshelve),
    "undo": (UndoBody, handover.undo),
    "return": (ReturnBody, handover.take_back),
    "cancel": (CancelBody, picking.cancel),
    "lapse": (Nothing, handover.lapse),
}


def settings_for(database_url: str, **others: Any) -> Settings:
    """Settings as tests want them."""
    usual: dict[str, Any] = {
        "public_url": "http://shop.example",
        "token_keys": ("k" * 40,),
        "data_keys": ("d" * 40,),
    }
    return Settings(_env_file=None, database_url=database_url, **usual | others)


class Shop:
    """One retailer in one database; everything happens in the store `lyon` unless said otherwise."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self.pool = pool
        self.settings = settings
        self.links = Links(settings)

    async def store(self, id: str = "lyon", **columns: Any) -> str:
        """Open a store: always open, Paris time, ready in two hours unless said otherwise."""
        values = {"id": id, "name": f"Atelier {id}", "time_zone": "Europe/Paris", **columns}
        names = ", ".join(values)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.pool.execute(
            f"insert into store ({names}) values ({places}) on conflict do nothing", *values.values()
        )
        return id

    async def item(self, sku: str, **columns: Any) -> str:
        """Put something into the catalogue."""
        values = {"sku": sku, "name": f"Some {sku}", **columns}
        names = ", ".join(values)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.pool.execute(
            f"insert into item ({names}) values ({places}) on conflict do nothing", *values.values()
        )
        return sku

    async def stock(self, sku: str, units: int, store: str = "lyon", safety: int = 0) -> str:
        """Count what is there, as of now."""
        await self.store(store)
        await self.item(sku)
        await self.pool.fetchval(
            "select count_stock($1, array[($2, $3, $4, now())::stock_count], 'key:feed')", store, sku, units, safety
        )
        return sku

    async def hold(self, *lines: Any, store: str = "lyon", key: str | None = None, **fields: Any) -> dict[str, Any]:
        """Hold: `hold("tea", 2)`, `hold(("tea", 2), ("cup", 1))`. A problem is raised; replays say so in `replayed`."""
        answer = await self.ask(*lines, store=store, key=key, **fields)
        if isinstance(answer, Problem):
            raise answer
        return read(self.links.sealer.open(answer.body)) | {"status": answer.status, "replayed": answer.replayed}

    async def ask(
        self, *lines: Any, store: str = "lyon", key: str | None = None, **fields: Any
    ) -> idempotency.Kept | Problem:
        """The same, with the problem as a value."""
        [answer] = await self.ask_all([self.order(*lines, store=store, key=key, **fields)])
        return answer

    async def ask_all(self, asks: list[holding.Ask]) -> list[idempotency.Kept | Problem]:
        """Hold for many in one call."""
        return await holding.hold(self.pool, asks, links=self.links, locale="fr")

    def order(self, *lines: Any, store: str = "lyon", key: str | None = None, **fields: Any) -> holding.Ask:
        """One request, with a customer and an order reference of its own unless given."""
        pairs = [lines] if isinstance(lines[0], str) else lines
        body = HoldBody.model_validate(
            {
                "order_ref": f"order-{uuid4()}",
                "customer": {"name": "Camille Durand", "email": "camille@atelier.example", "phone": "+33639981234"},
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in pairs],
                **fields,
            }
        )
        request = idempotency.Request(
            store=store,
            credential=CHECKOUT.credential,
            operation=f"POST /v1/stores/{store}/reservations",
            key=key or str(uuid4()),
            fingerprint=idempotency.fingerprint(body.model_dump_json()),
        )
        return holding.Ask(store, body, CHECKOUT, request)

    async def take(self, action: str, reservation: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Take a step: `take("confirm", held)`, `take("shelve", picked, lines=[…])`."""
        model, judge = JUDGES.get(action, (CollectBody, partial(handover.collect, links=self.links)))
        asked = model.model_validate(body)
        async with transaction(self.pool) as db:
            told = await steps.advance(
                db,
                reservation["store"],
                UUID(reservation["id"]),
                action,
                lambda db, current: judge(db, current, asked),
                caller=CLERK,
                links=self.links,
                deed=asked if isinstance(asked, Deed) else None,
            )
        return read(self.links.sealer.open(told))

    async def confirm(self, reservation: dict[str, Any], **body: Any) -> dict[str, Any]:
        """The customer has paid."""
        return await self.take("confirm", reservation, **body)

    async def collect(self, reservation: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Hand over by code."""
        proof = {} if {"token", "checked_by", "code"} & body.keys() else {"code": reservation["pickup_code"]}
        return await self.take("collect", reservation, **proof, **body)

    async def cancel(self, reservation: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Cancel."""
        return await self.take("cancel", reservation, **body)

    async def ready(self, *lines: Any, **fields: Any) -> dict[str, Any]:
        """An order that waits on the pickup shelf."""
        held = await self.hold(*lines, **fields)
        for action in ("confirm", "pick", "shelve"):
            held = await self.take(action, held)
        return held

    async def collected(self, *lines: Any, **fields: Any) -> dict[str, Any]:
        """An order that was handed over."""
        return await self.collect(await self.ready(*lines, **fields))

    async def extend(self, reservation: dict[str, Any], **body: Any) -> dict[str, Any]:
        """Give more time."""
        async with transaction(self.pool) as db:
            told = await changes.extend(
                db,
                reservation["store"],
                UUID(reservation["id"]),
                ExtendBody.model_validate(body),
                caller=CLERK,
                links=self.links,
            )
        return read(self.links.sealer.open(told))

    async def arrive(self, reservation: dict[str, Any]) -> None:
        """The customer is in the store."""
        async with transaction(self.pool) as db:
            await changes.arrive(db, reservation["store"], UUID(reservation["id"]), caller=CLERK, links=self.links)

    async def age(self, reservation: dict[str, Any], by: timedelta = timedelta(days=30)) -> None:
        """Move its clocks into the past: the rows move, not the clock."""
        await self.pool.execute(
            "update reservation set hold_expires_at = hold_expires_at - $3::interval,"
            " collect_by = collect_by - $3::interval, ready_at = ready_at - $3::interval,"
            " answer_by = answer_by - $3::interval, ready_by = ready_by - $3::interval where store_id = $1 and id = $2",
            reservation["store"],
            UUID(reservation["id"]),
            by,
        )

    async def position(self, sku: str, store: str = "lyon") -> asyncpg.Record:
        """What the store has of something."""
        row = await self.pool.fetchrow(
            "select on_hand, reserved, safety_stock, shortfall,"
            " greatest(0, on_hand - reserved - safety_stock) as available"
            " from position where store_id = $1 and sku = $2",
            store,
            sku,
        )
        assert row is not None
        return row

    async def state(self, reservation: dict[str, Any]) -> str:
        """Where a reservation stands."""
        state = await self.pool.fetchval(
            "select state from reservation where store_id = $1 and id = $2",
            reservation["store"],
            UUID(reservation["id"]),
        )
        assert isinstance(state, str)
        return state

    async def events(self, type: str | None = None) -> list[str]:
        """What happened, in order."""
        rows = await self.pool.fetch("select type from event where $1::text is null or type = $1 order by seq", type)
        return [row["type"] for row in rows]


def read(told: str) -> dict[str, Any]:
    """JSON as PostgreSQL wrote it."""
    body: dict[str, Any] = json.loads(told)
    return body


async def prove(pool: Pool) -> None:
    """Every unit accounted for."""
    async with pool.acquire() as db:
        found = await checks.differences(db)
    assert [dict(row) for row in found] == []


@pytest.fixture
async def shop(pool: Pool, database_url: str) -> AsyncIterator[Shop]:
    """A shop with nothing in it, which writes at any hour; afterwards its ledger is proved."""
    await pool.execute("""insert into message_policy (store_id, policy) values ('', '{"quiet_hours": {}}')""")
    yield Shop(pool, settings_for(database_url))
    await prove(pool)
