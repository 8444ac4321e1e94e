"""What learners answer with, and the check every answer passes before anyone sees it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_core.results.check import check_prediction, note_orientation
    from icl_core.results.classification import Classification
    from icl_core.results.forecast import Forecast
    from icl_core.results.label_map import LabelMap
    from icl_core.results.multi_forecast import MultiForecast
    from icl_core.results.picture import Picture
    from icl_core.results.prediction import Prediction
    from icl_core.results.segmentation import Segmentation

__all__ = [
    "Classification",
    "Forecast",
    "LabelMap",
    "MultiForecast",
    "Picture",
    "Prediction",
    "Segmentation",
    "check_prediction",
    "note_orientation",
]

_HOME = {
    "Classification": "classification",
    "Forecast": "forecast",
    "LabelMap": "label_map",
    "MultiForecast": "multi_forecast",
    "Picture": "picture",
    "Prediction": "prediction",
    "Segmentation": "segmentation",
    "check_prediction": "check",
    "note_orientation": "check",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
