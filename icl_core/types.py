"""The nouns: what a learner is shown, what it is asked, and what an evaluation holds.

They are plain and immutable. Anything a user may hand over instead (a path, an array, a data
frame) becomes one of these in `icl_core.coerce`, in one place, by the learner's task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class Task(StrEnum):
    """What a learner does; decides how its contexts and queries are coerced."""

    SEGMENTATION = "segmentation"
    PAINTING = "painting"
    LINKING = "linking"
    FORECASTING = "forecasting"


@dataclass(frozen=True, eq=False)
class Example:
    """One demonstration: an input and the output that goes with it.

    Args:
        input: an image, usually.
        output: its mask (segmentation), its edited picture (painting), its label (linking).
        meta: anything a learner may want to know, such as `class_name`.
    """

    input: Any
    output: Any
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Series:
    """A time series.

    Args:
        values: float64 [T], or [V, T] for several variates; NaN = missing. Infinities are refused.
            Several variates are forecast together, by learners that can.
        start: time stamp of the first value (`numpy.datetime64`), if known.
        freq: pandas frequency alias of one step, such as "h", "D", "MS", if known.
        name: what the series is called in tables and plots.
        covariates: name -> array [T] of numbers or words (categories), for learners that read
            them. Those that the `Horizon` has too are known into the future.
        variates: what the V variates are called; "0", "1", ... where not given.
    """

    values: np.ndarray
    start: np.datetime64 | None = None
    freq: str | None = None
    name: str | None = None
    covariates: Mapping[str, Any] | None = None
    variates: tuple[str, ...] | None = None

    def __len__(self) -> int:
        import numpy as np  # here, since listing learners shall not pay for it

        return int(np.shape(self.values)[-1])

    def __repr__(self) -> str:
        import numpy as np

        shape = "x".join(map(str, np.shape(self.values)))
        return f"Series({self.name or 'unnamed'}, {shape}, start={self.start}, freq={self.freq})"


@dataclass(frozen=True, eq=False)
class Horizon:
    """How far to forecast.

    Args:
        length: number of steps, at least 1.
        quantile_levels: levels in (0, 1), strictly increasing; None = the learner's own.
        covariates: name -> array [length], values known for the future; more of them than the
            length are cut off. The history has a covariate of the same name.
    """

    length: int
    quantile_levels: tuple[float, ...] | None = None
    covariates: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Video:
    """Frames in order: an array [N, H, W, 3], a list of pictures, a folder, or a video file.

    One `Video` is one query; its answer is a sequence with one prediction a frame.
    """

    frames: Any


@dataclass(frozen=True, eq=False)
class Context:
    """All that a learner is shown before it is asked.

    Args:
        examples: demonstrations, in the order they are shown.
        history: the past of a series, for forecasting.
        text: words that go with it.
    """

    examples: tuple[Example, ...] = ()
    history: Series | None = None
    text: str | None = None

    def __repr__(self) -> str:
        words = None if self.text is None else f"{len(self.text)} characters"
        return f"Context({len(self.examples)} examples, history={self.history}, text={words})"


@dataclass(frozen=True, eq=False)
class Episode:
    """One unit of evaluation: a context, a query, and the answer that is held back.

    Args:
        context: what the learner sees.
        query: what it is asked.
        target: the right answer, if known.
        meta: where it comes from: `id`, and whatever a metric needs (a seasonality, a class).
    """

    context: Context
    query: Any
    target: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)
