"""Sources of windows and their accuracy: the same numbers as `icl_forecasting.scores`."""

import csv
import gzip
import math
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_core.evaluation import Row, Score, aggregate, scored
from icl_core.evaluation.shards import evaluate_shard, kept_meta
from icl_forecasting.evaluation import METRICS, SOURCES
from icl_forecasting.evaluation.accuracy import LEAST, forecast_accuracy
from icl_forecasting.evaluation.series import bundled_series, time_series
from icl_forecasting.scores.metrics import LEVELS
from icl_forecasting.scores.run import score_learner, score_naive
from icl_forecasting.scores.sets import read_sets
from icl_forecasting.scores.windows import Protocol, cut_windows

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "timeseries"
SETS = {"rising": ("MS", 4, 12), "daily": ("D", 3, 7), "flat": ("none", 2, 1)}


@pytest.fixture
def folder(tmp_path):
    """Three small sets: one with a gap, one without a scale."""
    with (tmp_path / "index.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["dataset", "freq", "horizon", "seasonality"])
        for name, (freq, horizon, season) in SETS.items():
            table.writerow([name, "M" if freq == "MS" else freq, horizon, season])
    rng = np.random.default_rng(0)
    for name, count in (("rising", 3), ("daily", 2), ("flat", 2)):
        with gzip.open(tmp_path / f"{name}.csv.gz", "wt", newline="") as file:
            table = csv.writer(file)
            table.writerow(["item_id", "start", "target"])
            for item in range(count):
                values = 10 + np.arange(40.0) + rng.normal(size=40)
                if name == "daily":
                    values[5] = math.nan
                if name == "flat":
                    values[:] = 3
                table.writerow([f"s{item}", "2020-01-01", " ".join(map(str, values))])
    return tmp_path


def rows_of(learner, episodes, **options):
    return evaluate_shard(learner, episodes, range(len(episodes)), forecast_accuracy, options)


def test_windows_are_episodes_with_all_that_the_score_needs(folder):
    episodes = time_series(folder)
    assert len(episodes) == 7
    first = episodes[0]
    assert first.meta["id"] == "rising/s0/36" and first.meta["set"] == "rising"
    assert len(first.context.history) == 36 and first.query.length == 4
    assert first.query.quantile_levels == LEVELS and first.target.shape == (4,)
    assert first.meta["predict_options"] == {"seasonality": 12}
    assert first.meta["scale"] == pytest.approx(12, abs=1)
    assert "predict_options" not in kept_meta(first.meta)
    assert [e.meta["set"] for e in time_series(folder, sets=["flat", "rising"], max_items=1)] == [
        "flat",
        "rising",
    ]


def test_the_digest_follows_the_data_and_what_is_chosen(folder):
    plain = time_series(folder).digest()
    assert plain == time_series(folder).digest()
    others = [
        time_series(folder, sets=["rising"]),
        time_series(folder, windows=2),
        time_series(folder, max_items=1),
        time_series(folder, max_context=8),
    ]
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text(text.replace("M,4,12", "M,4,6"))
    assert len({plain, time_series(folder).digest(), *(one.digest() for one in others)}) == 6


def test_only_the_last_values_may_be_shown_and_the_scale_stays(folder):
    whole, cut = time_series(folder)[0], time_series(folder, max_context=8)[0]
    history = cut.context.history
    assert np.array_equal(history.values, np.asarray(whole.context.history.values)[-8:])
    assert str(history.start)[:7] == "2022-05"  # 28 months were left out
    assert cut.meta["scale"] == whole.meta["scale"]


@pytest.mark.parametrize(
    "options", [{"windows": -1}, {"max_items": 0}, {"max_context": 0}, {"sets": ["none"]}]
)
def test_options_that_make_no_sense_are_refused(folder, options):
    with pytest.raises(icl.IclError):
        time_series(folder, **options)


@pytest.mark.parametrize("name", ["seasonal-naive", "auto-theta"])
def test_the_numbers_are_those_of_the_scores(folder, name):
    try:
        learner = icl.load(name)
    except icl.MissingExtraError as error:
        pytest.skip(str(error))
    episodes = time_series(folder, windows=2)
    rows = rows_of(learner, episodes)
    found = aggregate(forecast_accuracy, rows)
    for one in read_sets(folder):
        windows = cut_windows(one, Protocol(2))
        score = score_learner(learner, one, windows).score()
        assert found[f"wql_{one.name}"] == pytest.approx(score.wql, nan_ok=True)
        assert found[f"mase_{one.name}"] == pytest.approx(score.mase, nan_ok=True)
    values = [found[f"mase_{one}"] for one in SETS if not math.isnan(found[f"mase_{one}"])]
    assert len(values) == 2 and found["mase"] == pytest.approx(math.prod(values) ** 0.5)
    assert all(math.isnan(row.numbers["mase"]) for row in rows if row.meta["set"] == "flat")


def test_the_baseline_is_the_reference_of_the_scores(folder):
    learner = icl.load("seasonal-naive", quantiles="point")
    found = aggregate(forecast_accuracy, rows_of(learner, time_series(folder)))
    for one in read_sets(folder):
        score = score_naive(one, cut_windows(one, Protocol())).score()
        assert found[f"mase_{one.name}"] == pytest.approx(score.mase, nan_ok=True, rel=1e-6)
        assert found[f"wql_{one.name}"] == pytest.approx(score.wql, rel=1e-6)


def test_real_sets_have_the_scores_of_the_docs():
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    learner = icl.load("seasonal-naive", quantiles="point")
    sets = ["air_passengers", "uk_gas", "lake_huron"]
    found = aggregate(forecast_accuracy, rows_of(learner, time_series(DATA, sets=sets)))
    assert found["mase_air_passengers"] == pytest.approx(2.494, abs=1e-3)
    assert found["mase_uk_gas"] == pytest.approx(3.627, abs=1e-3)
    assert found["mase_lake_huron"] == pytest.approx(2.747, abs=1e-3)


def forecast(values, levels=LEVELS):
    values = np.asarray(values, np.float32)
    return icl.Forecast(np.tile(values, (len(levels), 1)), levels, values)


def test_missing_truths_are_left_out_and_undefined_scores_are_missing():
    meta = {"scale": 2.0, "set": "a"}
    found = forecast_accuracy(forecast([1, 5, 3]), [3.0, math.nan, 3.0], meta)
    assert found["mase"] == pytest.approx(0.5) and found["steps"] == 2
    assert found["wql"] == pytest.approx(2 / 6)
    nothing = forecast_accuracy(forecast([1, 2]), [math.nan, math.nan], meta)
    assert math.isnan(nothing["mase"]) and math.isnan(nothing["wql"])
    for scale in (0.0, math.nan, math.inf):
        one = forecast_accuracy(forecast([1.0]), [2.0], {"scale": scale})
        assert math.isnan(one["mase"]) and one["wql"] == pytest.approx(0.5)
    assert math.isnan(aggregate(forecast_accuracy, [Row(0, "0", nothing, meta)])["mase"])


def test_a_perfect_set_does_not_hide_the_others():
    rows = [
        Row(0, "0", forecast_accuracy(forecast([2.0]), [2.0], {"scale": 1.0}), {"set": "a"}),
        Row(1, "1", forecast_accuracy(forecast([2.0]), [3.0], {"scale": 1.0}), {"set": "b"}),
    ]
    assert aggregate(forecast_accuracy, rows)["mase"] == pytest.approx(LEAST**0.5)


def test_levels_and_lengths_are_checked():
    with pytest.raises(icl.InputError, match=r"no quantile 0\.2"):
        forecast_accuracy(forecast([1.0], (0.1, 0.5, 0.9)), [1.0], {"scale": 1.0})
    with pytest.raises(icl.InputError, match="2 steps"):
        forecast_accuracy(forecast([1.0, 2.0]), [1.0], {"scale": 1.0})
    more = (0.05, *LEVELS, 0.95)
    assert forecast_accuracy(forecast([1.0], more), [1.0], {"scale": 1.0})["mase"] == 0.0


def test_intervals_draw_the_windows_of_each_set(folder):
    learner = icl.load("seasonal-naive")
    rows = rows_of(learner, time_series(folder, sets=["rising", "daily"], windows=2))
    found = scored(forecast_accuracy, Score("forecast-accuracy", "mase", 0.0), rows)
    assert found.low < found.value < found.high


def test_the_bundled_series_need_no_folder():
    episodes = bundled_series(windows=2)
    assert [e.meta["set"] for e in episodes][::2] == [
        "air_passengers",
        "us_births_daily",
        "us_births_monthly",
    ]
    assert episodes.digest() != bundled_series(windows=3).digest()
    shown = {e.meta["set"]: e for e in episodes}["air_passengers"]
    assert len(shown.context.history) == 120 and shown.query.length == 24


def test_what_is_registered_is_there():
    from icl_core.catalogue import import_object

    for reference in (*SOURCES.values(), *METRICS.values()):
        assert callable(import_object(reference, reference))
