"""Any life that a shop can lead: operations in any order, a plain model beside them, the ledger proved after each."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from service import clocks
from service.database import Pool, open_pool
from service.errors import OutOfStock
from service.idempotency import Kept
from tests.conftest import empty
from tests.shop import Shop, prove, settings_for

SKUS = ("cup", "tea")
UNITS = st.integers(1, 4)
CLAIMING = {"held", "confirmed", "picking", "ready"}


@dataclass
class Position:
    """What the model knows of a position."""

    on_hand: int = 0
    safety: int = 0


@dataclass
class Order:
    """What the model knows of a reservation."""

    told: dict[str, Any]
    key: str
    asked: list[tuple[str, int]]
    state: str
    claims: dict[str, int] = field(default_factory=dict)
    collected: dict[str, int] = field(default_factory=dict)


class AnyLife(RuleBasedStateMachine):
    """The real thing in PostgreSQL, and a dictionary that must agree with it."""

    url: str

    @initialize(tea=st.integers(0, 8), cup=st.integers(0, 8))
    def open(self, tea: int, cup: int) -> None:
        """An empty database, a store, some stock."""
        self.runner = asyncio.Runner()
        self.pool: Pool = self.runner.run(open_pool(self.url, size=4, name="any-life"))
        self.runner.run(empty(self.pool))
        self.shop = Shop(self.pool, settings_for(self.url))
        self.positions = {sku: Position() for sku in SKUS}
        self.orders: list[Order] = []
        self.runner.run(self.shop.store("lyon"))
        for sku, units in (("tea", tea), ("cup", cup)):
            self.count(sku, units, 0)

    def teardown(self) -> None:
        """Give the connections back."""
        if hasattr(self, "runner"):
            self.runner.run(self.pool.close())
            self.runner.close()

    def reserved(self, sku: str) -> int:
        """What the model's orders claim."""
        return sum(order.claims.get(sku, 0) for order in self.orders if order.state in CLAIMING)

    def available(self, sku: str) -> int:
        """What can be promised, due holds not counted: they are expired before anybody is refused."""
        position = self.positions[sku]
        return max(0, position.on_hand - self.reserved(sku) - position.safety)

    def some(self, data: st.DataObject, *states: str) -> Order:
        """Any order in one of these states."""
        return data.draw(st.sampled_from([order for order in self.orders if order.state in states]))

    def has(self, *states: str) -> bool:
        """Whether there is one."""
        return any(order.state in states for order in self.orders)

    def agree(self) -> None:
        """The model and PostgreSQL say the same, and every unit is accounted for."""
        for sku, position in self.positions.items():
            real = self.runner.run(self.shop.position(sku))
            reserved = self.reserved(sku)
            missing = max(0, reserved - max(position.on_hand, 0))
            assert (real["on_hand"], real["reserved"], real["shortfall"]) == (position.on_hand, reserved, missing)
        self.runner.run(prove(self.pool))

    @rule(sku=st.sampled_from(SKUS), units=st.integers(0, 10), safety=st.integers(0, 2))
    def count(self, sku: str, units: int, safety: int) -> None:
        """Somebody counts: reality wins."""
        self.runner.run(self.shop.stock(sku, units, safety=safety))
        self.positions[sku] = Position(units, safety)
        if len(self.positions) == len(SKUS) and self.orders:
            self.agree()

    @rule(lines=st.dictionaries(st.sampled_from(SKUS), UNITS, min_size=1), partial=st.booleans())
    def hold(self, lines: dict[str, int], partial: bool) -> None:  # noqa: FBT001 -- drawn by name
        """A customer asks."""
        key, asked = str(uuid4()), sorted(lines.items())
        there = {sku: min(units, self.available(sku)) for sku, units in lines.items()}
        fits = there == lines or (partial and any(there.values()))
        answer = self.runner.run(self.shop.ask(*asked, key=key, order_ref=key, allow_partial=partial))
        if fits:
            assert isinstance(answer, Kept)
            told = self.runner.run(self.shop.hold(*asked, key=key, order_ref=key, allow_partial=partial))
            assert told["replayed"]
            self.orders.append(Order(told, key, asked, "held", claims=there))
        else:
            assert isinstance(answer, OutOfStock)
            short = [line["sku"] for line in answer.facts["lines"]]
            assert short == [sku for sku, units in asked if there[sku] < units]
        self.agree()

    @precondition(lambda self: self.has("held", "confirmed", "picking", "ready", "collected", "returned"))
    @rule(data=st.data())
    def confirm_anything_that_stands(self, data: st.DataObject) -> None:
        """Pay, or pay again: the second time changes nothing."""
        order = self.some(data, "held", "confirmed", "picking", "ready", "collected", "returned")
        told = self.runner.run(self.shop.confirm(order.told))
        assert told["applied"] == (order.state == "held")
        order.state = "confirmed" if order.state == "held" else order.state
        self.agree()

    @precondition(lambda self: self.has("expired"))
    @rule(data=st.data())
    def pay_late(self, data: st.DataObject) -> None:
        """Pay for an expired hold: all of it again, or the lines that are gone."""
        order = self.some(data, "expired")
        fits = all(units <= self.available(sku) for sku, units in order.claims.items() if units)
        try:
            self.runner.run(self.shop.confirm(order.told))
        except OutOfStock:
            assert not fits
        else:
            assert fits
            order.state = "confirmed"
        self.agree()

    @precondition(lambda self: self.has("confirmed"))
    @rule(data=st.data())
    def pick(self, data: st.DataObject) -> None:
        """Somebody fetches it."""
        order = self.some(data, "confirmed")
        order.state = self.runner.run(self.shop.take("pick", order.told))["state"]
        self.agree()

    @precondition(lambda self: self.has("picking"))
    @rule(data=st.data(), reason=st.sampled_from(["not_found", "damaged", "sold"]))
    def shelve(self, data: st.DataObject, reason: str) -> None:
        """All, part, or nothing is found."""
        order = self.some(data, "picking")
        found = {sku: data.draw(st.integers(0, units)) for sku, units in order.claims.items()}
        lines = [{"sku": sku, "found": units, "reason": reason} for sku, units in found.items()]
        told = self.runner.run(self.shop.take("shelve", order.told, lines=lines))
        if reason != "sold":
            for sku, units in found.items():
                self.positions[sku].on_hand -= order.claims[sku] - units
        order.claims, order.state = found, told["state"]
        assert told["state"] == ("ready" if any(found.values()) else "cancelled")
        self.agree()

    @precondition(lambda self: self.has("ready"))
    @rule(data=st.data())
    def unshelve(self, data: st.DataObject) -> None:
        """It was not ready."""
        order = self.some(data, "ready")
        order.state = self.runner.run(self.shop.take("unshelve", order.told))["state"]
        self.agree()

    @precondition(lambda self: self.has("ready", "uncollected"))
    @rule(data=st.data())
    def collect(self, data: st.DataObject) -> None:
        """They take some of it, in time or after all."""
        order = self.some(data, "ready", "uncollected")
        taken = {sku: data.draw(st.integers(0, units)) for sku, units in order.claims.items()}
        if not any(taken.values()):
            taken = dict(order.claims)
        self.runner.run(
            self.shop.collect(order.told, lines=[{"sku": sku, "taken": units} for sku, units in taken.items()])
        )
        for sku, units in taken.items():
            self.positions[sku].on_hand -= units
        order.state, order.collected, order.claims = "collected", taken, dict.fromkeys(order.claims, 0)
        self.agree()

    @precondition(lambda self: self.has("collected"))
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """It was the wrong customer."""
        order = self.some(data, "collected")
        self.runner.run(self.shop.take("undo", order.told, reason="wrong customer"))
        for sku, units in order.collected.items():
            self.positions[sku].on_hand += units
        order.state, order.claims, order.collected = "ready", dict(order.collected), {}
        self.agree()

    @precondition(lambda self: self.has("collected"))
    @rule(data=st.data(), sellable=st.booleans())
    def bring_back(self, data: st.DataObject, sellable: bool) -> None:  # noqa: FBT001 -- drawn by name
        """All of it comes back."""
        order = self.some(data, "collected")
        lines = [
            {"sku": sku, "quantity": units, "sellable": sellable} for sku, units in order.collected.items() if units
        ]
        told = self.runner.run(self.shop.take("return", order.told, lines=lines))
        for sku, units in order.collected.items():
            self.positions[sku].on_hand += units if sellable else 0
        order.state = told["state"]
        assert told["state"] == "returned"
        self.agree()

    @precondition(lambda self: self.has("held", "confirmed", "picking", "ready"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """They changed their mind."""
        order = self.some(data, "held", "confirmed", "picking", "ready")
        order.state = self.runner.run(self.shop.cancel(order.told))["state"]
        self.agree()

    @precondition(lambda self: self.has("held", "ready"))
    @rule(data=st.data())
    def let_time_pass(self, data: st.DataObject) -> None:
        """The time of one order is up, and the clocks come round."""
        order = self.some(data, "held", "ready")
        self.runner.run(self.shop.age(order.told, timedelta(days=30)))
        self.runner.run(clocks.expire_due(self.pool, "lyon"))
        self.runner.run(clocks.lapse_due(self.pool, "lyon"))
        order.state = "expired" if order.state == "held" else "uncollected"
        self.agree()


@pytest.mark.timeout(180)
def test_any_life_adds_up(database_url: str) -> None:
    AnyLife.url = database_url
    run_state_machine_as_test(
        AnyLife,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
