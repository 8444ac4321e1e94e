"""The learner `cik`: text or a reading in, a forecast that obeys it out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import icl_core as icl
from icl_core import Context, Episode, Forecast, Horizon, InputError, Learner, Series
from icl_core.registry import load_card
from icl_forecasting.cards import TIREX
from icl_forecasting.cik.card import cik_card
from icl_forecasting.cik.forms import to_dict
from icl_forecasting.cik.statements import Bound, Change, Covariate, Effect, Reading
from icl_forecasting.cik.windows import Window

sys.path.append(str(Path(__file__).parent))
from condition_cases import daily, stamp

CARD = cik_card(TIREX.weights)
NOON = Window(start=stamp("2023-05-05T12:00"), end=stamp("2023-05-05T15:00"))
TRIPLED = Reading((Effect(window=NOON, change=Change.SCALE, value=3.0), Bound(lower=0.0)))


@pytest.fixture(scope="module")
def learner() -> Learner:
    """With a cheap forecaster."""
    return load_card(CARD, options={"forecaster": "seasonal-naive"})


def history(days: int = 4) -> Series:
    noise = np.random.default_rng(0).normal(size=24 * days)
    return Series(daily(days) + noise, stamp("2023-05-01"), "h", "load")


def predict(learner: Learner, text: str | None = None, **options: Any) -> Forecast:
    found = learner.prepare(Context(history=history(), text=text)).predict(24, **options)
    assert isinstance(found, Forecast)
    return found


def test_without_text_the_quantiles_are_those_of_the_forecaster(learner: Learner) -> None:
    plain = icl.load("seasonal-naive").prepare(Context(history=history())).predict(24)
    found = predict(learner)
    np.testing.assert_array_equal(found.quantiles, plain.quantiles)
    assert found.levels == plain.levels
    assert found.meta["touched"] == []
    assert found.samples is not None and found.samples.shape == (25, 24)


def test_a_reading_replaces_the_text(learner: Learner) -> None:
    plain, found = predict(learner), predict(learner, reading=TRIPLED)
    np.testing.assert_allclose(found.quantiles[:, 12:15], 3 * plain.quantiles[:, 12:15], rtol=1e-5)
    np.testing.assert_array_equal(found.quantiles[:, :12], plain.quantiles[:, :12])
    as_json = predict(learner, reading=to_dict(TRIPLED))
    np.testing.assert_array_equal(as_json.quantiles, found.quantiles)
    (touched,) = found.meta["touched"]
    assert touched["steps"] == [12, 13, 14] and touched["kind"] == "Effect"
    assert found.meta["reading"] == to_dict(TRIPLED)


def test_samples_depend_on_the_seed_alone(learner: Learner) -> None:
    first, again = predict(learner, seed=3), predict(learner, seed=3)
    other = predict(learner, seed=4)
    assert first.samples is not None and other.samples is not None
    np.testing.assert_array_equal(first.samples, again.samples)
    assert not np.array_equal(first.samples, other.samples)
    assert predict(learner, samples=0).samples is None


def test_samples_stay_inside_the_bounds(learner: Learner) -> None:
    found = predict(learner, reading=Reading((Bound(lower=90.0, upper=110.0),)), samples=300)
    assert found.samples is not None
    assert found.samples.min() >= 90 and found.samples.max() <= 110


def test_the_kind_of_sampling_is_told(learner: Learner) -> None:
    assert predict(learner).meta["sampling"] == "independent"
    assert predict(learner, sampling="stratified").meta["sampling"] == "stratified"


def test_exactly_the_asked_levels_come_back(learner: Learner) -> None:
    levels = (0.05, 0.33, 0.95)
    prepared = learner.prepare(Context(history=history()))
    found = prepared.predict(Horizon(24, levels), reading=TRIPLED)
    plain = prepared.predict(Horizon(24, levels))
    assert found.levels == levels
    np.testing.assert_array_equal(found.quantiles[:, :12], plain.quantiles[:, :12])
    assert (np.diff(found.quantiles, axis=0) >= 0).all()


def test_many_episodes_are_one_call_of_the_forecaster(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    forecaster = learner.forecaster  # type: ignore[attr-defined]
    answer = type(forecaster).predict_episodes

    def counted(self: Learner, episodes: Any, **options: Any) -> Any:
        calls.append(len(episodes))
        return answer(self, episodes, **options)

    monkeypatch.setattr(type(forecaster), "predict_episodes", counted)
    episodes = [Episode(Context(history=history(days)), Horizon(24)) for days in (2, 3, 4)]
    found = list(learner.predict_episodes(episodes))
    assert calls == [3] and len(found) == 3


def test_the_score_of_a_scaled_series_is_the_scaled_one(learner: Learner) -> None:
    """A history in other units, years later, gives the same forecast in those units."""
    one = predict(learner, reading=TRIPLED)
    base = history()
    later = Window(start=stamp("2029-05-11T12:00"), end=stamp("2029-05-11T15:00"))
    reading = Reading((Effect(window=later, change=Change.SCALE, value=3.0),))
    moved = Series(1000 * np.asarray(base.values), stamp("2029-05-07"), "h", "load")
    other = learner.prepare(Context(history=moved)).predict(24, reading=reading)
    assert other.samples is not None and one.samples is not None
    np.testing.assert_allclose(other.samples / 1000, one.samples, rtol=1e-4)


def test_a_series_without_stamps_is_forecast(learner: Learner) -> None:
    series = Series(daily(3), None, None, None)
    found = learner.prepare(Context(history=series, text=None)).predict(
        12, reading=Reading((Bound(upper=100.0),))
    )
    assert found.quantiles.max() <= 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": -1}, "samples"),
        ({"samples": True}, "samples"),
        ({"seed": 1.5}, "seed"),
        ({"sampling": "grid"}, "sampling"),
        ({"reading": "lots of words"}, "reading"),
    ],
)
def test_bad_options_are_refused(learner: Learner, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        predict(learner, **options)


def test_bad_forecasters_and_contexts_are_refused(learner: Learner) -> None:
    with pytest.raises(InputError, match="no history"):
        learner.prepare(Context(text="it will rain"))
    with pytest.raises(InputError, match="option"):
        load_card(CARD, options={"forecaster": "seasonal-naive", "colour": "red"})


def test_tirex_bundled_stands_under_it() -> None:
    learner = load_card(CARD)
    plain = icl.load("tirex").prepare(Context(history=history())).predict(24)
    found = predict(learner)
    np.testing.assert_array_equal(found.quantiles, plain.quantiles)
    tripled = predict(learner, reading=TRIPLED)
    np.testing.assert_allclose(
        tripled.quantiles[:, 12:15], 3 * plain.quantiles[:, 12:15], rtol=1e-4
    )


def test_covariates_of_the_text_go_to_a_forecaster_that_reads_them() -> None:
    pytest.importorskip("statsforecast")
    stamps = stamp("2023-05-01") + np.arange(144) * np.timedelta64(1, "h")
    rng = np.random.default_rng(0)
    high = [(day, hour) for day, hour in ((1, 5), (2, 9), (3, 14), (4, 3))]
    starts = [stamp(f"2023-05-0{day}T{hour:02d}:00") for day, hour in high]
    path = np.zeros(144)
    for start in starts:
        path[(stamps >= start) & (stamps < start + np.timedelta64(4, "h"))] = 1
    values = (20 + 10 * path + rng.normal(size=144))[:120]
    moments, levels = [stamps[0]], [0.0]
    for start in starts:
        moments += [start, start + np.timedelta64(4, "h")]
        levels += [1.0, 0.0]
    moments += [stamp("2023-05-06T06:00"), stamp("2023-05-06T10:00")]
    levels += [1.0, 0.0]
    reading = Reading((Covariate(name="load", stamps=tuple(moments), values=tuple(levels)),))
    arima = load_card(CARD, options={"forecaster": "auto-arima", "seasonality": 1})
    context = Context(history=Series(values, stamps[0], "h", "power"))
    forecast = arima.prepare(context).predict(24, reading=reading)
    assert forecast.meta["covariates_from_text"] == ["load"]
    middle = forecast.quantile(0.5)
    assert middle[6:10].mean() > middle[12:].mean() + 7
