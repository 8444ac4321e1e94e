"""Attention of SAM's image encoder, with its decomposed relative positions.

For a query q at (y, x) and a key k at (u, v) of one head of width d the score is
`q.k / sqrt(d) + q.Rh[y - u] + q.Rw[x - v]`; the position terms use q without the scale. Three
forms give the same numbers:

- "bias": both terms as one attention mask, N x N a head. Fastest on a CPU, for windows.
- "chunks": the same for a few query rows at a time, so that the mask stays small.
- "augmented": the terms as more columns of q and k (q.Rh, q.Rw against one-hot rows and columns),
  so that no N x N array exists and flash kernels apply.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

FORMS = ("auto", "bias", "chunks", "augmented")

CHUNK_ELEMENTS = 8 * 64 * 4096 * 12
"""Mask elements of one chunk: eight query rows of ViT-B at 1024 pixels, 100 MB in float32."""


def gather_table(table: Tensor, size: int) -> Tensor:
    """Return `R[y, u] = table[y - u + size - 1]`, [size, size, d].

    Args:
        table: [L, d]; where L is not `2 * size - 1` it is interpolated linearly to that length.
        size: side of the grid.
    """
    wanted = 2 * size - 1
    if table.shape[0] != wanted:
        rows = F.interpolate(table.float().T[None], size=wanted, mode="linear")[0].T
        table = rows.to(table.dtype)
    place = torch.arange(size, device=table.device)
    return table[place[:, None] - place[None, :] + size - 1]


class _Gathered(NamedTuple):
    """Tables of one grid, and what they were made from."""

    source: tuple[object, ...]
    rows: Tensor
    columns: Tensor


class RelativeAttention(nn.Module):
    """Multi-head attention on a grid.

    Args:
        width: C.
        heads: number of heads.
        size: (h, w) of the grid that the tables `rel_pos_h` [2h-1, d] and `rel_pos_w` are for.
        form: "auto", or one of the forms above for all calls.
    """

    def __init__(self, width: int, heads: int, size: tuple[int, int], form: str = "auto") -> None:
        super().__init__()
        self.heads = heads
        self.form = form
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * size[0] - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * size[1] - 1, width // heads))
        self._gathered: _Gathered | None = None

    def forward(self, x: Tensor, window: int = 0) -> Tensor:
        """Attend within the whole grid, or within windows.

        Args:
            x: [B, H, W, C].
            window: side of the windows, counted from the upper left; 0 = the whole grid. Windows
                that reach over the lower or right edge see tokens of value 0 there, as published.

        Returns:
            [B, H, W, C].
        """
        _, height, width, _ = x.shape
        qkv: Tensor = self.qkv(x)
        if window:
            qkv = self._windows(qkv, window)
        out = self._attend(qkv)
        if window:
            out = join_windows(out, window, (height, width))
        projected: Tensor = self.proj(out)
        return projected

    def _windows(self, qkv: Tensor, side: int) -> Tensor:
        """Cut [B, H, W, 3C] into [B*n, side, side, 3C].

        A token of value 0 has the bias as query, key and value: it needs no matrix product.
        """
        batch, height, width, channels = qkv.shape
        rows, columns = -(-height // side), -(-width // side)
        if (rows * side, columns * side) != (height, width):
            padded = qkv.new_empty(batch, rows * side, columns * side, channels)
            padded[:, :height, :width] = qkv
            padded[:, height:] = self.qkv.bias
            padded[:, :height, width:] = self.qkv.bias
            qkv = padded
        cut = qkv.view(batch, rows, side, columns, side, channels).transpose(2, 3)
        return cut.reshape(-1, side, side, channels)

    def _tables(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Return the gathered tables; they are gathered again only when the weights changed."""
        h, w = self.rel_pos_h, self.rel_pos_w
        # Nothing is kept while gradients are on, since what is made in inference mode has none;
        # and an inference tensor does not tell whether it was overwritten.
        if torch.is_grad_enabled() or h.is_inference() or torch.compiler.is_compiling():
            return gather_table(h, height), gather_table(w, width)
        made_from = (height, width, *(_state(table) for table in (h, w)))
        if self._gathered is None or self._gathered.source != made_from:
            rows, columns = gather_table(h.detach(), height), gather_table(w.detach(), width)
            self._gathered = _Gathered(made_from, rows, columns)
        return self._gathered.rows, self._gathered.columns

    def _attend(self, qkv: Tensor) -> Tensor:
        """Attend within each grid: [N, h, w, 3C] to [N, h, w, C]."""
        count, height, width, channels = qkv.shape
        split = qkv.view(count, height * width, 3, self.heads, channels // (3 * self.heads))
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        rows, columns = self._tables(height, width)
        grid = q.reshape(*q.shape[:2], height, width, q.shape[-1])
        # The second product comes back strided, which would make every later step slow.
        by_row = torch.einsum("nhyxd,yud->nhyxu", grid, rows).contiguous()
        by_column = torch.einsum("nhyxd,xvd->nhyxv", grid, columns).contiguous()
        form = self._choose(qkv, height * width)
        if form == "augmented":
            out = _augmented(q, k, v, by_row, by_column)
        else:
            size = count * self.heads * width * height * width
            step = height if form == "bias" else max(1, CHUNK_ELEMENTS // size)
            out = _biased(q, k, v, by_row, by_column, step)
        return out.transpose(1, 2).reshape(count, height, width, -1)

    def _choose(self, x: Tensor, tokens: int) -> str:
        if self.form != "auto":
            return self.form
        if x.device.type == "cuda":
            return "augmented"
        return "bias" if tokens <= 1024 else "chunks"


def _biased(
    q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_column: Tensor, step: int
) -> Tensor:
    """Attend with the position terms as a mask, `step` query rows at a time."""
    height, width = by_row.shape[2:4]
    parts = []
    for first in range(0, height, step):
        rows = slice(first, first + step)
        mask = by_row[:, :, rows, :, :, None] + by_column[:, :, rows, :, None, :]
        part = q[:, :, first * width : (first + step) * width]
        mask = mask.view(*part.shape[:3], height * width)
        parts.append(F.scaled_dot_product_attention(part, k, v, attn_mask=mask))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def _augmented(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
    """Attend with the position terms as more columns of queries and keys."""
    count, heads, tokens, width = q.shape
    height, across = by_row.shape[2:4]
    grid = torch.eye(height, device=q.device, dtype=q.dtype).repeat_interleave(across, dim=0)
    places = [grid, torch.eye(across, device=q.device, dtype=q.dtype).repeat(height, 1)]
    terms = [by_row.flatten(2, 3), by_column.flatten(2, 3)]
    spare = -(width + height + across) % 8  # kernels want rows of whole 16 bytes
    if spare:
        places.append(q.new_zeros(tokens, spare))
        terms.append(q.new_zeros(count, heads, tokens, spare))
    long_q = torch.cat([q * width**-0.5, *terms], dim=-1)
    long_k = torch.cat([k, torch.cat(places, dim=1).expand(count, heads, -1, -1)], dim=-1)
    if q.dtype != torch.float32:  # flash kernels want values as wide as the keys
        v = F.pad(v, (0, long_k.shape[-1] - width))
    return F.scaled_dot_product_attention(long_q, long_k, v, scale=1.0)[..., :width]


def join_windows(windows: Tensor, side: int, size: tuple[int, int]) -> Tensor:
    """Put [B*n, side, side, C] back into [B, H, W, C], without what lay beyond the edge."""
    height, width = size
    rows, columns = -(-height // side), -(-width // side)
    cut = windows.view(-1, rows, columns, side, side, windows.shape[-1]).transpose(2, 3)
    return cut.reshape(-1, rows * side, columns * side, windows.shape[-1])[:, :height, :width]


def _state(tensor: Tensor) -> tuple[object, ...]:
    """What changes when a parameter is overwritten, moved or cast."""
    return tensor.data_ptr(), tensor._version, tensor.device, tensor.dtype
