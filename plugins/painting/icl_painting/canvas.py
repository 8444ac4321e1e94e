"""Pictures, the squares they are resized to, and the network's numbers, and back again.

Both networks see squares: a picture is resized by Pillow without keeping its shape, divided by 255
and normalised in float64, then cast, as the released code does (spec of arXiv 2212.02499 and
2304.03284, released inference). The stacking of a prompt above a query is the network's business.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from icl_core import InputError

MEAN = (0.485, 0.456, 0.406)
"""Mean of each colour of ImageNet, red first, 1 = white."""

STD = (0.229, 0.224, 0.225)
"""Standard deviation of each colour of ImageNet."""

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}
RESIZING = (*_FILTERS, "opencv")
"""How `square` can resize a picture."""

_MODES = ("bicubic", "bilinear", "nearest")


def square(picture: np.ndarray, side: int, how: str = "bicubic") -> np.ndarray:
    """Resize a picture to a square, without keeping its shape.

    Args:
        picture: uint8 [H, W, 3].
        side: of the square in pixels.
        how: "bicubic", "bilinear" or "nearest", as Pillow does each: the first two look at all
            pixels that fall together when a picture gets smaller, and values are whole numbers of
            255. "opencv" is OpenCV's bilinear resizing of float values, which rounds nothing.

    Returns:
        float64 [side, side, 3] in [0, 1].

    Raises:
        InputError: `picture` is another kind of array, or `how` is unknown.
    """
    if how == "opencv":
        values = torch.from_numpy(_checked(picture).astype(np.float32) / 255).permute(2, 0, 1)
        return resize(values, (side, side), "bilinear").permute(1, 2, 0).double().numpy()
    return small_square(picture, side, how) / 255.0


def fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """Put a picture into a square at its own scale, for networks that were trained so.

    It lies in the upper left corner and is continued by its mirror image. A picture that is larger
    than the square is made smaller first, its shape kept.

    Args:
        picture: uint8 [H, W, 3].
        side: of the square in pixels.

    Returns:
        float64 [side, side, 3] in [0, 1].

    Raises:
        InputError: `picture` is another kind of array.
    """
    size = inside(_checked(picture).shape, side)
    if size != picture.shape[:2]:
        image = Image.fromarray(np.ascontiguousarray(picture))
        picture = np.array(image.resize((size[1], size[0]), _FILTERS["bicubic"]))
    edges = [(0, side - size[0]), (0, side - size[1]), (0, 0)]
    return np.pad(picture, edges, mode="symmetric") / 255.0


def inside(size: Sequence[int], side: int) -> tuple[int, int]:
    """Return the rows and columns of a square that `fitted` gives to a picture of [H, W, ...]."""
    longest = max(size[0], size[1])
    if longest <= side:
        return size[0], size[1]
    rows, columns = (max(1, round(length * side / longest)) for length in size[:2])
    return rows, columns


def small_square(picture: np.ndarray, side: int, how: str = "bicubic") -> np.ndarray:
    """Resize a picture by Pillow as `square` does, but return it as uint8 [side, side, 3]."""
    if how not in _FILTERS:
        raise InputError(f"how is {how!r}, expected one of {', '.join(RESIZING)}")
    image = Image.fromarray(np.ascontiguousarray(_checked(picture)))
    return np.array(image.resize((side, side), _FILTERS[how]))


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise InputError(
            f"the picture is {picture.dtype} {list(picture.shape)}, expected uint8 [H, W, 3]"
        )
    return picture


def to_tensor(square: np.ndarray, device: torch.device | str | None = None) -> Tensor:
    """Normalise a square by the colours of ImageNet.

    Args:
        square: float64 [s, s, 3] in [0, 1].
        device: where the tensor shall lie.

    Returns:
        float32 [3, s, s]; computed in float64 and cast at the end.
    """
    values = ((square - np.asarray(MEAN)) / np.asarray(STD)).astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))
    return tensor if device is None else tensor.to(device)


def to_unit(prediction: Tensor) -> Tensor:
    """Undo the normalisation.

    Args:
        prediction: [..., 3, s, s], normalised, of any float type, on any device.

    Returns:
        float64 of the same shape on the CPU, 1 = white; values below 0 and above 1 are kept.
    """
    # On the CPU, since not every accelerator has float64.
    values = prediction.detach().cpu().to(torch.float64)
    mean, std = (torch.tensor(part, dtype=torch.float64)[:, None, None] for part in (MEAN, STD))
    return values * std + mean


def resize(unit: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Resize colours as the released code resizes its answers.

    Args:
        unit: float [3, h, w], or [C, h, w] of anything.
        size: (H, W) to resize to.
        mode: "bicubic", "bilinear" or "nearest", as `torch.nn.functional.interpolate` does each,
            with `align_corners=False` and without looking at more pixels when it gets smaller.

    Returns:
        [C, H, W] of the same type; bicubic values may leave the range they came from.

    Raises:
        InputError: `mode` is unknown.
    """
    if mode not in _MODES:
        raise InputError(f"mode is {mode!r}, expected one of {', '.join(_MODES)}")
    corners = None if mode == "nearest" else False
    return functional.interpolate(unit[None], size=size, mode=mode, align_corners=corners)[0]


def colours(canvas: np.ndarray, size: tuple[int, int], mode: str = "bicubic") -> np.ndarray:
    """Turn a raw canvas into colours at the query's size, with all their digits.

    Args:
        canvas: float32 [3, s, s], as answers have it.
        size: (H, W) of the query.
        mode: see `resize`.

    Returns:
        float64 [H, W, 3], 1 = white; values may lie outside 0 to 1.
    """
    unit = resize(to_unit(torch.from_numpy(canvas)), size, mode)
    return np.asarray(unit.permute(1, 2, 0).numpy())
