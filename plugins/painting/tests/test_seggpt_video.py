"""Videos: what is remembered, what is given, and that memory does not grow."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from seggpt_cases import Load, box, loader, near, picture, stand_in

import icl_core as icl
from icl_core.results import LabelMap
from icl_painting.canvas import square, to_tensor
from icl_painting.seggpt.answers import PaintedSegmentation, Reading, colours_of
from icl_painting.seggpt.colours import palette
from icl_painting.seggpt.targets import white_on_black

FRAMES = [picture(seed) for seed in range(1, 7)]
FIRST = [(FRAMES[0], box(8, 16))]
OTHER = [(picture(20), box(8, 16))]
TWO = [
    icl.Example(FRAMES[0], box(2, 2), {"object": 1}),
    icl.Example(FRAMES[0], box(20, 30), {"object": 2}),
]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    return loader(stand_in(tmp_path_factory.mktemp("seggpt") / "stand_in.safetensors"))


def by_hand(learner: Any, prompts: list[tuple[Any, Any]], frame: np.ndarray) -> torch.Tensor:
    """Paint a frame with prompts of (picture, target), straight through the engine."""
    images = torch.stack([to_tensor(square(image, 32)) for image, _ in prompts])
    targets = torch.stack([target for _, target in prompts])
    with torch.inference_mode():
        prepared = learner.ensemble.engine.prepare(images, targets, 1)
        painted: torch.Tensor = learner.ensemble.engine.paint(
            prepared, to_tensor(square(frame, 32))[None]
        )
    return painted[0]


def target(mask: np.ndarray) -> torch.Tensor:
    return to_tensor(square(white_on_black(mask), 32, "nearest"))


def binary(canvas: torch.Tensor) -> torch.Tensor:
    """The mask of an answer as a target, at the network's size."""
    bright = (colours_of(canvas).mean(0) > 128).numpy()
    return to_tensor(np.repeat(bright[..., None], 3, axis=-1).astype(np.float64))


def test_without_memory_every_frame_is_answered_by_itself(load: Load) -> None:
    learner = load(memory=0, batch_size=4)
    prepared = learner.prepare(OTHER)
    answers = prepared.predict(icl.Video(FRAMES))
    assert len(answers) == 6
    for frame, answer in zip(FRAMES, answers, strict=True):
        near(answer, prepared.predict(frame))


def test_the_first_frame_has_the_mask_that_is_given(load: Load) -> None:
    for memory in (0, 2):
        answers = load(memory=memory).prepare(FIRST).predict(icl.Video(FRAMES))
        assert len(answers) == 6
        assert np.array_equal(answers[0].mask, box(8, 16)) and answers[0].score == 1
        assert answers[0].meta["given"] and answers[0].canvas is None


def test_the_last_frames_and_their_masks_are_further_prompts(load: Load) -> None:
    learner = load(memory=2)
    answers = learner.prepare(FIRST).predict(icl.Video(FRAMES))
    own, queue = [(FRAMES[0], target(box(8, 16)))], []
    for frame, answer in zip(FRAMES[1:], answers[1:], strict=True):
        canvas = by_hand(learner, [*own, *queue[-2:]], frame)
        assert np.abs(canvas.numpy() - answer.canvas).max() < 2e-5
        assert answer.meta["prompts"] == 1 + len(queue[-2:])
        queue.append((frame, binary(canvas)))


def test_the_length_of_the_memory_is_eight_and_officially_none(load: Load) -> None:
    frames = [picture(seed) for seed in range(40, 52)]
    counts = [a.meta["prompts"] for a in load().prepare(OTHER).predict(icl.Video(frames))]
    assert counts == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9]
    official = load(behaviour="official").prepare(OTHER).predict(icl.Video(frames[:3]))
    assert [a.meta["prompts"] for a in official] == [1, 1, 1]


def test_the_released_code_has_no_answer_to_the_first_frame(load: Load) -> None:
    official, corrected = load(behaviour="official", memory=2), load(memory=2)
    left, whole = (
        learner.prepare(FIRST).predict(icl.Video(FRAMES)) for learner in (official, corrected)
    )
    assert len(left) == 5
    for one, other in zip(left, whole[1:], strict=True):
        near(one, other, 0.0)
    # a later frame, or the picture of another video, is asked like any other
    assert len(official.prepare(OTHER).predict(icl.Video(FRAMES))) == 6
    late = official.prepare([(FRAMES[2], box(8, 16))]).predict(icl.Video(FRAMES))
    assert len(late) == 6 and late[2].canvas is not None


def test_several_objects_have_memories_of_their_own(load: Load) -> None:
    learner = load(memory=2)
    answers = learner.prepare(TWO).predict(icl.Video(FRAMES))
    assert isinstance(answers[0], LabelMap)
    assert np.array_equal(answers[0].labels == 2, box(20, 30))
    for place, example in enumerate(TWO):
        alone = learner.prepare([(example.input, example.output)]).predict(icl.Video(FRAMES))
        for one, other in zip(alone[1:], answers[1:], strict=True):
            assert np.abs(one.canvas - other.canvas[place]).max() < 2e-5


def test_objects_in_colours_remember_their_colours(load: Load) -> None:
    learner = load(memory=1, classes="colours")
    answers = learner.prepare(TWO).predict(icl.Video(FRAMES[:3]))
    assert np.array_equal(answers[0].labels == 1, box(2, 2))
    colours = palette(2)
    shown = np.zeros((40, 56, 3), np.uint8)
    for example, colour in zip(TWO, colours, strict=True):
        shown[example.output] = colour
    first = (FRAMES[0], to_tensor(square(shown, 32, "nearest")))
    canvas = by_hand(learner, [first], FRAMES[1])
    assert np.abs(canvas.numpy() - answers[1].canvas).max() < 2e-5
    rgb = colours_of(canvas)
    known = torch.tensor([[0, 0, 0], *colours.tolist()]).double()
    nearest = ((rgb[None] - known[:, :, None, None]) ** 2).sum(1).argmin(0)
    again = to_tensor((known[nearest] / 255).numpy())
    canvas = by_hand(learner, [first, (FRAMES[1], again)], FRAMES[2])
    assert np.abs(canvas.numpy() - answers[2].canvas).max() < 2e-5


def test_some_objects_given_for_a_later_frame_win_there(load: Load) -> None:
    context = [
        icl.Example(FRAMES[0], box(2, 2), {"object": 1}),
        icl.Example(FRAMES[2], box(20, 30), {"object": 2}),
    ]
    for memory in (0, 2):
        answers = load(memory=memory).prepare(context).predict(icl.Video(FRAMES))
        assert np.array_equal(answers[2].objects[1].mask, box(20, 30))
        assert (answers[2].labels[box(20, 30)] == 2).all()
        assert np.array_equal(answers[0].objects[0].mask, box(2, 2))
        assert answers[0].object_scores[0] == 1 > answers[0].object_scores[1]


def test_painted_answers_are_remembered_in_their_colours(load: Load) -> None:
    shown = np.where(box(8, 16)[..., None], np.array([250, 200, 60], np.uint8), np.uint8(0))
    context = [(FRAMES[0], shown)]
    answers = load(memory=2).prepare(context).predict(icl.Video(FRAMES[:3]))
    assert all(isinstance(answer, PaintedSegmentation) for answer in answers)
    assert np.array_equal(answers[0].painted, shown)
    assert np.array_equal(answers[0].mask, box(8, 16))
    official = load(memory=2, behaviour="official").prepare(context).predict(icl.Video(FRAMES[:3]))
    near(official[0], answers[1], 0.0)
    assert not np.allclose(official[1].canvas, answers[2].canvas)


def test_what_is_remembered_is_black_and_white() -> None:
    rgb = torch.rand(3, 8, 8, dtype=torch.float64) * 255
    again = Reading().again(rgb, exact=False)
    assert torch.equal(again[..., 0] > 0, rgb.mean(0) > 128)
    assert set(again.unique().tolist()) <= {0.0, 1.0}
    painted = Reading(painted=True)
    assert torch.equal(painted.again(rgb, exact=False), (rgb / 255).permute(1, 2, 0))
    assert torch.equal(painted.again(rgb, exact=True), again)


def test_frames_are_followed_lazily_and_forgotten(load: Load) -> None:
    alive: list[weakref.ref[np.ndarray]] = []

    class Camera(list[np.ndarray]):
        def __iter__(self) -> Iterator[np.ndarray]:
            for seed in range(12):
                frame = picture(seed)
                alive.append(weakref.ref(frame))
                yield frame

    for memory in (0, 2):
        alive.clear()
        answers = load(memory=memory).prepare(OTHER).follow(icl.Video(Camera()))
        for number, _ in enumerate(answers, 1):
            assert len(alive) <= number + 1
            assert sum(frame() is not None for frame in alive) <= 3
    assert len(alive) == 12


def test_following_equals_predicting(load: Load) -> None:
    prepared = load(memory=3).prepare(FIRST)
    together = prepared.predict(icl.Video(np.stack(FRAMES)))
    for one, other in zip(prepared.follow(FRAMES), together, strict=True):
        assert np.array_equal(one.logits, other.logits)
