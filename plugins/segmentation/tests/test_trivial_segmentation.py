"""The baseline `copy-mask` and the source `drawn-scenes`."""

import numpy as np
import pytest

import icl_core as icl
from icl_core.testing import check_plugin
from icl_segmentation.metrics import class_mean_iou
from icl_segmentation.trivial.drawn import drawn_scenes


@pytest.fixture(scope="module")
def learner():
    return icl.load("copy-mask")


def picture(height, width):
    return np.zeros((height, width, 3), np.uint8)


def mask(height, width, *part):
    found = np.zeros((height, width), bool)
    found[part] = True
    return found


def test_it_keeps_the_whole_contract():
    found = check_plugin("copy-mask")
    assert set(found.values()) == {"PASSED"}, found


def test_the_mask_is_copied_at_the_size_of_the_query(learner):
    shown = mask(4, 6, slice(0, 2), slice(3, 6))
    answer = icl.predict(learner, [(picture(4, 6), shown)], picture(8, 12))
    assert np.array_equal(answer.mask, shown.repeat(2, 0).repeat(2, 1))
    smaller = icl.predict(learner, [(picture(8, 12), answer.mask)], picture(4, 6))
    assert np.array_equal(smaller.mask, shown)


def test_several_masks_vote(learner):
    masks = [mask(2, 4, slice(0, 1), slice(0, n)) for n in (1, 2, 4)]
    answer = icl.predict(learner, [(picture(2, 4), one) for one in masks], picture(2, 4))
    assert answer.mask.tolist() == [[True, True, False, False], [False] * 4]
    assert answer.logits[0].tolist() == pytest.approx([1, 1 / 3, -1 / 3, -1 / 3])


def test_negative_examples_are_left_out(learner):
    yes, no = mask(2, 2, 0), mask(2, 2, 1)
    negative = icl.Example(picture(2, 2), no, {"negative": True})
    answer = icl.predict(learner, [icl.Example(picture(2, 2), yes), negative], picture(2, 2))
    assert np.array_equal(answer.mask, yes)
    with pytest.raises(icl.InputError, match="no example of the object"):
        icl.predict(learner, [negative], picture(2, 2))


def test_each_frame_of_a_video_has_the_mask(learner):
    shown = mask(4, 4, 0)
    video = icl.Video([picture(4, 4)] * 3)
    found = list(learner.prepare([(picture(4, 4), shown)]).follow(video))
    assert len(found) == 3 and all(np.array_equal(one.mask, shown) for one in found)


def test_the_drawn_scenes_are_the_same_every_time_and_easy_for_nobody_who_copies(learner):
    episodes, again = drawn_scenes(), drawn_scenes()
    assert episodes.digest() == again.digest() and len(episodes) >= 4
    assert len({episode.meta["id"] for episode in episodes}) == len(episodes)
    assert all(np.array_equal(a.query, b.query) for a, b in zip(episodes, again, strict=True))
    answers = learner.predict_episodes(episodes)
    rows = [
        (class_mean_iou(answer, episode.target, episode.meta), episode.meta)
        for answer, episode in zip(answers, episodes, strict=True)
    ]
    assert class_mean_iou.aggregate(rows)["miou"] < 20
