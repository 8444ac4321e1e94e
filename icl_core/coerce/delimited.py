"""CSV text becomes a data frame: delimiter found, header required, columns typed with care."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import islice
from typing import Any

import numpy as np

from icl_core.coerce.timeline import pandas
from icl_core.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
"""What may separate columns; nothing else is guessed."""

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "<NA>", "NaT"})
"""What stands for a missing number. In a column of text only the empty cell is missing."""

_SAMPLE_ROWS = 50
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([T ].*)?")
_WHOLE = r"[+-]?\d+"
_LEADING_ZERO = r"^[+-]?0\d+$"


def parse_delimited(
    text: str, name: str = "table", *, delimiter: str | None = None, decimal: str = "."
) -> Any:
    """Turn CSV text into a `pandas.DataFrame`; arguments and errors as in `read_table`."""
    if delimiter is not None and delimiter not in DELIMITERS:
        raise InputError(f"delimiter is {delimiter!r}, expected one of {_listed()}")
    if decimal not in (".", ","):
        raise InputError(f"decimal is {decimal!r}, expected '.' or ','")
    chosen = delimiter or find_delimiter(text)
    if decimal == chosen:
        raise InputError(f"{name}: {decimal!r} cannot be both delimiter and decimal mark")
    header, rows = _rows(text, name, chosen)
    _check_header(header, name, chosen)
    pd = pandas()
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    typed = {
        title: _typed(pd, pd.Series(list(cells), dtype=object), decimal)
        for title, cells in zip(header, columns, strict=True)
    }
    return pd.DataFrame(typed)


def find_delimiter(text: str) -> str:
    """Find what separates columns: of the fixed set, what cuts the first rows most evenly.

    A table of one column has none; a comma is answered then.
    """
    head = "\n".join(islice((line for line in io.StringIO(text) if line.strip()), _SAMPLE_ROWS))
    best, most = ",", (0.0, 0)
    for candidate in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(head), delimiter=candidate) if row]
        except csv.Error:
            continue
        width = widths[0] if widths else 0
        if width < 2:
            continue
        even = Counter(widths)[width] / len(widths)
        if (even, width) > most:
            best, most = candidate, (even, width)
    return best


def _rows(text: str, name: str, delimiter: str) -> tuple[list[str], list[list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            if not row or (len(row) == 1 and not row[0].strip() and len(header) != 1):
                continue  # an empty line
            if not header:
                header = [cell.strip() for cell in row]
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{name}, line {reader.line_num}, has {len(row)} cells, expected "
                    f"{len(header)} as in the header",
                    f"columns are separated by {delimiter!r}; pass delimiter= if that is wrong",
                )
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}, is not CSV: {error}") from error
    if not header:
        raise InputError(f"{name} is empty, expected a table with a header")
    return header, rows


def _check_header(header: list[str], name: str, delimiter: str) -> None:
    filled = [cell for cell in header if cell]
    if not filled or all(_NUMBER.fullmatch(c) or _DATE.fullmatch(c) for c in filled):
        raise InputError(
            f"{name} has no header: its first line is {delimiter.join(header)[:60]!r}",
            "put the names of the columns into the first line",
        )
    # Data frames written with their index have one column without a name.
    header[:] = [cell or ("index" if at == 0 else f"column {at}") for at, cell in enumerate(header)]
    for title, count in Counter(header).items():
        if count > 1:
            raise InputError(f"{name} has {count} columns named {title!r}, expected one")


def _typed(pd: Any, cells: Any, decimal: str) -> Any:
    """Numbers where every cell is one or is missing, else text with `None` for empty cells."""
    stripped = cells.str.strip()
    present = stripped[~stripped.isin(MISSING)]
    numbers = None
    # Only words such as NA: as a name it is text, and as a value it is missing.
    if len(present) or not (stripped != "").any():
        numbers = _numbers(present, decimal)
    if numbers is None:
        return cells.where(stripped != "", None)
    if len(present) == len(cells):
        return pd.Series(numbers)
    # Plain integers have no place for a missing one, and floats would round large ones.
    whole = numbers.dtype.kind == "i"
    series = pd.Series(numbers, index=present.index, dtype="Int64" if whole else "float64")
    return series.reindex(cells.index)


def _numbers(texts: Any, decimal: str) -> np.ndarray | None:
    """int64 or float64, each number exactly as `int` and `float` read it; None if one is none."""
    if len(texts) == 0:
        return np.empty(0)
    # 007 is a name, and Python's 1_000 is no number of a table.
    if texts.str.match(_LEADING_ZERO).any() or texts.str.contains("_", regex=False).any():
        return None
    whole = bool(texts.str.fullmatch(_WHOLE).all())
    if decimal == ",":
        texts = texts.str.replace(",", ".", regex=False)
    try:
        result: np.ndarray = texts.to_numpy(object).astype(np.int64 if whole else np.float64)
    except (ValueError, OverflowError):  # identifiers too long for an integer stay text
        return None
    return result


def _listed() -> str:
    return ", ".join(map(repr, DELIMITERS))
