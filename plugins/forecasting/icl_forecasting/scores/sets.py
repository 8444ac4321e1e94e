"""Reading a folder of data sets: `index.csv`, one gzipped CSV per set, perhaps `published.csv`.

`index.csv` has a row per set with at least dataset, freq, horizon and seasonality. A set is
`<dataset>.csv.gz` with the columns item_id, start and target, where target holds the whole series
as numbers separated by spaces, `nan` = missing; the last `horizon` values are the test window.
`published.csv` holds scores that others have published for these sets.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO

import numpy as np

from icl_core.errors import InputError, UnknownNameError
from icl_core.types import Series

NINE = (
    "exchange_rate",
    "hospital",
    "m1_monthly",
    "m1_yearly",
    "m3_monthly",
    "m3_quarterly",
    "nn5_daily",
    "nn5_weekly",
    "tourism_quarterly",
)
"""The sets that are also part of the benchmark chronos_zeroshot, with published scores."""

BENCHMARK = "chronos_zeroshot"

_FREQUENCIES = {"M": "MS", "Q": "QS", "Y": "YS", "H": "h", "30T": "30min", "5T": "5min"}
_QUARTER = re.compile(r"(\d{4})Q([1-4])")
_YEARS = (1700, 2200)
"""Time stamps outside are dropped: nanosecond calendars cannot hold them."""


@dataclass(frozen=True)
class SeriesSet:
    """Series of one kind, and how they are scored.

    Args:
        name: the set's name.
        horizon: steps to forecast.
        seasonality: steps in one season, for seasonal naive and for learners that ask.
        scale_lag: lag of the differences that MASE divides by. It is the seasonality, except
            where the published scores of the set were made with another one.
        series: whole series, test part included; their names are unique.
    """

    name: str
    horizon: int
    seasonality: int
    scale_lag: int
    series: tuple[Series, ...]


@dataclass(frozen=True)
class PublishedScore:
    """One number that somebody else has published.

    Args:
        dataset: the set.
        benchmark: which benchmark's definition was used.
        seasonality: lag of the differences in MASE.
        metric: "MASE", "WQL", "CRPS" or "SQL".
        model: name of the model there.
        value: the score, lower is better.
        same_data: "exact" where the data are known to be the same.
        source: repository and file.
    """

    dataset: str
    benchmark: str
    seasonality: int
    metric: str
    model: str
    value: float
    same_data: str
    source: str


def set_names(folder: str | Path) -> list[str]:
    """List the sets of a folder, in the order of its index."""
    return [row["dataset"] for row in _rows(Path(folder) / "index.csv")]


def read_sets(folder: str | Path, names: Sequence[str] | None = None) -> Iterator[SeriesSet]:
    """Read sets one after another.

    Args:
        folder: holds `index.csv` and the sets.
        names: which sets, in this order; None = all, in the order of the index.

    Raises:
        UnknownNameError: a name is not in the index.
        InputError: a file is missing or is not as described above.
    """
    folder = Path(folder)
    index = {row["dataset"]: row for row in _rows(folder / "index.csv")}
    wanted = list(index) if names is None else list(names)
    for name in wanted:
        if name not in index:
            close = ", ".join(get_close_matches(name, index)) or ", ".join(sorted(index))
            raise UnknownNameError(f"{folder} has no set {name!r}; there is: {close}")
    lags = {
        score.dataset: score.seasonality
        for score in published_scores(folder)
        if score.benchmark == BENCHMARK
    }
    for name in wanted:
        row = index[name]
        seasonality = int(row["seasonality"])
        yield SeriesSet(
            name=name,
            horizon=int(row["horizon"]),
            seasonality=seasonality,
            scale_lag=lags.get(name, seasonality),
            series=tuple(_read_series(folder / f"{name}.csv.gz", row["freq"])),
        )


def published_scores(folder: str | Path) -> list[PublishedScore]:
    """Read all published scores of a folder; none if it has no `published.csv`."""
    path = Path(folder) / "published.csv"
    if not path.exists():
        return []
    return [
        PublishedScore(
            dataset=row["dataset"],
            benchmark=row["benchmark"],
            seasonality=int(row["seasonality"]),
            metric=row["metric"],
            model=row["model"],
            value=float(row["value"]),
            same_data=row["same_data_check"],
            source=row["source"],
        )
        for row in _rows(path)
    ]


def published(
    folder: str | Path, dataset: str, metric: str, model: str, benchmark: str = BENCHMARK
) -> float | None:
    """Give one published score, or None if there is none.

    Args:
        folder: holds `published.csv`.
        dataset: the set.
        metric: "MASE" or "WQL" ("CRPS" in gift_eval).
        model: name of the model in the file.
        benchmark: "chronos_zeroshot", "gift_eval" or "fev_bench".
    """
    for score in published_scores(folder):
        key = (score.dataset, score.metric, score.model, score.benchmark)
        if key == (dataset, metric, model, benchmark):
            return score.value
    return None


def parse_start(text: str) -> np.datetime64 | None:
    """Read the first time stamp of a series: a year, a month, `1984Q1`, a date or a time.

    Returns:
        Seconds resolution; None if the text is empty or the year is outside 1700 to 2200.
    """
    text = text.strip()
    if not text:
        return None
    quarter = _QUARTER.fullmatch(text)
    if quarter:
        text = f"{quarter[1]}-{3 * int(quarter[2]) - 2:02d}"
    try:
        stamp = np.datetime64(text.replace(" ", "T"), "s")
    except ValueError as error:
        raise InputError(f"the start {text!r} is no year, month, quarter, date or time") from error
    year = int(stamp.astype("datetime64[Y]").astype(int)) + 1970
    return stamp if _YEARS[0] <= year <= _YEARS[1] else None


def _read_series(path: Path, freq: str) -> Iterator[Series]:
    alias = None if freq in ("", "none") else _FREQUENCIES.get(freq, freq)
    seen: set[str] = set()
    for row in _rows(path):
        name = row["item_id"]
        if name in seen:
            raise InputError(f"{path.name} has the item {name!r} twice")
        seen.add(name)
        try:
            values = np.array(row["target"].split(), dtype=np.float64)
        except ValueError as error:
            raise InputError(f"{path.name}, item {name!r}: {error}") from error
        start = parse_start(row["start"])
        yield Series(values, start, _anchored(alias, start), name)


def _anchored(alias: str | None, start: np.datetime64 | None) -> str | None:
    """Let weeks begin, quarters and years start, where the series does."""
    if start is None or alias is None:
        return alias
    if alias == "W":
        weekday = (int(start.astype("datetime64[D]").astype(int)) + 3) % 7
        return "W-" + ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")[weekday]
    return alias


def _rows(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        with _open(path) as file:
            yield from csv.DictReader(file)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except KeyError as error:
        raise InputError(f"{path} has no column {error}") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
