"""Ours on a CUDA device: queries a second, beside what the device's arithmetic allows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from icl_bench.compare.command import temporary_folder
from icl_bench.compare.painting import PROMPTS, ask
from icl_bench.compare.painting_shapes import SIZES, PaintingSize, answer_operations
from icl_bench.compare.peers import Bench, serving
from icl_bench.compare.report import number, table
from icl_core.errors import PluginError

BATCHES = (1, 8, 32)
BFLOAT16 = "bfloat16"
DTYPES = ("float32", BFLOAT16)
WARM_UP = 3
HEADER = (
    "prompts",
    "number type",
    "batch",
    "s",
    "queries/s",
    "limit, queries/s",
    "of the limit",
    "TFLOP/s",
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
        return self.batch / self.seconds if self.seconds else None

    def limit(self, peak: float | None) -> float | None:
        """Queries a second if the network ran at `peak` TFLOP/s."""
        return peak and peak * 1e12 / self.operations


def run_gpu(asked: argparse.Namespace) -> tuple[dict[str, Any], str, bool]:
    """Measure; returns plain data, Markdown, and whether something failed."""
    peaks = {BFLOAT16: asked.peak_tflops, "float32": asked.peak_tflops_float32}
    environment: dict[str, Any] = {"size": asked.size}
    rows: list[Row] = []
    with temporary_folder() as folder:
        bench = Bench(folder, official=None, threads=asked.threads)
        for prompts in asked.prompts or PROMPTS:
            for dtype in DTYPES:
                size = SIZES[asked.size]
                rows += measure(bench, size, prompts, dtype, asked, environment)
    failed = any(row.failure for row in rows)
    return to_dict(environment, rows, peaks), to_text(environment, rows, peaks), failed


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
    rows: list[Row] = []
    try:
        with serving(bench, request, bench.folder / "cache") as server:
            environment |= server.versions
            for batch in BATCHES:
                try:
                    times = [server.time(f"batch {batch}")[0] for _ in range(asked.repeats)]
                    rows.append(Row(prompts, dtype, batch, operations, median(times)))
                except PluginError as error:  # such as a batch that is too large
                    rows.append(Row(prompts, dtype, batch, operations, None, error.message))
    except PluginError as error:
        rows = [Row(prompts, dtype, n, operations, None, error.message) for n in BATCHES]
    return rows


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
    lines = []
    for row in rows:
        limit, queries = row.limit(peaks[row.dtype]), row.queries
        share = queries / limit if limit and queries else None
        rate = queries * row.operations / 1e12 if queries else None
        lines.append(
            (
                str(row.prompts),
                row.dtype,
                str(row.batch),
                row.failure or number(row.seconds),
                number(queries),
                number(limit),
                "" if share is None else f"{share:.0%}",
                number(rate),
            )
        )
    head = "; ".join(f"{name} {value}" for name, value in environment.items())
    limit_text = (
        "The limit: the operations of an answer at the peak that --peak-tflops and "
        "--peak-tflops-float32 name. Prompts are prepared; reading pictures and turning the answer "
        "into a mask are not in it. float32 is without TF32 in matrix products."
    )
    return "\n\n".join((head, table(HEADER, lines), limit_text))
