"""Hashes of files, and the record of a hash beside a file."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from icl_core.errors import WeightsError

_CHUNK = 1 << 20
_HEX = re.compile(r"[0-9a-f]{64}")


def digest(path: str | Path) -> str:
    """Return the sha256 of a file as 64 hex digits.

    Raises:
        WeightsError: the file cannot be read.
    """
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                sha.update(chunk)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    return sha.hexdigest()


def record_path(path: Path) -> Path:
    """Return where the digest of a file is kept: `<file>.sha256`, as `sha256sum` writes it."""
    return path.with_name(path.name + ".sha256")


def record_digest(path: Path, sha256: str) -> None:
    """Write the digest beside the file. A folder that cannot be written to is left as it is."""
    record = record_path(path)
    try:
        write_atomically(record, f"{sha256}  {path.name}\n")
    except OSError:
        return  # a read-only cache works; it is only hashed again next time


def recorded_digest(path: Path) -> str | None:
    """Return the digest that was noted when the file arrived, if there is one.

    It is the record beside the file; or, in the hub's cache, the name of the blob, which for
    large files is their sha256.
    """
    try:
        text = record_path(path).read_text("utf-8", errors="replace")
    except OSError:
        text = ""
    if found := _HEX.match(text.strip().lower()):
        return found.group()
    if path.is_symlink():
        blob = path.resolve()
        if blob.parent.name == "blobs" and _HEX.fullmatch(blob.name):
            return blob.name
    return None


def write_atomically(path: Path, text: str) -> None:
    """Write a small text file under a temporary name, then rename it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        part.write_text(text, "utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
