"""The small member of the SEGIC family: a compact backbone, dense correspondence, no text tower.

What the two networks share is the same code: references as mean vectors, the cosine prior with its
best point, SAM's prompt encoder and mask decoder. What the small one has beside it makes up for a
backbone that was not trained on millions of pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from icl_segmentation.segic.compact import FINE, STRIDE, CompactBackbone, fine_map
from icl_segmentation.segic.correspondence import Cells, Correspondence
from icl_segmentation.segic.network import MEAN, STD, SegicConfig, SegicNetwork

KERNELS = (4, 2)
"""Strides of the mask prompt's two convolutions, 8 in all."""


@dataclass(frozen=True)
class SmallSizes:
    """Sizes of a small network; they stand in the file's metadata.

    Args:
        side: S of the square in pixels.
        channels: of the stem and the stages.
        blocks: residual blocks of each stage.
        features: channels of the features.
        width: of prompts and decoder.
        decoder: `depth`, `heads` and `mlp_width` of the two-way transformer.
        heads: of the comparison.
        head_size: channels a head of it.
    """

    side: int = 256
    channels: tuple[int, ...] = (40, 80, 160, 288)
    blocks: tuple[int, ...] = (1, 3, 2)
    features: int = 128
    width: int = 128
    decoder: Mapping[str, int] = field(
        default_factory=lambda: {"depth": 2, "heads": 4, "mlp_width": 512}
    )
    heads: int = 4
    head_size: int = 32

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> SmallSizes:
        """Read what `dataclasses.asdict` gave, after JSON.

        Raises:
            TypeError: a size is missing or unknown.
        """
        lists = {key: tuple(plain[key]) for key in ("channels", "blocks")}
        return cls(**{**plain, **lists})


class _NoText(nn.Module):
    """Stands in for the text tower: every text is the same."""

    def forward(self, ids: Tensor) -> Tensor:
        """Return zeros [N, 1] for token ids [N, 77]."""
        return torch.zeros(len(ids), 1, device=ids.device)


class _Encoder(nn.Module):
    def __init__(self, sizes: SmallSizes) -> None:
        super().__init__()
        self.compact = CompactBackbone(sizes.channels, sizes.blocks, sizes.features)
        self.text_model = _NoText()

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode normalised pictures [B, 3, S, S]: [B, C, S/8, S/8]."""
        found: Tensor = self.compact(pictures)
        return found


class SmallSegic(SegicNetwork):
    """A small SEGIC.

    Args:
        sizes: of the network.
    """

    def __init__(self, sizes: SmallSizes) -> None:
        backbone = CompactBackbone(sizes.channels, sizes.blocks, sizes.features)
        config = SegicConfig(
            vision={"width": backbone.width, "depth": 0, "heads": 1, "patch": STRIDE, "grid": 1},
            text={"width": 1, "depth": 0, "heads": 1, "vocabulary": 1},
            side=sizes.side,
            width=sizes.width,
            mask_kernels=KERNELS,
            decoder=dict(sizes.decoder),
            backbone="compact",
        )
        super().__init__(config)
        self.sizes = sizes
        self.encoder = _Encoder(sizes)  # type: ignore[assignment]
        self.pixel_mean.copy_(torch.tensor(MEAN).view(3, 1, 1))
        self.pixel_std.copy_(torch.tensor(STD).view(3, 1, 1))
        self.correspondence = Correspondence(
            backbone.width, sizes.width, sizes.heads, sizes.head_size
        )
        self.fine_proj = nn.Conv2d(FINE, sizes.width // 4, 1)

    @property
    def similarity_side(self) -> int:
        """Side of the similarity map: the grid itself, which is fine enough at stride 8."""
        return self.grid

    def resize(self, side: int) -> None:
        """Read squares of another side from now on.

        Args:
            side: in pixels, a multiple of 8.
        """
        self.config = replace(self.config, side=side)
        self.sizes = replace(self.sizes, side=side)
        self.prompt_encoder.embedding_size = (self.grid, self.grid)
        self.prompt_encoder.input_size = (side, side)

    def keys(self, features: Tensor) -> Tensor:
        """Return what is compared of features [B, C, g, g]."""
        return self.correspondence.keys(features)

    def compare(self, features: Tensor, cells: Cells) -> Tensor:
        """Return the dense prompt of N masks for one target [C, g, g]: [N, width, g, g]."""
        target = self.keys(features[None]).expand(len(cells.mask), -1, -1, -1)
        return self.correspondence(target, cells)  # type: ignore[no-any-return]

    def decode(
        self,
        image: Tensor,
        sparse: Tensor,
        dense: Tensor,
        keep: Sequence[int] = (0,),
        iou: bool = False,
        features: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Decode N masks; see `SegicNetwork.decode`.

        Args:
            image: see there.
            sparse: see there.
            dense: see there.
            keep: see there.
            iou: see there.
            features: of the pictures, as many as `image`, for their fine maps.
        """
        pe = self.prompt_encoder.get_dense_pe()
        fine = None if features is None else self.fine_proj(fine_map(features))
        masks, quality = self.mask_decoder(image, pe, sparse, dense, keep=keep, iou=iou, fine=fine)
        return masks.float(), quality
