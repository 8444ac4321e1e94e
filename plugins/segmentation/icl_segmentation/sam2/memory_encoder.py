"""A frame and its mask become a memory of 64 channels (arXiv 2408.00714, appendix D)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam.norms import LayerNorm2d


class MaskDownSampler(nn.Module):
    """Four strided convolutions from the picture's side to the stride-16 map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for _ in range(4):
            layers += [
                nn.Conv2d(channels, 4 * channels, 3, 2, 1),
                LayerNorm2d(4 * channels),
                nn.GELU(),
            ]
            channels *= 4
        self.encoder = nn.Sequential(*layers, nn.Conv2d(channels, width, 1))

    def forward(self, mask: Tensor) -> Tensor:
        """Map masks [B, 1, H, W] to [B, C, H/16, W/16]."""
        small: Tensor = self.encoder(mask)
        return small


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7 convolution and a feed-forward part (arXiv 2201.03545)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = LayerNorm2d(width)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, h, w] to the same shape."""
        last: Tensor = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        last = self.gamma * self.pwconv2(F.gelu(self.pwconv1(last)))
        return x + last.permute(0, 3, 1, 2)


class Fuser(nn.Module):
    """Two blocks, `layers`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(ConvNeXtBlock(width), ConvNeXtBlock(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, h, w] to the same shape."""
        fused: Tensor = self.layers(x)
        return fused


class MemoryEncoder(nn.Module):
    """Fuses the stride-16 map of a frame with its mask."""

    def __init__(self, width: int = 256, memory_width: int = 64) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownSampler(width)
        self.pix_feat_proj = nn.Conv2d(width, width, 1)
        self.fuser = Fuser(width)
        self.out_proj = nn.Conv2d(width, memory_width, 1)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Encode B objects.

        Args:
            image: [B or 1, C, h, w], the frame's stride-16 map, untouched by memory.
            mask: [B, 1, 16h, 16w], from -10 (background) to 10 (object).

        Returns:
            [B, 64, h, w].
        """
        fused = self.fuser(self.pix_feat_proj(image) + self.mask_downsampler(mask))
        memory: Tensor = self.out_proj(fused)
        return memory
