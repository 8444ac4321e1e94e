"""Reading a table from a file: CSV, TSV, Parquet, or JSON with one object a line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import IO, Any

from icl_core.coerce.delimited import parse_delimited
from icl_core.coerce.frame_series import series_from_frame
from icl_core.coerce.timeline import pandas
from icl_core.errors import InputError, MissingExtraError

__all__ = ["MAX_TABLE_BYTES", "read_table", "series_from_frame"]

MAX_TABLE_BYTES = 256 * 1024 * 1024
"""Largest table that is read unless `max_bytes` says otherwise, unpacked."""

_SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_FORMATS = ("csv", "tsv", "parquet", "jsonl")
_FOREIGN = {
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"PK\x03\x04": "a zip archive or an Excel workbook; export it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; export it as CSV",
    b"SQLite": "an SQLite database; export one table as CSV",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run git lfs pull",
}


def read_table(
    source: str | Path | IO[Any],
    format: str | None = None,
    *,
    max_bytes: int = MAX_TABLE_BYTES,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    decimal: str = ".",
) -> Any:
    """Read a table with a header.

    Columns that hold nothing but numbers become numbers; identifiers with leading zeros stay
    text, and so do dates, which `series_from_frame` reads.

    Args:
        source: path; "-" for standard input; or an open file, binary or text.
        format: "csv", "tsv", "parquet", "jsonl" (also a JSON list of objects); by suffix, else by
            content, where not given.
        max_bytes: a larger table is refused before it is read; for Parquet its unpacked size.
        encoding: of text formats.
        delimiter: of CSV; found among comma, semicolon, tab and bar where not given.
        decimal: decimal mark of CSV, "." or ",".

    Returns:
        A `pandas.DataFrame`.

    Raises:
        InputError: no such file, too large, not in the encoding (the byte is named), no header,
            or rows of unequal length (the line is named).
        MissingExtraError: pandas, or pyarrow for Parquet, is not installed.
    """
    if format is not None and format not in _FORMATS:
        raise InputError(f"table format is {format!r}, expected one of {', '.join(_FORMATS)}")
    name, data = _read(source, max_bytes)
    if isinstance(source, (str, Path)) and format is None:
        format = _SUFFIXES.get(Path(source).suffix.lower())
    if not data:
        raise InputError(f"{name} is empty, expected a table with a header")
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise InputError(f"{name} is {what}")
    if data.startswith(b"PAR1") or format == "parquet":
        return _read_parquet(name, data, max_bytes)
    text = _decode(name, data, encoding)
    if format == "jsonl" or (format is None and text.lstrip()[:1] in ("{", "[")):
        return _read_json(name, text)
    if format == "tsv" and delimiter is None:
        delimiter = "\t"
    return parse_delimited(text, name, delimiter=delimiter, decimal=decimal)


def _read(source: str | Path | IO[Any], max_bytes: int) -> tuple[str, bytes]:
    """Read at most `max_bytes`; a stream is never read further to find out how long it is."""
    if isinstance(source, (str, Path)) and str(source) != "-":
        path = Path(source)
        try:
            if path.is_file() and path.stat().st_size > max_bytes:
                raise _too_large(str(source), path.stat().st_size, max_bytes)
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise InputError(f"cannot read {source}: {error.strerror}") from error
        name = str(source)
    else:
        stream: Any = sys.stdin.buffer if isinstance(source, (str, Path)) else source
        if not hasattr(stream, "read"):
            raise InputError(f"a table cannot be read from {type(source).__name__}")
        given = getattr(stream, "name", "table")
        name = "standard input" if stream is not source else str(given)
        data = _read_stream(stream, max_bytes + 1)
    if len(data) > max_bytes:
        raise _too_large(name, None, max_bytes)
    return name, data


def _read_stream(stream: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size < limit and (part := stream.read(limit - size)):  # a pipe may give less
        parts.append(part.encode() if isinstance(part, str) else part)
        size += len(parts[-1])
    return b"".join(parts)


def _too_large(name: str, size: int | None, limit: int) -> InputError:
    what = "larger than" if size is None else f"{size} bytes, more than"
    return InputError(f"{name} is {what} the limit of {limit} bytes", "raise it with max_bytes=")


def _decode(name: str, data: bytes, encoding: str) -> str:
    plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    if plain and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{name} is UTF-16, expected UTF-8", 'pass encoding="utf-16"')
    try:
        # Spreadsheets begin UTF-8 with a mark, which is no part of the first column's name.
        text = data.decode("utf-8-sig" if plain else encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name} is not {encoding}: byte 0x{data[error.start]:02x} at position {error.start}, "
            f"line {line}",
            'pass the encoding it has, such as encoding="latin-1"',
        ) from error
    except LookupError as error:
        raise InputError(f"encoding is {encoding!r}, which does not exist") from error
    if "\0" in text:
        raise InputError(f"{name} holds zero bytes; it is no text table")
    return text


def _read_parquet(name: str, data: bytes, max_bytes: int) -> Any:
    pd = pandas()
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "reading Parquet needs pyarrow", "pip install 'icl-suite[table]'"
        ) from error
    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
        meta = file.metadata
        unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        if unpacked > max_bytes:
            raise _too_large(f"{name}, unpacked,", unpacked, max_bytes)
        frame = pd.read_parquet(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{name} is not a complete Parquet file: {first}") from error
    if not len(frame.columns):
        raise InputError(f"{name} has no columns")
    return frame


def _read_json(name: str, text: str) -> Any:
    records: list[Any] = []
    line = 0
    try:
        if text.lstrip().startswith("["):
            records = json.loads(text)
        else:
            for row in text.split("\n"):  # other line breaks may stand inside JSON text
                line += 1
                if row.strip():
                    records.append(json.loads(row))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{name}, line {max(line, 1)}, is not JSON: {error}", "expected one object a line"
        ) from error
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise InputError(
                f"{name}: record {number} (from 0) is {type(record).__name__}, expected an object"
            )
    if not records:
        raise InputError(f"{name} holds no record")
    return pandas().DataFrame.from_records(records)
