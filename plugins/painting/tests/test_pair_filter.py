"""The learner `pair-filter`."""

from __future__ import annotations

import numpy as np
import pytest

import icl_core as icl
from icl_core.testing import check_plugin
from icl_painting import filtering
from icl_painting.drawings import draw
from icl_painting.metrics.restoration import psnr
from icl_painting.sources.degradations import gaussian_noise


@pytest.fixture(scope="module")
def learner() -> icl.Learner:
    return icl.load("pair-filter", device="cpu")


def _drawn(seed: int, side: int = 96) -> np.ndarray:
    return np.ascontiguousarray(draw(np.random.default_rng(seed), side).picture)


def _noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    return gaussian_noise(clean, np.random.default_rng(seed))


def test_it_keeps_the_whole_contract() -> None:
    failed = [name for name, found in check_plugin("pair-filter").items() if found != "PASSED"]
    assert failed == []


def test_noise_is_removed_as_shown(learner: icl.Learner) -> None:
    clean, truth = _drawn(1), _drawn(2)
    query = _noisy(truth, 4)
    answer = icl.predict(learner, [(_noisy(clean, 3), clean)], query)
    assert psnr(answer.image, truth) > psnr(query, truth) + 5
    assert answer.canvas.shape == (3, 96, 96)
    assert np.abs(255 * answer.canvas.transpose(1, 2, 0) - answer.image).max() <= 0.51


def test_examples_of_other_sizes_are_read_together(learner: icl.Learner) -> None:
    first, second, truth = _drawn(1), _drawn(5, 64)[:40], _drawn(2)
    query = _noisy(truth, 4)
    examples = [(_noisy(one, 3), one) for one in (first, second)]
    answer = icl.predict(learner, examples, query)
    assert psnr(answer.image, truth) > psnr(query, truth) + 5


def test_a_large_query_in_parts_equals_the_whole(
    learner: icl.Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = learner.prepare([(_noisy(_drawn(1), 3), _drawn(1))])
    query = _noisy(_drawn(2, 128), 4)
    whole = prepared.predict(query).canvas
    monkeypatch.setattr(filtering, "ROWS", 30)
    np.testing.assert_allclose(prepared.predict(query).canvas, whole, atol=1e-5)


def test_of_a_large_example_the_telling_part_is_read(
    learner: icl.Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, truth = _drawn(1), _drawn(2)
    example = (
        np.pad(_noisy(clean, 3), ((0, 96), (96, 0), (0, 0))),
        np.pad(clean, ((0, 96), (96, 0), (0, 0))),
    )
    monkeypatch.setattr(filtering, "LARGEST", 96)
    query = _noisy(truth, 4)
    answer = icl.predict(learner, [example], query)
    assert psnr(answer.image, truth) > psnr(query, truth) + 5


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (513, 9)])
def test_pictures_of_any_size_are_answered(learner: icl.Learner, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    answer = icl.predict(learner, [(picture, 255 - picture)], picture)
    assert answer.image.shape == picture.shape
    assert np.isfinite(answer.canvas).all()


def test_frames_of_a_video_are_answered(learner: icl.Learner) -> None:
    frames = [_drawn(1, 32), _drawn(2, 32)]
    prepared = learner.prepare([(frames[0], 255 - frames[0])])
    followed = list(prepared.follow(icl.Video(frames)))
    for frame, answer in zip(frames, followed, strict=True):
        np.testing.assert_array_equal(answer.image, prepared.predict(frame).image)


def test_pictures_of_two_sizes_are_no_example(learner: icl.Learner) -> None:
    with pytest.raises(icl.InputError, match="example 1: the output picture is 32x32, expected"):
        learner.prepare([(_drawn(1, 64), _drawn(1, 32))])


def test_an_empty_context_is_refused(learner: icl.Learner) -> None:
    with pytest.raises(icl.InputError, match="no examples"):
        learner.prepare([])
