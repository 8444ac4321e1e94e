"""The scores: sets, windows, metrics, the table and the command."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core.errors import InputError, UnknownNameError
from icl_core.registry import load_card
from icl_core.types import Series
from icl_forecasting.baselines.cards import BASELINE_CARDS
from icl_forecasting.baselines.seasonality import seasonality_of
from icl_forecasting.scores import command
from icl_forecasting.scores.metrics import (
    LEVELS,
    geometric_mean,
    seasonal_scale,
    total,
    window_sums,
)
from icl_forecasting.scores.run import read_result, score_learner, score_naive, write_result
from icl_forecasting.scores.sets import (
    NINE,
    SeriesSet,
    parse_start,
    published,
    published_scores,
    read_sets,
)
from icl_forecasting.scores.table import means_of, published_table, rows_of
from icl_forecasting.scores.windows import Protocol, cut_windows, evenly_spaced

DATA = Path(__file__).parents[4] / "shared" / "data" / "timeseries"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")
CARDS = {card.name: card for card in BASELINE_CARDS}


@pytest.fixture
def folder(tmp_path):
    """Two small sets, one with a missing value, and one published score."""
    rng = np.random.default_rng(3)
    (tmp_path / "index.csv").write_text(
        "dataset,freq,horizon,seasonality\nmany,M,2,4\nyosemite_temps,none,2,1\n"
    )
    (tmp_path / "published.csv").write_text(
        "dataset,benchmark,task,horizon,num_windows,seasonality,metric,model,value,"
        "same_data_check,source\n"
        "many,chronos_zeroshot,t,2,1,1,MASE,best,0.5,exact,a\n"
        "many,chronos_zeroshot,t,2,1,1,WQL,best,0.25,exact,a\n"
        "many,gift_eval,t,2,1,4,MASE,best,0.6,exact,b\n"
    )
    for name, count in (("many", 10), ("yosemite_temps", 2)):
        rows = ["item_id,start,target"]
        for item in range(count):
            values = rng.normal(10, 1, 14 + item).round(3).astype(str)
            values[3] = "nan"
            rows.append(f"i{item},2001-05,{' '.join(values)}")
        with gzip.open(tmp_path / f"{name}.csv.gz", "wt") as file:
            file.write("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def local_cards(monkeypatch):
    def load(name, weights=None, device="auto", dtype="auto", **options):
        return load_card(CARDS[name], weights, device, dtype, options=options)

    monkeypatch.setattr(command, "load", load)


numbers = st.one_of(st.just(np.nan), st.floats(-100, 100).map(lambda x: round(x, 3)))


@given(
    st.lists(
        st.tuples(st.lists(numbers, max_size=12), st.lists(numbers, min_size=3, max_size=3)),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 4),
    st.integers(0, 2**16),
)
def test_scores_agree_with_a_slow_loop(windows, lag, seed):
    rng = np.random.default_rng(seed)
    sums, scaled, losses, truths = [], [], [], []
    for past, future in windows:
        context, target = np.array(past, dtype=float), np.array(future)
        quantiles = np.sort(rng.normal(0, 50, (9, 3)), axis=0)
        sums.append(window_sums(context, target, quantiles, LEVELS, lag))
        steps = [
            abs(past[t] - past[t - lag])
            for t in range(lag, len(past))
            if not math.isnan(past[t]) and not math.isnan(past[t - lag])
        ]
        scale = sum(steps) / len(steps) if steps else 0.0
        for h, true in enumerate(future):
            if math.isnan(true):
                continue
            truths.append(abs(true))
            if scale > 0:
                scaled.append(abs(true - quantiles[4, h]) / scale)
            for q, level in enumerate(LEVELS):
                gap = true - quantiles[q, h]
                losses.append(2 * (level * gap if gap >= 0 else (level - 1) * gap))
    score = total(sums)
    assert score.windows == len(windows)
    mase = np.mean(scaled) if scaled else math.nan
    wql = np.mean(losses) / np.mean(truths) if truths and sum(truths) > 0 else math.nan
    np.testing.assert_allclose([score.mase, score.wql], [mase, wql], rtol=1e-9)


def test_a_perfect_forecast_scores_zero_and_a_known_one_its_value():
    context, target = np.array([1.0, 3, 1, 3]), np.array([2.0, 4.0])
    perfect = total([window_sums(context, target, np.tile(target, (9, 1)), LEVELS, 1)])
    assert (perfect.mase, perfect.wql) == (0, 0)
    one_off = total([window_sums(context, target, np.tile(target + 1, (9, 1)), LEVELS, 1)])
    assert one_off.mase == pytest.approx(0.5)  # the error 1 divided by the mean difference 2
    assert one_off.wql == pytest.approx(1 / 3)  # the mean error 1 divided by the mean value 3


def test_series_without_a_scale_count_for_wql_only():
    flat = window_sums(np.ones(5), np.array([2.0]), np.ones((9, 1)), LEVELS, 1)
    assert (flat.steps, flat.scaled) == (0, 0) and flat.absolute == 2
    assert math.isnan(seasonal_scale(np.ones(2), 4))


def test_geometric_mean_refuses_what_it_cannot_average():
    assert geometric_mean([1, 4]) == pytest.approx(2)
    assert math.isnan(geometric_mean([])) and math.isnan(geometric_mean([1, 0]))


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("1949-01", "1949-01-01"), ("1984Q3", "1984-07-01"), ("1875", "1875-01-01"),
        ("2014-07-01 00:30:00", "2014-07-01T00:30:00"), ("", None), ("0001-01", None),
    ],
)  # fmt: skip
def test_starts_of_every_form_are_read(text, stamp):
    assert parse_start(text) == (None if stamp is None else np.datetime64(stamp, "s"))


def test_an_unreadable_start_is_named():
    with pytest.raises(InputError, match="soon"):
        parse_start("soon")


def test_sets_are_read_with_gaps_frequency_and_the_lag_of_the_publication(folder):
    many, other = read_sets(folder)
    assert (many.horizon, many.seasonality, many.scale_lag) == (2, 4, 1)
    assert (other.seasonality, other.scale_lag) == (1, 1)
    assert np.isnan(many.series[0].values[3]) and many.series[0].freq == "MS"
    assert other.series[0].freq is None
    assert published(folder, "many", "MASE", "best") == 0.5
    assert published(folder, "many", "MASE", "best", "gift_eval") == 0.6
    assert published(folder, "many", "MASE", "worst") is None


def test_unknown_sets_and_missing_folders_have_a_sentence(folder, tmp_path):
    with pytest.raises(UnknownNameError, match="many"):
        list(read_sets(folder, ["mani"]))
    with pytest.raises(InputError, match="does not exist"):
        list(read_sets(tmp_path / "nowhere"))


def a_set(*lengths, horizon=3, seasonality=2):
    series = tuple(Series(np.arange(float(n)), name=f"s{i}") for i, n in enumerate(lengths))
    return SeriesSet("toy", horizon, seasonality, seasonality, series)


def test_windows_end_at_the_end_do_not_overlap_and_keep_a_context():
    windows = cut_windows(a_set(20), Protocol(windows=3))
    assert [w.cut for w in windows] == [11, 14, 17]
    assert windows[-1].target.tolist() == [17, 18, 19]
    assert len(windows[0].context) == 11
    assert [w.cut for w in cut_windows(a_set(11), Protocol(windows=9))] == [5, 8]
    assert [w.cut for w in cut_windows(a_set(4), Protocol(windows=9))] == [1]


def test_rolling_cuts_eight_windows_of_small_sets_only():
    assert len(cut_windows(a_set(100), Protocol(windows=0))) == 8
    assert len(cut_windows(a_set(*[100] * 9), Protocol(windows=0))) == 9


def test_items_are_capped_evenly_and_the_same_windows_can_be_asked_again():
    whole = a_set(*range(20, 30))
    capped = cut_windows(whole, Protocol(max_items=3))
    assert [w.item for w in capped] == ["s0", "s4", "s9"]
    keys = {w.key for w in capped}
    assert [w.key for w in cut_windows(whole, Protocol(), only=keys)] == [w.key for w in capped]
    with pytest.raises(InputError, match="no window"):
        cut_windows(whole, Protocol(), only={("s0", 3)})
    with pytest.raises(InputError, match="longer than"):
        cut_windows(a_set(2), Protocol())


@given(st.integers(1, 300), st.integers(1, 300))
def test_evenly_spaced_items_are_distinct_and_as_many_as_wanted(count, wanted):
    chosen = evenly_spaced(count, wanted)
    assert len(chosen) == min(count, wanted) == len(set(chosen))
    assert chosen == sorted(chosen) and chosen[0] == 0 and chosen[-1] < count


def test_the_learner_and_the_fast_reference_agree(folder):
    learner = load_card(CARDS["seasonal-naive"])
    for series_set in read_sets(folder):
        windows = cut_windows(series_set, Protocol(windows=2))
        slow = score_learner(learner, series_set, windows, predict_options={"quantiles": "point"})
        fast = score_naive(series_set, windows)
        assert slow.sums.keys() == fast.sums.keys()
        assert slow.score().mase == pytest.approx(fast.score().mase, rel=1e-6)
        assert slow.score().wql == pytest.approx(fast.score().wql, rel=1e-6)


def test_results_come_back_from_their_file(folder, tmp_path):
    series_set = next(iter(read_sets(folder)))
    result = score_naive(series_set, cut_windows(series_set, Protocol()))
    path = write_result(tmp_path, result)
    assert read_result(path).sums == result.sums
    path.write_text("{}")
    with pytest.raises(InputError, match="no result"):
        read_result(path)


def test_ratios_use_seasonal_naive_on_the_same_windows(folder):
    learner = load_card(CARDS["seasonal-naive"], options={"quantiles": "point"})
    sets = list(read_sets(folder))
    naive = {s.name: score_naive(s, cut_windows(s, Protocol())) for s in sets}
    few = [
        score_learner(learner, s, cut_windows(s, Protocol(max_items=2)), label="few") for s in sets
    ]
    every = [score_learner(learner, s, cut_windows(s, Protocol()), label="every") for s in sets]
    rows = rows_of([*few, *every], naive)
    assert [row.mase_ratio for row in rows] == pytest.approx([1] * 4, rel=1e-6)
    assert [(row.score.windows, row.of) for row in rows] == [(2, 10), (2, 2), (10, 10), (2, 2)]
    assert [row.score.windows for row in rows_of([*few, *every], naive, common=True)] == [2] * 4
    means = {(m.learner, m.group): m for m in means_of(rows, [s.name for s in sets])}
    assert means["few", "all"].sets == 2 and means["few", "all-yosemite"].sets == 1
    assert means["few", "nine"].sets == 0 and means["few", "nine"].missing == NINE


def test_published_scores_are_divided_by_our_own_reference(folder):
    sets = list(read_sets(folder))
    naive = {s.name: score_naive(s, cut_windows(s, Protocol())) for s in sets}
    (row,) = published_table(published_scores(folder), ["best", "absent"], naive)
    assert row.mase_ratio == pytest.approx(0.5 / naive["many"].score().mase)


def test_the_command_writes_results_resumes_and_refuses_other_settings(
    folder, tmp_path, capsys, local_cards
):
    out = tmp_path / "out"
    base = [str(folder), "--out", str(out), "--learner", "seasonal-naive"]
    point = ["--predict-option", "quantiles=point", "--label", "point"]
    assert command.main([*base, *point, "--max-items", "2", "--published", "best"]) == 0
    shown = capsys.readouterr()
    assert "2 of 10" in shown.out and "best (published)" in shown.out
    assert "point on many" in shown.err
    stored = json.loads((out / "point" / "many.json").read_text())
    assert (stored["series_scored"], stored["series_of"]) == (2, 10)
    assert json.loads((out / "scores.json").read_text())["sets"][0]["mase_ratio"] == pytest.approx(
        1, rel=1e-6
    )

    assert command.main([*base, *point, "--max-items", "2"]) == 0
    assert "point on many" not in capsys.readouterr().err
    assert command.main([*base, *point]) == 1
    assert "--overwrite" in capsys.readouterr().err

    same = ["--items-from", str(out / "point"), "--label", "other"]
    assert command.main([*base, *same]) == 0
    assert read_result(out / "other" / "many.json").sums.keys() == {("i0", 12), ("i9", 21)}
    assert command.main([str(folder), "--out", str(out)]) == 0
    table = capsys.readouterr().out
    assert "| other |" in table and "| point |" in table


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--windows", "0"], "--windows is '0'"),
        (["--max-items", "0"], "max_items is 0"),
        (["--sets", "absent"], "no set 'absent'"),
        (["--learner", "seasonal-naive", "--learner", "seasonal-naive"], "two learners"),
    ],
)
def test_bad_arguments_are_one_sentence(folder, capsys, local_cards, arguments, sentence):
    assert command.main([str(folder), *arguments]) == 1
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error


def test_an_option_before_any_learner_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        command.main([str(folder), "--label", "x"])
    assert "after the --learner" in capsys.readouterr().err


@needs_data
@pytest.mark.parametrize("name", NINE)
def test_seasonal_naive_equals_the_published_scores(name):
    (series_set,) = read_sets(DATA, [name])
    scores = [
        score
        for score in published_scores(DATA)
        if (score.dataset, score.model, score.benchmark)
        == (name, "seasonal_naive", "chronos_zeroshot")
    ]
    assert {score.metric for score in scores} == {"MASE", "WQL"}
    # Where the publication used another season than the data have, its own is used here.
    (season,) = {score.seasonality for score in scores}
    as_published = SeriesSet(name, series_set.horizon, season, season, series_set.series)
    ours = score_naive(as_published, cut_windows(as_published, Protocol())).score()
    for score in scores:
        mine = ours.mase if score.metric == "MASE" else ours.wql
        tolerance = {"exact": 2e-4, "within 0.03 percent": 3e-4}.get(score.same_data, 0.02)
        assert mine == pytest.approx(score.value, rel=tolerance), score.metric


@needs_data
def test_the_frequency_table_gives_the_seasons_of_the_index():
    for series_set in read_sets(DATA):
        assert seasonality_of(series_set.series[0].freq) == series_set.seasonality, series_set.name
