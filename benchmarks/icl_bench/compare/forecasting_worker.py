"""What a peer of the forecasting comparison loads; run by `worker.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def load(request: dict[str, Any]) -> dict[str, Call]:
    """Return what can be called: "call", the public interface, and ours alone as "network"."""
    return load_ours(request) if request["peer"] == "ours" else load_official(request)


def load_official(request: dict[str, Any]) -> dict[str, Call]:
    """The official code (PyPI `tirex-ts`), on its PyTorch backend."""
    import numpy as np
    import torch
    from tirex import load_model

    model = load_model(
        request["official_path"],
        device=request["device"],
        backend="torch",
        compile=request["compile"],
    )
    contexts = torch.from_numpy(np.load(request["contexts"])).float()

    def call() -> Any:
        quantiles, _ = model.forecast(  # type: ignore[attr-defined]
            contexts,
            prediction_length=request["horizon"],
            batch_size=len(contexts),
            max_accelerated_rollout_steps=request["steps"],
        )
        return quantiles.numpy()

    return {"call": call}


def load_ours(request: dict[str, Any]) -> dict[str, Call]:
    """The learner `tirex` through the public interface."""
    import numpy as np

    import icl_core as icl

    learner = icl.load(
        "tirex",
        weights=request["checkpoint"],
        device=request["device"],
        dtype=request["dtype"],
        **request["options"],
    )
    contexts = np.load(request["contexts"])
    horizon = icl.Horizon(request["horizon"])
    episodes = [icl.Episode(icl.Context(history=icl.Series(row)), horizon) for row in contexts]

    def call() -> Any:
        found: Any = learner.predict_episodes(
            episodes,
            batch_size=len(episodes),
            max_accelerated_rollout_steps=request["steps"],
        )
        return np.stack([forecast.quantiles.T for forecast in found])

    return {"call": call, "network": _network_call(learner, request)}


def _network_call(learner: Any, request: dict[str, Any]) -> Call:
    """The passes of one call as one batch of full windows, without the way in and out."""

    def call() -> Any:
        import torch

        config = learner.network.config
        patches = -(-request["horizon"] // config.patch)
        steps = min(request["steps"], patches)
        rows = request["batch"] * -(-patches // steps)
        shape = (rows, config.context_tokens + steps - 1, 2 * config.patch)
        tokens = state.setdefault("tokens", torch.zeros(shape, device=request["device"]))
        with torch.inference_mode():
            out = learner._forward(tokens, None, steps)  # looks inside: the device's share alone
        if tokens.is_cuda:
            torch.cuda.synchronize()
        return out

    state: dict[str, Any] = {}
    return call
