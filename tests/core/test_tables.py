"""Tables from files, and series from tables."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.coerce.tables import read_table, series_from_frame
from icl_core.errors import IclError, InputError

STEADY = settings(deadline=None, derandomize=True)
DAYS = [f"2024-01-{day:02d}" for day in range(1, 6)]


def table(text: str | bytes, **options: object) -> pd.DataFrame:
    data = text.encode() if isinstance(text, str) else text
    return read_table(io.BytesIO(data), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_a_fixed_set(delimiter: str) -> None:
    """T9: comma, semicolon, tab and bar are told apart by content."""
    text = "\n".join(delimiter.join(row) for row in [("day", "load"), ("2024-01-01", "1.5")])
    frame = table(text)
    assert list(frame.columns) == ["day", "load"]
    assert frame["load"].tolist() == [1.5]


def test_other_delimiters_are_not_guessed() -> None:
    """T9: a colon or a blank separates nothing."""
    assert list(table("a:b c\n1:2 3\n").columns) == ["a:b c"]
    with pytest.raises(InputError, match="delimiter is ':'"):
        table("a:b\n", delimiter=":")


def test_decimal_commas_on_request() -> None:
    frame = table("a;b\n1,5;2\n-3,25;\n", decimal=",")
    assert frame["a"].tolist() == [1.5, -3.25]
    with pytest.raises(InputError, match=r"'1,5' in row 0 .*decimal"):
        series_from_frame(table("a;b\n1,5;2\n"), "a")


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "2024-01-01,5\n2024-01-02,6\n", "7\n8\n"])
def test_a_header_is_required(text: str) -> None:
    """T9: a first line of numbers and dates is no header."""
    with pytest.raises(InputError, match="has no header: its first line is"):
        table(text)


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_empty_tables_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        table(text)


def test_a_doubled_column_is_refused() -> None:
    with pytest.raises(InputError, match="2 columns named 'a'"):
        table("a,b,a\n1,2,3\n")


def test_a_row_of_another_length_is_named() -> None:
    with pytest.raises(InputError, match="line 3, has 3 cells, expected 2"):
        table("a,b\n1,2\n3,4,5\n")
    with pytest.raises(InputError, match="line 2, is not CSV"):
        table('a,b\n"x"y,2\n')


def test_an_encoding_error_names_the_byte() -> None:
    """T9: the byte, its position and its line."""
    data = b"item,y\ncaf\xe9,2\n"
    with pytest.raises(InputError, match="not utf-8: byte 0xe9 at position 10, line 2"):
        table(data)
    assert table(data, encoding="latin-1")["item"].tolist() == ["café"]
    with pytest.raises(InputError, match="UTF-16"):
        table("a,b\n".encode("utf-16"))
    with pytest.raises(InputError, match="zero bytes"):
        table(b"a,b\n1,\x002\n")
    with pytest.raises(InputError, match="does not exist"):
        table(data, encoding="latin-99")


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert list(table("\ufeffa,b\n1,2\n").columns) == ["a", "b"]


def test_the_size_is_limited(tmp_path: Path) -> None:
    """T9: a file or stream over the limit is refused; no more than the limit is read."""
    path = tmp_path / "big.csv"
    path.write_text("a\n" + "1\n" * 100)
    with pytest.raises(InputError, match="202 bytes, more than the limit of 50"):
        read_table(path, max_bytes=50)

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += min(size, 10)
            return b"1" * min(size, 10)

    endless = Endless()
    with pytest.raises(InputError, match="larger than the limit of 50"):
        read_table(endless, max_bytes=50)  # type: ignore[arg-type]
    assert endless.given == 51


def test_an_unpacked_parquet_is_limited_too(tmp_path: Path) -> None:
    path = tmp_path / "zeros.parquet"
    pd.DataFrame({"a": np.zeros(200_000)}).to_parquet(
        path, use_dictionary=False, compression="zstd"
    )
    size = path.stat().st_size
    with pytest.raises(InputError, match="unpacked"):
        read_table(path, max_bytes=size + 1000)
    assert len(read_table(path)) == 200_000


def test_columns_are_typed_with_care() -> None:
    """T2: identifiers keep their zeros and digits; missing numbers do not round the others."""
    frame = table(
        "zeros,long,whole,gap,country,empty\n"
        "007,12345678901234567890123,9007199254740993,1.5,NA,\n"
        "008,12345678901234567890124,,NA,US,\n"
    )
    assert frame["zeros"].tolist() == ["007", "008"]
    assert frame["long"].tolist() == ["12345678901234567890123", "12345678901234567890124"]
    assert frame["whole"].iloc[0] == 9007199254740993
    assert frame["whole"].isna().tolist() == [False, True]
    assert frame["gap"].isna().tolist() == [False, True]
    assert frame["country"].tolist() == ["NA", "US"]
    assert frame["empty"].isna().all()
    with pytest.raises(InputError, match=r"9007199254740993 at row 0 .*2\*\*53"):
        series_from_frame(frame, "whole")


@STEADY
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_numbers_survive_a_csv_file(values: list[float]) -> None:
    text = pd.DataFrame({"when": "x", "v": values}).to_csv(index=False)
    np.testing.assert_array_equal(table(text)["v"].to_numpy(dtype=float), values)


@STEADY
@given(st.text(max_size=200), st.sampled_from([None, "csv", "tsv", "jsonl", "parquet"]))
def test_any_text_is_a_table_or_a_sentence(text: str, format: str | None) -> None:
    """T9: nothing but a typed error comes out of bad text."""
    try:
        frame = table(text.encode("utf-8", "surrogatepass"), format=format)
        series_from_frame(frame)
    except IclError as error:
        assert "\n" not in str(error).strip() or len(str(error)) < 600


@STEADY
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_sentence(data: bytes) -> None:
    try:
        table(data)
    except IclError:
        pass


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "Excel"),
        (b"PAR1....", "not a complete Parquet"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_other_files_are_recognised(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        table(data)


def test_formats_by_suffix_and_by_content(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    frame.to_csv(tmp_path / "f.csv", index=False)
    frame.to_csv(tmp_path / "f.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "f.parquet")
    frame.to_json(tmp_path / "f.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "f.json", orient="records")
    for path in sorted(tmp_path.iterdir()):
        for source in (path, str(path), io.BytesIO(path.read_bytes())):
            pd.testing.assert_frame_equal(read_table(source), frame, check_dtype=False)


def test_standard_input_and_text_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n1\n")))
    assert read_table("-")["a"].tolist() == [1]
    assert read_table(io.StringIO("a\n1\n"))["a"].tolist() == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}\n{"a":\n', "line 2, is not JSON"),
        ("[1, 2]", "record 0 .* is int"),
        ("[]", "no record"),
    ],
)
def test_bad_json_lines_are_named(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        table(text)


def test_missing_files_and_odd_sources(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot read"):
        read_table(tmp_path)
    with pytest.raises(InputError, match="from int"):
        read_table(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="format is 'xlsx'"):
        table("a\n", format="xlsx")


LONG = pd.DataFrame(
    {
        "item_id": ["b"] * 5 + ["a"] * 5,
        "timestamp": DAYS * 2,
        "target": range(10),
    }
)


@pytest.mark.parametrize(
    "names",
    [("item_id", "timestamp", "target"), ("unique_id", "ds", "y")],
    ids=["chronos", "nixtla"],
)
def test_long_tables_in_both_vocabularies(names: tuple[str, str, str]) -> None:
    frame = LONG.set_axis(names, axis=1)
    first, second = series_from_frame(frame)
    assert (first.name, second.name) == ("b", "a")
    assert (first.freq, first.start) == ("D", np.datetime64("2024-01-01"))
    np.testing.assert_array_equal(first.values, range(5))
    np.testing.assert_array_equal(second.values, range(5, 10))


@STEADY
@given(st.permutations(list(range(10))))
def test_rows_may_come_in_any_order(order: list[int]) -> None:
    """T3: a shuffled table gives the same series."""
    found = {one.name: one for one in series_from_frame(LONG.iloc[order])}
    np.testing.assert_array_equal(found["b"].values, range(5))
    np.testing.assert_array_equal(found["a"].values, range(5, 10))


def test_wide_tables_give_one_series_a_column() -> None:
    frame = table("date,OT,HUFL,note\n" + "".join(f"{day},1,2,x\n" for day in DAYS))
    assert [one.name for one in series_from_frame(frame)] == ["OT", "HUFL"]
    (one,) = series_from_frame(frame, "OT")
    assert (one.name, one.freq) == ("OT", "D")
    assert [one.name for one in series_from_frame(frame, ["HUFL", "OT"])] == ["HUFL", "OT"]


def test_an_index_of_time_stamps_is_a_time_column() -> None:
    frame = pd.DataFrame({"OT": range(5)}, index=pd.date_range("2024-01-01", periods=5, freq="h"))
    (one,) = series_from_frame(frame)
    assert (one.freq, len(one)) == ("h", 5)
    (one,) = series_from_frame(LONG.set_index(["item_id", "timestamp"]).loc[["a"]])
    assert one.name == "a"


def test_without_a_time_column_rows_are_steps() -> None:
    (one,) = series_from_frame(table("v\n3\n1\n2\n"), "v")
    assert one.start is None
    np.testing.assert_array_equal(one.values, [3, 1, 2])


def test_gaps_of_one_item_are_filled_by_the_frequency_of_all() -> None:
    """T3: the frequency is inferred over all series."""
    first, _ = series_from_frame(LONG.drop(index=[1, 2, 3]))
    np.testing.assert_array_equal(first.values, [0, np.nan, np.nan, np.nan, 4])


def test_rows_of_gluonts_entries() -> None:
    frame = table('{"start": "2024-01-01", "target": [1, 2, null], "item_id": 3}\n')
    (one,) = series_from_frame(frame, freq="h")
    assert (one.name, one.freq, one.start) == ("3", "h", np.datetime64("2024-01-01"))
    np.testing.assert_array_equal(one.values, [1, 2, np.nan])
    with pytest.raises(InputError, match=r"row 0 .* is empty"):
        series_from_frame(table('{"target": []}\n'))


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"column": "targt"}, "no value column 'targt'.*'target'"),
        ({}, {"time_column": "when"}, "no time column 'when'"),
        ({}, {"item_column": "who"}, "no item column 'who'"),
        ({}, {"column": []}, "no value column is named"),
        ({"target": [1, "x", *range(8)]}, {}, "column 'target' holds text 'x' in row 1"),
        ({"target": [1, np.inf, *range(8)]}, {}, "column 'target' is infinite at row 1"),
        ({"target": [np.nan] * 5 + [1] * 5}, {}, "b has only missing values"),
        (
            {"timestamp": DAYS[:4] + DAYS[:1] + DAYS},
            {},
            "2024-01-01 more than once for item_id 'b'",
        ),
        ({"timestamp": [None, *DAYS[1:], *DAYS]}, {}, "column 'timestamp' is missing in row 0"),
        ({"timestamp": range(10)}, {}, "'timestamp' holds numbers"),
        ({"item_id": [None, *"bbbbaaaaa"]}, {}, "column 'item_id' is missing in row 0"),
        ({}, {"freq": "MS"}, "not on the grid of freq 'MS'"),
    ],
)
def test_each_problem_of_a_table_has_a_sentence(change: dict, options: dict, words: str) -> None:
    """T1, T2, T3: the column, the item and the row are named."""
    with pytest.raises(InputError, match=words):
        series_from_frame(LONG.assign(**change), **options)


def test_tables_without_rows_numbers_or_form_are_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        series_from_frame(LONG.iloc[:0])
    with pytest.raises(InputError, match="no column of numbers"):
        series_from_frame(pd.DataFrame({"a": ["x"]}))
    with pytest.raises(InputError, match="expected a pandas DataFrame"):
        series_from_frame([1, 2])
    with pytest.raises(InputError, match="several columns named 'a'"):
        series_from_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
