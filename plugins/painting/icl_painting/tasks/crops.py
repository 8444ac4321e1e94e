"""Cutting persons out of pictures, and putting what was painted back."""

from __future__ import annotations

import numpy as np
from PIL import Image

from icl_painting.tasks.keypoints import Crop


def crop_picture(picture: np.ndarray, crop: Crop, size: tuple[int, int]) -> np.ndarray:
    """Return a part of a picture at another size, bilinear; black where there is no picture.

    Args:
        picture: uint8 [H, W, 3].
        crop: the part.
        size: (h, w) to resize it to. Pixel x of the crop shows pixel `left + x * width / w`.
    """
    x, y = crop.width / size[1], crop.height / size[0]
    return _moved(picture, size, (x, crop.left), (y, crop.top), Image.Resampling.BILINEAR)


def place_picture(painted: np.ndarray, crop: Crop, size: tuple[int, int]) -> np.ndarray:
    """Put what was painted for a crop where it belongs, to the nearest pixel; black around it.

    Args:
        painted: uint8 [h, w, 3].
        crop: the part of the picture that it is.
        size: (H, W) of the picture.
    """
    x, y = painted.shape[1] / crop.width, painted.shape[0] / crop.height
    return _moved(painted, size, (x, -crop.left * x), (y, -crop.top * y), Image.Resampling.NEAREST)


def _moved(
    picture: np.ndarray,
    size: tuple[int, int],
    across: tuple[float, float],
    down: tuple[float, float],
    how: Image.Resampling,
) -> np.ndarray:
    """Return a picture of which pixel (x, y) shows (a x + b, c y + d) of another one."""
    # Pillow counts from the corner of a pixel, the coordinates here from its middle.
    shift = [b + 0.5 - 0.5 * a for a, b in (across, down)]
    moved = Image.fromarray(np.ascontiguousarray(picture)).transform(
        (size[1], size[0]),
        Image.Transform.AFFINE,
        (across[0], 0, shift[0], 0, down[0], shift[1]),
        resample=how,
    )
    return np.array(moved)
