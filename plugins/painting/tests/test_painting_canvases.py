"""Canvases drawn on the device: the same damage as in the sources, windows, and whole batches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from canvases import damage, lessons
from canvases.bank import Bank
from canvases.baselines import (
    curves_applied,
    dct_denoised,
    filtered_by_pair,
    holes_filled,
    means_denoised,
)
from canvases.feed import TASKS, Feed
from canvases.recolour import draw_recolouring
from canvases.run import Recipe, Run
from canvases.splits import held_out, noise_group
from canvases.start import new_network
from canvases.windows import continue_mirrored, is_inside, mirrored, native_windows

from icl_painting.drawings import draw
from icl_painting.network.checkpoint import read_network
from icl_painting.network.config import PainterConfig
from icl_painting.sources import degradations

TINY = PainterConfig(
    width=32,
    heads=2,
    hidden=32,
    depth=2,
    patch=12,
    grid=(6, 3),
    table=4,
    decoder_width=8,
    merge=0,
    taps=(1,),
    detail=8,
)


def _photo(height: int = 48, width: int = 48) -> np.ndarray:
    picture = draw(np.random.default_rng(5), 64).picture
    return np.ascontiguousarray(picture[:height, :width])


def _tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float()


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(48, 48), (41, 48)])
def test_blur_equals_the_source(size: tuple[int, int]) -> None:
    picture = _photo(*size)
    kernels = damage.gaussian_kernels(torch.tensor([1.6]))
    found = _array(damage.blur(_tensor(picture), kernels))
    assert np.abs(found - degradations.blur(picture)).max() <= 1


def test_upscaling_equals_the_source_up_to_rounding() -> None:
    picture = _photo()
    place = torch.tensor([damage.FACTORS.index(4)])
    found = _array(damage.coarse(_tensor(picture), place))
    assert np.abs(found - degradations.coarse(picture)).mean() < 1


def test_grey_noise_and_low_light_equal_the_source() -> None:
    picture = _photo()
    values = _tensor(picture)
    random = torch.Generator().manual_seed(0)
    np.testing.assert_array_equal(_array(damage.grey(values)), degradations.grey(picture))
    none = torch.zeros(1)
    dark = damage.dark(values, torch.tensor([2.0]), torch.tensor([0.35]), none, random)
    truth = degradations.low_light(picture, np.random.default_rng(0), noise=0.0)
    np.testing.assert_array_equal(_array(dark), truth)
    noisy = damage.noise(values, torch.tensor([25.0]), random)
    other = degradations.gaussian_noise(picture, np.random.default_rng(0))
    spread = [np.std(one - picture.astype(float)) for one in (_array(noisy), other)]
    assert spread[0] == pytest.approx(spread[1], rel=0.03)
    assert noisy.min() >= 0
    assert noisy.max() <= 255


def test_recolouring_is_never_the_whole_negative() -> None:
    change = draw_recolouring(400, torch.Generator().manual_seed(0), torch.device("cpu"))
    negative = -torch.eye(3)
    assert not (change.matrix - negative).abs().amax(dim=(1, 2)).lt(0.05).any()
    pictures = _tensor(_photo()).expand(800, -1, -1, -1)[:, :, :4, :4]
    changed = change(pictures)
    assert torch.equal(changed[::2], changed[1::2])


def test_places_beyond_a_border_are_mirrored() -> None:
    found = mirrored(torch.tensor([-1.0, 0, 3, 4, 5]), torch.tensor(4.0))
    assert found.tolist() == [0, 0, 3, 3, 2]


def test_windows_at_the_own_scale_are_the_pixels() -> None:
    random = torch.Generator().manual_seed(1)
    pictures = torch.randint(256, (6, 3, 40, 40), generator=random, dtype=torch.uint8)
    windows = native_windows(torch.full((6, 2), 40.0), 12, random, plain=1.0)
    cut = windows.cut(pictures)
    for number in range(6):
        top, left = int(windows.top[number]), int(windows.left[number])
        part = pictures[number].flip(-1) if windows.flip[number] else pictures[number]
        torch.testing.assert_close(
            cut[number], part[:, top : top + 12, left : left + 12].float(), atol=1e-2, rtol=0
        )


def test_small_pictures_are_continued() -> None:
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    inside = torch.tensor([[2.0, 3.0]])
    found = continue_mirrored(picture, inside)[0, 0]
    assert found.tolist() == [[0, 1, 2, 2], [4, 5, 6, 6], [4, 5, 6, 6], [0, 1, 2, 2]]
    assert is_inside(inside, 4).sum() == 6


def test_what_is_held_out() -> None:
    assert noise_group("Sony_4-5_125_1600_toy_10") == "Sony_4-5_125_1600_toy"
    assert held_out("restore_realnoise", "Sony_4-5_125_1600_toy_10")
    assert held_out("eth80", "apple2-022-000")
    assert not held_out("eth80", "apple10-022-000")


def test_the_bank_leaves_out_what_is_missing(bank: Bank) -> None:
    drawn = 24
    assert len(bank.noisy) == len(bank.clean) == 2
    assert len(bank.sprites) == 1
    kept = [n for n in range(11) if not held_out("pascal_voc", f"p{n}")]
    assert len(bank.pictures) == len(kept) + drawn + 2
    assert float(bank.photo_share.sum()) == pytest.approx(1)
    assert int(bank.class_count.sum()) == len(bank.entry_picture)


@pytest.mark.parametrize("name", list(TASKS))
def test_each_task_gives_whole_numbers(bank: Bank, name: str) -> None:
    random = torch.Generator().manual_seed(0)
    pairs = TASKS[name][2](bank, 3, 36, random, torch.device("cpu"))
    for values in (pairs.inputs, pairs.targets):
        assert values.shape == (3, 2, 3, 36, 36)
        assert torch.equal(values, values.round().clamp(0, 255))
    assert pairs.valid.shape == (3, 2, 1, 36, 36)
    assert set(pairs.valid.unique().tolist()) <= {0.0, 1.0}


def test_edges_are_brightest_at_steps() -> None:
    picture = torch.zeros(1, 3, 20, 20)
    picture[..., 10:] = 200
    found = lessons.edge_picture(picture)
    assert found[0, 0, 5].argmax() in (9, 10)
    assert found[..., :5].max() == 0


def test_batches_repeat(bank: Bank) -> None:
    one, other = (Feed(bank, 12, 7).batch(3, 16, 36) for _ in range(2))
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.targets, other.targets)
    assert one.images.shape == (16, 3, 72, 36)
    assert one.masked.shape == (16, 18)
    assert len(one.task) == len(one.weight) == 16
    assert not torch.equal(one.images, Feed(bank, 12, 7).batch(4, 16, 36).images)


def test_a_run_learns_and_goes_on(bank: Bank, tmp_path: Path) -> None:
    recipe = Recipe(minutes=60.0, batch=8, sides=((0.0, 36),), warmup=5)

    def run() -> Run:
        return Run(new_network(TINY, 1), Feed(bank, 12, 1), recipe, tmp_path)

    first = run()
    for _ in range(3):
        first.update(0.0)
    first.save()
    for _ in range(2):
        first.update(0.5)
    second = run()
    assert second.restore()
    assert second.step == 3
    for _ in range(2):
        second.update(0.5)
    for name, weight in first.trained.items():
        torch.testing.assert_close(second.trained[name], weight)
    network = read_network(tmp_path / "weights.safetensors", "painter")
    assert network.config == TINY
    assert network.notes["fit"] == "pad"
    assert network.notes["training"]["updates"] == 3


def test_a_run_by_the_clock_writes_its_log(bank: Bank, tmp_path: Path) -> None:
    recipe = Recipe(minutes=0.01, batch=4, sides=((0.0, 24), (0.5, 36)))
    run = Run(new_network(TINY, 1), Feed(bank, 12, 1), recipe, tmp_path / "run")
    run.train(log_every=1)
    lines = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["side"] == 24
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_an_update_that_is_not_finite_is_left_out(bank: Bank, tmp_path: Path) -> None:
    recipe = Recipe(batch=4, sides=((0.0, 24),), rate=float("1e-3"))
    run = Run(new_network(TINY, 1), Feed(bank, 12, 1), recipe, tmp_path)
    run.update(0.0)
    before = {name: weight.detach().clone() for name, weight in run.trained.items()}
    run.feed.mean = run.feed.mean * float("nan")
    run.update(0.0)
    for name, weight in run.trained.items():
        assert torch.equal(weight, before[name])


def test_sizes_of_batches_follow_the_pixels() -> None:
    recipe = Recipe()
    assert [recipe.side(share) for share in (0.0, 0.49, 0.5, 0.9)] == [132, 132, 192, 264]
    assert recipe.size(132) == recipe.batch
    assert recipe.size(264) == recipe.batch / 4


def test_baselines_remove_noise() -> None:
    clean = _photo()
    noisy = degradations.gaussian_noise(clean, np.random.default_rng(0), sigma=20.0)

    def error(picture: np.ndarray) -> float:
        return float(np.mean((picture.astype(float) - clean) ** 2))

    assert error(dct_denoised(noisy, 20.0)) < 0.4 * error(noisy)
    assert error(means_denoised(noisy, 20.0)) < 0.4 * error(noisy)
    other = draw(np.random.default_rng(6), 64).picture
    shown = degradations.gaussian_noise(other, np.random.default_rng(1), sigma=20.0), other
    assert error(filtered_by_pair(shown, noisy, 72)) < 0.4 * error(noisy)


def test_baselines_apply_curves_and_fill_holes() -> None:
    steps = np.arange(20, 220, dtype=np.uint8).reshape(10, 20)
    picture = np.stack([steps, steps[::-1], steps.T.reshape(10, 20)], axis=-1)
    dark = (picture * 0.5).astype(np.uint8)
    found = curves_applied((dark, picture), np.ascontiguousarray(dark[:, ::-1]))
    assert np.abs(found.astype(int) - picture[:, ::-1]).max() <= 6
    even = np.full((9, 9, 3), 90, np.uint8)
    spoilt = even.copy()
    spoilt[3:6, 3:6] = 0
    assert np.array_equal(holes_filled(spoilt), even)
