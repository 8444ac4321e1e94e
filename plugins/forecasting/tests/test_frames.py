"""Whole data frames: both vocabularies, any order, one sentence for each problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.cards import LearnerCard
from icl_core.errors import InputError, PluginError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import Forecast
from icl_core.types import Context, Horizon, Task
from icl_forecasting.interop import predict_df

OWN_LEVELS = (0.1, 0.5, 0.9)


class LastValue(Learner):
    """Goes on with the last known value; a level moves it by its distance from the median."""

    predict_options = frozenset({"shift"})

    def __init__(self, task: Task = Task.FORECASTING) -> None:
        super().__init__(
            LearnerCard("last-value", task, "test", "nowhere:LastValue"), LoadOptions()
        )
        self.batches: list[int] = []

    def _prepare(self, context: Context) -> Any:
        return context.history

    def _predict_episodes(self, pairs: Sequence[tuple[Context, Any]], **options: Any) -> list[Any]:
        self.batches.append(len(pairs))
        return super()._predict_episodes(pairs, **options)

    def _predict(
        self, prepared: Any, queries: Sequence[Horizon], shift: float = 0.0, **options: Any
    ) -> list[Any]:
        known = prepared.values[~np.isnan(prepared.values)]
        answers = []
        for query in queries:
            levels = query.quantile_levels or OWN_LEVELS
            mean = np.full(query.length, known[-1] + shift, np.float32)
            quantiles = np.stack([mean + np.float32(level - 0.5) for level in levels])
            answers.append(Forecast(quantiles, levels, mean, name=prepared.name))
        return answers


def long_frame(items: Sequence[Any] = ("b", "a"), rows: int = 5, freq: str = "D") -> pd.DataFrame:
    when = pd.date_range("2024-01-31", periods=rows, freq=freq)
    return pd.DataFrame(
        {
            "item_id": np.repeat(np.array(items, dtype=object), rows),
            "timestamp": np.tile(when, len(items)),
            "target": np.arange(len(items) * rows, dtype=float),
        }
    )


def test_the_answer_has_one_row_a_step() -> None:
    answer = predict_df(LastValue(), long_frame(), 2)
    assert list(answer.columns) == [
        "item_id", "timestamp", "target_name", "predictions", "0.1", "0.5", "0.9"
    ]  # fmt: skip
    assert answer["item_id"].tolist() == ["a", "a", "b", "b"]
    assert answer["timestamp"].tolist() == list(pd.to_datetime(["2024-02-05", "2024-02-06"])) * 2
    assert answer["target_name"].unique().tolist() == ["target"]
    assert answer["predictions"].tolist() == [9.0, 9.0, 4.0, 4.0]
    np.testing.assert_allclose(answer["0.9"], [9.4, 9.4, 4.4, 4.4], rtol=1e-6)


def test_nixtla_names_are_read_and_answered() -> None:
    names = {"item_id": "unique_id", "timestamp": "ds", "target": "y"}
    answer = predict_df(LastValue(), long_frame().rename(columns=names), 2)
    assert list(answer.columns[:4]) == ["unique_id", "ds", "target_name", "predictions"]
    assert answer["target_name"].unique().tolist() == ["y"]
    expected = predict_df(LastValue(), long_frame(), 2).rename(columns=names)
    pd.testing.assert_frame_equal(
        answer.drop(columns="target_name"), expected.drop(columns="target_name")
    )


def test_own_names_and_a_frame_indexed_by_item_and_time() -> None:
    expected = predict_df(LastValue(), long_frame(), 2)
    indexed = long_frame().set_index(["item_id", "timestamp"])
    pd.testing.assert_frame_equal(predict_df(LastValue(), indexed, 2), expected)
    own = long_frame().set_axis(["shop", "day", "sales"], axis=1)
    answer = predict_df(
        LastValue(), own, 2, id_column="shop", timestamp_column="day", target="sales"
    )
    assert list(answer.columns[:2]) == ["shop", "day"]


def test_several_targets_are_forecast_one_by_one() -> None:
    frame = long_frame().assign(price=1.0)
    answer = predict_df(LastValue(), frame, 1, target=["target", "price"])
    assert answer[["item_id", "target_name", "predictions"]].to_numpy().tolist() == [
        ["a", "target", 9.0], ["a", "price", 1.0], ["b", "target", 4.0], ["b", "price", 1.0]
    ]  # fmt: skip


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.permutations(list(range(10))))
def test_rows_may_come_in_any_order(order: list[int]) -> None:
    """T3: a shuffled frame gives the same answer."""
    frame = long_frame()
    pd.testing.assert_frame_equal(
        predict_df(LastValue(), frame.iloc[order], 2), predict_df(LastValue(), frame, 2)
    )


@pytest.mark.parametrize("items", [("b", "a"), (2, 1), ("x", 1)])
def test_identifiers_keep_their_kind(items: tuple[Any, Any]) -> None:
    frame = long_frame(items).infer_objects()
    answer = predict_df(LastValue(), frame, 1)
    assert set(answer["item_id"]) == set(items)
    assert answer["item_id"].dtype == frame["item_id"].dtype
    categories = frame.assign(item_id=frame["item_id"].astype("category"))
    assert isinstance(predict_df(LastValue(), categories, 1)["item_id"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize("freq", ["ME", "MS", "B", "W-WED", "QE-DEC", "h", "15min"])
def test_time_stamps_go_on_by_the_calendar(freq: str) -> None:
    frame = long_frame(["a"], 6, freq)
    whole = pd.date_range(frame["timestamp"].iloc[0], periods=9, freq=freq)
    assert predict_df(LastValue(), frame, 3)["timestamp"].tolist() == list(whole[6:])


def test_a_time_zone_comes_back() -> None:
    when = pd.date_range("2024-03-30 12:00", periods=10, freq="h", tz="Europe/Paris")
    frame = pd.DataFrame({"item_id": "a", "timestamp": when, "target": 1.0})
    answer = predict_df(LastValue(), frame, 6)
    expected = pd.date_range(when[-1], periods=7, freq="h")[1:]
    assert answer["timestamp"].tolist() == list(expected)


def test_exactly_the_levels_that_were_asked_come_back() -> None:
    """T5: no more and no fewer columns than levels."""
    for horizon, levels in ((2, [0.2, 0.5]), (Horizon(2, (0.2, 0.5)), None)):
        answer = predict_df(LastValue(), long_frame(), horizon, quantile_levels=levels)
        assert list(answer.columns[4:]) == ["0.2", "0.5"]
    with pytest.raises(InputError, match="given twice"):
        predict_df(LastValue(), long_frame(), Horizon(2, (0.5,)), quantile_levels=[0.5])


def test_gaps_and_missing_values_are_missing() -> None:
    """T1, T3: gaps of one item are filled by the frequency that another shows."""
    frame = long_frame().drop(index=[1, 2])
    frame.loc[4, "target"] = np.nan
    answer = predict_df(LastValue(), frame, 1)
    assert answer["predictions"].tolist() == [9.0, 3.0]
    assert answer["timestamp"].tolist() == [pd.Timestamp("2024-02-05")] * 2


def test_short_series_need_a_frequency() -> None:
    """T3: fewer than three rows show no frequency."""
    frame = long_frame(rows=2)
    with pytest.raises(InputError, match="fewer than 3"):
        predict_df(LastValue(), frame, 1)
    assert len(predict_df(LastValue(), frame, 1, freq="D")) == 2


def test_batches_bound_the_memory() -> None:
    learner = LastValue()
    answer = predict_df(learner, long_frame(list("abcdefg")), 1, batch_size=3)
    assert learner.batches == [3, 3, 1]
    assert len(answer) == 7
    with pytest.raises(InputError, match="batch_size is 0"):
        predict_df(learner, long_frame(), 1, batch_size=0)


def test_predict_options_reach_the_learner() -> None:
    assert predict_df(LastValue(), long_frame(), 1, shift=1.0)["predictions"].tolist() == [10, 5]
    with pytest.raises(InputError, match="no predict option 'shfit'"):
        predict_df(LastValue(), long_frame(), 1, shfit=1.0)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"id_column": "shop"}, "no item column 'shop'"),
        ({}, {"timestamp_column": "timestmp"}, r"no time column.*did you mean 'timestamp'"),
        ({}, {"target": "sales"}, "no target column 'sales'"),
        ({}, {"target": []}, "target is empty"),
        ({}, {"horizon": 0}, "horizon is 0"),
        ({}, {"quantile_levels": [0.5, 0.1]}, "strictly increasing"),
        ({}, {"freq": "h", "horizon": 1.5}, "horizon is 1.5"),
        ({"target": ["x", *range(9)]}, {}, "column 'target' holds text 'x' in row 0"),
        ({"target": [np.inf, *range(9)]}, {}, "column 'target' is infinite at row 0"),
        ({"target": [np.nan] * 5 + [1.0] * 5}, {}, "b has only missing values"),
        ({"timestamp": pd.Timestamp("2024-01-01")}, {}, "more than once for item_id 'a'"),
        ({"timestamp": range(10)}, {}, "'timestamp' holds numbers"),
        ({"item_id": [None, *"bbbbaaaaa"]}, {}, "'item_id' is missing in row 0"),
    ],
)
def test_each_problem_has_a_sentence(change: dict, options: dict, words: str) -> None:
    options = {"horizon": 1, **options}
    with pytest.raises(InputError, match=words):
        predict_df(LastValue(), long_frame().assign(**change), **options)


@pytest.mark.parametrize("shift", [np.nan, np.inf])
def test_a_learner_that_is_not_finite_is_named(shift: float) -> None:
    """T6: no table is made of NaN or infinite answers."""
    with pytest.raises(PluginError, match="last-value returned quantiles with NaN or infinite"):
        predict_df(LastValue(), long_frame(), 1, shift=shift)


def test_other_frames_and_learners_are_refused() -> None:
    with pytest.raises(InputError, match="expected a pandas DataFrame"):
        predict_df(LastValue(), [1, 2], 1)
    with pytest.raises(InputError, match="no rows"):
        predict_df(LastValue(), long_frame().iloc[:0], 1)
    with pytest.raises(InputError, match="linking learner, expected one that forecasts"):
        predict_df(LastValue(Task.LINKING), long_frame(), 1)
    with pytest.raises(InputError, match="expected a name or a loaded learner"):
        predict_df(object(), long_frame(), 1)  # type: ignore[arg-type]
