"""Attention over the whole canvas, with decomposed relative positions.

For a query token q at (y, x) and a key k at (u, v) of one head of width d the score is
`q.k / sqrt(d) + q.Rh[y - u] + q.Rw[x - v]`; the position terms use q without the scale
(arXiv 2212.02499, 3.2, after the plain vision transformer of arXiv 2203.16527). Two forms give the
same numbers:

- the terms as the mask of fused attention, made for as many heads at a time as fit the processor's
  cache. Fastest on a CPU.
- the terms as more columns of q and k (q.Rh, q.Rw against one-hot rows and columns), so that no
  matrix over all pairs of tokens exists and flash kernels apply: on other devices, and wherever
  gradients are wanted, since masks with gradients have no fused kernel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

CHUNK_ELEMENTS = 2_500_000
"""Elements of the bias that exist at once on a CPU, for each thread: one head of a whole canvas."""


KERNEL: Any = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
"""What fused attention runs on a CPU, with the logarithms of its sums; it has no public name."""


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


def state(tensor: Tensor) -> tuple[object, ...]:
    """What changes when a parameter is overwritten, moved or cast."""
    return tensor.data_ptr(), tensor._version, tensor.device, tensor.dtype


def keeps(tensor: Tensor) -> bool:
    """Whether what is made of a parameter may be kept.

    Not while gradients are on, since what is made in inference mode has none; and an inference
    tensor does not tell whether it was overwritten.
    """
    return not (torch.is_grad_enabled() or tensor.is_inference() or torch.compiler.is_compiling())


class _Gathered(NamedTuple):
    """Tables of one grid, and what they were made from."""

    source: tuple[object, ...]
    rows: Tensor
    columns: Tensor


class Attention(nn.Module):
    """Multi-head attention of every token of a grid to every token.

    Args:
        width: D.
        heads: number of heads.
        grid: (rows, columns) that the tables `rel_pos_h` [2*rows-1, d] and `rel_pos_w` are for.
    """

    def __init__(self, width: int, heads: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * grid[0] - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * grid[1] - 1, width // heads))
        self._gathered: _Gathered | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, H, W, D] to [B, H, W, D]."""
        count, height, width, _ = x.shape
        qkv = self.qkv(x).view(count, height * width, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        rows, columns = self.tables(height, width)
        mixed = attend(q, k[:, None], v[:, None], rows, columns)
        projected: Tensor = self.proj(mixed.view(x.shape))
        return projected

    def tables(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Return the gathered tables [H, H, d] and [W, W, d] of a grid.

        They are gathered again only when the grid or the weights changed.
        """
        h, w = self.rel_pos_h, self.rel_pos_w
        if not keeps(h):
            return gather_table(h, height), gather_table(w, width)
        made_from = (height, width, *state(h), *state(w))
        kept = self._gathered
        if kept is None or kept.source != made_from:
            kept = _Gathered(made_from, gather_table(h, height), gather_table(w, width))
            self._gathered = kept
        return kept.rows, kept.columns


def attend(
    q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor, shared: int = 0
) -> Tensor:
    """Attend with position terms to each of N sets of keys, and average the outputs.

    Args:
        q: [B, heads, h*W, d]: whole rows of the grid, in order.
        k: [B, N, heads, H*W, d]: all of the grid.
        v: the same.
        rows: [h, H, d], gathered table of the rows that q holds.
        columns: [W, W, d].
        shared: so many keys and values, the last ones, are the same in all sets.

    Returns:
        [B, h*W, heads*d].
    """
    grid = q.reshape(*q.shape[:2], rows.shape[0], columns.shape[0], q.shape[3])
    # Autocast leaves the tables in float32.
    rows, columns = rows.to(q.dtype), columns.to(q.dtype)
    by_row = torch.einsum("nhyxd,yud->nhyxu", grid, rows).contiguous()
    by_column = torch.einsum("nhyxd,xvd->nhyxv", grid, columns).contiguous()
    if q.device.type == "cpu" and not torch.is_grad_enabled():
        return _biased(q, k, v, by_row, by_column, shared)
    return _augmented(q, k, v, by_row, by_column)


def _biased(
    q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_column: Tensor, shared: int
) -> Tensor:
    """Attend with the position terms as a mask, a few heads of a few samples at a time.

    Heads and not rows of queries: the kernel is fastest with many queries.
    """
    count, sets, heads = k.shape[:3]
    pairs = q.shape[2] * k.shape[3]
    room = max(1, CHUNK_ELEMENTS * torch.get_num_threads() // pairs)
    some, samples = min(heads, room), max(1, room // heads)
    if sets > 1:  # the mask is shared by the sets of one sample alone
        samples = 1
    mixed = q.new_empty(count, q.shape[2], heads, q.shape[3])
    for sample in range(0, count, samples):
        for head in range(0, heads, some):
            part = slice(sample, sample + samples), slice(head, head + some)
            mask = by_row[part][..., :, None] + by_column[part][..., None, :]
            mask = mask.flatten(4, 5).flatten(2, 3)
            queries, keys, values = q[part], k[part[0], :, part[1]], v[part[0], :, part[1]]
            keys, values = keys.flatten(0, 1), values.flatten(0, 1)
            if sets > 1:
                out = _averaged(queries, keys, values, mask, shared)
            else:
                out = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
            mixed[part[0], :, part[1]] = out.transpose(1, 2)
    return mixed.flatten(2)


def _averaged(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, shared: int) -> Tensor:
    """Attend with q [1, ...] to each of N sets of keys [N, ...], and average, [1, ...].

    The shared keys are attended to once: an output over two groups of keys is the mean of the
    outputs over either, weighted by the sums of their exponentials, whose logarithms the kernel
    gives. Without that kernel, all keys are attended to for each set.
    """
    sets, own = len(k), k.shape[2] - shared
    if KERNEL is None or not 0 < shared < k.shape[2]:
        each = q.expand(sets, -1, -1, -1), k, v
        out = F.scaled_dot_product_attention(*each, attn_mask=mask.expand(sets, -1, -1, -1))
        return out.mean(dim=0, keepdim=True)
    common, common_sum = KERNEL(q, k[:1, :, own:], v[:1, :, own:], attn_mask=mask[..., own:])
    mask = mask[..., :own].expand(sets, -1, -1, -1)
    out, own_sum = KERNEL(q.expand(sets, -1, -1, -1), k[:, :, :own], v[:, :, :own], attn_mask=mask)
    share = torch.sigmoid(own_sum - common_sum)[..., None].to(out.dtype)
    return torch.lerp(common.expand_as(out), out, share).mean(dim=0, keepdim=True)


def _augmented(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
    """Attend with the position terms as more columns of queries and keys."""
    count, sets, heads, tokens, width = k.shape
    height, across = by_row.shape[-1], by_column.shape[-1]
    grid = torch.eye(height, device=q.device, dtype=q.dtype).repeat_interleave(across, dim=0)
    places = [grid, torch.eye(across, device=q.device, dtype=q.dtype).repeat(height, 1)]
    terms = [by_row.flatten(2, 3), by_column.flatten(2, 3)]
    spare = -(width + height + across) % 8  # kernels want rows of whole 16 bytes
    if spare:
        places.append(q.new_zeros(tokens, spare))
        terms.append(q.new_zeros(*q.shape[:3], spare))
    long_q = torch.cat([q * width**-0.5, *terms], dim=-1)
    if sets > 1:
        long_q = long_q[:, None].expand(-1, sets, -1, -1, -1).flatten(0, 1)
    place = torch.cat(places, dim=1).expand(count * sets, heads, -1, -1)
    long_k, v = torch.cat([k.flatten(0, 1), place], dim=-1), v.flatten(0, 1)
    if q.device.type == "cpu" or q.dtype != torch.float32:
        v = F.pad(v, (0, long_k.shape[-1] - width))  # flash kernels: values as wide as the keys
    out = F.scaled_dot_product_attention(long_q, long_k, v, scale=1.0)[..., :width]
    if sets > 1:
        out = out.reshape(count, sets, *out.shape[1:]).mean(dim=1)
    return out.transpose(1, 2).flatten(2)
