"""Any column of numbers becomes float64, exactly, or is refused with the first bad value.

float64 rather than float32: every whole number up to 2**53 survives, so nothing is lost between
a data frame and a learner. A learner that computes in float32 centres or scales first.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from icl_core.errors import InputError

logger = logging.getLogger("icl.coerce")

FLOAT32_WHOLE = 2**24
"""Whole numbers above this are no longer all exact in float32."""

FLOAT64_WHOLE = 2**53
"""Whole numbers above this are no longer all exact in float64."""

_WIDE_INTEGERS = (np.dtype(np.int64), np.dtype(np.uint64))


def to_array(value: Any) -> np.ndarray:
    """Turn an array-like into a numpy array of any dtype, without guessing what text means.

    Args:
        value: list, tuple, range, numpy array (masked ones too), torch tensor on any device, or
            anything with `__array__`. Masked, `None` and `pandas.NA` entries are missing.

    Raises:
        InputError: it is a scalar, text, a mapping, or rows of unequal length.
    """
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(np.float64), np.nan)
    if isinstance(value, np.ndarray):
        return value
    if _is_tensor(value):
        tensor = value.detach().cpu()
        # numpy has no bfloat16; integers go as they are, so that no digit is lost.
        return np.asarray(tensor.double() if tensor.is_floating_point() else tensor)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        shown = repr(value) if isinstance(value, (str, bytes, int, float)) else ""
        raise InputError(
            f"a series cannot be made from {type(value).__name__} {_short(shown)}".rstrip(),
            "give a list or array of numbers, a pandas Series, a tensor, or an icl.Series",
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"the rows of the series have unequal lengths: {error}") from error
    if array.dtype.kind in "US":
        array = np.asarray(value, dtype=object)  # numpy turned [1, "a"] into two texts
    return array


def to_float64(array: np.ndarray, what: str = "series") -> np.ndarray:
    """Convert numbers of any kind to float64 and check that each one survived.

    Args:
        array: any shape; bool, integers, floats, or objects that are numbers
            (`int`, `Decimal`, `Fraction`, `None` and `pandas.NA` for missing).
        what: what to call it in an error.

    Returns:
        A new float64 array of the same shape; NaN = missing.

    Raises:
        InputError: an entry is no number (text included), is infinite, or is a whole number that
            float64 cannot hold; the first such value and its position are named.
    """
    kind = array.dtype.kind
    if kind == "O":
        result = _from_objects(array, what)
    elif kind in "biuf":
        with np.errstate(over="ignore"):
            result = array.astype(np.float64)
        if array.dtype in _WIDE_INTEGERS:
            _check_wide_integers(array, what)
    else:
        first = "" if array.size == 0 else f", first value {_short(str(array.flat[0]))!r}"
        raise InputError(
            f"{what} holds {_kind_name(array.dtype)}{first}; expected numbers",
        )
    if np.isinf(result).any():
        spot = int(np.flatnonzero(np.isinf(result.reshape(-1)))[0])
        raise InputError(
            f"{what} is infinite at {_position(array, spot)}; expected finite values, "
            "or NaN where one is missing"
        )
    return result


def warn_if_identifiers(array: np.ndarray, values: np.ndarray, what: str = "series") -> None:
    """Log a warning when a column of numbers is more likely a column of identifiers.

    Args:
        array: the column as it was given, 1-D.
        values: the same as float64.
        what: what to call it.
    """
    if values.size < 2 or not np.all(np.isfinite(values)) or values.max() <= FLOAT32_WHOLE:
        return
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "O" and all(isinstance(item, (int, np.integer)) for item in array.flat)
    )
    if whole and bool(np.all(np.diff(values) > 0)):
        logger.warning(
            "%s holds %d distinct, increasing whole numbers above 2**24: is it a column of "
            "identifiers rather than of values?",
            what,
            values.size,
        )


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    result = np.empty(array.size, dtype=np.float64)
    for spot, item in enumerate(array.flat):
        if item is None or type(item).__name__ == "NAType":
            result[spot] = np.nan
            continue
        if isinstance(item, np.ndarray) and item.ndim == 0:
            item = item.item()
        if not isinstance(item, (Real, Decimal, np.bool_, np.number)) or isinstance(
            item, (np.complexfloating, np.timedelta64)
        ):
            kind = "text" if isinstance(item, (str, bytes)) else type(item).__name__
            raise InputError(
                f"{what} holds {kind} {_short(repr(item))} at {_position(array, spot)}; "
                "expected a number",
                "convert it first, or write missing values as NaN",
            )
        try:
            number = float(item)
        except (OverflowError, ValueError):
            number = np.inf if not _is_signalling(item) else np.nan
        if isinstance(item, (int, np.integer)) and (np.isinf(number) or int(number) != int(item)):
            raise _lost(what, item, _position(array, spot))
        result[spot] = number
    return result.reshape(array.shape)


def _check_wide_integers(array: np.ndarray, what: str) -> None:
    # Comparing int64 with float64 would itself round, so only the large ones are checked, exactly.
    large = np.flatnonzero((array > FLOAT64_WHOLE) | (array < -FLOAT64_WHOLE))
    for spot in large:
        item = int(array.flat[spot])
        if int(float(item)) != item:
            raise _lost(what, item, _position(array, int(spot)))


def _lost(what: str, item: Any, position: str) -> InputError:
    return InputError(
        f"{what} holds {_short(str(item))} at {position}, a whole number above 2**53 that floating "
        "point cannot hold exactly",
        "if these are values, convert the column to float first; identifiers are no series",
    )


def _position(array: np.ndarray, spot: int) -> str:
    if array.ndim == 2 and 1 not in array.shape:
        variate, step = divmod(spot, array.shape[1])
        return f"variate {variate}, row {step} (from 0)"
    return f"row {spot} (from 0)"


def _is_tensor(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("detach", "cpu", "is_floating_point"))


def _is_signalling(item: Any) -> bool:
    return isinstance(item, Decimal) and item.is_nan()


def _kind_name(dtype: np.dtype) -> str:
    names = {
        "U": "text",
        "S": "text",
        "M": "time stamps",
        "m": "time spans",
        "c": "complex numbers",
    }
    return names.get(dtype.kind, f"dtype {dtype}")


def _short(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
