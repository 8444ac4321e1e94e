"""What a peer of the selection comparison loads; run by `worker.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[[], Any]


def load(request: dict[str, Any]) -> dict[str, Call]:
    """Return what can be called; each gives the picked items, int64 [m].

    - "ideal": ours.
    - "official": ours with `behaviour="official"`, the released procedure on plain lists.
    - "released": the released procedure on a networkx graph.
    - "fast-vote-k": ours.
    """
    import numpy as np

    from icl_core.selection import select

    with contextlib.suppress(ModuleNotFoundError):
        import torch  # noqa: F401 - the worker tells its version: loaded before memory is counted

    points = clusters(request["items"], request["width"], request["clusters"])
    budget, k = request["budget"], request["neighbours"]

    def ideal(behaviour: str) -> Any:
        return select(points, budget, "ideal", k=k, seed=0, behaviour=behaviour).indices

    def released() -> Any:
        import importlib.util

        path = Path(__file__).with_name("selection_released.py")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return np.array(module.released_ideal(points, budget, k, 0, request["runs"]))

    return {
        "first": lambda: np.zeros(1),
        "ideal": lambda: ideal("corrected"),
        "official": lambda: ideal("official"),
        "released": released,
        "fast-vote-k": lambda: select(points, budget, "fast-vote-k", k=k).indices,
    }


def clusters(items: int, width: int, count: int) -> Any:
    """Draw embeddings float32 [items, width] around `count` centres; always the same ones."""
    import numpy as np

    random = np.random.default_rng(0)
    centres = 2 * random.normal(size=(count, width))
    own = random.integers(0, count, items)
    noise = random.standard_normal((items, width), dtype=np.float32)
    return (noise + centres.astype(np.float32)[own]).astype(np.float32)
