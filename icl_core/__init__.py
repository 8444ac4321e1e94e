"""In-context learners of every modality behind two verbs: `prepare(context)`, `predict(query)`.

```python
import icl_core as icl

icl.learners()  # what is installed
icl.predict("seasonal-naive", context=[1.0, 2.0, 3.0, 4.0], query=4)
```

Names are imported on first use, so that `import icl_core` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_core.cards import LearnerCard, WeightCard
    from icl_core.errors import (
        IclError,
        InputError,
        MissingExtraError,
        OfflineError,
        PluginError,
        UnknownNameError,
        UntrustedFileError,
        WeightsError,
    )
    from icl_core.hookspecs import hookimpl, hookspec
    from icl_core.learner import Learner, LoadOptions, PreparedContext
    from icl_core.registry import learners, load, predict
    from icl_core.results import (
        Classification,
        Forecast,
        LabelMap,
        MultiForecast,
        Picture,
        Prediction,
        Segmentation,
    )
    from icl_core.types import Context, Episode, Example, Horizon, Series, Task, Video

__version__ = "0.1.0"

__all__ = [
    "Classification",
    "Context",
    "Episode",
    "Example",
    "Forecast",
    "Horizon",
    "IclError",
    "InputError",
    "LabelMap",
    "Learner",
    "LearnerCard",
    "LoadOptions",
    "MissingExtraError",
    "MultiForecast",
    "OfflineError",
    "Picture",
    "PluginError",
    "Prediction",
    "PreparedContext",
    "Segmentation",
    "Series",
    "Task",
    "UnknownNameError",
    "UntrustedFileError",
    "Video",
    "WeightCard",
    "WeightsError",
    "__version__",
    "hookimpl",
    "hookspec",
    "learners",
    "load",
    "predict",
]

_MODULES = {
    "cards": ("LearnerCard", "WeightCard"),
    "errors": (
        "IclError",
        "InputError",
        "MissingExtraError",
        "OfflineError",
        "PluginError",
        "UnknownNameError",
        "UntrustedFileError",
        "WeightsError",
    ),
    "hookspecs": ("hookimpl", "hookspec"),
    "learner": ("Learner", "LoadOptions", "PreparedContext"),
    "registry": ("learners", "load", "predict"),
    "results": (
        "Classification",
        "Forecast",
        "LabelMap",
        "MultiForecast",
        "Picture",
        "Prediction",
        "Segmentation",
    ),
    "types": ("Context", "Episode", "Example", "Horizon", "Series", "Task", "Video"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
