"""RCRPS and its variance: golden values, slow loops, and what is refused."""

from __future__ import annotations

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.errors import InputError
from icl_core.results import Forecast
from icl_core.types import Context, Episode, Horizon
from icl_forecasting.cik import instances, rcrps
from icl_forecasting.cik.metric import (
    RECORD_NAMES,
    RcrpsTarget,
    covariance,
    fair_crps,
    violations,
    weighted_variance,
)
from icl_forecasting.cik.metric.evaluation import weighted_rcrps
from icl_forecasting.cik.samples import at_ranks, from_quantiles, sample_paths

SHARED = Path(__file__).resolve().parents[4] / "shared"
GOLDEN = SHARED / "golden" / "cik"
DATA = SHARED / "data" / "cik" / "cik_dev.jsonl.gz"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"{GOLDEN} is not here")
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")
LEVELS = tuple(level / 10 for level in range(1, 10))


@pytest.fixture(scope="module")
def by_id():
    return {(one.name, one.seed): one for one in instances.read(DATA)}


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def check_record(record, expected, names=RECORD_NAMES):
    for name, value in zip(names, expected, strict=True):
        if not (name == "variance" and value == -1):
            close(record[name], value)


@needs_golden
@needs_data
def test_records_of_real_instances_are_the_official_ones(by_id):
    facts = json.loads((GOLDEN / "rcrps_instances.json").read_text())
    arrays = np.load(GOLDEN / "rcrps_instances.npz", allow_pickle=False)
    assert tuple(facts["result_keys"]) == RECORD_NAMES
    for entry in facts["instances"]:
        one = by_id[entry["name"], entry["seed"]]
        for kind in "ABCD":
            key = f"i{entry['index']:02d}"
            np.testing.assert_allclose(arrays[f"{key}_target"], one.future)
            record = rcrps(arrays[f"{key}_{kind}_samples"], one)
            check_record(record, arrays[f"{key}_{kind}_expected"])
            assert record["rcrps"] == record["metric"] and record["roi"] == record["roi_crps"]
            assert record["constraint"] == record["violation_crps"]


@needs_golden
@needs_data
def test_metrics_and_variances_of_the_hub_script_are_the_official_ones(by_id):
    arrays = np.load(GOLDEN / "hf_style_aggregate.npz", allow_pickle=False)
    for place, (name, seed) in enumerate(zip(arrays["name"], arrays["seed"], strict=True)):
        record = rcrps(arrays[f"forecast_{place:02d}"], by_id[str(name), int(seed)].episode())
        close(record["metric"], arrays["metric"][place])
        close(record["variance"], arrays["variance"][place])


EVERY = {"lower": 1.0, "upper": 4.0, "upper_steps": (1, 4, 6), "upper_values": (4.5, 5.0, 2.5)}
OPTIONS = {
    "plain": ({}, {}),
    "roi_list_1_4": ({"region": [1, 4]}, {}),
    "roi_slice_2_5": ({"region": slice(2, 5)}, {}),
    "roi_int_3": ({"region": 3}, {}),
    "roi_int_0": ({"region": 0}, {}),
    "roi_list_negative_1": ({"region": [-1]}, {}),
    "roi_list_1_4_weight_0.8": ({"region": [1, 4]}, {"roi_weight": 0.8}),
    "list_constraint": (EVERY, {}),
    "list_constraint_roi": ({**EVERY, "region": [1, 4]}, {}),
    "mean_equality": ({"mean": 2.5}, {}),
    "exponential": ({"lower": 1.0}, {"exponential": True}),
    "factor_3": ({"lower": 1.0}, {"factor": 3.0}),
    "log_transform": ({"lower": 1.0}, {"log_transform": True}),
}


@needs_golden
def test_every_option_gives_the_official_record():
    arrays = np.load(GOLDEN / "metric_options.npz", allow_pickle=False)
    assert {name[4:] for name in arrays.files if name.startswith("opt_")} == set(OPTIONS)
    for name, (parts, options) in OPTIONS.items():
        target = RcrpsTarget(arrays["target"], 0.2, **parts)
        check_record(rcrps(arrays["samples"], target, **options), arrays[f"opt_{name}"])


@needs_golden
def test_the_parts_are_the_official_ones():
    arrays = np.load(GOLDEN / "metric_options.npz", allow_pickle=False)
    x, y = arrays["samples"], arrays["target"]
    close(fair_crps(x, y), arrays["crps_vector"])
    close(fair_crps(x[:2], y), arrays["crps_two_samples"])
    close(fair_crps(x.reshape(25, 2, 4), y.reshape(2, 4)), arrays["crps_2d"])
    single = ("upper_steps", "upper_values")
    for name, parts in {
        "min": {"lower": 1.0},
        "max": {"upper": 4.0},
        "variable_max": {key: EVERY[key] for key in single},
        "mean_equality": {"mean": 2.5},
        "list": EVERY,
    }.items():
        close(violations(x, RcrpsTarget(y, 0.2, **parts)), arrays[f"violation_{name}"])
    close(covariance(x[:, 0], y[0], x[:, 1], y[1]), arrays["cov_0_1"])
    close(covariance(x[:, 0], y[0], x[:, 0], y[0]), arrays["cov_0_0"])
    close(weighted_variance(x, y, arrays["weights"]), arrays["weighted_sum_variance"])


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 2**16))
def test_the_crps_agrees_with_all_pairs(n, steps, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, steps)).round(1), rng.normal(size=steps).round(1)
    pairs = sum(np.abs(x[i] - x[j]) for i in range(n) for j in range(n))
    np.testing.assert_allclose(
        fair_crps(x, y), np.abs(x - y).mean(axis=0) - pairs / (2 * n * (n - 1)), atol=1e-12
    )


def test_the_covariance_agrees_with_sums_over_different_samples():
    rng = np.random.default_rng(4)
    n = 6
    x = rng.normal(size=(n, 2))
    y = np.array([0.3, -0.2])
    u, v = np.abs(x - y).T
    d, e = (np.abs(c[:, None] - c) for c in x.T)

    def mean(count, term):
        return np.mean([term(*chosen) for chosen in permutations(range(n), count)])

    product = (  # E[crps_a] E[crps_b], each factor from samples of its own
        mean(2, lambda i, j: u[i] * v[j])
        - mean(3, lambda i, j, k: u[i] * e[j, k]) / 2
        - mean(3, lambda i, j, k: v[i] * d[j, k]) / 2
        + mean(4, lambda i, j, k, m: d[i, j] * e[k, m]) / 4
    )  # fmt: skip
    both = (fair_crps(x[:, 0], y[0]) * fair_crps(x[:, 1], y[1])) - product
    assert covariance(x[:, 0], y[0], x[:, 1], y[1]) == pytest.approx(both, rel=1e-10)


def test_the_variance_is_that_of_many_scores():
    rng = np.random.default_rng(1)
    target = RcrpsTarget(np.array([0.2, -0.5, 1.0]), 0.5, region=[1], lower=-1.0)
    records = [rcrps(rng.normal(size=(12, 3)), target) for _ in range(1200)]
    scores = np.array([record["metric"] for record in records])
    told = np.mean([record["variance"] for record in records])
    assert told == pytest.approx(scores.var(ddof=1), rel=0.15)


def test_known_scores():
    truth = RcrpsTarget(np.array([1.0, 2.0]), 2.0, upper=3.0)
    perfect = rcrps(np.tile([1.0, 2.0], (25, 1)), truth)
    assert perfect["rcrps"] == perfect["constraint"] == 0
    off = rcrps(np.tile([2.0, 4.0], (25, 1)), truth)
    # Mean error 1.5 times the scaling; half of the steps 1 above the limit, times ten.
    assert off["crps"] == pytest.approx(3.0) and off["constraint"] == pytest.approx(10.0)
    assert off["violation_mean"] == pytest.approx(1.0)
    assert off["rcrps"] == pytest.approx(13.0)
    assert rcrps(np.ones((3, 2)), truth)["variance"] == -1
    assert rcrps(np.ones((9, 2)), truth, variance=False)["variance"] == -1


@pytest.mark.parametrize("region", [[0, 2], (2, 0), np.array([0, -2]), np.array([1, 0, 1, 0]) > 0])
def test_a_region_may_be_given_in_many_forms(region):
    assert RcrpsTarget(np.arange(4.0), region=region).region_steps == (0, 2)


def test_regions_of_no_step():
    for region in (None, [], 0, np.zeros(4, bool), slice(0, 0)):
        assert RcrpsTarget(np.arange(4.0), region=region).region_steps == ()
    assert RcrpsTarget(np.arange(4.0), region=[0]).region_steps == (0,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": np.ones((2, 2))}, "shape"),
        ({"values": [1.0, np.nan]}, "the true value of step 1 is nan"),
        ({"scaling": -1.0}, "scaling is -1.0"),
        ({"lower": 3.0, "upper": 2.0}, "expected low to high"),
        ({"region": 4}, "region has the step 4"),
        ({"region": [1, 1]}, "a step twice"),
        ({"region": "all"}, "region has the step 'a'"),
        ({"region": [True]}, "region has the step True"),
        ({"region": slice(None)}, "all 4 steps"),
        ({"region": np.ones(3, bool)}, "a mask"),
        ({"upper_steps": (9,), "upper_values": (1.0,)}, "upper_steps has the step 9"),
        ({"upper_steps": (1,)}, "1 steps with a limit of their own and 0 limits"),
    ],
)
def test_targets_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        RcrpsTarget(**{"values": np.arange(4.0), **changes})


def test_predictions_that_cannot_be_scored_are_refused():
    truth = RcrpsTarget(np.arange(4.0))
    quantiles = np.zeros((1, 4), np.float32)
    for bad, words in (
        (np.ones((1, 4)), "at least 2"),
        (np.ones((5, 3)), r"expected \[n, H\] and \[H\]"),
        (np.ones(4), r"expected \[n, H\]"),
        ("up", "expected a Forecast"),
        (Forecast(quantiles, (0.5,), quantiles[0]), "has no samples"),
    ):
        with pytest.raises(InputError, match=words):
            rcrps(bad, truth)
    with pytest.raises(InputError, match="expected a RcrpsTarget"):
        rcrps(np.ones((5, 4)), np.arange(4.0))
    with pytest.raises(InputError, match="roi_weight"):
        rcrps(np.ones((5, 4)), RcrpsTarget(np.arange(4.0), region=[1]), roi_weight=2)


def test_samples_that_are_not_finite_have_no_score():
    truth = RcrpsTarget(np.arange(4.0), lower=0.0)
    for value in (np.nan, np.inf):
        samples = np.ones((5, 4))
        samples[:2, 1] = value
        assert math.isnan(rcrps(samples, truth)["rcrps"])


def test_independent_draws_have_the_quantiles_and_their_paths_hold_together():
    quantiles = np.stack([10 + 2 * np.array(LEVELS), -np.array(LEVELS[::-1])], axis=1)
    paths = from_quantiles(LEVELS, quantiles, 20_000, seed=3)
    assert paths.shape == (20_000, 2) and paths.dtype == np.float64
    np.testing.assert_allclose(np.quantile(paths, LEVELS, axis=0), quantiles, atol=0.03)
    assert np.corrcoef(paths[::2, 0], paths[1::2, 0])[0, 1] == pytest.approx(0, abs=0.03)
    assert np.corrcoef(paths.T)[0, 1] > 0.8
    np.testing.assert_array_equal(paths, from_quantiles(LEVELS, quantiles, 20_000, seed=3))
    assert not np.array_equal(paths, from_quantiles(LEVELS, quantiles, 20_000, seed=4))


def test_stratified_draws_take_each_rank_once():
    quantiles = np.tile(np.array(LEVELS)[:, None], (1, 3))
    paths = from_quantiles(LEVELS, quantiles, 25, kind="stratified", dtype=np.float32)
    assert paths.dtype == np.float32
    ranks = (np.arange(25) + 0.5) / 25
    expected = at_ranks(np.array(LEVELS), quantiles[:, :1], ranks[:, None])
    np.testing.assert_allclose(np.sort(paths, axis=0), np.tile(expected, (1, 3)), rtol=1e-6)
    inside = (ranks > 0.1) & (ranks < 0.9)
    np.testing.assert_allclose(expected[inside, 0], ranks[inside])  # linear between the levels


def test_tails_go_on_along_a_normal_distribution():
    from statistics import NormalDist

    normal = NormalDist(5, 2)
    quantiles = np.array([[normal.inv_cdf(level)] for level in LEVELS])
    ranks = np.array([[0.001], [0.05], [0.99]])
    found = at_ranks(np.array(LEVELS), quantiles, ranks)
    np.testing.assert_allclose(found[:, 0], [normal.inv_cdf(rank) for rank in ranks[:, 0]])


def test_crossed_quantiles_are_sorted_and_a_single_level_has_no_spread():
    crossed = from_quantiles((0.1, 0.5, 0.9), np.array([[3.0], [2.0], [1.0]]), 50)
    straight = from_quantiles((0.1, 0.5, 0.9), np.array([[1.0], [2.0], [3.0]]), 50)
    np.testing.assert_array_equal(crossed, straight)
    np.testing.assert_array_equal(from_quantiles((0.5,), np.array([[4.0, 5.0]]), 3), [[4, 5]] * 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((0.5, 0.1), np.ones((2, 3))), "increasing"),
        (((0.5,), np.ones((2, 3))), r"\[Q\] and \[Q, H\]"),
        (((0.5,), np.full((1, 3), np.nan)), "not finite"),
        (((0.5,), np.ones((1, 3)), 0), "n is 0"),
        (((0.5,), np.ones((1, 3)), 5, 0, "sobol"), "kind is 'sobol'"),
    ],
)
def test_draws_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        from_quantiles(*arguments)


def test_the_metric_of_the_suite_draws_samples_and_weighs_instances():
    quantiles = np.tile(np.array(LEVELS, np.float32)[:, None], (1, 4))
    forecast = Forecast(quantiles, LEVELS, quantiles[4])
    target = RcrpsTarget(np.full(4, 0.5))
    meta = {"id": "a/1", "weight": "1/3", "sources": ["c_i"]}
    first = weighted_rcrps(forecast, target, meta)
    assert first == weighted_rcrps(forecast, target, meta)
    assert first != weighted_rcrps(forecast, target, {"id": "a/2"})
    assert len(sample_paths(forecast)) == 25
    far = weighted_rcrps(np.full((25, 4), 100.0), target)
    lost = {**far, "rcrps": math.nan}
    rows = [(first, meta), (far, {"weight": "1", "sources": ["c_f"]}), (lost, {"weight": "1"})]
    found = weighted_rcrps.aggregate(rows)
    assert found["rcrps"] == pytest.approx((first["rcrps"] / 3 + 10) / (7 / 3))
    assert (found["capped"], found["rcrps_c_f"]) == (2, 5)
    assert found["rcrps_error"] == pytest.approx(math.sqrt(first["variance"]) / 7)
    assert weighted_rcrps.aggregate([]) == {}


def test_targets_are_found_in_episodes():
    target = RcrpsTarget(np.arange(4.0))
    episode = Episode(Context(), Horizon(4), target)
    assert rcrps(np.ones((5, 4)), episode) == rcrps(np.ones((5, 4)), target)
