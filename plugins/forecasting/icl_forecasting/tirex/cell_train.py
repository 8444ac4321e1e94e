"""The sLSTM recurrence with a hand-written backward pass, for training.

The output depends on c and n only through c / n, in which the stabiliser m cancels. So m is a
constant in the backward pass; this is exact, not an approximation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from icl_forecasting.tirex.cell import FORGET_CEILING, CellState


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, gates: Tensor, kernel: Tensor, bias: Tensor, *state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        steps, heads, batch, width = gates.shape
        d = width // 4
        gates = gates.float() + bias[:, None]
        ys = gates.new_empty(steps + 1, heads, batch, d)
        cs, ns = torch.empty_like(ys), torch.empty_like(ys)
        saved = gates.new_empty(steps, 5, heads, batch, d)  # i, f, z, o, 1 - sigmoid(forget)
        total = gates.new_empty(heads, batch, width)
        a_in, a_forget, a_cell, a_out = total.chunk(4, dim=-1)
        log_forget = gates.new_empty(heads, batch, d)
        fresh = not state
        if fresh:
            ys[0], cs[0], ns[0] = 0.0, 0.0, 0.0
            m = gates.new_zeros(heads, batch, d)
        else:
            ys[0], cs[0], ns[0] = state[0], state[1], state[2]
            m = state[3].clone(memory_format=torch.contiguous_format)
        for t in range(steps):
            torch.baddbmm(gates[t], ys[t], kernel, out=total)
            i, f, z, o, shut = saved[t].unbind()
            torch.sigmoid(a_out, out=o)
            torch.tanh(a_cell, out=z)
            torch.sigmoid(a_forget.neg(), out=shut)
            logsigmoid(a_forget.clamp_(max=FORGET_CEILING), out=log_forget)  # type: ignore[call-arg]
            log_forget.add_(m)
            if fresh and t == 0:
                m.copy_(a_in)
            else:
                torch.maximum(a_in, log_forget, out=m)
            torch.sub(a_in, m, out=i).exp_()
            torch.sub(log_forget, m, out=f).exp_().clamp_(max=1.0)
            torch.mul(ns[t], f, out=ns[t + 1]).add_(i)
            torch.mul(cs[t], f, out=cs[t + 1]).addcmul_(i, z)
            torch.mul(o, cs[t + 1], out=ys[t + 1]).div_(ns[t + 1])
        ctx.save_for_backward(ys, cs, ns, saved, kernel)
        ctx.mark_non_differentiable(cs, ns, m)
        return ys[1:], cs[1:], ns[1:], m

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        ys, cs, ns, saved, kernel = ctx.saved_tensors
        steps, _, heads, batch, d = saved.shape
        grad_gates = ys.new_empty(steps, heads, batch, 4 * d)
        transposed = kernel.transpose(1, 2)
        dc, dn = ys.new_zeros(2, heads, batch, d).unbind()
        dy = grad_y[steps - 1].contiguous()
        work = torch.empty_like(dc)
        for t in range(steps - 1, -1, -1):
            i, f, z, o, shut = saved[t].unbind()
            d_in, d_forget, d_cell, d_out = grad_gates[t].chunk(4, dim=-1)
            ratio = torch.div(cs[t + 1], ns[t + 1])
            # output gate: dy * ratio * o * (1 - o)
            torch.mul(dy, ratio, out=work).mul_(o)
            torch.addcmul(work, work, o, value=-1, out=d_out)
            torch.mul(dy, o, out=work).div_(ns[t + 1])
            dc.add_(work)
            dn.addcmul_(work, ratio, value=-1)
            # input gate: (dc * z + dn) * i
            torch.addcmul(dn, dc, z, out=work)
            torch.mul(work, i, out=d_in)
            # cell input: dc * i * (1 - z^2)
            torch.mul(dc, i, out=work)
            torch.addcmul(work, work.mul(z), z, value=-1, out=d_cell)
            # forget gate: (dc * c_prev + dn * n_prev) * f * (1 - sigmoid(a_forget))
            dc.mul_(f)
            dn.mul_(f)
            torch.mul(dc, cs[t], out=work).addcmul_(dn, ns[t])
            torch.mul(work, shut, out=d_forget)
            if t:
                dy = torch.baddbmm(grad_y[t - 1], grad_gates[t], transposed)
        before = ys[:-1].permute(1, 3, 0, 2).reshape(heads, d, steps * batch)
        flat = grad_gates.permute(1, 0, 2, 3).reshape(heads, steps * batch, 4 * d)
        grad_kernel = torch.bmm(before, flat)
        return grad_gates, grad_kernel, flat.sum(dim=1), *([None] * (len(ctx.needs_input_grad) - 3))


def trainable_scan(
    gates: Tensor, kernel: Tensor, bias: Tensor, state: CellState | None = None
) -> tuple[Tensor, CellState]:
    """Differentiable recurrence in float32; arguments as in `reference_scan`.

    Gradients flow to the gates, the kernel and the bias; an initial state is a constant.
    """
    y, c, n, m = _Scan.apply(gates, kernel, bias, *(state or ()))
    return y, CellState(y[-1], c[-1], n[-1], m)
