"""Compare the learner `tirex2` with the released code on a CPU.

`python -m icl_bench.compare.tirex2`. Both sides get the same stand-in weights of the published
sizes, the same samples and the same number of threads, in the same run, one after the other in
turn. Forecasts are compared too.

Exit codes: 0 done, 1 a peer failed, 2 wrong usage or the official package is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from icl_bench.compare.peers import Bench, Official, find_official
from icl_bench.compare.ratios import CPU_TIME, WALL, Ratio, Wanted, ratios, time_cells
from icl_bench.compare.report import heading, number, table
from icl_bench.compare.tirex2_standin import (
    HORIZON,
    SCENARIOS,
    Scenario,
    write_checkpoint,
    write_samples,
)
from icl_bench.compare.turns import Turns, Way, time_in_turn
from icl_core.errors import InputError
from icl_core.registry import learner_card
from icl_core.runtime.progress import Progress

OFFICIAL = Official("tirex2", "tirex-2", "icl-forecasting[bench]")
LOADERS = Path(__file__).with_name("tirex2_worker.py")
OURS, RELEASED = "ours", "released"
WARM_UP = 1


@dataclass
class Tirex2Report:
    """Everything that a run found.

    Args:
        environment: versions, threads, machine.
        scenarios: which were run.
        turns: by scenario and peer.
    """

    environment: dict[str, Any]
    scenarios: Sequence[Scenario]
    turns: dict[tuple[str | int, str], Turns] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a peer failed."""
        return any(one.failure for one in self.turns.values())

    def ratios(self) -> list[Ratio]:
        """The released code's times over ours; targets are for processor time."""
        wanted = [
            Wanted(s.name, RELEASED, OURS, quantity, s.target if quantity == CPU_TIME else None)
            for s in self.scenarios
            for quantity in (WALL, CPU_TIME)
        ]
        return ratios(wanted, self.turns, judged=True)

    def differences(self) -> dict[str, float]:
        """The largest difference of the forecasts, relative to the largest of them."""
        found = {}
        for scenario in self.scenarios:
            own, theirs = (self._result(scenario.name, peer) for peer in (OURS, RELEASED))
            if own is not None and theirs is not None:
                apart = np.abs(own.astype(np.float64) - theirs).max()
                found[scenario.name] = float(apart / max(1.0, float(np.abs(theirs).max())))
        return found

    def _result(self, scenario: str, peer: str) -> np.ndarray | None:
        turns = self.turns.get((scenario, peer))
        return None if turns is None else turns.result

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": self.environment,
            "times": [
                {
                    "scenario": scenario,
                    "peer": peer,
                    "seconds": list(one.seconds),
                    "cpu_seconds": list(one.cpu_seconds),
                    "failure": one.failure,
                }
                for (scenario, peer), one in self.turns.items()
            ],
            "ratios": [
                {
                    "scenario": one.wanted.part,
                    "of": one.wanted.quantity,
                    "value": one.value,
                    "target": one.target,
                    "reached": one.reached,
                }
                for one in self.ratios()
            ],
            "differences": self.differences(),
        }

    def to_text(self) -> str:
        """Markdown: the times, the ratios, and the differences."""
        parts = [heading(self.environment)]
        rows = [
            (str(scenario), peer, *time_cells(one)) for (scenario, peer), one in self.turns.items()
        ]
        parts.append(table(("scenario", "peer", "s", "CPU s"), rows))
        found = [(str(one.wanted.part), *one.cells) for one in self.ratios()]
        if found:
            parts.append(table(("scenario", "ratio", "of", "is", "target"), found))
        apart = [(name, number(value)) for name, value in self.differences().items()]
        if apart:
            parts.append("Largest difference of the forecasts, relative to the largest of them.")
            parts.append(table(("scenario", "difference"), apart))
        return "\n\n".join(parts)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read and check the command line.

    Raises:
        InputError: a value is out of range or names nothing.
    """
    parser = new_parser("icl_bench.compare.tirex2", __doc__ or "")
    add = parser.add_argument
    add("--scenario", action="append", metavar="PART", help="only those that contain this")
    add("--compile", action="store_true", help="let the released code compile itself")
    add("--official-python", metavar="PATH", help="an interpreter that has tirex-2")
    asked = parser.parse_args(arguments)
    check_counts(asked, ("threads", "repeats"))
    if asked.device != "cpu":
        raise InputError("tirex2 is compared on the CPU")
    if not chosen(asked.scenario):
        names = ", ".join(repr(s.name) for s in SCENARIOS)
        raise InputError(f"no scenario contains {asked.scenario}, the names are {names}")
    return asked


def chosen(parts: list[str] | None) -> tuple[Scenario, ...]:
    """Scenarios whose names contain one of `parts`; all of them for None."""
    return tuple(s for s in SCENARIOS if not parts or any(part in s.name for part in parts))


def run(asked: argparse.Namespace) -> Tirex2Report:
    """The comparison that the command line asks for."""
    official = find_official(asked.official_python, OFFICIAL)
    scenarios = chosen(asked.scenario)
    report = Tirex2Report({**machine(asked.threads), "horizon": HORIZON}, scenarios)
    with temporary_folder() as folder, Progress("comparing") as bar:
        bench = Bench(folder, official, asked.threads)
        samples = {s.name: str(write_samples(folder, s, n)) for n, s in enumerate(scenarios)}
        content = {
            "loaders": str(LOADERS),
            "first": scenarios[0].name,
            "warm_up": WARM_UP,
            "device": "cpu",
            "checkpoint": str(write_checkpoint(folder)),
            "samples": samples,
            "horizon": HORIZON,
            "compile": asked.compile,
        }
        ways = []
        for peer in (OURS, RELEASED):
            code = "icl-forecasting" if peer == OURS else OFFICIAL.distribution
            request = bench.request(peer, peer == OURS, True, {**content, "distribution": code})
            ways += [Way(f"{peer}: {s.name}", request, s.name) for s in scenarios]
        turns, versions = time_in_turn(bench, ways, asked.repeats, bar)
    by_way = {one.way: one for one in turns}
    for scenario in scenarios:
        for peer in (OURS, RELEASED):
            report.turns[scenario.name, peer] = by_way[f"{peer}: {scenario.name}"]
    for peer, name in ((OURS, "icl-forecasting"), (RELEASED, OFFICIAL.distribution)):
        found = versions.get(f"{peer}: {scenarios[0].name}", {})
        report.environment |= {name: found.get("code"), f"torch of {peer}": found.get("torch")}
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""

    def work() -> bool:
        asked = parse(arguments)
        learner_card("tirex2")
        report = run(asked)
        answer(asked, report.to_dict(), report.to_text())
        return report.failed

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
