"""The branch at full resolution, and pictures that keep their scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import icl_core as icl
from icl_core.errors import WeightsError
from icl_painting.canvas import fitted, inside
from icl_painting.network.checkpoint import read_network, save_network
from icl_painting.network.config import PainterConfig, config_from_shapes
from icl_painting.network.inference import Engine
from icl_painting.network.network import PainterNetwork

CONFIG = PainterConfig(
    width=32,
    heads=2,
    hidden=48,
    depth=3,
    patch=4,
    grid=(16, 8),
    table=4,
    decoder_width=4,
    merge=0,
    taps=(1, 2),
    detail=8,
)


def _network() -> PainterNetwork:
    random = torch.Generator().manual_seed(3)
    network = PainterNetwork(CONFIG)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.15, generator=random)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize("count", [1, 2])
def test_the_engine_equals_the_network(side: int, count: int) -> None:
    network, engine = _network(), Engine(_network())
    random = torch.Generator().manual_seed(4)
    images, targets = (torch.randn(count, 3, side, side, generator=random) for _ in range(2))
    query = torch.randn(1, 3, side, side, generator=random)
    below = torch.zeros(1, 2 * (side // 4) ** 2)
    below[:, below.shape[1] // 2 :] = 1
    whole = network(
        torch.cat([images, query.expand_as(images)], dim=2),
        torch.cat([targets, torch.zeros_like(targets)], dim=2),
        below,
        ensemble=count > 1,
    )
    answer = engine.paint(engine.prepare(images, targets), query)
    torch.testing.assert_close(answer[0], whole[0, :, side:], rtol=1e-3, atol=1e-4)


def test_a_new_branch_paints_the_query() -> None:
    network = _network()
    detail = network.detail
    assert detail is not None
    detail.start_as_query()
    query, painted = torch.randn(2, 3, 8, 8), torch.zeros(2, 3, 8, 8)
    answer = detail(query, torch.randn(2, 4, 8, 8), torch.randn(2, 32), painted)
    torch.testing.assert_close(answer, query)


def test_sizes_are_read_from_shapes(tmp_path: Path) -> None:
    network = _network()
    assert config_from_shapes(network.state_dict(), 0, (1, 2)) == CONFIG
    save_network(network, tmp_path / "small.safetensors", half=False)
    read = read_network(tmp_path / "small.safetensors", "painter")
    assert read.config == CONFIG
    for name, tensor in network.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor)


def test_the_branch_is_off_as_published() -> None:
    assert PainterNetwork(PainterConfig(width=8, heads=1, hidden=8, depth=24)).detail is None


def test_a_branch_of_another_rank_is_refused() -> None:
    tensors = dict(_network().state_dict())
    tensors["detail.stem.weight"] = torch.zeros(8)
    with pytest.raises(WeightsError, match=r"detail\.stem\.weight has shape"):
        config_from_shapes(tensors, 0, (1, 2))


def test_pictures_keep_their_scale() -> None:
    picture = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    square = fitted(picture, 8)
    assert inside(picture.shape, 8) == (6, 4)
    np.testing.assert_array_equal(square[:6, :4], picture / 255)
    np.testing.assert_array_equal(square[6:, :4], picture[5:3:-1] / 255)
    np.testing.assert_array_equal(square[:6, 4:], picture[:, ::-1] / 255)
    large = np.zeros((20, 10, 3), np.uint8)
    assert inside(large.shape, 8) == (8, 4)
    assert fitted(large, 8).shape == (8, 8, 3)


def test_answers_are_cut_to_the_query(tmp_path: Path) -> None:
    network = _network()
    assert network.detail is not None
    network.detail.start_as_query()
    with torch.no_grad():
        network.decoder_pred[3].weight.zero_()
        network.decoder_pred[3].bias.zero_()
    path = tmp_path / "small.safetensors"
    save_network(network, path, half=False, notes={"fit": "pad"})
    learner = icl.load("painter", weights=path, device="cpu")
    query = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    context = [icl.Example(query, query)]
    answer = icl.predict(learner, context, query)
    np.testing.assert_array_equal(answer.image, query)
    assert answer.canvas.shape == (3, 21, 30)
    np.testing.assert_array_equal(icl.predict(learner, context, query, tile=16).image, query)
    squashed = icl.load("painter", weights=path, device="cpu", fit="squash")
    assert icl.predict(squashed, context, query).canvas.shape == (3, 32, 32)


def test_an_unknown_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_network(_network(), path, half=False, notes={"fit": "crop"})
    with pytest.raises(WeightsError, match="fit 'crop'"):
        icl.load("painter", weights=path, device="cpu")
