"""Drawings of answers, by Pillow alone. Arrays in are never changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from icl_core.coerce.images import to_image
from icl_core.errors import InputError
from icl_core.results.save import atomic_path

Colour = tuple[int, int, int]

ORANGE: Colour = (255, 110, 0)
"""Stands out from most photographs, and for the colour blind."""

DRAWINGS = (".png", ".jpg", ".jpeg", ".webp")
"""Suffixes a drawing can be written with."""

_BLUE, _GREY, _INK = (0, 98, 177), (176, 182, 190), (32, 33, 36)


def overlay(
    image: Any,
    mask: np.ndarray,
    *,
    colour: Colour = ORANGE,
    opacity: float = 0.45,
    outline: int = 2,
) -> np.ndarray:
    """Lay a mask over an image.

    Args:
        image: uint8 [H, W, 3], a path or a Pillow picture.
        mask: bool [H, W].
        colour: red, green, blue of the object, 0 to 255.
        opacity: how much of the object's pixels is colour, 0 to 1.
        outline: width in pixels of the solid line along the object's inner edge; 0 = none.

    Returns:
        uint8 [H, W, 3], a new array.

    Raises:
        InputError: the sizes differ, or a setting is out of range.
    """
    picture = to_image(image)
    if mask.shape != picture.shape[:2] or mask.dtype != bool:
        raise InputError(
            f"the mask is {mask.dtype} {list(mask.shape)}, "
            f"expected bool {list(picture.shape[:2])} as the image"
        )
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity is {opacity}, expected 0 to 1")
    if outline < 0:
        raise InputError(f"outline is {outline}, expected at least 0")
    drawn = np.array(picture)
    paint = np.array(colour, dtype=np.float32)
    drawn[mask] = np.round((1 - opacity) * drawn[mask] + opacity * paint).astype(np.uint8)
    if outline:
        drawn[mask & ~_shrunk(mask, outline)] = colour
    return drawn


def mask_picture(mask: np.ndarray) -> np.ndarray:
    """Return a bool mask [H, W] as uint8 [H, W, 3], white on black."""
    return np.repeat(np.where(mask, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)


def side_by_side(images: Sequence[Any], *, height: int = 256, gap: int = 4) -> np.ndarray:
    """Put images in a row, scaled to one height, on white.

    Args:
        images: each uint8 [H, W, 3], a path or a Pillow picture.
        height: of the row, in pixels.
        gap: between two images, in pixels.

    Returns:
        uint8 [height, W, 3].
    """
    if not images:
        raise InputError("there are no images to put side by side, expected at least one")
    if height < 1 or gap < 0:
        raise InputError(f"height is {height} and gap is {gap}, expected at least 1 and 0")
    scaled = []
    for image in images:
        picture = Image.fromarray(np.asarray(to_image(image)))
        width = max(1, round(picture.width * height / picture.height))
        scaled.append(picture.resize((width, height), Image.Resampling.LANCZOS))
    row = Image.new("RGB", (sum(p.width + gap for p in scaled) - gap, height), "white")
    left = 0
    for picture in scaled:
        row.paste(picture, (left, 0))
        left += picture.width + gap
    return np.array(row)


def bars(
    rows: Sequence[tuple[str, float | None]], *, chosen: str | None = None, most: int = 20
) -> np.ndarray:
    """Draw one horizontal bar a row, from 0 to 1, the chosen one in colour.

    Args:
        rows: label and value; None for a row without a bar.
        chosen: the label to stress.
        most: how many rows are drawn.

    Returns:
        uint8 [H, W, 3].
    """
    shown = list(rows[:most])
    line, width, left = 26, 640, 220
    sheet = Image.new("RGB", (width, line * max(1, len(shown)) + 16), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, (label, value) in enumerate(shown):
        top = 8 + number * line
        name = " ".join(label.split())
        name = name if len(name) <= 26 else name[:25] + "…"
        pen.text((left - 10, top + 11), name, fill=_INK, font=font, anchor="rm")
        if value is not None:
            end = left + round((width - left - 70) * min(max(value, 0.0), 1.0))
            pen.rectangle((left, top + 3, end, top + 19), fill=_BLUE if label == chosen else _GREY)
            pen.text((end + 8, top + 11), f"{value:.3f}", fill=_INK, font=font, anchor="lm")
        elif label == chosen:
            pen.text((left, top + 11), "predicted", fill=_BLUE, font=font, anchor="lm")
    return np.array(sheet)


def finish(drawing: np.ndarray, path: str | Path | None, overwrite: bool = False) -> Image.Image:
    """Return a drawing as a Pillow picture, after writing it to `path` where one is given."""
    if path is not None:
        with atomic_path(path, overwrite, suffixes=DRAWINGS) as temporary:
            write_picture(temporary, drawing)
    return Image.fromarray(np.asarray(drawing))


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 [H, W] or [H, W, 3] to a path in the format of its suffix."""
    options: dict[str, Any] = {} if path.suffix.lower() == ".png" else {"quality": 95}
    Image.fromarray(np.asarray(pixels)).save(path, **options)


def _shrunk(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Return the mask without its outer `pixels`; beyond the image's border counts as object."""
    padded = np.pad(mask, pixels, constant_values=True)
    picture = Image.fromarray(np.where(padded, 255, 0).astype(np.uint8))
    shrunk = np.asarray(picture.filter(ImageFilter.MinFilter(2 * pixels + 1)))
    return shrunk[pixels:-pixels, pixels:-pixels] > 0
