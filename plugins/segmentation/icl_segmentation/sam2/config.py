"""Sizes of SAM 2 networks, read from the shapes of their tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from icl_core.errors import WeightsError


class Shaped(Protocol):
    """A tensor, as far as its shape goes."""

    @property
    def shape(self) -> Iterable[int]:
        """Length of each axis."""


@dataclass(frozen=True)
class HieraConfig:
    """Sizes of the image trunk (arXiv 2306.00989, table 1; arXiv 2408.00714, appendix D).

    Args:
        embed_dim: channels of the first stage; each later stage has twice as many.
        num_heads: attention heads of the first stage, doubled likewise.
        stages: blocks of each stage.
        global_blocks: numbers of the blocks that attend to the whole map.
        windows: window side of each stage.
        background: side of the position table that is stretched over the map.
    """

    embed_dim: int
    num_heads: int
    stages: tuple[int, ...]
    global_blocks: tuple[int, ...]
    windows: tuple[int, ...] = (8, 4, 14, 7)
    background: int = 7


@dataclass(frozen=True)
class Sam2Config:
    """Sizes of a whole network.

    Args:
        trunk: sizes of the image trunk.
        image_size: side of the input picture.
        memory_layers: layers of memory attention.
        pointer_times: whether object pointers carry their distance in time (2.1).
        absent_embedding: whether memories of absent objects are marked (2.1).
    """

    trunk: HieraConfig
    image_size: int = 1024
    memory_layers: int = 4
    pointer_times: bool = True
    absent_embedding: bool = True

    @property
    def grid(self) -> int:
        """Side of the stride-16 map."""
        return self.image_size // 16


TRUNKS: Mapping[str, HieraConfig] = {
    "tiny": HieraConfig(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "small": HieraConfig(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "base_plus": HieraConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    "large": HieraConfig(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
}
"""The published trunks."""

TEST_TRUNK = HieraConfig(16, 1, (1, 1, 2, 1), (3,), windows=(8, 4, 8, 4))
"""A trunk for tests, of networks with an image side of `TEST_IMAGE_SIZE`."""

TEST_IMAGE_SIZE = 128


def infer_config(
    tensors: Mapping[str, Shaped], trunk: HieraConfig | None = None, image_size: int | None = None
) -> Sam2Config:
    """Tell which network a checkpoint holds.

    Heads, windows and global blocks leave no trace in the shapes; they are those of the published
    network whose trunk has these channels and stages, unless `trunk` says otherwise.

    Args:
        tensors: name -> tensor of a SAM 2 file.
        trunk: sizes of the trunk, for a network that was never published.
        image_size: side of the input picture; 1024 in all published networks.

    Raises:
        WeightsError: these are no SAM 2 tensors, or their trunk is unknown.
    """
    dim, stages, background = _trunk_shapes(tensors)
    if trunk is None:
        every = (*TRUNKS.values(), TEST_TRUNK)
        alike = [t for t in every if (t.embed_dim, t.stages) == (dim, stages)]
        if not alike:
            known = "; ".join(f"{n} {t.embed_dim} {list(t.stages)}" for n, t in TRUNKS.items())
            raise WeightsError(
                f"the trunk of this SAM 2 file has {dim} channels and the stages {list(stages)}, "
                f"which is no published size ({known})"
            )
        trunk = alike[0]
    if image_size is None:
        image_size = TEST_IMAGE_SIZE if trunk is TEST_TRUNK else 1024
    return Sam2Config(
        trunk=replace(trunk, background=background),
        image_size=image_size,
        memory_layers=_count(tensors, r"memory_attention\.layers\.(\d+)\."),
        pointer_times="obj_ptr_tpos_proj.weight" in tensors,
        absent_embedding="no_obj_embed_spatial" in tensors,
    )


def _trunk_shapes(tensors: Mapping[str, Shaped]) -> tuple[int, tuple[int, ...], int]:
    """Return channels, blocks of each stage and side of the background table."""
    name = "image_encoder.trunk.{}".format
    missing = [n for n in (name("pos_embed"), name("blocks.0.norm1.weight")) if n not in tensors]
    if missing:
        raise WeightsError(f"this is no SAM 2 file: it has no tensor {missing[0]}")
    blocks = _count(tensors, r"image_encoder\.trunk\.blocks\.(\d+)\.")
    # A block that changes the number of channels opens a stage and has a projection of its own.
    starts = [0, *(i for i in range(blocks) if name(f"blocks.{i}.proj.weight") in tensors), blocks]
    _, dim, background, _ = tensors[name("pos_embed")].shape
    return dim, tuple(b - a for a, b in pairwise(starts)), background


def _count(tensors: Iterable[str], pattern: str) -> int:
    found = [int(m[1]) for m in map(re.compile(pattern).match, tensors) if m]
    return 1 + max(found, default=-1)
