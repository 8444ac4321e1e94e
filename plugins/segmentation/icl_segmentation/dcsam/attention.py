"""Attention layers of DC-SAM's prompt generator, with torch's packed parameter names."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class PackedAttention(nn.Module):
    """Multi-head attention with the parameters of `torch.nn.MultiheadAttention`.

    Args:
        width: C.
        heads: number of heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        if not self.in_proj_weight.is_meta:
            nn.init.xavier_uniform_(self.in_proj_weight)

    def project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project [B, N, C] inputs and split them into heads [B, heads, N, C/heads]."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)

        def split(x: Tensor, part: int) -> Tensor:
            out = F.linear(x, weights[part], biases[part])
            return out.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

        return split(query, 0), split(key, 1), split(value, 2)

    def finish(self, heads: Tensor) -> Tensor:
        """Join heads [B, heads, N, d] and project them: [B, N, C]."""
        out: Tensor = self.out_proj(heads.transpose(1, 2).flatten(2))
        return out

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend: [B, N, C] to [B, M, C]."""
        q, k, v = self.project(query, key, value)
        return self.finish(F.scaled_dot_product_attention(q, k, v))


class CycleAttention(PackedAttention):
    """Attention that reads only keys whose cycle ends on a key of the same label.

    From key s the query i with the highest score at s is taken, then the key that i scores
    highest. s stays where both keys have one label; the others are invisible to all queries of
    the head (paper section 3.3, equations 7 and 8). The key of a head's highest score leads to
    itself, so one key always stays.
    """

    def _scores(self, q: Tensor, k: Tensor) -> Tensor:
        return (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)

    def visible(self, scores: Tensor, labels: Tensor, leak: bool = False) -> Tensor:
        """Return which keys stay.

        Args:
            scores: [B, heads, N, M] for N queries and M keys.
            labels: [B, M].
            leak: judge head h of sample b by the labels of sample (b * heads + h) mod B, as the
                released code does in batches.

        Returns:
            bool [B, heads, M].
        """
        batch, heads = scores.shape[:2]
        if leak:
            row = torch.arange(batch * heads, device=labels.device) % batch
            each = labels[row].view(batch, heads, -1)
        else:
            each = labels[:, None].expand(-1, heads, -1)
        best_query, best_key = scores.argmax(dim=2), scores.argmax(dim=3)
        end = best_key.gather(2, best_query)
        return each == each.gather(2, end)

    def weights(self, query: Tensor, key: Tensor, labels: Tensor, leak: bool = False) -> Tensor:
        """Return the softmax weights [B, heads, N, M], zero at keys that do not stay."""
        q, k, _ = self.project(query, key, key)
        scores = self._scores(q, k)
        hidden = ~self.visible(scores, labels, leak)
        return scores.masked_fill(hidden[:, :, None], -torch.inf).softmax(dim=-1)

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, labels: Tensor, leak: bool = False
    ) -> Tensor:
        """Attend.

        Args:
            query: [B, N, C].
            key: [B, M, C].
            value: [B, M, C].
            labels: [B, M], equal where keys are of one kind.
            leak: as in `visible`.

        Returns:
            [B, N, C].
        """
        q, k, v = self.project(query, key, value)
        mask = self.visible(self._scores(q, k), labels, leak)[:, :, None]
        out = F.scaled_dot_product_attention(q, k, v, mask.expand(-1, -1, q.shape[2], -1))
        return self.finish(out)


class CrossLayer(nn.Module):
    """Cycle attention with a residual and a norm after it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = CycleAttention(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, place: Tensor, key: Tensor, value: Tensor, labels: Tensor, leak: bool
    ) -> Tensor:
        """Update queries x [B, N, C] whose position is `place`."""
        found = self.multihead_attn.attend(x + place, key, value, labels, leak)
        out: Tensor = self.norm(x + found)
        return out


class SelfLayer(nn.Module):
    """Self-attention with a residual and a norm after it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = PackedAttention(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        """Update queries x [B, N, C] whose position is `place`."""
        q = x + place
        out: Tensor = self.norm(x + self.self_attn(q, q, x))
        return out


class PromptDecoder(nn.Module):
    """One branch: learned queries become prompts in two stages.

    There is no feed-forward layer, as released.

    Args:
        width: C.
        heads: number of heads.
        queries: number of prompts.
    """

    def __init__(self, width: int = 256, heads: int = 4, queries: int = 25) -> None:
        super().__init__()
        self.transformer_self_attention_layers = nn.ModuleList([SelfLayer(width, heads)])
        self.transformer_cross_attention_layers = nn.ModuleList([CrossLayer(width, heads)])
        self.transformer_cross_attention_layers_0 = nn.ModuleList([CrossLayer(width, heads)])
        self.supp_q_feat = nn.Embedding(queries, width)
        self.q_embed = nn.Embedding(queries, width)

    def stage1(self, support: Tensor, labels: Tensor, leak: bool = False) -> Tensor:
        """Read the support: map [B, C, h, w] and labels [B, h*w] to prompts [B, N, C]."""
        key, value = _flat(support)
        start = self.supp_q_feat.weight.expand(support.shape[0], -1, -1)
        layer = self.transformer_cross_attention_layers_0[0]
        out: Tensor = layer(start, self.q_embed.weight, key, value, labels, leak)
        return out

    def stage2(
        self, prompts: Tensor, features: Tensor, labels: Tensor, leak: bool = False
    ) -> Tensor:
        """Refine prompts [B, N, C] on a map [B, C, h, w] with labels [B, h*w]."""
        key, value = _flat(features)
        place = self.q_embed.weight
        layer = self.transformer_cross_attention_layers[0]
        out: Tensor = layer(prompts, place, key, value, labels, leak)
        out = self.transformer_self_attention_layers[0](out, place)
        return out


def _flat(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return keys (with positions) and values of a map, [B, h*w, C] both."""
    _, channels, height, width = features.shape
    value = features.flatten(2).transpose(1, 2)
    return value + sine_positions(height, width, channels, features.device), value


@lru_cache(maxsize=16)
def sine_positions(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Return DETR's sine encoding of a grid (arXiv 2005.12872), float32 [h*w, channels].

    Half of the channels encode the row, half the column, counted from 1 and divided by the last
    count, on a circle; sine and cosine alternate.
    """
    with torch.inference_mode(False):  # kept for later calls, which may train
        half = channels // 2
        rates = 10000 ** (2 * (torch.arange(half, device=device) // 2).float() / half)
        encoded = []
        for length in (height, width):
            count = torch.arange(1, length + 1, device=device, dtype=torch.float32)
            angles = (count / (length + 1e-6) * (2 * math.pi))[:, None] / rates
            both = torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=2)
            encoded.append(both.flatten(1))
        rows = encoded[0][:, None].expand(height, width, half)
        columns = encoded[1][None].expand(height, width, half)
        return torch.cat([rows, columns], dim=-1).flatten(0, 1)
