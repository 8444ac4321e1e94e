"""Depth as brightness: ten metres are white (arXiv 2212.02499, section 3.2, and the released code).

A depth map holds whole millimetres, 0 where nothing was measured.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from icl_core import InputError

FARTHEST = 10.0
"""What white stands for, in metres, in the published network."""


def paint_depth(millimetres: np.ndarray, farthest: float = FARTHEST) -> np.ndarray:
    """Paint a depth map.

    Args:
        millimetres: numbers [H, W] from 0; 0 = not measured.
        farthest: metres that white stands for; farther is white too.

    Returns:
        uint8 [H, W, 3], grey, rounded down.

    Raises:
        InputError: a value is negative, NaN or infinite.
    """
    values = np.asarray(millimetres, np.float32)
    if not np.isfinite(values).all() or (values < 0).any():
        raise InputError("the depth map has a negative, NaN or infinite value, expected 0 or more")
    grey = np.minimum(values / np.float32(1000 * farthest) * 255, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def read_depth(unit: Tensor, farthest: float = FARTHEST) -> np.ndarray:
    """Read a depth map.

    Args:
        unit: float [3, H, W], painted depth, 1 = white, cut to 0 and 1.
        farthest: as in `paint_depth`.

    Returns:
        float64 [H, W] in millimetres: the mean of the three colours.
    """
    return np.asarray((unit.to(torch.float64) * (1000 * farthest)).mean(dim=0).cpu().numpy())
