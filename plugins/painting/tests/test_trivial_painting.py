"""The baseline `unchanged` and the source `drawn-lessons`."""

import numpy as np
import pytest

import icl_core as icl
from icl_core.testing import check_plugin
from icl_painting.metrics.restoration import psnr_ssim
from icl_painting.trivial.drawn import drawn_lessons


@pytest.fixture(scope="module")
def learner():
    return icl.load("unchanged")


def test_it_keeps_the_whole_contract_but_that_the_context_is_used():
    found = check_plugin("unchanged")
    failed = [name for name, result in found.items() if result != "PASSED"]
    assert failed == ["unchanged: context is used"]  # that is what it is for


def test_the_query_comes_back(learner):
    query = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    pair = (query, 255 - query)
    answer = icl.predict(learner, [pair], query)
    assert np.array_equal(answer.image, query) and answer.image is not query
    assert answer.canvas.shape == (3, 5, 7)
    assert np.array_equal(answer.canvas, query.transpose(2, 0, 1).astype(np.float32) / 255)
    frames = list(learner.prepare([pair]).follow(icl.Video([query, 255 - query])))
    assert [np.array_equal(a.image, b) for a, b in zip(frames, pair, strict=True)] == [True, True]


def test_the_drawn_lessons_are_tasks_that_have_to_be_done(learner):
    episodes = drawn_lessons()
    assert episodes.digest() == drawn_lessons().digest()
    names = [episode.meta["id"] for episode in episodes]
    assert len(set(names)) == len(episodes) >= 5
    for episode, answer in zip(episodes, learner.predict_episodes(episodes), strict=True):
        assert psnr_ssim(answer, episode.target, episode.meta)["psnr"] < 25
    (one,) = drawn_lessons(["negative"])
    (shown,) = one.context.examples
    assert np.array_equal(shown.output, 255 - shown.input)
    assert np.array_equal(one.target, 255 - one.query)
    assert drawn_lessons(["negative"]).digest() != episodes.digest()


def test_an_unknown_lesson_is_refused():
    with pytest.raises(icl.InputError, match="no drawn lesson 'sepia'"):
        drawn_lessons(["sepia"])
