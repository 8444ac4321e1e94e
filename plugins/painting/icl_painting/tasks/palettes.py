"""Classes as colours: the palettes of ADE20K and of COCO panoptic, painting and reading.

A palette counts in a number system of `base` digits: the red, green and blue of a class are its
three digits, each `256 // base` below the last, from white downwards. Black is no class: it is
painted where nothing is labelled (arXiv 2212.02499, section 3.2, and the released code).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from icl_core import InputError

DISTANCES = ("abs", "square", "mean")
"""How two colours may be compared: the sum over channels of |d|, of d squared, or the mean of the
two sums."""

_CHUNK = 4_000_000  # distances held at once: 16 MB each of a few arrays


def class_palette(count: int, base: int | None = None) -> np.ndarray:
    """Return the colours of `count` classes: uint8 [count, 3].

    Args:
        count: of classes, at least 1.
        base: digits; None is the released rule, the cube root of `count` rounded down, plus one.

    Raises:
        InputError: there are fewer colours than classes.
    """
    digits = int(count ** (1 / 3)) + 1 if base is None else base
    if count < 1 or count > digits**3 or digits > 255:
        raise InputError(f"{count} classes do not fit a palette of {digits} steps a colour")
    place = np.arange(count)
    digit = np.stack([place // digits**2, place // digits % digits, place % digits], axis=1)
    return (255 - 256 // digits * digit).astype(np.uint8)


ADE20K = class_palette(150)
"""Colours of the 150 classes of ADE20K, in the order of the benchmark."""

COCO_PANOPTIC = class_palette(133, base=7)
"""Colours of the 133 categories of COCO panoptic: 80 things, then 53 kinds of stuff."""


def paint_labels(labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Paint a label map.

    Args:
        labels: whole numbers [H, W]: L from 1 to K is class L - 1, 0 is unlabelled.
        palette: uint8 [K, 3].

    Returns:
        uint8 [H, W, 3]; unlabelled is black.

    Raises:
        InputError: a label is not in 0 to K.
    """
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    if low < 0 or high > len(palette):
        raise InputError(
            f"the label map has the label {low if low < 0 else high}, "
            f"expected 0 to {len(palette)}, 0 for unlabelled"
        )
    painted: np.ndarray = np.concatenate([np.zeros((1, 3), np.uint8), palette])[labels]
    return painted


def distances(colours: np.ndarray, palette: np.ndarray, how: str = "abs") -> np.ndarray:
    """Compare colours with those of a palette.

    Args:
        colours: uint8 [N, 3].
        palette: uint8 [K, 3].
        how: one of `DISTANCES`.

    Returns:
        int16 [N, K] for "abs", int32 for the others; for "mean" it is the sum of the two, whose
        order is the same as that of their mean.

    Raises:
        InputError: `how` is unknown.
    """
    if how not in DISTANCES:
        raise InputError(f"distance is {how!r}, expected one of {', '.join(DISTANCES)}")
    dtype = np.int16 if how == "abs" else np.int32
    total = np.zeros((len(colours), len(palette)), dtype)
    for channel in range(3):
        apart = colours[:, channel, None].astype(dtype) - palette[None, :, channel].astype(dtype)
        np.abs(apart, out=apart)
        if how == "square":
            apart *= apart
        elif how == "mean":
            apart += apart * apart
        total += apart
    return total


def chunks(picture: np.ndarray, palette: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Cut the pixels of a picture so that their distances to a palette fit the memory.

    Args:
        picture: uint8 [H, W, 3].
        palette: [K, ...].

    Yields:
        The place among the flattened pixels, and the pixels there, uint8 [n, 3].
    """
    pixels = picture.reshape(-1, 3)
    step = max(1, _CHUNK // len(palette))
    for start in range(0, len(pixels), step):
        part = slice(start, min(start + step, len(pixels)))
        yield part, pixels[part]


def read_labels(
    picture: np.ndarray, palette: np.ndarray, how: str = "abs", black: bool = False
) -> np.ndarray:
    """Read a painted label map: every pixel goes to the nearest colour, the first one of a tie.

    Args:
        picture: uint8 [H, W, 3].
        palette: uint8 [K, 3].
        how: one of `DISTANCES`; the published evaluation takes "abs".
        black: whether a pixel may be unlabelled; black then wins a tie. The published evaluation
            gives every pixel a class.

    Returns:
        int32 [H, W]: 1 to K, 0 for unlabelled, as in `paint_labels`.
    """
    first = 0 if black else 1
    if black:
        palette = np.concatenate([np.zeros((1, 3), np.uint8), palette])
    labels = np.empty(picture.shape[0] * picture.shape[1], np.int32)
    for part, colours in chunks(picture, palette):
        labels[part] = distances(colours, palette, how).argmin(axis=1) + first
    return labels.reshape(picture.shape[:2])
