"""Pictures and masks as DC-SAM reads them, and its logits as an answer."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def to_tensor(image: np.ndarray, side: int) -> Tensor:
    """Resize a picture to a square and normalise it; its aspect is not kept.

    Args:
        image: uint8 [H, W, 3].
        side: S.

    Returns:
        float32 [3, S, S].
    """
    small = Image.fromarray(np.asarray(image)).resize((side, side), Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255
    return (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def mask_to_tensor(mask: np.ndarray, side: int, stride: int, keep_small: bool) -> Tensor:
    """Resize a mask to a square by taking the nearest pixel.

    Args:
        mask: bool [H, W].
        side: S.
        stride: pixels of the square a cell of the network's grid.
        keep_small: mark every cell that the object touches, where the nearest pixels miss it
            altogether. The released code goes on with an empty mask there.

    Returns:
        float32 [S, S], 0 or 1.
    """
    whole = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    square = F.interpolate(whole, size=(side, side), mode="nearest")
    cells = side // stride
    if keep_small and not F.interpolate(square, size=(cells, cells), mode="nearest").any():
        touched = F.adaptive_max_pool2d(whole, (cells, cells))
        square = F.interpolate(touched, size=(side, side), mode="nearest")
    return square[0, 0]


def at_size(canvas: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Resize logits [S, S] to a query's own (H, W), bilinearly: float32."""
    whole = F.interpolate(canvas[None, None], size=size, mode="bilinear", align_corners=False)
    return whole[0, 0].numpy()
