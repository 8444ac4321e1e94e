"""What the learner promises, on a small stand-in network and drawn pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seggpt_cases import SIDE, Load, box, loader, near, picture, stand_in

import icl_core as icl
from icl_core.results import LabelMap
from icl_core.testing import check_plugin
from icl_painting.seggpt.answers import PaintedSegmentation, colours_of
from icl_painting.seggpt.colours import nearest_colour, paint, palette

ONE = [(picture(1), box(8, 16))]
CLASSES = [
    icl.Example(picture(1), box(2, 2), {"class_name": "cat"}),
    icl.Example(picture(2), box(20, 30), {"class_name": "dog"}),
    icl.Example(picture(3), box(10, 10), {"class_name": "cat"}),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in(tmp_path_factory.mktemp("seggpt") / "stand_in.safetensors")


@pytest.fixture(scope="module")
def load(weights: Path) -> Load:
    return loader(weights)


@pytest.fixture(scope="module")
def learner(load: Load) -> icl.Learner:
    return load()


def test_the_contract_of_a_plugin_holds(weights: Path) -> None:
    results = check_plugin("seggpt", weights=weights)
    failed = {name: result for name, result in results.items() if result != "PASSED"}
    assert not failed


def test_an_answer_has_the_size_of_its_query_and_the_released_mask(learner: icl.Learner) -> None:
    for query in (picture(2), picture(3, 33, 97), picture(4, 1, 1), picture(5, 300, 31)):
        answer = learner.prepare(ONE).predict(query)
        assert answer.canvas.shape == (3, SIDE, SIDE) and answer.canvas.dtype == np.float32
        rgb = colours_of(torch.from_numpy(answer.canvas))[None]
        size = query.shape[:2]
        large = torch.nn.functional.interpolate(rgb, size=size, mode="nearest")[0]
        assert np.array_equal(answer.mask, (large.mean(0) > 128).numpy())
        assert np.array_equal(answer.mask, answer.logits > 0)
        assert 0 <= answer.score <= 1 and np.abs(answer.logits).max() < 5.6
        assert answer.meta["prompts"] == 1


def test_the_score_is_the_iou_of_honest_probabilities(learner: icl.Learner) -> None:
    answer = learner.prepare(ONE).predict(picture(2))
    p = colours_of(torch.from_numpy(answer.canvas)).mean(0).numpy() / 256
    inside = p > 0.5
    assert answer.score == pytest.approx(p[inside].sum() / (inside.sum() + p[~inside].sum()))


def test_queries_in_a_batch_are_answered_as_alone(load: Load) -> None:
    learner = load(batch_size=4)
    queries = [picture(seed, 30 + seed, 50) for seed in range(6)]
    for context in (ONE, [*ONE, (picture(8), box(20, 20))]):
        prepared = learner.prepare(context)
        for query, answer in zip(queries, prepared.predict(queries), strict=True):
            near(prepared.predict(query), answer)


def test_several_examples_answer_together_in_any_number(load: Load) -> None:
    learner = load()
    pairs = [(picture(n), box(n, 2 * n)) for n in range(1, 8)]
    few, many = (learner.prepare(pairs[:n]).predict(picture(9)) for n in (1, 7))
    assert many.meta["prompts"] == 7 and not np.allclose(few.canvas, many.canvas)
    grouped = load(most_prompts=3).prepare(pairs).predict(picture(9))
    parts = [learner.prepare(p).predict(picture(9)) for p in (pairs[:2], pairs[2:5], pairs[5:])]
    mean = sum(len_ * part.canvas for len_, part in zip((2, 3, 2), parts, strict=True)) / 7
    assert np.abs(grouped.canvas - mean).max() < 2e-5 and grouped.meta["prompts"] == 7
    same = load(most_prompts=7).prepare(pairs).predict(picture(9))
    near(same, many, 0.0)


def test_ids_of_a_palette_mask_become_objects_asked_for_one_by_one(learner: icl.Learner) -> None:
    ids = (np.where(box(2, 2), 3, 0) + np.where(box(2, 30), 7, 0)).astype(np.uint8)
    context = [icl.Example(picture(1), ids, {"class_names": {3: "cat", 7: "dog"}})]
    answer = learner.prepare(context).predict(picture(2))
    assert isinstance(answer, LabelMap)
    assert answer.ids == (3, 7) and answer.names == ("cat", "dog")
    assert answer.canvas is not None and answer.canvas.shape == (2, 3, SIDE, SIDE)
    for place, mask in enumerate((box(2, 2), box(2, 30))):
        alone = learner.prepare([(picture(1), mask)]).predict(picture(2))
        assert np.abs(alone.canvas - answer.canvas[place]).max() <= 2e-5
        assert alone.score == pytest.approx(answer.object_scores[place], abs=1e-4)
    assert answer.object_logits is not None
    best = answer.object_logits.argmax(0)
    assert np.array_equal(answer.labels == 7, answer.mask & (best == 1))


def test_classes_have_their_own_examples(learner: icl.Learner) -> None:
    answer = learner.prepare(CLASSES).predict(picture(7))
    assert answer.names == ("cat", "dog") and answer.meta["prompts"] == [2, 1]
    dog = learner.prepare(CLASSES[1:2]).predict(picture(7))
    assert np.abs(dog.canvas - answer.canvas[1]).max() <= 2e-5


def test_all_objects_can_be_asked_for_in_one_pass(load: Load) -> None:
    learner = load(classes="colours")
    answer = learner.prepare(CLASSES).predict(picture(7))
    assert isinstance(answer, LabelMap) and answer.canvas is not None
    assert answer.canvas.shape == (3, SIDE, SIDE) and answer.meta["prompts"] == 3
    # the canvas is that of pictures painted by hand
    colours = palette(2)
    painted = [
        paint(np.stack([e.output]), colours[[n]]) for e, n in zip(CLASSES, (0, 1, 0), strict=True)
    ]
    hand = [(e.input, p) for e, p in zip(CLASSES, painted, strict=True)]
    asked = [icl.Example(*pair, {"painted": True}) for pair in hand]
    near(load().prepare(asked).predict(picture(7)), answer)
    # and a pixel goes to the nearest of the colours and black
    rgb = colours_of(torch.from_numpy(answer.canvas))
    large = torch.nn.functional.interpolate(rgb[None], size=(40, 56), mode="nearest")[0]
    known = torch.tensor([[0, 0, 0], *colours.tolist()]).double()
    nearest = ((large[None] - known[:, :, None, None]) ** 2).sum(1).argmin(0)
    assert np.array_equal(answer.labels, nearest.numpy())
    near(learner.prepare(ONE).predict(picture(7)), load().prepare(ONE).predict(picture(7)), 0.0)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 30, 124])
def test_colours_are_far_apart_and_are_read_back(count: int) -> None:
    colours = palette(count)
    assert len(np.unique(np.vstack([colours, [[0, 0, 0]]]), axis=0)) == count + 1
    assert colours[0].tolist() == [255, 255, 255]
    rgb = torch.from_numpy(colours.T[:, None]).double()
    sure = nearest_colour(rgb, torch.from_numpy(colours).double())[:, 0]
    assert torch.equal(sure.diagonal(), torch.ones(count, dtype=torch.float64))
    assert (sure - torch.eye(count)).max() <= 0.5
    assert (nearest_colour(torch.zeros(3, 1, 1).double(), rgb[:, 0].T) <= 0.5).all()


def test_too_many_objects_for_colours_are_refused() -> None:
    with pytest.raises(icl.InputError, match="125 objects"):
        palette(125)


def test_tiles_are_asked_as_pictures_of_their_own(learner: icl.Learner) -> None:
    prepared = learner.prepare(ONE)
    query = picture(7)
    near(prepared.predict(query, tile=200), prepared.predict(query), 0.0)
    first, second = prepared.predict([query, picture(8)], tile=30, overlap=0.0)
    assert first.mask.shape == (40, 56) and first.meta["tiles"] == 4
    assert first.canvas is None and first.meta["prompts"] == 1
    alone = prepared.predict(np.ascontiguousarray(query[:30, :30]))
    assert np.abs(first.logits[:10, :20] - alone.logits[:10, :20]).max() < 1e-3
    assert second.mask.shape == (40, 56)
    objects = learner.prepare(CLASSES).predict(query, tile=30)
    assert objects.names == ("cat", "dog")


def test_the_type_the_side_and_the_way_back_can_be_chosen(load: Load) -> None:
    query = picture(7)
    instance, semantic = (
        load(type=t).prepare(ONE).predict(query) for t in ("instance", "semantic")
    )
    near(load().prepare(ONE).predict(query), instance, 0.0)
    assert not np.allclose(instance.canvas, semantic.canvas)
    large = load(image_size=48).prepare(ONE).predict(query)
    assert large.canvas.shape == (3, 48, 48) and large.mask.shape == (40, 56)
    smooth = load(resample="bilinear").prepare(ONE).predict(query)
    near(smooth, instance, 0.0)
    assert not np.array_equal(smooth.logits, instance.logits)
    assert np.array_equal(smooth.mask, smooth.logits > 0)


def test_official_and_corrected_have_the_same_canvas(load: Load) -> None:
    queries = [picture(2), picture(3, 33, 97)]
    for context in (ONE, CLASSES[:1], [*ONE, (picture(1), box(3, 3))]):
        official, corrected = (
            load(behaviour=b).prepare(context) for b in ("official", "corrected")
        )
        for one, other in zip(official.predict(queries), corrected.predict(queries), strict=True):
            near(one, other, 0.0)


@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"most_prompts": 1, "batch_size": 4}])
def test_episodes_are_answered_as_alone(load: Load, options: dict[str, Any]) -> None:
    learner = load(**options)
    contexts: list[Any] = [
        icl.Context(tuple(CLASSES[:1])),
        icl.Context(tuple(CLASSES)),
        ONE,
        [*ONE, (picture(5), box(3, 3))],
        [(picture(6), box(20, 3))],
        [*ONE, (picture(7), box(3, 20))],
    ]
    queries = [picture(seed, 30 + seed) for seed in range(6)]
    episodes = [icl.Episode(c, q) for c, q in zip(contexts, queries, strict=True)]
    for episode, answer in zip(episodes, learner.predict_episodes(episodes), strict=True):
        alone = learner.prepare(episode.context).predict(episode.query)
        near(alone, answer)
        assert type(alone) is type(answer) and alone.mask.shape == answer.mask.shape
        assert alone.meta == answer.meta


def test_bfloat16_agrees_with_float32(load: Load) -> None:
    one, other = (load(dtype=d).prepare(ONE).predict(picture(2)) for d in ("float32", "bfloat16"))
    assert 0 < np.abs(one.canvas - other.canvas).max() < 0.2
    assert (one.mask == other.mask).mean() > 0.9


def test_answers_are_saved(learner: icl.Learner, tmp_path: Path) -> None:
    answer = learner.prepare(ONE).predict(picture(2))
    with np.load(answer.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert np.array_equal(file["canvas"], answer.canvas)
    answer = learner.prepare(CLASSES).predict(picture(2))
    content = json.loads(answer.save(tmp_path / "a.json").read_text())
    assert [one["name"] for one in content["objects"]] == ["cat", "dog"]
    painted = learner.prepare([icl.Example(picture(1), picture(2))]).predict(picture(3))
    assert isinstance(painted, PaintedSegmentation)
    with np.load(painted.save(tmp_path / "b.npz"), allow_pickle=False) as file:
        assert np.array_equal(file["painted"], painted.painted)


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ([(picture(1), np.zeros((40, 56), bool))], "example 1: the mask is empty"),
        ([(picture(1), box(1, 1, 9, 30, 56))], "the mask is 30x56, expected the image's 40x56"),
        ([], "no examples"),
        (icl.Context(), "no examples"),
        (icl.Context(text="dog"), "needs at least one example"),
        (
            [*ONE, icl.Example(picture(2), box(1, 1), {"negative": True})],
            "example 2 is a negative one",
        ),
        ([icl.Example(picture(1), box(1, 1), {"class_name": 3})], "class_name is 3"),
    ],
)
def test_bad_contexts_are_refused_in_one_sentence(
    learner: icl.Learner, context: Any, words: str
) -> None:
    with pytest.raises(icl.InputError) as caught:
        learner.prepare(context)
    assert words in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": "thing"}, "type is 'thing', expected one of semantic, instance"),
        ({"classes": "all"}, "classes is 'all'"),
        ({"memory": -1}, "memory is -1, expected a whole number from 0"),
        ({"most_prompts": 0}, "most_prompts is 0"),
        ({"batch_size": True}, "batch_size is True"),
        ({"image_size": 100}, "image_size is 100, expected a multiple of 8"),
        ({"resample": "bicubic"}, "resample is 'bicubic'"),
        ({"prompt": 3}, "prompt is int"),
        ({"dtype": "float16"}, "float16"),
        ({"shots": 3}, "seggpt has no option 'shots'"),
    ],
)
def test_bad_load_options_are_refused_in_one_sentence(
    load: Load, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(icl.InputError) as caught:
        load(**options)
    assert words in caught.value.message


def test_bad_queries_are_refused_in_one_sentence(learner: icl.Learner) -> None:
    prepared = learner.prepare(ONE)
    with pytest.raises(icl.InputError, match="the tile's side is 0"):
        prepared.predict(picture(1), tile=0)
    with pytest.raises(icl.InputError, match="the video has no frames"):
        prepared.predict(icl.Video([]))
    with pytest.raises(icl.InputError, match="tile is for pictures"):
        prepared.predict(icl.Video([picture(1)]), tile=20)
