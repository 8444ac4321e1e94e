"""Context is Key: a text beside the history (arXiv 2410.18959).

The benchmark: `instances.read(path)` gives its instances, `rcrps(prediction, target)` its metric.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_forecasting.cik import instances
    from icl_forecasting.cik.metric import rcrps

__all__ = ["instances", "rcrps"]


def __getattr__(name: str) -> Any:
    # Read when asked for: whoever wants the learner alone does not pay for the benchmark.
    if name == "instances":
        return import_module("icl_forecasting.cik.instances")
    if name == "rcrps":
        return import_module("icl_forecasting.cik.metric").rcrps
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
