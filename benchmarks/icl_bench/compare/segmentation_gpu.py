"""Ours on a CUDA device: pictures a second, beside what the device's arithmetic allows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from icl_bench.compare.gpu_rows import (
    BATCHES,
    WARM_UP,
    limit,
    measure_each,
    named_peaks,
    rate,
    rows_text,
    time_batches,
)
from icl_bench.compare.peers import Bench
from icl_bench.compare.segmentation_shapes import (
    SAM_B,
    SAM_H,
    SEGIC_L,
    SIZES,
    Size,
    sam_operations,
    segic_operations,
)
from icl_bench.compare.segmentation_standin import write_learner
from icl_bench.compare.segmentation_timing import ask, write_pictures

LIMIT = (
    "The limit: the operations of the image encoder at the peak that --peak-tflops and "
    "--peak-tflops-float32 name, everything else free. An interface call also reads pictures, "
    "decodes masks and brings them to the pictures' size. float32 is without TF32 in matrix "
    "products."
)


@dataclass(frozen=True)
class Subject:
    """A network that is measured.

    Args:
        name: for the tables.
        learner: which has it.
        size: of what is loaded.
        operations: floating-point operations of the image encoder for one picture.
        calls: what is timed: "network" the encoder alone, "call" queries of a prepared context
            through the interface.
    """

    name: str
    learner: str
    size: Size
    operations: float
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """Seconds for one batch, or why there are none."""

    subject: Subject
    call: str
    dtype: str
    batch: int
    seconds: float | None
    failure: str | None = None

    @property
    def operations(self) -> float:
        """Floating-point operations of the image encoder for one picture."""
        return self.subject.operations

    @property
    def images(self) -> float | None:
        """Pictures a second."""
        return rate(self)

    def limit(self, peak: float | None) -> float | None:
        """Pictures a second if the encoder ran at `peak` TFLOP/s and all else were free."""
        return limit(self, peak)


def subjects(size: str) -> tuple[Subject, ...]:
    """SEGIC-L and the image encoders of SAM-B and SAM-H; small ones for a trial."""
    chosen = SIZES[size]
    if size != "published":
        sam, segic = sam_operations(chosen.sam), segic_operations(chosen.segic)
        return (
            Subject("SEGIC, small", "segic", chosen, segic, ("network", "call")),
            Subject("SAM, small", "dcsam", chosen, sam, ("network",)),
        )
    huge = replace(chosen, sam=SAM_H)
    return (
        Subject("SEGIC-L", "segic", chosen, segic_operations(SEGIC_L), ("network", "call")),
        Subject("SAM-B", "dcsam", chosen, sam_operations(SAM_B), ("network",)),
        Subject("SAM-H", "dcsam", huge, sam_operations(SAM_H), ("network",)),
    )


def run_gpu(asked: argparse.Namespace) -> tuple[dict[str, Any], str, bool]:
    """Measure; returns plain data, Markdown, and whether something failed."""
    peak = named_peaks(asked)
    environment, rows = measure_each(asked, subjects(asked.size), measure)
    failed = any(row.failure for row in rows)
    return to_dict(environment, rows, peak), to_text(environment, rows, peak), failed


def measure(
    bench: Bench,
    subject: Subject,
    dtype: str,
    asked: argparse.Namespace,
    environment: dict[str, Any],
) -> list[Row]:
    """Time every batch of one network in one number type, in one process."""
    weights = write_learner(bench.folder, subject.learner, subject.size)
    weights = weights._replace(options={**weights.options, "batch_size": max(BATCHES)})
    task: dict[str, Any] = {"first": f"{subject.calls[0]} 1", "warm_up": WARM_UP}
    task["batches"] = list(BATCHES)
    if "call" in subject.calls:
        task["pictures"] = str(write_pictures(bench.folder, max(BATCHES), subject.size.picture))
    request = ask(bench, weights, task, dtype, asked.device)
    asks = [(call, batch) for call in subject.calls for batch in BATCHES]
    calls = [f"{call} {batch}" for call, batch in asks]
    found = time_batches(bench, request, calls, asked.repeats, environment)
    return [
        Row(subject, call, dtype, batch, *timed)
        for (call, batch), timed in zip(asks, found, strict=True)
    ]


def to_dict(
    environment: dict[str, Any], rows: Sequence[Row], peaks: dict[str, float | None]
) -> dict[str, Any]:
    """Plain data for JSON."""
    found = [
        {
            "network": row.subject.name,
            "through": row.call,
            "dtype": row.dtype,
            "batch": row.batch,
            "seconds": row.seconds,
            "images_per_second": row.images,
            "operations": row.operations,
            "peak_tflops": peaks[row.dtype],
            "limit_images_per_second": row.limit(peaks[row.dtype]),
            "failure": row.failure,
        }
        for row in rows
    ]
    return {"environment": environment, "gpu": found}


def to_text(
    environment: dict[str, Any], rows: Sequence[Row], peaks: dict[str, float | None]
) -> str:
    """A Markdown table with the limits beside the times."""
    through = {"call": "interface", "network": "encoder alone"}
    lines = [((row.subject.name, through[row.call]), row) for row in rows]
    return rows_text(environment, ("network", "through"), "images", lines, peaks, LIMIT)
