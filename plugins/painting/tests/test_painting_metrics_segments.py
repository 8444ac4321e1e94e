"""Panoptic quality and keypoint similarity against their formulas and worked examples."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from icl_core.errors import InputError, MissingExtraError
from icl_painting.metrics.keypoints import keypoint_oks, oks
from icl_painting.metrics.panoptic import Segments, matched, panoptic_quality
from icl_painting.tasks.keypoints import JOINTS, SPREADS


def rows_of(*numbers: int) -> np.ndarray:
    """A map of ten columns, each row of one number."""
    return np.repeat(np.array(numbers)[:, None], 10, axis=1)


def test_panoptic_quality_of_a_worked_example() -> None:
    truth = Segments(rows_of(1, 1, 1, 1, 2, 2, 3, 3), {1: 0, 2: 0, 3: 5})
    found = Segments(rows_of(9, 9, 9, 4, 4, 6, 3, 3), {9: 0, 4: 0, 6: 5, 3: 5})
    counts = matched(found, truth)
    # 9 matches 1 with 30 of 40; 4 has a third of 2; 6 is too much; 3 is right.
    np.testing.assert_allclose(counts[0], [1, 0.75, 1, 1])
    np.testing.assert_allclose(counts[5], [1, 1, 1, 0])
    meta = {"things": range(3)}
    numbers = panoptic_quality(found, truth, meta)
    scores = panoptic_quality.aggregate([(numbers, meta)])
    things, stuff = 0.75 / 2, 1 / 1.5
    assert scores["pq_things"] == pytest.approx(100 * things)
    assert scores["pq_stuff"] == pytest.approx(100 * stuff)
    assert scores["pq"] == pytest.approx(50 * (things + stuff))
    assert scores["sq"] == pytest.approx(50 * 1.75)
    assert numbers["pq"] == pytest.approx(scores["pq"] / 100)


def test_counts_of_pictures_are_summed_before_the_quotient() -> None:
    one = Segments(rows_of(1, 1), {1: 3})
    nothing = Segments(rows_of(0, 0), {})
    rows = [(panoptic_quality(f, one), {}) for f in (one, nothing, nothing)]
    assert panoptic_quality.aggregate(rows)["pq"] == pytest.approx(100 * 1 / (1 + 2 / 2))
    assert panoptic_quality(nothing, nothing)["pq"] == 1
    assert math.isnan(panoptic_quality.aggregate([])["pq"])
    assert math.isnan(panoptic_quality.aggregate(rows)["pq_things"])


def test_a_match_needs_more_than_half_and_the_same_category() -> None:
    truth = Segments(rows_of(1, 1, 2, 2), {1: 0, 2: 0})
    assert matched(Segments(rows_of(7, 7, 7, 7), {7: 0}), truth)[0].tolist() == [0, 0, 1, 2]
    counts = matched(Segments(rows_of(7, 7, 0, 0), {7: 1}), truth)
    assert counts[0].tolist() == [0, 0, 0, 2] and counts[1].tolist() == [0, 0, 1, 0]


def test_void_and_crowds_are_no_mistakes() -> None:
    truth = Segments(rows_of(1, 0, 0, 0, 2, 2), {1: 0, 2: 4}, frozenset({2}))
    # The part on unlabelled pixels does not count in the union; a segment mostly there is excused.
    found = Segments(rows_of(1, 1, 5, 5, 6, 6), {1: 0, 5: 0, 6: 4})
    counts = matched(found, truth)
    assert counts[0].tolist() == [1, 1, 0, 0] and 4 not in counts
    # In a crowd of another category it is a mistake, and the crowd itself need not be found.
    wrong = matched(Segments(rows_of(1, 0, 0, 0, 6, 6), {1: 0, 6: 3}), truth)
    assert wrong[3].tolist() == [0, 0, 1, 0] and 4 not in wrong


def test_a_panoptic_map_is_read_and_odd_maps_are_refused() -> None:
    truth = Segments(rows_of(1, 2), {1: 0, 2: 90})
    segments = (SimpleNamespace(id=1, category=0), SimpleNamespace(id=2, category=90))
    assert panoptic_quality(SimpleNamespace(ids=truth.ids, segments=segments), truth)["pq"] == 1
    with pytest.raises(InputError, match="segment 2 has no category"):
        Segments(rows_of(1, 2), {1: 0})
    with pytest.raises(InputError, match="whole numbers"):
        Segments(np.zeros((2, 2)), {})
    with pytest.raises(InputError, match="expected the same"):
        matched(Segments(rows_of(0), {}), truth)


def person() -> np.ndarray:
    random = np.random.default_rng(5)
    return np.column_stack([random.uniform(20, 80, (JOINTS, 2)), np.full(JOINTS, 2.0)])


def test_oks_follows_its_formula() -> None:
    truth, area = person(), 1500.0
    assert oks(truth, truth, area) == 1
    found = truth.copy()
    found[:, 0] += 3
    expected = np.exp(-9 / (2 * area * (2 * SPREADS) ** 2))
    assert oks(found, truth, area) == pytest.approx(expected.mean(), abs=1e-12)
    truth[5:, 2] = 0  # not labelled
    assert oks(found, truth, area) == pytest.approx(expected[:5].mean(), abs=1e-12)
    truth[:, 2] = 0
    assert math.isnan(oks(found, truth, area))
    with pytest.raises(InputError, match="expected above 0"):
        oks(found, truth, 0)
    with pytest.raises(InputError, match=r"expected \[17, 3\]"):
        oks(found[:16], truth, area)


def test_keypoints_of_a_crop_are_moved_to_their_picture() -> None:
    truth = person()
    crop, size = (10.0, -5.0, 96.0, 128.0), (256, 192)
    inside = np.column_stack(
        [(truth[:, 0] - 10) * 192 / 96, (truth[:, 1] + 5) * 256 / 128, np.full(JOINTS, 0.5)]
    )
    meta = {"crop": crop, "crop_size": size, "area": 900.0}
    for answer in (inside, SimpleNamespace(points=inside[:, :2], scores=inside[:, 2])):
        numbers = keypoint_oks(answer, truth, meta)
        assert numbers["oks"] == pytest.approx(1)
        assert numbers["x_3"] == pytest.approx(truth[3, 0]) and numbers["score_3"] == 0.5
    assert keypoint_oks.aggregate([(numbers, {})]) == {"oks": pytest.approx(100)}
    assert keypoint_oks.aggregate([]) == {}
    with pytest.raises(InputError, match=r"expected \[17, 3\]"):
        keypoint_oks(inside[:, :2])


@pytest.fixture
def annotated(tmp_path: Path) -> dict[str, Any]:
    """A COCO file with one person, and the meta of a crop of it."""
    record = {
        "id": 1,
        "image_id": 7,
        "category_id": 1,
        "iscrowd": 0,
        "area": 3600.0,
        "bbox": [20.0, 20.0, 60.0, 60.0],
        "num_keypoints": JOINTS,
        "keypoints": person().ravel().tolist(),
    }
    file = tmp_path / "person_keypoints_val2017.json"
    images = [{"id": 7, "height": 100, "width": 100}, {"id": 8, "height": 9, "width": 9}]
    categories = [{"id": 1, "name": "person"}]
    file.write_text(
        json.dumps({"images": images, "annotations": [record], "categories": categories})
    )
    return {
        "annotations": str(file),
        "image_id": 7,
        "image_ids": (7, 8),
        "crop": (0.0, 0.0, 192.0, 256.0),
        "crop_size": (256, 192),
        "score": 0.9,
    }


def test_average_precision_says_which_library_is_missing(
    annotated: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    numbers = keypoint_oks(np.column_stack([person()[:, :2], np.ones(JOINTS)]), None, annotated)
    with pytest.raises(MissingExtraError, match="pycocotools") as missing:
        keypoint_oks.aggregate([(numbers, annotated)])
    assert "icl-painting[keypoints]" in (missing.value.hint or "")


def test_average_precision_is_that_of_coco(
    annotated: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pycocotools")
    right = np.column_stack([person()[:, :2], np.full(JOINTS, 0.8)])
    wrong = right + np.array([60, 0, 0])
    rows = [(keypoint_oks(answer, None, annotated), annotated) for answer in (right, right)]
    # The same person twice is one person, so that nothing is wrong.
    assert keypoint_oks.aggregate(rows)["ap"] == pytest.approx(100)
    other = {**annotated, "score": 0.95}
    rows = [(keypoint_oks(right, None, annotated), annotated)]
    rows += [(keypoint_oks(wrong, None, other), other)]
    assert keypoint_oks.aggregate(rows)["ap"] == pytest.approx(50, abs=1)
    assert capsys.readouterr().out == ""
