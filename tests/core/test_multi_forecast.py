"""The answer to a history of several variates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icl_core.cards import LearnerCard
from icl_core.errors import InputError, PluginError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import Forecast, MultiForecast, check_prediction
from icl_core.types import Context, Episode, Horizon, Series, Task

CARD = LearnerCard("thing", Task.FORECASTING, "a thing", "m:C", takes_variates=True)
LEVELS = (0.1, 0.5, 0.9)


def answer(variates: int = 2, steps: int = 4, name: str | None = "shop") -> Any:
    history = Series(
        np.arange(variates * 6.0).reshape(variates, 6), np.datetime64("2024-01-01"), "D", name
    )
    quantiles = np.arange(variates * 3 * steps, dtype=np.float32).reshape(variates, 3, steps)
    index = np.arange(steps).astype("timedelta64[D]") + np.datetime64("2024-01-07")
    return MultiForecast.of(quantiles, LEVELS, quantiles[:, 1], index, history, {"how": 1})


class Level(Learner):
    """Repeats the last value of every variate."""

    wrong = 0

    def _prepare(self, context: Context) -> Any:
        return context.history

    def _predict(self, prepared: Any, queries: Any, **options: Any) -> list[Any]:
        values = np.atleast_2d(prepared.values).astype(np.float32)
        values = values[: len(values) - self.wrong]
        return [
            MultiForecast.of(
                np.repeat(np.repeat(values[:, None, -1:], 3, axis=1), q.length, axis=2),
                LEVELS,
                np.repeat(values[:, -1:], q.length, axis=1),
                None,
                prepared,
                {},
            )
            for q in queries
        ]


def test_one_variate_is_a_forecast_and_more_are_one_answer() -> None:
    assert isinstance(answer(1), Forecast)
    found = answer()
    assert len(found) == 2 and found.levels == LEVELS and found.quantiles.shape == (2, 3, 4)
    assert [one.name for one in found] == ["shop/0", "shop/1"] == [found[0].name, found["1"].name]
    assert [one.name for one in answer(name=None)] == ["0", "1"]
    assert found["1"].history is not None and found["1"].history.values.tolist()[0] == 6.0
    with pytest.raises(InputError, match="no variate 'x'; it has 0, 1"):
        found["x"]
    assert repr(found) == "MultiForecast(shop, 0, 1; 4 steps each)"


def test_it_becomes_json_tables_and_a_drawing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pd = pytest.importorskip("pandas")
    found = answer()
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["type"] == "multi-forecast" and data["variates"] == ["0", "1"]
    assert data["forecasts"][1]["quantiles"][0] == [12, 13, 14, 15]
    table = pd.read_csv(found.save(tmp_path / "f.csv"))
    assert table["item_id"].tolist() == ["shop/0"] * 4 + ["shop/1"] * 4
    assert table.shape == found.to_pandas().shape == (8, 6)
    assert json.loads(found.save(tmp_path / "f.json").read_text()) == data
    figure = found.plot(tmp_path / "f.png", truth=np.zeros((2, 4)))
    assert len(figure.axes) == 2 and (tmp_path / "f.png").stat().st_size
    with pytest.raises(InputError, match=r"truth has shape \[4\], expected \[2, 4\]"):
        found.plot(truth=np.zeros(4))


def test_parts_that_do_not_belong_together_are_refused() -> None:
    one, other = answer(steps=4)[0], answer(steps=5)[0]
    for parts, names, words in (
        ((), (), "no forecasts"),
        ((one, other), ("a", "b"), "other levels, steps or time stamps"),
        ((one, one), ("a", "a"), "expected 2 different names"),
        ((one, 3), ("a", "b"), r"forecasts\[1\] is int"),
    ):
        with pytest.raises(PluginError, match=words):
            MultiForecast(parts, names)


def test_the_check_holds_the_answer_to_the_history() -> None:
    query = Horizon(4)
    check_prediction(CARD, query, answer())
    check_prediction(CARD, query, answer(), 2)
    check_prediction(CARD, query, answer(1), 1)
    for given, variates, words in (
        (answer(1), 2, "returned Forecast, expected MultiForecast for a history of 2 variates"),
        (answer(3), 2, "returned 3 variates, expected the history's 2"),
        (answer(), 1, "returned MultiForecast, expected Forecast"),
        (answer(steps=5), 2, r"quantiles as float32 \[3, 5\], expected float32 \[3, 4\]"),
    ):
        with pytest.raises(PluginError, match=words):
            check_prediction(CARD, query, given, variates)


def test_learners_answer_variates_through_both_roads() -> None:
    learner = Level(CARD, LoadOptions())
    pair = Series(np.array([[1.0, 2.0], [3.0, 4.0]]), variates=("a", "b"))
    found = learner.prepare(pair).predict(3)
    assert found["b"].mean.tolist() == [4, 4, 4]
    many = list(learner.predict_episodes([Episode(Context(history=s), 2) for s in (pair, [1.0])]))
    assert [type(one) for one in many] == [MultiForecast, Forecast]
    learner.wrong = 1
    with pytest.raises(PluginError, match="expected MultiForecast"):
        learner.prepare(pair).predict(3)


def test_only_readers_of_covariates_check_their_names() -> None:
    query = Horizon(2, covariates={"p": [1, 2]})
    Level(CARD, LoadOptions()).prepare([1.0, 2.0]).predict(query)
    reader = LearnerCard("thing", Task.FORECASTING, "a thing", "m:C", takes_covariates=True)
    with pytest.raises(InputError, match="which the history does not have; it has none"):
        Level(reader, LoadOptions()).prepare([1.0, 2.0]).predict(query)
    with pytest.raises(InputError, match="which the history does not have"):
        list(Level(reader, LoadOptions()).predict_episodes([Episode([1.0], query)]))
