"""Episodes are those of the released code, seed by seed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icl_linking.episodes.rows import Row
from icl_linking.episodes.training_policies import (
    RELEASED,
    Draw,
    TrainingClass,
    training_policy,
)
from icl_linking.episodes.turns import Plan
from icl_linking.episodes.two_way import TestClass, imagenet_rows, two_way, two_way_plans

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "link_context"
if not GOLDEN.is_dir():
    pytest.skip("the golden episodes (../shared/golden) are not here", allow_module_level=True)


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def recorded(plan: Plan) -> list[dict[str, str]]:
    return [
        {"image": t.image, "question": t.question, "answer": t.answer, "mode": t.mode}
        for t in plan.turns
    ]


def to_row(value: dict[str, Any]) -> Row:
    return Row(
        value["image_name"],
        tuple(value["positive_list"]),
        tuple(value["negative_list"]),
        value["positive_promt"],
        value["negative_promt"],
        value["label_name"],
    )


def test_isekai_episodes_follow_one_stream_per_seed() -> None:
    data = golden("episodes_isekai.json")
    rows = [to_row(value) for value in data["rows"]]
    assert [row.to_json() for row in rows] == data["rows"]
    streams: dict[int, random.Random] = {}
    for one in data["episodes"]:
        stream = streams.setdefault(one["seed"], random.Random(one["seed"]))
        plan = two_way(rows[one["index"]], one["shot_per_class"], stream)
        assert recorded(plan) == one["episode"]
    assert sorted(streams) == [0, 42]


def test_imagenet_episodes_pair_the_classes() -> None:
    data = golden("episodes_imagenet100.json")
    classes = [TestClass.from_json(value) for value in data["rows"]]
    rows = imagenet_rows(classes, data["sample_per_class"])
    assert len(rows) == data["length"] and all(row.is_positive for row in rows)
    plans = two_way_plans(rows, data["shot_per_class"], seed=data["seed"])
    for one in data["episodes"]:
        assert recorded(plans[one["index"]]) == one["episode"]


@pytest.mark.parametrize("released", RELEASED)
def test_training_episodes(released: str) -> None:
    data = golden("episodes_train.json")
    classes = [TrainingClass.from_json(value) for value in data["rows"]]
    templates = np.random.default_rng(0)
    draw = Draw(classes, random.Random(0), lambda: str(templates.choice(data["templates"])))
    policy = training_policy(released)
    for one in data["policies"][released]:
        plan = policy(classes[one["index"]], one["shot_argument"], draw)
        assert recorded(plan) == one["episode"]


def test_words_of_the_prompts() -> None:
    data = golden("prompts.json")
    first = golden("episodes_isekai.json")["rows"][0]
    segments = data["evaluation"][0]["segments"]
    plan = two_way_plans([to_row(first)], 1, "positive-first")[0]
    image = "<im_start><im_patch><im_patch><im_end>"
    for turn, segment in zip(plan.turns, segments, strict=True):
        assert turn.mode == segment["mode"]
        assert turn.question.replace("<image>", image) in segment["label_text"]
        assert f"ASSISTANT: {turn.answer}" in segment["label_text"]


def test_paper_only_policy_and_unknown_names() -> None:
    classes = [TrainingClass.from_json(value) for value in golden("episodes_train.json")["rows"]]
    draw = Draw(classes, random.Random(1))
    plans = [training_policy("[2-way-random]")(classes[0], 8, draw) for _ in range(40)]
    assert {len(plan.supports) // 2 for plan in plans} == set(range(1, 9))
    with pytest.raises(Exception, match="expected one of 2-way"):
        training_policy("3-way")
