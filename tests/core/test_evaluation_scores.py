"""From rows to scores: what is missing stays missing, and intervals are those of the bootstrap."""

import math

import numpy as np
import pytest

from icl_core.errors import InputError, PluginError
from icl_core.evaluation import Row, Score, aggregate, combined, difference, scored, skilled

UP, DOWN = Score("m", "x", 1.0), Score("m", "x", 0.0)


def plain(prediction, target, meta):
    return {}


class PerClass:
    """Mean over classes of the means of their rows, as IoU over classes is."""

    def aggregate(self, rows):
        found = {}
        for numbers, meta in rows:
            found.setdefault(meta["class_id"], []).append(numbers["x"])
        means = [np.mean(found[name]) if name in found else 0.0 for name in (1, 2)]
        return {"x": float(np.mean(means))}


class PerSet(PerClass):
    def stratum(self, meta):
        return meta["set"]

    def aggregate(self, rows):
        assert {meta["set"] for _, meta in rows} == {"a", "b"}
        return {"x": float(np.mean([numbers["x"] for numbers, _ in rows]))}


def rows(values, failed=(), **meta):
    found = []
    for number, value in enumerate(values):
        if number in failed:
            found.append(Row(number, str(number), {}, {}, "failed"))
        else:
            known = {name: one[number] for name, one in meta.items()}
            found.append(Row(number, str(number), {"x": value}, known))
    return found


def test_the_aggregate_of_a_plain_metric_is_the_mean_of_what_is_there():
    some = [*rows([1.0, 0.0]), Row(2, "2", {"x": math.nan, "y": 4.0}, {})]
    some.append(Row(3, "3", {}, {}, "failed"))
    assert aggregate(plain, some) == {"x": 0.5, "y": 4.0}
    assert aggregate(plain, []) == {} and aggregate(plain, some[-1:]) == {}
    assert math.isnan(aggregate(plain, rows([math.nan]))["x"])


def test_a_score_has_the_interval_of_its_mean():
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    found = scored(plain, UP, rows(values))
    assert found.value == pytest.approx(values.mean())
    wide = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - wide, abs=0.4 * wide)
    assert found.high == pytest.approx(values.mean() + wide, abs=0.4 * wide)
    assert scored(plain, UP, rows(values)) == found  # the seed is fixed


def test_without_an_answer_there_is_no_score():
    for none in (scored(plain, UP, rows([1.0], failed={0})), scored(plain, UP, [])):
        assert math.isnan(none.value) and math.isnan(none.low) and math.isnan(none.high)
    alone = scored(plain, UP, rows([0.25]))
    assert alone.value == 0.25 and math.isnan(alone.low)


def test_a_number_that_the_metric_does_not_give_is_named():
    with pytest.raises(PluginError, match=r"gives x, and the suite asks for 'y'"):
        scored(plain, Score("m", "y", 1.0), rows([1.0]))


def test_classes_and_sets_are_in_every_sample():
    ids = [1] * 30 + [2] * 2
    values = [1.0] * 30 + [0.9, 1.0]
    found = scored(PerClass(), UP, rows(values, class_id=ids))
    # A sample without class 2 would score 0.5.
    assert 0.9 < found.low <= found.value <= found.high <= 1.0
    scored(PerSet(), UP, rows([1.0, 0.0, 1.0, 0.0], set=["a", "a", "b", "b"]))


def test_classes_of_one_row_are_drawn_among_each_other():
    found = scored(plain, UP, rows([0.0, 1.0, 0.0, 1.0], class_id=[1, 2, 3, 4]))
    assert found.low < 0.5 < found.high


def test_skill_is_the_share_of_the_way_from_the_baseline():
    found = skilled(plain, UP, rows([0.6, 0.8]), rows([0.4, 0.4]))
    assert found.value == pytest.approx((0.7 - 0.4) / 0.6)
    down = skilled(plain, DOWN, rows([1.0, 2.0]), rows([2.0, 4.0]))
    assert down.value == pytest.approx(0.5) and down.low == down.high == pytest.approx(0.5)
    assert skilled(plain, DOWN, rows([4.0]), rows([2.0])).value == -1.0


def test_skill_counts_the_episodes_that_both_answered():
    ours = rows([0.6, 1.0, 0.8, 1.0], failed={1})
    theirs = rows([0.4, 0.0, 0.4, 0.9], failed={3})
    assert skilled(plain, UP, ours, theirs).value == pytest.approx(0.5)
    assert math.isnan(skilled(plain, UP, ours, []).value)
    assert math.isnan(skilled(plain, UP, rows([1.0], failed={0}), theirs).value)


def test_skill_without_room_or_with_missing_values_is_missing():
    assert math.isnan(skilled(plain, UP, rows([1.0]), rows([1.0])).value)
    ours, theirs = rows([math.nan, 0.5]), rows([0.0, 0.0])
    assert skilled(plain, UP, ours, theirs).value == 0.5
    nothing = skilled(plain, UP, rows([math.nan, math.nan]), theirs)
    assert math.isnan(nothing.value) and math.isnan(nothing.low)


def test_a_difference_is_paired():
    old = np.random.default_rng(1).uniform(0, 0.8, 50)
    found = difference(plain, UP, rows(old + 0.1), rows(old))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert difference(plain, DOWN, rows(old + 0.1), rows(old)).value == pytest.approx(-0.1)
    with pytest.raises(InputError, match="share no episode"):
        difference(plain, UP, rows([1.0], failed={0}), rows([1.0]))


def test_several_runs_make_one_number():
    runs = [rows([0.0, 0.2, 0.9], failed={2}), rows([0.5, 0.5, 0.5]), rows([1.0, 1.0, 0.0])]
    found = combined(plain, UP, runs, lambda n: n[2] - n[1] - n[0])
    assert found.value == pytest.approx(0.4)
    assert math.isnan(combined(plain, UP, [], lambda n: 0.0).value)
