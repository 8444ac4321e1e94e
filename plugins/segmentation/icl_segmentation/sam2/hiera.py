"""The image trunk of SAM 2: Hiera (arXiv 2306.00989) with windows and absolute positions.

Inside, maps are channels-last [B, H, W, C].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam2.config import HieraConfig


def halve(x: Tensor) -> Tensor:
    """Max-pool [B, H, W, C] over 2x2 cells."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def split_windows(x: Tensor, side: int) -> Tensor:
    """Cut [B, H, W, C] into windows [B * n, side, side, C], with zeros beyond the edges."""
    B, H, W, C = x.shape
    rows, columns = -(-H // side), -(-W // side)
    if (H, W) != (rows * side, columns * side):
        x = F.pad(x, (0, 0, 0, columns * side - W, 0, rows * side - H))
    x = x.reshape(B, rows, side, columns, side, C)
    return x.transpose(2, 3).reshape(-1, side, side, C)


def join_windows(windows: Tensor, size: tuple[int, int]) -> Tensor:
    """Put windows [B * n, side, side, C] together as [B, H, W, C], without the padding."""
    H, W = size
    side, C = windows.shape[2:]
    rows, columns = -(-H // side), -(-W // side)
    x = windows.view(-1, rows, columns, side, side, C).transpose(2, 3)
    return x.reshape(-1, rows * side, columns * side, C)[:, :H, :W]


class PatchEmbed(nn.Module):
    """Overlapping 7x7 patches at stride 4."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, 7, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures [B, 3, H, W] to [B, H/4, W/4, C]."""
        patches: Tensor = self.proj(x)
        return patches.permute(0, 2, 3, 1)


class TrunkMLP(nn.Module):
    """Feed-forward part of a block, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)])

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., C] to [..., C]."""
        wide, narrow = self.layers
        out: Tensor = narrow(F.gelu(wide(x)))
        return out


class UnitAttention(nn.Module):
    """Attention within a window or the whole map; queries may be pooled 2x2 first."""

    def __init__(self, dim: int, out_dim: int, heads: int, pool: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pool = pool
        self.qkv = nn.Linear(dim, 3 * out_dim)
        self.proj = nn.Linear(out_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, H, W, C] to [B, H, W, C'], or to half the sides with pooled queries."""
        B = x.shape[0]
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.pool:
            q = halve(q)
        size = q.shape[1:3]

        def by_head(t: Tensor) -> Tensor:
            return t.reshape(B, -1, self.heads, t.shape[-1] // self.heads).transpose(1, 2)

        out = F.scaled_dot_product_attention(by_head(q), by_head(k), by_head(v))
        mixed: Tensor = self.proj(out.transpose(1, 2).reshape(B, *size, -1))
        return mixed


class HieraBlock(nn.Module):
    """Pre-norm attention and feed-forward; the first block of a stage widens and halves.

    Args:
        dim: channels of the input.
        out_dim: channels of the output.
        heads: attention heads.
        window: window side on the input map; 0 = the whole map.
        pool: whether the output map has half the sides.
    """

    def __init__(self, dim: int, out_dim: int, heads: int, window: int, pool: bool) -> None:
        super().__init__()
        self.window = window
        self.pool = pool
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = UnitAttention(dim, out_dim, heads, pool)
        self.norm2 = nn.LayerNorm(out_dim, eps=1e-6)
        self.mlp = TrunkMLP(out_dim)
        self.proj = nn.Linear(dim, out_dim) if dim != out_dim else None

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, H, W, C] to [B, H, W, C'], or to half the sides."""
        normed = self.norm1(x)
        if self.proj is not None:
            x = self.proj(normed)
            x = halve(x) if self.pool else x
        if self.window:
            mixed = self.attn(split_windows(normed, self.window))
            mixed = join_windows(mixed, (x.shape[1], x.shape[2]))
        else:
            mixed = self.attn(normed)
        x = x + mixed
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Hiera(nn.Module):
    """The trunk: four stages at strides 4, 8, 16 and 32."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        dim, heads = config.embed_dim, config.num_heads
        side = config.windows[0]
        self.patch_embed = PatchEmbed(dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, dim, config.background, config.background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, dim, side, side))
        self.blocks = nn.ModuleList()
        for stage, count in enumerate(config.stages):
            for place in range(count):
                opens = stage > 0 and place == 0
                # The block that opens a stage works on the map, and in the windows, of the
                # stage before.
                window = config.windows[stage - opens]
                if len(self.blocks) in config.global_blocks:
                    window = 0
                width = dim * 2**stage
                inputs = width // 2 if opens else width
                self.blocks.append(HieraBlock(inputs, width, heads * 2**stage, window, opens))
        self.ends = {sum(config.stages[: i + 1]) - 1 for i in range(len(config.stages))}

    def positions(self, size: tuple[int, int]) -> Tensor:
        """Return the position table of a map, [1, H, W, C]: stretched plus tiled."""
        H, W = size
        stretched = F.interpolate(self.pos_embed, size=size, mode="bicubic")
        tile = self.pos_embed_window
        tiled = tile.tile(1, 1, -(-H // tile.shape[2]), -(-W // tile.shape[3]))[..., :H, :W]
        return (stretched + tiled).permute(0, 2, 3, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Encode pictures [B, 3, H, W].

        Returns:
            One map a stage, finest first: [B, C * 2**i, H / 2**(i+2), W / 2**(i+2)].
        """
        x = self.patch_embed(x)
        x = x + self.positions((x.shape[1], x.shape[2]))
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps
