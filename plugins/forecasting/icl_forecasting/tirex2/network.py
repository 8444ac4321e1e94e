"""The TiRex-2 network (arXiv 2607.01204), with the parameter names of the released checkpoint.

Inside, activations are time-major [S, R, E]: the recurrences then read their tokens one after the
other from contiguous memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex2.aliases import without_aliases
from icl_forecasting.tirex2.blocks import Block, Wanted
from icl_forecasting.tirex2.cells import Past, State
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.grouping import Grouping, group_rows
from icl_forecasting.tirex2.mlstm import MLSTMPast

PIECE_TOKENS = 512
"""Tokens a block takes at once on a CPU, so that its intermediate values stay in the cache."""


class ResidualBlock(nn.Module):
    """W_o silu(W_h x + b_h) + b_o + W_r x + b_r, for the way in and the way out."""

    def __init__(self, d_in: int, hidden: int, d_out: int) -> None:
        super().__init__()
        self.hidden_layer = nn.Linear(d_in, hidden)
        self.output_layer = nn.Linear(hidden, d_out)
        self.residual_layer = nn.Linear(d_in, d_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., d_in] to [..., d_out]."""
        hidden = functional.silu(self.hidden_layer(x), inplace=not torch.is_grad_enabled())
        return cast(Tensor, self.output_layer(hidden) + self.residual_layer(x))


class StackNorm(nn.Module):
    """Root-mean-square norm of the stack's output, in float32."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return scaled.to(x.dtype) * self.weight


class Tirex2Network(nn.Module):
    """Tokens of a batch of rows in, quantiles of the next patch of each target row out.

    `load_state_dict` also takes the released aliases (`rev_cell`, `recurrent_kernel`).

    Args:
        config: the sizes.
    """

    def __init__(self, config: Tirex2Config) -> None:
        super().__init__()
        self.config = config
        width, patch = config.embedding_dim, config.patch
        self.input_patch_embedding = ResidualBlock(2 * patch, config.input_ff_dim, width)
        self.stack = nn.ModuleList(Block(config, kind) for kind in config.blocks)
        self.stack_out_norm = StackNorm(width, config.norm_eps)
        self.output_patch_embedding = ResidualBlock(
            width, config.head_expansion * width, len(config.quantile_levels) * patch
        )
        self.register_load_state_dict_pre_hook(_take_aliases)  # type: ignore[no-untyped-call]

    def forward(
        self,
        tokens: Tensor,
        grouping: Grouping,
        states: Sequence[State] | None = None,
        *,
        wanted: Wanted | None = None,
    ) -> Tensor:
        """Forecast the patch after each token.

        Args:
            tokens: [R, S, 2p]: scaled values with 0 for missing, then the 0/1 mask.
            grouping: the rows; where some are known into the future, all of them are read whole.
            states: one state a block, for rows whose beginning was already read; only where no
                row is known into the future.
            wanted: tokens whose forecasts are wanted; None = all.

        Returns:
            [targets, S or wanted, Q, p] in scaled units; entry s is the patch after token s.
        """
        x = self.input_patch_embedding(tokens.transpose(0, 1))
        final = len(self.stack) - 1
        for i, block in enumerate(self.stack):
            state = None if states is None else states[i]
            ends = i == final
            x = _run_block(cast(Block, block), x, grouping, state, wanted if ends else None, ends)
        return self._head(x)

    def stages(self, tokens: Tensor, grouping: Grouping) -> dict[str, Tensor]:
        """The residual stream of all rows [R, S, E] after each part, for tests and embeddings."""
        x = self.input_patch_embedding(tokens.transpose(0, 1))
        seen = {"embed": x}
        for i, block in enumerate(cast("list[Block]", self.stack)):
            x, _ = block.time_mixer(x, grouping.known)
            seen[f"b{i}_time"] = x
            x = block.variate_mixer(x, grouping)
            seen[f"b{i}_out"] = x
        seen["out_norm"] = self.stack_out_norm(x)
        seen["head"] = self.output_patch_embedding(seen["out_norm"])
        return {name: value.transpose(0, 1) for name, value in seen.items()}

    def missing_past(self, count: int, alone: bool) -> list[Past]:
        """What `count` leading missing tokens leave behind, one for each block.

        It does not depend on any series as long as no row of the group is known into the future;
        only rows that are alone and rows that have company differ.
        """
        rows = 1 if alone else 2
        parameter = self.stack_out_norm.weight
        grouping = group_rows(np.zeros(rows, int), np.ones(rows, bool), np.zeros(rows, bool))
        grouping = grouping.to(parameter.device)
        tokens = parameter.new_zeros(count, rows, 2 * self.config.patch)
        x = self.input_patch_embedding(tokens)
        pasts: list[Past] = []
        for block in cast("list[Block]", self.stack):
            x, past = block.time_mixer.keep(x)
            pasts.append(_first_row(past))
            x = block.variate_mixer(x, grouping)
        return pasts

    def _head(self, x: Tensor) -> Tensor:
        y = self.output_patch_embedding(self.stack_out_norm(x))
        steps, rows, _ = y.shape
        shape = (steps, rows, len(self.config.quantile_levels), self.config.patch)
        return cast(Tensor, y.view(shape).transpose(0, 1))


def _run_block(
    block: Block,
    x: Tensor,
    grouping: Grouping,
    state: State | None,
    wanted: Wanted | None,
    ends: bool,
) -> Tensor:
    """A block without its final state; on a CPU without gradients piece by piece in time.

    A piece begins with the state that the piece before it left. Rows known into the future are
    read backwards too, so the cell reads their groups whole.
    """
    steps, rows, _ = x.shape
    cut = x.device.type == "cpu" and not torch.is_grad_enabled()
    size = max(1, PIECE_TOKENS // rows) if cut else steps
    if len(grouping.known) or not cut:
        x, _ = block.time_mixer.recur(x, grouping.known, state, wanted=wanted)
        parts = (block.time_mixer.feed(part) for part in x.split(size))  # type: ignore[no-untyped-call]
        return torch.cat([block.variate_mixer(part, grouping, ends) for part in parts])
    start, stop = wanted or Wanted(0, steps)
    pieces: list[Tensor] = []
    for first in range(0, stop, size):
        piece = x[first : min(first + size, stop)]
        more = first + size < stop
        own = Wanted(min(max(0, start - first), len(piece)), len(piece))
        out, state = block.time_mixer(piece, None, state, last_state=more, wanted=own)
        if len(out):
            pieces.append(block.variate_mixer(out, grouping, ends))
    return torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def _first_row(past: Past) -> Past:
    """What was read of the first row alone."""
    if isinstance(past, MLSTMPast):
        return MLSTMPast(*(part[:1] for part in past))
    return CellState(*(part[:, :, :1] for part in past))


def _take_aliases(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, *rest: object
) -> None:
    """Before loading: leave one name of each tensor that has several."""
    if any(isinstance(value, Tensor) for value in state_dict.values()):
        kept = without_aliases(state_dict)
        for name in list(state_dict):
            if name not in kept:
                del state_dict[name]
        state_dict.update(kept)
