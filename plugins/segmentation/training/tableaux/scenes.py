"""Scenes in which nothing but the example tells what is meant.

Each scene holds things of several classes that are all equally salient; two scenes show the same
classes, elsewhere, in other sizes, in other drawings and on other backgrounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tableaux.pools import Labelled, LabelledSet, Things

_LEAST_ALPHA = 128


class Scenes:
    """Draws pairs of scenes.

    Args:
        things: pools and their shares.
        backgrounds: photographs to paste on; None = textures alone.
        side: of the scenes in pixels.
    """

    def __init__(
        self,
        things: Sequence[tuple[Things, float]],
        backgrounds: Sequence[LabelledSet],
        side: int,
    ) -> None:
        self._things = [pool for pool, _ in things]
        weights = np.array([weight for _, weight in things])
        self._weights = weights / weights.sum()
        self._backgrounds, self._side = list(backgrounds), side

    def pair(self, rng: np.random.Generator) -> tuple[Labelled, Labelled]:
        """Return two scenes with two to four classes in common, numbered from 1."""
        pool = self._pool(rng)
        count = int(rng.choice([1, 2, 3, 4], p=[0.1, 0.35, 0.35, 0.2]))
        # mostly of one pool: things of another make would stand out
        mixed = rng.random() < 0.3
        classes = []
        for _ in range(count):
            own = self._pool(rng) if mixed else pool
            classes.append((own, int(rng.integers(len(own)))))
        shared = self._background(rng) if rng.random() < 0.3 else None
        return self._scene(classes, shared, rng), self._scene(classes, shared, rng)

    def _pool(self, rng: np.random.Generator) -> Things:
        return self._things[int(rng.choice(len(self._things), p=self._weights))]

    def _scene(
        self,
        classes: Sequence[tuple[Things, int]],
        shared: np.ndarray | None,
        rng: np.random.Generator,
    ) -> Labelled:
        side = self._side
        background = self._background(rng) if shared is None else shared
        canvas = Image.fromarray(background)
        labels = np.zeros((side, side), np.uint8)
        pasted: list[tuple[int, np.ndarray]] = []
        for number, (pool, kind) in enumerate(classes, 1):
            copies = 1 + int(rng.random() < 0.25) + int(rng.random() < 0.1)
            pasted += [(number, pool.draw(kind, rng)) for _ in range(copies)]
        for _ in range(int(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2]))):
            pool = self._pool(rng)
            pasted.append((0, pool.draw(int(rng.integers(len(pool))), rng)))
        order = rng.permutation(len(pasted))
        crowd = 1 / np.sqrt(len(pasted))
        for place in order:
            number, thing = pasted[int(place)]
            size = side * rng.uniform(0.22, 0.95) * max(crowd, 0.45)
            self._paste(canvas, labels, _posed(thing, size, rng), number, rng)
        return Labelled(np.asarray(canvas), labels)

    def _paste(
        self,
        canvas: Image.Image,
        labels: np.ndarray,
        thing: Image.Image,
        number: int,
        rng: np.random.Generator,
    ) -> None:
        side, (width, height) = self._side, thing.size
        # a third of a thing may hang over the edge
        left = int(rng.uniform(-width / 3, side - 2 * width / 3))
        top = int(rng.uniform(-height / 3, side - 2 * height / 3))
        alpha = thing.getchannel("A")
        canvas.paste(thing.convert("RGB"), (left, top), alpha)
        y0, x0 = max(top, 0), max(left, 0)
        y1, x1 = min(top + height, side), min(left + width, side)
        if y0 >= y1 or x0 >= x1:
            return
        shown = np.asarray(alpha)[y0 - top : y1 - top, x0 - left : x1 - left] >= _LEAST_ALPHA
        labels[y0:y1, x0:x1][shown] = number

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        side = self._side
        if self._backgrounds and rng.random() < 0.75:
            pool = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
            image = pool.one(rng).image
            height, width = image.shape[:2]
            cut = int(min(height, width) * rng.uniform(0.5, 1.0))
            top, left = int(rng.integers(height - cut + 1)), int(rng.integers(width - cut + 1))
            part = Image.fromarray(image[top : top + cut, left : left + cut])
            return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))
        cells = int(rng.integers(1, 9))
        coarse = rng.uniform(0, 255, (cells, cells, 3)).astype(np.uint8)
        kind = Image.Resampling.BICUBIC if rng.random() < 0.7 else Image.Resampling.NEAREST
        return np.asarray(Image.fromarray(coarse).resize((side, side), kind))


def _posed(thing: np.ndarray, size: float, rng: np.random.Generator) -> Image.Image:
    """Resize, turn, mirror and light a thing."""
    height, width = thing.shape[:2]
    stretch = np.exp(rng.uniform(-0.2, 0.2))
    scale = size / max(height, width)
    shape = (max(4, round(width * scale * stretch)), max(4, round(height * scale / stretch)))
    small = np.array(Image.fromarray(thing, "RGBA").resize(shape, Image.Resampling.BILINEAR))
    gain, lift = rng.uniform(0.75, 1.25, 3), rng.uniform(-20, 20)
    small[..., :3] = np.clip(small[..., :3] * gain + lift, 0, 255)
    image = Image.fromarray(small, "RGBA")
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turn = float(rng.normal() * 14)
    return image.rotate(turn, Image.Resampling.BILINEAR, expand=True)
