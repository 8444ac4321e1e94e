"""Scoring a learner on a set, and keeping the result so that it is never computed twice."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.learner import Learner
from icl_core.results.save import strict_json, write_json
from icl_core.runtime.progress import Progress
from icl_core.types import Context, Episode, Horizon
from icl_forecasting.baselines.seasonal_naive import naive_arrays
from icl_forecasting.scores.metrics import LEVELS, Score, WindowSums, total, window_sums
from icl_forecasting.scores.sets import SeriesSet
from icl_forecasting.scores.windows import Window

FORMAT = 1

log = logging.getLogger("icl.forecasting.scores")


@dataclass(frozen=True)
class SetResult:
    """How a learner did on one set.

    Args:
        learner: label in the table.
        dataset: name of the set.
        settings: everything that decides the numbers, apart from the data.
        sums: window key -> its sums.
        seconds: time of the forecasts.
        fallbacks: how many forecasts say in `meta["fallback"]` that another method made them.
        series_of: how many series the set has; `sums` may hold fewer.
    """

    learner: str
    dataset: str
    settings: Mapping[str, Any]
    sums: Mapping[tuple[str, int], WindowSums]
    seconds: float
    fallbacks: int = 0
    series_of: int = 0

    def score(self, keys: Collection[tuple[str, int]] | None = None) -> Score:
        """Score all windows, or those with the given keys."""
        return total(v for k, v in self.sums.items() if keys is None or k in keys)


def score_naive(series_set: SeriesSet, windows: Sequence[Window]) -> SetResult:
    """Score seasonal naive, the reference: its point forecast stands for every quantile."""
    since = time.perf_counter()
    sums = {}
    for window in windows:
        past = np.asarray(window.context.values)
        _, quantiles = naive_arrays(
            past, series_set.seasonality, series_set.horizon, LEVELS, "point"
        )
        sums[window.key] = window_sums(past, window.target, quantiles, LEVELS, series_set.scale_lag)
    return SetResult("seasonal-naive", series_set.name, {}, sums, time.perf_counter() - since)


def score_learner(
    learner: Learner,
    series_set: SeriesSet,
    windows: Sequence[Window],
    *,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
    batch_size: int = 32,
    predict_options: Mapping[str, Any] | None = None,
) -> SetResult:
    """Score a learner through its public road, `predict_episodes`.

    A learner whose predict options hold `seasonality` is told that of the set.

    Args:
        learner: a loaded forecasting learner.
        series_set: where the windows come from.
        windows: what to forecast.
        label: name in the table; None = the card's.
        settings: kept with the result.
        batch_size: contexts that share a forward pass.
        predict_options: options for every forecast.
    """
    options = dict(predict_options or {})
    if "seasonality" in learner.predict_options:
        options.setdefault("seasonality", series_set.seasonality)
    horizon = Horizon(series_set.horizon, LEVELS)
    episodes = [Episode(Context(history=window.context), horizon) for window in windows]
    label = label or learner.card.name
    sums: dict[tuple[str, int], WindowSums] = {}
    fallbacks = 0
    since = time.perf_counter()
    with Progress(f"{label} on {series_set.name}", total=len(windows)) as progress:
        forecasts: Any = learner.predict_episodes(episodes, batch_size=batch_size, **options)
        for window, forecast in zip(windows, forecasts, strict=True):
            sums[window.key] = window_sums(
                np.asarray(window.context.values),
                window.target,
                forecast.quantiles,
                LEVELS,
                series_set.scale_lag,
            )
            fallbacks += "fallback" in forecast.meta
            progress.advance()
    seconds = time.perf_counter() - since
    return SetResult(
        label,
        series_set.name,
        dict(settings or {}),
        sums,
        seconds,
        fallbacks,
        len(series_set.series),
    )


def result_path(out: Path, label: str, dataset: str) -> Path:
    """Say where a result lies: `<out>/<label>/<dataset>.json`."""
    return out / label / f"{dataset}.json"


def write_result(out: Path, result: SetResult) -> Path:
    """Write a result as JSON, atomically; an older one of the same name is replaced."""
    path = result_path(out, result.learner, result.dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    score = result.score()
    return write_json(
        path,
        {
            "format": FORMAT,
            "learner": result.learner,
            "dataset": result.dataset,
            "settings": result.settings,
            "mase": score.mase,
            "wql": score.wql,
            "seconds": round(result.seconds, 3),
            "fallbacks": result.fallbacks,
            "series_scored": len({item for item, _ in result.sums}),
            "series_of": result.series_of,
            "windows": [
                {"item": item, "cut": cut, **asdict(sums)}
                for (item, cut), sums in result.sums.items()
            ],
        },
        overwrite=True,
    )


def read_result(path: str | Path) -> SetResult:
    """Read what `write_result` wrote.

    Raises:
        InputError: the file is missing, damaged, or of another format.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a result: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{path} is no result of format {FORMAT}")
    try:
        sums = {
            (str(row["item"]), int(row["cut"])): WindowSums(
                row["scaled"], row["steps"], row["pinball"], row["absolute"]
            )
            for row in data["windows"]
        }
        return SetResult(
            data["learner"],
            data["dataset"],
            data["settings"],
            sums,
            data["seconds"],
            data["fallbacks"],
            data["series_of"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def finished(
    out: Path, label: str, dataset: str, settings: Mapping[str, Any], keys: Collection[Any]
) -> SetResult | None:
    """Give a result that is there already and was made the same way.

    Returns:
        None if there is none.

    Raises:
        InputError: there is one, but it was made with other settings or other windows.
    """
    path = result_path(out, label, dataset)
    if not path.exists():
        return None
    result = read_result(path)
    if result.settings == strict_json(settings) and set(result.sums) == set(keys):
        log.info("%s on %s is there already", label, dataset)
        return result
    raise InputError(
        f"{path} was made with other settings or windows",
        hint="--overwrite replaces it; another --label or --out keeps both",
    )
