"""Invented things: star-shaped outlines with textures, as many classes as wanted."""

from __future__ import annotations

import numpy as np

SIDE = 64
_WAVES = 6


class Shapes:
    """Invented classes, drawn when they are asked for.

    A class is an outline and a texture; a thing of it varies both a little. In one class in three
    the texture alone is the class, in one the outline alone.

    Args:
        count: number of classes.
        seed: of all of them.
    """

    def __init__(self, count: int = 100_000, seed: int = 0) -> None:
        self._count, self._seed = count, seed
        rows, columns = np.mgrid[:SIDE, :SIDE]
        y, x = (rows - (SIDE - 1) / 2) / (SIDE / 2), (columns - (SIDE - 1) / 2) / (SIDE / 2)
        self._x, self._y = x.astype(np.float32), y.astype(np.float32)
        self._radius = np.hypot(x, y).astype(np.float32)
        self._angle = np.arctan2(y, x).astype(np.float32)

    def __len__(self) -> int:
        return self._count

    def draw(self, kind: int, rng: np.random.Generator) -> np.ndarray:
        """Return one thing of a class: uint8 [64, 64, 4]."""
        own = np.random.default_rng([self._seed, kind])
        what = int(own.integers(3))
        outline = own if what != 0 else rng
        texture = own if what != 1 else rng
        inside = self._outline(outline, rng, jitter=0.06)
        colours = self._texture(texture, rng)
        return np.dstack([colours, (inside * 255).astype(np.uint8)])

    def _outline(
        self, own: np.random.Generator, rng: np.random.Generator, jitter: float
    ) -> np.ndarray:
        falls = 1 / np.arange(1, _WAVES + 1) ** own.uniform(0.6, 1.6)
        heights = own.normal(size=_WAVES) * falls * own.uniform(0.08, 0.3)
        heights = heights + rng.normal(size=_WAVES) * falls * jitter
        phases = own.uniform(0, 2 * np.pi, _WAVES)
        waves = np.arange(1, _WAVES + 1)
        edge = 0.62 + (heights * np.cos(waves * self._angle[..., None] + phases)).sum(-1)
        return np.asarray(self._radius < np.clip(edge, 0.12, 0.98))

    def _texture(self, own: np.random.Generator, rng: np.random.Generator) -> np.ndarray:
        first, second = own.uniform(0, 255, 3), own.uniform(0, 255, 3)
        pattern = int(own.integers(4))
        turn, size = own.uniform(0, np.pi), own.uniform(4, 18)
        shift = rng.uniform(0, 2 * np.pi)
        along = self._x * np.cos(turn) + self._y * np.sin(turn)
        across = self._y * np.cos(turn) - self._x * np.sin(turn)
        if pattern == 0:
            share = np.full((SIDE, SIDE), own.uniform(0, 0.3), np.float32)
        elif pattern == 1:
            share = 0.5 + 0.5 * np.sin(size * along + shift)
        elif pattern == 2:
            share = 0.5 + 0.5 * np.sin(size * along + shift) * np.sin(size * across + shift)
        else:
            coarse = own.random((9, 9))
            places = np.arange(SIDE) * 9 // SIDE
            share = coarse[places][:, places]
        light = 1 + 0.25 * rng.normal() * self._y
        colours = first + (second - first) * share[..., None]
        return np.clip(colours * light[..., None], 0, 255).astype(np.uint8)
