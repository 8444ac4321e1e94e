"""Measurements of the segmentation comparison as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any, NamedTuple

from icl_bench.compare.report import number, table

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
CPU_TIME, WALL, MEMORY = "CPU time", "wall clock", "extra memory"


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

    def figure(self, quantity: str) -> float | None:
        """The median time, or the memory."""
        if quantity == MEMORY:
            return None if self.extra_memory is None else float(self.extra_memory)
        values = self.cpu_seconds if quantity == CPU_TIME else self.seconds
        return median(values) if values else None


class Wanted(NamedTuple):
    """A ratio to look at: `above` to `below`, and what it shall be if that was set."""

    part: str
    above: str
    below: str
    quantity: str
    target: float | None = None
    at_most: bool = False


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


@dataclass(frozen=True)
class Ratio:
    """A ratio that was asked for, and its value."""

    wanted: Wanted
    value: float
    judged: bool

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if not self.judged or self.wanted.target is None:
            return None
        if self.wanted.at_most:
            return self.value <= self.wanted.target
        return self.value >= self.wanted.target

    @property
    def verdict(self) -> str:
        """The target in words."""
        if self.reached is None:
            return ""
        limit = "at most" if self.wanted.at_most else "at least"
        return f"{limit} {self.wanted.target:g}x, {'reached' if self.reached else 'missed'}"


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
        by_way = {(m.part, m.way): m for m in self.measured}
        learners = dict.fromkeys(m.part for m in self.measured if m.part != ENCODER)
        found = []
        for one in wanted(list(learners)):
            pair = [by_way.get((one.part, way)) for way in (one.above, one.below)]
            above, below = (None if m is None else m.figure(one.quantity) for m in pair)
            if above is not None and below:
                found.append(Ratio(one, above / below, self.size == "published"))
        return found

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
        parts = ["; ".join(f"{name} {value}" for name, value in self.environment.items())]
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
        rows = [_ratio_row(r) for r in self.ratios()]
        if rows:
            parts.append(table(("part", "ratio", "of", "is", "target"), rows))
        if self.size != "published":
            parts.append("The targets are for --size published.")
        return "\n\n".join(parts)


def _ratio_row(found: Ratio) -> tuple[str, ...]:
    one = found.wanted
    ratio = f"{one.above} / {one.below}"
    return one.part, ratio, one.quantity, number(found.value, "x"), found.verdict


def _encoder_row(found: Measured) -> tuple[str, ...]:
    memory = found.figure(MEMORY)
    return (
        found.way,
        found.failure or number(found.figure(WALL)),
        number(found.figure(CPU_TIME)),
        "" if memory is None else f"{memory / 1e6:.0f}",
        number(found.difference),
    )


def _learner_row(found: Measured) -> tuple[str, ...]:
    return (
        found.part,
        found.way,
        found.failure or number(found.figure(WALL)),
        number(found.figure(CPU_TIME)),
        f"{mean(found.ious):.4f}" if found.ious else "",
        f"{min(found.ious):.4f}" if found.ious else "",
        "" if found.share is None else f"{found.share:.0%}",
        number(found.difference),
    )
