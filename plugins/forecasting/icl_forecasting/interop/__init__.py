"""Forecasting learners on the tables and data sets of other libraries: data frames, GluonTS."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_forecasting.interop.frames import predict_df
    from icl_forecasting.interop.gluonts import ICLPredictor, predict_dataset

__all__ = ["ICLPredictor", "predict_dataset", "predict_df"]

_HOME = {"ICLPredictor": "gluonts", "predict_dataset": "gluonts", "predict_df": "frames"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
