"""The score does not know the series: not their scale, and not the dates they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_core import Context, Horizon, Learner
from icl_forecasting import cik
from icl_forecasting.cik.instances import Instance

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "cik" / "cik_dev.jsonl.gz"
CYCLE = np.timedelta64(28 * 365 + 7, "D")
"""Weekdays and leap years come again after 28 years."""
_DATE = re.compile(r"\b(?:19|20)\d\d-\d\d-\d\d\b")
_TASKS = ("Electricity", "CashDepleted", "IncreasedWithdrawal", "SensorMaintenance", "Periodic")
"""Kinds whose texts name no value in the unit of the series, and only dates in ISO 8601."""

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="the development file is not here")


@pytest.fixture(scope="module")
def instances() -> list[Instance]:
    found = [one for one in cik.instances.read(DATA) if one.name.startswith(_TASKS)]
    return [one for one in found if one.seed == 3]


@pytest.fixture(scope="module")
def learner() -> Iterator[Learner]:
    yield icl.load("cik", device="cpu")


def score(learner: Learner, one: Instance, text: str, history: icl.Series, scale: float) -> float:
    forecast = learner.prepare(Context(history=history, text=text)).predict(
        Horizon(len(one.future)), seed=1
    )
    target = replace(
        one.target, values=one.target.values * scale, scaling=one.target.scaling / scale
    )
    return float(cik.rcrps(forecast, target)["rcrps"])


def shifted(text: str) -> str:
    return _DATE.sub(lambda m: str(np.datetime64(m.group()) + CYCLE), text)


def test_a_history_in_another_unit_scores_the_same(
    learner: Learner, instances: list[Instance]
) -> None:
    assert len(instances) >= 5
    for one in instances:
        history = replace(one.history, values=np.asarray(one.history.values) * 64)
        there = score(learner, one, one.text, history, 64)
        assert there == pytest.approx(score(learner, one, one.text, one.history, 1), abs=0.004)


def test_a_history_of_another_time_scores_the_same(
    learner: Learner, instances: list[Instance]
) -> None:
    for one in instances:
        assert one.history.start is not None
        history = replace(one.history, start=one.history.start + CYCLE)
        there = score(learner, one, shifted(one.text), history, 1)
        assert there == pytest.approx(score(learner, one, one.text, one.history, 1), abs=0.004)
