"""Time the choice of what to annotate against the released procedure of IDEAL.

`python -m icl_bench.compare.selection` (or `make bench-selection`). On a pool of 1000 items IDEAL
is run as released and as ours, in turn, each in a process of its own, and the influence of both
choices is simulated as released. On a large pool, and on half of it, ours is run alone for its
memory.

Exit codes: 0 done, 1 a way failed, 2 wrong usage or networkx is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np

from icl_bench.compare.command import (
    answer,
    check_counts,
    exit_code,
    machine,
    new_parser,
    temporary_folder,
)
from icl_bench.compare.peers import Bench
from icl_bench.compare.selection_report import (
    LISTS,
    OURS,
    RELEASED,
    VOTES,
    Selected,
    SelectionReport,
)
from icl_bench.compare.selection_worker import clusters
from icl_bench.compare.turns import Turns, Way, time_in_turn
from icl_core.errors import InputError, MissingExtraError
from icl_core.runtime.progress import Progress

LOADERS = Path(__file__).with_name("selection_worker.py")
DISTRIBUTION = "icl-suite"
RUNS = 10
"""Cascades of each candidate in the released procedure."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range.
    """
    parser = new_parser("icl_bench.compare.selection", __doc__ or "")
    add = parser.add_argument
    add("--items", type=int, default=1000, help="of the small pool (default 1000)")
    add("--large", type=int, default=100_000, help="items of the large pool (default 100000)")
    add("--budget", type=int, default=18, help="items to pick (default 18)")
    add("--neighbours", type=int, default=10, help="of each item (default 10)")
    add("--width", type=int, default=64, help="of the embeddings (default 64)")
    add("--clusters", type=int, default=10, help="that they are drawn from (default 10)")
    add("--simulations", type=int, default=200, help="of the influence (default 200)")
    asked = parser.parse_args(arguments)
    counts = ("threads", "repeats", "items", "budget", "neighbours", "width", "clusters")
    check_counts(asked, (*counts, "simulations"))
    if asked.device != "cpu":
        raise InputError("--device is cuda, expected cpu: selection runs there alone")
    if max(asked.budget, asked.neighbours + 1) > asked.items:
        raise InputError(f"--items is {asked.items}, expected more than the budget and neighbours")
    if asked.large and asked.large < 2 * asked.items:
        raise InputError(f"--large is {asked.large}, expected 0 or at least {2 * asked.items}")
    return asked


def run(asked: argparse.Namespace) -> SelectionReport:
    """The comparison that the command line asks for."""
    shape = {
        "budget": asked.budget,
        "neighbours": asked.neighbours,
        "width": asked.width,
        "clusters": asked.clusters,
    }
    report = SelectionReport(
        {**machine(asked.threads), **shape},
        asked.items,
        asked.large,
        asked.simulations,
        judged=asked.items >= 1000 and asked.budget >= 18,
    )
    small = {OURS: "ideal", LISTS: "official", RELEASED: "released"}
    large = {OURS: "ideal", VOTES: "fast-vote-k"}
    with temporary_folder() as folder, Progress("comparing") as bar:
        bench = Bench(folder, None, asked.threads)
        for items, ways, repeats in (
            (asked.items, small, asked.repeats),
            (asked.large // 2, large, 1),
            (asked.large, large, 1),
        ):
            if not items:
                continue
            content = {
                "loaders": str(LOADERS),
                "distribution": DISTRIBUTION,
                "items": items,
                "runs": RUNS,
                **shape,
                "device": "cpu",
                "first": "first",
                "warm_up": 0,
            }
            named = [
                Way(way, bench.request(way, True, True, content), call)
                for way, call in ways.items()
            ]
            turns, _ = time_in_turn(bench, named, repeats, bar)
            report.measured += [_measured(asked, items, turn) for turn in turns]
    return report


def _measured(asked: argparse.Namespace, items: int, turn: Turns) -> Selected:
    found = None
    if items == asked.items and turn.result is not None:
        found = simulated(asked, turn.result)
    return Selected(
        items,
        turn.way,
        turn.seconds,
        turn.cpu_seconds,
        turn.extra_memory,
        found,
        turn.failure,
    )


def simulated(asked: argparse.Namespace, picks: np.ndarray) -> float:
    """Run the released simulator on picks: mean number of activations."""
    from icl_bench.compare.selection_released import released_cascade, released_graph

    points = clusters(asked.items, asked.width, asked.clusters)
    graph, random = released_graph(points, asked.neighbours), Random(0)
    seeds = [int(item) for item in picks]
    runs: int = asked.simulations
    return sum(released_cascade(graph, seeds, random) for _ in range(runs)) / runs


def need_networkx() -> None:
    """Refuse to start without the library of the released procedure.

    Raises:
        MissingExtraError: networkx is not installed.
    """
    if find_spec("networkx") is None:
        raise MissingExtraError(
            "the released procedure needs networkx, which is not installed", "pip install networkx"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""

    def work() -> bool:
        asked = parse(arguments)
        need_networkx()
        report = run(asked)
        answer(asked, report.to_dict(), report.to_text())
        return report.failed

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
