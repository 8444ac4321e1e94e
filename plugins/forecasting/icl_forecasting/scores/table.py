"""From results of many sets to one table: ratios to seasonal naive and their geometric means."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icl_forecasting.scores.metrics import Score, geometric_mean
from icl_forecasting.scores.run import SetResult
from icl_forecasting.scores.sets import BENCHMARK, NINE, PublishedScore

Keys = Collection[tuple[str, int]]

GROUPS: Mapping[str, str] = {
    "all": "all sets",
    "all-yosemite": "all sets without yosemite_temps",
    "nine": f"the nine sets of {BENCHMARK}",
    "nine-exchange": f"the nine sets of {BENCHMARK} without exchange_rate",
}


@dataclass(frozen=True)
class Row:
    """One learner on one set.

    Args:
        learner: its label; published ones end in "(published)".
        dataset: the set.
        score: its own score.
        naive: the score of seasonal naive on the same windows.
        of: how many windows the set has under the protocol.
        seconds: time of the forecasts; NaN for published scores.
        fallbacks: forecasts that another method had to make.
    """

    learner: str
    dataset: str
    score: Score
    naive: Score
    of: int
    seconds: float = math.nan
    fallbacks: int = 0

    @property
    def mase_ratio(self) -> float:
        """MASE divided by that of seasonal naive; NaN where either is undefined."""
        return _ratio(self.score.mase, self.naive.mase)

    @property
    def wql_ratio(self) -> float:
        """WQL divided by that of seasonal naive; NaN where either is undefined."""
        return _ratio(self.score.wql, self.naive.wql)


@dataclass(frozen=True)
class Mean:
    """Geometric means of the ratios of one learner over one group of sets.

    Args:
        learner: its label.
        group: a key of `GROUPS`.
        mase: geometric mean of the MASE ratios.
        wql: geometric mean of the WQL ratios.
        sets: how many sets went into the means.
        missing: sets of the group that this learner has no ratio for.
    """

    learner: str
    group: str
    mase: float
    wql: float
    sets: int
    missing: tuple[str, ...]


def rows_of(
    results: Iterable[SetResult], naive: Mapping[str, SetResult], common: bool = False
) -> list[Row]:
    """Set each result beside seasonal naive on the same windows.

    Args:
        results: what was measured.
        naive: set -> seasonal naive on all windows of that set.
        common: score every learner on the windows that all learners have for a set.
    """
    kept = list(results)
    shared: dict[str, set[tuple[str, int]]] = {}
    for result in kept:
        own = set(result.sums)
        shared[result.dataset] = shared.get(result.dataset, own) & own
    rows = []
    for result in kept:
        keys: Keys = shared[result.dataset] if common else set(result.sums)
        reference = naive[result.dataset]
        rows.append(
            Row(
                learner=result.learner,
                dataset=result.dataset,
                score=result.score(keys),
                naive=reference.score(keys),
                of=len(reference.sums),
                seconds=result.seconds,
                fallbacks=result.fallbacks,
            )
        )
    return rows


def published_table(
    scores: Iterable[PublishedScore], models: Sequence[str], naive: Mapping[str, SetResult]
) -> list[Row]:
    """Set published scores beside our seasonal naive.

    The reference is computed here and not taken from the publication, because the two differ
    where the publication used another season (nn5_daily: 1 instead of 7). MASE is scaled as in
    the publication on both sides.

    Args:
        scores: of any benchmark; only those of chronos_zeroshot are used.
        models: which models, in this order.
        naive: set -> seasonal naive on the last window of every series.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for score in scores:
        if score.benchmark == BENCHMARK and score.dataset in naive:
            found.setdefault((score.model, score.dataset), {})[score.metric] = score.value
    rows = []
    for model in models:
        for dataset, reference in naive.items():
            values = found.get((model, dataset))
            if values is None:
                continue
            count = len(reference.sums)
            own = Score(values.get("MASE", math.nan), values.get("WQL", math.nan), count)
            rows.append(Row(f"{model} (published)", dataset, own, reference.score(), count))
    return rows


def means_of(rows: Iterable[Row], datasets: Sequence[str]) -> list[Mean]:
    """Average the ratios of every learner over every group.

    Args:
        rows: of any number of learners.
        datasets: the sets of this run, which make up the group "all".
    """
    by_learner: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_learner.setdefault(row.learner, {})[row.dataset] = row
    return [
        _mean(learner, group, own, _members(group, datasets))
        for learner, own in by_learner.items()
        for group in GROUPS
    ]


def to_json(rows: Sequence[Row], means: Sequence[Mean], notes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the table as plain data."""
    return {
        "notes": dict(notes),
        "sets": [
            {
                "learner": row.learner,
                "dataset": row.dataset,
                "mase": row.score.mase,
                "wql": row.score.wql,
                "naive_mase": row.naive.mase,
                "naive_wql": row.naive.wql,
                "mase_ratio": row.mase_ratio,
                "wql_ratio": row.wql_ratio,
                "windows": row.score.windows,
                "of_windows": row.of,
                "seconds": row.seconds,
                "fallbacks": row.fallbacks,
            }
            for row in rows
        ],
        "means": [
            {
                "learner": mean.learner,
                "group": mean.group,
                "mase_ratio": mean.mase,
                "wql_ratio": mean.wql,
                "sets": mean.sets,
                "missing": mean.missing,
            }
            for mean in means
        ],
    }


def to_markdown(rows: Sequence[Row], means: Sequence[Mean], notes: Mapping[str, Any]) -> str:
    """Give the table as Markdown."""
    lines = ["# Forecasting scores", ""]
    lines += ["Lower is better; a ratio below 1 beats seasonal naive on the same windows.", ""]
    lines += [f"- {name}: {value}" for name, value in notes.items()]
    lines += ["", "## Geometric means of the ratios to seasonal naive", ""]
    lines += ["| learner | sets | MASE | WQL | n | missing |", "|---|---|---|---|---|---|"]
    for mean in means:
        if len(mean.missing) > mean.sets:
            continue  # too few sets to speak of the group; the JSON has the number
        missing = ", ".join(mean.missing) if len(mean.missing) <= 3 else f"{len(mean.missing)} sets"
        lines.append(
            f"| {mean.learner} | {GROUPS[mean.group]} | {_show(mean.mase)} | {_show(mean.wql)} "
            f"| {mean.sets} | {missing} |"
        )
    lines += ["", "## Each set", ""]
    lines += [
        "| set | learner | MASE | WQL | MASE / naive | WQL / naive | windows | fallbacks | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    order = {dataset: place for place, dataset in enumerate(dict.fromkeys(r.dataset for r in rows))}
    for row in sorted(rows, key=lambda row: order[row.dataset]):
        count = row.score.windows
        cells = (
            row.dataset,
            row.learner,
            _show(row.score.mase),
            _show(row.score.wql, 4),
            _show(row.mase_ratio),
            _show(row.wql_ratio),
            str(count) if count == row.of else f"{count} of {row.of}",
            str(row.fallbacks),
            _show(row.seconds, 1),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _members(group: str, datasets: Sequence[str]) -> list[str]:
    base, _, left_out = group.partition("-")
    members = list(datasets) if base == "all" else list(NINE)
    return [name for name in members if not left_out or not name.startswith(left_out)]


def _mean(learner: str, group: str, own: Mapping[str, Row], members: Sequence[str]) -> Mean:
    usable = [
        own[name]
        for name in members
        if name in own and own[name].mase_ratio > 0 and own[name].wql_ratio > 0
    ]
    names = {row.dataset for row in usable}
    return Mean(
        learner=learner,
        group=group,
        mase=geometric_mean(row.mase_ratio for row in usable),
        wql=geometric_mean(row.wql_ratio for row in usable),
        sets=len(usable),
        missing=tuple(name for name in members if name not in names),
    )


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference > 0 else math.nan


def _show(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
