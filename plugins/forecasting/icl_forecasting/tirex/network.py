"""The TiRex network (arXiv 2505.23719), with the parameter names of the released checkpoint.

Inside, activations are time-major [S, B, E]: the recurrence then reads its tokens one after the
other from contiguous memory.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.scan import scan

PIECE_TOKENS = 512
"""Tokens a block takes at once on a CPU, so that its intermediate values stay in the cache."""


class RMSNorm(nn.Module):
    """Root-mean-square norm, computed in float32, with eps 1e-6."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        return scaled.to(x.dtype) * self.weight


class ResidualBlock(nn.Module):
    """W_o relu(W_h x + b_h) + b_o + W_r x + b_r, for the way in and the way out."""

    def __init__(self, d_in: int, hidden: int, d_out: int) -> None:
        super().__init__()
        self.hidden_layer = nn.Linear(d_in, hidden)
        self.output_layer = nn.Linear(hidden, d_out)
        self.residual_layer = nn.Linear(d_in, d_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., d_in] to [..., d_out]."""
        hidden = functional.relu(self.hidden_layer(x), inplace=True)
        return cast(Tensor, self.output_layer(hidden) + self.residual_layer(x))


class HeadwiseLinear(nn.Module):
    """One matrix a head, no bias; weight [H, D_out, D_in]."""

    def __init__(self, heads: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(heads, dim, dim))


class SLSTMCell(nn.Module):
    """Recurrent weights; `_recurrent_kernel_` [H, D, 4D], `_bias_` flat [H * 4 * D]."""

    def __init__(self, heads: int, dim: int) -> None:
        super().__init__()
        self._recurrent_kernel_ = nn.Parameter(torch.zeros(heads, dim, 4 * dim))
        self._bias_ = nn.Parameter(torch.zeros(heads * 4 * dim))


class HeadNorm(nn.Module):
    """Group norm over each head's values; the stored weight counts from 1."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(dim))


class SLSTMLayer(nn.Module):
    """Gate maps, recurrence and head norm.

    The map called `fgate` feeds the cell's input gate and `igate` its forget gate: the released
    code concatenates the maps in this order and the cell reads them in the other.
    """

    def __init__(self, config: TirexConfig) -> None:
        super().__init__()
        heads, dim = config.num_heads, config.head_dim
        self.fgate = HeadwiseLinear(heads, dim)
        self.igate = HeadwiseLinear(heads, dim)
        self.zgate = HeadwiseLinear(heads, dim)
        self.ogate = HeadwiseLinear(heads, dim)
        self.slstm_cell = SLSTMCell(heads, dim)
        self.group_norm = HeadNorm(config.embedding_dim)
        self.cell_dtype = torch.float32
        self._joined: tuple[tuple[int, ...], Tensor] | None = None

    def gate_weight(self) -> Tensor:
        """The four gate maps as one [H, D, 4D] matrix; remembered while the weights stand still."""
        parts: list[Tensor] = [
            self.fgate.weight,
            self.igate.weight,
            self.zgate.weight,
            self.ogate.weight,
        ]
        # weights loaded in inference mode do not say when they were changed
        if torch.is_grad_enabled() or any(p.is_inference() for p in parts):
            return torch.cat(parts, dim=1).transpose(1, 2)
        stamp = tuple(x for p in parts for x in (p.data_ptr(), p._version))
        if self._joined is None or self._joined[0] != stamp:
            joined = torch.cat([p.detach() for p in parts], dim=1).transpose(1, 2).contiguous()
            self._joined = (stamp, joined)
        return self._joined[1]

    def forward(self, x: Tensor, state: CellState | None, keep: bool) -> tuple[Tensor, CellState]:
        """Map [S, B, E] to [S, B, E] and return the state after the last (or every) token."""
        steps, batch, width = x.shape
        kernel = self.slstm_cell._recurrent_kernel_
        heads, dim, _ = kernel.shape
        by_head = x.reshape(steps * batch, heads, dim).transpose(0, 1)
        gates = torch.bmm(by_head, self.gate_weight())
        gates = gates.view(heads, steps, batch, 4 * dim).transpose(0, 1)
        bias = self.slstm_cell._bias_.view(heads, 4 * dim)
        y, after = scan(gates, kernel, bias, state, keep=keep, cell_dtype=self.cell_dtype)
        normed = functional.layer_norm(y, (dim,), eps=1e-5)
        normed = normed.transpose(1, 2).reshape(steps, batch, width)
        return normed * (1.0 + self.group_norm.weight), after


class FeedForward(nn.Module):
    """Gated feed-forward: down(silu(gate x) * up x), no biases."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.proj_up_gate = nn.Linear(dim, hidden, bias=False)
        self.proj_up = nn.Linear(dim, hidden, bias=False)
        self.proj_down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., E] to [..., E]."""
        gate, up = self.proj_up_gate(x), self.proj_up(x)
        if torch.is_grad_enabled():
            return cast(Tensor, self.proj_down(functional.silu(gate) * up))
        return cast(Tensor, self.proj_down(functional.silu(gate, inplace=True).mul_(up)))


class Block(nn.Module):
    """x + sLSTM(norm x), then x + FFN(norm x)."""

    def __init__(self, config: TirexConfig) -> None:
        super().__init__()
        self.norm_slstm = RMSNorm(config.embedding_dim)
        self.slstm_layer = SLSTMLayer(config)
        self.norm_ffn = RMSNorm(config.embedding_dim)
        self.ffn = FeedForward(config.embedding_dim, config.ffn_dim)

    def forward(
        self, x: Tensor, state: CellState | None, keep: bool, last: int | None
    ) -> tuple[Tensor, CellState]:
        """Map [S, B, E] to [S, B, E], or to the last `last` tokens of it."""
        mixed, after = self.slstm_layer(self.norm_slstm(x), state, keep)
        x = x + mixed
        if last is not None:
            x = x[len(x) - last :]
        return x + self.ffn(self.norm_ffn(x)), after


class TirexNetwork(nn.Module):
    """Tokens in, quantiles of the next patch out.

    Args:
        config: the sizes.
    """

    def __init__(self, config: TirexConfig) -> None:
        super().__init__()
        self.config = config
        width, patch = config.embedding_dim, config.patch
        self.input_patch_embedding = ResidualBlock(2 * patch, config.input_ff_dim, width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_blocks))
        self.out_norm = RMSNorm(width)
        self.output_patch_embedding = ResidualBlock(
            width, config.input_ff_dim, len(config.quantile_levels) * patch
        )

    def forward(
        self,
        tokens: Tensor,
        states: list[CellState] | None = None,
        *,
        last: int | None = None,
    ) -> Tensor:
        """Forecast the patch after each token.

        Args:
            tokens: [B, S, 2p]: normalised values with 0 for missing, then the 0/1 mask.
            states: one state a block, for series whose beginning was already read.
            last: how many of the last tokens' forecasts are wanted; None = all S.

        Returns:
            [B, S or last, Q, p] in normalised units; entry s is the patch after token s.
        """
        x = self.input_patch_embedding(tokens.transpose(0, 1))
        final = len(self.blocks) - 1
        for i, block in enumerate(self.blocks):
            state = None if states is None else states[i]
            x = _run_block(cast(Block, block), x, state, last if i == final else None)
        y = self.output_patch_embedding(self.out_norm(x))
        steps, batch, _ = y.shape
        levels, patch = len(self.config.quantile_levels), self.config.patch
        return cast(Tensor, y.view(steps, batch, levels, patch).transpose(0, 1))

    def hidden(self, tokens: Tensor) -> Tensor:
        """The residual stream after each block: [B, S, num_blocks, E], before the final norm."""
        x = self.input_patch_embedding(tokens.transpose(0, 1))
        after: list[Tensor] = []
        for block in self.blocks:
            x = _run_block(cast(Block, block), x, None, None)
            after.append(x)
        return torch.stack(after, dim=2).transpose(0, 1)

    def missing_states(self, count: int) -> list[CellState]:
        """States after 1 … `count` leading missing tokens, one kept sequence a block.

        They do not depend on any series, so a caller computes them once: a short series is
        always preceded by missing tokens up to the full context.
        """
        parameter = self.out_norm.weight
        tokens = parameter.new_zeros(count, 1, 2 * self.config.patch)
        x = self.input_patch_embedding(tokens)
        sequences: list[CellState] = []
        for block in self.blocks:
            x, sequence = block(x, None, True, None)
            sequences.append(sequence)
        return sequences

    def set_cell_dtype(self, dtype: torch.dtype) -> None:
        """Number format inside the recurrence; everything else keeps its own."""
        for block in self.blocks:
            cast(Block, block).slstm_layer.cell_dtype = dtype


def _run_block(block: Block, x: Tensor, state: CellState | None, last: int | None) -> Tensor:
    """A block without its final state; on a CPU without gradients piece by piece in time.

    A piece begins with the state that the piece before it left. Whole sequences would need
    tens of megabytes a block, fresh from the operating system each time, which costs a CPU a
    fifth of the forward pass.
    """
    if x.device.type != "cpu" or torch.is_grad_enabled():
        return cast(Tensor, block(x, state, False, last)[0])
    steps, batch, _ = x.shape
    wanted = steps if last is None else last
    size = max(1, PIECE_TOKENS // batch)
    pieces: list[Tensor] = []
    for start in range(0, steps, size):
        piece = x[start : start + size]
        rest = steps - start - len(piece)
        out, state = block(piece, state, False, min(len(piece), max(0, wanted - rest)))
        pieces.append(out)
    return torch.cat(pieces)
