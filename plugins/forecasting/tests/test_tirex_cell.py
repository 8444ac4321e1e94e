"""The recurrence: golden arrays, the fast versions against the plain one, and its gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from icl_forecasting.tirex.cell import CellState, reference_scan
from icl_forecasting.tirex.cell_cpu import cpu_scan
from icl_forecasting.tirex.cell_train import trainable_scan
from icl_forecasting.tirex.scan import scan

HEADS, DIM = 4, 16
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def random_case(
    steps: int, batch: int, heads: int = 2, dim: int = 8, seed: int = 0, scale: float = 1.0
) -> tuple[Tensor, Tensor, Tensor, CellState]:
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    state = CellState(
        draw(heads, batch, dim).tanh(),
        draw(heads, batch, dim),
        draw(heads, batch, dim).abs() + 1.0,
        draw(heads, batch, dim),
    )
    gates = draw(steps, heads, batch, 4 * dim) * scale
    return gates, draw(heads, dim, 4 * dim) / dim**0.5, draw(heads, 4 * dim), state


def from_golden(arrays: dict[str, np.ndarray]) -> tuple[Tensor, Tensor, Tensor, CellState]:
    x = torch.from_numpy(arrays["x"])
    batch, steps, _ = x.shape
    gates = x.view(batch, steps, 4, HEADS, DIM).permute(1, 3, 0, 2, 4)
    gates = gates.reshape(steps, HEADS, batch, 4 * DIM)
    kernel = torch.from_numpy(arrays["recurrent_kernel"])
    bias = torch.from_numpy(arrays["bias"]).view(HEADS, 4 * DIM)
    state = torch.from_numpy(arrays["state_in"]).view(4, batch, HEADS, DIM).transpose(1, 2)
    return gates, kernel, bias, CellState(*state.unbind())


@pytest.mark.parametrize("run", [reference_scan, scan])
@pytest.mark.parametrize("start", ["zero_state", "given_state"])
@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_recurrence_equals_the_golden_arrays(
    golden_arrays: Callable[[str], dict[str, np.ndarray]],
    run: Callable[..., tuple[Tensor, CellState]],
    start: str,
    form: str,
) -> None:
    arrays = golden_arrays("cell")
    gates, kernel, bias, state = from_golden(arrays)
    before = state if start == "given_state" else None
    y, after = run(gates, kernel, bias, before, cell_dtype=DTYPES[form])
    expected = torch.from_numpy(arrays[f"{form}__{start}__out"]).permute(2, 1, 0, 3)
    last = torch.from_numpy(arrays[f"{form}__{start}__state"]).view(4, 3, HEADS, DIM)
    tolerance = 2e-2 if form == "bf16" else 1e-5
    assert y.dtype == torch.float32
    assert torch.allclose(y, expected, atol=tolerance, rtol=0)
    got = torch.stack(after).transpose(1, 2)
    assert torch.allclose(got, last, atol=tolerance * float(last.abs().max().clamp(min=1)), rtol=0)


def test_bfloat16_outputs_are_bfloat16_representable() -> None:
    gates, kernel, bias, state = random_case(5, 3)
    y, after = reference_scan(gates, kernel, bias, state, cell_dtype=torch.bfloat16)
    for part in (y, *after):
        assert torch.equal(part, part.bfloat16().float())


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("steps", [1, 2, 17])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("given_state", [False, True])
def test_cpu_version_equals_the_reference(
    steps: int, batch: int, keep: bool, given_state: bool
) -> None:
    gates, kernel, bias, state = random_case(steps, batch, seed=steps)
    before = state if given_state else None
    untouched = [part.clone() for part in (gates, *state)]
    y, after = cpu_scan(gates, kernel, bias, before, keep=keep)
    expected, last = reference_scan(gates, kernel, bias, before, keep=keep)
    assert torch.allclose(y, expected, atol=1e-5)
    for got, want in zip(after, last, strict=True):
        assert got.shape == want.shape
        assert torch.allclose(got, want, atol=1e-5)
    for now, then in zip((gates, *state), untouched, strict=True):
        assert torch.equal(now, then)


@pytest.mark.parametrize("run", [reference_scan, cpu_scan])
def test_a_sequence_cut_in_two_equals_the_whole(
    run: Callable[..., tuple[Tensor, CellState]],
) -> None:
    gates, kernel, bias, _ = random_case(12, 3)
    whole, last = run(gates, kernel, bias)
    first, between = run(gates[:7], kernel, bias)
    second, after = run(gates[7:], kernel, bias, between)
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(after, last, strict=True))


def test_one_kept_state_repeats_over_a_batch() -> None:
    gates, kernel, bias, _ = random_case(6, 1)
    _, sequence = cpu_scan(gates, kernel, bias, keep=True)
    following, *_ = random_case(3, 4, seed=9)
    shared = sequence.at(3).repeat(4)
    assert shared.y.shape == (2, 4, 8)
    y, _ = cpu_scan(following, kernel, bias, shared)
    for i in range(4):
        alone, _ = cpu_scan(following[:, :, i : i + 1], kernel, bias, sequence.at(3))
        assert torch.allclose(y[:, :, i : i + 1], alone, atol=1e-6)


def test_the_zero_state_is_not_four_zero_tensors() -> None:
    gates, kernel, bias, _ = random_case(1, 2)
    zero = torch.zeros(2, 2, 8)
    fresh, state = reference_scan(gates, kernel, bias)
    given_zero, _ = reference_scan(gates, kernel, bias, CellState(zero, zero, zero, zero))
    assert torch.allclose(state.n, torch.ones_like(zero))
    # y is c / n, in which the stabiliser cancels: only the state differs
    assert torch.allclose(fresh, given_zero, atol=1e-6)


@pytest.mark.parametrize("given_state", [False, True])
def test_trained_gradients_equal_autograd_through_the_reference(given_state: bool) -> None:
    gates, kernel, bias, state = random_case(9, 3, seed=4, scale=2.0)
    bias[:, 8:16] += 14.0  # some forget gates stand at their ceiling
    before = state if given_state else None
    weight = torch.randn(9, 2, 3, 8, generator=torch.Generator().manual_seed(1))
    results = []
    for run in (reference_scan, trainable_scan):
        inputs = [part.clone().requires_grad_() for part in (gates, kernel, bias)]
        y, _ = run(*inputs, before)
        (y * weight).sum().backward()
        results.append([y.detach(), *(part.grad for part in inputs)])
    for want, got in zip(*results, strict=True):
        assert want is not None and got is not None
        bound = 2e-5 * max(1.0, float(want.abs().max()))
        assert torch.allclose(got, want, atol=bound, rtol=0)


def test_scan_takes_the_differentiable_road_when_gradients_are_wanted() -> None:
    gates, kernel, bias, _ = random_case(4, 2)
    kernel.requires_grad_()
    y, _ = scan(gates, kernel, bias)
    y.sum().backward()
    assert kernel.grad is not None and bool(kernel.grad.isfinite().all())


@pytest.mark.parametrize("run", [reference_scan, cpu_scan])
def test_long_sequences_stay_finite(run: Callable[..., tuple[Tensor, CellState]]) -> None:
    gates, kernel, bias, _ = random_case(3000, 1, heads=1, dim=4, scale=3.0)
    y, after = run(gates, kernel, bias + 2.0)
    assert bool(y.isfinite().all()) and float(y.abs().max()) <= 1.0 + 1e-5
    assert all(bool(part.isfinite().all()) for part in after)


@settings(max_examples=40, deadline=None)
@given(
    levels=st.lists(
        st.sampled_from([-1e30, -1e4, -80.0, 0.0, 80.0, 1e4, 1e30]), min_size=4, max_size=4
    ),
    later=st.lists(st.sampled_from([-1e30, -1e4, 0.0, 1e4, 1e30]), min_size=4, max_size=4),
    given_state=st.booleans(),
)
def test_extreme_gates_stay_finite(
    levels: list[float], later: list[float], given_state: bool
) -> None:
    _, kernel, bias, state = random_case(1, 2)
    rows = [torch.tensor(part).repeat_interleave(8) for part in (levels, later, levels)]
    gates = torch.stack(rows)[:, None, None].expand(3, 2, 2, 32).contiguous()
    before = state if given_state else None
    for run in (reference_scan, cpu_scan):
        y, after = run(gates, kernel, bias, before)
        assert bool(y.isfinite().all()), run
        assert all(bool(part.isfinite().all()) for part in after), run
