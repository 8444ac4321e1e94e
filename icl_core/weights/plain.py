"""The settings in a checkpoint as plain Python."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

_log = logging.getLogger("icl.weights")

_DEEPEST = 20
_MOST = 100_000


def keep_plain(metadata: dict[str, Any], name: str, value: Any) -> None:
    """Add a value to the metadata, unless it holds tensors or is too large to be a setting."""
    try:
        metadata.setdefault(name, _plain(value, 0, count()))
    except _NotPlainError as error:
        _log.debug("left out %r of a checkpoint: %s", name, error)


class _NotPlainError(Exception):
    """A value of a checkpoint is no setting: a tensor, or without end."""


def _plain(value: Any, depth: int, seen: Iterator[int]) -> Any:
    """Turn a value of a checkpoint into plain Python; `seen` counts its parts.

    The limits are for files made to trouble: one that holds itself, or one that names the same
    list ten times on each of twenty levels.
    """
    import torch

    if depth > _DEEPEST or next(seen) > _MOST:
        raise _NotPlainError("it is too deep or too large")
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()  # before float: numpy's float64 is one
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, torch.Tensor):
        if value.numel() == 1 and not value.is_meta:
            return value.item()
        raise _NotPlainError("it holds tensors, as the state of an optimiser does")
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1, seen) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1, seen) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item, depth + 1, seen) for item in value), key=repr)
    return str(value)[:1000]
