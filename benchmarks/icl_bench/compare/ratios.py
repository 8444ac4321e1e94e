"""Ratios of what ways took, and the targets that they are held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, Protocol

from icl_bench.compare.report import number

CPU_TIME, WALL, MEMORY = "CPU time", "wall clock", "extra memory"


class Taken(Protocol):
    """What a way took: the times of its runs, and the most bytes in use beyond the loaded ones."""

    @property
    def seconds(self) -> tuple[float, ...]:
        """Wall-clock time of each run."""

    @property
    def cpu_seconds(self) -> tuple[float, ...]:
        """Processor time of each run, over all threads."""

    @property
    def extra_memory(self) -> int | None:
        """Bytes; None where unknown."""

    @property
    def failure(self) -> str | None:
        """Why something is missing."""


ByWay = Mapping[tuple[str | int, str], Taken]
"""What was taken, by the part of the comparison and the way."""


class Wanted(NamedTuple):
    """A ratio to look at: `above` to `below`, and what it shall be if that was set.

    Args:
        part: of the comparison, in which both ways are; such as the number of prompts.
        above: the way that is divided.
        below: the way it is divided by.
        quantity: what of them.
        target: what the ratio shall be at least; None where nothing was set.
        at_most: whether the target is the most instead.
    """

    part: str | int
    above: str
    below: str
    quantity: str
    target: float | None = None
    at_most: bool = False


@dataclass(frozen=True)
class Ratio:
    """A ratio that was asked for, and its value.

    Args:
        wanted: what was asked for.
        value: the ratio.
        judged: whether the target counts; it does not for small sizes.
    """

    wanted: Wanted
    value: float
    judged: bool

    @property
    def target(self) -> float | None:
        """The target that counts; None where there is none."""
        return self.wanted.target if self.judged else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.wanted.at_most else self.value >= self.target

    @property
    def verdict(self) -> str:
        """The target in words."""
        if self.target is None:
            return ""
        limit = "at most" if self.wanted.at_most else "at least"
        return f"{limit} {self.target:g}x, {'reached' if self.reached else 'missed'}"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """For a table: the ways, the quantity, the value and the verdict."""
        ways = f"{self.wanted.above} / {self.wanted.below}"
        return ways, self.wanted.quantity, number(self.value, "x"), self.verdict


def figure(found: Taken, quantity: str) -> float | None:
    """The median time, or the memory."""
    if quantity == MEMORY:
        return None if found.extra_memory is None else float(found.extra_memory)
    values = found.cpu_seconds if quantity == CPU_TIME else found.seconds
    return median(values) if values else None


def ratios(wanted: Iterable[Wanted], found: ByWay, judged: bool) -> list[Ratio]:
    """The ratios that measurements give.

    Args:
        wanted: which are looked at.
        found: by part and way.
        judged: whether targets count.
    """
    given = []
    for one in wanted:
        pair = [found.get((one.part, way)) for way in (one.above, one.below)]
        above, below = (None if taken is None else figure(taken, one.quantity) for taken in pair)
        if above is not None and below:
            given.append(Ratio(one, above / below, judged))
    return given


def time_cells(found: Taken) -> tuple[str, str]:
    """For a table: the median times, or why there are none."""
    return found.failure or number(figure(found, WALL)), number(figure(found, CPU_TIME))


def memory_cell(found: Taken) -> str:
    """For a table: the memory in megabytes."""
    return "" if found.extra_memory is None else f"{found.extra_memory / 1e6:.0f}"
