"""What a peer of the segmentation comparison loads; run by `worker.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def load(request: dict[str, Any]) -> dict[str, Call]:
    """Return what can be called.

    - "encoder": SAM's image encoder on `input` [1, 3, S, S].
    - "prepare": a context.
    - "one", "two": a context and so many queries, from the beginning.
    - "once": a context that is prepared once, then all queries.
    - "pairs": the context and one query, for each query from the beginning.
    - "released": the same, with attention written out as the released networks have it.
    - "call B": B queries of a prepared context through the interface, on a device.
    - "network B": the image encoder alone for a batch of B that is on the device.
    """
    return load_ours(request) if request["peer"] == "ours" else load_official(request)


def load_official(request: dict[str, Any]) -> dict[str, Call]:
    """The image encoder of the official code (PyPI `segment-anything`)."""
    from functools import partial

    import numpy as np
    import torch
    from segment_anything.modeling import ImageEncoderViT

    sizes = request["sam"]
    # As its registry builds them, but of any size.
    encoder = ImageEncoderViT(
        img_size=sizes["side"],
        patch_size=sizes["patch"],
        embed_dim=sizes["width"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        out_chans=256,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=sizes["window"],
        global_attn_indexes=sizes["global_blocks"],
    )
    start = "image_encoder."
    tensors = torch.load(request["options"]["sam_weights"], weights_only=True)
    encoder.load_state_dict(
        {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
    )
    del tensors
    encoder.eval()
    x = torch.from_numpy(np.load(request["input"]))
    return {"encoder": _encode(encoder, x)}


def load_ours(request: dict[str, Any]) -> dict[str, Call]:
    """A learner through the public interface, and the image encoder inside it."""
    import numpy as np

    import icl_core as icl

    learner: Any = icl.load(
        request["learner"],
        weights=request["weights"],
        device=request["device"],
        dtype=request["dtype"],
        **request["options"],
    )
    calls: dict[str, Call] = {}
    if "input" in request:
        import torch

        # SAM is reached through the learner that has one.
        encoder = learner.sam.sam.image_encoder
        x = torch.from_numpy(np.load(request["input"])).to(encoder.pos_embed.dtype)
        calls["encoder"] = _encode(encoder, x)
    if "pictures" in request:
        with np.load(request["pictures"]) as file:
            images, mask = list(file["images"]), file["mask"]
        shown = icl.Example(images[0], mask, {"class_name": "disc"})
        context, queries = icl.Context((shown,)), images[1:]
        calls |= {
            "prepare": lambda: len(learner.prepare(context).context.examples),
            "one": lambda: _logits(learner.prepare(context).predict(queries[:1])),
            "two": lambda: _logits(learner.prepare(context).predict(queries[:2])),
            "once": lambda: _logits(learner.prepare(context).predict(queries)),
            "pairs": lambda: _logits([icl.predict(learner, context, query) for query in queries]),
        }
        calls["released"] = _released(learner, calls["pairs"])
        for batch in request.get("batches", ()):
            calls[f"call {batch}"] = _batch(learner, context, queries[:batch])
    for batch in request.get("batches", ()):
        calls[f"network {batch}"] = _network(learner, batch)
    return calls


def _encode(encoder: Any, x: Any) -> Call:
    import torch

    for tensor in encoder.state_dict().values():
        tensor.sum()  # a file may be mapped, and is read now

    def call() -> Any:
        with torch.inference_mode():
            return encoder(x).float().numpy()

    return call


def _released(learner: Any, pairs: Call) -> Call:
    from icl_bench.compare.segmentation_released import written_out

    network = learner.network if learner.card.name == "segic" else learner.sam.sam

    def call() -> Any:
        with written_out(network):
            return pairs()

    return call


def _logits(answers: Any) -> Any:
    """Stack the answers' logits: float32 [N, H, W]."""
    import numpy as np

    return np.stack([answer.logits for answer in answers])


def _batch(learner: Any, context: Any, queries: Any) -> Call:
    state: dict[str, Any] = {}

    def call() -> Any:
        if not state:
            state["prepared"] = learner.prepare(context)
        return _logits(state["prepared"].predict(queries))

    return call


def _network(learner: Any, batch: int) -> Call:
    """The image encoder alone, input and output on the device. Looks inside the learners."""
    import torch

    state: dict[str, Any] = {}

    def call() -> Any:
        if learner.card.name == "segic":
            side, dtype = learner.network.config.side, torch.float32
        else:
            encoder = learner.sam.sam.image_encoder
            side, dtype = learner.sam.image_size, encoder.pos_embed.dtype
        device = learner.load_options.device
        if "x" not in state:
            state["x"] = torch.zeros(batch, 3, side, side, device=device, dtype=dtype)
        with torch.inference_mode():
            if learner.card.name == "segic":
                with learner._autocast():
                    out = learner.network.encode(state["x"])
            else:
                out = encoder(state["x"])
        if out.is_cuda:
            torch.cuda.synchronize()
        return out.shape

    return call
