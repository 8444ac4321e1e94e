"""A pool of items on disk: a folder of pictures, a table of series, lines of text, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.types import Series


@dataclass(frozen=True, eq=False)
class Pool:
    """Items to choose from.

    Args:
        kind: "pictures", "series", "texts", or "embeddings" where nothing but those is known.
        names: what each is called: its path, its name in the table, its line.
        inputs: what a learner would be given: paths, `Series`, texts, rows of numbers.
    """

    kind: str
    names: tuple[str, ...]
    inputs: Sequence[Any]

    def __len__(self) -> int:
        return len(self.names)


def read_pool(
    place: str | Path,
    *,
    column: str | None = None,
    item_column: str | None = None,
    window: int | None = None,
    single: bool = False,
) -> Pool:
    """Read a pool.

    Args:
        place: a folder of pictures; one picture; `.npy` with embeddings [n, d]; `.txt` with a text
            a line; else a table (CSV, Parquet, JSON lines) with series.
        column: of a table, with the values.
        item_column: of a table, tells its series apart.
        window: cuts each series into windows of so many steps, without overlap; what does not fill
            a window is left out at the beginning.
        single: whether one series is enough; it is for queries.

    Raises:
        InputError: nothing is there, or it cannot be read; an option that does not fit.
    """
    path = Path(place)
    if path.is_dir():
        pool = _pictures(path)
    elif not path.is_file():
        raise InputError(f"the pool {path} is not there, expected a folder or a file")
    elif path.suffix.lower() == ".npy":
        rows = list(read_embeddings(path))
        pool = Pool("embeddings", tuple(map(str, range(len(rows)))), rows)
    elif path.suffix.lower() == ".txt":
        pool = _texts(path)
    elif path.suffix.lower() in _picture_suffixes():
        pool = Pool("pictures", (str(path),), [path])
    else:
        return _series(path, column, item_column, window, single)
    for option, value in (("column", column), ("item column", item_column), ("window", window)):
        if value is not None:
            raise InputError(f"{path} holds {pool.kind}, expected a table of series with {option}")
    return pool


def read_embeddings(path: str | Path) -> np.ndarray:
    """Read an array of numbers [n, d] from a `.npy` file. Pickled objects are refused.

    Raises:
        InputError: no such file, not a `.npy` file, or not [n, d].
    """
    try:
        rows = np.load(Path(path), allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"the embeddings {path} are not there") from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read as a .npy file of numbers: {error}") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2:
        shape = list(rows.shape) if isinstance(rows, np.ndarray) else "an archive"
        raise InputError(f"{path} holds {shape}, expected one array [n, d]")
    return rows


def read_lines(path: str | Path) -> list[str]:
    """Read the lines of a text file that are not blank, without white space at their ends.

    Raises:
        InputError: no such file, or not UTF-8.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return [line.strip() for line in lines if line.strip()]


def windows(series: Series, length: int) -> list[Series]:
    """Cut a series into windows without overlap, the last one at the end.

    Args:
        series: of one variate or several.
        length: steps of a window.

    Raises:
        InputError: the series is shorter than a window, or the length is below 2.
    """
    steps, name = len(series), series.name or "series"
    if length < 2:
        raise InputError(f"the window is {length} steps, expected at least 2")
    if steps < length:
        raise InputError(f"{name} has {steps} steps, expected at least one window of {length}")
    starts = range(steps % length, steps, length)
    return [
        Series(series.values[..., start : start + length], name=f"{name}[{start}:{start + length}]")
        for start in starts
    ]


def _pictures(folder: Path) -> Pool:
    from icl_core.coerce.video import picture_files

    files = picture_files(folder)
    return Pool("pictures", tuple(map(str, files)), files)


def _picture_suffixes() -> Sequence[str]:
    from icl_core.coerce.video import PICTURES

    return tuple(PICTURES)


def _texts(path: Path) -> Pool:
    texts = read_lines(path)
    if not texts:
        raise InputError(f"{path} holds no text, expected one a line")
    return Pool("texts", tuple(texts), texts)


def _series(
    path: Path, column: str | None, item_column: str | None, window: int | None, single: bool
) -> Pool:
    from icl_core.coerce.tables import read_table, series_from_frame

    found = series_from_frame(read_table(path), column=column, item_column=item_column)
    if window is not None:
        found = [part for series in found for part in windows(series, window)]
    elif len(found) == 1 and not single:
        raise InputError(
            f"{path} holds one series, expected several to choose from",
            "a window cuts it, or an item column tells the series of a long table apart",
        )
    names = tuple(series.name or str(number) for number, series in enumerate(found))
    return Pool("series", names, found)
