"""The last step that blends what was painted with the pair's filter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_painter_detail import CONFIG

import icl_core as icl
from icl_core.errors import WeightsError
from icl_painting.network.blend import Blend, candidates, pair_filter
from icl_painting.network.checkpoint import read_network, save_network
from icl_painting.network.config import PainterConfig, config_from_shapes
from icl_painting.network.inference import Engine
from icl_painting.network.network import PainterNetwork
from icl_painting.network.pairfilter import SUMMARY

BLENDED = replace(CONFIG, blend=(8, 12))


def _network() -> PainterNetwork:
    random = torch.Generator().manual_seed(3)
    network = PainterNetwork(BLENDED)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.1, generator=random)
    return network.eval().requires_grad_(False)


def _canvas(count: int, side: int = 32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(4)
    images, targets = (torch.randn(count, 3, side, side, generator=random) for _ in range(2))
    return images, targets, torch.randn(2, 3, side, side, generator=random)


def _whole(
    network: PainterNetwork, images: torch.Tensor, targets: torch.Tensor, query: torch.Tensor
) -> torch.Tensor:
    side = query.shape[-1]
    below = torch.zeros(1, 2 * (side // 4) ** 2)
    below[:, below.shape[1] // 2 :] = 1
    painted: torch.Tensor = network(
        torch.cat([images, query.expand_as(images)], dim=2),
        torch.cat([targets, torch.zeros_like(targets)], dim=2),
        below,
        ensemble=len(images) > 1,
    )
    return painted[0, :, side:]


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize("count", [1, 2])
def test_the_engine_equals_the_network(side: int, count: int) -> None:
    network, engine = _network(), Engine(_network())
    images, targets, queries = _canvas(count, side)
    answer = engine.paint(engine.prepare(images, targets), queries)
    for number in range(2):
        whole = _whole(network, images, targets, queries[number : number + 1])
        torch.testing.assert_close(answer[number], whole, rtol=1e-3, atol=1e-3)


def test_queries_with_prompts_of_their_own() -> None:
    engine = Engine(_network())
    images, targets, queries = _canvas(2)
    several = [engine.prepare(images[n : n + 1], targets[n : n + 1]) for n in range(2)]
    together = engine.paint_each(several, queries)
    for number, one in enumerate(several):
        alone = engine.paint(one, queries[number : number + 1])
        torch.testing.assert_close(together[number], alone[0], rtol=1e-3, atol=1e-3)


def test_a_new_blend_gives_what_was_painted() -> None:
    blend = Blend(8, 12)
    blend.start_as_painted()
    painted, others = torch.randn(2, 1, 3, 8, 8), torch.randn(2, 1, 3, 8, 8)
    found = blend(torch.cat([painted, others.expand(-1, 3, -1, -1, -1)], dim=1), torch.zeros(1, 90))
    share = np.exp(2) / (np.exp(2) + 3)
    torch.testing.assert_close(found, share * painted[:, 0] + (1 - share) * others[:, 0])
    assert SUMMARY == 90


def test_what_is_hidden_of_a_prompt_teaches_nothing() -> None:
    network = _network()
    images, targets, queries = _canvas(1)
    images = torch.cat([images, queries[:1]], dim=2)
    masked = torch.zeros(1, 128)
    masked[:, 64:] = 1
    masked[:, :20] = 1
    other = torch.cat([targets, torch.zeros_like(targets)], dim=2)
    changed = other.clone()
    changed[:, :, :8] = 7.0  # the first two rows of patches
    first, second = (network(images, one, masked)[:, :, 32:] for one in (other, changed))
    torch.testing.assert_close(first, second)


def test_the_filter_stays_exact_where_halves_do_the_work() -> None:
    images, targets, queries = _canvas(1)
    whole = candidates(queries, queries, pair_filter(images, targets))
    with torch.autocast("cpu", torch.bfloat16):
        halves = candidates(queries, queries, pair_filter(images, targets))
    assert torch.equal(whole, halves)


def test_gradients_reach_the_blend_and_the_network() -> None:
    network = _network().requires_grad_(True)
    images, targets, queries = _canvas(1)
    _whole(network, images, targets, queries[:1]).square().mean().backward()
    for part in (network.blend, network.detail):
        assert part is not None
        assert all(p.grad is not None and p.grad.isfinite().all() for p in part.parameters())


def test_sizes_are_read_from_shapes(tmp_path: Path) -> None:
    network = _network()
    assert config_from_shapes(network.state_dict(), 0, (1, 2)) == BLENDED
    save_network(network, tmp_path / "small.safetensors", half=False)
    assert read_network(tmp_path / "small.safetensors", "painter").config == BLENDED


def test_a_blend_of_another_rank_is_refused() -> None:
    tensors = dict(_network().state_dict())
    tensors["blend.stem.weight"] = torch.zeros(8)
    with pytest.raises(WeightsError, match=r"blend\.stem\.weight has shape"):
        config_from_shapes(tensors, 0, (1, 2))


def test_the_blend_is_off_as_published() -> None:
    assert PainterNetwork(PainterConfig(width=8, heads=1, hidden=8, depth=24)).blend is None


def test_a_patch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        replace(CONFIG, patch=6, detail=0, blend=(8, 8))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pictures_of_any_size_are_answered(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "small.safetensors"
    save_network(_network(), path, half=False, notes={"fit": "pad"})
    learner = icl.load("painter", weights=path, device="cpu", dtype=dtype)
    random = np.random.default_rng(0)
    shown = random.integers(0, 256, (21, 30, 3), dtype=np.uint8)
    for size in ((1, 1), (5, 32), (70, 33)):
        query = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        answer = icl.predict(learner, [icl.Example(shown, 255 - shown)], query)
        assert answer.image.shape == query.shape
        assert np.isfinite(answer.canvas).all()
