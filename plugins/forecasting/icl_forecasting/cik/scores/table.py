"""From results of instances to tables: overall, by kind of context, by skill, by task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from icl_forecasting.cik.aggregate import (
    Score,
    Task,
    by_context_source,
    by_skill,
    by_task,
    overall,
    tasks_of,
)
from icl_forecasting.cik.metric import RECORD_NAMES
from icl_forecasting.cik.scores.run import Result
from icl_forecasting.cik.scores.wordings import Kept, to_plain

SOURCES: Mapping[str, str] = {
    "c_i": "intemporal",
    "c_h": "historical",
    "c_f": "future",
    "c_cov": "covariate",
    "c_causal": "causal",
}
"""Kinds of context and what they are called, in the order of published tables."""


@dataclass(frozen=True)
class Table:
    """The scores of one run.

    Args:
        notes: how it was made: file, learner, text, sampling.
        results: one for each instance.
        kept: sets of other wordings, if there were some.
    """

    notes: Mapping[str, Any]
    results: Sequence[Result]
    kept: Sequence[Kept] = ()

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks of the instances."""
        return tasks_of(result.instance for result in self.results)

    @property
    def by_task(self) -> dict[str, Score]:
        """Score of each task; what is missing counts as 5, nothing is rounded."""
        return by_task((result.outcome for result in self.results), self.tasks)

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data, without a word of the texts."""
        scores, tasks = self.by_task, self.tasks
        return {
            "notes": dict(self.notes),
            "overall": _plain(overall(scores)),
            "by_context_source": _all_plain(by_context_source(scores, tasks)),
            "by_skill": _all_plain(by_skill(scores, tasks)),
            "by_task": _all_plain(scores),
            "seconds_per_instance": fmean(result.seconds for result in self.results),
            "wordings": to_plain(self.kept),
            "instances": [
                {
                    "name": result.instance.name,
                    "seed": result.instance.seed,
                    "seconds": result.seconds,
                    "error": result.error,
                    **{name: (result.record or {}).get(name) for name in RECORD_NAMES},
                }
                for result in self.results
            ],
        }

    def to_markdown(self, tasks: bool = False) -> str:
        """Give the tables as Markdown.

        Args:
            tasks: with a table of the tasks.
        """
        scores, known = self.by_task, self.tasks
        lines = ["# RCRPS on Context is Key", ""]
        lines += [
            "Lower is better. An instance without a usable answer counts as 5; errors are",
            "",
        ]
        lines[-1:] = ["standard errors from the sampling of the forecasts alone.", ""]
        lines += [f"- {name}: {value}" for name, value in self.notes.items()]
        seconds = fmean(result.seconds for result in self.results)
        lines += [f"- milliseconds an instance: {1000 * seconds:.1f}", ""]
        lines += ["| context | RCRPS | tasks | weight | instances | missing | capped |"]
        lines += ["|---|---|---|---|---|---|---|"]
        found = by_context_source(scores, known)
        order = [label for label in SOURCES if label in found]
        order += [label for label in found if label not in SOURCES]
        rows = [("all", overall(scores))]
        rows += [(SOURCES.get(label, label), found[label]) for label in order]
        lines += [_line(name, score) for name, score in rows]
        if tasks:
            lines += ["", *self._task_lines(scores)]
        if self.kept:
            lines += ["", *_kept_lines(self.kept)]
        failures = [result for result in self.results if result.record is None]
        if failures:
            lines += ["", f"{len(failures)} instances have no usable answer, such as:", ""]
            lines += [f"- {one.instance.id}: {one.error}" for one in failures[:5]]
        return "\n".join([*lines, ""])

    def _task_lines(self, scores: Mapping[str, Score]) -> list[str]:
        lines = ["| task | weight | RCRPS | CRPS | limits | missing | capped | ms |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for name, score in scores.items():
            own = [result for result in self.results if result.instance.name == name]
            records = [result.record for result in own if result.record is not None]
            cells = (
                name,
                str(score.weight),
                _with_error(score),
                _mean(record["crps"] for record in records),
                _mean(record["violation_crps"] for record in records),
                str(score.missing),
                str(score.capped),
                f"{1000 * fmean(result.seconds for result in own):.1f}",
            )
            lines.append(f"| {' | '.join(cells)} |")
        return lines


def _kept_lines(kept: Sequence[Kept]) -> list[str]:
    lines = ["| wordings | texts | instances | no text | original | reworded | gain kept |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for one in kept:
        share = "-" if math.isnan(one.kept) else f"{100 * one.kept:.0f} %"
        lines.append(
            f"| {one.name} | {one.wordings} | {one.reworded.instances} | {one.without.mean:.3f} "
            f"| {one.original.mean:.3f} | {_with_error(one.reworded)} | {share} |"
        )
    return lines


def _line(name: str, score: Score) -> str:
    cells = (
        name,
        _with_error(score),
        str(score.tasks),
        f"{float(score.weight):.2f}",
        str(score.instances),
        str(score.missing),
        str(score.capped),
    )
    return f"| {' | '.join(cells)} |"


def _with_error(score: Score) -> str:
    error = "?" if math.isnan(score.error) else f"{score.error:.3f}"
    return f"{score.mean:.3f} ± {error}"


def _mean(values: Any) -> str:
    found = list(values)
    return f"{fmean(found):.3f}" if found else "-"


def _plain(score: Score) -> dict[str, Any]:
    return {
        "rcrps": score.mean,
        "error": score.error,
        "weight": str(score.weight),
        "tasks": score.tasks,
        "instances": score.instances,
        "missing": score.missing,
        "capped": score.capped,
    }


def _all_plain(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    return {name: _plain(score) for name, score in scores.items()}
