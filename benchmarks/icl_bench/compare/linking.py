"""Time option scoring of the learner `lcl` with and without reading the context again.

`python -m icl_bench.compare.linking` (or `make bench-linking`). A random multimodal model scores
every label for every query in three ways, in turn, in one process: the context read once for all
queries and labels; read again for each query; read again for each query and label, as evaluation
harnesses do that send each label by itself.

Exit codes: 0 done, 1 a way failed, 2 wrong usage or transformers is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from icl_bench.compare.command import (
    answer,
    check_counts,
    exit_code,
    machine,
    new_parser,
    temporary_folder,
)
from icl_bench.compare.linking_report import CALLS, ONCE, LinkingReport, Measured
from icl_bench.compare.linking_standin import (
    LABELS,
    SIZES,
    need_transformers,
    write_model,
    write_pictures,
)
from icl_bench.compare.peers import Bench, Server, serving
from icl_bench.compare.turns import largest_difference, take_turns
from icl_core.errors import InputError
from icl_core.registry import learner_card
from icl_core.runtime.progress import Progress

LOADERS = Path(__file__).with_name("linking_worker.py")
DISTRIBUTION = "icl-linking"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range.
    """
    parser = new_parser("icl_bench.compare.linking", __doc__ or "")
    add = parser.add_argument
    add("--size", choices=sorted(SIZES), default="small", help="of the model (default small)")
    add("--shots", type=int, default=8, help="examples in the context (default 8)")
    add("--queries", type=int, default=8, help="queries of the context (default 8)")
    add("--labels", type=int, default=2, help="labels to choose from (default 2)")
    add("--layout", choices=("turns", "single"), default="turns", help="of the conversation")
    asked = parser.parse_args(arguments)
    check_counts(asked, ("threads", "repeats", "shots", "queries", "labels"))
    if not 2 <= asked.labels <= min(len(LABELS), asked.shots):
        raise InputError(
            f"--labels is {asked.labels}, expected 2 to {len(LABELS)}, and a shot of each"
        )
    return asked


def run(asked: argparse.Namespace) -> LinkingReport:
    """The comparison that the command line asks for."""
    size = SIZES[asked.size]
    shape = {
        "device": asked.device,
        "size": asked.size,
        "examples": asked.shots,
        "queries": asked.queries,
        "labels": asked.labels,
        "tokens a picture": size.tokens,
        "layout": asked.layout,
    }
    enough = asked.shots >= 8 and asked.queries >= 8 and asked.size != "tiny"
    report = LinkingReport({**machine(asked.threads), **shape}, judged=enough)
    with temporary_folder() as folder, Progress("comparing") as bar:
        bench = Bench(folder, None, asked.threads)
        content = {
            "loaders": str(LOADERS),
            "distribution": DISTRIBUTION,
            "model": str(write_model(folder / "model", size)),
            "pictures": str(write_pictures(folder, asked.shots + asked.queries, size.side)),
            "labels": LABELS[: asked.labels],
            "shots": asked.shots,
            "layout": asked.layout,
            "device": asked.device,
            "first": "first",
            "warm_up": 0,
        }
        request = bench.request("lcl", True, True, content)
        with serving(bench, request, folder / "cache") as server:
            report.environment |= {
                DISTRIBUTION: server.versions["code"],
                "torch": server.versions["torch"],
            }
            report.measured += _time(server, asked.repeats, bar)
    return report


def _time(server: Server, repeats: int, bar: Progress) -> list[Measured]:
    """Time the ways in turn, and compare their scores."""
    turns = take_turns({way: (server, call) for way, call in CALLS.items()}, repeats, bar)
    once = next(one.result for one in turns if one.way == ONCE)
    return [
        Measured(
            one.way,
            one.seconds,
            one.cpu_seconds,
            failure=one.failure,
            **_compared(one.result, once),
        )
        for one in turns
    ]


def _compared(found: np.ndarray | None, once: np.ndarray | None) -> dict[str, Any]:
    if found is None or once is None:
        return {}
    same = (found.argmax(axis=1) == once.argmax(axis=1)).mean()
    return {"difference": largest_difference(found, once), "same": float(same)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""

    def work() -> bool:
        asked = parse(arguments)
        learner_card("lcl")
        need_transformers()
        report = run(asked)
        answer(asked, report.to_dict(), report.to_text())
        return report.failed

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
