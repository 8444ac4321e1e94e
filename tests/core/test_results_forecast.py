"""Forecast: fields, levels, files, tables, drawings."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from icl_core.coerce.series import time_index, to_series
from icl_core.errors import InputError, MissingExtraError, PluginError
from icl_core.results import Forecast

STEADY = settings(deadline=None, derandomize=True)
LEVELS = (0.1, 0.5, 0.9)
FLOAT32 = st.floats(width=32, allow_infinity=False)


def made(steps: int = 4, freq: str | None = "MS", **fields: object) -> Forecast:
    history = to_series(
        np.arange(24.0), start=None if freq is None else "2022-01-01", freq=freq, name="sales"
    )
    middle = np.arange(steps, dtype=np.float32)
    fields = {
        "quantiles": np.stack([middle - 1, middle, middle + 1]),
        "levels": LEVELS,
        "mean": middle,
        "index": time_index(history, steps),
        "name": "sales",
        "history": history,
        **fields,
    }
    return Forecast(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        {"quantiles": np.zeros((3, 4))},
        {"quantiles": np.zeros((2, 4), np.float32)},
        {"quantiles": np.zeros(4, np.float32)},
        {"quantiles": np.zeros((3, 0), np.float32), "mean": np.zeros(0, np.float32), "index": None},
        {"quantiles": [[0.0] * 4] * 3},
        {"mean": np.zeros(3, np.float32)},
        {"mean": np.zeros(4)},
        {"samples": np.zeros((5, 3), np.float32)},
        {"index": np.arange(4)},
        {"index": np.zeros(3, "datetime64[ns]")},
        {"levels": (0.1, 0.5, 0.5)},
        {"levels": (0.9, 0.5, 0.1)},
        {"levels": (0.0, 0.5, 0.9)},
        {"levels": ()},
    ],
)
def test_bad_fields_are_refused(fields: dict) -> None:
    with pytest.raises(PluginError, match="Forecast"):
        made(**fields)


def test_the_repr_is_one_line_with_sizes() -> None:
    assert repr(made()) == "Forecast(sales, 4 steps from 2024-01-01, levels 0.1, 0.5, 0.9)"
    assert len(repr(made(400, None))) < 100 and len(made(400)) == 400


def test_a_level_is_looked_up_exactly() -> None:
    """T5: what was asked comes back; nothing is interpolated."""
    forecast = made(levels=(0.1, 0.1 + 0.2, 0.9))
    np.testing.assert_array_equal(forecast.quantile(0.3), forecast.quantiles[1])
    assert forecast.level_names() == ["0.1", "0.3", "0.9"]
    with pytest.raises(InputError, match=r"no quantile level 0.2; it has 0.1, 0.3, 0.9"):
        forecast.quantile(0.2)
    with pytest.raises(InputError):
        forecast.quantile(float("nan"))


def test_pandas_has_one_column_a_level() -> None:
    frame = made().to_pandas()
    assert list(frame.columns) == ["item_id", "timestamp", "mean", "0.1", "0.5", "0.9"]
    assert frame["timestamp"].tolist() == list(pd.date_range("2024-01-01", periods=4, freq="MS"))
    unnamed = made(freq=None, name=None).to_pandas()
    assert list(unnamed.columns) == ["step", "mean", "0.1", "0.5", "0.9"]
    assert unnamed["step"].tolist() == [1, 2, 3, 4]


@STEADY
@given(arrays(np.float32, (3, 4), elements=FLOAT32))
def test_files_hold_the_same_numbers(quantiles: np.ndarray) -> None:
    """Every float32 comes back bit for bit from CSV and JSON; NaN is an empty cell and null."""
    forecast = made(quantiles=quantiles, mean=quantiles[1].copy())
    file = io.StringIO()
    forecast.write_csv(file)
    frame = pd.read_csv(io.StringIO(file.getvalue()), float_precision="round_trip")
    read = frame[["0.1", "0.5", "0.9"]].to_numpy().T.astype(np.float32)
    np.testing.assert_array_equal(read, quantiles)
    text = json.dumps(forecast.to_dict(), allow_nan=False)
    read = np.array(json.loads(text)["quantiles"], dtype=np.float32)
    np.testing.assert_array_equal(read, quantiles)


def test_json_is_strict_and_complete() -> None:
    samples = np.array([[np.inf, 0, 1, 2]], np.float32)
    data = made(samples=samples, meta={"cut": np.int64(3), "bad": float("nan")}).to_dict()
    assert data["type"] == "forecast"
    assert data["index"] == ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    assert data["samples"] == [[None, 0.0, 1.0, 2.0]]
    assert data["meta"] == {"cut": 3, "bad": None}
    json.dumps(data, allow_nan=False)
    assert made(freq=None).to_dict()["index"] is None


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_saving_is_atomic_and_never_overwrites_by_itself(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"f{suffix}"
    assert made().save(path) == path
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        made(2).save(path)
    assert path.read_bytes() == before
    made(2).save(path, overwrite=True)
    assert path.read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_parquet_reads_back_as_the_frame(tmp_path: Path) -> None:
    made().save(tmp_path / "f.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "f.parquet"), made().to_pandas())


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected one of \.csv, \.json, \.parquet"):
        made().save(tmp_path / "f.xlsx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", '=HYPERLINK("a,b")'])
def test_a_name_is_never_a_formula_in_csv(tmp_path: Path, name: str) -> None:
    """T9: a text cell that starts with = + - @ is prefixed; negative numbers are not."""
    made(name=name).save(tmp_path / "f.csv")
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["item_id"] for row in rows} == {"'" + name}
    assert rows[0]["0.1"] == "-1.0"


@pytest.mark.parametrize(
    ("freq", "period"), [("MS", "M"), ("h", "h"), ("D", "D"), ("QS-OCT", "Q-DEC"), ("2MS", "2M")]
)
def test_gluonts_gets_every_level_and_the_mean(freq: str, period: str) -> None:
    pytest.importorskip("gluonts")
    forecast = made(freq=freq)
    other = forecast.to_gluonts()
    assert other.forecast_keys == ["0.1", "0.5", "0.9", "mean"]
    assert (other.item_id, other.prediction_length) == ("sales", 4)
    assert other.start_date == pd.Period(pd.Timestamp(forecast.index[0]), freq=period)
    np.testing.assert_array_equal(other.quantile(0.9), forecast.quantiles[2])
    np.testing.assert_array_equal(other.mean, forecast.mean)


def test_gluonts_without_time_counts_hours_since_2000() -> None:
    pytest.importorskip("gluonts")
    assert made(1, None).to_gluonts().start_date == pd.Period("2000-01-02 00:00", freq="h")
    other = made(1, None).to_gluonts(start_date=pd.Period("2024", "Y"), item_id="x")
    assert (other.start_date, other.item_id) == (pd.Period("2024", "Y"), "x")


@pytest.mark.parametrize("module", ["gluonts.model.forecast", "pandas", "matplotlib.figure"])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    act = {"g": "to_gluonts", "p": "to_pandas", "m": "plot"}[module[0]]
    with pytest.raises(MissingExtraError) as caught:
        getattr(made(), act)()
    assert "pip install" in (caught.value.hint or "")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_plot_is_written_without_touching_pyplot(tmp_path: Path, suffix: str) -> None:
    loaded = "matplotlib.pyplot" in sys.modules
    figure = made().plot(tmp_path / f"f{suffix}")
    assert (tmp_path / f"f{suffix}").stat().st_size > 1000
    assert ("matplotlib.pyplot" in sys.modules) == loaded
    past, future = figure.axes[0].lines
    np.testing.assert_array_equal(past.get_ydata(), np.arange(24))
    np.testing.assert_array_equal(future.get_ydata(), np.arange(4))


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": 1},
        {"freq": None},
        {"history": None},
        {"name": "$x_{1$"},
        {"name": None},
        {"levels": (0.2,), "quantiles": np.zeros((1, 4), np.float32)},
        {"levels": (0.2, 0.3), "quantiles": np.zeros((2, 4), np.float32)},
        {"history": to_series([1.0, np.nan, 3.0])},
    ],
)
def test_every_kind_of_forecast_can_be_drawn(tmp_path: Path, fields: dict) -> None:
    assert made(**fields).plot(tmp_path / "f.png", title=None) is not None


def test_the_history_shown_can_be_chosen(tmp_path: Path) -> None:
    assert len(made().plot(history_steps=5).axes[0].lines[0].get_ydata()) == 5
    assert len(made().plot(history_steps=0).axes[0].lines) == 1
    with pytest.raises(InputError, match="history_steps is -1"):
        made().plot(history_steps=-1)
    with pytest.raises(InputError, match="suffix"):
        made().plot(tmp_path / "f.gif")


def test_a_plot_shows_the_truth_where_it_is_known() -> None:
    without = len(made().plot().axes[0].lines)
    axes = made().plot(truth=[1.0] * len(made())).axes[0]
    assert len(axes.lines) == without + 1
    assert "truth" in [text.get_text() for text in axes.get_legend().get_texts()]
    with pytest.raises(InputError, match="truth has shape"):
        made().plot(truth=[1.0])
