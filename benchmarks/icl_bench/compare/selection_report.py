"""Measurements of the selection comparison as Markdown tables and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from icl_bench.compare.ratios import (
    CPU_TIME,
    MEMORY,
    WALL,
    Ratio,
    Wanted,
    memory_cell,
    ratios,
    time_cells,
)
from icl_bench.compare.report import heading, number, table

OURS, LISTS, RELEASED = "ours", "released procedure, plain lists", "released procedure"
VOTES = "ours, fast vote-k"
TARGET = 100.0
"""Of the released procedure's time to ours, at 1000 items and a budget of 18."""
LINEAR = 2.5
"""Of the memory for twice the items, at most."""

HEADER = ("items", "way", "s", "CPU s", "extra MB", "influence")


@dataclass(frozen=True)
class Selected:
    """What one way of selecting took and gave.

    Args:
        items: in the pool.
        way: of selecting.
        seconds: wall-clock time of each run.
        cpu_seconds: processor time of each run, over all threads.
        extra_memory: most bytes in use beyond those after loading; None where unknown.
        influence: of the picks, by the released simulator; None where it was not run.
        failure: why something is missing.
    """

    items: int
    way: str
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    extra_memory: int | None = None
    influence: float | None = None
    failure: str | None = None


@dataclass
class SelectionReport:
    """Everything that a run found.

    Args:
        environment: versions, threads, machine, and the shape of the task.
        small: items of the pool on which the released procedure runs as well.
        large: items of the large pool, 0 for none; half of it is measured as well.
        runs: of the released simulator.
        measured: by items and way.
        judged: whether the task is as large as the targets are for.
    """

    environment: dict[str, Any]
    small: int
    large: int
    runs: int
    measured: list[Selected] = field(default_factory=list)
    judged: bool = True

    @property
    def failed(self) -> bool:
        """Whether a way failed."""
        return any(one.failure for one in self.measured)

    def ratios(self) -> list[Ratio]:
        """The ratios of times, and that of the memory for twice the items."""
        found: dict[tuple[str | int, str], Any] = {(m.items, m.way): m for m in self.measured}
        wanted = [
            Wanted(self.small, RELEASED, OURS, WALL, TARGET),
            Wanted(self.small, RELEASED, OURS, CPU_TIME, TARGET),
            Wanted(self.small, LISTS, OURS, WALL),
            Wanted(self.small, LISTS, OURS, CPU_TIME),
        ]
        if self.large:
            twice, once = f"{self.large} items", f"{self.large // 2} items"
            for way in (OURS, VOTES):
                if (self.large, way) in found and (self.large // 2, way) in found:
                    found[way, twice] = found[self.large, way]
                    found[way, once] = found[self.large // 2, way]
                    wanted.append(Wanted(way, twice, once, MEMORY, LINEAR, at_most=True))
        return ratios(wanted, found, self.judged)

    def no_lower(self) -> bool | None:
        """Whether ours has at least the influence of the released picks; None where unknown."""
        known = {m.way: m.influence for m in self.measured if m.items == self.small}
        ours, theirs = known.get(OURS), known.get(RELEASED)
        return None if ours is None or theirs is None else ours >= theirs

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": self.environment,
            "measured": [vars(one) for one in self.measured],
            "no_lower_influence": self.no_lower(),
            "ratios": [
                {
                    "part": one.wanted.part,
                    "above": one.wanted.above,
                    "below": one.wanted.below,
                    "of": one.wanted.quantity,
                    "value": one.value,
                    "target": one.target,
                    "reached": one.reached,
                }
                for one in self.ratios()
            ],
        }

    def to_text(self) -> str:
        """Markdown: the ways, the ratios, and how far the picks reach."""
        parts = [heading(self.environment)]
        parts.append(
            f"IDEAL on drawn clusters. Influence is that of the released simulator, {self.runs} "
            "runs. The released procedure is written from its published description, on a "
            "networkx graph as released, and once more on plain lists."
        )
        parts.append(table(HEADER, [_row(one) for one in self.measured]))
        rows = [(str(one.wanted.part), *one.cells) for one in self.ratios()]
        if rows:
            parts.append(table(("part", "ratio", "of", "is", "target"), rows))
        verdict = self.no_lower()
        if verdict is not None:
            parts.append(
                f"Influence of ours is {'no lower' if verdict else 'lower'} than that of the "
                "released procedure."
            )
        return "\n\n".join(parts)


def _row(one: Selected) -> tuple[str, ...]:
    return str(one.items), one.way, *time_cells(one), memory_cell(one), number(one.influence)
