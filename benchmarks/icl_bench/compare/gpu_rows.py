"""Batches of ours on a device: their times in rows, beside what its arithmetic allows."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple, Protocol, TypeVar

from icl_bench.compare.command import temporary_folder
from icl_bench.compare.peers import Bench, Request, serving
from icl_bench.compare.report import heading, number, table
from icl_core.errors import PluginError

BATCHES = (1, 8, 32)
BFLOAT16 = "bfloat16"
DTYPES = ("float32", BFLOAT16)
WARM_UP = 3

Subject = TypeVar("Subject")
Rows = TypeVar("Rows")


class Timed(NamedTuple):
    """Median wall-clock seconds of a batch, or why there are none."""

    seconds: float | None
    failure: str | None = None


class Row(Protocol):
    """Seconds for one batch of a subject, or why there are none."""

    @property
    def dtype(self) -> str:
        """Number type."""

    @property
    def batch(self) -> int:
        """How many are answered together."""

    @property
    def operations(self) -> float:
        """Of one answer, floating-point."""

    @property
    def seconds(self) -> float | None:
        """Median wall-clock time of the batch."""

    @property
    def failure(self) -> str | None:
        """Why there is none."""


def rate(row: Row) -> float | None:
    """Answers a second."""
    return row.batch / row.seconds if row.seconds else None


def limit(row: Row, peak: float | None) -> float | None:
    """Answers a second if their operations ran at `peak` TFLOP/s and all else were free."""
    return peak and peak * 1e12 / row.operations


def named_peaks(asked: argparse.Namespace) -> dict[str, float | None]:
    """Number type -> peak of the device in TFLOP/s, where the command line names it."""
    return {BFLOAT16: asked.peak_tflops, "float32": asked.peak_tflops_float32}


def measure_each(
    asked: argparse.Namespace,
    subjects: Iterable[Subject],
    measure: Callable[[Bench, Subject, str, argparse.Namespace, dict[str, Any]], list[Rows]],
) -> tuple[dict[str, Any], list[Rows]]:
    """Measure every subject in every number type.

    Args:
        asked: the command line.
        subjects: what is measured.
        measure: gives the rows of a subject in a number type, and completes the environment.

    Returns:
        The environment and the rows.
    """
    environment: dict[str, Any] = {"size": asked.size}
    rows: list[Rows] = []
    with temporary_folder() as folder:
        bench = Bench(folder, official=None, threads=asked.threads)
        for subject in subjects:
            for dtype in DTYPES:
                rows += measure(bench, subject, dtype, asked, environment)
    return environment, rows


def time_batches(
    bench: Bench,
    request: Request,
    calls: Sequence[str],
    repeats: int,
    environment: dict[str, Any],
) -> list[Timed]:
    """Time every call, all in one process; add what that says about itself to the environment."""
    found: list[Timed] = []
    try:
        with serving(bench, request, bench.folder / "cache") as server:
            environment |= server.versions
            for call in calls:
                try:
                    times = [server.time(call)[0] for _ in range(repeats)]
                    found.append(Timed(median(times)))
                except PluginError as error:  # such as a batch that is too large
                    found.append(Timed(None, error.message))
    except PluginError as error:
        found = [Timed(None, error.message)] * len(calls)
    return found


def rows_text(
    environment: Mapping[str, Any],
    subject: Sequence[str],
    answers: str,
    lines: Iterable[tuple[Sequence[str], Row]],
    peaks: Mapping[str, float | None],
    note: str,
) -> str:
    """A Markdown table with the limits beside the times.

    Args:
        environment: versions, threads, machine.
        subject: header of the first cells.
        answers: what is counted a second.
        lines: the first cells of each line, and its row.
        peaks: of the device in TFLOP/s, by number type.
        note: what the limit is.
    """
    header = (
        *subject,
        "number type",
        "batch",
        "s",
        f"{answers}/s",
        f"limit, {answers}/s",
        "of the limit",
        "TFLOP/s",
    )
    cells = [(*first, *_cells(row, peaks[row.dtype])) for first, row in lines]
    return "\n\n".join((heading(environment), table(header, cells), note))


def _cells(row: Row, peak: float | None) -> tuple[str, ...]:
    most, answers = limit(row, peak), rate(row)
    share = answers / most if most and answers else None
    return (
        row.dtype,
        str(row.batch),
        row.failure or number(row.seconds),
        number(answers),
        number(most),
        "" if share is None else f"{share:.0%}",
        number(answers * row.operations / 1e12 if answers else None),
    )
