"""The tableaux that the small SEGIC is trained on, and its training step."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from icl_core import Example
from icl_segmentation.segic.learner import SegicLearner
from icl_segmentation.segic.small import SmallSegic

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
from small_cases import SIZES, learner_of
from tableaux.draws import Draws, tied
from tableaux.mixture import PICTURES, Batch, Mixture, Questions, ask
from tableaux.pools import OUTSIDE, VOID, Atlas, Gallery, Labelled, cut_outs
from tableaux.trainee import batch_loss, task_logits
from tableaux.views import Pose, as_read, sample


def labelled(seed: int) -> Labelled:
    rows, columns = np.mgrid[:48, :64]
    image = np.stack([rows * 4, columns * 3, rows + columns + 9 * seed], axis=2).astype(np.uint8)
    labels = np.zeros((48, 64), np.uint8)
    labels[8:24, 10:30] = 1
    labels[30:44, 40:60] = 2
    return Labelled(image, labels)


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return Gallery([([labelled(n) for n in range(4)], 1.0, True)], "cpu")


def mixture(gallery: Gallery, seed: int = 0) -> Mixture:
    things = cut_outs([labelled(n) for n in range(4)])
    return Mixture(gallery, Atlas([(things, 0.5)], (6, 2), 0.5, "cpu"), (6, 2), seed)


def test_a_batch_depends_on_the_seed_and_its_number_alone(gallery: Gallery) -> None:
    first, again, other = (mixture(gallery, s).batch(4, 64, 4) for s in (1, 1, 2))
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.labels, again.labels)
    for one, two in zip(first.questions, again.questions, strict=True):
        assert torch.equal(one.target, two.target) and torch.equal(one.shown, two.shown)
    assert not torch.equal(first.pictures, other.pictures)


def test_pictures_are_finite_and_in_range(gallery: Gallery) -> None:
    batch = mixture(gallery).batch(0, 64, 6)
    assert batch.pictures.shape == (6 * PICTURES, 3, 64, 64)
    assert batch.pictures.min() >= 0 and batch.pictures.max() <= 1


def test_questions_are_about_what_their_examples_show(gallery: Gallery) -> None:
    batch = mixture(gallery).batch(0, 64, 6)
    for number, asked in zip((1, 2, 1, 2), batch.questions, strict=True):
        real = asked.weight > 0
        positive = asked.shown[real].any(-1).any(-1)
        assert real.any() and asked.reference.shape[1] == number
        assert positive[:, 0].all()
        if asked.other is not None:
            assert asked.other[real].any((1, 2)).all() and not positive[:, 1:].any()
            assert not (asked.other & asked.shown[:, 0])[real].any() or number == 2
        else:
            assert positive.all()
        same = asked.reference[real] // PICTURES == asked.target[real, None] // PICTURES
        assert same.all() and (asked.reference[real] != asked.target[real, None]).all()


def test_what_is_not_labelled_everywhere_is_never_asked_for_in_vain() -> None:
    labels = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    labels[0, 0, :8] = 1  # one picture alone shows it
    labels[0, 1, :8] = 2
    for complete, expected in ((True, True), (False, False)):
        found = [ask(Draws(0, n, "cpu"), labels, torch.tensor([complete]))[0] for n in range(8)]
        empty = [not one.truth[one.weight > 0].any() for one in found if (one.weight > 0).any()]
        assert any(empty) == expected


def test_void_and_outside_are_neither_asked_nor_counted() -> None:
    labels = torch.full((1, 3, 16, 16), VOID, dtype=torch.uint8)
    labels[:, :, :6], labels[:, :, 10:] = 3, OUTSIDE
    for asked in ask(Draws(0, 0, "cpu"), labels, torch.tensor([True])):
        assert asked.truth[asked.weight > 0][:, :6].all()
        assert not asked.counted[:, 6:].any()
        assert asked.known[:, :, :10].all() and not asked.known[:, :, 10:].any()


def test_a_view_as_read_is_the_picture_itself(gallery: Gallery) -> None:
    sizes = gallery.sizes[:1]
    pose = as_read(Draws(0, 0, "cpu"), sizes)
    pose = Pose(sizes.amax(1, keepdim=True).expand(1, 2) / 2, pose.extent.abs(), pose.turn)
    images, labels = sample(gallery, torch.tensor([0]), pose, 64)
    expected = gallery.pictures[0, :, :48, :64].float() / 255
    assert (labels[0, 48:] == OUTSIDE).all()
    assert torch.equal(labels[0, :48], gallery.labels[0, :48, :64])
    assert (images[0, :, 2:46, 2:62] - expected[:, 2:46, 2:62]).abs().max() < 0.05


def test_a_mirrored_view_shows_the_same_classes(gallery: Gallery) -> None:
    plain = as_read(Draws(0, 0, "cpu"), gallery.sizes)
    _, labels = sample(gallery, torch.arange(4), plain, 64)
    counts = [(labels == kind).sum((1, 2)) for kind in (1, 2)]
    assert all((count == count[0]).all() and count[0] > 0 for count in counts)


def test_negative_examples_are_background_alone(gallery: Gallery) -> None:
    questions = [mixture(gallery).batch(n, 64, 8).questions[3] for n in range(4)]
    real = [asked.shown[asked.weight > 0] for asked in questions]
    assert sum(len(one) for one in real) > 0
    assert not any(one[:, 1].any() for one in real)


def test_tied_draws_stay_near_the_first() -> None:
    values = torch.rand(3, 4, 2)
    near = tied(values, torch.tensor([0.0, 1.0, 100.0]), 0.1)
    assert torch.equal(near[0], values[0]) and torch.equal(near[2], values[2])
    assert torch.allclose(near[1] - near[1, :1], 0.1 * (values[1] - values[1, :1]))


def test_steps_lower_the_loss_of_their_batch(gallery: Gallery) -> None:
    torch.manual_seed(0)
    network, batch = SmallSegic(SIZES), mixture(gallery).batch(0, 64, 2)
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(8):
        loss = batch_loss(network, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05


@pytest.mark.parametrize("kind", ["one", "two", "negative"])
def test_what_is_trained_is_what_answers(tmp_path: Path, kind: str) -> None:
    learner = learner_of(tmp_path / "s.safetensors")
    assert isinstance(learner, SegicLearner)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    masks = np.zeros((3, 64, 64), bool)
    masks[0, 10:40, 8:30] = masks[1, 30:60, 20:64] = True
    shots = 1 if kind == "one" else 2
    negative = {"negative": True} if kind == "negative" else {}
    examples = [
        Example(picture, mask, meta=negative if number else {})
        for number, (picture, mask) in enumerate(zip(pictures[:shots], masks, strict=False))
    ]
    other = masks[1:2] if negative else None
    shown = masks[:shots].copy()
    if negative:
        shown[1] = False
    answer = learner.prepare(examples).predict(pictures[2])
    asked = Questions(
        target=torch.tensor([2]),
        reference=torch.arange(shots)[None],
        shown=torch.from_numpy(shown[None]),
        known=torch.ones(1, shots, 64, 64, dtype=torch.bool),
        truth=torch.zeros(1, 64, 64, dtype=torch.bool),
        counted=torch.ones(1, 64, 64, dtype=torch.bool),
        weight=torch.ones(1),
        other=None if other is None else torch.from_numpy(other),
        beside=None if other is None else torch.tensor([1]),
    )
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    batch = Batch(images, torch.zeros(3, 64, 64, dtype=torch.uint8), (asked,))
    with torch.inference_mode():
        trained = task_logits(learner.network.eval(), batch)[0]
    full = torch.nn.functional.interpolate(trained[None], (64, 64), mode="bilinear")[0, 0]
    np.testing.assert_allclose(answer.logits, full.numpy(), atol=2e-4)
