"""A block of TiRex-2: a time mixer over the tokens of each row, then a mixer over its group."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from icl_forecasting.tirex.network import FeedForward, RMSNorm
from icl_forecasting.tirex2.cells import MLSTMCell, Past, SLSTMCell, State
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.grouping import Bucket, Grouping
from icl_forecasting.tirex2.joined import Joined

_QK_EPS = torch.finfo(torch.float32).eps


class Wanted(NamedTuple):
    """Tokens whose outputs are read: from `start` up to but not including `stop`."""

    start: int
    stop: int


class TimeMixer(nn.Module):
    """x + cell(norm x), then x + FFN(norm x); rows known into the future are read both ways.

    Both directions share the cell's weights.
    """

    def __init__(self, config: Tirex2Config, kind: str) -> None:
        super().__init__()
        width = config.embedding_dim
        self.norm_lstm = RMSNorm(width)
        self.fwd_cell = MLSTMCell(config) if kind == "mlstm" else SLSTMCell(config)
        self.combination = nn.Linear(2 * width, width, bias=False)
        self.norm_ffn = RMSNorm(width)
        self.ffn = FeedForward(width, config.ffn_dim)

    def forward(
        self,
        x: Tensor,
        known: Tensor | None = None,
        state: State | None = None,
        *,
        last_state: bool = False,
        wanted: Wanted | None = None,
    ) -> tuple[Tensor, State | None]:
        """Mix the tokens of each row: `recur`, then `feed`; arguments as in `recur`."""
        mixed, after = self.recur(x, known, state, last_state=last_state, wanted=wanted)
        return self.feed(mixed), after

    def recur(
        self,
        x: Tensor,
        known: Tensor | None = None,
        state: State | None = None,
        *,
        last_state: bool = False,
        wanted: Wanted | None = None,
    ) -> tuple[Tensor, State | None]:
        """Add what the cell makes of the tokens.

        Args:
            x: [S, R, E].
            known: int64, rows that are read both ways; None or empty = none.
            state: the state before the first token, for rows that are only read forwards.
            last_state: whether the state after the last token is wanted.
            wanted: tokens whose outputs are wanted; None = all.

        Returns:
            [S or wanted, R, E], and the last state where it was asked for.
        """
        start, stop = wanted or (0, len(x))
        normed = self.norm_lstm(x)
        mixed, after = self.fwd_cell(normed[:stop], state, last_state)
        mixed = mixed[start:]
        if known is not None and len(known):
            backward = self.fwd_cell(normed[start:, known].flip(0))[0].flip(0)
            both = torch.cat([mixed[:, known], backward[: stop - start]], dim=-1)
            mixed = mixed.index_copy(1, known, self.combination(both).to(mixed.dtype))
        return x[start:stop] + mixed, after

    def keep(self, x: Tensor) -> tuple[Tensor, Past]:
        """As `forward` over rows that are only read forwards, with what was read."""
        mixed, past = self.fwd_cell.keep(self.norm_lstm(x))
        return self.feed(x + mixed), past

    def feed(self, x: Tensor) -> Tensor:
        """Add the feed-forward part, token by token."""
        return cast(Tensor, x + self.ffn(self.norm_ffn(x)))


class VariateAttention(nn.Module):
    """Attention among the rows of a group, token by token."""

    def __init__(self, config: Tirex2Config) -> None:
        super().__init__()
        width = config.embedding_dim
        self.heads, self.qk_norm = config.attention_heads, config.qk_norm
        self.WQ = nn.Linear(width, width, bias=False)
        self.WK = nn.Linear(width, width, bias=False)
        self.WV = nn.Linear(width, width, bias=False)
        self.WO = nn.Linear(width, width, bias=False)
        self._weight = Joined(lambda parts: torch.cat(list(parts), dim=0))

    def forward(self, x: Tensor, targets: int, targets_only: bool = False) -> Tensor:
        """Map [N, V, E] to [N, V, E], or to [N, targets, E].

        Targets, which come first, read all rows; covariates read covariates.
        """
        count, variates, width = x.shape
        weight = self._weight([self.WQ.weight, self.WK.weight, self.WV.weight])
        joined = functional.linear(x, weight).view(count, variates, 3, self.heads, -1)
        q, k, v = joined.permute(2, 0, 3, 1, 4).unbind()
        if targets_only:
            q = q[:, :, :targets]
        if self.qk_norm:
            q, k = _unit(q), _unit(k)
        mask = None
        if not targets_only and 0 < targets < variates:
            mask = torch.ones(variates, variates, dtype=torch.bool, device=x.device)
            mask[targets:, :targets] = False
        mixed = functional.scaled_dot_product_attention(q, k, v, mask)
        return cast(Tensor, self.WO(mixed.transpose(1, 2).reshape(count, q.shape[2], width)))


class MixerFeedForward(nn.Module):
    """wo(silu(wi x)), no biases."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wi = nn.Linear(width, 4 * width, bias=False)
        self.wo = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., E] to [..., E]."""
        hidden = self.wi(x)
        return cast(Tensor, self.wo(functional.silu(hidden, inplace=not torch.is_grad_enabled())))


class VariateMixer(nn.Module):
    """x + attention(norm x), then x + FFN(norm x), for rows that share a group with others."""

    def __init__(self, config: Tirex2Config) -> None:
        super().__init__()
        width = config.embedding_dim
        self.norm_attn = RMSNorm(width)
        self.attn = VariateAttention(config)
        self.norm_ffn = RMSNorm(width)
        self.ffn = MixerFeedForward(width)

    def forward(self, x: Tensor, grouping: Grouping, targets_only: bool = False) -> Tensor:
        """Mix [S, R, E] over each group's rows.

        Returns:
            [S, R, E], or with `targets_only` the target rows of it in order.
        """
        if grouping.in_order and not targets_only:
            bucket = grouping.buckets[0]
            return self._mix(x, bucket, False)
        for bucket in grouping.buckets:
            rows = bucket.rows.view(-1)
            mixed = self._mix(x[:, rows], bucket, targets_only)
            into = bucket.rows[:, : bucket.targets].reshape(-1) if targets_only else rows
            x = x.index_copy(1, into, mixed.to(x.dtype))
        return x[:, grouping.targets] if targets_only else x

    def _mix(self, x: Tensor, bucket: Bucket, targets_only: bool) -> Tensor:
        steps, _, width = x.shape
        groups, variates = bucket.rows.shape
        x = x.reshape(steps * groups, variates, width)
        mixed = self.attn(self.norm_attn(x), bucket.targets, targets_only)
        if targets_only:
            x = x[:, : bucket.targets]
        x = x + mixed
        x = x + self.ffn(self.norm_ffn(x))
        return x.reshape(steps, -1, width)


class Block(nn.Module):
    """A time mixer and a variate mixer."""

    def __init__(self, config: Tirex2Config, kind: str) -> None:
        super().__init__()
        self.time_mixer = TimeMixer(config, kind)
        self.variate_mixer = VariateMixer(config)


def _unit(x: Tensor) -> Tensor:
    """Divide each head's vector by its root mean square."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + _QK_EPS)).to(x.dtype)
