"""The trainer: losses, augmentations, episodes, schedules, and whole runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import icl_core as icl
from icl_core.errors import InputError

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
sys.path.append(str(Path(__file__).parent))

from episodic import augment, losses
from episodic.feed import Feed, Source, stream
from episodic.run import Run
from episodic.samples import DcSamSamples, Sample, SegicSamples, scene_of
from episodic.schedule import Recipe, Schedule
from training_cases import (
    batch_of,
    dcsam_trainee,
    equal,
    export,
    run,
    segic_trainee,
    train,
    weights,
)

# Losses


def test_point_loss_of_flat_maps_is_that_of_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def inner(logits: Tensor, generator: Any, points: int) -> Tensor:
        return 0.2 + 0.6 * torch.rand(len(logits), points, 2, generator=generator)

    monkeypatch.setattr(losses, "uncertain_points", inner)  # beyond the border all is 0
    levels = torch.tensor([-2.0, 0.5, 3.0])
    logits = levels[:, None, None].expand(3, 8, 8)
    ones = torch.ones(3, 32, 32)
    found = losses.point_loss(logits, ones, torch.zeros(32, 32), torch.Generator(), points=100)
    p = 1 / (1 + np.exp(-levels.double().numpy()))
    dice = 1 - (2 * 100 * p + 1) / (100 * p + 100 + 1)
    assert float(found) == pytest.approx(float((-np.log(p) + dice).sum()), abs=2e-4)


def test_point_loss_reads_maps_bilinearly_at_the_drawn_points() -> None:
    rng = torch.Generator().manual_seed(3)
    logits, targets = torch.randn(2, 6, 6, generator=rng), torch.rand(2, 24, 24, generator=rng)
    masks = (targets > 0.5).float()
    points = losses.uncertain_points(logits, torch.Generator().manual_seed(9), 40).numpy()
    found = losses.point_loss(
        logits, masks, torch.zeros(24, 24), torch.Generator().manual_seed(9), points=40
    )

    def read(grid: np.ndarray, x: float, y: float) -> float:
        size = len(grid)
        padded = np.pad(grid.astype(np.float64), 1)  # zeros around, as far as one cell
        column, row = x * size + 0.5, y * size + 0.5
        left, top = int(np.floor(column)), int(np.floor(row))
        a, b = column - left, row - top
        corners = padded[top : top + 2, left : left + 2]
        return float(np.array([1 - b, b]) @ corners @ np.array([1 - a, a]))

    total = 0.0
    for n in range(2):
        z = np.array([read(logits[n].numpy(), *p) for p in points[n]])
        t = np.array([read(masks[n].numpy(), *p) for p in points[n]])
        p = 1 / (1 + np.exp(-z))
        entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
        total += entropy + 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    assert float(found) == pytest.approx(total, abs=1e-4)


def test_three_quarters_of_the_points_are_the_most_uncertain_ones() -> None:
    ramp = torch.linspace(-5, 5, 64).expand(1, 64, 64)  # uncertain at x = 1/2
    points = losses.uncertain_points(ramp, torch.Generator().manual_seed(0), 400)
    assert points.shape == (1, 400, 2)
    away = (points[0, :, 0] - 0.5).abs()
    # The nearest quarter of 1200 uniform candidates lies within 1/8 of the middle; beyond the
    # border all is 0, so that a few come from there in the published draw as well.
    assert away[:300].quantile(0.9) < 0.16
    assert away[300:].max() > 0.4


def test_canvas_loss_is_that_of_a_case_by_hand() -> None:
    logits = torch.tensor([[[0.0, 2.0], [-1.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]]])
    targets = torch.tensor([[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])
    p, t = torch.sigmoid(logits).numpy(), targets.numpy()
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    both = [
        1 - (2 * (a * b).sum() + 1) / (a.sum() + b.sum() + 1) for a, b in zip(p, t, strict=True)
    ]
    found = losses.canvas_loss(logits, targets, torch.zeros(2, 2, 2))
    assert float(found) == pytest.approx(entropy + np.mean(both), abs=1e-6)


def test_ignored_pixels_have_no_part_in_the_losses() -> None:
    logits = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets, ignore = torch.zeros(1, 16, 16), torch.zeros(16, 16)
    ignore[:, 8:] = 1
    for targets_there in (0.0, 1.0):
        targets[:, :, 8:] = targets_there
        loss = losses.canvas_loss(logits, targets, ignore[None])
        (grad,) = torch.autograd.grad(loss, logits)
        assert (grad[..., 8:] == 0).all() and (grad[..., :8] != 0).all()
        loss = losses.point_loss(logits, targets, ignore, torch.Generator().manual_seed(1), 500)
        (grad,) = torch.autograd.grad(loss, logits)
        assert (grad[..., 9:] == 0).all() and (grad[..., :7] != 0).any()


# Augmentations


def scene(height: int = 60, width: int = 90) -> augment.Scene:
    """A picture whose object is bright, so that a mask can be checked against it."""
    mask = np.zeros((height, width), bool)
    mask[12:40, 20:60] = True
    image = np.where(mask[..., None], 240, 20).astype(np.uint8).repeat(3, axis=2)
    return augment.Scene(image, mask[None], np.zeros((height, width), bool))


def agree(found: augment.Scene) -> float:
    return float(((found.image[..., 0] > 130) == found.masks[0]).mean())


@pytest.mark.parametrize("seed", range(8))
def test_masks_follow_their_pictures(seed: int) -> None:
    jittered = augment.large_scale_jitter(scene(), 64, np.random.default_rng(seed))
    assert max(jittered.size) <= 64 and agree(jittered) > 0.94
    view = augment.random_resized_crop(scene(), 64, np.random.default_rng(seed))
    assert view.size == (64, 64) and agree(view) > 0.94
    long = augment.random_resized_crop(scene(60, 900), 64, np.random.default_rng(seed))
    assert long.size == (64, 64)
    again = augment.large_scale_jitter(scene(), 64, np.random.default_rng(seed))
    assert np.array_equal(again.image, jittered.image)


def test_jitter_spans_a_tenth_to_twice_the_square() -> None:
    rng = np.random.default_rng(0)
    widths = [augment.large_scale_jitter(scene(), 100, rng).size[1] for _ in range(60)]
    assert min(widths) < 30 and widths.count(100) > 20


def test_colours_change_and_the_neutral_jitter_does_not_change_them() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    changed = augment.colour_jitter(image, np.random.default_rng(1))
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - image).max() > 20
    same = augment.colour_jitter(image, np.random.default_rng(1), (0, 0, 0, 0))
    assert np.abs(same.astype(int) - image).max() < 12  # by way of hue and back


def test_a_mask_tube_holds_the_picture_and_four_changes_of_it() -> None:
    square = augment.resize(scene(), 64, 64)
    tube = augment.mask_tube(square, np.random.default_rng(3))
    assert len(tube) == 5 and all(frame.size == (64, 64) for frame in tube)
    assert all(agree(frame) > 0.96 for frame in tube)
    same = [n for n, frame in enumerate(tube) if np.array_equal(frame.image, square.image)]
    assert len(same) == 1
    orders = set()
    for seed in range(6):
        frames = augment.mask_tube(square, np.random.default_rng(seed))
        orders.add([np.array_equal(f.image, square.image) for f in frames].index(True))
    assert len(orders) > 1


def test_instance_episodes_are_two_views_of_all_objects(data: Path) -> None:
    ids = np.zeros((60, 90), np.uint8)
    ids[5:50, 5:40], ids[5:50, 45:85] = 3, 7
    image = np.full((60, 90, 3), 90, np.uint8)
    episode = icl.Episode(icl.Context((icl.Example(image, ids > 0),)), image, ids)
    counts = set()
    for seed in range(12):
        sample = SegicSamples(112)(episode, "instance", np.random.default_rng(seed))
        assert sample is not None and sample.text == "please segment the instances"
        (query,) = sample.queries
        assert query.masks.shape == sample.support.masks.shape
        assert (query.masks.sum((1, 2)) > 1).all()
        assert not torch.equal(query.masks, sample.support.masks)
        counts.add(len(query.masks))
    assert 2 in counts
    empty = icl.Episode(episode.context, image, np.zeros((60, 90), bool))
    for make, view in ((SegicSamples(56), "semantic"), (DcSamSamples(64), "tube")):
        assert make(empty, view, np.random.default_rng(0)) is None
    with pytest.raises(InputError, match="expected the size of its image"):
        scene_of(image, ids[:40])


# Episodes


def test_batches_depend_on_their_number_alone(source: str) -> None:
    mixed = [f"{source},weight=3", f"{source},view=instance,weight=1"]
    sources = [Source.parse(text, "segic") for text in mixed]

    def drawn(first: int, workers: int) -> list[list[Sample]]:
        feed = Feed(sources, SegicSamples(28), 2, seed=7)
        return list(stream(feed, first, 4, workers))

    whole = drawn(0, 0)
    for other in (drawn(0, 1), drawn(2, 0)):
        for one, two in zip(whole[-len(other) :], other, strict=True):
            for a, b in zip(one, two, strict=True):
                assert a.text == b.text
                assert torch.equal(a.support.image, b.support.image)
                assert torch.equal(a.queries[0].masks, b.queries[0].masks)
    texts = {sample.text for batch in whole for sample in batch}
    assert "a photo of a red box" in texts or "a photo of a blue box" in texts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fss-1000", "cannot be read"),
        ("fss-1000=here,view=tube", "expected one of semantic, instance"),
        ("fss-1000=here,weight=0", "expected one above 0"),
    ],
)
def test_a_bad_source_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Source.parse(text, "segic")


def test_a_source_is_told_of_options_that_it_does_not_take(source: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not take its options"):
        Source.parse(f"{source},fold=1", "segic").open()
    with pytest.raises(InputError, match="not there"):
        Source.parse(f"fss-1000={tmp_path / 'nowhere'}", "segic").open()


# Schedules


def test_rates_follow_the_published_schedules() -> None:
    step, cosine = (Schedule(120, None, decay) for decay in ("step", "cosine"))
    assert [step.factor(n, 0) for n in (0, 99, 100, 119)] == [1, 1, 0.1, 0.1]
    assert cosine.factor(0, 0) == 1 and cosine.factor(60, 0) == pytest.approx(0.5)
    assert 0 < cosine.factor(119, 0) < 1e-3
    assert Schedule(None, 10, "step").progress(3, 300) == 0.5
    assert Schedule(100, None, "step", warmup=4).factor(0, 0) == 0.25


# Runs


@pytest.mark.parametrize("learner", ["segic", "dcsam"])
def test_a_resumed_run_ends_like_one_that_was_not_interrupted(
    learner: str,
    source: str,
    segic_files: dict[str, Any],
    dcsam_files: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = segic_files if learner == "segic" else dcsam_files
    options = {"steps": 2, "batch": 1, "accumulate": 2 if learner == "segic" else 1, "average": 0.5}
    whole = run(learner, source, tmp_path / "whole", files, **options)
    original = Run.update

    def stop(self: Run, batches: Sequence[Sequence[Sample]]) -> float:
        if self.step == 1:
            raise KeyboardInterrupt
        return original(self, batches)

    monkeypatch.setattr(Run, "update", stop)
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        run(learner, source, cut, files, **options, checkpoint_seconds=0)
    monkeypatch.setattr(Run, "update", original)
    assert torch.load(cut / "last.pt", weights_only=True)["clock"][0] == 1
    resumed = run(learner, source, cut, files, **options)
    assert equal(weights(whole), weights(resumed))
    states = [torch.load(f / "last.pt", weights_only=True) for f in (whole, resumed)]
    assert states[0]["clock"][:3] == states[1]["clock"][:3] == [2, 2 * options["accumulate"], 0]
    assert equal(states[0]["trained"], states[1]["trained"])
    assert not equal(states[0]["trained"], states[0]["average"])
    assert sorted(p.name for p in resumed.iterdir()) == [
        "config.json", "last.pt", "log.jsonl", "weights.pth"
    ]  # fmt: skip
    with pytest.raises(InputError, match="is of a run with seed=0, and this one has seed=4"):
        run(learner, source, cut, files, **options, seed=4)


def test_an_update_without_finite_loss_is_skipped(source: str, segic_files: dict[str, Any]) -> None:
    trainee = segic_trainee(segic_files)
    own = Run(trainee, Recipe(1e-3, "step", 0.0, 1), Schedule(9, None, "step"), seed=0)
    batch = batch_of(source, "segic", trainee.samples, 1)
    before = {n: p.detach().clone() for n, p in own.trained.items()}
    query = batch[0].queries[0]
    broken = batch[0]._replace(queries=(query._replace(image=query.image * torch.nan),))
    assert np.isnan(own.update([[broken]])) and own.skipped == 1
    assert all(torch.equal(p, before[n]) for n, p in own.trained.items())
    assert np.isfinite(own.update([batch])) and own.step == 2


def test_bfloat16_is_close_to_float32(
    source: str, segic_files: dict[str, Any], dcsam_files: dict[str, Any]
) -> None:
    for make, files, learner in (
        (segic_trainee, segic_files, "segic"),
        (dcsam_trainee, dcsam_files, "dcsam"),
    ):
        found = []
        for amp in (False, True):
            trainee: Any = make(files, amp=amp)
            batch = batch_of(source, learner, trainee.samples, 1)
            loss = trainee.loss(batch, np.random.default_rng(0))
            assert loss.dtype == torch.float32
            found.append(float(loss.detach()))
        assert found[0] != found[1] and found[0] == pytest.approx(found[1], rel=0.05)


def test_the_command_says_what_is_wrong(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["segic", f"--source={source}", f"--out={tmp_path}", "--steps=0"]
    assert train.main(arguments) == 1
    assert "--steps is 0, expected at least 1" in capsys.readouterr().err
    assert train.main([*arguments[:3], "--steps=1", "--train=decoder"]) == 1
    assert "--train names 'decoder', expected some of backbone, text" in capsys.readouterr().err
    assert export.main(["--run", str(tmp_path), "--out", str(tmp_path / "x.safetensors")]) == 1
    assert "holds no checkpoint" in capsys.readouterr().err
