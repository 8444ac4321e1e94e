"""Measurements of the linking comparison as Markdown tables and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from icl_bench.compare.report import number, table

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


class Ratio(NamedTuple):
    """How many times as long a way takes as reading once."""

    way: str
    of: str
    value: float
    reached: bool | None


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
        by_way = {one.way: one for one in self.measured}
        found = []
        for way in (QUERY, PLAIN):
            for of in ("wall clock", "CPU time"):
                above, below = (_median(by_way.get(name), of) for name in (way, ONCE))
                if above is not None and below:
                    value = above / below
                    judged = self.judged and way == PLAIN and of == "wall clock"
                    found.append(Ratio(way, of, value, value >= TARGET if judged else None))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": self.environment,
            "measured": [vars(one) for one in self.measured],
            "ratios": [one._asdict() for one in self.ratios()],
        }

    def to_text(self) -> str:
        """Markdown: the ways, and the ratios."""
        parts = ["; ".join(f"{name} {value}" for name, value in self.environment.items())]
        parts.append(
            "Log-likelihood of each label for each query, with a random model of the kind LLaVA. "
            "Scores are compared with those of reading the context once."
        )
        parts.append(table(HEADER, [_row(one) for one in self.measured]))
        rows = [
            (f"{one.way} / {ONCE}", one.of, number(one.value, "x"), _verdict(one))
            for one in self.ratios()
        ]
        if rows:
            parts.append(table(("ratio", "of", "is", "target"), rows))
        return "\n\n".join(parts)


def _median(one: Measured | None, of: str) -> float | None:
    if one is None:
        return None
    values = one.seconds if of == "wall clock" else one.cpu_seconds
    return median(values) if values else None


def _verdict(one: Ratio) -> str:
    if one.reached is None:
        return ""
    return f"at least {TARGET:g}x, {'reached' if one.reached else 'missed'}"


def _row(one: Measured) -> tuple[str, ...]:
    return (
        one.way,
        one.failure or number(_median(one, "wall clock")),
        number(_median(one, "CPU time")),
        number(one.difference),
        "" if one.same is None else f"{one.same:.0%}",
    )
