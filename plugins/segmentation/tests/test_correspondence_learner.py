"""The learner `correspondence`: its promises on drawn pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import icl_core as icl
from icl_core.errors import InputError, OfflineError, WeightsError
from icl_core.results.label_map import LabelMap
from icl_core.testing import check_plugin
from icl_segmentation.correspondence.backbone import build_features
from icl_segmentation.metrics import class_mean_iou
from icl_segmentation.sam.build import Sam
from icl_segmentation.sam.image_encoder import EncoderSizes

TINY = "test_vit"


@pytest.fixture(scope="module")
def learner() -> icl.Learner:
    return icl.load("correspondence", device="cpu", image_size=128)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny timm transformer with seeded weights, as timm publishes its own."""
    return saved(TINY, tmp_path_factory.mktemp("vit"))


def saved(name: str, folder: Path) -> Path:
    model = timm.create_model(name)
    rng = torch.Generator().manual_seed(7)
    tensors = {
        key: 1 + 0.1 * torch.randn(t.shape, generator=rng)
        if t.ndim == 1 and key.endswith("weight")
        else torch.randn(t.shape, generator=rng) * max(t[0].numel(), 1) ** -0.5
        for key, t in model.state_dict().items()
    }
    tensors["pos_embed"] *= 80  # so that position shows in the features
    save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


def scene(*blobs: tuple[tuple[int, int, int], int, int], seed: int = 0) -> np.ndarray:
    """A grey picture with noise and coloured squares of 20 pixels."""
    noise = np.random.default_rng(seed).integers(-12, 12, (72, 96, 3))
    image = np.full((72, 96, 3), 120)
    for colour, top, left in blobs:
        image[top : top + 20, left : left + 20] = colour
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def square(top: int, left: int) -> np.ndarray:
    mask = np.zeros((72, 96), bool)
    mask[top : top + 20, left : left + 20] = True
    return mask


RED, BLUE = (200, 40, 40), (40, 60, 200)


def iou(answer: icl.Segmentation, truth: np.ndarray) -> float:
    return class_mean_iou(answer, truth)["iou"]


def test_the_contract_is_kept() -> None:
    results = check_plugin("correspondence", options={"image_size": 64})
    failed = {name: found for name, found in results.items() if found != "PASSED"}
    assert not failed, failed


def test_the_contract_is_kept_with_a_transformer(vit: Path) -> None:
    options = {"backbone": TINY, "backbone_weights": vit, "image_size": 160}
    results = check_plugin("correspondence", options=options)
    failed = {name: found for name, found in results.items() if found != "PASSED"}
    assert not failed, failed


def test_the_same_thing_is_found_elsewhere(learner: icl.Learner) -> None:
    context = [(scene((RED, 10, 10), (BLUE, 40, 60)), square(10, 10))]
    query = scene((RED, 44, 66), (BLUE, 8, 12), seed=1)
    answer = icl.predict(learner, context, query)
    assert iou(answer, square(44, 66)) > 0.7
    assert 0.3 < answer.score <= 1
    assert answer.logits.dtype == np.float32 and np.array_equal(answer.mask, answer.logits > 0)


def test_a_palette_mask_gives_a_label_map(learner: icl.Learner) -> None:
    ids = np.zeros((72, 96), np.uint8)
    ids[square(10, 10)], ids[square(40, 60)] = 3, 7
    context = [(scene((RED, 10, 10), (BLUE, 40, 60)), ids)]
    answer = icl.predict(learner, context, scene((RED, 40, 14), (BLUE, 12, 62), seed=2))
    assert isinstance(answer, LabelMap) and answer.ids == (3, 7)
    red, blue = (answer.labels == n for n in (3, 7))
    assert iou(red, square(40, 14)) > 0.6 and iou(blue, square(12, 62)) > 0.6  # type: ignore[arg-type]


def test_shots_add_up_and_negatives_take_away(learner: icl.Learner) -> None:
    query = scene((RED, 44, 66), (BLUE, 8, 12), seed=1)
    both = square(44, 66) | square(8, 12)
    red = icl.Example(scene((RED, 10, 10)), square(10, 10))
    blue = icl.Example(scene((BLUE, 40, 30)), square(40, 30))
    two = icl.predict(learner, [red, blue], query)
    assert iou(two, both) > 0.7
    refused = icl.Example(blue.input, blue.output, {"negative": True})
    one = icl.predict(learner, [red, refused], query)
    assert iou(one, square(44, 66)) > 0.7
    with pytest.raises(InputError, match="shows an object"):
        icl.predict(learner, [refused], query)


def test_order_of_shots_does_not_matter(learner: icl.Learner) -> None:
    shots = [icl.Example(scene((RED, t, t), seed=t), square(t, t)) for t in (4, 20, 36)]
    query = scene((RED, 30, 60), seed=9)
    first = icl.predict(learner, shots, query)
    again = icl.predict(learner, shots[::-1], query)
    np.testing.assert_allclose(first.logits, again.logits, atol=1e-3)


def test_a_video_is_followed_lazily(learner: icl.Learner) -> None:
    places = [(10, 10), (14, 20), (20, 32), (26, 46)]
    frames = [scene((RED, *place), seed=n) for n, place in enumerate(places)]
    context = [(frames[0], square(*places[0]))]
    answers = icl.predict(learner, context, icl.Video(frames))
    for answer, place in zip(answers, places, strict=True):
        assert iou(answer, square(*place)) > 0.7
    prepared = learner.prepare(context)
    lazily = learner.follow(prepared, icl.Video(frames))  # type: ignore[attr-defined]
    assert np.array_equal(next(lazily).mask, answers[0].mask)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (300, 3), (700, 900)])
def test_any_size_is_answered_at_its_own(learner: icl.Learner, size: tuple[int, int]) -> None:
    query = np.full((*size, 3), 90, np.uint8)
    answer = icl.predict(learner, [(scene((RED, 10, 10)), square(10, 10))], query)
    assert answer.mask.shape == size and np.isfinite(answer.logits).all()


def test_a_context_of_one_pixel_or_of_object_alone_is_answered(learner: icl.Learner) -> None:
    query = scene((RED, 30, 40))
    whole = np.ones((72, 96), bool)
    for context in ([(query[:1, :1], whole[:1, :1])], [(query, whole)]):
        answer = icl.predict(learner, context, query)
        assert np.isfinite(answer.logits).all() and 0 <= (answer.score or 0) <= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"colour": 1}, "has no option 'colour'"),
        ({"backbone": "resnext_of_nobody"}, "timm has no model"),
        ({"backbone": 3}, "backbone is 3"),
        ({"backbone_weights": "x.pth"}, "colour-texture has no weights"),
        ({"image_size": 130}, "multiple of 4"),
        ({"image_size": True}, "multiple of 4"),
        ({"edges": "yes"}, "edges is 'yes'"),
        ({"debias": True}, "knows no position"),
        ({"sam_type": "vit_z"}, "sam_type is 'vit_z'"),
        ({"weights": "x.pth"}, "needs no weights"),
    ],
)
def test_options_are_checked(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        icl.load("correspondence", **options)


def test_weights_are_checked(vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        icl.load("correspondence", backbone=TINY, backbone_weights=tmp_path / "none.pth")
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="fit"):
        icl.load("correspondence", backbone=TINY, backbone_weights=tmp_path / "other.safetensors")
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(OfflineError):
        icl.load("correspondence", backbone="test_vit2.r160_in1k")


def test_the_network_has_the_released_names(vit: Path) -> None:
    loaded = icl.load("correspondence", backbone=TINY, backbone_weights=vit)
    names = set(timm.create_model(TINY, num_classes=0).state_dict())
    assert set(loaded.network.state_dict()) == names
    assert not loaded.network.training


def test_official_names_of_dinov2_load(tmp_path: Path) -> None:
    name = "vit_small_patch14_dinov2"
    tensors = load_file(saved(name, tmp_path))
    save_file({**tensors, "mask_token": torch.zeros(1, 384)}, tmp_path / "official.safetensors")
    features = build_features(name, tmp_path / "official.safetensors", 56)
    assert features.side == 56
    assert features(torch.zeros(1, 3, 56, 56)).shape == (1, 384, 4, 4)


def test_position_is_removed_by_default_from_a_transformer(vit: Path) -> None:
    context = [(scene((RED, 10, 10)), square(10, 10))]
    query = scene((RED, 40, 60), seed=1)
    options = {"backbone": TINY, "backbone_weights": vit}
    without, kept = (icl.load("correspondence", **options, **o) for o in ({}, {"debias": False}))
    found, other = (icl.predict(one, context, query).logits for one in (without, kept))
    assert not np.array_equal(found, other)


def test_sam_refines_only_where_it_agrees(tmp_path: Path) -> None:
    sizes = EncoderSizes(width=16, depth=1, heads=2, global_blocks=(0,), window=0, image_size=128)
    sam = Sam(sizes)
    rng = torch.Generator().manual_seed(0)
    tensors = {k: 0.05 * torch.randn(t.shape, generator=rng) for k, t in sam.state_dict().items()}
    save_file(tensors, tmp_path / "sam.safetensors")
    loaded = icl.load("correspondence", image_size=128, sam_weights=tmp_path / "sam.safetensors")
    plain = icl.load("correspondence", image_size=128)
    context = [(scene((RED, 10, 10)), square(10, 10))]
    query = scene((RED, 44, 66), seed=1)
    answer = icl.predict(loaded, context, query)
    assert answer.mask.shape == query.shape[:2] and np.isfinite(answer.logits).all()
    # Random weights agree with nothing, so the answer stays that of the correspondence.
    assert np.array_equal(answer.logits, icl.predict(plain, context, query).logits)
