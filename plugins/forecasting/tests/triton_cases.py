"""Runs the Triton recurrence against the reference and prints the largest differences as JSON.

A program of its own, because Triton reads TRITON_INTERPRET when it is imported.
"""

from __future__ import annotations

import json
import sys
from itertools import product

import torch

from icl_forecasting.tirex.cell import CellState, reference_scan
from icl_forecasting.tirex.cell_triton import triton_available, triton_scan

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
DIMS = (16, 20, 40)  # a tile, a padded tile held in memory, a padded tile streamed
STARTS = ("zero", "given")
Case = tuple[str, int, int, str, bool]


def all_cases() -> dict[str, Case]:
    """Name to format, head width, batch, start, keep."""
    cases: list[Case] = [
        (form, dim, 17, start, True)  # two programs, the second with one row of sixteen
        for form, dim, start in product(DTYPES, DIMS, STARTS)
    ]
    cases += [(form, dim, 1, "zero", False) for form, dim in product(DTYPES, DIMS)]
    return {" ".join(str(part) for part in case): case for case in cases}


def difference(
    form: str, dim: int, batch: int, start: str, keep: bool, device: str, steps: int = 4
) -> float:
    """Largest absolute difference of outputs and states, relative to values above 1."""
    heads = 2
    rng = torch.Generator().manual_seed(dim * 100 + batch)
    gates = torch.randn(heads, steps, batch, 4 * dim, generator=rng).transpose(0, 1)  # strided
    kernel = torch.randn(heads, dim, 4 * dim, generator=rng) / dim**0.5
    bias = torch.randn(heads, 4 * dim, generator=rng)
    y, c, n, m = torch.randn(4, heads, batch, dim, generator=rng).unbind()
    state = CellState(y.tanh(), c, n.abs() + 1, m) if start == "given" else None
    options = {"keep": keep, "cell_dtype": DTYPES[form]}
    want_y, want = reference_scan(gates, kernel, bias, state, **options)
    moved = None if state is None else CellState(*(part.to(device) for part in state))
    got_y, got = triton_scan(gates.to(device), kernel.to(device), bias.to(device), moved, **options)
    worst = 0.0
    for a, b in zip((got_y, *got), (want_y, *want), strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(f"{tuple(a.shape)} {a.dtype} instead of {tuple(b.shape)} {b.dtype}")
        gap = (a.cpu() - b).abs().max() / b.abs().max().clamp(min=1)
        worst = max(worst, float(gap.nan_to_num(nan=torch.inf)))
    return worst


def extremes(device: str) -> bool:
    """Whether outputs stay finite at gates of every size, and equal the reference's."""
    levels = torch.tensor([-1e30, -1e4, -80.0, 0.0, 80.0, 1e4, 1e30])
    grid = torch.cartesian_prod(levels, levels, levels)[:, [0, 1, 2, 0]]
    gates = grid.t().repeat_interleave(16, 0).t().reshape(1, 1, -1, 64).expand(3, 1, -1, 64)
    kernel, bias = torch.zeros(1, 16, 64), torch.zeros(1, 64)
    want, _ = reference_scan(gates, kernel, bias)
    got, state = triton_scan(gates.to(device), kernel.to(device), bias.to(device))
    finite = all(bool(part.isfinite().all()) for part in (got, *state))
    return finite and bool(torch.allclose(got.cpu(), want, atol=1e-5))


def main() -> None:
    if not triton_available(16):
        json.dump({}, sys.stdout)
        return
    found: dict[str, float | bool] = {
        name: difference(*case, "cpu") for name, case in all_cases().items()
    }
    found["extremes"] = extremes("cpu")
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
