"""Stand-in weights and input: the published sizes, seeded noise, the official file layout.

Speed does not depend on what the weights are, and the official ones need not be downloaded.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np

WIDTH, BLOCKS, HEADS, HIDDEN, UP, PATCH, LEVELS = 512, 12, 4, 2048, 1408, 32, 9
CONTEXT = 2048
CHECKPOINT = Path("TiRex", "model.ckpt")
"""The official loader reads a model's kind from the second part of a path: `./TiRex/…` works."""


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published 35M checkpoint, nested as in the released file."""
    shapes: dict[str, tuple[int, ...]] = {}

    def residual(name: str, d_in: int, d_out: int) -> None:
        for part, shape in (
            ("hidden_layer", (HIDDEN, d_in)),
            ("output_layer", (d_out, HIDDEN)),
            ("residual_layer", (d_out, d_in)),
        ):
            shapes[f"{name}.{part}.weight"] = shape
            shapes[f"{name}.{part}.bias"] = shape[:1]

    residual("input_patch_embedding", 2 * PATCH, WIDTH)
    head = WIDTH // HEADS
    for i in range(BLOCKS):
        block = f"block_stack.blocks.{i}"
        shapes[f"{block}.norm_slstm.weight"] = (WIDTH,)
        for gate in ("fgate", "igate", "zgate", "ogate"):
            shapes[f"{block}.slstm_layer.{gate}.weight"] = (HEADS, head, head)
        shapes[f"{block}.slstm_layer.slstm_cell._recurrent_kernel_"] = (HEADS, head, 4 * head)
        shapes[f"{block}.slstm_layer.slstm_cell._bias_"] = (4 * WIDTH,)
        shapes[f"{block}.slstm_layer.group_norm.weight"] = (WIDTH,)
        shapes[f"{block}.norm_ffn.weight"] = (WIDTH,)
        shapes[f"{block}.ffn.proj_up_gate.weight"] = (UP, WIDTH)
        shapes[f"{block}.ffn.proj_up.weight"] = (UP, WIDTH)
        shapes[f"{block}.ffn.proj_down.weight"] = (WIDTH, UP)
    shapes["block_stack.out_norm.weight"] = (WIDTH,)
    residual("output_patch_embedding", WIDTH, LEVELS * PATCH)
    return shapes


def hyper_parameters() -> dict[str, object]:
    """What the released checkpoint says about itself."""
    return {
        "model_config": {
            "input_patch_size": PATCH,
            "output_patch_size": PATCH,
            "quantiles": [round(0.1 * q, 1) for q in range(1, LEVELS + 1)],
            "block_kwargs": {
                "num_blocks": BLOCKS,
                "embedding_dim": WIDTH,
                "num_heads": HEADS,
                "all_slstm": True,
                "return_last_states": True,
                "vocab_size": 0,
            },
            "input_ff_dim": HIDDEN,
        },
        "train_ctx_len": CONTEXT,
    }


def stand_in(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Noise that keeps activations finite, float32; it depends on the name and shape alone."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
    if len(shape) > 1:
        return noise / np.float32(math.sqrt(shape[1]))
    if "norm" in name:  # a head norm's weight counts from 1, the others from 0
        return np.float32(0.1) * noise + np.float32("group_norm" not in name)
    return np.float32(0.1) * noise


def write_checkpoint(folder: Path) -> Path:
    """Write the stand-in checkpoint under `folder` in the released layout; return its path."""
    import torch

    tensors = {n: torch.from_numpy(stand_in(n, s)) for n, s in tensor_shapes().items()}
    path = folder / CHECKPOINT
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"hyper_parameters": hyper_parameters(), "state_dict": tensors}, path)
    return path


def contexts(count: int, length: int) -> np.ndarray:
    """Seeded series with a daily season and a drift: [count, length] float64."""
    rng = np.random.default_rng(length)
    time = np.arange(length)
    phase = rng.uniform(0, 2 * math.pi, (count, 1))
    drift = rng.standard_normal((count, length)).cumsum(axis=1)
    season = 5 * np.sin(2 * math.pi * time / 24 + phase)
    return np.asarray(50 + drift + season, dtype=np.float64)


def operations(batch: int, tokens: int, last: int) -> float:
    """Floating-point operations of one forward: two for each weight of each matrix product.

    Args:
        batch: series.
        tokens: read for each.
        last: of which so many go through the output block.
    """
    inner = outer = 0
    for name, shape in tensor_shapes().items():
        if len(shape) > 1:
            if name.startswith("output_patch_embedding"):
                outer += math.prod(shape)
            else:
                inner += math.prod(shape)
    return 2.0 * batch * (tokens * inner + last * outer)
