"""Trunk and feature pyramid: a picture becomes maps of 256 channels at strides 4, 8 and 16."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam2.config import HieraConfig
from icl_segmentation.sam2.hiera import Hiera


class NeckLevel(nn.Module):
    """The 1x1 convolution of one level, `conv`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, h, w] to [B, outputs, h, w]."""
        level: Tensor = self.conv(x)
        return level


class FpnNeck(nn.Module):
    """Feature pyramid whose coarsest map flows into the next one only.

    Args:
        channels: channels of the trunk's maps, coarsest first, as `convs.{i}` are numbered.
        width: channels of every output.
    """

    def __init__(self, channels: list[int], width: int = 256) -> None:
        super().__init__()
        self.convs = nn.ModuleList(NeckLevel(inputs, width) for inputs in channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Map the trunk's maps, finest first, to all of them but the coarsest."""
        coarsest, stride16, *finer = (
            conv(level) for conv, level in zip(self.convs, reversed(maps), strict=True)
        )
        # In float32, as released: doubling is exact, so only the sum's precision is at stake.
        above = F.interpolate(coarsest.float(), scale_factor=2.0, mode="nearest")
        return [*reversed(finer), (stride16 + above).to(stride16.dtype)]


class ImageEncoder(nn.Module):
    """`trunk` and `neck`."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        stages = range(len(config.stages))
        self.neck = FpnNeck([config.embed_dim * 2**stage for stage in reversed(stages)])

    @property
    def dtype(self) -> torch.dtype:
        """The number type that it computes in."""
        return self.trunk.pos_embed.dtype

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map pictures [B, 3, H, W] to three maps [B, 256, H/4, W/4], [.., H/8], [.., H/16]."""
        levels: list[Tensor] = self.neck(self.trunk(x))
        return levels
