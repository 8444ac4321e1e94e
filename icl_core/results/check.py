"""The check that every answer of a learner passes before anyone sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from icl_core.errors import PluginError
from icl_core.types import Horizon, Task, Video

if TYPE_CHECKING:
    from icl_core.cards import LearnerCard
    from icl_core.results.forecast import Forecast
    from icl_core.results.prediction import Prediction

_NAMES = {
    Task.SEGMENTATION: "Segmentation",
    Task.PAINTING: "Picture",
    Task.LINKING: "Classification",
    Task.FORECASTING: "Forecast",
}


def check_prediction(
    card: LearnerCard, query: Any, prediction: Any, variates: int | None = None
) -> None:
    """Raise unless an answer has the type, size, dtype and finite values its query asks for.

    Args:
        card: the learner that answered.
        query: the coerced query: an image [H, W, 3], a `Video` (then `prediction` answers one of
            its frames), or a `Horizon`.
        prediction: the answer.
        variates: of a forecasting context, how many its history has: one is answered by a
            `Forecast`, more by a `MultiForecast` of as many. None = not known: either will do.

    Raises:
        PluginError: names the learner, the field, what it is, and what was expected.
    """
    from icl_core import results

    name = _NAMES[card.task]
    if card.task is Task.FORECASTING and _is_multi(prediction, variates):
        for forecast in _forecasts(card, prediction, variates):
            _check_forecast(card, query, forecast)
        return
    if not isinstance(prediction, getattr(results, name)):
        raise PluginError(
            f"{card.name} returned {type(prediction).__name__}, "
            f"expected {name} from a {card.task} learner"
        )
    if isinstance(query, Horizon):
        _check_forecast(card, query, prediction)
        return
    size = query.frames.size if isinstance(query, Video) else query.shape[:2]
    if card.task is Task.SEGMENTATION:
        _check(card, "mask", prediction.mask, np.bool_, size)
        _check(card, "logits", prediction.logits, np.float32, size)
    elif card.task is Task.PAINTING:
        _check(card, "image", prediction.image, np.uint8, None if size is None else (*size, 3))
    for field in ("canvas", "score", "probabilities"):
        value = getattr(prediction, field, None)
        if value is not None and not np.isfinite(value).all():
            raise PluginError(f"{card.name} returned a {field} with NaN or infinite values")


def note_orientation(query: Any, prediction: Prediction) -> None:
    """Write to `prediction.meta` whether its image query was turned upright by its EXIF tag."""
    if isinstance(query, Horizon):
        return
    image = query.frames if isinstance(query, Video) else query
    prediction.meta["orientation_applied"] = bool(getattr(image, "orientation_applied", False))


def _is_multi(prediction: Any, variates: int | None) -> bool:
    """Whether an answer is, or has to be, one of several variates."""
    from icl_core.results import MultiForecast

    return variates not in (None, 1) or (variates is None and isinstance(prediction, MultiForecast))


def _forecasts(card: LearnerCard, prediction: Any, variates: int | None) -> tuple[Forecast, ...]:
    from icl_core.results import MultiForecast

    if not isinstance(prediction, MultiForecast):
        raise PluginError(
            f"{card.name} returned {type(prediction).__name__}, "
            f"expected MultiForecast for a history of {variates} variates"
        )
    if variates is not None and len(prediction) != variates:
        raise PluginError(
            f"{card.name} returned {len(prediction)} variates, expected the history's {variates}"
        )
    return prediction.forecasts


def _check_forecast(card: LearnerCard, horizon: Horizon, forecast: Forecast) -> None:
    levels = tuple(float(level) for level in forecast.levels)
    wanted = horizon.quantile_levels
    if wanted is not None and levels != tuple(float(level) for level in wanted):
        raise PluginError(f"{card.name} returned the levels {levels}, expected {tuple(wanted)}")
    _check(card, "quantiles", forecast.quantiles, np.float32, (len(levels), horizon.length))
    _check(card, "mean", forecast.mean, np.float32, (horizon.length,))


def _check(
    card: LearnerCard,
    field: str,
    value: Any,
    dtype: type[np.generic],
    shape: tuple[int, ...] | None,
) -> None:
    expected = f"expected {np.dtype(dtype).name} {list(shape) if shape else ''}".rstrip()
    if not isinstance(value, np.ndarray):
        raise PluginError(f"{card.name} returned {field} as {type(value).__name__}, {expected}")
    if value.dtype != np.dtype(dtype) or (shape is not None and value.shape != tuple(shape)):
        raise PluginError(
            f"{card.name} returned {field} as {value.dtype} {list(value.shape)}, {expected}"
        )
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        bad = int(np.size(value) - np.isfinite(value).sum())
        raise PluginError(
            f"{card.name} returned {field} with NaN or infinite values, {bad} of {value.size}"
        )
