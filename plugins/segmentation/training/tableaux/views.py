"""Views: a picture turned, zoomed, moved and lit anew, in the square that a network reads."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from tableaux.pools import OUTSIDE, Labelled

TRIES = 6


def squashed(picture: Labelled, side: int) -> Labelled:
    """Bring a picture to a square without keeping its aspect."""
    size = (side, side)
    image = Image.fromarray(picture.image).resize(size, Image.Resampling.BILINEAR)
    labels = Image.fromarray(picture.labels).resize(size, Image.Resampling.NEAREST)
    return Labelled(np.asarray(image), np.asarray(labels))


def viewed(picture: Labelled, side: int, rng: np.random.Generator, keep: set[int]) -> Labelled:
    """Take a random view that still shows one of some classes; the whole picture if none does.

    Aspects are kept more often than not. What lies beside the picture is `OUTSIDE`.

    Args:
        picture: any size.
        side: of the square.
        rng: of the draws.
        keep: classes, of which one has to be seen.
    """
    height, width = picture.labels.shape
    kept_aspect = rng.random() < 0.6
    for _ in range(TRIES):
        zoom = np.exp(rng.uniform(np.log(0.75), np.log(2.0)))
        turn = rng.normal() * 0.22
        sx, sy = width / side / zoom, height / side / zoom
        if kept_aspect:
            sx = sy = max(sx, sy)
        flip = -1.0 if rng.random() < 0.5 else 1.0
        cos, sin = np.cos(turn), np.sin(turn)
        room = 0.5 * max(1 - 1 / zoom, 0.12)
        cx = width * (0.5 + rng.uniform(-room, room))
        cy = height * (0.5 + rng.uniform(-room, room))
        # output (u, v) about the centre -> input (x, y)
        a, b = flip * sx * cos, -sx * sin
        d, e = flip * sy * sin, sy * cos
        half = (side - 1) / 2
        data = (a, b, cx - a * half - b * half, d, e, cy - d * half - e * half)
        affine = Image.Transform.AFFINE
        labels = np.asarray(
            Image.fromarray(picture.labels).transform(
                (side, side), affine, data, Image.Resampling.NEAREST, fillcolor=OUTSIDE
            )
        )
        found = Labelled(picture.image, labels).classes(0.004, 0.95)
        if keep & set(found):
            image = Image.fromarray(picture.image).transform(
                (side, side), affine, data, Image.Resampling.BILINEAR
            )
            return Labelled(np.asarray(image), labels)
    return squashed(picture, side)


def lit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, saturation and colour; at times blur, noise or grey.

    Args:
        image: uint8 [H, W, 3].
        rng: of the draws.

    Returns:
        float32 [H, W, 3] in [0, 1].
    """
    if rng.random() < 0.15:
        blurred = Image.fromarray(image).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.4)))
        image = np.asarray(blurred)
    x = image.astype(np.float32) / 255
    if rng.random() < 0.9:
        mean = x.mean()
        x = (x - mean) * np.float32(rng.uniform(0.65, 1.4)) + mean
        grey = x.mean(-1, keepdims=True)
        x = grey + (x - grey) * np.float32(rng.uniform(0.5, 1.5))
        x = x * rng.uniform(0.85, 1.15, 3).astype(np.float32) + np.float32(rng.uniform(-0.12, 0.12))
    if rng.random() < 0.08:
        x = np.repeat(x.mean(-1, keepdims=True), 3, -1)
    if rng.random() < 0.2:
        x = x + rng.normal(size=x.shape).astype(np.float32) * np.float32(rng.uniform(0.01, 0.06))
    return np.clip(x, 0, 1)
