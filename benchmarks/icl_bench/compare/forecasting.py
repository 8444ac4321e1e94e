"""Compare the learner `tirex` with the official code, or measure it on a GPU.

`python -m icl_bench.compare.forecasting` (or `make bench-forecasting`). Both sides get the same
stand-in weights, the same series and the same number of threads, in the same run, one after the
other in turn. Two tables come out: whole processes, and warm calls. `--device cuda` measures ours
alone, beside the published figures of the official CUDA backend.

Exit codes: 0 done, 1 a peer failed, 2 wrong usage or the official package is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from icl_bench.compare.peers import Bench, find_official
from icl_bench.compare.report import Report
from icl_bench.compare.scenarios import BATCH, COMPILED_COLD, SCENARIOS, chosen
from icl_bench.compare.standin import write_checkpoint
from icl_bench.compare.timing import process_peers, time_calls, time_processes
from icl_core.errors import IclError, InputError, PluginError
from icl_core.registry import learner_card
from icl_core.results.save import atomic_path
from icl_core.runtime.progress import Progress

TABLES = ("both", "process", "warm")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range or names nothing.
    """
    first, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m icl_bench.compare.forecasting",
        description=first,
        epilog=rest.partition("\n\n")[0],
    )
    add = parser.add_argument
    add("--threads", type=int, default=2, help="threads of every peer (default 2)")
    add("--repeats", type=int, default=3, help="warm calls of each peer (default 3)")
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
    add("--device", choices=("cpu", "cuda"), default="cpu", help="cuda measures ours alone")
    add("--dtype", default="auto", help="ours on cuda: auto, float32 or bfloat16")
    add("--cuda-graph", action="store_true", help="ours on cuda: record the forward passes")
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--out", type=Path, metavar="FILE", help="write the JSON to this file as well")
    asked = parser.parse_args(arguments)
    for name in ("threads", "repeats", "process_repeats"):
        if getattr(asked, name) < 1:
            option = name.replace("_", "-")
            raise InputError(f"--{option} is {getattr(asked, name)}, expected a number from 1")
    if not chosen(asked.scenario):
        names = ", ".join(repr(s.name) for s in SCENARIOS)
        raise InputError(f"no scenario contains {asked.scenario}, the names are {names}")
    return asked


def run_cpu(asked: argparse.Namespace) -> Report:
    """The comparison that the command line asks for."""
    official = find_official(asked.official_python)
    scenarios = chosen(asked.scenario)
    report = Report(_environment(asked), scenarios)
    with _folder() as folder, Progress("comparing") as bar:
        bench = Bench(folder, write_checkpoint(folder), official, asked.threads)
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


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="icl-compare-") as name:
        yield Path(name)


def _environment(asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "threads": asked.threads,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "batch": BATCH,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        asked = parse(arguments)
        learner_card("tirex")
        if asked.device == "cuda":
            from icl_bench.compare.gpu import run_gpu

            found, text, failed = run_gpu(asked)
        else:
            report = run_cpu(asked)
            found, text = report.to_dict(), report.to_text()
            failed = any(m.failure for m in report.processes + report.calls)
        if asked.out is not None:
            with atomic_path(asked.out, overwrite=True) as path:
                path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=2) if asked.json else text)
    except IclError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 1 if isinstance(error, PluginError) else 2
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
