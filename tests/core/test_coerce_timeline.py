"""Frequencies, grids and columns of time stamps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.coerce.infer import infer_frequency
from icl_core.coerce.series import to_series
from icl_core.coerce.stamps import to_stamps
from icl_core.coerce.timeline import grid, place, show, time_index, to_freq
from icl_core.errors import InputError
from icl_core.types import Series

STEADY = settings(deadline=None, derandomize=True)
FREQS = [
    "s",
    "15min",
    "h",
    "6h",
    "D",
    "2D",
    "B",
    "W-SUN",
    "W-WED",
    "MS",
    "ME",
    "2MS",
    "QS-OCT",
    "QE-DEC",
    "YS-JAN",
    "YE-DEC",
    "BME",
]


def stamps(start: str, periods: int, freq: str) -> np.ndarray:
    return pd.date_range(start, periods=periods, freq=freq).to_numpy()


@STEADY
@given(
    st.sampled_from(FREQS),
    st.integers(1, 60),
    st.integers(1, 40),
    st.dates(pd.Timestamp("1950-01-01").date(), pd.Timestamp("2050-01-01").date()),
)
def test_the_index_goes_on_where_the_series_ends(
    freq: str, past: int, length: int, day: object
) -> None:
    """Future stamps are exact: month ends, business days, leap years."""
    whole = pd.date_range(str(day), periods=past + length, freq=freq).to_numpy()
    series = to_series(pd.Series(np.arange(past), index=pd.DatetimeIndex(whole[:past])), freq=freq)
    future = time_index(series, length)
    assert future is not None and future.dtype == np.dtype("datetime64[ns]")
    np.testing.assert_array_equal(future, whole[past:])


def test_month_ends_stay_month_ends() -> None:
    series = to_series([1, 2], start="2023-12-31", freq="ME")
    np.testing.assert_array_equal(
        time_index(series, 2), np.array(["2024-02-29", "2024-03-31"], dtype="datetime64[ns]")
    )


def test_without_start_or_frequency_there_is_no_index() -> None:
    assert time_index(to_series([1, 2]), 3) is None
    assert time_index(to_series([1, 2], freq="h"), 3) is None
    assert time_index(to_series([1, 2], start="2024-01-01"), 3) is None


@pytest.mark.parametrize("freq", ["h", "D", "MS", "YS"])
def test_running_out_of_years_is_an_error(freq: str) -> None:
    with pytest.raises(InputError, match="1678 to 2261"):
        time_index(Series(np.zeros(3), np.datetime64("2262-01-01"), freq), 3000)


def test_a_start_off_the_grid_is_an_error() -> None:
    with pytest.raises(InputError, match="no time stamp of freq 'MS'"):
        time_index(Series(np.zeros(3), np.datetime64("2024-01-15"), "MS"), 3)


@pytest.mark.parametrize(
    ("freq", "start", "expected"),
    [
        ("H", None, "h"),
        ("1h", None, "h"),
        ("15T", None, "15min"),
        ("M", None, "ME"),
        ("M", "2024-01-31", "ME"),
        ("M", "2024-01-01", "MS"),
        ("3M", "2024-01-01", "3MS"),
        ("Q-DEC", "2024-01-01", "QS-JAN"),
        ("Q", None, "QE-DEC"),
        ("A-DEC", "2024-01-01", "YS-JAN"),
        ("Y", None, "YE-DEC"),
        ("W", None, "W-SUN"),
        (pd.offsets.BusinessDay(), None, "B"),
    ],
)
def test_old_and_new_aliases_have_one_name(freq: object, start: str | None, expected: str) -> None:
    assert to_freq(freq, None if start is None else np.datetime64(start)) == expected


@STEADY
@given(st.sampled_from(FREQS), st.integers(3, 30))
def test_the_frequency_of_a_regular_series_is_found(freq: str, length: int) -> None:
    """T3: what is inferred gives the same stamps back."""
    own = stamps("2024-01-07", length, freq)
    np.testing.assert_array_equal(grid(own[0], infer_frequency([own]), length), own)


def test_every_series_is_looked_at() -> None:
    """T3: the frequency is inferred over all series, not over the first hundred."""
    many = {f"s{i}": stamps("2024-01-01", 5, "D") for i in range(300)}
    assert infer_frequency(many) == "D"
    many["odd"] = stamps("2024-01-01", 5, "h")
    with pytest.raises(InputError, match="'s0' has 'D', 'odd' has 'h'"):
        infer_frequency(many)


def test_a_short_run_of_business_days_agrees_with_a_long_one() -> None:
    week, year = stamps("2024-01-01", 5, "B"), stamps("2024-01-01", 250, "B")
    assert infer_frequency([week]) == "D"
    assert infer_frequency([week, year]) == infer_frequency([year, week]) == "B"


def test_a_series_with_gaps_takes_the_frequency_of_the_others() -> None:
    whole, gappy = stamps("2024-01-01", 9, "D"), stamps("2024-01-01", 9, "D")[[0, 1, 5]]
    assert infer_frequency({"gappy": gappy, "whole": whole}) == "D"
    with pytest.raises(InputError, match="series 'gappy' has no regular frequency"):
        infer_frequency({"gappy": gappy})


def test_short_series_need_a_frequency_or_a_longer_one() -> None:
    """T3: fewer than three points need `freq`."""
    short = stamps("2024-01-01", 2, "D")
    with pytest.raises(InputError, match="fewer than 3"):
        infer_frequency([short])
    assert infer_frequency([short], freq="D") == "D"
    assert infer_frequency([short, stamps("2024-01-01", 9, "D")]) == "D"


@pytest.mark.parametrize(
    ("texts", "second"),
    [
        (["2024-01-31", "2024-02-29"], "2024-02-29"),
        (["2024-01", "2024-02"], "2024-02-01"),
        (["20240131", "20240229"], "2024-02-29"),
        (["2024-01-01 10:00", "2024-01-01T11:30:15.5"], "2024-01-01T11:30:15.500"),
        (["31/01/2024", "01/02/2024"], "2024-02-01"),
        (["01/31/2024", "02/01/2024"], "2024-02-01"),
        (["Jan 2024", "Feb 2024"], "2024-02-01"),
        (["2024Q1", "2024Q2"], "2024-04-01"),
        (["2024-01-01T00:00Z", "2024-01-01T01:00Z"], "2024-01-01T01:00"),
    ],
)
def test_text_in_one_clear_format_is_read(texts: list[str], second: str) -> None:
    assert to_stamps(texts).values[1] == np.datetime64(second)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["01/02/2024", "02/02/2024"], "'01/02/2024' in row 0 .* day first or month first"),
        (["2024-01-01", "later"], "'later' in row 1"),
        (["2024-01-01", None], "missing in row 1"),
        (["2024-01-01", "nan"], "missing in row 1"),
        ([1, 2], "holds numbers"),
        (["2024-01-01", 5], "holds 5 in row 1"),
        (["2024-01-01", "1500-01-01"], "'1500-01-01' in row 1 .* 1678"),
        (["2024-01-01T00:00+01:00", "2024-01-01T00:00+02:00"], "mixes time zones"),
        (["2024-01-01T00:00+01:00", "2024-01-01T00:00"], "mixes time zones"),
        (["2024-01-01T00:00Z", "2024-01-01"], "mixes time zones"),
    ],
)
def test_other_columns_are_refused_by_row(column: list, words: str) -> None:
    """T3: a bad time stamp is named with its row; mixed zones are refused."""
    with pytest.raises(InputError, match=words):
        to_stamps(column, "when")


@pytest.mark.parametrize("freq", ["h", "D"])
def test_stamps_go_back_into_their_zone(freq: str) -> None:
    index = pd.date_range("2024-03-29", periods=80, freq=freq, tz="America/New_York")
    read = to_stamps(index)
    pd.testing.assert_index_equal(
        read.restore(read.values), index, exact="equiv", check_names=False
    )


@STEADY
@given(st.integers(-(2**62), 2**62))
def test_a_stamp_that_is_shown_can_be_read_back(nanoseconds: int) -> None:
    stamp = np.datetime64(nanoseconds, "ns")
    assert np.datetime64(show(stamp)).astype("datetime64[ns]") == stamp


@STEADY
@given(
    st.sampled_from(
        [
            "B",
            "3B",
            "W-MON",
            "2W-SUN",
            "MS",
            "ME",
            "5MS",
            "QS-FEB",
            "QE-NOV",
            "2QS-OCT",
            "YS-JUL",
            "YE-FEB",
            "3YS-JAN",
            "7D",
            "90min",
        ]
    ),
    st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2000-01-01")),
    st.integers(1, 80),
)
def test_grids_counted_by_numpy_are_those_of_pandas(freq: str, start: object, length: int) -> None:
    expected = pd.date_range(start, periods=length, freq=freq).to_numpy()
    np.testing.assert_array_equal(grid(expected[0], freq, length), expected)


@STEADY
@given(st.sampled_from(FREQS), st.sets(st.integers(0, 60), min_size=1))
def test_each_stamp_finds_its_row(freq: str, rows: set[int]) -> None:
    """T3: gaps are found for every frequency."""
    kept = np.array(sorted(rows)) - min(rows)
    whole = stamps("2024-01-07", 61, freq)
    start, found = place(whole[kept], freq)
    np.testing.assert_array_equal(found, kept)
    if len(kept) > 1:
        with pytest.raises(InputError, match="not on the grid"):
            place(np.append(whole[kept[:-1]], whole[kept[-1]] + np.timedelta64(1, "ns")), freq)
    assert start == whole[0]
