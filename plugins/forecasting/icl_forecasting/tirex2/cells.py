"""The two recurrent cells of TiRex-2 as layers, with the parameter names of the released files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.network import HeadwiseLinear
from icl_forecasting.tirex.scan import scan
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.joined import Joined
from icl_forecasting.tirex2.mlstm import MLSTMPast, MLSTMState, parallel_scan

GATE_CAP = 15.0
"""Gates of the mLSTM are squeezed to this size: cap tanh(a / cap)."""

NO_CEILING = float("inf")
"""The sLSTM's forget gates are not cut. Its normaliser needs no floor of 1 either: with the running
maximum as stabiliser one of the two gates is 1, so it never falls below."""

_NORM_EPS = 1e-6

State = MLSTMState | CellState
Past = MLSTMPast | CellState


class HeadNorm(nn.Module):
    """Layer norm over each head's values, eps 1e-6, no bias; weight [E]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))


class MLSTMCell(nn.Module):
    """Matrix memory with an output gate and an output projection."""

    def __init__(self, config: Tirex2Config) -> None:
        super().__init__()
        width, heads = config.embedding_dim, config.mlstm_heads
        self.heads = heads
        self.q = nn.Linear(width, width // 2, bias=False)
        self.k = nn.Linear(width, width // 2, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.ogate_preact = nn.Linear(width, width, bias=False)
        self.igate_preact = nn.Linear(width, heads)
        self.fgate_preact = nn.Linear(width, heads)
        self.multihead_norm = HeadNorm(width)
        self.out_proj = nn.Linear(width, width, bias=False)
        self._weight = Joined(_rows_together)
        self._bias = Joined(_rows_together)

    def forward(
        self, x: Tensor, state: State | None = None, last_state: bool = False
    ) -> tuple[Tensor, State | None]:
        """Map [S, R, E] to [S, R, E]; the state after the last token where it is wanted."""
        steps, rows, width = x.shape
        q, k, v, i, f, gate = self._project(x)
        h, after = parallel_scan(
            q, k, v, i, f, cast(MLSTMState | None, state), last_state=last_state
        )
        normed = functional.layer_norm(h.float(), h.shape[-1:], eps=_NORM_EPS)
        normed = normed.permute(2, 0, 1, 3).reshape(steps, rows, width)
        gated = normed * self.multihead_norm.weight * torch.sigmoid(gate)
        return cast(Tensor, self.out_proj(gated)), after

    def keep(self, x: Tensor) -> tuple[Tensor, Past]:
        """As `forward` from the zero state, with all that the states in between follow from."""
        _, k, v, i, f, _ = self._project(x)
        return self.forward(x)[0], MLSTMPast(k, v, i, f)

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys, values [R, H, S, ...], gates [R, H, S], output gate [S, R, E]."""
        steps, rows, width = x.shape
        heads, half = self.heads, width // 2
        maps = (self.q, self.k, self.v, self.ogate_preact, self.igate_preact, self.fgate_preact)
        weight = self._weight([part.weight for part in maps])
        joined = functional.linear(x, weight)
        sizes = [half, half, width, width, 2 * heads]
        q, k, v, gate, gates = torch.split_with_sizes(joined, sizes, dim=-1)
        bias = self._bias([self.igate_preact.bias, self.fgate_preact.bias])
        capped = GATE_CAP * torch.tanh((gates.float() + bias) / GATE_CAP)
        i, f = capped.permute(1, 2, 0).chunk(2, dim=1)
        by_head = [part.view(steps, rows, heads, -1).permute(1, 2, 0, 3) for part in (q, k, v)]
        return (*by_head, i, f, gate)


class SLSTMCell(nn.Module):
    """Scalar memory with recurrent weights.

    The map called `fgate` feeds the cell's input gate and `igate` its forget gate, as in TiRex:
    the released code stacks the maps in this order and the cell reads them in the other.
    `_recurrent_kernel_` [H, D_in, 4, D_out] and `_bias_` [H, 4, D] are in the cell's order.
    """

    def __init__(self, config: Tirex2Config) -> None:
        super().__init__()
        heads = config.slstm_heads
        dim = config.embedding_dim // heads
        self.fgate = HeadwiseLinear(heads, dim)
        self.igate = HeadwiseLinear(heads, dim)
        self.zgate = HeadwiseLinear(heads, dim)
        self.ogate = HeadwiseLinear(heads, dim)
        self._recurrent_kernel_ = nn.Parameter(torch.zeros(heads, dim, 4, dim))
        self._bias_ = nn.Parameter(torch.zeros(heads, 4, dim))
        self.group_norm = HeadNorm(config.embedding_dim)
        self._weight = Joined(_gates_together)

    def forward(
        self, x: Tensor, state: State | None = None, last_state: bool = False
    ) -> tuple[Tensor, State | None]:
        """Map [S, R, E] to [S, R, E]; the state after the last token where it is wanted."""
        y, after = self._run(x, cast(CellState | None, state), keep=False)
        return y, after if last_state else None

    def keep(self, x: Tensor) -> tuple[Tensor, Past]:
        """As `forward` from the zero state, with the state after every token."""
        return self._run(x, None, keep=True)

    def _run(self, x: Tensor, state: CellState | None, keep: bool) -> tuple[Tensor, CellState]:
        steps, rows, width = x.shape
        heads, dim = self._recurrent_kernel_.shape[:2]
        maps = (self.fgate, self.igate, self.zgate, self.ogate)
        by_head = x.reshape(steps * rows, heads, dim).transpose(0, 1)
        gates = torch.bmm(by_head, self._weight([part.weight for part in maps]))
        gates = gates.view(heads, steps, rows, 4 * dim).transpose(0, 1)
        kernel = self._recurrent_kernel_.view(heads, dim, 4 * dim)
        bias = self._bias_.view(heads, 4 * dim)
        y, after = scan(gates, kernel, bias, state, keep=keep, ceiling=NO_CEILING)
        normed = functional.layer_norm(y, (dim,), eps=_NORM_EPS)
        normed = normed.transpose(1, 2).reshape(steps, rows, width)
        return normed * self.group_norm.weight, after


def _rows_together(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts), dim=0)


def _gates_together(parts: Sequence[Tensor]) -> Tensor:
    """The four gate maps as one [H, D, 4D] matrix."""
    return torch.cat(list(parts), dim=1).transpose(1, 2)
