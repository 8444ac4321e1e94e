"""What a peer of the painting comparison loads; run by `worker.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def load(request: dict[str, Any]) -> dict[str, Call]:
    """Return what can be called, each an answer [1, 3, s, s].

    - "prepared": with prompts that are prepared before the first call.
    - "whole": the prompts prepared as well.
    - "plain": the released way, in our network.
    - "transformers": by transformers' SegGPT.
    - "batch B": B queries with prepared prompts, on a device.
    """
    return load_ours(request) if request["peer"] == "ours" else load_official(request)


def load_official(request: dict[str, Any]) -> dict[str, Call]:
    """SegGPT of transformers with the same weights."""
    import torch
    from transformers import SegGptConfig, SegGptForImageSegmentation

    sizes, renamed = request["size"], request["names"]
    config = SegGptConfig(
        hidden_size=sizes["width"],
        num_hidden_layers=sizes["depth"],
        num_attention_heads=sizes["heads"],
        image_size=[2 * sizes["side"], sizes["side"]],
        patch_size=sizes["patch"],
        mlp_dim=4 * sizes["width"],
        decoder_hidden_size=sizes["decoder"],
        pretrain_image_size=request["table"] * sizes["patch"],
        use_relative_position_embeddings=True,
    )
    tensors = torch.load(request["weights"], weights_only=True)
    with torch.device("meta"):
        model = SegGptForImageSegmentation(config)
    model.load_state_dict({renamed[n]: t for n, t in tensors.items()}, assign=True)
    del tensors
    model.train(False)
    images, targets, query = _pictures(request)
    count = len(images)

    def call() -> Any:
        with torch.inference_mode():
            out = model(
                pixel_values=query.expand(count, -1, -1, -1),
                prompt_pixel_values=images,
                prompt_masks=targets,
                feature_ensemble=count > 1,
                embedding_type="instance",
            )
        return out.pred_masks[:1, :, sizes["side"] :].numpy()

    return {"transformers": call}


def load_ours(request: dict[str, Any]) -> dict[str, Call]:
    """SegGPT's network from `icl.load`: under its engine, and the released way."""
    from importlib import import_module

    import torch

    import icl_core as icl

    learner: Any = icl.load(
        "seggpt", weights=request["weights"], device=request["device"], dtype=request["dtype"]
    )
    network = learner.network
    # By name, since the benchmark knows no plugin.
    engine = import_module("icl_painting.network.inference").Engine(network)
    for tensor in network.state_dict().values():
        tensor.sum()  # a file may be mapped, and is read now
    device = torch.device(request["device"])
    images, targets, query = (t.to(device) for t in _pictures(request))
    half = request["dtype"] == "bfloat16"
    state: dict[Any, Any] = {}

    def prepared() -> Any:
        if "prompts" not in state:
            state["prompts"] = engine.prepare(images, targets, 1)
        return state["prompts"]

    def within(work: Callable[[], Any]) -> Call:
        def call() -> Any:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
                return work()

        return call

    def whole() -> Any:
        return engine.paint(engine.prepare(images, targets, 1), query).numpy()

    def plain() -> Any:
        from icl_bench.compare.painting_released import paint_plainly

        return paint_plainly(network, images, targets, query, 1).numpy()

    calls: dict[str, Callable[[], Any]] = {
        "prepared": lambda: engine.paint(prepared(), query).numpy(),
        "whole": whole,
        "plain": plain,
    }

    def batch(size: int) -> Callable[[], Any]:
        def work() -> Any:
            if size not in state:
                state[size] = query.expand(size, -1, -1, -1).contiguous()
            answer = engine.paint(prepared(), state[size])
            if answer.is_cuda:
                torch.cuda.synchronize()
            return answer.shape

        return work

    calls |= {f"batch {size}": batch(size) for size in request.get("batches", ())}
    return {name: within(work) for name, work in calls.items()}


def _pictures(request: dict[str, Any]) -> tuple[Any, Any, Any]:
    import numpy as np
    import torch

    with np.load(request["pictures"]) as file:
        images, targets, query = (torch.from_numpy(file[n]) for n in ("images", "targets", "query"))
    return images, targets, query
