"""Ours on a CUDA device, beside the published figures of the official CUDA backend."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from icl_bench.compare.command import temporary_folder
from icl_bench.compare.forecasting_bench import ForecastingBench
from icl_bench.compare.peers import serving
from icl_bench.compare.report import heading, table
from icl_bench.compare.scenarios import (
    GPU_TARGET,
    OURS,
    PUBLISHED_BATCH,
    PUBLISHED_LATENCY,
    PUBLISHED_SERIES_A_SECOND,
    Peer,
)
from icl_bench.compare.standin import BLOCKS, CONTEXT, PATCH, contexts, operations, write_checkpoint

HEADER = (
    "batch",
    "horizon",
    "patches a pass",
    "through",
    "s a call",
    "series/s",
    "published, H100",
    "ratio",
    "target",
    "TFLOP a call",
    "TFLOP/s",
    "us a step",
)


@dataclass(frozen=True)
class Case:
    """One batch size, horizon and way of rolling out.

    Args:
        batch: series.
        horizon: steps.
        steps: patches a pass.
    """

    batch: int
    horizon: int
    steps: int

    @property
    def passes(self) -> int:
        """Forward passes of the plan; ours run together as rows of one batch."""
        return -(-self.patches // self.steps)

    @property
    def patches(self) -> int:
        """Patches of the horizon."""
        return -(-self.horizon // PATCH)

    @property
    def tokens(self) -> int:
        """Tokens a row reads."""
        return CONTEXT // PATCH + self.steps - 1

    @property
    def operations(self) -> float:
        """Floating-point operations of a call: the floor, with the device's peak."""
        return operations(self.batch * self.passes, self.tokens, self.steps)

    @property
    def dependent_steps(self) -> int:
        """Recurrent steps that wait for one another: the other floor."""
        return BLOCKS * self.tokens


@dataclass(frozen=True)
class Timed:
    """Seconds a call of a case, through the interface ("call") or the network alone."""

    case: Case
    through: str
    seconds: float

    @property
    def published(self) -> float:
        """Published seconds of a call."""
        if self.case.batch == 1:
            return PUBLISHED_LATENCY
        return self.case.batch / PUBLISHED_SERIES_A_SECOND[self.case.horizon]

    @property
    def ratio(self) -> float:
        """How many times faster than published."""
        return self.published / self.seconds


def cases() -> tuple[Case, ...]:
    """Published horizons, patch by patch and accelerated; then one series alone."""
    many = [
        Case(PUBLISHED_BATCH, horizon, steps)
        for horizon in PUBLISHED_SERIES_A_SECOND
        for steps in sorted({1, horizon // PATCH})
    ]
    return (*many, Case(1, PATCH, 1))


def run_gpu(asked: argparse.Namespace) -> tuple[dict[str, Any], str, bool]:
    """Measure; returns plain data, Markdown, and whether something failed."""
    options = {"cuda_graph": True} if asked.cuda_graph else {}
    timed: list[Timed] = []
    environment: dict[str, Any] = {"dtype": asked.dtype, "cuda_graph": asked.cuda_graph}
    with temporary_folder() as folder:
        bench = ForecastingBench(
            folder,
            official=None,
            threads=asked.threads,
            checkpoint=write_checkpoint(folder),
            device=asked.device,
            dtype=asked.dtype,
            options=options,
        )
        for case in cases():
            source = folder / f"contexts_{case.batch}.npy"
            np.save(source, contexts(case.batch, CONTEXT))
            peer = Peer(OURS, case.steps)
            request = bench.ask(peer, source, case.batch, case.horizon, serve=True)
            with serving(bench, request, folder / "cache") as server:
                environment |= server.versions
                for through in ("call", "network"):
                    times = [server.time(through)[0] for _ in range(max(5, asked.repeats))]
                    timed.append(Timed(case, through, median(times)))
    return to_dict(environment, timed), to_text(environment, timed), False


def to_dict(environment: dict[str, Any], timed: Sequence[Timed]) -> dict[str, Any]:
    """Plain data for JSON."""
    rows = [
        {
            **asdict(t.case),
            "through": t.through,
            "seconds": t.seconds,
            "series_per_second": t.case.batch / t.seconds,
            "published_seconds": t.published,
            "ratio": t.ratio,
            "target": GPU_TARGET,
            "operations": t.case.operations,
            "dependent_steps": t.case.dependent_steps,
        }
        for t in timed
    ]
    return {"environment": environment, "gpu": rows}


def to_text(environment: dict[str, Any], timed: Sequence[Timed]) -> str:
    """A Markdown table, with the floors beside the times."""
    rows = [
        (
            str(t.case.batch),
            str(t.case.horizon),
            str(t.case.steps),
            "interface" if t.through == "call" else "network alone",
            f"{t.seconds:.3g}",
            f"{t.case.batch / t.seconds:.0f}",
            f"{t.case.batch / t.published:.0f}",
            f"{t.ratio:.2f}x",
            f"{GPU_TARGET:g}x",
            f"{t.case.operations / 1e12:.3g}",
            f"{t.case.operations / t.seconds / 1e12:.3g}",
            f"{t.seconds / t.case.dependent_steps * 1e6:.3g}",
        )
        for t in timed
    ]
    floor = (
        "The floor: the operations of a call at the device's peak, and "
        f"{BLOCKS} layers x {CONTEXT // PATCH} steps that wait for one another."
    )
    return "\n\n".join((heading(environment), table(HEADER, rows), floor))
