"""Time stamps and numbers as they are written in a prompt, and found again in an answer.

Time stamps are written `YYYY-MM-DD HH:MM:SS`, with a fraction only where there is one. A series
without time stamps counts its steps from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from icl_core import Series
from icl_core.coerce.timeline import grid, to_freq

_FORM = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?"
    r"(?:(?:T|\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d{1,9})?))?)?"
    r"\s*(?:Z|UTC|\+00:?00)?(?!:?\d)"
)
_STEP = re.compile(r"(?:step\s+|t\s*=\s*)?(?P<step>\d+)(?=\s*[,;:|=\t])", re.IGNORECASE)
_UNITS = (("second", "ns"), ("minute", "m"), ("hour", "h"), ("day", "D"), ("month", "M"))


def number_text(value: float) -> str:
    """Write a value: 6 significant digits below a million, whole numbers from there on."""
    return f"{value:.6g}" if value < 1e6 else f"{value:.0f}"


def stamp_texts(stamps: np.ndarray) -> list[str]:
    """Write time stamps: `datetime64[ns]` [N] -> N texts."""
    exact = stamps.astype("datetime64[s]")
    whole = bool((exact == stamps).all())
    texts = np.datetime_as_string(exact if whole else stamps, unit="s" if whole else "ns")
    return [str(text).replace("T", " ") for text in texts]


def written_stamps(series: Series, horizon: int) -> tuple[list[str], list[str]]:
    """Return the time stamps of a history and of its future as they are written.

    Args:
        series: T values; with `start` and `freq`, else its steps are counted.
        horizon: number of steps H.
    """
    past = len(series)
    if series.start is None or series.freq is None:
        counted = [str(step) for step in range(1, past + horizon + 1)]
        return counted[:past], counted[past:]
    start = np.datetime64(series.start).astype("datetime64[ns]")
    texts = stamp_texts(grid(start, to_freq(series.freq, start), past + horizon))
    return texts[:past], texts[past:]


class StampReader:
    """Finds the step that a written time stamp means.

    A time stamp that is written to the second, minute, day or month only means the one step that
    lies in it; where several do, it means none.

    Args:
        stamps: the H time stamps that were asked for, as they were written.

    Attributes:
        start: a pattern of how a time stamp begins.
    """

    def __init__(self, stamps: Sequence[str]) -> None:
        self.stamps = tuple(stamps)
        self._place = {stamp: place for place, stamp in enumerate(self.stamps)}
        self._counted = all(stamp.isdigit() for stamp in self.stamps)
        self.start = r"\d+\s*[,;:|]" if self._counted else r"\d{4}[-/.]\d"
        self._within: dict[tuple[str, str], list[int]] = {}
        if self._counted:
            return
        exact = np.array([stamp.replace(" ", "T") for stamp in self.stamps], "datetime64[ns]")
        for _, unit in _UNITS:
            for place, one in enumerate(exact.astype(f"datetime64[{unit}]")):
                self._within.setdefault((unit, str(one)), []).append(place)

    def split(self, line: str) -> tuple[int | None, str] | None:
        """Take a time stamp off the front of a line.

        Returns:
            The step it means (None = another one) and what follows it; None where there is none.
        """
        stamp, _, rest = line.partition(",")
        if stamp in self._place:
            return self._place[stamp], rest
        if self._counted:
            match = _STEP.match(line)
            return match and (self._place.get(str(int(match["step"]))), line[match.end() :])
        match = _FORM.match(line)
        return match and (self._meant(match), line[match.end() :])

    def _meant(self, match: re.Match[str]) -> int | None:
        parts = match.groupdict()
        unit = next(unit for name, unit in _UNITS if parts[name] is not None)
        unit = {"h": "m"}.get(unit, unit)
        text = f"{parts['year']}-{int(parts['month']):02d}"
        if parts["day"] is not None:
            text += f"-{int(parts['day']):02d}"
        if parts["hour"] is not None:
            text += f"T{int(parts['hour']):02d}:{parts['minute']}"
        if parts["second"] is not None:
            text += f":{parts['second']}"
        try:
            moment = np.datetime64(text).astype(f"datetime64[{unit}]")
        except ValueError:
            return None
        found = self._within.get((unit, str(moment)), [])
        return found[0] if len(found) == 1 else None
