"""Cut any iterable into batches without reading ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from icl_core.errors import InputError

T = TypeVar("T")


def batches(iterable: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` items in order; the last one may be shorter.

    Args:
        iterable: read one batch at a time.
        size: items in a batch, at least 1.

    Raises:
        InputError: `size` is below 1; raised at the call, not at the first batch.
    """
    if size < 1:
        raise InputError(f"batch size is {size}, expected at least 1")
    return _cut(iter(iterable), size)


def _cut(source: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(source, size)):
        yield batch
