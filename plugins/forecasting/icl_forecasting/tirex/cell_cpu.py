"""The sLSTM recurrence for the CPU: the same numbers as the reference, in place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from icl_forecasting.tirex.cell import FORGET_CEILING, CellState


def cpu_scan(
    gates: Tensor,
    kernel: Tensor,
    bias: Tensor,
    state: CellState | None = None,
    *,
    keep: bool = False,
    ceiling: float = FORGET_CEILING,
) -> tuple[Tensor, CellState]:
    """Float32 recurrence with every buffer allocated once; arguments as in `reference_scan`.

    At small batches a step is bound by the cost of starting an operation, not by arithmetic, so
    the bias is added to all tokens at once, the recurrent product adds onto the gates in place,
    and the clamps that a correct stabiliser makes inactive are left out.
    """
    steps, heads, batch, width = gates.shape
    d = width // 4
    # a step's gates must lie together, or the batched product falls back to one call a head;
    # under autocast they come in bfloat16, and the recurrence is float32 all the same
    totals = torch.add(gates, bias[:, None], out=bias.new_empty(gates.shape))
    outputs = bias.new_empty(steps, heads, batch, d)
    kept = CellState(outputs, *(torch.empty_like(outputs) for _ in range(3))) if keep else None
    log_forget, forget = bias.new_empty(2, heads, batch, d).unbind()
    if state is None:
        y = c = n = m = None
    else:
        y = state.y.contiguous()
        c, n, m = (part.clone(memory_format=torch.contiguous_format) for part in state[1:])
    for t, (total, output) in enumerate(zip(totals.unbind(), outputs.unbind(), strict=True)):
        if y is not None:
            total.baddbmm_(y, kernel)
        y = output
        a_in, a_forget, a_cell, a_out = total.chunk(4, dim=-1)
        cell_input = a_cell.tanh_()
        gate_out = a_out.sigmoid_()
        if m is None or n is None or c is None:
            m = a_in.contiguous()
            n = torch.ones_like(m)
            c = cell_input.contiguous()
        else:
            # logsigmoid is the slowest operation of the step; x - softplus(x) is not faster
            logsigmoid(a_forget.clamp_(max=ceiling), out=log_forget)  # type: ignore[call-arg]
            log_forget.add_(m)
            torch.maximum(a_in, log_forget, out=m)
            torch.sub(log_forget, m, out=forget).exp_()
            a_in.sub_(m).exp_()
            n.mul_(forget).add_(a_in)
            c.mul_(forget).addcmul_(a_in, cell_input)
        torch.mul(gate_out, c, out=y).div_(n)
        if kept is not None:
            kept.c[t], kept.n[t], kept.m[t] = c, n, m
    if kept is not None:
        return outputs, kept
    assert y is not None and c is not None and n is not None and m is not None
    return outputs, CellState(y, c, n, m)
