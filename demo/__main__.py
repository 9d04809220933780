"""A shop to try, with one command: `python -m demo`."""

import argparse
import asyncio
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from asyncpg import PostgresError

from demo.baskets import baskets
from demo.replay import replay
from demo.shoppers import come_and_go
from demo.supervisor import Demo, Wishes
from demo.terminal import Terminal
from service.errors import Problem


def read_wishes(arguments: list[str]) -> Wishes:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--port", type=int, help="port of the API (default: 8080, or the next free one)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep everything here (default: a temporary folder)")
    parser.add_argument("--no-shoppers", dest="shoppers", action="store_false", help="let nobody shop but you")
    parser.add_argument("--headless", action="store_true", help="no browser, and plain lines on the terminal")
    parser.add_argument("--ready-file", type=Path, metavar="PATH", help="write here, as JSON, where everything is")
    parser.add_argument("--replay", action="store_true", help="send the real baskets, say what happened, and exit")
    parser.add_argument(
        "--opening-stock", type=Path, metavar="FILE", help="another opening stock: CSV of store_id, product_id, on_hand"
    )
    return Wishes(**vars(parser.parse_args(arguments)))


async def run(wishes: Wishes, folder: Path) -> int:
    """Run the demo until we are told to stop; its exit code."""
    ourselves = asyncio.current_task()
    assert ourselves is not None  # noqa: S101 -- a coroutine that runs is a task
    told: list[signal.Signals] = []

    def stop(how: signal.Signals) -> None:
        if not told:  # once: what stops must not be stopped
            told.append(how)
            ourselves.cancel()

    for how in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(how, stop, how)

    terminal = Terminal(decorated=not wishes.headless and sys.stdout.isatty())
    demo = Demo(folder, wishes, terminal.say)
    try:
        await demo.start()
        if wishes.replay:
            return await replayed(demo, terminal)
        terminal.welcome(demo.url, demo.api_key, str(folder))
        async with asyncio.TaskGroup() as group:
            group.create_task(demo.keep_running())
            if wishes.shoppers:
                group.create_task(come_and_go(demo.url, demo.api_key, terminal.say))
    except (RuntimeError, OSError, PostgresError, Problem) as error:
        terminal.complain(str(error))
        return 1
    except asyncio.CancelledError:
        if not told:
            raise
        return 128 + told[0] if wishes.replay else 0
    finally:
        terminal.say("stopping")
        await demo.stop()
    return 0


async def replayed(demo: Demo, terminal: Terminal) -> int:
    """Replay all baskets while everything is kept running; 0 when nothing is amiss."""
    async with asyncio.TaskGroup() as group:
        keeper = group.create_task(demo.keep_running())
        outcome = await replay(demo, terminal, baskets())
        keeper.cancel()
    terminal.report(outcome.lines(), outcome.misses)
    return 1 if outcome.misses else 0


def main() -> int:
    """Do what the command line asks."""
    wishes = read_wishes(sys.argv[1:])
    with ExitStack() as stack:
        folder = wishes.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="comptoir-demo-", ignore_cleanup_errors=True))
        )
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(run(wishes, folder.resolve()))


if __name__ == "__main__":
    sys.exit(main())
