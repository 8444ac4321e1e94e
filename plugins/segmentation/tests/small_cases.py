"""A tiny small SEGIC for tests."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

import icl_core as icl
from icl_core import Learner
from icl_segmentation.segic.small import SmallSegic, SmallSizes

SIZES = SmallSizes(
    side=64,
    channels=(8, 12, 16, 24),
    blocks=(1, 1, 1),
    features=16,
    width=32,
    decoder={"depth": 1, "heads": 2, "mlp_width": 32},
    heads=2,
    head_size=8,
)


def write(path: Path, config: dict[str, object] | None = None) -> Path:
    """Write weights drawn at random, with their sizes or another `config`."""
    torch.manual_seed(0)
    network = SmallSegic(SIZES)
    found = {"backbone": "compact", "small": asdict(SIZES)} if config is None else config
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, {"config": json.dumps(found)})
    return path


def learner_of(path: Path) -> Learner:
    """Write weights and load them."""
    return icl.load("segic", weights=write(path))
