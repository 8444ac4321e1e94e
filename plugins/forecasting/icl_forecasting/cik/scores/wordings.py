"""Other wordings of the instances' texts, and how much of what a text is worth they keep.

A folder of wordings holds files of JSON lines (`.jsonl`, plain or gzip); a file is a set that is
reported by itself. A row has the instance's `name` and `seed` and the whole new `text`; an instance
may have several rows in a set, and its score is then their mean. Other fields are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from icl_core.errors import InputError
from icl_forecasting.cik.aggregate import Outcome, Score, by_task, capped, overall, tasks_of
from icl_forecasting.cik.instances import Instance
from icl_forecasting.cik.rows import read_rows
from icl_forecasting.cik.scores.run import Result


@dataclass(frozen=True)
class Kept:
    """How a set of wordings scores beside the original texts, on the same instances.

    Args:
        name: of the set.
        wordings: number of texts.
        without: score without text.
        original: score with the original texts.
        reworded: score with the other wordings.
    """

    name: str
    wordings: int
    without: Score
    original: Score
    reworded: Score

    @property
    def kept(self) -> float:
        """Share of the gain that the other wordings keep; NaN where the texts gain nothing."""
        gain = self.without.mean - self.original.mean
        return (self.without.mean - self.reworded.mean) / gain if gain > 0 else math.nan


def read_wordings(
    folder: Path, instances: Sequence[Instance]
) -> dict[str, list[tuple[Instance, str]]]:
    """Read the wordings of a folder: name of the set -> pairs of instance and text.

    Args:
        folder: a folder with files of JSON lines, or one such file.
        instances: those that the wordings are of. Rows of others are an error.

    Raises:
        InputError: no file, or a row without a known instance or without a text.
    """
    known: dict[Any, Instance] = {(one.name, one.seed): one for one in instances}
    files = [folder]
    if folder.is_dir():
        files = sorted(f for f in folder.rglob("*") if f.name.endswith((".jsonl", ".jsonl.gz")))
    sets: dict[str, list[tuple[Instance, str]]] = {}
    for file in files:
        pairs = []
        for where, row in read_rows(file):
            name, seed, text = row.get("name"), row.get("seed"), row.get("text")
            instance = known.get((name, seed)) if isinstance(seed, int) else None
            if instance is None:
                raise InputError(f"{where} is about {name}/{seed}, which is no instance here")
            if not isinstance(text, str) or not text.strip():
                raise InputError(f"{where} has the text {text!r}, expected words")
            pairs.append((instance, text))
        if pairs:
            title = str(file.relative_to(folder)) if folder.is_dir() else file.name
            sets[title.split(".jsonl")[0]] = pairs
    if not sets:
        raise InputError(f"{folder} has no wordings, expected files of JSON lines (.jsonl)")
    return sets


def compare(
    name: str, reworded: Sequence[Result], original: Sequence[Result], without: Sequence[Result]
) -> Kept:
    """Compare a set of wordings with the original texts, and with none, on its own instances.

    Args:
        name: of the set.
        reworded: results of the wordings; several of one instance are averaged, after the cap.
        original: results of at least the same instances with their own texts.
        without: and without any text.
    """
    several: dict[tuple[str, int], list[Outcome]] = {}
    for one in reworded:
        several.setdefault((one.outcome.task, one.outcome.seed), []).append(one.outcome)
    tasks = tasks_of({result.instance.id: result.instance for result in reworded}.values())
    means = [_mean(outcomes) for outcomes in several.values()]

    def of(results: Sequence[Result]) -> Score:
        chosen = [one.outcome for one in results]
        return overall(by_task([o for o in chosen if (o.task, o.seed) in several], tasks))

    return Kept(name, len(reworded), of(without), of(original), overall(by_task(means, tasks)))


def to_plain(kept: Sequence[Kept]) -> list[Mapping[str, object]]:
    """Give the comparison as plain data."""
    return [
        {
            "set": one.name,
            "wordings": one.wordings,
            "instances": one.reworded.instances,
            "without_text": one.without.mean,
            "original": one.original.mean,
            "reworded": one.reworded.mean,
            "reworded_error": one.reworded.error,
            "gain_kept": one.kept,
            "missing": one.reworded.missing,
        }
        for one in kept
    ]


def _mean(outcomes: Sequence[Outcome]) -> Outcome:
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    metrics, variances = zip(*(capped(one) for one in outcomes), strict=True)
    return Outcome(first.task, first.seed, fmean(metrics), sum(variances) / len(outcomes) ** 2)
