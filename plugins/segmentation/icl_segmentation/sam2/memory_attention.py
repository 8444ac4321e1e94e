"""A frame's map looks at the memories of other frames (arXiv 2408.00714, section 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam.transformer import Attention
from icl_segmentation.sam2.positions import axial_angles, rotate, sine_map


class RotaryAttention(Attention):
    """One-head attention with axial rotary positions on queries and keys."""

    def __init__(self, width: int, kv_width: int | None = None) -> None:
        super().__init__(width, heads=1, kv_width=kv_width)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, angles: Tensor, plain: int = 0) -> Tensor:
        """Attend.

        Args:
            q: [B, N, C], one token a cell of the map.
            k: [B, r * N + plain, kv_width], any number of maps and then tokens without a place.
            v: as `k`.
            angles: [N, C / 2].
            plain: how many keys at the end are not turned.

        Returns:
            [B, N, C].
        """
        query = rotate(self.q_proj(q), angles)
        key = self.k_proj(k)
        placed, free = key.split([key.shape[1] - plain, plain], dim=1)
        key = torch.cat([rotate(placed, angles), free], dim=1)
        out = F.scaled_dot_product_attention(query[:, None], key[:, None], self.v_proj(v)[:, None])
        mixed: Tensor = self.out_proj(out[:, 0])
        return mixed


class MemoryAttentionLayer(nn.Module):
    """Self-attention, attention to the memories and a feed-forward part, pre-norm."""

    def __init__(self, width: int, memory_width: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = RotaryAttention(width)
        self.cross_attn_image = RotaryAttention(width, memory_width)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, keys: Tensor, memory: Tensor, angles: Tensor, plain: int
    ) -> Tensor:
        """Update [B, N, C]; `keys` are the memories with their positions."""
        y = self.norm1(x)
        x = x + self.self_attn.attend(y, y, y, angles)
        x = x + self.cross_attn_image.attend(self.norm2(x), keys, memory, angles, plain)
        out: Tensor = x + self.linear2(F.relu(self.linear1(self.norm3(x))))
        return out


class MemoryAttention(nn.Module):
    """The layers and a final norm."""

    def __init__(self, depth: int, width: int = 256, memory_width: int = 64) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(width, memory_width, 2048) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor, memory: Tensor, positions: Tensor, plain: int) -> Tensor:
        """Condition a frame on memories.

        Args:
            image: [B, C, h, w], the frame's stride-16 map.
            memory: [B, r * h * w + plain, 64]: r mask memories, then pointer tokens.
            positions: the same shape, or with a batch of 1; added to the keys.
            plain: number of pointer tokens, which have no place on the map.

        Returns:
            [B, C, h, w].
        """
        size = (image.shape[2], image.shape[3])
        x = image + 0.1 * sine_map(size, image.shape[1], image.device).to(image.dtype)
        x = x.flatten(2).transpose(1, 2)
        angles = axial_angles(size, image.shape[1], image.device)
        keys = memory + positions
        for layer in self.layers:
            x = layer(x, keys, memory, angles, plain)
        out: Tensor = self.norm(x)
        return out.transpose(1, 2).reshape(image.shape)
