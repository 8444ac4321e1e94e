"""Painter through its public road, from files to answers, against the released scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import icl_core as icl
from icl_painting.canvas import colours, small_square
from icl_painting.tasks.depth import paint_depth

Golden = Callable[[str], dict[str, np.ndarray]]
NAME = "painter/thin_pipeline_tasks.npz"


@pytest.fixture(scope="module")
def stored(golden: Golden) -> dict[str, np.ndarray]:
    return golden(NAME)


@pytest.fixture(scope="module")
def weights(
    seeded: Callable[[Mapping[str, Any], int], dict[str, Tensor]],
    shapes: Callable[[str], dict[str, list[int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Stand-in weights of the thin network in the layout of the release."""
    path = tmp_path_factory.mktemp("painter") / "painter.pth"
    torch.save({"model": seeded(shapes("painter/thin_manifest.json"), 7)}, path)
    return path


def _answer(
    weights: Path, stored: dict[str, np.ndarray], output: Any = None, **options: Any
) -> Any:
    options = {"behaviour": "official", **options}
    learner = icl.load("painter", weights=weights, device="cpu", **options)
    output = stored["prompt_target"] if output is None else output
    return icl.predict(learner, [(stored["prompt_image"], output)], stored["query"])


def _same_levels(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for a level where rounding turns, on few values."""
    apart = np.abs(found.astype(np.int64) - expected)
    assert found.shape == expected.shape and apart.max() <= 1 and (apart > 0).mean() <= 0.005


def test_depth_is_that_of_the_released_script(weights: Path, stored: dict[str, np.ndarray]) -> None:
    prompt = stored["prompt_depth_mm"]
    small = small_square(paint_depth(prompt), 448)[::8, ::8, 0]
    _same_levels(small, stored["depth_target_resized_uint8_stride8"])
    answer = _answer(weights, stored, prompt, task="depth")
    _same_levels(np.round(answer.depth * 1000.0), stored["depth_out_mm"])
    exact = _answer(weights, stored, prompt, task="depth", behaviour="corrected")
    assert np.array_equal(exact.canvas, answer.canvas)
    assert np.abs(exact.depth * 1000.0 - stored["depth_out_mm"] - 0.5).max() <= 0.51


def test_labels_are_those_of_the_released_script(
    weights: Path, stored: dict[str, np.ndarray]
) -> None:
    answer = _answer(weights, stored, task="semantic")
    _same_levels(answer.image, stored["semseg_out_uint8"])
    assert answer.labels.min() >= 1
    rounded = _answer(weights, stored, task="semantic", behaviour="corrected")
    assert np.array_equal(rounded.canvas, answer.canvas)
    _within_a_level(rounded.image, answer.image)


def _within_a_level(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("task", ["derain", "low-light", "denoise"])
def test_restored_pictures_are_those_of_the_released_scripts(
    weights: Path, stored: dict[str, np.ndarray], task: str
) -> None:
    answer = _answer(weights, stored, task=task)
    _same_levels(answer.image, stored["restore_out_uint8"])
    unclipped = colours(answer.canvas, answer.image.shape[:2])
    assert np.abs(unclipped - stored["restore_out_unclipped"]).max() <= 1e-5


def test_keypoint_pictures_are_those_of_the_released_script(
    weights: Path, stored: dict[str, np.ndarray]
) -> None:
    answer = _answer(weights, stored, task="keypoints", flip=False)
    _same_levels(answer.image, stored["pose_out_uint8"])


def test_panoptic_pictures_are_those_of_the_released_scripts(
    weights: Path, stored: dict[str, np.ndarray]
) -> None:
    pair = (stored["prompt_target"], stored["prompt_target"])
    answer = _answer(weights, stored, pair, task="panoptic", image_size=448)
    _same_levels(answer.paintings[0], stored["semseg_out_uint8"])
    _same_levels(answer.paintings[1], stored["inst_out_uint8"])
    large = _answer(weights, stored, task="semantic", classes="coco", image_size=560)
    assert large.canvas.shape == (3, 560, 560)
    _same_levels(large.image, stored["pano_semseg560_out_uint8"])


def test_pictures_to_pictures_are_painted_as_in_the_released_scripts(
    weights: Path, stored: dict[str, np.ndarray]
) -> None:
    free = _answer(weights, stored)
    _same_levels(free.image, stored["restore_out_uint8"])
    flat = _answer(weights, stored, target_resize="nearest")
    assert not np.array_equal(flat.canvas, free.canvas)
