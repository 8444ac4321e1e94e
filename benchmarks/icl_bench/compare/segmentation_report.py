"""Measurements of the segmentation comparison as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
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

ENCODER = "encoder"
OURS, OFFICIAL, OURS_HALF = "ours", "segment-anything", "ours, bfloat16"
ONCE, PAIRS = "prepared once", "encoded per pair"
RELEASED = "encoded per pair, attention written out"
FEW, FEW_HALF = "first two queries", "first two queries, bfloat16"

TIME_TARGET = 1.35
MEMORY_TARGET = 0.5
ONCE_TARGET = 1.9
ENCODER_HEADER = ("peer", "s", "CPU s", "extra MB", "largest difference")
LEARNER_HEADER = (
    "learner",
    "way",
    "s",
    "CPU s",
    "mean IoU",
    "least IoU",
    "mask covers",
    "largest difference",
)


@dataclass(frozen=True)
class Measured:
    """What one way of doing one part took and gave.

    Args:
        part: `ENCODER` or the name of a learner.
        way: of the part.
        seconds: wall-clock time of each run.
        cpu_seconds: processor time of each run, over all threads.
        extra_memory: most bytes in use beyond those after loading; None where unknown.
        difference: largest absolute difference from what the way it is held against gave.
        ious: of each query's mask with that of the same way; empty for the encoder.
        share: mean share of the pictures that the masks cover.
        failure: why something is missing.
    """

    part: str
    way: str
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    extra_memory: int | None = None
    difference: float | None = None
    ious: tuple[float, ...] = ()
    share: float | None = None
    failure: str | None = None


def wanted(learners: Sequence[str]) -> list[Wanted]:
    """The ratios of the encoder and of learners; targets are for the published sizes."""
    found = [
        Wanted(ENCODER, OFFICIAL, OURS, CPU_TIME, TIME_TARGET),
        Wanted(ENCODER, OFFICIAL, OURS, WALL),
        Wanted(ENCODER, OURS, OFFICIAL, MEMORY, MEMORY_TARGET, at_most=True),
        Wanted(ENCODER, OURS, OURS_HALF, CPU_TIME),
        Wanted(ENCODER, OURS, OURS_HALF, WALL),
    ]
    for learner in learners:
        found += [
            Wanted(learner, RELEASED, ONCE, CPU_TIME, ONCE_TARGET),
            Wanted(learner, RELEASED, ONCE, WALL),
            Wanted(learner, PAIRS, ONCE, CPU_TIME, ONCE_TARGET),
            Wanted(learner, PAIRS, ONCE, WALL),
            Wanted(learner, FEW, FEW_HALF, CPU_TIME),
            Wanted(learner, FEW, FEW_HALF, WALL),
        ]
    return found


@dataclass
class SegmentationReport:
    """Everything that a run found.

    Args:
        environment: versions, threads, machine.
        size: name of the sizes.
        queries: N, queries of one context.
        measured: by part and way.
    """

    environment: dict[str, Any]
    size: str
    queries: int
    measured: list[Measured] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a peer failed."""
        return any(m.failure for m in self.measured)

    def ratios(self) -> list[Ratio]:
        """The ratios that the measurements give; targets count at the published sizes alone."""
        found: ByWay = {(m.part, m.way): m for m in self.measured}
        learners = dict.fromkeys(m.part for m in self.measured if m.part != ENCODER)
        return ratios(wanted(list(learners)), found, self.size == "published")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": {**self.environment, "size": self.size, "queries": self.queries},
            "measured": [vars(m) for m in self.measured],
            "ratios": [
                {**r.wanted._asdict(), "value": r.value, "reached": r.reached}
                for r in self.ratios()
            ],
        }

    def to_text(self) -> str:
        """Markdown: the encoder, the learners, and the ratios."""
        parts = [heading(self.environment)]
        encoder = [m for m in self.measured if m.part == ENCODER]
        learners = [m for m in self.measured if m.part != ENCODER]
        if encoder:
            parts.append(
                f"Image encoder of SAM, {self.size} size, one picture. Extra memory is the peak "
                "beyond what was in use after loading."
            )
            parts.append(table(ENCODER_HEADER, [_encoder_row(m) for m in encoder]))
        if learners:
            count = self.queries
            parts.append(
                f"{count} queries with one context, {self.size} size, stand-in weights. Prepared "
                f"once, {count + 1} pictures are encoded; per pair, {2 * count}: "
                f"{2 * count / (count + 1):.2f}x as much. Written out, attention "
                "makes its whole matrix of weights, as the released networks do. Masks are "
                "compared with those that float32 gives, prepared once."
            )
            parts.append(table(LEARNER_HEADER, [_learner_row(m) for m in learners]))
        rows = [(str(r.wanted.part), *r.cells) for r in self.ratios()]
        if rows:
            parts.append(table(("part", "ratio", "of", "is", "target"), rows))
        if self.size != "published":
            parts.append("The targets are for --size published.")
        return "\n\n".join(parts)


def _encoder_row(found: Measured) -> tuple[str, ...]:
    return (
        found.way,
        *time_cells(found),
        memory_cell(found),
        number(found.difference),
    )


def _learner_row(found: Measured) -> tuple[str, ...]:
    return (
        found.part,
        found.way,
        *time_cells(found),
        f"{mean(found.ious):.4f}" if found.ious else "",
        f"{min(found.ious):.4f}" if found.ious else "",
        "" if found.share is None else f"{found.share:.0%}",
        number(found.difference),
    )
