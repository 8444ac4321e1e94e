"""Windows of series as episodes: of a folder of data sets, or of the bundled ones.

An episode's context is the history, its query the horizon with the levels 0.1 to 0.9, its target
what came, float64 [H]. Its meta has `id`, `set`, `series`, the `scale` of MASE, and under
`predict_options` the season of the set, for learners that ask for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts
from icl_core.types import Context, Episode, Horizon, Series
from icl_forecasting.scores.metrics import LEVELS, seasonal_scale
from icl_forecasting.scores.sets import SeriesSet, read_sets
from icl_forecasting.scores.windows import Protocol, Window, cut_windows


def time_series(
    root: str | Path,
    *,
    sets: Sequence[str] | None = None,
    windows: int = 1,
    max_items: int | None = None,
    max_context: int | None = None,
) -> EpisodeList:
    """List the windows of the data sets of a folder, set by set.

    Args:
        root: holds `index.csv` and a `<set>.csv.gz` each.
        sets: which, in this order; None = all.
        windows: of each series, from its end, without overlap; 0 = 8 for sets of at most 8 series.
        max_items: only so many series of a set, evenly spaced; None = all.
        max_context: show only so many of the last values; None = all. MASE is scaled by the whole
            history in any case.

    Raises:
        InputError: a file is missing or broken, or an option makes no sense.
    """
    names = None if sets is None else list(sets)
    found = [one for one in read_sets(Path(root), names)]
    shown = "all sets" if names is None else ", ".join(names)
    return _episodes(f"time-series {shown}", found, Protocol(windows, max_items), max_context)


def bundled_series(*, windows: int = 4, max_context: int | None = None) -> EpisodeList:
    """List windows of the bundled series, which are those of the demo.

    Args:
        windows: of each series, from its end.
        max_context: as in `time_series`.
    """
    from icl_forecasting.demo import SERIES, held_out

    sets = []
    for shown in SERIES:
        history, future = held_out(shown)
        values = np.concatenate([np.asarray(history.values), future])
        name = Path(shown.file).stem
        whole = Series(values, history.start, history.freq, name)
        season = shown.seasonality
        sets.append(SeriesSet(name, shown.horizon, season, season, (whole,)))
    return _episodes("bundled-series", sets, Protocol(windows), max_context)


def _episodes(
    name: str, sets: Sequence[SeriesSet], protocol: Protocol, max_context: int | None
) -> EpisodeList:
    if max_context is not None:
        checked_counts(1, max_context, 0)
    if protocol.windows == 0 and protocol.max_items is not None:
        raise InputError("windows is 0, which goes with whole sets, and max_items is given")
    asked = [(one, window) for one in sets for window in cut_windows(one, protocol)]

    def make(number: int) -> Episode:
        return _episode(*asked[number], max_context)

    shown = "" if max_context is None else f", {max_context} values shown"
    # What is chosen is part of the name, since a result's key has the digest.
    title = f"{name}, {protocol.windows} windows, {protocol.max_items} series{shown}"
    return EpisodeList(title, len(asked), make, lambda: _lines(asked))


def _episode(series_set: SeriesSet, window: Window, max_context: int | None) -> Episode:
    past = np.asarray(window.context.values)
    history = window.context
    if max_context is not None and past.shape[-1] > max_context:
        history = _last(history, max_context)
    meta = {
        "id": f"{series_set.name}/{window.item}/{window.cut}",
        "set": series_set.name,
        "series": f"{series_set.name}/{window.item}",
        "scale": seasonal_scale(past, series_set.scale_lag),
        "predict_options": {"seasonality": series_set.seasonality},
    }
    query = Horizon(series_set.horizon, LEVELS)
    return Episode(Context(history=history), query, window.target, meta)


def _last(series: Series, count: int) -> Series:
    """Keep the last values of a series, and the time stamp of the first of them."""
    from dataclasses import replace

    from icl_core.coerce.timeline import time_index

    values, start = np.asarray(series.values), series.start
    dropped = values.shape[-1] - count
    if start is not None:
        stamps = time_index(replace(series, values=values[:dropped]), 1)
        start = None if stamps is None else stamps[0]
    return replace(series, values=values[dropped:], start=start)


def _lines(asked: Iterable[tuple[SeriesSet, Window]]) -> Iterator[str]:
    for series_set, window in asked:
        sha = hashlib.sha256(np.asarray(window.context.values).tobytes())
        sha.update(window.target.tobytes())
        facts = (series_set.horizon, series_set.seasonality, series_set.scale_lag)
        yield f"{series_set.name} {window.item} {window.cut} {facts} {sha.hexdigest()}"
