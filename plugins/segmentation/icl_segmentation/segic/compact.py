"""A small convolutional backbone for SEGIC that is trained from scratch, with features at stride 8.

It is not part of the paper. Networks at stride 14 or 16 learn little correspondence from few
pictures at a small side; here a coarse stage is laid over one at stride 8 (feature pyramids,
arXiv 1612.03144), and finer maps are kept for the edges of masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

STRIDE = 8
FINE = 16
"""Channels of the fine map at stride 4; four of its cells lie in one cell of the features."""


class _Block(nn.Module):
    """Two convolutions and a shortcut (arXiv 1512.03385)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, h, w] to [B, C', h/stride, w/stride]."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class CompactBackbone(nn.Module):
    """Stem, three residual stages at strides 4, 8 and 16, and a pyramid down to stride 8.

    Its map holds `width` channels of features and behind them the fine map: `FINE` channels at
    stride 4, four neighbours side by side. So one tensor a picture is all that is kept.

    Args:
        channels: of the stem and of the stages.
        blocks: residual blocks of each stage.
        width: channels of the features.
    """

    patch = STRIDE

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128, 224),
        blocks: Sequence[int] = (1, 2, 2),
        width: int = 128,
    ) -> None:
        super().__init__()
        self.channels, self.blocks, self.features = tuple(channels), tuple(blocks), width
        first, *rest = channels
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        stages = []
        inputs = first
        for outputs, count in zip(rest, blocks, strict=True):
            own = [
                _Block(inputs, outputs, 2),
                *(_Block(outputs, outputs) for _ in range(count - 1)),
            ]
            stages.append(nn.Sequential(*own))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.fine = nn.Sequential(
            nn.Conv2d(rest[0], FINE, 1, bias=False), nn.BatchNorm2d(FINE), nn.ReLU()
        )
        self.middle = nn.Conv2d(rest[1], width, 1)
        self.coarse = nn.Conv2d(rest[2], width, 1)
        self.smooth = nn.Conv2d(width, width, 3, padding=1)

    @property
    def width(self) -> int:
        """Channels of the map, features and fine map together."""
        return self.features + 4 * FINE

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode normalised pictures [B, 3, S, S]: [B, width, S/8, S/8]."""
        x = self.stem(pictures)
        quarter = self.stages[0](x)
        eighth = self.stages[1](quarter)
        coarse = self.coarse(self.stages[2](eighth))
        up = F.interpolate(coarse, eighth.shape[-2:], mode="bilinear", align_corners=False)
        features = self.smooth(F.relu(self.middle(eighth) + up))
        return torch.cat([features, F.pixel_unshuffle(self.fine(quarter), 2)], dim=1)


def fine_map(maps: Tensor) -> Tensor:
    """Take the fine map out of a backbone's map [B, C, g, g]: [B, FINE, 2g, 2g]."""
    return F.pixel_shuffle(maps[:, -4 * FINE :], 2)
