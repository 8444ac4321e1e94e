"""The frequency of many series, found by looking at every one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from icl_core.coerce.timeline import grid, pandas, show, to_freq
from icl_core.errors import InputError


def infer_frequency(
    stamps: Mapping[Any, np.ndarray] | Iterable[np.ndarray], freq: Any = None
) -> str:
    """Find the one frequency of many series, looking at every one of them.

    Args:
        stamps: name -> sorted `datetime64[ns]` [T] without duplicates, or just the arrays.
        freq: the frequency if it is known; it is then only brought to its canonical alias.

    Returns:
        The frequency under which every series lies on the grid. A series with gaps is allowed
        when another one shows the frequency.

    Raises:
        InputError: no series has three points in a row to infer from, or two disagree.
    """
    named = dict(stamps) if isinstance(stamps, Mapping) else dict(enumerate(stamps))
    if freq is not None:
        first = next((s[0] for s in named.values() if len(s)), None)
        return to_freq(freq, first)
    pd = pandas()
    candidates: dict[str, Any] = {}
    gappy: dict[Any, np.ndarray] = {}
    for name, stamp in named.items():
        if any(_is_whole(stamp, known) for known in candidates):
            continue
        found = pd.infer_freq(pd.DatetimeIndex(stamp)) if len(stamp) >= 3 else None
        if found is None:
            gappy[name] = stamp
        else:
            candidates.setdefault(to_freq(found, stamp[0]), name)
    if not candidates:
        raise _cannot_infer(gappy)
    whole = [s for n, s in named.items() if n not in gappy]
    for known in candidates:
        if all(_is_whole(stamp, known) for stamp in whole):
            return known
    (first, one), (second, other) = list(candidates.items())[:2]
    raise InputError(
        f"the series have different frequencies: {one!r} has {first!r}, {other!r} has {second!r}",
        "pass freq= if one of them only has gaps, or forecast them separately",
    )


def _is_whole(stamps: np.ndarray, freq: str) -> bool:
    """Whether these are consecutive stamps of the frequency."""
    if len(stamps) == 0:
        return True
    try:
        return bool(np.array_equal(grid(stamps[0], freq, len(stamps)), stamps))
    except InputError:
        return False


def _cannot_infer(gappy: Mapping[Any, np.ndarray]) -> InputError:
    for name, stamps in gappy.items():
        if len(stamps) >= 3:
            odd = int(np.argmax(np.diff(stamps)))
            return InputError(
                f"series {name!r} has no regular frequency; its longest step is from "
                f"{show(stamps[odd])} to "
                f"{show(stamps[odd + 1])}",
                'pass freq= (such as "D"); the gaps then become missing values',
            )
    return InputError(
        "the frequency cannot be inferred from fewer than 3 time stamps", 'pass freq= (such as "D")'
    )
