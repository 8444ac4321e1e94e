"""A fixed descriptor of pictures that needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SIDE, CELL, ORIENTATIONS = 64, 8, 8
LARGE = 256
"""Larger pictures are reduced to this side first."""
COLOUR_CELLS = 4
UNIFORM = 12.0
"""Largest spread of the border, in grey levels, that counts as a plain background."""


class PixelEncoder:
    """Histograms of gradients, coarse grey values and coarse colours.

    1. Where the border of a picture is plain, the picture is cut to what differs from it: a glyph
       or a sprite is then compared wherever it stands and however large it is.
    2. It is brought to a square of 64 pixels. In cells of 8 pixels the gradients are counted by
       direction (8 directions, without sign, linear in direction and place), and the square root
       is taken, as in RootSIFT.
    3. A blurred copy of 16 x 16 pixels without its mean, and colours in 4 x 4 cells, are added
       with smaller weights.

    It recognises the same shape drawn again and the same thing seen again, and no more than that.
    """

    grid = SIDE // CELL
    width = grid * grid * ORIENTATIONS + 16 * 16 + COLOUR_CELLS**2 * 2 + 1

    def images(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Describe pictures uint8 [H, W, 3]: float32 [n, width], unit length."""
        if not pictures:
            return torch.zeros(0, self.width)
        return torch.from_numpy(np.stack([describe(picture) for picture in pictures]))

    def texts(self, prompts: Sequence[str]) -> Tensor | None:
        """There is no text tower."""
        return None


def describe(picture: np.ndarray) -> np.ndarray:
    """Describe one picture, uint8 [H, W, 3]: float32 [width], unit length."""
    if max(picture.shape[:2]) > LARGE:
        reduced = Image.fromarray(np.ascontiguousarray(picture))
        reduced.thumbnail((LARGE, LARGE), Image.Resampling.BOX)
        picture = np.asarray(reduced)
    image = Image.fromarray(np.ascontiguousarray(cut_to_content(picture)))
    square = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float64) / 255
    grey = square.mean(-1)
    shape = _unit(np.sqrt(_histograms(grey)))
    small = grey.reshape(16, 4, 16, 4).mean((1, 3))
    pixels = _unit(small - small.mean())
    cell = SIDE // COLOUR_CELLS
    cells = square.reshape(COLOUR_CELLS, cell, COLOUR_CELLS, cell, 3).mean((1, 3))
    colours = np.stack([cells[..., 0] - cells[..., 1], cells[..., 2] - cells[..., 1]], -1)
    # The last number keeps a picture without any structure from being a vector of no length.
    parts = (shape, 0.5 * pixels, 0.5 * colours, np.array([1e-3]))
    whole = np.concatenate([part.reshape(-1) for part in parts])
    found: np.ndarray = (whole / np.linalg.norm(whole)).astype(np.float32)
    return found


def cut_to_content(picture: np.ndarray) -> np.ndarray:
    """Cut a picture on a plain background to a square around what is on it.

    Args:
        picture: uint8 [H, W, 3].

    Returns:
        The square, filled up with the background; the picture itself where its border is not
        plain or nothing stands on it.
    """
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    border = np.concatenate(edges).astype(np.float64)
    background = np.median(border, axis=0)
    if np.abs(border - background).mean() > UNIFORM:
        return picture
    differs = np.abs(picture.astype(np.float64) - background).max(-1) > 4 * UNIFORM
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return picture
    cut = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cut.shape[:2]
    side = max(height, width)
    margin = max(1, side // 8)
    square = np.empty((side + 2 * margin, side + 2 * margin, 3), np.uint8)
    square[:] = background
    top, left = margin + (side - height) // 2, margin + (side - width) // 2
    square[top : top + height, left : left + width] = cut
    return square


def _histograms(grey: np.ndarray) -> np.ndarray:
    """Count gradients by cell and direction: [64, 64] to [directions, 8, 8]."""
    down, right = np.gradient(grey)
    size = np.hypot(down, right)
    direction = np.mod(np.arctan2(down, right), np.pi) / np.pi * ORIENTATIONS
    low = np.floor(direction).astype(int)
    share = direction - low
    pixels = np.arange(grey.size).reshape(grey.shape)
    places = [(low + step) % ORIENTATIONS * grey.size + pixels for step in (0, 1)]
    weights = np.stack([size * (1 - share), size * share])
    counts = np.bincount(np.ravel(places), weights.ravel(), ORIENTATIONS * grey.size)
    tent = _tent()
    found: np.ndarray = tent @ counts.reshape(ORIENTATIONS, *grey.shape) @ tent.T
    return found


@lru_cache(maxsize=1)
def _tent() -> np.ndarray:
    """Weights of the pixels of one axis for its cells, linear in distance: [8, 64]."""
    centres = (np.arange(SIDE // CELL) + 0.5) * CELL - 0.5
    away = np.abs(centres[:, None] - np.arange(SIDE)) / CELL
    weights: np.ndarray = np.clip(1 - away, 0, None)
    return weights


def _unit(values: np.ndarray) -> np.ndarray:
    norm = float(np.linalg.norm(values))
    return values / norm if norm > 1e-9 else np.zeros_like(values)
