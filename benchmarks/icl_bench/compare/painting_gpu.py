"""Ours on a CUDA device: queries a second, beside what the device's arithmetic allows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
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
from icl_bench.compare.painting import PROMPTS, ask
from icl_bench.compare.painting_shapes import SIZES, PaintingSize, answer_operations
from icl_bench.compare.peers import Bench

LIMIT = (
    "The limit: the operations of an answer at the peak that --peak-tflops and "
    "--peak-tflops-float32 name. Prompts are prepared; reading pictures and turning the answer "
    "into a mask are not in it. float32 is without TF32 in matrix products."
)


@dataclass(frozen=True)
class Row:
    """Seconds for one batch of queries with prepared prompts, or why there are none.

    Args:
        prompts: that answer together.
        dtype: number type.
        batch: queries.
        operations: of one query, floating-point.
        seconds: median wall-clock time.
        failure: why there is none.
    """

    prompts: int
    dtype: str
    batch: int
    operations: float
    seconds: float | None
    failure: str | None = None

    @property
    def queries(self) -> float | None:
        """Queries a second."""
        return rate(self)

    def limit(self, peak: float | None) -> float | None:
        """Queries a second if the network ran at `peak` TFLOP/s."""
        return limit(self, peak)


def run_gpu(asked: argparse.Namespace) -> tuple[dict[str, Any], str, bool]:
    """Measure; returns plain data, Markdown, and whether something failed."""
    size, peak = SIZES[asked.size], named_peaks(asked)
    environment, rows = measure_each(
        asked,
        asked.prompts or PROMPTS,
        lambda bench, prompts, dtype, *rest: measure(bench, size, prompts, dtype, *rest),
    )
    failed = any(row.failure for row in rows)
    return to_dict(environment, rows, peak), to_text(environment, rows, peak), failed


def measure(
    bench: Bench,
    size: PaintingSize,
    prompts: int,
    dtype: str,
    asked: argparse.Namespace,
    environment: dict[str, Any],
) -> list[Row]:
    """Time every batch with so many prompts in one number type, in one process."""
    more = {"dtype": dtype, "device": asked.device, "batches": list(BATCHES), "warm_up": WARM_UP}
    request = ask(bench, size, prompts, f"batch {BATCHES[0]}", **more)
    operations = answer_operations(size, prompts)
    calls = [f"batch {batch}" for batch in BATCHES]
    found = time_batches(bench, request, calls, asked.repeats, environment)
    return [
        Row(prompts, dtype, batch, operations, *timed)
        for batch, timed in zip(BATCHES, found, strict=True)
    ]


def to_dict(
    environment: dict[str, Any], rows: Sequence[Row], peaks: dict[str, float | None]
) -> dict[str, Any]:
    """Plain data for JSON."""
    found = [
        {
            **vars(row),
            "queries_per_second": row.queries,
            "peak_tflops": peaks[row.dtype],
            "limit_queries_per_second": row.limit(peaks[row.dtype]),
        }
        for row in rows
    ]
    return {"environment": environment, "gpu": found}


def to_text(
    environment: dict[str, Any], rows: Sequence[Row], peaks: dict[str, float | None]
) -> str:
    """A Markdown table with the limits beside the times."""
    lines = [((str(row.prompts),), row) for row in rows]
    return rows_text(environment, ("prompts",), "queries", lines, peaks, LIMIT)
