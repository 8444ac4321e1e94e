"""Named covariates: checked, encoded, matched with the steps to come, and read out of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from icl_core.coerce.covariates import encode_covariates, to_covariates
from icl_core.coerce.series import to_horizon, to_series
from icl_core.errors import InputError
from icl_core.types import Horizon, Series

pd = pytest.importorskip("pandas")

VALUES = np.arange(4.0)


def encoded(past: dict[str, Any], ahead: dict[str, Any] | None = None, length: int = 2) -> Any:
    return encode_covariates(
        to_series(Series(VALUES, covariates=past)), to_horizon(Horizon(length, None, ahead))
    )


def test_numbers_and_booleans_are_read_as_they_are() -> None:
    found = encoded({"p": [1, None, 3, 4], "b": [True, False, True, True]}, {"b": [False, True]})
    assert np.array_equal(found.past["p"], [1, np.nan, 3, 4], equal_nan=True)
    assert found.future["b"].tolist() == [1, 0, 1, 1, 0, 1]


def test_two_categories_become_one_row_and_more_become_one_each() -> None:
    found = encoded({"w": ["b", "a", "b", None]}, {"w": ["a", "b"]})
    assert list(found.future) == ["w=b"] and found.past == {}
    assert np.array_equal(found.future["w=b"], [1, 0, 1, np.nan, 0, 1], equal_nan=True)
    found = encoded({"w": ["b", "a", "b", None]}, {"w": ["c", "b"]})
    assert list(found.future) == ["w=a", "w=b", "w=c"]
    assert np.array_equal(found.future["w=c"], [0, 0, 0, np.nan, 1, 0], equal_nan=True)
    assert list(encoded({"w": ["a"] * 4}).past) == ["w=a"]


def test_pandas_columns_are_read_with_their_kind() -> None:
    kinds = pd.Series(["x", "y", None, "x"], dtype="category")
    found = encoded({"k": kinds, "n": pd.Series([1, 2, None, 4], dtype="Int64")})
    assert np.array_equal(found.past["k=y"], [0, 1, np.nan, 0], equal_nan=True)
    assert np.array_equal(found.past["n"], [1, 2, np.nan, 4], equal_nan=True)


def test_a_future_that_is_longer_is_cut_and_one_that_is_missing_goes_with_the_past() -> None:
    found = encoded({"p": [1, 2, 3, 4]}, {"p": [5, 6, 7]})
    assert found.future["p"].tolist() == [1, 2, 3, 4, 5, 6]
    found = encoded({"w": ["a", "b", "a", "b"]}, {"w": [None, None]})
    assert np.array_equal(found.future["w=b"], [0, 1, 0, 1, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("past", "ahead", "words"),
    [
        ({"p": [1, 2]}, None, "covariate 'p' has 2 values, expected the series's 4 steps"),
        ({"p": [[1, 2, 3, 4]]}, None, r"covariate 'p' has shape \[1, 4\]"),
        ({"p": [1, 2, 3, np.inf]}, None, "covariate 'p' is infinite at row 3"),
        ({"p": ["a", 2, "b", "c"]}, None, "holds words, and 2 in row 1"),
        ({"p": VALUES}, {"p": [1]}, "covariate 'p' has 1 values, expected the horizon's 2 steps"),
        ({"p": VALUES}, {"p": ["a", "b"]}, "numbers in the history and words in the horizon"),
        ({"p": VALUES, "q": VALUES}, {"r": [1, 2]}, "'r', which the history does not have; it has"),
        ({"w": ["a", "b", "a", "c"], "w=a": VALUES}, None, "two covariates become the row 'w=a'"),
        ({"": VALUES}, None, "a covariate is named ''"),
        ([VALUES], None, "covariates are list, expected a mapping"),
        ({"p": 3.0}, None, "covariate 'p': a series cannot be made from float"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(past: Any, ahead: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        encoded(past, ahead)


def test_a_column_of_names_is_no_category() -> None:
    names = [f"id{n}" for n in range(60)]
    series = to_series(Series(np.arange(60.0), covariates={"who": names}))
    with pytest.raises(InputError, match="60 different words, expected at most 50"):
        encode_covariates(series, Horizon(1))


def test_nothing_given_is_nothing() -> None:
    assert to_covariates(None, 4, "the series") is None
    assert to_covariates({}, 4, "the series") is None


def test_names_of_variates_are_checked() -> None:
    pair = np.zeros((2, 3))
    assert to_series(Series(pair, variates=("a", "b"))).variates == ("a", "b")
    for names in (("a",), ("a", "a"), (1, 2)):
        with pytest.raises(InputError, match="expected 2 different names"):
            to_series(Series(pair, variates=names))  # type: ignore[arg-type]


def frame(rows: int, first: str = "2024-01-01", **more: Any) -> Any:
    days = pd.date_range(first, periods=rows, freq="D")
    return pd.DataFrame({"day": days, "y": np.arange(rows) + 1.0, **more})


def test_a_frame_gives_covariates_and_gaps_stay_missing() -> None:
    from icl_core.coerce.frame_series import series_from_frame

    table = frame(5, price=[5, 4, 3, 2, 1], sky=list("ababa")).drop(index=2)
    shuffled = table.sample(frac=1, random_state=1)
    (one,) = series_from_frame(shuffled, "y", "day", freq="D", covariates=["price", "sky"])
    assert np.array_equal(one.values, [1, 2, np.nan, 4, 5], equal_nan=True)
    assert one.covariates is not None
    assert np.array_equal(one.covariates["price"], [5, 4, np.nan, 2, 1], equal_nan=True)
    assert one.covariates["sky"].tolist() == ["a", "b", None, "b", "a"]
    with pytest.raises(InputError, match="no covariate column 'prize'"):
        series_from_frame(table, "y", "day", covariates=["prize"])


def test_columns_together_are_the_variates_of_one_series() -> None:
    from icl_core.coerce.frame_series import series_from_frame

    table = frame(4, z=[4.0, 3, 2, 1])
    (one,) = series_from_frame(table, ["y", "z"], "day", together=True)
    assert one.values.shape == (2, 4) and one.variates == ("y", "z") and one.name is None
    assert len(series_from_frame(table, ["y", "z"], "day")) == 2


def test_the_table_of_the_future_is_matched_by_item_and_stamp() -> None:
    from icl_core.coerce.frame_future import future_from_frame
    from icl_core.coerce.frame_series import frame_series

    long = pd.concat([frame(3, item="a", p=1.0, q=0.0), frame(4, item="b", p=2.0, q=0.0)])
    found = frame_series(long, "y", "day", "item", covariates=["p", "q"])
    ahead = pd.concat(
        [
            frame(3, "2024-01-04", item="a", p=[10, 11, 12]),
            frame(3, "2024-01-05", item="b", p=[22, 23, 24]),
        ]
    ).iloc[::-1]
    known = future_from_frame(ahead, found, ["p", "q"], 2, "day", "item")
    assert [list(one) for one in known] == [["p"], ["p"]]
    assert [one["p"].tolist() for one in known] == [[10, 11], [22, 23]]
    for change, words in (
        (ahead[ahead.item != "b"], "no rows for 'b'"),
        (ahead[ahead.p != 23], r"no row for 2024-01-06, step 2 of 2 for 'b'"),
        (pd.concat([ahead, ahead]), "more than one row for 2024-01-04, step 1 of 2 for 'a'"),
        (ahead.drop(columns="p"), r"none of the covariates \('p', 'q'\)"),
        (ahead.iloc[:0], "has no rows"),
        (ahead.drop(columns="day"), "only the series have time stamps"),
    ):
        with pytest.raises(InputError, match=words):
            future_from_frame(
                change, found, ["p", "q"], 2, "day" if "day" in change else None, "item"
            )


def test_without_time_stamps_the_next_rows_are_the_next_steps() -> None:
    from icl_core.coerce.frame_future import future_from_frame
    from icl_core.coerce.frame_series import frame_series

    found = frame_series(pd.DataFrame({"y": [1.0, 2, 3], "p": [1, 2, 3]}), "y", covariates=["p"])
    ahead = pd.DataFrame({"p": [7, 8, 9]})
    assert future_from_frame(ahead, found, ["p"], 2)[0]["p"].tolist() == [7, 8]
    with pytest.raises(InputError, match="has 3 rows, expected the horizon's 5 steps"):
        future_from_frame(ahead, found, ["p"], 5)
