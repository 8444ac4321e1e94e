"""Measurements of the linking comparison as Markdown tables and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from icl_bench.compare.ratios import CPU_TIME, WALL, Ratio, Wanted, ratios, time_cells
from icl_bench.compare.report import heading, number, table

ONCE = "context read once"
QUERY = "read for each query"
PLAIN = "read for each query and label"
CALLS = {ONCE: "once", QUERY: "query", PLAIN: "plain"}
TARGET = 3.0
"""Of the plain way's time to that of reading once: 8 examples, 8 queries, 2 labels, or more."""

HEADER = ("way", "s", "CPU s", "largest difference", "same labels")


@dataclass(frozen=True)
class Measured:
    """What one way of scoring took and gave.

    Args:
        way: its name.
        seconds: wall-clock time of each run.
        cpu_seconds: processor time of each run, over all threads.
        difference: largest absolute difference of a score from that of `ONCE`.
        same: share of queries with the same label as `ONCE` gives.
        failure: why something is missing.
    """

    way: str
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    difference: float | None = None
    same: float | None = None
    failure: str | None = None
    extra_memory: ClassVar[int | None] = None  # all ways run in one process


WANTED = [
    Wanted("", QUERY, ONCE, WALL),
    Wanted("", QUERY, ONCE, CPU_TIME),
    Wanted("", PLAIN, ONCE, WALL, TARGET),
    Wanted("", PLAIN, ONCE, CPU_TIME),
]


@dataclass
class LinkingReport:
    """Everything that a run found.

    Args:
        environment: versions, threads, machine, and the shape of the task.
        measured: by way.
        judged: whether the task is as large as the target is for.
    """

    environment: dict[str, Any]
    measured: list[Measured] = field(default_factory=list)
    judged: bool = True

    @property
    def failed(self) -> bool:
        """Whether a way failed."""
        return any(one.failure for one in self.measured)

    def ratios(self) -> list[Ratio]:
        """The ratios of times; the target is for the wall clock of the plain way."""
        return ratios(WANTED, {("", one.way): one for one in self.measured}, self.judged)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": self.environment,
            "measured": [vars(one) for one in self.measured],
            "ratios": [
                {
                    "way": one.wanted.above,
                    "of": one.wanted.quantity,
                    "value": one.value,
                    "reached": one.reached,
                }
                for one in self.ratios()
            ],
        }

    def to_text(self) -> str:
        """Markdown: the ways, and the ratios."""
        parts = [heading(self.environment)]
        parts.append(
            "Log-likelihood of each label for each query, with a random model of the kind LLaVA. "
            "Scores are compared with those of reading the context once."
        )
        parts.append(table(HEADER, [_row(one) for one in self.measured]))
        rows = [one.cells for one in self.ratios()]
        if rows:
            parts.append(table(("ratio", "of", "is", "target"), rows))
        return "\n\n".join(parts)


def _row(one: Measured) -> tuple[str, ...]:
    return (
        one.way,
        *time_cells(one),
        number(one.difference),
        "" if one.same is None else f"{one.same:.0%}",
    )
