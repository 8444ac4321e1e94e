"""Sizes of a prompt generator, given or read from its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from icl_segmentation.dcsam.dino import PREFIX, dino_sizes


@dataclass(frozen=True)
class GeneratorSizes:
    """Sizes of a prompt generator.

    Args:
        backbone: "resnet", "vgg", or "dino", which is prior-only.
        blocks: blocks of the ResNet stages 1 to 4.
        prior_only: the class that takes nothing but the prior from the backbone.
        sam2: whether it has layers for SAM 2's fine maps.
        queries: prompts a branch.
        width: C of the SAM map and of the prompts.
        dino: arguments of `RegisterDino`, as pairs.
    """

    backbone: str = "resnet"
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    prior_only: bool = False
    sam2: bool = False
    queries: int = 25
    width: int = 256
    dino: tuple[tuple[str, int | bool], ...] = ()


def generator_sizes(tensors: Mapping[str, Tensor]) -> GeneratorSizes:
    """Read the sizes of a prompt generator from its tensors, names without any prefix."""
    blocks = [0, 0, 0, 0]
    for name in tensors:
        parts = name.split(".")
        if name.startswith("layer") and name.endswith("conv1.weight"):
            stage = int(parts[0].removeprefix("layer"))
            blocks[stage - 1] = max(blocks[stage - 1], int(parts[1]) + 1)
    queries = tensors["transformer_decoder.supp_q_feat.weight"]
    dino = f"{PREFIX}cls_token" in tensors
    return GeneratorSizes(
        backbone="dino" if dino else "resnet" if any(blocks) else "vgg",
        blocks=tuple(blocks) if any(blocks) else GeneratorSizes.blocks,
        prior_only="downsample_query.0.weight" not in tensors,
        sam2="sam_downscaling.0.weight" in tensors,
        queries=int(queries.shape[0]),
        width=int(queries.shape[1]),
        dino=dino_sizes(tensors) if dino else (),
    )
