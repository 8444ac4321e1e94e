"""Sizes of the network of Painter and SegGPT, and how they are read from tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from icl_core.errors import WeightsError

PUBLISHED_DEPTH, PUBLISHED_MERGE, PUBLISHED_TAPS = 24, 2, (5, 11, 17, 23)
"""Depth, merge and taps of both releases; the released code knows no others."""


@dataclass(frozen=True)
class PainterConfig:
    """Sizes of a network; the defaults are those of the released ones (ViT-L).

    Args:
        width: D, channels of a token.
        heads: of each attention.
        hidden: width inside the feed-forward parts.
        depth: number of blocks.
        patch: p, side of a patch in pixels.
        grid: tokens (rows, columns) of the canvas that the relative tables are for.
        table: side of the absolute position table; its entry 0, a class slot, is not used.
        decoder_width: channels of the decoder's maps.
        types: whether there are SegGPT's two type tokens.
        merge: block after which the two streams are averaged.
        taps: blocks whose normalised outputs the decoder reads.
        detail: channels of the branch at full resolution, `icl_painting.network.detail`; 0 = the
            published structure, which has none.
        blend: channels of the last step, `icl_painting.network.blend`, at a half and a quarter of
            the resolution; None = the published structure, which has none.
    """

    width: int = 1024
    heads: int = 16
    hidden: int = 4096
    depth: int = PUBLISHED_DEPTH
    patch: int = 16
    grid: tuple[int, int] = (56, 28)
    table: int = 14
    decoder_width: int = 64
    types: bool = False
    merge: int = PUBLISHED_MERGE
    taps: tuple[int, ...] = PUBLISHED_TAPS
    detail: int = 0
    blend: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        sizes = (self.width, self.heads, self.hidden, self.depth, self.patch, *self.grid)
        if min(*sizes, self.table, self.decoder_width) < 1:
            raise ValueError(f"a size is below 1 in {self}")
        if self.detail < 0 or (self.detail and self.patch % 2):
            raise ValueError(
                f"detail is {self.detail} with patches of {self.patch}, expected an "
                "even patch and channels from 0"
            )
        if self.blend is not None and (min(self.blend) < 1 or self.patch % 4):
            raise ValueError(
                f"blend is {self.blend} with patches of {self.patch}, expected a patch that is a "
                "multiple of 4 and channels from 1"
            )
        if self.width % self.heads:
            raise ValueError(f"{self.width} channels cannot be split into {self.heads} heads")
        ordered = tuple(sorted(set(self.taps)))
        if not self.taps or ordered != tuple(self.taps) or self.taps[-1] != self.depth - 1:
            raise ValueError(
                f"taps are {self.taps}, expected rising numbers that end with {self.depth - 1}"
            )
        if not 0 <= self.merge < self.taps[0]:
            raise ValueError(f"merge is {self.merge}, expected a block before {self.taps[0]}")

    @property
    def side(self) -> int:
        """Side of the square pictures that the network was made for, in pixels."""
        return self.grid[1] * self.patch

    @property
    def head_width(self) -> int:
        """Channels of one head."""
        return self.width // self.heads


NEEDED = (
    "mask_token",
    "segment_token_x",
    "segment_token_y",
    "pos_embed",
    "patch_embed.proj.weight",
    "blocks.0.attn.rel_pos_h",
    "blocks.0.attn.rel_pos_w",
    "blocks.0.attn.qkv.weight",
    "blocks.0.mlp.fc1.weight",
    "decoder_embed.weight",
    "decoder_pred.0.weight",
)
"""The tensors that show the sizes, with their official names."""

TYPES = ("type_token_cls", "type_token_ins")
_BLOCK = re.compile(r"blocks\.(\d+)\.")
_FOUR = {
    "mask_token",
    "segment_token_x",
    "segment_token_y",
    "patch_embed.proj.weight",
    "decoder_pred.0.weight",
}


def config_from_shapes(
    tensors: Mapping[str, Any], merge: int | None = None, taps: Sequence[int] | None = None
) -> PainterConfig:
    """Read the sizes from the shapes of named tensors.

    Args:
        tensors: official name -> tensor, or its shape.
        merge: block after which the streams are averaged, which no shape shows; None = as
            published, which goes with depth 24 alone.
        taps: blocks that the decoder reads; likewise.

    Raises:
        WeightsError: a tensor is missing, or shapes are those of no such network.
    """
    shapes = {name: tuple(getattr(t, "shape", t)) for name, t in tensors.items()}
    missing = [name for name in NEEDED if name not in shapes]
    if missing:
        raise WeightsError(
            f"these are no weights of Painter or SegGPT: {len(missing)} of {len(NEEDED)} tensors "
            f"that show the sizes are missing, such as {missing[0]!r}"
        )
    for name in NEEDED:
        rank = 4 if name in _FOUR else 3 if name == "pos_embed" else 2
        if len(shapes[name]) != rank or 0 in shapes[name]:
            raise WeightsError(
                f"{name} has shape {list(shapes[name])}, expected {rank} dimensions above 0"
            )
    blocks = {int(found[1]) for name in shapes if (found := _BLOCK.match(name))}
    depth = len(blocks)
    if max(blocks) != depth - 1:
        raise WeightsError(f"these weights have {depth} blocks, the last with number {max(blocks)}")
    width = shapes["mask_token"][-1]
    rows, head = shapes["blocks.0.attn.rel_pos_h"]
    columns = shapes["blocks.0.attn.rel_pos_w"][0]
    cells = shapes["pos_embed"][1] - 1
    if width % head or isqrt(cells) ** 2 != cells or rows % 2 == 0 or columns % 2 == 0:
        raise WeightsError(
            f"the position tables have {rows} rows, {columns} columns and {cells} cells for "
            f"{width} channels in heads of {head}, expected odd lengths, a square and whole heads"
        )
    if depth != PUBLISHED_DEPTH and (merge is None or taps is None):
        raise WeightsError(
            f"these weights have {depth} blocks and do not say which of them the decoder reads; "
            f"only with {PUBLISHED_DEPTH} blocks it is known"
        )
    try:
        return PainterConfig(
            width=width,
            heads=width // head,
            hidden=shapes["blocks.0.mlp.fc1.weight"][0],
            depth=depth,
            patch=shapes["patch_embed.proj.weight"][-1],
            grid=((rows + 1) // 2, (columns + 1) // 2),
            table=isqrt(cells),
            decoder_width=shapes["decoder_pred.0.weight"][0],
            types=all(name in shapes for name in TYPES),
            merge=PUBLISHED_MERGE if merge is None else merge,
            taps=PUBLISHED_TAPS if taps is None else tuple(taps),
            detail=_first(shapes, "detail.stem.weight") or 0,
            blend=_blend(shapes),
        )
    except ValueError as error:
        raise WeightsError(f"these weights fit no network: {error}") from None


def _first(shapes: Mapping[str, tuple[int, ...]], name: str) -> int | None:
    """Return the output channels of an optional convolution, None where there is none."""
    if name not in shapes:
        return None
    if len(shapes[name]) != 4:
        raise WeightsError(f"{name} has shape {list(shapes[name])}, expected 4 dimensions")
    return shapes[name][0]


def _blend(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int] | None:
    """Return the channels of the last step, None where there is none."""
    outer, inner = (_first(shapes, f"blend.{name}.weight") for name in ("stem", "down"))
    return None if outer is None or inner is None else (outer, inner)
