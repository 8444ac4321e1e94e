"""SAM's image encoder: a plain vision transformer with windows (arXiv 2203.16527).

```python
encoder = ImageEncoderViT(EncoderSizes.vit_b())
embedding = encoder(x)  # [B, 3, 1024, 1024] to [B, 256, 64, 64]
```

The input is normalised with `PIXEL_MEAN` and `PIXEL_STD` on the scale 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam.norms import LayerNorm2d
from icl_segmentation.sam.relative_attention import RelativeAttention
from icl_segmentation.sam.transformer import MLPBlock

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class EncoderSizes:
    """Sizes of an image encoder.

    Args:
        width: C of the blocks.
        depth: number of blocks.
        heads: heads of each attention.
        global_blocks: blocks that attend to the whole map; the others attend within windows.
        window: side of the windows, in patches.
        image_size: side of the square input, in pixels.
        patch: side of a patch, in pixels.
        mlp_width: hidden width of the feed-forward parts.
        out: channels of the embedding.
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    window: int = 14
    image_size: int = 1024
    patch: int = 16
    mlp_width: int | None = None
    out: int = 256

    @property
    def grid(self) -> int:
        """Side of the embedding."""
        return self.image_size // self.patch

    @classmethod
    def vit_b(cls) -> EncoderSizes:
        """Sizes of SAM ViT-B."""
        return cls(768, 12, 12, (2, 5, 8, 11))

    @classmethod
    def vit_l(cls) -> EncoderSizes:
        """Sizes of SAM ViT-L."""
        return cls(1024, 24, 16, (5, 11, 17, 23))

    @classmethod
    def vit_h(cls) -> EncoderSizes:
        """Sizes of SAM ViT-H."""
        return cls(1280, 32, 16, (7, 15, 23, 31))


class PatchEmbed(nn.Module):
    """One vector a patch."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, 3, H, W] to [B, H/patch, W/patch, C]."""
        patches: Tensor = self.proj(x)
        return patches.permute(0, 2, 3, 1)


class Block(nn.Module):
    """Attention and feed-forward part, each behind a layer norm and beside a residual."""

    def __init__(self, sizes: EncoderSizes, window: int) -> None:
        super().__init__()
        side = window or sizes.grid
        self.norm1 = nn.LayerNorm(sizes.width, eps=1e-6)
        self.attn = RelativeAttention(sizes.width, sizes.heads, (side, side))
        self.norm2 = nn.LayerNorm(sizes.width, eps=1e-6)
        self.mlp = MLPBlock(sizes.width, sizes.mlp_width or 4 * sizes.width, F.gelu)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, h, w, C] to [B, h, w, C]."""
        x = x + self.attn(self.norm1(x), self.window)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class ImageEncoderViT(nn.Module):
    """SAM's image encoder with the released parameter names.

    Args:
        sizes: of the network.
    """

    def __init__(self, sizes: EncoderSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.patch_embed = PatchEmbed(sizes.width, sizes.patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, sizes.grid, sizes.grid, sizes.width))
        self.blocks = nn.ModuleList(
            Block(sizes, 0 if number in sizes.global_blocks else sizes.window)
            for number in range(sizes.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(sizes.width, sizes.out, 1, bias=False),
            LayerNorm2d(sizes.out),
            nn.Conv2d(sizes.out, sizes.out, 3, padding=1, bias=False),
            LayerNorm2d(sizes.out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encode pictures.

        Args:
            x: [B, 3, S, S], normalised; S is `sizes.image_size`.

        Returns:
            [B, out, S/patch, S/patch].
        """
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        embedding: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return embedding
