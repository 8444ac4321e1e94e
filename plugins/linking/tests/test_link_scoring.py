"""The released string match with its holes, the sound rule without them, and intervals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icl_core import Classification, Context, Episode, InputError
from icl_linking.metrics import link_accuracy
from icl_linking.scoring import (
    decide,
    mentioned,
    official,
    official_label,
    other_label,
    paired_label,
)
from icl_linking.scoring.intervals import Share, paired_difference, wilson
from icl_linking.scoring.outcome import Outcome, judge
from icl_linking.scoring.report import Report

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "link_context"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden scores are not here")


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@needs_golden
def test_official_isekai_scores() -> None:
    data = golden("scoring_isekai.json")
    right = 0
    for case in data["cases"]:
        label = official_label(case["target_text"])
        assert label == case["extracted_target"]
        other = other_label(label, case["positive"], case["negative"])
        found = official(case["prediction"], label, other)
        assert int(found) == case["correct"], case
        right += found
    assert right / len(data["cases"]) == data["overall"]["accuracy"]


@needs_golden
def test_official_imagenet_scores() -> None:
    data = golden("scoring_imagenet100.json")
    for case in data["cases"]:
        label = official_label(f'ASSISTANT: there is "{case["label"]}" in the image.</s>')
        if case["error"]:
            with pytest.raises(InputError, match="not in the table"):
                paired_label(label, data["pairs"])
        else:
            other = paired_label(label, data["pairs"])
            assert int(official(case["prediction"], label, other)) == case["correct"], case


@needs_golden
def test_sound_rule_closes_the_holes() -> None:
    expected = {
        "exact": "truth",
        "other": "other",
        "upper": "truth",
        "bare": "truth",
        "bare+eos+pad": "truth",
        "both": None,
        "both_negated": None,
        "empty": None,
        "none": None,
        "twice": "truth",
        "glued": None,
    }
    for case in golden("scoring_isekai.json")["cases"]:
        names = case["positive"], case["negative"]
        truth, other = names if case["query_is"] == "positive" else names[::-1]
        wanted = {"truth": truth, "other": other, None: None}[expected[case["kind"]]]
        assert decide(case["prediction"], names) == wanted, case


@pytest.mark.parametrize(
    ("answer", "labels", "named"),
    [
        ('There is a "Cactihog"!', ["cactihog", "hedgehog"], ["cactihog"]),
        ("a kit fox", ["fox", "kit fox"], ["kit fox"]),
        ("a kit fox, or just a fox", ["fox", "kit fox"], ["fox", "kit fox"]),
        ("it is a St Bernard.", ["St. Bernard", "beagle"], ["St. Bernard"]),
        ("the carpenter’s kit", ["carpenter's kit", "toolbox"], ["carpenter's kit"]),
        ('the "old" mill', ['"old" mill', "new mill"], ['"old" mill']),
        ("ICE-CREAM", ["ice_cream", "icemic"], ["ice_cream"]),
        ("c++", ["c", "c++"], ["c++"]),
        ("ﬁsh</s><unk>", ["fish", "bird"], ["fish"]),
        ("cat/dog", ["cat", "dog", "cow"], ["cat", "dog"]),
        ("7", ["7", "77", "0"], ["7"]),
        ("", ["a", "b"], []),
        ("Straße", ["strasse", "gasse"], ["strasse"]),
    ],
)
def test_mentioned(answer: str, labels: list[str], named: list[str]) -> None:
    assert list(mentioned(answer, labels)) == named
    assert decide(answer, labels) == (named[0] if len(named) == 1 else None)


def test_labels_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be told apart"):
        decide("cat", ["Cat", "cat."])
    with pytest.raises(InputError, match="no word"):
        decide("cat", ["cat", "..."])
    with pytest.raises(InputError, match="both classes"):
        other_label("cat", "Cat", "cat")


def test_wilson_against_known_values() -> None:
    # Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29
    for hits, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(hits, total) == pytest.approx((low, high), abs=1e-4)
    assert Share(0, 0).interval == (0.0, 1.0) and math.isnan(Share(0, 0).value)
    with pytest.raises(InputError):
        wilson(3, 2)


def test_paired_difference() -> None:
    first, second = [True] * 60 + [False] * 40, [True] * 20 + [False] * 80
    found = paired_difference(first, second)
    assert found.value == pytest.approx(0.4) and 0.25 < found.low < 0.4 < found.high < 0.55
    assert paired_difference(first, first) == paired_difference(second, second)
    assert paired_difference(first, second) == found
    with pytest.raises(InputError):
        paired_difference([True], [])


def answer(label: str, said: str | None = None, **meta: Any) -> Classification:
    labels = ("cactihog", "hedgehog")
    chances = np.array([0.7, 0.3], np.float32) if said is None and label in labels else None
    return Classification(label, labels if label in labels else (), chances, said, meta)


def episode(positive: bool = True, **meta: Any) -> Episode:
    truth = "cactihog" if positive else "hedgehog"
    facts = {"id": "1", "labels": ("cactihog", "hedgehog"), "positive": positive, **meta}
    return Episode(Context(), None, truth, facts)


def test_judge_kinds() -> None:
    assert judge(answer("cactihog"), episode()).kind == "right"
    assert judge(answer("hedgehog"), episode()).kind == "wrong"
    assert judge(answer("cactihog", "Cactihog."), episode()).kind == "right"
    assert judge(answer("cactihog", "Cactihog."), episode()).official is False
    assert judge(answer("", "no idea"), episode()).kind == "neither"
    assert judge(answer("", "a cactihog or a hedgehog"), episode()).kind == "both"
    assert judge(answer("", None, failed=True), episode()).kind == "failed"
    assert judge(answer("unknown"), episode()).kind == "neither"
    assert judge(answer("cactihog"), episode()).probability == pytest.approx(0.7)
    with pytest.raises(InputError, match="no target"):
        judge(answer("cactihog"), Episode(Context(), None))


def test_report_numbers() -> None:
    given = [("cactihog", True)] * 3 + [("hedgehog", True), ("hedgehog", False)]
    outcomes = [judge(answer(label), episode(positive)) for label, positive in given]
    report = Report(tuple(outcomes))
    assert (report.overall.hits, report.overall.total) == (4, 5)
    assert (report.positive.hits, report.positive.total) == (3, 4)
    assert (report.negative.hits, report.negative.total) == (1, 1)
    assert report.balanced == pytest.approx(0.875)
    assert report.counts == {"right": 4, "wrong": 1, "neither": 0, "both": 0, "failed": 0}
    assert json.loads(json.dumps(report.to_json()))["accuracy"]["hits"] == 4
    for outcome in outcomes:
        assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


def test_official_rule_counts_otherwise() -> None:
    outcome = judge(answer("cactihog", "CACTIHOG"), episode())
    assert Report((outcome,)).overall.hits == 1
    assert Report((outcome,), "official").overall.hits == 0


def test_metric() -> None:
    rows = []
    for label, positive in (("cactihog", True), ("hedgehog", True), ("hedgehog", False)):
        one = episode(positive)
        rows.append((link_accuracy(answer(label), one.target, one.meta), one.meta))
    scores = link_accuracy.aggregate(rows)
    assert scores["accuracy"] == pytest.approx(200 / 3)
    assert scores["positive_accuracy"] == 50 and scores["negative_accuracy"] == 100
    assert scores["accuracy_low"] < scores["accuracy"] < scores["accuracy_high"]
    assert math.isnan(link_accuracy.aggregate([])["accuracy"])
