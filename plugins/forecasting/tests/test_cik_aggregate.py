"""From scores of instances to tables: the official numbers, what is missing, ranks."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from icl_core.errors import InputError
from icl_forecasting.cik import instances, rcrps
from icl_forecasting.cik.aggregate import (
    Outcome,
    Score,
    Task,
    by_context_source,
    by_skill,
    by_task,
    by_task_between,
    overall,
    per_instance,
    tasks_of,
)
from icl_forecasting.cik.ranking import mean_ranks

SHARED = Path(__file__).resolve().parents[4] / "shared"
GOLDEN = SHARED / "golden" / "cik"
DATA = SHARED / "data" / "cik" / "cik_dev.jsonl.gz"
needs_golden = pytest.mark.skipif(
    not (GOLDEN.is_dir() and DATA.exists()), reason=f"{GOLDEN} or {DATA} is not here"
)


def task(name, weight=1, sources=("c_i",), skills=("forecasting", "maths"), seeds=(1, 2)):
    return Task(name, Fraction(weight), sources, skills, seeds)


def pair(score):
    return [score.mean, score.error]


@pytest.fixture(scope="module")
def official():
    """Golden results: tasks, and for each model its outcomes."""
    arrays = np.load(GOLDEN / "aggregation.npz", allow_pickle=False)
    names = [str(name) for name in arrays["tasks"]]
    known = tasks_of(instances.read(DATA))
    models = []
    for model in range(3):
        rows = np.flatnonzero(arrays["row_model"] == model)
        models.append(
            [
                Outcome(
                    names[arrays["row_task"][row]],
                    int(arrays["row_seed"][row]),
                    float(arrays["row_metric"][row]),
                    float(arrays["row_variance"][row]),
                )
                for row in rows
            ]
        )
    return arrays, {name: known[name] for name in names}, models


@needs_golden
def test_the_published_route_gives_the_official_tables(official):
    arrays, tasks, models = official
    for model, rows in enumerate(models):
        scores = by_task(rows, tasks, published=True)
        expected = arrays["task_mean_stderr"][:, model]
        np.testing.assert_array_equal([pair(scores[name]) for name in tasks], expected)
        average = pair(overall(scores, published=True))
        for kind, function in (("context", by_context_source), ("skill", by_skill)):
            found = function(scores, tasks, published=True)
            columns = [str(name) for name in arrays[f"{kind}_columns"][1:]]
            rows_found = [average] + [pair(found[c]) if c in found else [0, 0] for c in columns]
            np.testing.assert_array_equal(rows_found, arrays[f"{kind}_mean_stderr"][model])


@needs_golden
def test_the_other_official_routes_are_reproduced(official):
    arrays, tasks, models = official
    for model, rows in enumerate(models):
        legacy = by_task_between(rows, tasks)
        np.testing.assert_array_equal(
            [pair(legacy[name]) for name in tasks], arrays["between_instance_mean_stderr"][:, model]
        )
        there = {name: tuple(r.seed for r in rows if r.task == name) for name in tasks}
        only = {name: replace(one, seeds=there[name]) for name, one in tasks.items()}
        np.testing.assert_allclose(
            pair(overall(by_task(rows, only))), arrays["unrounded_mean_stderr"][model], rtol=1e-9
        )
        np.testing.assert_allclose(
            pair(per_instance(rows, tasks, published=True)),
            arrays["per_instance_weighted_mean_stderr"][model],
            rtol=1e-9,
        )


@needs_golden
def test_the_script_for_the_hub_is_reproduced():
    arrays = np.load(GOLDEN / "hf_style_aggregate.npz", allow_pickle=False)
    wanted = list(zip((str(name) for name in arrays["name"]), arrays["seed"], strict=True))
    known = {(one.name, one.seed): one for one in instances.read(DATA)}
    chosen = [known[key] for key in wanted]
    np.testing.assert_allclose([float(one.weight) for one in chosen], arrays["weight"])
    rows = []
    for place, one in enumerate(chosen):
        record = rcrps(arrays[f"forecast_{place:02d}"], one)
        rows.append(Outcome(one.name, one.seed, record["metric"], record["variance"]))
    found = per_instance(rows, tasks_of(chosen))
    expected = [float(arrays["mean"]), float(arrays["standard_error"])]
    np.testing.assert_allclose(pair(found), expected, rtol=1e-9)


@needs_golden
def test_a_missing_instance_counts_as_five_and_a_negative_score_as_it_is(official):
    _, tasks, models = official
    rows = models[2]
    scores = by_task(rows, tasks)
    total = overall(scores)
    assert (total.instances, total.missing) == (45, 1)
    assert total.mean > overall(by_task(rows, tasks, published=True)).mean + 0.2
    negative = next(row for row in rows if row.metric < 0)
    own = [row.metric for row in rows if row.task == negative.task]
    assert scores[negative.task].mean == pytest.approx(np.mean(own))
    assert overall(by_task(models[1], tasks)).capped == 2
    assert pair(per_instance(rows, tasks)) == pytest.approx(pair(total))


def test_scores_by_hand():
    tasks = {"a": task("a"), "b": task("b", "1/3", ("c_i", "c_f")), "c": task("c", 2, ("c_h",))}
    rows = [
        Outcome("a", 1, 0.25, 0.01), Outcome("a", 2, 0.75, 0.03),
        Outcome("b", 1, 7.0, 9.0), Outcome("b", 2, math.nan, math.nan),
    ]  # fmt: skip
    scores = by_task(rows, tasks)
    assert scores["a"] == Score(0.5, pytest.approx(0.1), 2, 0, 0, Fraction(1))
    assert scores["b"] == Score(5.0, 0.0, 2, 1, 1, Fraction(1, 3))
    assert (scores["c"].mean, scores["c"].missing) == (5.0, 2)
    found = by_context_source(scores, tasks)
    assert list(found) == ["c_i", "c_f", "c_h"]
    assert found["c_i"].mean == pytest.approx((0.5 + 5 / 3) / (4 / 3))
    assert found["c_i"].error == pytest.approx(0.1 / (4 / 3))
    assert (found["c_i"].weight, found["c_i"].tasks, found["c_i"].missing) == (Fraction(4, 3), 2, 1)
    assert list(by_skill(scores, tasks)) == ["maths"]
    assert list(by_task(rows, tasks, published=True)) == ["a", "b"]
    assert overall(scores, tasks, lambda one: False) == Score(0.0, 0.0, 0, 0, 0, Fraction(0), 0)


def test_a_variance_that_is_not_known_makes_the_error_unknown():
    tasks = {"a": task("a")}
    scores = by_task([Outcome("a", 1, 0.5), Outcome("a", 2, 0.5, 0.1)], tasks)
    assert scores["a"].mean == 0.5 and math.isnan(scores["a"].error)
    assert math.isnan(overall(scores).error)
    below = by_task([Outcome("a", 1, 0.5, -0.2), Outcome("a", 2, 0.5, 0.1)], tasks)
    assert below["a"].error == 0


def test_scores_without_an_instance_are_refused():
    tasks = {"a": task("a")}
    with pytest.raises(InputError, match="a score for a/3, which is no instance"):
        by_task([Outcome("a", 3, 0.5)], tasks)
    with pytest.raises(InputError, match="two scores for a/1"):
        by_task([Outcome("a", 1, 0.5), Outcome("a", 1, 0.5)], tasks)


def test_ranks_follow_scores_and_share_ties():
    tasks = {"a": task("a", 3), "b": task("b", 1)}

    def scored(a, b, error=0.0):
        return {n: Score(m, error, 2, 0, 0, tasks[n].weight) for n, m in (("a", a), ("b", b))}

    ranks = mean_ranks({"x": scored(0.1, 0.9), "y": scored(0.2, 0.5), "z": scored(0.2, 0.7)}, tasks)
    assert [ranks[name][0] for name in "xyz"] == [1.5, (3 * 2.5 + 1) / 4, (3 * 2.5 + 2) / 4]
    assert all(spread == 0 for _, spread in ranks.values())
    close = mean_ranks({"x": scored(0.1, 0.1, 0.2), "y": scored(0.11, 0.11, 0.2)}, tasks)
    assert 1.4 < close["x"][0] < close["y"][0] < 1.6
    assert close == mean_ranks({"x": scored(0.1, 0.1, 0.2), "y": scored(0.11, 0.11, 0.2)}, tasks)
    with pytest.raises(InputError, match="no task in common"):
        mean_ranks({"x": {}, "y": scored(1, 1)}, tasks)
