"""Covariates: named columns beside a series, past-only or known into the future.

A covariate is past-only where the history has it and the horizon does not; it is known into the
future where both have it. Numbers and booleans are read as they are. Words are categories: two of
them become one row of zeros and ones, "name=second" in sorted order; one, or three and more,
become one such row each. Categories of the history and of the horizon count together.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from icl_core.coerce.values import to_array, to_float64
from icl_core.errors import InputError
from icl_core.types import Horizon, Series

logger = logging.getLogger("icl.coerce")

MOST_CATEGORIES = 50
"""A column with more distinct words than this names things rather than sorts them."""


class Covariates(NamedTuple):
    """The covariates of one forecast as rows of numbers, NaN = missing.

    Args:
        past: name of a row -> float64 [T], rows without a known future.
        future: name of a row -> float64 [T + H], rows with one.
    """

    past: dict[str, np.ndarray]
    future: dict[str, np.ndarray]


def to_covariates(
    value: Any, steps: int, what: str, *, may_be_longer: bool = False
) -> dict[str, np.ndarray] | None:
    """Check named columns and make them arrays.

    Args:
        value: name -> array-like [steps] of numbers, booleans or words; or None. A pandas column
            may be categorical. None and NaN are missing.
        steps: how many values each has.
        what: whose steps they are, for the sentences: "the series", "the horizon".
        may_be_longer: whether more values than that are cut off at the end.

    Returns:
        Name -> float64 [steps], or object [steps] of `str` and None for words; None where
        nothing was given.

    Raises:
        InputError: a name is no text, a column has another length, is infinite, or mixes words
            and numbers.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InputError(
            f"covariates are {type(value).__name__}, expected a mapping of names to columns",
            'covariates={"price": prices}',
        )
    return {_name(key): _column(key, values, steps, what, may_be_longer) for key, values in
            value.items()} or None  # fmt: skip


def check_names(history: Series, horizon: Horizon) -> None:
    """Refuse a covariate of the horizon that the history does not have.

    Raises:
        InputError: names it, and those that the history has.
    """
    known = history.covariates or {}
    for name in horizon.covariates or {}:
        if name not in known:
            has = ", ".join(map(repr, known)) or "none"
            raise InputError(
                f"the horizon has the covariate {name!r}, which the history does not have; "
                f"it has {has}",
                "a covariate known into the future needs its past too: "
                "Series(values, covariates={...})",
            )


def encode_covariates(history: Series, horizon: Horizon) -> Covariates:
    """The covariates of a history and a horizon as rows of numbers; see the module's rules.

    Args:
        history: a coerced series.
        horizon: a coerced horizon.

    Raises:
        InputError: the horizon has a covariate that the history has not, words stand on one side
            and numbers on the other, or a column has too many categories.
    """
    check_names(history, horizon)
    found = Covariates({}, {})
    ahead = horizon.covariates or {}
    for name, past in (history.covariates or {}).items():
        future = ahead.get(name)
        into = found.past if future is None else found.future
        column = np.asarray(past) if future is None else _joined(name, past, future)
        for row, values in _rows(name, column).items():
            if row in found.past or row in found.future:
                raise InputError(f"two covariates become the row {row!r}", "rename one of them")
            into[row] = values
    return found


def _joined(name: str, past: Any, future: Any) -> np.ndarray:
    columns = [np.asarray(past), np.asarray(future)]
    words = [column.dtype == object for column in columns]
    empty = [_all_missing(column) for column in columns]
    if words[0] != words[1] and not any(empty):
        kinds = ["words" if is_words else "numbers" for is_words in words]
        raise InputError(
            f"covariate {name!r} holds {kinds[0]} in the history and {kinds[1]} in the horizon"
        )
    if words[0] != words[1]:  # a side without any value goes with the other
        columns = [_as_words(c) if not w else c for c, w in zip(columns, words, strict=True)]
    return np.concatenate(columns)


def _rows(name: str, column: np.ndarray) -> dict[str, np.ndarray]:
    if column.dtype != object:
        return {name: column.astype(np.float64)}
    missing = np.array([item is None for item in column])
    categories = sorted({item for item in column if item is not None})
    if len(categories) > MOST_CATEGORIES:
        raise InputError(
            f"covariate {name!r} has {len(categories)} different words, "
            f"expected at most {MOST_CATEGORIES} categories",
            "leave it out, or merge rare categories",
        )
    shown = categories[1:] if len(categories) == 2 else categories
    rows = {}
    for category in shown:
        values = np.array([item == category for item in column], dtype=np.float64)
        rows[f"{name}={category}"] = np.where(missing, np.nan, values)
    return rows


def _name(key: Any) -> str:
    if not isinstance(key, str) or not key:
        raise InputError(f"a covariate is named {key!r}, expected a text that is not empty")
    return key


def _column(key: str, values: Any, steps: int, what: str, may_be_longer: bool) -> np.ndarray:
    owner = f"covariate {key!r}"
    if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):
        values = values.to_numpy(dtype=object)  # a pandas column, categories included
    try:
        array = to_array(values)
    except InputError as error:
        raise InputError(f"{owner}: {error.message}", error.hint) from error
    if array.ndim != 1 or len(array) < steps or (len(array) > steps and not may_be_longer):
        raise InputError(
            f"{owner} has {_size(array)}, expected {what}'s {steps} steps",
            "a covariate known into the future has a value for every step of the horizon"
            if what == "the horizon"
            else None,
        )
    array = array[:steps]
    if array.dtype.kind in "US":
        return _as_words(array.astype(object))
    if array.dtype == object and any(isinstance(item, str) for item in array):
        odd = next((i for i, item in enumerate(array) if not _is_word(item)), None)
        if odd is not None:
            raise InputError(
                f"{owner} holds words, and {array[odd]!r:.40} in row {odd} (from 0); "
                "expected either words or numbers"
            )
        return _as_words(array)
    return to_float64(array, owner)


def _size(array: np.ndarray) -> str:
    return f"{len(array)} values" if array.ndim == 1 else f"shape {list(array.shape)}"


def _is_word(item: Any) -> bool:
    return isinstance(item, str) or _is_missing(item)


def _is_missing(item: Any) -> bool:
    return item is None or type(item).__name__ == "NAType" or bool(item != item)


def _as_words(column: np.ndarray) -> np.ndarray:
    words = np.empty(len(column), dtype=object)
    for row, item in enumerate(column):
        words[row] = None if _is_missing(item) else str(item)
    return words


def _all_missing(column: np.ndarray) -> bool:
    return all(_is_missing(item) for item in column)
