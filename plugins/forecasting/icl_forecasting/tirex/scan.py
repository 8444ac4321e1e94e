"""The sLSTM recurrence by the fastest of its versions, all of one signature."""

from __future__ import annotations

import torch
from torch import Tensor

from icl_forecasting.tirex.cell import FORGET_CEILING, CellState, reference_scan
from icl_forecasting.tirex.cell_cpu import cpu_scan
from icl_forecasting.tirex.cell_train import trainable_scan


def scan(
    gates: Tensor,
    kernel: Tensor,
    bias: Tensor,
    state: CellState | None = None,
    *,
    keep: bool = False,
    cell_dtype: torch.dtype = torch.float32,
    ceiling: float = FORGET_CEILING,
) -> tuple[Tensor, CellState]:
    """The fastest recurrence for where the tensors live; arguments as in `reference_scan`.

    Training with TiRex's ceiling goes through a function with a hand-written backward pass, with
    others through the reference. CUDA goes through the fused Triton kernel. The CPU path keeps
    its buffers and works in place.
    """
    if torch.is_grad_enabled() and (gates.requires_grad or kernel.requires_grad):
        if ceiling == FORGET_CEILING:
            return trainable_scan(gates, kernel, bias, state)
        return reference_scan(gates, kernel, bias, state, keep=keep, ceiling=ceiling)
    if gates.is_cuda:
        from icl_forecasting.tirex.cell_triton import triton_available, triton_scan

        if triton_available(kernel.shape[1]):
            return triton_scan(
                gates, kernel, bias, state, keep=keep, cell_dtype=cell_dtype, ceiling=ceiling
            )
    elif gates.device.type == "cpu" and cell_dtype == torch.float32:
        return cpu_scan(gates, kernel, bias, state, keep=keep, ceiling=ceiling)
    return reference_scan(
        gates, kernel, bias, state, keep=keep, cell_dtype=cell_dtype, ceiling=ceiling
    )
