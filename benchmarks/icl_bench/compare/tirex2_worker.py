"""What a peer of the TiRex-2 comparison loads; run by `worker.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def load(request: dict[str, Any]) -> dict[str, Call]:
    """Return a call a scenario; each gives the forecasts [batch, targets, levels, steps]."""
    return _ours(request) if request["peer"] == "ours" else _official(request)


def _ours(request: dict[str, Any]) -> dict[str, Call]:
    """The learner `tirex2` through the public interface."""
    import numpy as np

    import icl_core as icl

    learner = icl.load("tirex2", weights=request["checkpoint"], dtype="float32", device="cpu")
    steps = request["horizon"]

    def call_of(path: str) -> Call:
        with np.load(path) as file:
            targets, past, future = file["targets"], file["past"], file["future"]
        length = targets.shape[2]
        episodes = []
        for own, beside, known in zip(targets, past, future, strict=True):
            columns = {f"past{n}": row for n, row in enumerate(beside)}
            columns |= {f"known{n}": row[:length] for n, row in enumerate(known)}
            ahead = {f"known{n}": row[length:] for n, row in enumerate(known)}
            history = icl.Series(own, covariates=columns or None)
            query = icl.Horizon(steps, covariates=ahead or None)
            episodes.append(icl.Episode(icl.Context(history=history), query))

        def call() -> Any:
            found: Any = list(learner.predict_episodes(episodes, batch_size=len(episodes)))
            return np.stack([np.atleast_3d(one.quantiles.T).T for one in found])

        return call

    return {name: call_of(path) for name, path in request["samples"].items()}


def _official(request: dict[str, Any]) -> dict[str, Call]:
    """The released code (PyPI `tirex-2`), without its compilation unless that is asked for."""
    import numpy as np
    import torch
    from tirex2 import TimeseriesType, load_model  # type: ignore[import-not-found]

    if not request["compile"]:
        torch.compiler.set_stance("force_eager")
    model = load_model(request["checkpoint"], device="cpu")
    steps = request["horizon"]

    def call_of(path: str) -> Call:
        with np.load(path) as file:
            parts = [torch.from_numpy(file[name]) for name in ("targets", "past", "future")]
        samples = [
            TimeseriesType(
                target=targets,
                past_covariates=past if len(past) else None,
                future_covariates=future if len(future) else None,
            )
            for targets, past, future in zip(*parts, strict=True)
        ]

        def call() -> Any:
            found = model.forecast(samples, prediction_length=steps, output_type="numpy")
            return np.stack([np.asarray(one) for one in found])

        return call

    return {name: call_of(path) for name, path in request["samples"].items()}
