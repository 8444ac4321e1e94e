"""Measurements as Markdown tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_bench.compare.scenarios import Comparison, Measurement, Scenario, compare

HEADER = ("scenario", "peer", "patches a pass", "s", "CPU s", "ratio", "CPU ratio", "target")


@dataclass(frozen=True)
class Difference:
    """How far two forecasts are apart, in standard deviations of the series.

    Args:
        scenario: its name.
        steps: patches a pass, the same for both.
        largest: over all series, steps and levels.
        mean: the same.
    """

    scenario: str
    steps: int
    largest: float
    mean: float


@dataclass
class Report:
    """Everything that a run found.

    Args:
        environment: versions, threads, machine.
        scenarios: which were run.
        processes: times of whole processes.
        calls: times of warm calls.
        differences: ours to the official forecasts.
    """

    environment: dict[str, Any]
    scenarios: Sequence[Scenario]
    processes: list[Measurement] = field(default_factory=list)
    calls: list[Measurement] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "environment": self.environment,
            "processes": _plain(self.scenarios, self.processes),
            "calls": _plain(self.scenarios, self.calls),
            "differences": [vars(d) for d in self.differences],
        }

    def to_text(self) -> str:
        """Markdown: a table a kind of time, and the differences."""
        parts = [heading(self.environment)]
        if self.processes:
            parts.append("Whole processes: start, import, load, one forecast, end.")
            parts.append(_comparison_table(self.scenarios, self.processes))
        if self.calls:
            parts.append("Warm calls: the same process again.")
            parts.append(_comparison_table(self.scenarios, self.calls))
        if self.differences:
            parts.append(
                "Differences of the forecasts, in standard deviations of a series. The official "
                "cell computes in bfloat16, ours in float32."
            )
            rows = [
                (d.scenario, str(d.steps), f"{d.largest:.2g}", f"{d.mean:.2g}")
                for d in self.differences
            ]
            parts.append(table(("scenario", "patches a pass", "largest", "mean"), rows))
        return "\n\n".join(parts)


def heading(environment: Mapping[str, Any]) -> str:
    """What a comparison ran on, in a line."""
    return "; ".join(f"{name} {value}" for name, value in environment.items())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def _comparison_table(scenarios: Sequence[Scenario], measured: list[Measurement]) -> str:
    rows = [_row(c) for scenario in scenarios for c in compare(scenario, measured)]
    return table(HEADER, rows)


def _row(found: Comparison) -> tuple[str, ...]:
    peer, failure = found.measured.peer, found.measured.failure
    target = "" if found.target is None else f"{found.target:g}x"
    if found.reached is not None:
        target += ", reached" if found.reached else ", missed"
    return (
        found.measured.scenario,
        peer.name,
        str(peer.steps),
        failure or number(found.wall),
        number(found.cpu),
        number(found.ratio, "x"),
        number(found.cpu_ratio, "x"),
        target,
    )


def number(value: float | None, unit: str = "") -> str:
    """Three digits and a unit; nothing for None."""
    return "" if value is None else f"{value:.3g}{unit}"


def _plain(scenarios: Sequence[Scenario], measured: list[Measurement]) -> list[dict[str, Any]]:
    return [
        {
            "scenario": scenario.name,
            "peer": c.measured.peer.name,
            "steps": c.measured.peer.steps,
            "seconds": list(c.measured.seconds),
            "cpu_seconds": list(c.measured.cpu_seconds),
            "failure": c.measured.failure,
            "median": c.wall,
            "ratio": c.ratio,
            "cpu_ratio": c.cpu_ratio,
            "target": c.target,
            "reached": c.reached,
        }
        for scenario in scenarios
        for c in compare(scenario, measured)
    ]
