"""What the trainer is fed: pairs, augmentation, masks, sources, the mixture."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))

from stitched import augment, masking
from stitched.feed import Batch, Feed, Stitcher, collate, stream
from stitched.pairs import POSE, Pair, handling, loss_weights
from stitched.sources import Drawn, Episodes, Listed, Photographs, open_source

import icl_core as icl
from icl_core.errors import InputError

SIDE, PATCH = 32, 8


def picture(seed: int, height: int = 40, width: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (height, width, 3), dtype=np.uint8)


# Pairs


def test_types_are_handled_by_the_words_in_their_names() -> None:
    smooth, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    expected = {  # target filter, crop, flip, jitter, second crop
        "nyuv2_image2depth": (smooth, True, True, True, True),
        "ade20k_image2semantic": (nearest, True, True, True, True),
        "coco_image2panoptic_inst": (nearest, False, False, False, False),
        "coco_image2panoptic_sem_seg": (nearest, True, True, True, True),
        "coco_image2pose": (smooth, False, False, False, False),
        "ssid_image2denoise": (nearest, True, True, True, True),
        "drawn-noise": (smooth, False, True, False, False),
    }
    for name, (target, *flags) in expected.items():
        found = handling(name)
        assert (found.input_filter, found.target_filter) == (smooth, target), name
        assert [found.crop, found.flip, found.jitter, found.second_crop] == flags, name


def test_values_count_as_the_recipe_says() -> None:
    target = np.zeros((20, 20, 3), np.float32)
    target[:10] = 0.5
    assert loss_weights(target, "lol_image2enhance").all()
    for name in ("nyuv2_image2depth", "ade20k_image2semantic", "coco_image2panoptic_sem_seg"):
        weights = loss_weights(target, name)
        assert (weights[:10] == 1).all() and (weights[10:] == 0).all()
    pose = loss_weights(target, "coco_image2pose")
    assert (pose[:10] == POSE).all() and (pose[10:] == 1).all()
    assert (loss_weights(target, "coco_image2panoptic_inst") == 1).all()
    target[:] = 0
    target[0, :20] = 0.5  # 60 values
    for name in ("coco_image2pose", "coco_image2panoptic_inst"):
        assert (loss_weights(target, name) == 0).all()


# Augmentation and masks


def test_input_and_target_are_cropped_and_flipped_alike() -> None:
    down, across = np.mgrid[:40, :60]
    shown = np.repeat((2 * down + 2 * across + 20).astype(np.uint8)[..., None], 3, axis=2)
    for seed in range(12):
        pair = Pair(shown, shown, "pictures")
        canvas = Stitcher(SIDE, PATCH, half=seed % 2)(pair, pair, np.random.default_rng(seed))
        assert canvas.images.shape == canvas.targets.shape == (2 * SIDE, SIDE, 3)
        # The jitter changes the brightness of a grey picture by a line: places stay.
        for half in (slice(0, 16), slice(-16, None)):
            one, other = (c[half].astype(float).ravel() for c in (canvas.images, canvas.targets))
            assert np.corrcoef(one, other)[0, 1] > 0.85
    exact = Pair(picture(0)[:SIDE, :SIDE], picture(0)[:SIDE, :SIDE], "drawn-any")
    canvas = Stitcher(SIDE, PATCH)(exact, exact, np.random.default_rng(0))
    assert np.array_equal(canvas.images, canvas.targets)


def test_crops_keep_to_share_and_aspect() -> None:
    for seed in range(50):
        box = augment.random_box(np.random.default_rng(seed), (200, 300))
        wide, high = box.right - box.left, box.bottom - box.top
        assert 0.28 < wide * high / 60_000 <= 1.01 and 0.73 < wide / high < 1.36
        assert 0 <= box.left and box.right <= 300 and 0 <= box.top and box.bottom <= 200
    middle = augment.random_box(np.random.default_rng(0), (10, 900))
    assert middle.right - middle.left == 13 and middle.bottom - middle.top == 10


@pytest.mark.parametrize("grid", [(56, 28), (16, 8), (4, 2)])
def test_blocks_hide_exactly_half(grid: tuple[int, int]) -> None:
    seen = []
    for seed in range(8):
        hidden = masking.blocks(np.random.default_rng(seed), grid)
        assert hidden.shape == (grid[0] * grid[1],) and hidden.sum() == hidden.size // 2
        seen.append(hidden)
    assert any(not np.array_equal(seen[0], other) for other in seen[1:])
    # Neighbours agree much more often than by chance: these are blocks.
    if grid[0] > 8:
        maps = [hidden.reshape(grid) for hidden in seen]
        assert np.mean([(m[:, 1:] == m[:, :-1]).mean() for m in maps]) > 0.75
    half = masking.lower_half(grid).reshape(grid)
    assert half[grid[0] // 2 :].all() and not half[: grid[0] // 2].any()


def test_half_masks_come_as_often_as_asked() -> None:
    pair = Pair(picture(0, SIDE, SIDE), picture(0, SIDE, SIDE), "drawn-any")
    lower = masking.lower_half((8, 4))
    for half in (0.0, 0.25, 1.0):
        stitch = Stitcher(SIDE, PATCH, half)
        found = [stitch(pair, pair, np.random.default_rng(n)).hidden for n in range(200)]
        assert np.mean([np.array_equal(h, lower) for h in found]) == pytest.approx(half, abs=0.08)


# Sources


@pytest.mark.parametrize("task", ["noise", "colours", "mask-by-colour", "mask-by-shape", "fill"])
def test_prompt_and_query_show_the_same_task(task: str) -> None:
    source = Drawn(task, 48)
    for seed in range(6):
        prompt, query = source.draw(np.random.default_rng(seed), held_out=False)
        assert prompt.type == query.type == f"drawn-{task}"
        assert not np.array_equal(prompt.input, query.input)
        for pair in (prompt, query):
            assert pair.input.shape == pair.target.shape == (48, 48, 3)
            assert pair.input.dtype == pair.target.dtype == np.uint8
        if task.startswith("mask"):
            colours = [np.unique(p.target.reshape(-1, 3), axis=0) for p in (prompt, query)]
            assert len(colours[0]) == 2 and np.array_equal(*colours)


def test_partners_of_a_list_are_of_the_same_type(tmp_path: Path) -> None:
    rows = []
    for n in range(6):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
        Image.fromarray(np.full((40, 60, 3), 40 * n, np.uint8)).save(tmp_path / f"t{n}.png")
        kind = "a_image2semantic" if n < 3 else "b_image2depth"
        rows.append({"image_path": f"{n}.png", "target_path": f"t{n}.png", "type": kind})
    (tmp_path / "list.json").write_text(json.dumps(rows))
    source = open_source({"kind": "list", "file": str(tmp_path / "list.json")}, SIDE)
    seen = set()
    for seed in range(30):
        prompt, query = source.draw(np.random.default_rng(seed), held_out=False)
        assert prompt.type == query.type
        assert (prompt.target[0, 0, 0] < 120) == (query.target[0, 0, 0] < 120)
        seen.add((int(prompt.target[0, 0, 0]), int(query.target[0, 0, 0])))
    assert len(seen) > 8
    with pytest.raises(InputError, match="cannot be read as a list"):
        Listed(str(tmp_path / "0.png"), SIDE)


def test_labels_get_the_same_random_colours_in_both_pairs(tmp_path: Path) -> None:
    rows = []
    for n in range(4):
        labels = np.zeros((20, 20), np.uint8)
        labels[:8] = 7 if n % 2 else 9
        labels[12:] = 3
        Image.fromarray(picture(n, 20, 20)).save(tmp_path / f"{n}.png")
        Image.fromarray(labels).save(tmp_path / f"t{n}.png")
        rows.append({"image_path": f"{n}.png", "target_path": f"t{n}.png", "type": "semantic"})
    (tmp_path / "list.json").write_text(json.dumps(rows))
    source = Listed(str(tmp_path / "list.json"), SIDE, random_colours=True)
    shades = set()
    for seed in range(5):
        prompt, query = source.draw(np.random.default_rng(seed), held_out=False)
        assert np.array_equal(prompt.target[-1, 0], query.target[-1, 0])
        assert not prompt.target[10].any() and prompt.target[-1].any()
        shades.add(tuple(prompt.target[-1, 0].tolist()))
    assert len(shades) == 5


def test_photographs_and_episodes_are_read(tmp_path: Path) -> None:
    for n in range(40):
        Image.fromarray(picture(n, 50, 70)).save(tmp_path / f"{n:02}.png")
    source = Photographs(str(tmp_path), "noise", SIDE)
    trained, kept = source._keys
    assert len(kept) == 2 and not set(trained) & set(kept)
    prompt, query = source.draw(np.random.default_rng(0), held_out=True)
    assert prompt.target.shape == query.input.shape == (SIDE, SIDE, 3)
    with pytest.raises(InputError, match="needs drawn pictures"):
        Photographs(str(tmp_path), "mask-of-all", SIDE)
    episodes = Episodes(f"{__name__}:some_episodes", str(tmp_path), SIDE)
    prompt, query = episodes.draw(np.random.default_rng(0), held_out=False)
    assert prompt.type == query.type == "image2mask"
    assert np.array_equal(prompt.target[0, 0], query.target[0, 0]) and prompt.target[0, 0].any()
    assert not prompt.target[-1].any()


def some_episodes(folder: str) -> Sequence[icl.Episode]:
    mask = np.zeros((40, 60), bool)
    mask[:20] = True
    example = icl.Example(picture(0), mask)
    return [icl.Episode(icl.Context((example,)), picture(1), mask)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "video"}, "expected one of drawn"),
        ({"kind": "drawn", "task": "dance"}, "'dance' is unknown"),
        ({"kind": "drawn", "task": "noise", "sigma": 3}, "does not take its options"),
    ],
)
def test_a_bad_source_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_source(options, SIDE)


def test_batches_depend_on_their_number_alone() -> None:
    def drawn(first: int, workers: int) -> list[Batch]:
        sources = [Drawn("noise", SIDE), Drawn("mask-of-all", SIDE)]
        return list(stream(Feed(sources, [3, 1], Stitcher(SIDE, PATCH), 3, 7), first, 4, workers))

    whole = drawn(0, 0)
    for other in (drawn(0, 1), drawn(2, 0)):
        for one, two in zip(whole[-len(other) :], other, strict=True):
            assert one.types == two.types
            assert all(torch.equal(a, b) for a, b in zip(one[:4], two[:4], strict=True))
    assert {kind for batch in whole for kind in batch.types} == {"drawn-noise", "drawn-mask-of-all"}


def test_what_is_measured_is_not_trained_on() -> None:
    feed = Feed([Drawn("noise", SIDE)], [1], Stitcher(SIDE, PATCH), 2, 0)
    first, again = feed.held_out(0, 3), feed.held_out(0, 3)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.images, other.images)
    batch, held = feed[0], collate(first)
    assert not any(torch.equal(a, b) for a in batch.targets for b in held.targets)
    assert torch.equal(held.masked, torch.tensor([[0.0] * 16 + [1.0] * 16] * 3))
