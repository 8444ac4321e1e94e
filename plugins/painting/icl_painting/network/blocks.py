"""The blocks of the vision transformer."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_painting.network.attention import Attention

EPS = 1e-6
"""Of every layer norm."""


class Mlp(nn.Module):
    """The feed-forward part of a block, with the exact GELU.

    Args:
        width: D.
        hidden: inner width.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., D] to [..., D]."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Attention and feed-forward part, each behind a layer norm and beside a residual.

    Args:
        width: D.
        heads: of the attention.
        hidden: inner width of the feed-forward part.
        grid: (rows, columns) that the relative position tables are for.
        drop_path: probability in training with which a sample skips each of the two parts.
    """

    def __init__(
        self, width: int, heads: int, hidden: int, grid: tuple[int, int], drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = Attention(width, heads, grid)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width, hidden)
        self.drop_path = drop_path

    def forward(self, x: Tensor, streams: int = 0) -> Tensor:
        """Map [B, H, W, D] to [B, H, W, D].

        Args:
            x: the tokens.
            streams: 0 = samples are independent. Else feature ensemble (arXiv 2304.03284, 3.3): the
                batch is that many streams, one after the other, and within each the attention's
                output of the query rows, the lower half, is averaged over the samples.
        """
        attended = self.attn(self.norm1(x))
        if streams:
            attended = average_queries(attended, streams)
        x = x + self._dropped(attended)
        return x + self._dropped(self.mlp(self.norm2(x)))

    def _dropped(self, branch: Tensor) -> Tensor:
        """Leave the branch out for some samples, and scale it for the others."""
        if not self.training or self.drop_path == 0.0:
            return branch
        kept = 1.0 - self.drop_path
        shape = (branch.shape[0], *(1,) * (branch.dim() - 1))
        return branch * branch.new_empty(shape).bernoulli_(kept).div_(kept)


def average_queries(x: Tensor, streams: int) -> Tensor:
    """Average the lower half of [streams*N, H, W, D] over the N samples of each stream."""
    prompts, queries = x.view(streams, -1, *x.shape[1:]).tensor_split(2, dim=2)
    mean = queries.mean(dim=1, keepdim=True).expand_as(queries)
    return torch.cat([prompts, mean], dim=2).flatten(0, 1)
