"""Videos answered frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from icl_core.cards import LearnerCard
from icl_core.errors import InputError, PluginError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import Segmentation
from icl_core.types import Context, Task, Video

CLIP = np.random.default_rng(1).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
MASK = np.ones((4, 6), bool)
CARD = LearnerCard("bright", Task.SEGMENTATION, "Bright pixels.", "nowhere:Bright")


def bright(frame: np.ndarray, level: int = 127) -> Segmentation:
    logits = frame.mean(-1).astype(np.float32) - level
    return Segmentation(logits > 0, logits)


class Bright(Learner):
    predict_options = frozenset({"level"})

    def _prepare(self, context: Context) -> None:
        return None

    def _predict(self, prepared: Any, queries: Sequence[Any], level: int = 127) -> list[Any]:
        return [[bright(frame, level) for frame in video.frames] for video in queries]


class Following(Bright):
    def __init__(self) -> None:
        super().__init__(CARD, LoadOptions())
        self.read = 0

    def follow(self, prepared: Any, video: Video) -> Iterator[Any]:
        for frame in video.frames:
            self.read += 1
            yield bright(frame)


def test_a_learner_that_follows_is_asked_one_frame_after_the_other() -> None:
    learner = Following()
    answers = learner.prepare([(CLIP[0], MASK)]).follow(Video(CLIP))
    assert learner.read == 0
    for number, answer in enumerate(answers, 1):
        assert learner.read == number
        assert np.array_equal(answer.mask, bright(CLIP[number - 1]).mask)
        assert answer.meta == {"orientation_applied": False}
    assert number == 5


@pytest.mark.parametrize("learner", [Bright(CARD, LoadOptions()), Following()])
def test_the_answers_are_those_of_predict_whatever_the_learner_does(learner: Learner) -> None:
    prepared = learner.prepare([(CLIP[0], MASK)])
    for options in ({}, {"level": 30}):
        followed = list(prepared.follow(list(CLIP), **options))
        asked = prepared.predict(Video(CLIP), **options)
        assert len(followed) == len(asked) == 5
        for one, other in zip(followed, asked, strict=True):
            assert np.array_equal(one.logits, other.logits) and one.meta == other.meta


def test_what_cannot_be_followed_is_refused_at_once() -> None:
    prepared = Following().prepare([(CLIP[0], MASK)])
    with pytest.raises(InputError, match="the video is int"):
        prepared.follow(3)
    with pytest.raises(InputError, match="no predict option 'speed'"):
        prepared.follow(CLIP, speed=2)
    with pytest.raises(InputError, match="no frames"):
        list(prepared.follow(CLIP[:0]))


def test_a_bad_answer_and_a_crash_name_the_learner() -> None:
    class Small(Following):
        def follow(self, prepared: Any, video: Video) -> Iterator[Any]:
            for frame in video.frames:
                yield bright(frame[:2])

    class Crash(Following):
        def follow(self, prepared: Any, video: Video) -> Iterator[Any]:
            yield bright(next(iter(video.frames)))
            raise ZeroDivisionError("by design")

    with pytest.raises(PluginError, match="bright returned mask"):
        list(Small().prepare([(CLIP[0], MASK)]).follow(CLIP))
    answers = Crash().prepare([(CLIP[0], MASK)]).follow(CLIP)
    next(answers)
    with pytest.raises(PluginError, match=r"bright.*by design"):
        next(answers)


def test_an_exception_of_the_caller_is_not_taken_for_the_learners() -> None:
    answers = Following().prepare([(CLIP[0], MASK)]).follow(CLIP)
    with pytest.raises(KeyError):
        for _ in answers:
            raise KeyError
    answers.close()  # type: ignore[attr-defined]
