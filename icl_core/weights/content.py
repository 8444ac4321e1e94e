"""What a file is, told by its first bytes and never by its name."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

from icl_core.errors import WeightsError

SAFETENSORS = "safetensors"
TORCH_ZIP = "torch"
TORCH_LEGACY = "torch-legacy"

_HEAD = 1024
# The number with which torch opens a checkpoint that is no zip archive, as a pickle.
_LEGACY = re.compile(rb"\x80.\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19\.", re.DOTALL)
_WEB = re.compile(rb"\s*(<!doctype|<html|<head|<body|<\?xml|<!--)", re.IGNORECASE)
_ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z"}
_OTHERS = {b"GGUF": "GGUF", b"\x89HDF": "HDF5", b"\x93NUMPY": "NumPy array"}


def recognise(path: Path) -> str:
    """Return the format of a weights file: "safetensors", "torch" or "torch-legacy".

    Raises:
        WeightsError: it is missing, or something else; the sentence says what.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, expected a weights file")
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD)
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    found = _recognise(path, head, size)
    if found not in {SAFETENSORS, TORCH_ZIP, TORCH_LEGACY}:
        raise WeightsError(f"{path} {found}")
    return found


def complaint(path: Path) -> str | None:
    """Return why a file cannot be weights ("is a web page ..."), or None."""
    try:
        recognise(path)
    except WeightsError as error:
        return error.message.removeprefix(f"{path} ")
    return None


def _recognise(path: Path, head: bytes, size: int) -> str:
    if size == 0:
        return "is empty"
    if head.startswith(b"version https://git-lfs"):
        return (
            "is a Git LFS pointer, not the weights themselves; "
            "run `git lfs pull` where it was cloned, or download the file"
        )
    # Before the archives: the length that opens a safetensors file may spell their first bytes.
    if head[8:9] == b"{" and _header_length(head) + 8 <= size:
        return SAFETENSORS
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(path)
    if _LEGACY.match(head):
        return TORCH_LEGACY
    if _WEB.match(head.removeprefix(b"\xef\xbb\xbf")):
        return "is a web page, not weights; the address it came from wants a login or a click"
    for start, name in _ARCHIVES.items():
        if head.startswith(start):
            return f"is a {name} archive; unpack it and name the weights file inside"
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it and name the weights file inside"
    for start, name in _OTHERS.items():
        if head.startswith(start):
            return f"is a {name} file, expected safetensors or a torch checkpoint"
    if head.startswith(b"\x80"):
        return (
            "is a plain pickle, not a torch checkpoint, and pickles are not read; nothing of it "
            "was executed. Save its tensors with safetensors or torch.save"
        )
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return f"is a broken safetensors file: {_flaw(head, size)}"
    return f"is neither safetensors nor a torch checkpoint; it starts with {head[:16]!r}"


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError):
        return "is a damaged or incomplete zip archive; was its download interrupted?"
    inside = {last for _, _, last in names}
    if "data.pkl" not in inside:
        held = ", ".join(sorted(inside - {""})[:3]) or "nothing"
        return f"is a zip archive without data.pkl, so no torch checkpoint; it holds {held}"
    if "constants.pkl" in inside:
        return "is a TorchScript program, which is code; save its state_dict instead"
    return TORCH_ZIP


def _header_length(head: bytes) -> int:
    return int(struct.unpack("<Q", head[:8])[0])


def _flaw(head: bytes, size: int) -> str:
    if size < 10:
        return f"it has {size} bytes"
    if head[8:9] != b"{":
        return "no header where one is expected"
    return f"its header claims {_header_length(head)} bytes, the file has {size}"
