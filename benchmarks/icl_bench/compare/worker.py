"""The process that is timed. Run as a script, by an interpreter that need not know `icl_bench`.

Usage: `python worker.py request.json`. It loads one peer and forecasts once, writes the forecast,
and ends; or, with `"serve": true`, it warms up and then answers each line of standard input with
one JSON line about one timed call. A line is "call" (the public interface) or "network" (the
network alone, input and output on the device).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]
WARM_UP = 2


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


def main(path: str) -> None:
    """Run one request."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print is no reply
    with open(path, encoding="utf-8") as file:
        request = json.load(file)
    load = load_ours if request["peer"] == "ours" else load_official
    calls = load(request)

    import numpy as np

    np.save(request["out"], calls["call"]())
    if not request["serve"]:
        return
    replies.write(json.dumps(versions(request)) + "\n")
    warm: set[str] = set()
    for line in sys.stdin:
        name = line.strip()
        if name not in warm:
            for _ in range(WARM_UP):
                calls[name]()
            warm.add(name)
        wall, cpu = time.perf_counter(), time.process_time()
        calls[name]()
        times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        replies.write(json.dumps(times) + "\n")


def versions(request: dict[str, Any]) -> dict[str, Any]:
    """What ran: versions, threads and the device's name."""
    from importlib.metadata import version

    import torch

    found = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    found["code"] = version("icl-forecasting" if request["peer"] == "ours" else "tirex-ts")
    if request["device"].startswith("cuda"):
        found["device"] = torch.cuda.get_device_name()
    return found


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its modules must not be taken for others of the same name
    main(sys.argv[1])
