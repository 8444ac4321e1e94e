"""A tiny random Painter, and pictures to ask it about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

import icl_core as icl
from icl_painting.network.checkpoint import save_network
from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork

RNG = np.random.default_rng(11)
SIZE = (40, 48)
FIRST, SECOND, QUERY = (RNG.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(3))


def write_weights(folder: Path, spread: float = 0.2) -> Path:
    """Write a random network of two blocks that sees pictures of 32x32.

    `spread` is how much is added to its first weights at random.
    """
    torch.manual_seed(0)
    config = PainterConfig(
        width=16,
        heads=2,
        hidden=32,
        depth=2,
        patch=8,
        grid=(8, 4),
        table=4,
        decoder_width=4,
        merge=0,
        taps=(1,),
    )
    network = PainterNetwork(config)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor += spread * torch.randn(tensor.shape)
    path = folder / "tiny.safetensors"
    save_network(network, path, half=False)
    return path


def load(weights: Path, **options: Any) -> Any:
    return icl.load("painter", weights=weights, device="cpu", **options)


def ask(weights: Path, output: Any, meta: dict[str, Any] | None = None, **options: Any) -> Any:
    """Ask about `QUERY` with one example: `FIRST` and an output."""
    example = icl.Example(FIRST, output, meta or {})
    return icl.predict(load(weights, **options), [example], QUERY)
