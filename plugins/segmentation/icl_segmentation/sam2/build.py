"""SAM 2 networks from files and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from icl_core.weights import load_tensors, read_checkpoint
from icl_segmentation.sam2.config import HieraConfig, infer_config
from icl_segmentation.sam2.network import Sam2Network


def build_sam2(
    tensors: Mapping[str, Tensor],
    *,
    learner: str = "SAM 2",
    trunk: HieraConfig | None = None,
    image_size: int | None = None,
) -> Sam2Network:
    """Build the network that tensors with the official names belong to.

    The tensors become the network's own, without a copy.

    Args:
        tensors: name -> tensor; 2.0 and 2.1, tiny to large.
        learner: who asks, for messages.
        trunk: sizes of an unpublished trunk.
        image_size: side of the input picture, where it is not the published 1024.

    Returns:
        The network in float32 and eval mode, its parameters without gradients.

    Raises:
        WeightsError: names or shapes are not those of a SAM 2 network.
    """
    config = infer_config(tensors, trunk, image_size)
    with torch.device("meta"):
        network = Sam2Network(config)
    load_tensors(network, tensors, learner=learner)
    return network.eval().requires_grad_(False)


def load_sam2(
    path: str | Path,
    *,
    learner: str = "SAM 2",
    trunk: HieraConfig | None = None,
    image_size: int | None = None,
) -> Sam2Network:
    """Read a SAM 2 file as it was released (a dict with the key `model`), or as safetensors.

    Raises:
        WeightsError: the file is damaged or holds another network.
        UntrustedFileError: the file wants to run code.
    """
    tensors = read_checkpoint(path).tensors
    return build_sam2(tensors, learner=learner, trunk=trunk, image_size=image_size)
