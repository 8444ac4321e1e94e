"""How commands write: tables and JSON to stdout, strict and escaped."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer


def print_json(value: Any) -> None:
    """Write strict JSON to stdout: never NaN or Infinity."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write aligned columns to stdout; on a terminal the last column is cut to fit.

    Args:
        header: names of the columns.
        rows: cells; None is shown as a dash.
    """
    table = [list(header)] + [["-" if c is None else one_line(str(c)) for c in r] for r in rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in table:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=True)]
        line = "  ".join(cells).rstrip()
        if width is not None and len(line) > width:
            line = line[: width - 1] + "…"
        typer.echo(line)


def one_line(text: str) -> str:
    """Make a string safe for one line of a terminal: no line breaks, no control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def size_text(size: int | None) -> str | None:
    """Bytes as a person reads them: 16.0 MB; None stays None."""
    if size is None:
        return None
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
