"""The sLSTM recurrence: its state and a plain reference; `scan` chooses the fast version.

Shapes: S tokens, H heads, B series, D = width of one head. Gates stand in the order input,
forget, cell input, output along the last axis of size 4D. The arithmetic is that of the xLSTM
paper (arXiv 2405.04517, section 2.2) with the stabiliser state m.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

FORGET_CEILING = 15.0
"""Forget pre-activations are cut here; above it the gate is 1 in float32 anyway."""


class CellState(NamedTuple):
    """Hidden output y, cell c, normaliser n and stabiliser m, each [H, B, D].

    With a leading axis S (as `keep=True` returns them) entry t is the state after token t.
    """

    y: Tensor
    c: Tensor
    n: Tensor
    m: Tensor

    def at(self, step: int) -> CellState:
        """The state after one token of a kept sequence."""
        return CellState(*(part[step] for part in self))

    def repeat(self, count: int) -> CellState:
        """The same state for `count` series, where this one holds a single series."""
        return CellState(*(part.expand(-1, count, -1) for part in self))


def reference_scan(
    gates: Tensor,
    kernel: Tensor,
    bias: Tensor,
    state: CellState | None = None,
    *,
    keep: bool = False,
    cell_dtype: torch.dtype = torch.float32,
    ceiling: float = FORGET_CEILING,
) -> tuple[Tensor, CellState]:
    """Run the recurrence step by step in plain PyTorch; every other version is tested against it.

    Args:
        gates: [S, H, B, 4D] float32, the input's share of the gate pre-activations.
        kernel: [H, D, 4D] recurrent weights.
        bias: [H, 4D] float32.
        state: state before the first token; None = the zero state, which is not the same as
            four zero tensors: the first step from it takes its stabiliser from the input gate.
        keep: whether to return the state after every token instead of after the last.
        cell_dtype: float32, or bfloat16 for the released "torch" backend: gates, kernel and the
            state between steps are rounded, the point-wise arithmetic stays float32.
        ceiling: forget pre-activations are cut here; TiRex-2 does not cut them.

    Returns:
        Outputs [S, H, B, D] float32, and the last state (or all of them, leading axis S).
    """
    steps, heads, batch, width = gates.shape
    head_dim = width // 4
    gates, kernel = gates.to(cell_dtype), kernel.to(cell_dtype)
    fresh = state is None
    if state is None:
        zero = gates.new_zeros(heads, batch, head_dim)
        state = CellState(zero, zero, zero, zero)
    y, c, n, m = (part.to(cell_dtype) for part in state)
    kept: list[CellState] = []
    for t in range(steps):
        recurrent = torch.bmm(y, kernel)
        total = gates[t].float() + recurrent.float() + bias[:, None]
        a_in, a_forget, a_cell, a_out = total.chunk(4, dim=-1)
        log_forget = m.float() + logsigmoid(a_forget.clamp(max=ceiling))
        m_new = a_in if fresh and t == 0 else torch.maximum(a_in, log_forget)
        i = torch.exp(a_in - m_new).clamp(max=1.0)
        f = torch.exp(log_forget - m_new).clamp(max=1.0)
        c_new = f * c.float() + i * torch.tanh(a_cell)
        n_new = f * n.float() + i
        y_new = torch.sigmoid(a_out) * c_new / n_new
        y, c, n, m = (part.to(cell_dtype) for part in (y_new, c_new, n_new, m_new))
        kept.append(CellState(y, c, n, m))
    sequence = CellState(*(torch.stack(parts).float() for parts in zip(*kept, strict=True)))
    return sequence.y, sequence if keep else sequence.at(-1)
