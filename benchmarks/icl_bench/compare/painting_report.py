"""Measurements of the painting comparison as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from icl_bench.compare.report import number, table
from icl_bench.compare.segmentation_report import CPU_TIME, MEMORY, WALL

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

    def figure(self, quantity: str) -> float | None:
        """The median time, or the memory."""
        if quantity == MEMORY:
            return None if self.extra_memory is None else float(self.extra_memory)
        values = self.cpu_seconds if quantity == CPU_TIME else self.seconds
        return median(values) if values else None


class Ratio(NamedTuple):
    """One way beside another.

    Args:
        prompts: how many answer together.
        above: the way that is divided.
        below: the way it is divided by.
        quantity: what of them.
        value: the ratio.
        target: what it shall be at most; None where nothing was set or the size is small.
    """

    prompts: int
    above: str
    below: str
    quantity: str
    value: float
    target: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        return None if self.target is None else self.value <= self.target

    @property
    def verdict(self) -> str:
        """The target in words."""
        if self.target is None:
            return ""
        return f"at most {self.target:g}x, {'reached' if self.reached else 'missed'}"


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
        found = {(m.prompts, m.way): m for m in self.measured}
        ratios = []
        for count in dict.fromkeys(m.prompts for m in self.measured):
            wanted: list[tuple[str, str, str, float | None]] = [
                (way, PLAIN, quantity, TIME_TARGETS.get(count) if quantity == CPU_TIME else None)
                for way in (PREPARED, OURS)
                for quantity in (CPU_TIME, WALL)
            ]
            wanted += [
                (OURS, PLAIN, MEMORY, MEMORY_TARGET),
                (OURS, OFFICIAL, CPU_TIME, None),
                (OURS, OFFICIAL, MEMORY, None),
                (HALF, OURS, CPU_TIME, None),
            ]
            for above, below, quantity, target in wanted:
                pair = [found.get((count, way)) for way in (above, below)]
                one, other = (None if m is None else m.figure(quantity) for m in pair)
                if one is not None and other:
                    judged = target if self.size == "published" else None
                    ratios.append(Ratio(count, above, below, quantity, one / other, judged))
        return ratios

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": {**self.environment, "size": self.size},
            "operations": [
                {"prompts": count, "ours": ours, "released": released}
                for count, (ours, released) in self.operations.items()
            ],
            "measured": [vars(m) for m in self.measured],
            "ratios": [{**r._asdict(), "reached": r.reached} for r in self.ratios()],
        }

    def to_text(self) -> str:
        """Markdown: what was measured, and the ratios."""
        parts = ["; ".join(f"{name} {value}" for name, value in self.environment.items())]
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
        rows = [_ratio_row(r) for r in self.ratios()]
        if rows:
            parts.append(table(("prompts", "ratio", "of", "is", "target"), rows))
        if self.size != "published":
            parts.append("The targets are for --size published.")
        return "\n\n".join(parts)


def _row(found: Painted) -> Sequence[str]:
    memory = found.figure(MEMORY)
    return (
        str(found.prompts),
        found.way,
        found.failure or number(found.figure(WALL)),
        number(found.figure(CPU_TIME)),
        "" if memory is None else f"{memory / 1e6:.0f}",
        number(found.difference),
    )


def _ratio_row(found: Ratio) -> Sequence[str]:
    ratio = f"{found.above} / {found.below}"
    return str(found.prompts), ratio, found.quantity, number(found.value, "x"), found.verdict
