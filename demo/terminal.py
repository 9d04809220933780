"""What the demo says on the terminal: decorated for people, plain lines for scripts."""

import os
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PLAIN_STEPS = 10  # lines that a long task says without decoration
MOST_MISSES = 20


class Terminal:
    """Speaks to whoever started the demo."""

    def __init__(self, *, decorated: bool) -> None:
        self.decorated = decorated
        self.console = Console(highlight=False, soft_wrap=True, no_color=not decorated, force_terminal=decorated)

    def say(self, fact: str) -> None:
        """Say one thing that is done."""
        self.console.print(f"  [green]✓[/] {fact}" if self.decorated else fact, markup=self.decorated)

    def complain(self, reason: str) -> None:
        """Say why it can't go on."""
        print(f"The demo does not start: {reason}", file=sys.stderr)

    def welcome(self, url: str, api_key: str, logs: str) -> None:
        """Say where to look, and open it."""
        places = {
            "The tour": f"{url}/demo",
            "E-mails and SMS": f"{url}/inbox",
            "The API": f"{url}/docs",
            "Logs": logs,
        }
        if not self.decorated:
            for name, where in places.items():
                self.say(f"{name}: {where}")
            self.say(f"A key for the API: {api_key}")
            return
        table = Table.grid(padding=(0, 2))
        for name, where in places.items():
            table.add_row(f"[dim]{name}[/]", where)
        self.console.print(
            Panel.fit(table, title="Atelier Lumière is open", subtitle="Ctrl-C closes it", padding=(1, 2))
        )
        self.console.print(f"  A key for the API: {api_key}\n", markup=False)  # whole, however narrow the window
        if sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
            webbrowser.open(places["The tour"])

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how far a long task is; yields what is to be called with every bit that is done."""
        if self.decorated:
            columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=self.console) as bar:
                task = bar.add_task(what, total=total)
                yield lambda done: bar.advance(task, done)
            return
        done = said = 0

        def advance(more: int) -> None:
            nonlocal done, said
            done += more
            if done * PLAIN_STEPS // max(total, 1) > said:
                said = done * PLAIN_STEPS // max(total, 1)
                self.say(f"{what}: {done:,} of {total:,}")

        yield advance

    def report(self, lines: Sequence[tuple[str, str]], misses: Sequence[str]) -> None:
        """Tell what a replay did, and what went wrong."""
        for name, figure in lines:
            self.console.print(f"{name:<20}{figure:>10}", markup=False)
        for miss in misses[:MOST_MISSES]:
            self.console.print(f"MISS  {miss}", markup=False)
        if len(misses) > MOST_MISSES:
            self.console.print(f"MISS  … and {len(misses) - MOST_MISSES:,} more", markup=False)
        verdict = f"replay failed: {len(misses):,} misses" if misses else "replay passed: nothing lost, nothing doubled"
        self.console.print(verdict, markup=False)
