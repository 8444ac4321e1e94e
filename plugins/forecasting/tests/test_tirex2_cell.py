"""The shared sLSTM recurrence without a ceiling, as TiRex-2 has it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from icl_forecasting.tirex.cell import CellState, reference_scan
from icl_forecasting.tirex.cell_cpu import cpu_scan
from icl_forecasting.tirex.scan import scan
from icl_forecasting.tirex2.cells import NO_CEILING

PLUGIN = Path(__file__).resolve().parents[1]
INTERPRETED = """
import json, torch
from icl_forecasting.tirex.cell import reference_scan
from icl_forecasting.tirex.cell_triton import triton_available, triton_scan
from icl_forecasting.tirex2.cells import NO_CEILING

worst = 0.0
for dim, keep in ((16, True), (20, False)):
    rng = torch.Generator().manual_seed(dim)
    gates = 4 * torch.randn(5, 2, 17, 4 * dim, generator=rng)
    kernel = torch.randn(2, dim, 4 * dim, generator=rng) / dim**0.5
    bias = torch.randn(2, 4 * dim, generator=rng)
    assert triton_available(dim)
    want, last = reference_scan(gates, kernel, bias, keep=keep, ceiling=NO_CEILING)
    got, after = triton_scan(gates, kernel, bias, keep=keep, ceiling=NO_CEILING)
    for a, b in zip((got, *after), (want, *last)):
        worst = max(worst, float((a - b).abs().max() / b.abs().max().clamp(min=1)))
print(json.dumps(worst))
"""


def case(steps: int, scale: float = 4.0) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(steps)
    gates = scale * torch.randn(steps, 2, 3, 32, generator=rng)
    return gates, torch.randn(2, 8, 32, generator=rng) / 3, torch.randn(2, 32, generator=rng)


def by_hand(gates: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """The recurrence as it is specified, element by element."""
    y = c = n = m = torch.zeros(2, 3, 8)
    outputs = []
    for t, gate in enumerate(gates):
        a_in, a_forget, a_cell, a_out = (gate + y @ kernel + bias[:, None]).chunk(4, dim=-1)
        carried = torch.nn.functional.logsigmoid(a_forget) + m
        m = a_in if t == 0 else torch.maximum(a_in, carried)
        i, f = torch.exp(a_in - m), torch.exp(carried - m)
        c, n = f * c + i * torch.tanh(a_cell), (f * n + i).clamp(min=1.0)
        y = torch.sigmoid(a_out) * c / n
        outputs.append(y)
    return torch.stack(outputs)


@pytest.mark.parametrize("run", [reference_scan, cpu_scan, scan])
def test_every_version_equals_the_specification(run: object) -> None:
    inputs = case(9)
    y, after = run(*inputs, ceiling=NO_CEILING)  # type: ignore[operator]
    assert torch.allclose(y, by_hand(*inputs), atol=1e-5)
    assert isinstance(after, CellState) and float(after.n.min()) >= 1.0
    with_ceiling, _ = run(*inputs, ceiling=0.0)  # type: ignore[operator]
    assert not torch.allclose(y, with_ceiling, atol=1e-3)


def test_a_sequence_cut_in_two_equals_the_whole() -> None:
    gates, kernel, bias = case(12)
    whole, _ = cpu_scan(gates, kernel, bias, ceiling=NO_CEILING)
    _, between = cpu_scan(gates[:5], kernel, bias, ceiling=NO_CEILING)
    rest, _ = cpu_scan(gates[5:], kernel, bias, between, ceiling=NO_CEILING)
    assert torch.allclose(rest, whole[5:], atol=1e-5)


def test_gradients_pass_through_the_reference() -> None:
    gates, kernel, bias = case(4)
    kernel.requires_grad_()
    y, _ = scan(gates, kernel, bias, ceiling=NO_CEILING)
    y.sum().backward()
    assert kernel.grad is not None and bool(kernel.grad.isfinite().all())


def test_the_triton_kernel_runs_without_a_ceiling() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    path = os.pathsep.join([str(PLUGIN), *filter(None, sys.path)])
    run = subprocess.run(
        [sys.executable, "-c", INTERPRETED],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) <= 1e-5
