"""A row of an instance file becomes an `Instance`, or one sentence about what is wrong with it."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.types import Series
from icl_forecasting.cik.columns import as_float, read_column, show, step_alias
from icl_forecasting.cik.instances import Instance
from icl_forecasting.cik.metric.target import RcrpsTarget

_FRACTION = re.compile(r"[0-9]{1,9}(/0*[1-9][0-9]{0,8}|\.[0-9]{1,9})?")
_LARGEST_DENOMINATOR = 1000
_JSON_SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.gz", ".json.gz", ".ndjson.gz")


def read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Read the rows of a file or folder, each with the words for where it is.

    Raises:
        InputError: no such file, nothing readable in the folder, a damaged file, or a line that
            is no JSON object.
    """
    if path.is_dir():
        files = sorted(path.rglob("*.parquet"))
        files += sorted(one for one in path.iterdir() if one.name.endswith(_JSON_SUFFIXES))
        if not files:
            raise InputError(f"{path} has neither Parquet files nor JSON lines")
        for file in files:
            yield from read_rows(file)
    elif not path.is_file():
        raise InputError(f"{path} does not exist, expected JSON lines or Parquet")
    elif path.suffix == ".parquet":
        yield from _parquet_rows(path)
    else:
        yield from _json_rows(path)


def to_instance(row: Mapping[str, Any], where: str) -> Instance:
    """Make an instance from a row; fields that are not known are left alone.

    Args:
        row: field -> value, see the released file.
        where: words for errors, such as "all.jsonl, line 3".

    Raises:
        InputError: a field is missing or has another type or value than it should have.
    """
    try:
        return _instance(row)
    except InputError as error:
        raise InputError(f"{where}: {error.message}") from error


def _instance(row: Mapping[str, Any]) -> Instance:
    name = _text(row, "name")
    if not name:
        raise InputError("name is empty, expected the task's name")
    column, past_stamps, past = read_column(_value(row, "past_time"), "past_time")
    _, future_stamps, future = read_column(_value(row, "future_time"), "future_time")
    missing = np.flatnonzero(~np.isfinite(future))
    if missing.size:
        raise InputError(f"future_time has no number at {future_stamps[missing[0]]}")
    if not np.isfinite(past).any():
        raise InputError("past_time has no number at all")
    stamps = np.concatenate([past_stamps, future_stamps])
    behind = np.flatnonzero(np.diff(stamps) <= np.timedelta64(0, "ns"))
    if behind.size:
        raise InputError(
            f"the time stamp {stamps[behind[0] + 1]} comes after {stamps[behind[0]]}, "
            "expected history and future in order of time"
        )
    period = _whole(row, "seasonal_period")
    if period != -1 and period < 1:
        raise InputError(f"seasonal_period is {period}, expected steps, or -1 for none")
    return Instance(
        name=name,
        seed=_whole(row, "seed"),
        weight=_weight(row),
        context_sources=tuple(_list(row, "context_sources", str)),
        skills=tuple(_list(row, "skills", str)),
        background=_text(row, "background"),
        scenario=_text(row, "scenario"),
        constraints=_text(row, "constraints"),
        seasonal_period=period,
        history=Series(past, past_stamps[0], step_alias(stamps), column),
        future=future,
        history_stamps=past_stamps,
        future_stamps=future_stamps,
        target=RcrpsTarget(
            values=future,
            scaling=_number(row, "metric_scaling"),
            region=tuple(_list(row, "region_of_interest", int)),
            lower=_bound(row, "constraint_min", -math.inf),
            upper=_bound(row, "constraint_max", math.inf),
            upper_steps=tuple(_list(row, "constraint_variable_max_index", int)),
            upper_values=tuple(_list(row, "constraint_variable_max_values", float)),
        ),
    )


def _value(row: Mapping[str, Any], field: str) -> Any:
    if field not in row:
        raise InputError(f"the field {field!r} is missing")
    return row[field]


def _text(row: Mapping[str, Any], field: str) -> str:
    value = _value(row, field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{field} is {show(value)}, expected text")
    return value


def _whole(row: Mapping[str, Any], field: str) -> int:
    value = _value(row, field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{field} is {show(value)}, expected a whole number")
    return value


def _number(row: Mapping[str, Any], field: str) -> float:
    value = _value(row, field)
    number = as_float(value)
    if number is None or not math.isfinite(number):
        raise InputError(f"{field} is {show(value)}, expected a number")
    return number


def _bound(row: Mapping[str, Any], field: str, none: float) -> float:
    """Read a limit: null and the infinity of its own side both mean that there is none."""
    value = _value(row, field)
    if value is None:
        return none
    number = as_float(value)
    if number is None or math.isnan(number):
        raise InputError(f"{field} is {show(value)}, expected a number, or null for no limit")
    if math.isinf(number) and number != none:
        raise InputError(f"{field} is {number}, which no value can keep to")
    return number


def _weight(row: Mapping[str, Any]) -> Fraction:
    value = _value(row, "weight")
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        weight = Fraction(value)
    elif (number := as_float(value)) is not None and math.isfinite(number):
        weight = Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)
    else:
        raise InputError(f"weight is {show(value)}, expected a fraction such as '1/3'")
    if weight <= 0:
        raise InputError(f"weight is {value}, expected more than 0")
    return weight


def _list(row: Mapping[str, Any], field: str, kind: type) -> Sequence[Any]:
    value = _value(row, field)
    if value is None:
        return []
    allowed = (int, float) if kind is float else (kind,)
    if not isinstance(value, list) or any(
        isinstance(one, bool) or not isinstance(one, allowed) for one in value
    ):
        words = {str: "text", int: "whole numbers", float: "numbers"}[kind]
        raise InputError(f"{field} is {show(value)}, expected a list of {words}")
    return value


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"  # the content decides, not the name
        with gzip.open(path) if packed else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    where = f"{path.name}, line {number}"
                    yield where, _json_object(line, where)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _json_object(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is no UTF-8: byte {error.start} of the line") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, Mapping):
        raise InputError(f"{where} is a {type(row).__name__}, expected a JSON object")
    return row


def _parquet_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {str(error)[:200]}") from error
    for number, row in enumerate(rows, start=1):
        yield f"{path.name}, row {number}", row
