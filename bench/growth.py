"""Whether something grows: one series over time, its first third beside its last."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = 4096
MEBIBYTE = 1 << 20
WARM_UP = 10  # one in so many samples at the beginning is not judged


@dataclass(frozen=True, slots=True)
class Series:
    """What was measured again and again, and how much more of it is no growth: a factor, and a little on top."""

    name: str
    unit: str
    values: Sequence[float]
    factor: float
    slack: float

    @property
    def thirds(self) -> tuple[float, float]:
        """The medians of the first third, without its very beginning, and of the last."""
        warm = self.values[len(self.values) // WARM_UP :]
        third = max(1, len(warm) // 3)
        return statistics.median(warm[:third]), statistics.median(warm[-third:])

    @property
    def grows(self) -> bool:
        """Whether there is more of it at the end than it may be."""
        first, last = self.thirds
        return last > first * self.factor + self.slack


def resident(pid: int) -> float:
    """MiB of a process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES / MEBIBYTE


def verdict(series: Sequence[Series]) -> str:
    """The table for the terminal."""
    lines = [f"{'':40} {'first third':>12} {'last third':>12}         grows?"]
    for one in series:
        first, last = one.thirds
        lines.append(f"{one.name:40} {first:12,.1f} {last:12,.1f} {one.unit:8}{'GROWS' if one.grows else 'no'}")
    return "\n".join(lines)
