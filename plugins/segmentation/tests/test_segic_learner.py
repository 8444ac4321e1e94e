"""What the learner promises, on a small stand-in network and drawn pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import icl_core as icl
from icl_core.results.label_map import LabelMap
from icl_core.testing import check_plugin


@pytest.fixture(scope="module")
def weights(segic_stand_in: Path) -> Path:
    return segic_stand_in


@pytest.fixture(scope="module")
def load(weights: Path) -> Callable[..., icl.Learner]:
    def loaded(**options: Any) -> icl.Learner:
        return icl.load("segic", weights=weights, device="cpu", dtype="float32", **options)

    return loaded


@pytest.fixture(scope="module")
def learner(load: Callable[..., icl.Learner]) -> icl.Learner:
    return load()


def picture(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def box(top: int, left: int, side: int = 30, height: int = 60, width: int = 80) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top : top + side, left : left + side] = True
    return mask


ONE = [(picture(1), box(10, 20))]


def example(seed: int, mask: np.ndarray, **meta: Any) -> icl.Example:
    return icl.Example(picture(seed), mask, meta)


def near(one: Any, other: Any, limit: float = 1e-5) -> None:
    assert np.abs(one.logits - other.logits).max() <= limit


def test_the_contract_of_a_plugin_holds(weights: Path) -> None:
    results = check_plugin("segic", weights=weights)
    failed = {name: result for name, result in results.items() if result != "PASSED"}
    assert not failed


def test_an_answer_has_the_size_of_its_query(learner: icl.Learner) -> None:
    for query in (picture(2), picture(3, 33, 97), picture(4, 1, 1), picture(5, 300, 31)):
        answer = learner.prepare(ONE).predict(query)
        assert answer.mask.shape == query.shape[:2]
        assert np.array_equal(answer.mask, answer.logits > 0)
        assert 0.5 <= answer.score <= 1


def test_queries_in_a_batch_are_answered_as_alone(learner: icl.Learner) -> None:
    queries = [picture(seed, 40 + seed, 70) for seed in range(6)]
    prepared = learner.prepare(ONE)
    for query, answer in zip(queries, prepared.predict(queries), strict=True):
        near(prepared.predict(query), answer)


def test_episodes_in_a_batch_are_answered_as_alone(learner: icl.Learner) -> None:
    contexts = [
        icl.Context((example(1, box(5, 5)),)),
        icl.Context((example(1, box(5, 5)), example(2, box(9, 9)))),
        icl.Context((example(3, box(5, 5), object=1), example(3, box(25, 40), object=2))),
    ]
    episodes = [icl.Episode(context, picture(9)) for context in contexts]
    found = list(learner.predict_episodes(episodes))
    for context, answer in zip(contexts, found, strict=True):
        near(learner.prepare(context).predict(picture(9)), answer)


def test_ids_of_a_palette_mask_become_objects_of_one_label_map(learner: icl.Learner) -> None:
    ids = np.where(box(2, 2), 3, 0) + np.where(box(2, 40), 7, 0)
    names = {3: "cat", 7: "dog"}
    answer = learner.prepare([example(1, ids.astype(np.uint8), class_names=names)]).predict(
        picture(2)
    )
    assert isinstance(answer, LabelMap)
    assert answer.ids == (3, 7) and answer.names == ("cat", "dog")
    assert set(np.unique(answer.labels)) <= {0, 3, 7}
    assert np.array_equal(answer.mask, answer.labels > 0)
    best = answer.object_logits.argmax(0)
    assert np.array_equal(answer.labels == 7, answer.mask & (best == 1))


def test_a_palette_mask_equals_one_example_an_id(learner: icl.Learner) -> None:
    ids = np.where(box(2, 2), 1, 0) + np.where(box(2, 40), 2, 0)
    split = [example(1, ids == number, object=number) for number in (1, 2)]
    together = learner.prepare([(picture(1), ids)]).predict(picture(2))
    near(together, learner.prepare(split).predict(picture(2)), 0.0)


def test_more_objects_than_one_pass_holds_are_answered_alike(learner: icl.Learner) -> None:
    ids = (np.arange(60 * 80).reshape(60, 80) // 80 // 2 + 1).astype(np.uint8)
    ids[:, :9] = 0
    answer = learner.prepare([(picture(1), ids)]).predict([picture(2), picture(3)])
    assert len(answer[0].ids) == 30
    assert answer[0].object_logits.shape == (30, 60, 80)


def test_a_label_map_alone_is_the_same_label_map(learner: icl.Learner) -> None:
    ids = (np.arange(60 * 80).reshape(60, 80) // 80 // 3 + 1).astype(np.uint8)
    ids[:, :9] = 0
    prepared = learner.prepare([(picture(1), ids)])
    kept, alone = prepared.predict(picture(2)), prepared.predict(picture(2), overlaps=False)
    assert alone.object_logits is None and len(alone.ids) == 20
    assert np.array_equal(alone.labels, kept.labels)
    assert alone.object_scores == kept.object_scores
    near(alone, kept, 0.0)
    assert np.array_equal(alone.objects[0].mask, alone.labels == 1)
    with pytest.raises(icl.InputError, match="joining tiles"):
        prepared.predict(picture(2), tile=50, overlaps=False)


def test_several_examples_of_one_object_are_one_answer(load: Callable[..., icl.Learner]) -> None:
    context = [example(1, box(5, 5)), example(2, box(9, 9)), example(3, box(12, 30))]
    answers = {}
    for shots in ("tokens", "pool", "logits"):
        answer = load(shots=shots).prepare(context).predict(picture(7))
        assert type(answer) is icl.Segmentation
        answers[shots] = answer
    assert not np.allclose(answers["tokens"].logits, answers["pool"].logits)
    singles = [load().prepare([(e.input, e.output)]) for e in context]
    one = [load(shots="logits").prepare([e, e]).predict(picture(7)) for e in context]
    for single, twice in zip(singles, one, strict=True):
        near(single.predict(picture(7)), twice)


def test_the_order_of_pooled_examples_does_not_matter(load: Callable[..., icl.Learner]) -> None:
    context = [example(1, box(5, 5)), example(2, box(9, 9))]
    learner = load(shots="pool")
    forth = learner.prepare(context).predict(picture(7))
    near(forth, learner.prepare(context[::-1]).predict(picture(7)), 1e-4)


def test_a_negative_example_changes_the_answer_and_is_none_itself(learner: icl.Learner) -> None:
    bare = learner.prepare([example(1, box(5, 5))]).predict(picture(7))
    away = example(1, box(25, 45), negative=True)
    warned = learner.prepare([example(1, box(5, 5)), away]).predict(picture(7))
    assert type(warned) is icl.Segmentation
    assert not np.allclose(bare.logits, warned.logits)


def test_class_name_and_text_give_the_same_prompt(learner: icl.Learner) -> None:
    named = learner.prepare([example(1, box(5, 5), class_name="dog")]).predict(picture(7))
    told = icl.Context((example(1, box(5, 5)),), text="dog")
    near(named, learner.prepare(told).predict(picture(7)), 0.0)
    bare = learner.prepare([example(1, box(5, 5))]).predict(picture(7))
    assert not np.allclose(named.logits, bare.logits)


def test_instances_have_their_own_prompt(load: Callable[..., icl.Learner]) -> None:
    one = load(instances=True).prepare([example(1, box(5, 5), class_name="dog")])
    other = load().prepare([example(1, box(5, 5), instance=True)])
    near(one.predict(picture(7)), other.predict(picture(7)), 0.0)


CLASSES = [
    example(1, box(5, 5), class_name="cat"),
    example(2, box(9, 9), class_name="dog"),
    example(3, box(12, 30), class_name="cow"),
]


def test_classes_choose_what_is_decoded(learner: icl.Learner) -> None:
    prepared = learner.prepare(CLASSES)
    answer = prepared.predict(picture(7), classes=["dog", "cat"])
    assert answer.names == ("dog", "cat") and answer.ids == (2, 1)
    near(answer, learner.prepare([CLASSES[1], CLASSES[0]]).predict(picture(7)))
    assert isinstance(prepared.predict(picture(7), classes=["cow"]), LabelMap)


def test_a_class_name_stands_for_all_its_objects(learner: icl.Learner) -> None:
    ids = (np.where(box(2, 2), 1, 0) + np.where(box(2, 40), 2, 0)).astype(np.uint8)
    context = [example(1, ids, class_name="cat"), example(2, box(9, 9), class_name="dog")]
    answer = learner.prepare(context).predict(picture(7), classes=["cat"])
    assert answer.names == ("cat", "cat")


def test_the_oracle_takes_one_list_a_query_and_ignores_the_query_itself(
    learner: icl.Learner,
) -> None:
    prepared = learner.prepare(CLASSES)
    queries = [picture(7), picture(2)]
    lists = [["cat"], ["cat", "dog"]]
    first, second = prepared.predict(queries, classes=lists, protocol="oracle")
    assert first.names == ("cat",) and second.names == ("cat", "dog")
    seen = prepared.predict(picture(2), classes=["cat", "dog"])
    assert not np.allclose(seen.object_logits, second.object_logits)
    near(first, prepared.predict(picture(7), classes=["cat"]))


def test_tiles_are_asked_as_pictures_of_their_own(learner: icl.Learner) -> None:
    prepared = learner.prepare(ONE)
    query = picture(7)
    near(prepared.predict(query, tile=200), prepared.predict(query), 0.0)
    first, second = prepared.predict([query, picture(8)], tile=50, overlap=0.0)
    assert first.mask.shape == (60, 80) and first.meta["tiles"] == 4
    alone = prepared.predict(np.ascontiguousarray(query[:50, :50]))
    assert np.abs(first.logits[:10, :30] - alone.logits[:10, :30]).max() < 1e-4
    near(second, prepared.predict(picture(8), tile=50, overlap=0.0))
    objects = learner.prepare(CLASSES).predict(query, tile=50, classes=["cow", "cat"])
    assert objects.names == ("cow", "cat")


def test_a_calibration_turns_the_score_into_an_expected_iou(
    load: Callable[..., icl.Learner], learner: icl.Learner
) -> None:
    bare = learner.prepare(CLASSES).predict(picture(7))
    curve = {"raw": [0.0, 1.0], "iou": [0.2, 0.6]}
    scored = load(calibration=curve).prepare(CLASSES).predict(picture(7))
    near(bare, scored, 0.0)
    wanted = [0.2 + 0.4 * one for one in bare.meta["expected_iou"]]
    assert scored.object_scores == pytest.approx(wanted)
    with pytest.raises(icl.InputError, match="no rising curve"):
        load(calibration={"raw": [1.0, 0.0], "iou": [0.2, 0.6]})
    with pytest.raises(icl.InputError, match="the calibration is"):
        load(calibration={"raw": [1.0]})


def test_a_video_is_one_answer_a_frame(learner: icl.Learner) -> None:
    frames = [picture(seed) for seed in (1, 2, 3, 4, 5)]
    prepared = learner.prepare([(frames[0], box(10, 20))])
    answers = prepared.predict(icl.Video(frames))
    assert len(answers) == 5
    assert np.array_equal(answers[0].mask, box(10, 20))
    lazy = learner.follow(prepared, icl.Video(np.stack(frames)))  # type: ignore[attr-defined]
    for one, other in zip(lazy, answers, strict=True):
        near(one, other)


def test_a_video_keeps_the_mask_of_any_frame_that_is_shown(learner: icl.Learner) -> None:
    frames = [picture(seed) for seed in (1, 2, 3)]
    context = [example(1, box(5, 5), object=1), example(3, box(25, 40), object=2)]
    answers = learner.prepare(context).predict(icl.Video(frames))
    assert np.array_equal(answers[2].objects[1].mask, box(25, 40))
    assert np.array_equal(answers[0].objects[0].mask, box(5, 5))
    assert (answers[2].labels[box(25, 40)] == 2).all()


def test_official_and_corrected_agree_where_nothing_is_corrected(
    load: Callable[..., icl.Learner],
) -> None:
    queries = [picture(2), picture(3, 33, 97)]
    official, corrected = load(behaviour="official"), load()
    for one, other in zip(
        official.prepare(ONE).predict(queries), corrected.prepare(ONE).predict(queries), strict=True
    ):
        near(one, other, 0.0)


def test_a_mask_below_the_patch_size_is_used_when_corrected(
    load: Callable[..., icl.Learner],
) -> None:
    small = [(picture(1), box(10, 20, 3)), (picture(1), box(40, 60, 3))]
    official, corrected = load(behaviour="official"), load()
    first, second = (official.prepare([pair]).predict(picture(2)) for pair in small)
    near(first, second, 0.0)  # both are the zero vector
    first, second = (corrected.prepare([pair]).predict(picture(2)) for pair in small)
    assert not np.allclose(first.logits, second.logits)


def test_bfloat16_agrees_with_float32(weights: Path, learner: icl.Learner) -> None:
    half = icl.load("segic", weights=weights, device="cpu", dtype="bfloat16")
    one, other = (x.prepare(ONE).predict(picture(2)) for x in (learner, half))
    assert (one.mask == other.mask).mean() > 0.9


def test_a_label_map_is_saved_with_its_ids(learner: icl.Learner, tmp_path: Path) -> None:
    from PIL import Image

    ids = np.where(box(2, 2), 3, 0) + np.where(box(2, 40), 7, 0)
    answer = learner.prepare([(picture(1), ids.astype(np.uint8))]).predict(picture(2))
    with Image.open(answer.save(tmp_path / "a.png")) as saved:
        assert saved.mode == "P" and np.array_equal(np.array(saved), answer.labels)
    with np.load(answer.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert np.array_equal(file["labels"], answer.labels)
    content = json.loads(answer.save(tmp_path / "a.json").read_text())
    assert [one["id"] for one in content["objects"]] == [3, 7]
    assert answer.plot(image=picture(2)).size == (80, 60)


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ([(picture(1), np.zeros((60, 80), bool))], "example 1: the mask is empty"),
        ([(picture(1), box(1, 1, 9, 50, 80))], "the mask is 50x80, expected the image's 60x80"),
        ([], "no examples"),
        (icl.Context(text="dog"), "no example that shows an object"),
        ([example(1, box(1, 1), negative=True)], "no example that shows an object"),
        ([example(1, box(1, 1), class_name=3)], "class_name is 3"),
        ([example(1, box(1, 1), object=[3])], "object is [3]"),
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
        ({"classes": ["cat", "dig"]}, "the context shows no class 'dig'"),
        ({"classes": "cat"}, "classes is 'cat'"),
        ({"classes": []}, "classes is []"),
        ({"classes": ["cat", "cat"]}, "twice"),
        ({"classes": [["cat"], ["dog"]]}, "2 lists of names, expected one for each of the 1"),
        ({"classes": [["cat"], "dog"]}, "expected one for each"),
        ({"protocol": "oracle"}, "needs classes="),
        ({"tile": 0}, "the tile's side is 0"),
        ({"tile": 64, "protocol": "oracle", "classes": ["cat"]}, "about whole pictures"),
        ({"protocol": "closed"}, "protocol is 'closed'"),
    ],
)
def test_bad_predict_options_are_refused_in_one_sentence(
    learner: icl.Learner, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(icl.InputError) as caught:
        learner.prepare(CLASSES).predict(picture(7), **options)
    assert words in caught.value.message


def test_bad_queries_are_refused_in_one_sentence(learner: icl.Learner) -> None:
    with pytest.raises(icl.InputError, match="too long and thin"):
        learner.prepare(ONE).predict(picture(1, 1, 500))
    with pytest.raises(icl.InputError, match="the video has no frames"):
        learner.prepare(ONE).predict(icl.Video([]))
    with pytest.raises(icl.InputError, match="classes is for pictures"):
        learner.prepare(CLASSES).predict(icl.Video([picture(1)]), classes=["cat"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": "many"}, "shots is 'many'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"instances": "yes"}, "instances is 'yes'"),
        ({"image_size": 100}, "image_size is 100"),
        ({"backbone": "resnet"}, "backbone is 'resnet'"),
        ({"backbone_heads": 5}, "backbone_heads is 5"),
        ({"dtype": "float16"}, "float16"),
    ],
)
def test_bad_load_options_are_refused_in_one_sentence(
    weights: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(icl.InputError) as caught:
        icl.load("segic", weights=weights, **{"device": "cpu", **options})
    assert words in caught.value.message
