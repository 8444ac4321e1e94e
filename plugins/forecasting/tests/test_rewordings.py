"""Rewordings of the development texts: every template fills, and none repeats the original."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from icl_forecasting.cik.instances import Instance, read
from icl_forecasting.cik.metric import rcrps

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rewordings"))

import kinds
from filling import Kind, chosen, fill, read_kinds, reworded
from slots import slots_of
from spelling import Figure, Length, in_words, write

FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "cik" / "cik_dev.jsonl.gz"
SPLITS = ("develop", "wide", "apart")


@pytest.fixture(scope="module")
def instances() -> list[Instance]:
    if not FILE.is_file():
        pytest.skip("the instances (../shared/data/cik) are not here")
    return read(FILE)


def sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?])\s+|\n", text)
    plain = [re.sub(r"\W+", " ", part).strip().lower() for part in parts]
    return [part for part in plain if len(part.split()) >= 4]


def bare(template: str) -> str:
    return re.sub(r"\{[^{}]*\}", " ", template)


@pytest.mark.parametrize("split", SPLITS)
def test_every_template_fills_and_repeats_no_sentence(
    split: str, instances: list[Instance]
) -> None:
    of_task: dict[str, list[Kind]] = {}
    for kind in read_kinds(split):
        for task in kind.tasks:
            of_task.setdefault(task, []).append(kind)
    assert set(of_task) == {one.name for one in instances}
    for instance in instances:
        slots = slots_of(instance)
        original = sentences(instance.text)
        for kind in of_task[instance.name]:
            assert len(kind.texts) >= 12
            for number in range(len(kind.texts)):
                text = reworded(kind, number, slots, instance.name, instance.seed)
                where = f"{split}: template {number} of {kind.name}"
                assert not re.search(r"[{}]", text), where
                flat = re.sub(r"\W+", " ", text).lower()
                assert not [one for one in original if one in flat], where


def test_splits_share_no_template() -> None:
    texts = {split: [t for kind in read_kinds(split) for t in kind.texts] for split in SPLITS}
    plain = {split: {s for t in texts[split] for s in sentences(bare(t))} for split in SPLITS}
    assert not (plain["develop"] | plain["wide"]) & plain["apart"]
    assert not plain["develop"] & plain["wide"]


def test_slots_of_the_instances_fit_the_metric(instances: list[Instance]) -> None:
    for instance in instances:
        slots = slots_of(instance)
        region = instance.target.region_steps
        if "length" in slots and "every" not in slots and region:
            inside = instance.future_stamps[list(region)]
            assert inside[0] == np.datetime64(slots["start"], "ns")
            assert len(region) == slots["length"].count
        if "lower" in slots:
            assert instance.target.lower == slots["lower"]
        if "upper" in slots:
            assert instance.target.upper == slots["upper"]


@pytest.mark.parametrize("split", SPLITS)
def test_made_up_kinds_fill_and_their_effect_matters(split: str) -> None:
    made_up = [kind for kind in read_kinds(split) if not kind.tasks]
    assert {kind.name for kind in made_up} <= set(kinds.EVERY)
    for kind in made_up:
        for made in kinds.make(kind, range(1, 3), None):
            assert len(made.texts) == len(kind.texts) >= 3
            assert not [text for _, text in made.texts if re.search(r"[{}]", text)]
            assert rcrps(made.oracle, made.instance)["rcrps"] < 0.25, kind.name
            assert rcrps(made.oracle, made.instance)["constraint"] < 1e-9


def test_half_of_the_kinds_are_only_in_apart() -> None:
    names = {split: {k.name for k in read_kinds(split) if not k.tasks} for split in SPLITS}
    assert names["develop"] < names["apart"] == set(kinds.GENERATORS)
    assert len(names["apart"] - names["develop"]) >= 10
    assert names["wide"] == set(kinds.EVERY) - set(kinds.GENERATORS)


def test_wide_widens_every_family_of_develop() -> None:
    counts: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    for split in SPLITS:
        for kind in read_kinds(split):
            of = counts[split]
            of[kind.family] = of.get(kind.family, 0) + len(kind.texts)
    assert set(counts["wide"]) == set(counts["develop"])
    assert min(counts["wide"].values()) >= 25


def test_problems_repeat_with_their_seed() -> None:
    first, again = (kinds.problem_of("price cap", 4) for _ in range(2))
    np.testing.assert_array_equal(first.future, again.future)
    np.testing.assert_array_equal(first.oracle, again.oracle)
    assert not np.array_equal(first.future, kinds.problem_of("price cap", 5).future)


def test_templates_have_slots_choices_loops_and_parts() -> None:
    slots = {"n": Figure("4"), "length": Length(1, "hour"), "rows": [{"v": "a"}, {"v": "b"}]}
    parts = {"end": {"by": "n", "of": {"4.0": ["bye {n|word}"]}}}
    text = (
        "{n|verb}, {length|one}{?missing} no{:} yes{/}: {#rows:, || and }{v|upper}{/}. {@end|first}"
    )
    filled = fill(text, slots, parts, random.Random(0))
    assert filled == "quadrupled, an hour yes: A and B. Bye four"
    with pytest.raises(ValueError, match="missing"):
        fill("{?n}open", slots, {}, random.Random(0))
    with pytest.raises(ValueError, match="without a start"):
        fill("shut{/}", slots, {}, random.Random(0))


def test_choices_are_seeded_and_differ_between_instances() -> None:
    kind = Kind("k", "f", ("Task",), tuple(str(n) for n in range(12)))
    assert chosen(kind, 2, "Task", 1) == chosen(kind, 2, "Task", 1)
    assert len({tuple(chosen(kind, 2, "Task", n)) for n in range(1, 6)}) > 1
    assert chosen(kind, None, "Task", 1) == list(range(12))


def test_numbers_in_words() -> None:
    assert [in_words(n) for n in (0, 13, 40, 99, 132)] == [
        "zero",
        "thirteen",
        "forty",
        "ninety-nine",
        "one hundred and thirty-two",
    ]
    assert write(Figure("0.0005533"), "sci") == "5.533e-04"
    assert write(Figure("4"), "more") == "300%"
