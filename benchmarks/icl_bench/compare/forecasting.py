"""Compare the learner `tirex` with the official code, or measure it on a GPU.

`python -m icl_bench.compare.forecasting` (or `make bench-forecasting`). Both sides get the same
stand-in weights, the same series and the same number of threads, in the same run, one after the
other in turn. Two tables come out: whole processes, and warm calls. `--device cuda` measures ours
alone, beside the published figures of the official CUDA backend.

Exit codes: 0 done, 1 a peer failed, 2 wrong usage or the official package is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from icl_bench.compare.command import (
    answer,
    check_counts,
    exit_code,
    machine,
    new_parser,
    temporary_folder,
)
from icl_bench.compare.forecasting_bench import OFFICIAL, ForecastingBench
from icl_bench.compare.peers import find_official
from icl_bench.compare.report import Report
from icl_bench.compare.scenarios import BATCH, COMPILED_COLD, SCENARIOS, chosen
from icl_bench.compare.standin import write_checkpoint
from icl_bench.compare.timing import process_peers, time_calls, time_processes
from icl_core.errors import InputError
from icl_core.registry import learner_card
from icl_core.runtime.progress import Progress

TABLES = ("both", "process", "warm")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range or names nothing.
    """
    parser = new_parser("icl_bench.compare.forecasting", __doc__ or "")
    add = parser.add_argument
    add("--process-repeats", type=int, default=3, help="processes of each peer (default 3)")
    add(
        "--scenario",
        action="append",
        metavar="PART",
        help="only scenarios whose name contains this; may be given again",
    )
    add("--tables", choices=TABLES, default="both", help="which times to take (default both)")
    add("--no-compile", action="store_true", help="leave the compiled official code out")
    add("--official-python", metavar="PATH", help="an interpreter that has tirex-ts")
    add("--dtype", default="auto", help="ours on cuda: auto, float32 or bfloat16")
    add("--cuda-graph", action="store_true", help="ours on cuda: record the forward passes")
    asked = parser.parse_args(arguments)
    check_counts(asked, ("threads", "repeats", "process_repeats"))
    if not chosen(asked.scenario):
        names = ", ".join(repr(s.name) for s in SCENARIOS)
        raise InputError(f"no scenario contains {asked.scenario}, the names are {names}")
    return asked


def run_cpu(asked: argparse.Namespace) -> Report:
    """The comparison that the command line asks for."""
    official = find_official(asked.official_python, OFFICIAL)
    scenarios = chosen(asked.scenario)
    report = Report({**machine(asked.threads), "batch": BATCH}, scenarios)
    with temporary_folder() as folder, Progress("comparing") as bar:
        bench = ForecastingBench(folder, official, asked.threads, write_checkpoint(folder))
        for scenario in scenarios:
            whole = process_peers(scenario, not asked.no_compile)
            warm = [peer for peer in whole if peer.name != COMPILED_COLD]
            if asked.tables != "warm":
                report.processes += time_processes(
                    bench, scenario, whole, asked.process_repeats, bar
                )
            if asked.tables != "process":
                measured, apart, versions = time_calls(bench, scenario, warm, asked.repeats, bar)
                report.calls += measured
                report.differences += apart
                report.environment |= versions
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""

    def run() -> bool:
        asked = parse(arguments)
        learner_card("tirex")
        if asked.device == "cuda":
            from icl_bench.compare.gpu import run_gpu

            found, text, failed = run_gpu(asked)
        else:
            report = run_cpu(asked)
            found, text = report.to_dict(), report.to_text()
            failed = any(m.failure for m in report.processes + report.calls)
        answer(asked, found, text)
        return failed

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
