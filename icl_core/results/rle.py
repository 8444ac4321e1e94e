"""Run lengths of a mask as COCO writes them: down the columns, background first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from icl_core.errors import InputError


def encode_rle(mask: np.ndarray, *, compressed: bool = False) -> dict[str, Any]:
    """Return `{"size": [H, W], "counts": ...}` for a bool mask [H, W].

    Args:
        mask: bool [H, W].
        compressed: whether the counts are packed into text, as in COCO's result files.
    """
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges).tolist()
    # The first count is of background, also when there is none.
    if flat.size and flat[0]:
        counts.insert(0, 0)
    return {
        "size": [int(n) for n in mask.shape],
        "counts": pack_counts(counts) if compressed else counts,
    }


def decode_rle(rle: Mapping[str, Any]) -> np.ndarray:
    """Return the bool mask [H, W] of run lengths, plain or packed into text.

    Raises:
        InputError: a key is missing, the counts are negative or do not add up, or their text is
            no packed counts.
    """
    size: Any = rle.get("size")
    counts: Any = rle.get("counts")
    if isinstance(counts, str | bytes):
        counts = unpack_counts(counts)
    if not _whole(size) or len(size) != 2 or not _whole(counts):
        raise InputError(
            'the run lengths are incomplete, expected {"size": [H, W], "counts": [n, ...]} '
            "with whole numbers of at least 0"
        )
    if sum(counts) != size[0] * size[1]:
        raise InputError(
            f"the run lengths add up to {sum(counts)}, "
            f"expected {size[0]} x {size[1]} = {size[0] * size[1]}"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(size, order="F")


def pack_counts(counts: Sequence[int]) -> str:
    """Pack run lengths into text as COCO does.

    From the fourth number on, the difference to the number before the last one is stored. Each
    number is cut into 5 bits a character, lowest first; bit 6 says that more follow, and the sign
    is extended from the last part's highest bit.
    """
    text = []
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            part = value & 31
            value >>= 5
            more = value != (-1 if part & 16 else 0)
            text.append(chr(48 + (part | 32 if more else part)))
    return "".join(text)


def unpack_counts(text: str | bytes) -> list[int]:
    """Return the run lengths that `pack_counts` packed.

    Raises:
        InputError: the text ends inside a number, or holds other characters.
    """
    counts: list[int] = []
    value = shift = 0
    for byte in text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text):
        part = byte - 48
        if not 0 <= part < 64:
            raise InputError(f"the compressed run lengths hold the character {chr(byte)!r}")
        value |= (part & 31) << shift
        shift += 5
        if part & 32:
            continue
        if part & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise InputError("the compressed run lengths end inside a number")
    return counts


def _whole(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in value
    )
