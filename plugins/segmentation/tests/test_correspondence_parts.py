"""The steps of training-free correspondence, each on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from icl_segmentation.correspondence.backbone import cells_of, square_of
from icl_segmentation.correspondence.colour_texture import ColourTexture, rgb_to_lab
from icl_segmentation.correspondence.enlarge import enlarge
from icl_segmentation.correspondence.evidence import (
    Prototypes,
    calibrate,
    grid_places,
    iou_threshold,
    log_ratio,
    place_ratio,
)
from icl_segmentation.correspondence.position import position_basis, without_position
from icl_segmentation.correspondence.refine import connected_parts
from icl_segmentation.correspondence.regions import hierarchy, vote

CPU = torch.device("cpu")


class Placed(nn.Module):
    """Features that are the mean colour of a patch plus a known code of its place."""

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength
        rng = torch.Generator().manual_seed(3)
        self.directions = torch.linalg.qr(torch.randn(8, 5, generator=rng))[0]

    def forward(self, squares: Tensor) -> Tensor:
        cells = nn.functional.avg_pool2d(squares, 4)
        rows, columns = cells.shape[-2:]
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        code = torch.stack([y / rows - 0.5, x / columns - 0.5]).expand(len(cells), 2, -1, -1)
        parts = torch.cat([self.strength * code, cells - 0.5], 1)
        return torch.einsum("cd,bdhw->bchw", self.directions, parts)


def test_directions_of_position_are_found_and_removed() -> None:
    network = Placed(strength=3.0)
    basis = position_basis(network, 32, CPU)
    assert basis.shape == (8, 2)
    known = network.directions[:, :2]
    torch.testing.assert_close(basis @ basis.T, known @ known.T, atol=0.02, rtol=0)
    same = network(torch.full((1, 3, 32, 32), 0.7))[0].flatten(1).T
    cleaned = without_position(same, basis)
    assert same.std(0).max() > 0.3 and cleaned.std(0).max() < 0.02


def test_features_without_position_keep_all_directions() -> None:
    assert position_basis(Placed(strength=0.0), 32, CPU).shape == (8, 0)


def prototypes(object_at: float = 3.0, pictures: int = 1) -> Prototypes:
    rng = torch.Generator().manual_seed(0)
    tokens = torch.randn(64 * pictures, 6, generator=rng)
    inside = torch.zeros(64 * pictures)
    inside[::4] = 1
    tokens[::4, 0] += object_at
    places = grid_places(8, 8, CPU).repeat(pictures, 1)
    numbers = torch.arange(pictures).repeat_interleave(64)
    return Prototypes(tokens, inside, 1 - inside, places, numbers)


def test_evidence_tells_object_from_background() -> None:
    known = prototypes()
    looks = torch.zeros(3, 6)
    looks[0, 0], looks[2] = 3, 50
    like, unlike, strange = log_ratio(looks, known).tolist()
    assert like > 0.5 and unlike < -0.2
    assert abs(strange + float(known.prior)) < 1e-3  # far from all: as many of each, none


def test_evidence_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    known = prototypes()
    whole = log_ratio(known.tokens, known)
    monkeypatch.setattr("icl_segmentation.correspondence.evidence.CHUNK", 64 * 3)
    torch.testing.assert_close(log_ratio(known.tokens, known), whole)


@pytest.mark.parametrize("pictures", [1, 3])
def test_examples_tell_what_evidence_is_worth(pictures: int) -> None:
    clear, offset = calibrate(prototypes(object_at=4.0, pictures=pictures))
    blind, _ = calibrate(prototypes(object_at=0.0, pictures=pictures))
    assert clear > 0.8 and blind < 0.6 * clear
    assert -4 < offset < 1


def test_a_tiny_object_falls_back_to_the_plain_ratio() -> None:
    known = prototypes()
    inside = torch.zeros(64)
    inside[9] = 0.1
    slope, _ = calibrate(Prototypes(known.tokens, inside, 1 - inside, known.places, known.pictures))
    assert 0.5 < slope < 1.5


def test_place_is_weak_evidence_and_excludes_nothing() -> None:
    places = grid_places(16, 16, CPU)
    inside = torch.zeros(256)
    inside[0:3] = 1
    odds = place_ratio(places, inside, 1 - inside, places)
    assert odds[0] > 1 and odds[0] > odds[40] > odds[255] > -2.5


def test_the_threshold_has_the_largest_expected_iou() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        p = rng.random(12).astype(np.float32) ** 3
        best = max(
            (p[p >= t].sum() / ((p >= t).sum() + p[p < t].sum()), float(t)) for t in np.unique(p)
        )
        threshold, expected = iou_threshold(torch.from_numpy(p))
        assert (expected, threshold) == pytest.approx(best)


def test_regions_are_nested_and_follow_the_features() -> None:
    halves = torch.zeros(8, 8, 2)
    halves[:, 4:, 0] = 10
    tokens = halves.reshape(64, 2) + 0.1 * torch.randn(64, 2, generator=torch.manual_seed(0))
    rounds = hierarchy(tokens, (8, 8))
    right = halves.reshape(64, 2)[:, 0] > 0
    counts = [64]
    finer = torch.arange(64)
    for labels in rounds:
        assert not set(labels[right].tolist()) & set(labels[~right].tolist())
        pairs = {(int(f), int(c)) for f, c in zip(finer, labels, strict=True)}
        assert len({f for f, _ in pairs}) == len(pairs)  # each finer region lies in one
        counts.append(len(labels.unique()))
        finer = labels
    assert counts == sorted(counts, reverse=True) and counts[-1] <= 16
    evidence = torch.where(right, 1.0, -1.0)
    evidence[36] = -1.0  # a hole
    voted = vote(evidence, tokens, (8, 8))
    assert voted[36] > -0.5 and voted[~right].max() < -0.99


def test_edges_of_the_picture_guide_the_answer() -> None:
    image = np.full((48, 60, 3), 40, np.uint8)
    image[:, 35:] = 220
    truth = np.zeros((48, 60), bool)
    truth[:, 35:] = True
    square = square_of(image, 32, CPU)
    coarse = cells_of(truth, (8, 8), CPU).reshape(8, 8) > 0.5
    logits = torch.where(coarse, 4.0, -4.0)
    guided, plain = (enlarge(logits, square, image, edges) > 0 for edges in (True, False))
    assert (guided != truth).sum() <= 48 < (plain != truth).sum()


def test_bands_of_a_large_picture_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (50, 41, 3), np.uint8)
    square = square_of(image, 32, CPU)
    logits = torch.randn(8, 8, generator=torch.Generator().manual_seed(2))
    whole = enlarge(logits, square, image)
    monkeypatch.setattr("icl_segmentation.correspondence.enlarge.BAND", 7)
    np.testing.assert_allclose(enlarge(logits, square, image), whole, atol=1e-5)
    assert enlarge(logits, square, image[:1, :1]).shape == (1, 1)


def test_colour_is_cie_lab() -> None:
    colours = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 0, 0]]).T.reshape(1, 3, 1, 3)
    lab = rgb_to_lab(colours)[0, :, 0].T
    expected = torch.tensor([[100.0, 0, 0], [53.24, 80.09, 67.20], [0, 0, 0]])
    torch.testing.assert_close(lab, expected, atol=0.05, rtol=0)


def test_the_descriptor_moves_with_the_picture() -> None:
    rng = torch.Generator().manual_seed(0)
    square = torch.rand(1, 3, 128, 128, generator=rng)
    network = ColourTexture()
    found = network(square)
    assert found.shape == (1, network.channels, 128 // network.stride, 128 // network.stride)
    moved = network(square.roll(network.stride, 3))
    inner = slice(12, -12) if network.stride == 4 else slice(7, -7)
    torch.testing.assert_close(
        moved.roll(-1, 3)[..., inner, inner], found[..., inner, inner], atol=1e-3, rtol=1e-3
    )
    flat = network(torch.full((1, 3, 128, 128), 0.3))
    assert flat.std((2, 3)).max() < 1e-4


def test_parts_are_connected_and_sorted_by_size() -> None:
    mask = torch.zeros(6, 9, dtype=torch.bool)
    mask[0:2, 0:2] = mask[2, 2] = mask[4:6, 5:9] = True
    parts = connected_parts(mask)
    assert [int(part.sum()) for part in parts] == [8, 5]
    assert connected_parts(torch.zeros(3, 3, dtype=torch.bool)) == []
