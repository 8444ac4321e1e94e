"""Compare predictions field by field, and the state of the process before and after a call."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def difference(one: Any, other: Any, tolerance: float = 0.0) -> str | None:
    """Say in which field two predictions differ; None where they do not.

    `meta` is left out: it tells how an answer came about, such as how long it took.

    Args:
        one: a prediction.
        other: a prediction.
        tolerance: 0 asks for the same bytes; else numbers may differ by this much, relative to
            the largest number of the field where that is above 1. Booleans may then differ
            too, since a value next to a threshold may fall on its other side.
    """
    if type(one) is not type(other):
        return f"the types are {type(one).__name__} and {type(other).__name__}"
    for name, value in _values(one).items():
        found = _unequal(value, _values(other).get(name), tolerance)
        if found:
            return f"{name}: {found}"
    return None


def global_state() -> dict[str, Any]:
    """Return what a library call may not change for the whole process."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "random number generator of Python": random.getstate(),
        "random number generator of NumPy": (kind, np.asarray(keys).tobytes(), *rest),
        "error handling of NumPy": np.geterr(),
    }
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        state |= {
            "random number generator of PyTorch": torch.get_rng_state().numpy().tobytes(),
            "thread count of PyTorch": torch.get_num_threads(),
            "gradient mode of PyTorch": torch.is_grad_enabled(),
            "default dtype of PyTorch": str(torch.get_default_dtype()),
            "matmul precision of PyTorch": torch.get_float32_matmul_precision(),
            "deterministic mode of PyTorch": torch.are_deterministic_algorithms_enabled(),
        }
    return state


def _values(prediction: Any) -> dict[str, Any]:
    if not is_dataclass(prediction):
        return dict(vars(prediction))
    return {f.name: getattr(prediction, f.name) for f in fields(prediction) if f.name != "meta"}


def _unequal(one: Any, other: Any, tolerance: float) -> str | None:
    if one is None or other is None:
        return None if one is other else f"{_short(one)} and {_short(other)}"
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return f"the keys {sorted(one)} and {sorted(other)}"
        found = (_unequal(one[key], other[key], tolerance) for key in one)
        return next((text for text in found if text), None)
    if is_dataclass(one) and not isinstance(one, type):
        return difference(one, other, tolerance)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return f"{len(one)} and {len(other)} items"
        found = (_unequal(a, b, tolerance) for a, b in zip(one, other, strict=True))
        return next((text for text in found if text), None)
    if not isinstance(one, np.ndarray | np.generic | int | float):
        return None if one == other else f"{_short(one)} and {_short(other)}"
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype != second.dtype or first.shape != second.shape:
        return f"{_short(first)} and {_short(second)}"
    if tolerance == 0 or first.dtype.kind not in "biufc":
        same = first.tobytes() == second.tobytes() if first.dtype.kind != "O" else one == other
        return None if same else "the values are not the same"
    if first.dtype.kind == "b" or first.size == 0:
        return None
    a, b = first.astype(np.float64), second.astype(np.float64)
    if (np.isnan(a) != np.isnan(b)).any():
        return "missing values are in different places"
    # Whole numbers, such as colours, may round to the neighbour.
    rounding = 1.0 if first.dtype.kind in "iu" else 0.0
    apart = float(np.nanmax(np.abs(a - b), initial=0.0))
    scale = max(1.0, float(np.nanmax(np.abs(a), initial=0.0)))
    allowed = tolerance * scale + rounding
    return None if apart <= allowed else f"the largest difference is {apart:.3g}"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    return f"{value!r:.60}"
