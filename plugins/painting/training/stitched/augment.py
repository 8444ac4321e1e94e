"""Crops, flips and changes of colour; every draw comes from the generator that is handed over."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance

SCALES = (0.3, 1.0)
"""Share of the area that a crop keeps."""
RATIOS, CANVAS_RATIOS = (3 / 4, 4 / 3), (0.3, 0.7)
"""Width by height of a crop of a picture, and of a crop of the canvas."""
JITTER = (0.4, 0.4, 0.2, 0.1)
"""Most change of brightness, contrast, saturation and hue."""
JITTERED, FLIPPED = 0.8, 0.5


class Box(NamedTuple):
    """A rectangle in pixels, as Pillow counts them."""

    left: int
    top: int
    right: int
    bottom: int


def random_box(
    rng: np.random.Generator,
    size: tuple[int, int],
    scales: tuple[float, float] = SCALES,
    ratios: tuple[float, float] = RATIOS,
) -> Box:
    """Draw a rectangle of a random share and aspect.

    Args:
        rng: of the draws.
        size: (H, W) of the picture.
        scales: least and largest share of its area.
        ratios: least and largest width by height, drawn evenly on a log scale.
    """
    height, width = size
    for _ in range(10):
        area = height * width * rng.uniform(*scales)
        ratio = math.exp(rng.uniform(math.log(ratios[0]), math.log(ratios[1])))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            top = int(rng.integers(height - high + 1))
            left = int(rng.integers(width - wide + 1))
            return Box(left, top, left + wide, top + high)
    # No such rectangle lies in a very long picture: its middle, as wide or high as is allowed.
    wide = min(width, max(1, round(height * ratios[1])))
    high = min(height, max(1, round(width / ratios[0])))
    left, top = (width - wide) // 2, (height - high) // 2
    return Box(left, top, left + wide, top + high)


def resized(
    picture: np.ndarray, size: tuple[int, int], how: Image.Resampling, box: Box | None = None
) -> np.ndarray:
    """Resize a picture, or a part of it, to (H, W): uint8 [H, W, 3]."""
    if box is None and picture.shape[:2] == size:
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    # The part is cut first: outside of it nothing may be seen through the filter.
    part = image if box is None else image.crop(box)
    return np.asarray(part.resize((size[1], size[0]), how))


def colour_jitter(
    picture: np.ndarray, rng: np.random.Generator, most: tuple[float, ...] = JITTER
) -> np.ndarray:
    """Change brightness, contrast, saturation and hue by random amounts in random order.

    Args:
        picture: uint8 [H, W, 3].
        rng: of the draws.
        most: largest change of each.

    Returns:
        uint8 [H, W, 3].
    """
    image = Image.fromarray(np.ascontiguousarray(picture))
    enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for kind in rng.permutation(4):
        change = rng.uniform(-most[kind], most[kind])
        if kind < 3:
            image = enhance[kind](image).enhance(1 + change)
        else:
            hue, saturation, value = image.convert("HSV").split()
            turned = np.asarray(hue) + np.uint8(round(change * 255) % 256)
            image = Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")
    return np.asarray(image)
