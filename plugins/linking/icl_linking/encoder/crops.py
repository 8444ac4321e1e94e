"""Crops of the supports, for the heads whose published recipe has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

LEAST_AREA = 0.5


def crops(pictures: Sequence[np.ndarray], passes: int, seed: int = 0) -> list[list[np.ndarray]]:
    """Cut each picture at random, `passes` times.

    As published for Tip-Adapter and GDA: an area of 50 % to 100 %, sides in a ratio of 3:4 to 4:3,
    mirrored with probability one half. Mirrored glyphs are other glyphs: this is for photographs.

    Args:
        pictures: uint8 [H, W, 3] each.
        passes: how many crops of each.
        seed: of the draws; a picture's crops depend on the seed and its place.

    Returns:
        One list a pass, in the order of the pictures.
    """
    return [
        [
            _crop(one, np.random.default_rng([seed, number, turn]))
            for number, one in enumerate(pictures)
        ]
        for turn in range(passes)
    ]


def _crop(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = picture.shape[:2]
    area = rng.uniform(LEAST_AREA, 1) * height * width
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    rows = min(height, max(1, round(float(np.sqrt(area / ratio)))))
    columns = min(width, max(1, round(float(np.sqrt(area * ratio)))))
    top = int(rng.integers(height - rows + 1))
    left = int(rng.integers(width - columns + 1))
    cut = picture[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    image = Image.fromarray(np.ascontiguousarray(cut))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
