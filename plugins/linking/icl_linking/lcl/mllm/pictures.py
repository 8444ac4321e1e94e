"""Pictures as the LCL-MLLM reads them: a white square around, CLIP's size and colours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def square(picture: np.ndarray) -> np.ndarray:
    """Put a picture uint8 [H, W, 3] into the middle of a white square [S, S, 3]."""
    height, width = picture.shape[:2]
    side = max(height, width)
    if height == width:
        return picture
    found = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    found[top : top + height, left : left + width] = picture
    return found


def pixels(picture: np.ndarray, side: int) -> Tensor:
    """Return a picture uint8 [H, W, 3] as CLIP reads it: float32 [3, side, side]."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(square(picture)))
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BICUBIC)
    values = np.asarray(image, dtype=np.float64) / 255
    normal = (values - np.asarray(MEAN)) / np.asarray(STD)
    return torch.from_numpy(normal.astype(np.float32).transpose(2, 0, 1).copy())
