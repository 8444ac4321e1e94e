"""Compare SegGPT's network with the released way of painting and with transformers.

`python -m icl_bench.compare.painting` (or `make bench-painting`). One query with one prompt and
with two that answer together: ours, what the released code does written out in our network, and
`SegGptForImageSegmentation`, with the same stand-in weights, the same input and the same number of
threads, the processes in turn. Painter's network is the same without the type tokens.
`--device cuda` measures ours alone, in batches, beside the compute-bound limit.

Exit codes: 0 done, 1 a peer failed, 2 wrong usage or the official package is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from icl_bench.compare.command import (
    add_peaks,
    answer,
    check_counts,
    check_peaks,
    exit_code,
    machine,
    new_parser,
    temporary_folder,
)
from icl_bench.compare.painting_report import (
    HALF,
    OFFICIAL,
    OURS,
    PLAIN,
    PREPARED,
    Painted,
    PaintingReport,
)
from icl_bench.compare.painting_shapes import (
    SIZES,
    TABLE,
    PaintingSize,
    answer_operations,
    painting_shapes,
    released_operations,
    transformers_name,
    write_seggpt,
)
from icl_bench.compare.peers import Bench, Official, Request, find_official
from icl_bench.compare.turns import Way, largest_difference, time_in_turn
from icl_core.errors import InputError
from icl_core.registry import learner_card
from icl_core.runtime.progress import Progress

PACKAGE = Official("transformers", "transformers", "icl-painting[bench]")
LOADERS = Path(__file__).with_name("painting_worker.py")
PROMPTS = (1, 2)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range.
    """
    parser = new_parser("icl_bench.compare.painting", __doc__ or "")
    add = parser.add_argument
    add(
        "--size",
        choices=sorted(SIZES),
        default="small",
        help="of the network: small for a quick look (default), published to be quoted",
    )
    add("--prompts", action="append", type=int, metavar="N", help="only so many; may be repeated")
    add("--bfloat16", action="store_true", help="ours in bfloat16 as well (slow on many machines)")
    add("--no-transformers", action="store_true", help="leave transformers out")
    add("--official-python", metavar="PATH", help="an interpreter that has transformers")
    add_peaks(parser)
    asked = parser.parse_args(arguments)
    check_counts(asked, ("threads", "repeats"))
    check_peaks(asked)
    for count in asked.prompts or ():
        if count < 1:
            raise InputError(f"--prompts is {count}, expected a number from 1")
    return asked


def ask(
    bench: Bench,
    size: PaintingSize,
    prompts: int,
    first: str,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    **more: Any,
) -> Request:
    """A peer that stays.

    Args:
        bench: where.
        size: of the network.
        prompts: that answer together.
        first: what it does when it starts: "transformers", or a call of ours.
        dtype: ours, as `icl.load` takes it.
        device: "cpu" or "cuda".
        more: for the worker; see `painting_worker.py`.
    """
    ours = first != "transformers"
    content = {
        "loaders": str(LOADERS),
        "distribution": "icl-painting" if ours else PACKAGE.distribution,
        "weights": str(write_seggpt(bench.folder, size)),
        "pictures": str(write_pictures(bench.folder, prompts, size.side)),
        "first": first,
        "size": asdict(size),
        "names": {} if ours else {name: transformers_name(name) for name in painting_shapes(size)},
        "table": TABLE,
        "dtype": dtype,
        "device": device,
        "warm_up": 0,
        **more,
    }
    name = f"seggpt ({dtype})" if ours else PACKAGE.distribution
    return bench.request(name, ours, True, content)


def write_pictures(folder: Path, prompts: int, side: int) -> Path:
    """Write prompts and a query, normalised noise, for the worker."""
    path = folder / f"pictures_{prompts}_{side}.npz"
    rng = np.random.default_rng(prompts)
    images, targets = rng.standard_normal((2, prompts, 3, side, side), np.float32)
    query = rng.standard_normal((1, 3, side, side), np.float32)
    np.savez(path, images=images, targets=targets, query=query)
    return path


def ways(
    bench: Bench, size: PaintingSize, prompts: int, transformers: bool, half: bool
) -> list[Way]:
    """The ways of answering with so many prompts."""
    ours = ask(bench, size, prompts, "whole")
    found = [
        Way(OURS, ours, "whole"),
        Way(PREPARED, ours, "prepared", OURS),
        Way(PLAIN, ask(bench, size, prompts, "plain"), "plain", OURS),
    ]
    if transformers:
        official = ask(bench, size, prompts, "transformers")
        found.append(Way(OFFICIAL, official, "transformers", OURS))
    if half:
        other = ask(bench, size, prompts, "whole", dtype="bfloat16")
        found.append(Way(HALF, other, "whole", OURS))
    return found


def time_ways(
    bench: Bench, prompts: int, found: Sequence[Way], repeats: int, bar: Progress
) -> tuple[list[Painted], dict[str, Any]]:
    """Time ways in turn, in processes that stay, and compare their answers.

    Returns:
        What each way took and gave, and the versions of what ran.
    """
    turns, said = time_in_turn(bench, found, repeats, bar)
    versions: dict[str, Any] = {}
    for name, own in said.items():
        package = PACKAGE.distribution if name == OFFICIAL else "icl-painting"
        versions |= {package: own["code"], "torch": own["torch"]}
    results = {one.way: one.result for one in turns}
    measured = [
        Painted(
            prompts,
            one.way,
            one.seconds,
            one.cpu_seconds,
            one.extra_memory,
            largest_difference(one.result, results.get(way.beside or "")),
            one.failure,
        )
        for way, one in zip(found, turns, strict=True)
    ]
    return measured, versions


def run_cpu(asked: argparse.Namespace) -> PaintingReport:
    """The comparison that the command line asks for."""
    transformers = not asked.no_transformers
    official = find_official(asked.official_python, PACKAGE) if transformers else None
    size, counts = SIZES[asked.size], tuple(asked.prompts or PROMPTS)
    operations = {n: (answer_operations(size, n), released_operations(size, n)) for n in counts}
    report = PaintingReport(machine(asked.threads), asked.size, operations)
    with temporary_folder() as folder, Progress("comparing") as bar:
        bench = Bench(folder, official, asked.threads)
        for count in counts:
            found = ways(bench, size, count, transformers, asked.bfloat16)
            measured, versions = time_ways(bench, count, found, asked.repeats, bar)
            report.measured += measured
            report.environment |= versions
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""

    def run() -> bool:
        asked = parse(arguments)
        learner_card("seggpt")
        if asked.device == "cuda":
            from icl_bench.compare.painting_gpu import run_gpu

            found, text, failed = run_gpu(asked)
        else:
            report = run_cpu(asked)
            found, text, failed = report.to_dict(), report.to_text(), report.failed
        answer(asked, found, text)
        return failed

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
