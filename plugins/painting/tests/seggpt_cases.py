"""A small stand-in SegGPT and drawn pictures that its tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

import icl_core as icl
from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork

SIDE = 32
SMALL = PainterConfig(
    width=16, heads=2, hidden=32, patch=8, grid=(8, 4), table=4, decoder_width=4, types=True
)
Load = Callable[..., icl.Learner]


def stand_in(path: Path) -> Path:
    """Write a network of the published depth, so that its shapes say all, with random weights."""
    generator = torch.Generator().manual_seed(4)
    tensors = {}
    for name, tensor in PainterNetwork(SMALL).state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        scale = 0.1 if tensor.ndim < 2 else tensor[0].numel() ** -0.5
        if tensor.shape[0] == 1:
            scale = 0.5
        tensors[name] = noise * scale + float(name.endswith("weight") and tensor.ndim == 1)
    save_file(tensors, path)
    return path


def loader(weights: Path) -> Load:
    def loaded(**options: Any) -> icl.Learner:
        return icl.load("seggpt", **{"weights": weights, "device": "cpu", **options})

    return loaded


def picture(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def box(top: int, left: int, side: int = 16, height: int = 40, width: int = 56) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def near(one: Any, other: Any, limit: float = 2e-5) -> None:
    assert np.abs(one.canvas - other.canvas).max() <= limit
