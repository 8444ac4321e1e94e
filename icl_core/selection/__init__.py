"""Which items of a pool to annotate, and which to show for a query. Knows no modality.

```python
from icl_core.selection import select, retrieve

chosen = select(embeddings, budget=18, method="ideal")  # embeddings [n, d] of the pool
shown = retrieve(query_embeddings, embeddings[chosen.indices], count=4)
```

Names are imported on first use, so that reading the list of methods costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_core.selection.cascades import influence
    from icl_core.selection.embedders import Embedder, embed, learner_embedder
    from icl_core.selection.foreign import run_selector, selector_names
    from icl_core.selection.methods import METHODS, MethodCard
    from icl_core.selection.neighbours import Neighbours, nearest_neighbours
    from icl_core.selection.pool import Pool, read_embeddings, read_pool
    from icl_core.selection.retrieval import Retrieved, SecondView, retrieve
    from icl_core.selection.selection import Selection, select

__all__ = [
    "METHODS",
    "Embedder",
    "MethodCard",
    "Neighbours",
    "Pool",
    "Retrieved",
    "SecondView",
    "Selection",
    "embed",
    "influence",
    "learner_embedder",
    "nearest_neighbours",
    "read_embeddings",
    "read_pool",
    "retrieve",
    "run_selector",
    "select",
    "selector_names",
]

_MODULES = {
    "embedders": ("Embedder", "embed", "learner_embedder"),
    "foreign": ("run_selector", "selector_names"),
    "cascades": ("influence",),
    "methods": ("METHODS", "MethodCard"),
    "neighbours": ("Neighbours", "nearest_neighbours"),
    "pool": ("Pool", "read_embeddings", "read_pool"),
    "retrieval": ("Retrieved", "SecondView", "retrieve"),
    "selection": ("Selection", "select"),
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
