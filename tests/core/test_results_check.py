"""The check of answers: each wrong answer is refused with the learner's name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from icl_core.cards import LearnerCard
from icl_core.coerce import coerce_query
from icl_core.errors import PluginError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import (
    Classification,
    Picture,
    Segmentation,
    check_prediction,
    note_orientation,
)
from icl_core.types import Context, Horizon, Task, Video

QUERY = np.zeros((4, 6, 3), np.uint8)
MASK = np.zeros((4, 6), bool)
LOGITS = np.zeros((4, 6), np.float32)


def card(task: str) -> LearnerCard:
    return LearnerCard("thing", Task(task), "a thing", "m:C")


def altered(answer: Any, **fields: Any) -> Any:
    """An answer whose own checks were passed by."""
    for name, value in fields.items():
        object.__setattr__(answer, name, value)
    return answer


GOOD = {
    "segmentation": Segmentation(MASK, LOGITS),
    "painting": Picture(QUERY),
    "linking": Classification("a", ("a",), np.ones(1, np.float32)),
}


@pytest.mark.parametrize("task", GOOD)
def test_good_answers_pass_and_other_types_do_not(task: str) -> None:
    check_prediction(card(task), QUERY, GOOD[task])
    for other in [*(GOOD[t] for t in GOOD if t != task), None, MASK, [GOOD[task]]]:
        with pytest.raises(PluginError, match=f"thing returned .*, expected .* from a {task}"):
            check_prediction(card(task), QUERY, other)


@pytest.mark.parametrize(
    ("task", "answer", "words"),
    [
        ("segmentation", Segmentation(MASK.T, LOGITS.T), r"mask as bool \[6, 4\], .* \[4, 6\]"),
        (
            "segmentation",
            altered(Segmentation(MASK, LOGITS), logits=LOGITS.astype(np.float64)),
            "logits as float64",
        ),
        ("segmentation", altered(Segmentation(MASK, LOGITS), mask=[1]), "mask as list"),
        ("segmentation", Segmentation(MASK, np.full_like(LOGITS, np.nan)), "24 of 24"),
        ("segmentation", Segmentation(MASK, LOGITS, score=float("nan")), "a score with NaN"),
        (
            "segmentation",
            Segmentation(MASK, LOGITS, canvas=np.full((2, 2), np.inf, np.float32)),
            "a canvas with NaN",
        ),
        ("painting", Picture(QUERY[:2]), r"image as uint8 \[2, 6, 3\], expected uint8 \[4, 6, 3\]"),
        ("painting", Picture(QUERY, np.full((3, 2, 2), np.nan, np.float32)), "a canvas with NaN"),
    ],
)
def test_wrong_answers_are_refused(task: str, answer: Any, words: str) -> None:
    with pytest.raises(PluginError, match=f"^thing returned {words}|^thing returned .*{words}"):
        check_prediction(card(task), QUERY, answer)


def test_answers_to_a_video_have_the_size_of_its_frames() -> None:
    query = coerce_query(Task.SEGMENTATION, Video(QUERY[None]))
    check_prediction(card("segmentation"), query, Segmentation(MASK.T, LOGITS.T))
    list(query.frames)
    check_prediction(card("segmentation"), query, GOOD["segmentation"])
    with pytest.raises(PluginError, match="thing returned mask"):
        check_prediction(card("segmentation"), query, Segmentation(MASK.T, LOGITS.T))


def test_orientation_is_noted() -> None:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(QUERY).save(stream, "PNG", exif=exif)
    answer = Picture(QUERY)
    note_orientation(QUERY, answer)
    assert answer.meta == {"orientation_applied": False}
    note_orientation(coerce_query(Task.PAINTING, stream.getvalue()), answer)
    assert answer.meta == {"orientation_applied": True}
    video = coerce_query(Task.PAINTING, Video([stream.getvalue()]))
    list(video.frames)
    note_orientation(video, answer)
    assert answer.meta == {"orientation_applied": True}


def test_learners_check_and_note_their_answers() -> None:
    class Echo(Learner):
        def _prepare(self, context: Context) -> None:
            return None

        def _predict(self, prepared: None, queries: Sequence[Any], **options: Any) -> list[Any]:
            return [
                [Picture(frame) for frame in query.frames]
                if isinstance(query, Video)
                else Picture(np.ascontiguousarray(query))
                for query in queries
            ]

    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(QUERY).save(stream, "PNG", exif=exif)
    prepared = Echo(card("painting"), LoadOptions()).prepare([(QUERY, QUERY)])
    answers = prepared.predict([QUERY, stream.getvalue()])
    assert [answer.meta["orientation_applied"] for answer in answers] == [False, True]
    frames = prepared.predict(Video([QUERY, QUERY]))
    assert [frame.image.shape for frame in frames] == [(4, 6, 3)] * 2


class TestForecast:
    @staticmethod
    def answer(**fields: Any) -> Any:
        forecast = pytest.importorskip("icl_core.results.forecast")
        quantiles = np.arange(9, dtype=np.float32).reshape(3, 3)
        good = forecast.Forecast(quantiles, (0.1, 0.5, 0.9), quantiles[1])
        return altered(good, **fields)

    def test_good_answer(self) -> None:
        check_prediction(card("forecasting"), Horizon(3), self.answer())
        check_prediction(card("forecasting"), Horizon(3, (0.1, 0.5, 0.9)), self.answer())

    @pytest.mark.parametrize(
        ("horizon", "fields", "words"),
        [
            (Horizon(4), {}, r"quantiles as float32 \[3, 3\], expected float32 \[3, 4\]"),
            (Horizon(3, (0.1, 0.2)), {}, r"levels \(0.1, 0.5, 0.9\), expected \(0.1, 0.2\)"),
            (Horizon(3), {"mean": np.zeros(2, np.float32)}, "mean as"),
            (Horizon(3), {"quantiles": np.zeros((3, 3))}, "quantiles as float64"),
            (Horizon(3), {"quantiles": np.full((3, 3), np.nan, np.float32)}, "9 of 9"),
            (Horizon(3), {"mean": np.full(3, np.inf, np.float32)}, "mean with NaN"),
        ],
    )
    def test_wrong_answers(self, horizon: Horizon, fields: dict[str, Any], words: str) -> None:
        with pytest.raises(PluginError, match=f"^thing returned .*{words}"):
            check_prediction(card("forecasting"), horizon, self.answer(**fields))
