"""On a CUDA device: the fused recurrence, the whole network and CUDA graphs against the CPU."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from icl_forecasting.tirex.cell import CellState, reference_scan
from icl_forecasting.tirex.cell_triton import triton_available, triton_scan
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.graph import GraphedNetwork
from icl_forecasting.tirex.network import TirexNetwork

sys.path.append(str(Path(__file__).parent))
from triton_cases import all_cases, difference, extremes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@pytest.fixture(scope="module", autouse=True)
def fused() -> None:
    if torch.cuda.is_available() and not triton_available(16):
        pytest.skip("the fused recurrence cannot run on this device")


@pytest.mark.parametrize("name", list(all_cases()))
def test_kernel_equals_the_reference(name: str) -> None:
    worst = difference(*all_cases()[name], "cuda", steps=9)
    assert worst <= (1e-5 if name.startswith("fp32") else 4e-2)


@pytest.mark.parametrize("dim", [64, 128])
@pytest.mark.parametrize("form", ["fp32", "bf16"])
@pytest.mark.parametrize("start", ["zero", "given"])
def test_kernel_equals_the_reference_at_published_sizes(dim: int, form: str, start: str) -> None:
    worst = difference(form, dim, 37, start, True, "cuda", steps=64)
    assert worst <= (2e-5 if form == "fp32" else 8e-2)


def test_extreme_gates_stay_finite() -> None:
    assert extremes("cuda")


def test_a_sequence_cut_in_two_equals_the_whole() -> None:
    rng = torch.Generator().manual_seed(0)
    gates = torch.randn(12, 2, 3, 512, generator=rng).cuda()
    kernel = (torch.randn(2, 128, 512, generator=rng) / 12).cuda()
    bias = torch.randn(2, 512, generator=rng).cuda()
    whole, last = triton_scan(gates, kernel, bias)
    first, between = triton_scan(gates[:7], kernel, bias)
    second, after = triton_scan(gates[7:], kernel, bias, between)
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(after, last, strict=True))


def test_one_state_expanded_over_a_batch_is_read_right() -> None:
    rng = torch.Generator().manual_seed(1)
    gates = torch.randn(3, 2, 20, 64, generator=rng)
    kernel, bias = torch.randn(2, 16, 64, generator=rng) / 4, torch.zeros(2, 64)
    parts = torch.rand(4, 2, 1, 16, generator=rng) + 0.5
    want, _ = reference_scan(gates, kernel, bias, CellState(*parts.unbind()).repeat(20))
    shared = CellState(*parts.cuda().unbind()).repeat(20)
    got, _ = triton_scan(gates.cuda(), kernel.cuda(), bias.cuda(), shared)
    assert torch.allclose(got.cpu(), want, atol=1e-5)


def small_network() -> TirexNetwork:
    torch.manual_seed(0)
    network = TirexNetwork(
        TirexConfig(embedding_dim=64, num_blocks=2, input_ff_dim=64, context_length=256)
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_network_equals_the_cpu(form: str) -> None:
    network = small_network()
    network.set_cell_dtype(DTYPES[form])
    tokens = torch.randn(5, 8, 64)
    with torch.inference_mode():
        want = network(tokens)
        got = network.cuda()(tokens.cuda()).cpu()
    assert torch.allclose(got, want, atol=1e-4 if form == "fp32" else 4e-2)


def test_graphs_give_what_the_network_gives() -> None:
    network = small_network().cuda()
    graphed = GraphedNetwork(network, limit=2)
    with torch.inference_mode():
        states = [part.at(2).repeat(3) for part in network.missing_states(4)]
        for batch, count, last in [(3, 4, 1), (3, 4, 1), (3, 6, 2), (3, 4, 3), (3, 4, 1)]:
            tokens = torch.randn(batch, count, 64, device="cuda")
            for before in (None, states):
                want = network(tokens, before, last=last)
                got = graphed(tokens, before, last)
                assert torch.allclose(got, want, atol=1e-5)
    assert len(graphed) <= 2
