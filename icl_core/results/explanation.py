"""What a text changed in a forecast: for people, and as marks on a plot.

A learner that reads text puts into its answers' `meta`:

    * `touched`: rows with `text`, the words; `did`, a sentence; `steps`, numbers of the horizon
      steps from 0; and, where it is about them, `before` and `after` (the median at these steps)
      or the limits `lower` and `upper`.
    * `unused`: rows with `text` and `reason`, for words that were understood and changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_core.results.forecast import Forecast

_LONGEST = 90
_COLOURS = ("#c2571a", "#7a4fa3", "#2f7d4f", "#a33b54")
_SHOWN = 6
"""Most statements that are marked on a plot; the legend would cover it."""


def explanation(forecast: Forecast) -> list[str] | None:
    """Return lines that say which words changed which steps and how; None where nobody says.

    Args:
        forecast: its `meta` is read.
    """
    meta = forecast.meta
    if "touched" not in meta:
        return None
    lines = []
    for row in meta["touched"]:
        lines.append(f"{_words(row)}: {row['did']}; {_where(row['steps'], len(forecast))}")
        if len(row.get("before") or ()) and len(row.get("after") or ()):
            lines[-1] += f"; median {_mean(row['before'])} -> {_mean(row['after'])}"
    lines += [f"{_words(row)}: not used, {row['reason']}" for row in meta.get("unused", ())]
    return lines or ["nothing in the text changed the forecast"]


def draw_marks(axes: Any, forecast: Forecast, x: Any) -> None:
    """Shade the steps that words changed, and draw the limits that they set.

    Args:
        axes: of matplotlib.
        forecast: its `meta` is read.
        x: [H], where the steps lie on the axis.
    """
    rows = list(forecast.meta.get("touched", ()))[:_SHOWN]
    half = (x[1] - x[0]) / 2 if len(forecast) > 1 else 0.5
    for number, row in enumerate(rows):
        colour = _COLOURS[number % len(_COLOURS)]
        label: str | None = _words(row, 38)
        for name in ("lower", "upper"):
            if row.get(name) is not None:
                axes.axhline(row[name], color=colour, linestyle=":", linewidth=1.2, label=label)
                label = None
        if len(row["steps"]) == len(forecast):
            continue  # all of it: shading everything shows nothing
        for first, last in _runs(row["steps"]):
            axes.axvspan(
                x[first] - half, x[last] + half, color=colour, alpha=0.12, linewidth=0, label=label
            )
            label = None


def _words(row: Mapping[str, Any], longest: int = _LONGEST) -> str:
    words = " ".join(str(row.get("text") or row.get("kind") or "a statement").split())
    words = words if len(words) <= longest else f"{words[: longest - 3]}..."
    return f'"{words}"' if row.get("text") else words


def _where(steps: Sequence[int], length: int) -> str:
    if len(steps) == length:
        return "all steps"
    runs = [f"{a + 1}" if a == b else f"{a + 1} to {b + 1}" for a, b in _runs(steps)]
    shown = ", ".join(runs[:6]) + (", ..." if len(runs) > 6 else "")
    return f"step{'s' if len(steps) > 1 else ''} {shown}" if runs else "no step"


def _runs(steps: Sequence[int]) -> list[tuple[int, int]]:
    """Cut step numbers into runs without gaps."""
    found = []
    for _, group in groupby(enumerate(sorted(steps)), lambda pair: pair[1] - pair[0]):
        run = [step for _, step in group]
        found.append((run[0], run[-1]))
    return found


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.4g}"
