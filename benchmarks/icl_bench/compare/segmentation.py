"""Compare SAM's encoder with the official code, and time the learners `segic` and `dcsam`.

`python -m icl_bench.compare.segmentation` (or `make bench-segmentation`). Three parts: the image
encoder beside `segment-anything` with the same stand-in weights, the same input and the same number
of threads, the processes in turn; queries of one context that is prepared once or again for each;
bfloat16 beside float32. `--device cuda` measures ours alone, beside the compute-bound limit.

Exit codes: 0 done, 1 a peer failed, 2 wrong usage or the official package is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

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
from icl_bench.compare.peers import Bench, find_official
from icl_bench.compare.segmentation_report import ENCODER, SegmentationReport
from icl_bench.compare.segmentation_shapes import SIZES
from icl_bench.compare.segmentation_timing import (
    PACKAGE,
    encoder_ways,
    learner_ways,
    time_ways,
)
from icl_core.registry import learner_card
from icl_core.runtime.progress import Progress

PARTS = (ENCODER, "segic", "dcsam")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range.
    """
    parser = new_parser("icl_bench.compare.segmentation", __doc__ or "")
    add = parser.add_argument
    add(
        "--size",
        choices=sorted(SIZES),
        default="small",
        help="of the networks: small for a quick look (default), published to be quoted",
    )
    add("--part", action="append", choices=PARTS, help="only this; may be given again")
    add("--queries", type=int, default=10, help="queries of one context (default 10)")
    add("--no-bfloat16", action="store_true", help="leave bfloat16 out")
    add("--official-python", metavar="PATH", help="an interpreter that has segment-anything")
    add_peaks(parser)
    asked = parser.parse_args(arguments)
    check_counts(asked, ("threads", "repeats", "queries"))
    check_peaks(asked)
    return asked


def run_cpu(asked: argparse.Namespace) -> SegmentationReport:
    """The comparison that the command line asks for."""
    parts = [part for part in PARTS if not asked.part or part in asked.part]
    official = find_official(asked.official_python, PACKAGE) if ENCODER in parts else None
    size, half = SIZES[asked.size], not asked.no_bfloat16
    report = SegmentationReport(machine(asked.threads), asked.size, asked.queries)
    with temporary_folder() as folder, Progress("comparing") as bar:
        bench = Bench(folder, official, asked.threads)
        for part in parts:
            if part == ENCODER:
                ways = encoder_ways(bench, size, half)
            else:
                ways = learner_ways(bench, part, size, asked.queries, half)
            measured, versions = time_ways(bench, part, ways, asked.repeats, bar)
            report.measured += measured
            report.environment |= versions
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""

    def run() -> bool:
        asked = parse(arguments)
        for learner in ("segic", "dcsam"):
            learner_card(learner)
        if asked.device == "cuda":
            from icl_bench.compare.segmentation_gpu import run_gpu

            found, text, failed = run_gpu(asked)
        else:
            report = run_cpu(asked)
            found, text, failed = report.to_dict(), report.to_text(), report.failed
        answer(asked, found, text)
        return failed

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
