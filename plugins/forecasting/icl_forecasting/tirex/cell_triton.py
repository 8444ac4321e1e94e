"""The sLSTM recurrence on CUDA: one launch a layer for the whole sequence.

This module imports without Triton; the kernel itself is in `cell_kernel`.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from contextlib import nullcontext
from functools import lru_cache

import torch
from torch import Tensor

from icl_forecasting.tirex.cell import FORGET_CEILING, CellState

_log = logging.getLogger("icl.tirex")

WIDEST_HEAD = 128
"""Above this a program's state no longer fits its registers."""

_BLOCK_B = 16  # the smallest tile that tensor cores take; more series mean more programs
_NO_CEILING = 1e30  # in place of infinity, which a kernel's constants do not hold
_WORK_SPACE = 16 * 1024  # shared memory a program uses beside the recurrent matrices


def _interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"


def triton_available(head_dim: int) -> bool:
    """Whether `triton_scan` can run heads of this width here.

    It needs Triton and an NVIDIA GPU of compute capability 8.0 or higher, or Triton's
    interpreter (TRITON_INTERPRET=1 before Triton is imported). The first answer for a device
    comes from running the kernel once: where it cannot be compiled, for want of a C compiler for
    instance, a warning says why and callers go on without it.
    """
    if not 1 <= head_dim <= WIDEST_HEAD or importlib.util.find_spec("triton") is None:
        return False
    if _interpreted():
        return True
    if not torch.cuda.is_available() or torch.version.hip is not None:
        return False
    device = torch.cuda.current_device()
    if torch.cuda.get_device_capability(device) < (8, 0):
        return False
    return _runs(device, head_dim)


@lru_cache(maxsize=32)
def _runs(device: int, head_dim: int) -> bool:
    gates = torch.zeros(1, 1, 1, 4 * head_dim, device=f"cuda:{device}")
    try:
        triton_scan(gates, gates.new_zeros(1, head_dim, 4 * head_dim), gates[0, 0], keep=True)
        torch.cuda.synchronize(device)
    except Exception as error:
        _log.warning("the fused recurrence cannot run (%s); using plain PyTorch", error)
        return False
    return True


def triton_scan(
    gates: Tensor,
    kernel: Tensor,
    bias: Tensor,
    state: CellState | None = None,
    *,
    keep: bool = False,
    cell_dtype: torch.dtype = torch.float32,
    ceiling: float = FORGET_CEILING,
) -> tuple[Tensor, CellState]:
    """Fused recurrence without gradients; arguments and results as in `reference_scan`.

    Float32 products run on tensor cores as three TF32 products, which keeps float32's digits.
    """
    from icl_forecasting.tirex.cell_kernel import scan_kernel

    steps, heads, batch, width = gates.shape
    d = width // 4
    if gates.stride(-1) != 1:
        gates = gates.contiguous()
    rounded = cell_dtype == torch.bfloat16
    weight = kernel.to(cell_dtype)
    if rounded and _interpreted():  # the interpreter has no bfloat16 product; the values fit
        weight = weight.float()
    weight = weight.contiguous()
    ys = torch.empty(steps + 1, heads, batch, d, device=gates.device)
    if state is None:
        ys[0].zero_()
        start = [ys[0]] * 3  # never read
    else:
        parts = [part.to(cell_dtype).float().contiguous() for part in state]
        ys[0].copy_(parts[0])
        start = parts[1:]
    kept = steps if keep else 1
    c, n, m = torch.empty(3, kept, heads, batch, d, device=gates.device).unbind()
    block = max(16, 1 << (d - 1).bit_length())
    with torch.cuda.device(gates.device) if gates.is_cuda else nullcontext():
        scan_kernel[(heads, -(-batch // _BLOCK_B))](
            gates,
            weight,
            bias.float().contiguous(),
            ys,
            *start,
            c,
            n,
            m,
            steps,
            batch,
            heads,
            *gates.stride()[:3],
            D=d,
            BLOCK_B=_BLOCK_B,
            BLOCK_D=block,
            BLOCK_K=32 if rounded and block > 16 else 16,
            FRESH=state is None,
            KEEP=keep,
            ROUNDED=rounded,
            RESIDENT=_fits(block, weight.dtype, gates.device),
            PRECISION="tf32x3",
            CEILING=min(ceiling, _NO_CEILING),
            num_warps=8 if block >= 64 else 4,
            num_stages=3,
        )
    y = ys[1:]
    if keep:
        return y, CellState(y, c, n, m)
    return y, CellState(y[-1], c[0], n[0], m[0])


def _fits(block: int, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether a head's four matrices fit the shared memory of one multiprocessor.

    A float32 matrix takes its place twice: three TF32 products work on its high and low digits.
    """
    if device.type != "cuda":
        return block <= 32  # interpreted: both ways are run by the tests
    properties = torch.cuda.get_device_properties(device)
    room = getattr(properties, "shared_memory_per_block_optin", 48 * 1024)
    needed = 4 * block * block * (2 if dtype == torch.bfloat16 else 8)
    return bool(needed + _WORK_SPACE <= room)
