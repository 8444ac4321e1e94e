"""Pictures and masks to the network's square, and its logits back to the query's size.

SEGIC section 4.1 and the released inference: the longer side becomes S, the rest is padding on
the right and below. The sampling grid is that of the scale factor itself, which differs from the
ratio of the rounded sizes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_core.errors import InputError

GREY = 128.0
"""Padding of pictures; it is set to zero after normalisation and so has no effect."""


class Frame(NamedTuple):
    """Where a picture lies in the square.

    Args:
        height: rows it fills.
        width: columns it fills.
        original: (H, W) before the resize.
    """

    height: int
    width: int
    original: tuple[int, int]


def frame_of(height: int, width: int, side: int) -> Frame:
    """Return where a picture of `height` x `width` lies in a square of `side`.

    Raises:
        InputError: it is so long and thin that nothing of it would be left.
    """
    scale = side / max(height, width)
    inside = (int(np.floor(height * scale)), int(np.floor(width * scale)))
    if min(inside) < 1:
        raise InputError(
            f"the image is {height}x{width} pixels (height x width), too long and thin for a "
            f"square of {side}",
            hint="crop it, or predict it in tiles",
        )
    return Frame(*inside, (height, width))


def _shrink(values: Tensor, side: int) -> tuple[Tensor, Frame]:
    """Resize [B, C, H, W] so that its longer side is `side`."""
    height, width = values.shape[-2:]
    frame = frame_of(height, width, side)
    scale = side / max(height, width)
    resized = F.interpolate(values, scale_factor=scale, mode="bilinear", align_corners=False)
    return resized, frame._replace(height=resized.shape[-2], width=resized.shape[-1])


def _pad(values: Tensor, side: int, fill: float) -> Tensor:
    right, below = side - values.shape[-1], side - values.shape[-2]
    return F.pad(values, (0, right, 0, below), value=fill)


def picture_tensor(
    picture: np.ndarray, side: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Frame]:
    """Bring a picture uint8 [H, W, 3] into the square: float32 [3, S, S], 0 to 255."""
    values = torch.from_numpy(np.ascontiguousarray(picture).view(np.ndarray)).to(device)
    resized, frame = _shrink(values.permute(2, 0, 1)[None].float(), side)
    return _pad(resized, side, GREY)[0], frame


def mask_tensor(masks: np.ndarray, side: int, device: torch.device | str = "cpu") -> Tensor:
    """Bring masks bool [N, H, W] into the square: float32 [N, S, S], 0 to 255."""
    values = torch.from_numpy(np.ascontiguousarray(masks)).to(device).float() * 255
    return _pad(_shrink(values[None], side)[0], side, 0.0)[0]


def normalise(pictures: Tensor, frames: list[Frame], mean: Tensor, std: Tensor) -> Tensor:
    """Normalise pictures [B, 3, S, S] of 0 to 255; the padding becomes zero."""
    scaled = (pictures / 255 - mean) / std
    for picture, frame in zip(scaled, frames, strict=True):
        picture[:, frame.height :] = 0
        picture[:, :, frame.width :] = 0
    return scaled


def crop_logits(logits: Tensor, frame: Frame, side: int) -> Tensor:
    """Resize logits [N, h, w] to the square and cut the padding off: [N, height, width]."""
    full = F.interpolate(logits[:, None], (side, side), mode="bilinear", align_corners=False)
    return full[:, 0, : frame.height, : frame.width]


def original_logits(cropped: Tensor, frame: Frame) -> Tensor:
    """Resize cropped logits [N, height, width] to the picture's own size [N, H, W]."""
    sized = F.interpolate(cropped[:, None], frame.original, mode="bilinear", align_corners=False)
    return sized[:, 0]


def mean_certainty(logits: Tensor) -> Tensor:
    """Return the mean over pixels of max(p, 1 - p), p = sigmoid(logit), for [N, H, W]: [N]."""
    return torch.sigmoid(logits.abs()).mean(dim=(1, 2))
