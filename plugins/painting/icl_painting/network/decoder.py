"""From the tapped tokens to colours."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_painting.network.blocks import EPS

STRIP = 64
"""Lines of pixels that are decoded at once, to need little memory."""

TOKENS = 400
"""Tokens of each picture that become pixels at once; few would read the weights too often."""


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of [B, C, H, W], biased variance.

    The result is stored channels last, which convolutions read as fast or faster.

    Args:
        channels: C; `weight` and `bias` are [C].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [B, C, H, W]; the shape stays."""
        last = x.permute(0, 2, 3, 1)
        normed = F.layer_norm(last, self.weight.shape, self.weight, self.bias, EPS)
        return normed.permute(0, 3, 1, 2)


def colour_head(width: int) -> nn.Sequential:
    """The convolutions from `width` channels to three colours, with the released names."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1), LayerNorm2d(width), nn.GELU(), nn.Conv2d(width, 3, 1)
    )


def spread(patches: Tensor, patch: int) -> Tensor:
    """Lay out patches as a map.

    Args:
        patches: [B, h, w, p*p*C], in the order row in patch, column in patch, channel.
        patch: p.

    Returns:
        [B, C, h*p, w*p].
    """
    count, height, width, _ = patches.shape
    pixels = patches.view(count, height, width, patch, patch, -1)
    return pixels.permute(0, 5, 1, 3, 2, 4).reshape(count, -1, height * patch, width * patch)


def maps_below(embed: nn.Linear, taps: Tensor, patch: int) -> Tensor:
    """Lay out the features of the lower half of a canvas, with what is seen of the upper one.

    Args:
        embed: from tokens to the pixels of their patches.
        taps: [B, 1 + h, w, C]: the last row of the upper half, then the lower half.
        patch: p.

    Returns:
        [B, 1 + h*p + 1, w*p, C]: the last line of the upper half, the lower half, and a border of
        zeros.
    """
    count, rows, columns, _ = taps.shape
    height, line = (rows - 1) * patch, columns * patch
    # Of the row above only the last line of pixels is seen.
    width = embed.out_features // patch**2
    last = patch * width
    bias = embed.bias
    edge = F.linear(taps[:, :1], embed.weight[-last:], bias[-last:]).view(count, 1, line, width)
    maps = edge.new_zeros(count, 1 + height + 1, line, width)  # the last line is the border
    maps[:, :1] = edge
    step = max(1, TOKENS // columns)
    for row in range(1, rows, step):
        part = embed(taps[:, row : row + step])
        pixels = part.view(count, -1, columns, patch, patch, width).transpose(2, 3)
        place = maps[:, 1 + (row - 1) * patch :][:, : pixels.shape[1] * patch]
        place.view(count, -1, patch, columns, patch, width).copy_(pixels)
    return maps


def colours_below(head: nn.Sequential, maps: Tensor) -> Tensor:
    """Decode the lower half of a canvas.

    Args:
        head: of `colour_head`.
        maps: of `maps_below`.

    Returns:
        [B, 3, h*p, w*p]; equal to the lower half of the whole map.
    """
    first, rest = head[0], head[1:]
    assert isinstance(first, nn.Conv2d)
    parts = []
    height = maps.shape[1] - 2
    for top in range(0, height, STRIP):
        strip = maps[:, top : min(top + STRIP, height) + 2].permute(0, 3, 1, 2)
        parts.append(rest(F.conv2d(strip, first.weight, first.bias, padding=(0, 1))))
    return torch.cat(parts, dim=2)
