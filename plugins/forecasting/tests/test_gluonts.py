"""GluonTS data sets and its evaluation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from icl_core.cards import LearnerCard
from icl_core.errors import InputError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import Forecast
from icl_core.types import Context, Horizon, Task

gluonts = pytest.importorskip("gluonts")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


class LastValue(Learner):
    """Goes on with the last known value; a level moves it by its distance from the median."""

    predict_options = frozenset({"shift"})

    def __init__(self) -> None:
        card = LearnerCard("last-value", Task.FORECASTING, "test", "nowhere:LastValue")
        super().__init__(card, LoadOptions())

    def _prepare(self, context: Context) -> Any:
        return context.history

    def _predict(
        self, prepared: Any, queries: Sequence[Horizon], shift: float = 0.0, **options: Any
    ) -> list[Any]:
        known = prepared.values[~np.isnan(prepared.values)]
        answers = []
        for query in queries:
            levels = query.quantile_levels or tuple(n / 10 for n in range(1, 10))
            mean = np.full(query.length, known[-1] + shift, np.float32)
            quantiles = np.stack([mean + np.float32(level - 0.5) for level in levels])
            answers.append(Forecast(quantiles, levels, mean, name=prepared.name))
        return answers


def entries(count: int = 3, freq: str = "M") -> list[dict[str, Any]]:
    return [
        {
            "target": np.arange(24, dtype=np.float32) + number,
            "start": pd.Period("2020-01", freq=freq),
            "item_id": number,
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("freq", ["M", "Q-DEC", "W-SUN", "D", "h", "15min", "B", "Y-DEC"])
def test_forecasts_start_where_the_target_ends(freq: str) -> None:
    from icl_forecasting.interop import predict_dataset

    found = list(predict_dataset(LastValue(), entries(freq=freq), 4))
    assert [f.item_id for f in found] == [0, 1, 2]
    for number, forecast in enumerate(found):
        assert forecast.start_date == pd.Period("2020-01", freq=freq) + 24
        assert forecast.forecast_keys == [*(f"0.{n}" for n in range(1, 10)), "mean"]
        np.testing.assert_array_equal(forecast.mean, np.full(4, 23.0 + number))
        np.testing.assert_allclose(forecast.quantile("0.9"), forecast.mean + 0.4, rtol=1e-6)


def test_one_step_keeps_its_axis() -> None:
    from icl_forecasting.interop import predict_dataset

    (forecast,) = predict_dataset(LastValue(), entries(1), 1)
    assert forecast.quantile(0.5).shape == (1,)
    assert forecast.mean.shape == (1,)


def test_entries_with_little_or_no_time() -> None:
    from icl_forecasting.interop import predict_dataset

    bare = {"target": [1.0, 2.0]}
    dated = {"target": [1.0, 2.0], "start": "2024-01-31", "freq": "ME"}
    one, two = predict_dataset(LastValue(), [bare, dated], 2)
    assert two.start_date == pd.Period("2024-03", freq="M")
    assert one.start_date.freqstr == "h"


def test_the_data_set_is_read_one_batch_at_a_time() -> None:
    from icl_forecasting.interop import predict_dataset

    read = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal read
        while True:
            read += 1
            yield {"target": [float(read)]}

    found = predict_dataset(LastValue(), endless(), 1, batch_size=4)
    assert [float(next(found).mean[0]) for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert read == 8


def test_levels_and_options_are_passed_on() -> None:
    """T5: exactly the levels that were asked for, and the mean."""
    from icl_forecasting.interop import predict_dataset

    (forecast,) = predict_dataset(
        LastValue(), entries(1), 2, quantile_levels=(0.25, 0.75), shift=1.0
    )
    assert forecast.forecast_keys == ["0.25", "0.75", "mean"]
    assert forecast.mean.tolist() == [24.0, 24.0]


def test_bad_arguments_are_refused_at_the_call() -> None:
    from icl_forecasting.interop import ICLPredictor, predict_dataset

    with pytest.raises(InputError, match="horizon is 0"):
        predict_dataset(LastValue(), entries(), 0)
    with pytest.raises(InputError, match="horizon is 0"):
        ICLPredictor(LastValue(), 0)
    with pytest.raises(InputError, match="quantile level"):
        predict_dataset(LastValue(), entries(), 1, quantile_levels=(2.0,))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"target": [], "item_id": "x"}, "entry 1 x: .*is empty"),
        ({"target": [np.nan]}, "entry 1: .*only missing"),
        ({"target": [1, np.inf]}, "entry 1: .*infinite at row 1"),
        ({"start": 1}, "entry 1: .*'target'"),
    ],
)
def test_a_bad_entry_is_named(entry: dict[str, Any], words: str) -> None:
    """T1: the entry, its item and the position are named."""
    from icl_forecasting.interop import predict_dataset

    with pytest.raises(InputError, match=words):
        list(predict_dataset(LastValue(), [*entries(1), entry], 1))


def test_gluonts_backtest_and_evaluator_run() -> None:
    from gluonts.dataset.common import ListDataset
    from gluonts.evaluation import Evaluator, make_evaluation_predictions

    from icl_forecasting.interop import ICLPredictor

    data = ListDataset(
        [{"start": "2020-01", "target": entry["target"]} for entry in entries()], freq="M"
    )
    found, truth = make_evaluation_predictions(data, predictor=ICLPredictor(LastValue(), 4))
    metrics, items = Evaluator(quantiles=[0.1, 0.5, 0.9], num_workers=0)(truth, found)
    assert metrics["MSE"] == pytest.approx((1 + 4 + 9 + 16) / 4)
    assert len(items) == 3


def test_gluonts_evaluate_model_runs() -> None:
    from gluonts.dataset.common import ListDataset
    from gluonts.dataset.split import split
    from gluonts.ev.metrics import MASE, MeanWeightedSumQuantileLoss
    from gluonts.model import evaluate_model

    from icl_forecasting.interop import ICLPredictor

    data = ListDataset(
        [{"start": "2020-01", "target": entry["target"]} for entry in entries()], freq="M"
    )
    _, template = split(data, offset=-4)
    scores = evaluate_model(
        ICLPredictor(LastValue(), 4),
        test_data=template.generate_instances(4),
        metrics=[MASE(), MeanWeightedSumQuantileLoss([n / 10 for n in range(1, 10)])],
        seasonality=1,
    )
    assert scores["MASE[0.5]"].iloc[0] == pytest.approx(2.5)


def test_a_predictor_is_not_serialised(tmp_path: Path) -> None:
    from icl_forecasting.interop import ICLPredictor

    with pytest.raises(InputError, match="not written to a folder"):
        ICLPredictor(LastValue(), 1).serialize(tmp_path)


def test_without_gluonts_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['gluonts.model.forecast'] = None\n"
        "import icl_forecasting.interop as interop\n"
        "from icl_core.errors import MissingExtraError\n"
        "try: interop.predict_dataset\n"
        "except MissingExtraError as error:\n"
        "    sys.exit('icl-forecasting[gluonts]' not in error.hint)\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
