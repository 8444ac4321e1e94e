"""Writing files so that a reader never meets half of one, and old files survive a failure."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError, MissingExtraError

_PLACE_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
    errno.ENAMETOOLONG,
}


@contextmanager
def atomic_path(
    path: str | Path, overwrite: bool = False, *, suffixes: Sequence[str] | None = None
) -> Iterator[Path]:
    """Give a temporary path to write to; it becomes `path` when the body is done.

    The temporary file lies in the same folder and has the same suffix. When the body raises, it is
    removed and a file that was at `path` stays as it was.

    Args:
        path: the file to write; its folder has to exist.
        overwrite: whether an existing file may be replaced.
        suffixes: lower-case suffixes that the caller can write, such as (".png", ".json").

    Yields:
        The temporary path. It exists and is empty.

    Raises:
        InputError: unknown suffix, existing file, no such folder, or the place cannot be written.
    """
    wanted = Path(path)
    suffix = check_suffix(wanted, suffixes) if suffixes is not None else wanted.suffix
    # Writing through a link keeps the link.
    target = Path(os.path.realpath(wanted))
    if not wanted.name or target.is_dir():
        raise InputError(f"{wanted} is a folder, expected the name of a file")
    if not target.parent.is_dir():
        raise InputError(
            f"the folder {target.parent} does not exist", hint="make it first, then write again"
        )
    _refuse_existing(wanted, target, overwrite)
    temporary = target.parent / f".{target.stem[:80]}.{secrets.token_hex(6)}.tmp{suffix}"
    try:
        temporary.open("xb").close()
        yield temporary
        _to_disk(temporary)
        if target.exists():
            shutil.copymode(target, temporary)
        # Somebody else may have written the file while the body ran.
        _refuse_existing(wanted, target, overwrite)
        os.replace(temporary, target)
        _folder_to_disk(target.parent)
    except OSError as error:
        if error.errno not in _PLACE_ERRORS:
            raise
        raise InputError(f"cannot write {wanted}: {error.strerror}; nothing was changed") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_suffix(path: str | Path, suffixes: Sequence[str]) -> str:
    """Return the lower-case suffix of a path.

    Raises:
        InputError: it is none of `suffixes`; the sentence lists them.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise InputError(
            f"cannot write {str(path)!r}: its suffix is {suffix!r}, "
            f"expected one of {', '.join(suffixes)}"
        )
    return suffix


def strict_json(value: Any) -> Any:
    """Return a value as data that strict JSON can hold.

    NaN and infinities become None, NumPy scalars and arrays become numbers and lists, time stamps
    become ISO 8601 strings, and keys become strings.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        return strict_json(value.item())
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return strict_json(value[()])
        return [strict_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): strict_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [strict_json(item) for item in value]
    return str(value)


def write_json(path: str | Path, value: Any, overwrite: bool = False) -> Path:
    """Write a value as strict JSON in UTF-8, atomically; see `atomic_path`."""
    with atomic_path(path, overwrite, suffixes=(".json",)) as temporary:
        text = json.dumps(strict_json(value), allow_nan=False, ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def write_parquet(frame: Any, path: Path) -> None:
    """Write a `DataFrame` to a temporary file of `atomic_path`.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        frame.to_parquet(path, index=False)
    except ImportError as error:
        raise MissingExtraError(
            "writing Parquet needs pyarrow", "pip install 'icl-suite[table]'"
        ) from error


def csv_cell(value: Any) -> Any:
    """Return a CSV cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _refuse_existing(wanted: Path, target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise InputError(
            f"{wanted} exists already and was left as it is",
            hint="overwrite=True, or --overwrite, replaces it",
        )


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    # Windows cannot open a folder, and some network folders cannot be synced: the rename stands.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
