"""Measurements of the painting comparison as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_bench.compare.ratios import (
    CPU_TIME,
    MEMORY,
    WALL,
    ByWay,
    Ratio,
    Wanted,
    memory_cell,
    ratios,
    time_cells,
)
from icl_bench.compare.report import heading, number, table

PREPARED, OURS, PLAIN, OFFICIAL = "ours, prompts prepared", "ours", "released way", "transformers"
HALF = "ours, bfloat16"

TIME_TARGETS = {1: 0.7, 2: 0.5}
"""By the number of prompts: ours to the released way, CPU time at the published size."""
MEMORY_TARGET = 0.45
HEADER = ("prompts", "way", "s", "CPU s", "extra MB", "largest difference")


@dataclass(frozen=True)
class Painted:
    """What one way of answering took and gave.

    Args:
        prompts: how many answer together.
        way: of answering.
        seconds: wall-clock time of each run.
        cpu_seconds: processor time of each run, over all threads.
        extra_memory: most bytes in use beyond those after loading; None where unknown.
        difference: largest absolute difference from ours, in normalised colours.
        failure: why something is missing.
    """

    prompts: int
    way: str
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    extra_memory: int | None = None
    difference: float | None = None
    failure: str | None = None


def wanted(prompts: Sequence[int]) -> list[Wanted]:
    """The ratios for each number of prompts; targets are for the published size."""
    found = []
    for count in prompts:
        target = TIME_TARGETS.get(count)
        for way in (PREPARED, OURS):
            found += [
                Wanted(count, way, PLAIN, CPU_TIME, target, at_most=True),
                Wanted(count, way, PLAIN, WALL),
            ]
        found += [
            Wanted(count, OURS, PLAIN, MEMORY, MEMORY_TARGET, at_most=True),
            Wanted(count, OURS, OFFICIAL, CPU_TIME),
            Wanted(count, OURS, OFFICIAL, MEMORY),
            Wanted(count, HALF, OURS, CPU_TIME),
        ]
    return found


@dataclass
class PaintingReport:
    """Everything that a run found.

    Args:
        environment: versions, threads, machine.
        size: name of the sizes.
        operations: number of prompts -> operations of our way and of the released one.
        measured: by prompts and way.
    """

    environment: dict[str, Any]
    size: str
    operations: dict[int, tuple[float, float]]
    measured: list[Painted] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a peer failed."""
        return any(m.failure for m in self.measured)

    def ratios(self) -> list[Ratio]:
        """The ratios that the measurements give; targets count at the published size alone."""
        found: ByWay = {(m.prompts, m.way): m for m in self.measured}
        prompts = dict.fromkeys(m.prompts for m in self.measured)
        return ratios(wanted(list(prompts)), found, self.size == "published")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": {**self.environment, "size": self.size},
            "operations": [
                {"prompts": count, "ours": ours, "released": released}
                for count, (ours, released) in self.operations.items()
            ],
            "measured": [vars(m) for m in self.measured],
            "ratios": [
                {
                    "prompts": r.wanted.part,
                    "above": r.wanted.above,
                    "below": r.wanted.below,
                    "quantity": r.wanted.quantity,
                    "value": r.value,
                    "target": r.target,
                    "reached": r.reached,
                }
                for r in self.ratios()
            ],
        }

    def to_text(self) -> str:
        """Markdown: what was measured, and the ratios."""
        parts = [heading(self.environment)]
        parts.append(
            f"One query, {self.size} size, stand-in weights. 'ours' prepares the prompts and "
            "answers; the released way puts every prompt's canvas through the whole network. "
            "Extra memory is the peak beyond what was in use after loading; differences are from "
            "'ours', in normalised colours. With several prompts transformers averages both "
            "streams together at the merge, which the released code does not."
        )
        parts.append(table(HEADER, [_row(m) for m in self.measured]))
        parts.append(
            "Multiplications and additions: "
            + "; ".join(
                f"{count} prompt{'s' if count > 1 else ''}, {ours / 2e9:.0f} G with prepared "
                f"prompts, {released / 2e9:.0f} G the released way ({ours / released:.2f}x)"
                for count, (ours, released) in self.operations.items()
            )
        )
        rows = [(str(r.wanted.part), *r.cells) for r in self.ratios()]
        if rows:
            parts.append(table(("prompts", "ratio", "of", "is", "target"), rows))
        if self.size != "published":
            parts.append("The targets are for --size published.")
        return "\n\n".join(parts)


def _row(found: Painted) -> Sequence[str]:
    return (
        str(found.prompts),
        found.way,
        *time_cells(found),
        memory_cell(found),
        number(found.difference),
    )
