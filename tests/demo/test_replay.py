"""The replay: real baskets through the real service, and a verdict that can be no."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from demo.baskets import Basket, baskets
from demo.replay import Outcome, prove, replay
from demo.supervisor import Demo, Wishes
from demo.terminal import Terminal

SLICE = baskets()[:40]


def stock_for(slice_: Sequence[Basket], path: Path, *, less: int = 0) -> Path:
    """Write just what these baskets take; of the last sku some units less."""
    taken: Counter[tuple[str, str]] = Counter()
    for basket in slice_:
        taken.update({(basket.store, line.sku): line.quantity for line in basket.lines})
    taken[slice_[-1].store, slice_[-1].lines[0].sku] -= less
    lines = [f"{store},{sku},{units}" for (store, sku), units in taken.items()]
    path.write_text("\n".join(["store_id,product_id,on_hand", *lines]) + "\n")
    return path


@asynccontextmanager
async def shop_for(scratch: Path, slice_: Sequence[Basket], *, less: int = 0) -> AsyncIterator[Demo]:
    """A demo that has just what these baskets take."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    stock = stock_for(slice_, folder / "stock.csv", less=less)
    demo = Demo(folder, Wishes(headless=True, replay=True, opening_stock=stock), lambda _: None)
    try:
        await demo.start()
        yield demo
    finally:
        await demo.stop()


async def replayed(demo: Demo) -> Outcome:
    return await replay(demo, Terminal(decorated=False), SLICE)


async def again(demo: Demo) -> Outcome:
    """The proof alone, once more."""
    outcome = Outcome(sent=len(SLICE), accepted={basket.id for basket in SLICE})
    async with demo.pool() as pool:
        await prove(pool, SLICE, outcome)
    return outcome


async def test_every_basket_is_served_and_told_once_and_a_lost_message_is_noticed(scratch: Path) -> None:
    async with shop_for(scratch, SLICE) as demo:
        outcome = await replayed(demo)
        assert outcome.misses == []
        assert len(outcome.accepted) == len(SLICE)
        assert outcome.refused == 0
        assert outcome.units == sum(basket.units for basket in SLICE)
        async with demo.pool() as pool:
            await pool.execute("update captured_message set sendings = 2 where id = 1")
            await pool.execute("delete from captured_message where id = 2")
            await pool.execute("update position set on_hand = on_hand + 1 where sku = $1", SLICE[0].lines[0].sku)
        kinds = [miss.split(":")[0] for miss in (await again(demo)).misses]
        assert kinds[:2] == ["message missing", "message sent 2 times"]
        assert any("still on hand" in kind for kind in kinds)
        assert "check" in kinds


async def test_one_unit_less_refuses_a_basket_and_the_ledger_still_holds(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop_for(scratch, SLICE, less=1) as demo:
        outcome = await replayed(demo)
    assert outcome.refused == 1
    assert outcome.differences == 0
    assert any("out_of_stock" in miss for miss in outcome.misses)
    Terminal(decorated=False).report(outcome.lines(), outcome.misses)
    assert "replay failed" in capsys.readouterr().out


async def test_a_shop_that_has_been_used_is_not_replayed_in(scratch: Path) -> None:
    async with shop_for(scratch, SLICE[:1]) as demo, demo.pool() as pool:
        with pytest.raises(RuntimeError, match="a new shop"):
            await demo.open_the_shop(pool)
