"""Series and horizons: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import logging
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.coerce.series import to_horizon, to_series
from icl_core.errors import InputError
from icl_core.types import Horizon, Series

STEADY = settings(deadline=None, derandomize=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MAYBE_MISSING = st.lists(st.one_of(FINITE, st.just(float("nan"))), min_size=1, max_size=40)


def hourly(values: list, **index: object) -> pd.Series:
    return pd.Series(values, index=pd.date_range("2024-01-01", periods=len(values), **index))


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        range(1, 4),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1, 2, 3], dtype=np.float16),
        np.array([[1, 2, 3]]),
        np.array([[1], [2], [3]]),
        [True, 2, Decimal(3)],
        np.array([1, Fraction(2), np.float32(3)], dtype=object),
        pd.Series([1, 2, 3]),
        pd.Series([1, 2, 3], dtype="Int64"),
        pd.Series([1, 2, 3], dtype="float32"),
        pd.Series([1, 2, 3], dtype="category"),
        pd.DataFrame({"OT": [1.0, 2.0, 3.0]}),
        {"target": [1, 2, 3]},
        Series(np.array([1, 2, 3])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_form_of_numbers_gives_the_same_series(value: object) -> None:
    """T2: integers, bool, Decimal and objects that are numbers are numbers."""
    series = to_series(value)
    assert series.values.dtype == np.float64
    np.testing.assert_array_equal(series.values, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int64", "bool"])
def test_torch_tensors_of_any_dtype(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([1, 0, 1]).to(getattr(torch, dtype))
    np.testing.assert_array_equal(to_series(tensor).values, [1.0, 0.0, 1.0])
    grad = torch.tensor([1.0, 2.0], requires_grad=True)
    np.testing.assert_array_equal(to_series(grad).values, [1.0, 2.0])


def test_lists_need_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; from icl_core.coerce.series import to_series, to_horizon, time_index;"
        "s = to_series([1, 2], start='2024-01-01', freq='h'); time_index(s, 2); to_horizon(3);"
        "sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@STEADY
@given(MAYBE_MISSING)
def test_values_pass_through_unchanged(values: list[float]) -> None:
    """T1: NaN is missing; T7: huge and tiny values are neither scaled nor clipped."""
    if np.isnan(values).all():
        with pytest.raises(InputError, match="only missing values"):
            to_series(values)
        return
    series = to_series(values)
    np.testing.assert_array_equal(series.values, values)
    again = to_series(series)
    np.testing.assert_array_equal(again.values, series.values)


@pytest.mark.parametrize("scale", [1e30, 1e-30, 0.0])
def test_extreme_scales_and_constants_are_allowed(scale: float) -> None:
    """T7: constant, zero, huge and tiny series are series."""
    np.testing.assert_array_equal(to_series([scale] * 5).values, [scale] * 5)


def test_the_input_is_copied() -> None:
    values = np.arange(3.0)
    series = to_series(values)
    values[0] = 9.0
    assert series.values[0] == 0.0


@pytest.mark.parametrize(
    "value",
    [
        [1, None, 3],
        [1, pd.NA, 3],
        pd.Series([1, None, 3], dtype="Int64"),
        np.ma.masked_equal([1.0, 2.0, 3.0], 2.0),
        [Decimal(1), Decimal("NaN"), 3],
    ],
    ids=["None", "NA", "Int64", "masked", "Decimal"],
)
def test_missing_values_of_every_kind_become_nan(value: object) -> None:
    """T1: missing is allowed."""
    np.testing.assert_array_equal(to_series(value).values, [1.0, np.nan, 3.0])


@STEADY
@given(st.lists(FINITE, max_size=8), st.sampled_from([np.inf, -np.inf]), st.lists(FINITE))
def test_infinity_is_refused_with_its_position(
    before: list[float], bad: float, after: list[float]
) -> None:
    """T1: infinite values are refused, and the row is named."""
    with pytest.raises(InputError, match=f"infinite at row {len(before)} "):
        to_series([*before, bad, *after])


def test_infinity_in_several_variates_names_the_variate() -> None:
    values = np.zeros((2, 3))
    values[1, 2] = np.inf
    with pytest.raises(InputError, match="variate 1, row 2"):
        to_series(Series(values))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "is empty"),
        (np.empty(0), "is empty"),
        (pd.Series([], dtype=float), "is empty"),
        ({"target": []}, "is empty"),
        ([None, float("nan")], "only missing values"),
        (Series(np.full((2, 3), np.nan)), "only missing values"),
    ],
)
def test_empty_and_all_missing_are_refused(value: object, words: str) -> None:
    """T1: an empty or wholly missing history is an error."""
    with pytest.raises(InputError, match=words):
        to_series(value)


def test_a_single_value_is_a_series() -> None:
    """T1: whether one value is enough is the model's own matter."""
    assert len(to_series([5])) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, "2", 3], "text '2' at row 1"),
        (np.array(["a", "b"]), "text, first value 'a'"),
        (pd.Series([1.0, "x"], name="load"), "load holds text 'x' at row 1"),
        ([1, object()], "object .* at row 1"),
        ([1, 2j], "complex"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), "time stamps"),
        ([[1, 2], [3]], "unequal lengths"),
        (np.zeros((2, 3)), r"shape \[2, 3\]"),
        (np.zeros((2, 3, 4)), r"shape \[2, 3, 4\]"),
        (Series(np.zeros((2, 3, 4))), r"shape \[2, 3, 4\]"),
        ("series.csv", "str 'series.csv'"),
        (3, "int 3"),
        (iter([1, 2]), "iterator"),
        ({"values": [1]}, "key 'target'"),
        (pd.DataFrame({"a": [1], "b": [2]}), r"2 columns \(a, b\)"),
        (Series(np.zeros(3), covariates={"x": [1, 2]}), "covariate 'x'"),
    ],
)
def test_what_is_no_series_is_refused_by_name(value: object, words: str) -> None:
    """T2: text is refused with the first bad value and its row."""
    with pytest.raises(InputError, match=words):
        to_series(value)


@STEADY
@given(st.lists(st.integers(-(2**53), 2**53), min_size=1))
def test_whole_numbers_up_to_2_to_the_53_are_exact(values: list[int]) -> None:
    """T2: nothing is lost above 2**24, because values are float64."""
    assert [int(value) for value in to_series(values).values] == values
    assert [int(value) for value in to_series(np.array(values)).values] == values


@pytest.mark.parametrize("bad", [2**53 + 1, -(2**60) - 1, 10**400])
def test_whole_numbers_that_would_be_rounded_are_refused(bad: int) -> None:
    """T2: a value that float64 cannot hold is refused, not rounded."""
    with pytest.raises(InputError, match=r"at row 1 \(from 0\), a whole number above 2\*\*53"):
        to_series([1, bad])


def test_a_column_of_identifiers_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    """T2: distinct, increasing whole numbers above 2**24 look like identifiers."""
    with caplog.at_level(logging.WARNING, "icl.coerce"):
        to_series([1, 2, 3])
        to_series([2.0**25, 2.0**26])
        to_series([2**25, 2**25])
        assert not caplog.records
        to_series([2**25, 2**25 + 1])
    assert "identifiers" in caplog.text


def test_a_pandas_index_gives_start_frequency_and_name() -> None:
    """T3: a regular index is read as it is."""
    series = to_series(hourly([1, 2, 3], freq="h").rename("load"))
    assert (series.start, series.freq, series.name) == (np.datetime64("2024-01-01"), "h", "load")


def test_unsorted_rows_are_sorted_with_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """T3: unsorted time stamps are sorted, and that is logged."""
    with caplog.at_level(logging.INFO, "icl.coerce"):
        series = to_series(hourly([1, 2, 3], freq="D").iloc[[2, 0, 1]])
    np.testing.assert_array_equal(series.values, [1, 2, 3])
    assert "sorted" in caplog.text


@STEADY
@given(st.permutations(list(range(12))), st.sampled_from(["h", "D", "MS", "ME", "B", "W-WED"]))
def test_the_order_of_rows_does_not_matter(order: list[int], freq: str) -> None:
    """T3: any order of rows gives the same series."""
    frame = hourly(list(range(12)), freq=freq)
    series = to_series(frame.iloc[order])
    np.testing.assert_array_equal(series.values, np.arange(12))
    assert (series.start, series.freq) == (frame.index[0].to_datetime64(), freq)


def test_doubled_time_stamps_are_refused_with_the_first() -> None:
    """T3: the first doubled stamp is named."""
    frame = hourly([1, 2, 3, 4], freq="D").iloc[[0, 2, 1, 1, 2]]
    with pytest.raises(InputError, match="2024-01-02 more than once"):
        to_series(frame)


def test_gaps_are_filled_when_the_frequency_is_known(caplog: pytest.LogCaptureFixture) -> None:
    """T3: with a frequency, gaps are NaN; without one, an error with a hint."""
    frame = hourly([1, 2, 3, 4, 5], freq="D").iloc[[0, 1, 4]]
    with caplog.at_level(logging.INFO, "icl.coerce"):
        series = to_series(frame, freq="D")
    np.testing.assert_array_equal(series.values, [1, 2, np.nan, np.nan, 5])
    assert "2 missing time stamps" in caplog.text
    with pytest.raises(InputError, match="longest step is from 2024-01-02 to 2024-01-05") as caught:
        to_series(frame)
    assert "freq=" in (caught.value.hint or "")


def test_fewer_than_three_stamps_need_a_frequency() -> None:
    """T3: two points show no frequency."""
    frame = pd.Series([1, 2], index=pd.to_datetime(["2024-01-01", "2024-02-01"]))
    with pytest.raises(InputError, match="fewer than 3"):
        to_series(frame)
    assert to_series(frame, freq="MS").freq == "MS"


def test_a_stamp_off_the_grid_is_refused() -> None:
    frame = pd.Series([1, 2], index=pd.to_datetime(["2024-01-01", "2024-01-15"]))
    with pytest.raises(InputError, match="2024-01-15 is not on the grid of freq 'MS'"):
        to_series(frame, freq="MS")


def test_an_absurdly_fine_frequency_is_refused() -> None:
    frame = pd.Series([1, 2], index=pd.to_datetime(["1990-01-01", "2024-01-15"]))
    with pytest.raises(InputError, match="would make"):
        to_series(frame, freq="s")


def test_a_start_that_contradicts_the_index_is_refused() -> None:
    with pytest.raises(InputError, match="starts at 2024-01-01 by its index"):
        to_series(hourly([1, 2, 3], freq="D"), start="2024-01-02")


def test_hours_of_a_zone_become_utc_over_a_change_of_the_clocks() -> None:
    """T3: a zone is kept in time, hour by hour."""
    frame = pd.Series(range(49), pd.date_range("2024-03-30", periods=49, freq="h", tz="CET"))
    series = to_series(frame)
    assert (len(series), series.freq) == (49, "h")
    assert series.start == np.datetime64("2024-03-29T23:00")


def test_days_of_a_zone_keep_the_wall_clock() -> None:
    frame = pd.Series(range(5), pd.date_range("2024-03-29", periods=5, freq="D", tz="CET"))
    series = to_series(frame)
    assert (series.start, series.freq) == (np.datetime64("2024-03-29"), "D")


def test_mixed_zones_are_refused() -> None:
    """T3: mixed time zones are refused."""
    mixed = [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="CET")]
    for index in (mixed, [mixed[0], pd.Timestamp("2024-01-02")]):
        with pytest.raises(InputError, match="mixes time zones"):
            to_series(pd.Series([1, 2], index=pd.Index(index, dtype=object)))


@pytest.mark.parametrize(
    ("period", "freq", "start"),
    [
        ("M", "MS", "2024-03-01"),
        ("Q", "QS-OCT", "2024-01-01"),
        ("Y", "YS-JAN", "2024-01-01"),
        ("W", "W-MON", "2024-03-04"),
        ("D", "D", "2024-03-05"),
        ("15min", "15min", "2024-03-05"),
    ],
)
def test_periods_stand_for_their_first_moment(period: str, freq: str, start: str) -> None:
    first = pd.Period("2024-03-05", freq=period)
    indexed = pd.Series([1, 2, 3], index=pd.period_range(first, periods=3))
    for value in (indexed, {"target": [1, 2, 3], "start": first, "item_id": 7}):
        series = to_series(value)
        assert (series.start, series.freq) == (np.datetime64(start), freq)
    assert series.name == "7"


@pytest.mark.parametrize(
    ("start", "freq", "words"),
    [
        ("soon", "h", "start is 'soon'"),
        ("now", "h", "start is 'now'"),
        (5, "h", "start is 5"),
        ("0001-01-01", "h", "1678"),
        ("NaT", "h", "start is 'NaT'"),
        ("2024-01-15", "MS", "the next one is 2024-02-01"),
        ("2024-01-01", "often", "freq is 'often'"),
        ("2024-01-01", "-1h", "goes forward"),
        ("2024-01-01", "0h", "goes forward"),
    ],
)
def test_bad_starts_and_frequencies_are_refused(start: object, freq: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        to_series([1, 2], start=start, freq=freq)


def test_a_zoned_start_follows_the_frequency() -> None:
    assert to_series([1], start="2024-01-01T00:00+02:00", freq="h").start == np.datetime64(
        "2023-12-31T22:00"
    )
    assert to_series([1], start=pd.Timestamp("2024-01-01", tz="CET"), freq="D").start == (
        np.datetime64("2024-01-01")
    )


def test_several_variates_and_covariates_stay_with_a_series() -> None:
    given_ = Series(np.zeros((2, 3)), name="pair", covariates={"x": [1, 2, 3]})
    series = to_series(given_, freq="h", start="2024-01-01")
    assert series.values.shape == (2, 3)
    assert (series.name, series.freq) == ("pair", "h")
    assert series.covariates is not None and list(series.covariates) == ["x"]
    assert np.array_equal(series.covariates["x"], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("length", [1, 96, np.int64(7), np.uint8(3)])
def test_a_horizon_is_a_whole_number_of_steps(length: object) -> None:
    horizon = to_horizon(length)
    assert horizon.length == length and type(horizon.length) is int
    assert to_horizon(horizon).length == horizon.length


@pytest.mark.parametrize("length", [0, -1, True, 1.0, "3", None, np.bool_(True), float("nan"), [3]])
def test_other_horizons_are_refused(length: object) -> None:
    """T4: less than one step, or no whole number, is refused."""
    with pytest.raises(InputError, match="the horizon is"):
        to_horizon(length)
    with pytest.raises(InputError, match="the horizon is"):
        to_horizon(Horizon(length))  # type: ignore[arg-type]


@STEADY
@given(st.sets(st.floats(0.001, 0.999), min_size=1))
def test_levels_come_back_exactly_as_asked(levels: set[float]) -> None:
    """T5: exactly the levels that were asked for."""
    asked = tuple(sorted(levels))
    assert to_horizon(Horizon(3, np.array(asked))).quantile_levels == asked  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "levels", [(), (0.5, 0.5), (0.9, 0.1), (0.0,), (1.0,), (-0.1,), (float("nan"),), ("a",), 0.5]
)
def test_bad_levels_are_refused(levels: object) -> None:
    """T5: levels lie strictly between 0 and 1 and increase."""
    with pytest.raises(InputError, match="quantile"):
        to_horizon(Horizon(3, levels))  # type: ignore[arg-type]


def test_covariates_of_a_horizon_have_its_length() -> None:
    with pytest.raises(InputError, match="covariate 'x'"):
        to_horizon(Horizon(3, covariates={"x": [1, 2]}))
