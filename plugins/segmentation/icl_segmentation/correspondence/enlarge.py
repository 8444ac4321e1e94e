"""From patches to pixels, along the edges of the picture.

The fast guided filter (He and Sun, arXiv 1505.00996): on a small square the answer is written as a
local linear function of the colours; its coefficients are enlarged instead of the answer, and
meet the full picture's colours there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-3
"""Variance of colour, in [0, 1] squared, below which a window counts as flat."""

BAND = 256
LIMIT = 8.0
"""Log odds beyond which certainty is not told apart."""


def enlarge(logits: Tensor, square: Tensor, image: np.ndarray, edges: bool = True) -> np.ndarray:
    """Bring log odds of patches to the size of the picture.

    Args:
        logits: float32 [g, h], of the patches.
        square: float32 [1, 3, S, S] in [0, 1], the picture as the backbone saw it.
        image: uint8 [H, W, 3].
        edges: whether the edges of the picture guide it; else bilinear.

    Returns:
        float32 [H, W].
    """
    size = (int(image.shape[0]), int(image.shape[1]))
    small = logits.clamp(-LIMIT, LIMIT)[None, None]
    if not edges:
        full = functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
        return np.ascontiguousarray(full[0, 0].cpu().numpy())
    coefficients = guided(small, square, radius=square.shape[-1] // logits.shape[-1])
    found = np.empty(size, np.float32)
    for top in range(0, size[0], BAND):
        bottom = min(top + BAND, size[0])
        colours = torch.from_numpy(np.array(image[top:bottom])).to(logits.device)
        colours = colours.permute(2, 0, 1).float() / 255
        part = _rows(coefficients, top, bottom, size)
        found[top:bottom] = ((part[:3] * colours).sum(0) + part[3]).cpu().numpy()
    return found


def guided(logits: Tensor, square: Tensor, radius: int) -> Tensor:
    """Fit the answer as a linear function of colour in every window.

    Args:
        logits: float32 [1, 1, g, h].
        square: float32 [1, 3, S, S], the guide.
        radius: of the windows, in pixels of the square; one patch.

    Returns:
        float32 [4, S, S]: three slopes and an offset.
    """
    side = square.shape[-2:]
    values = functional.interpolate(logits, size=side, mode="bilinear", align_corners=False)
    mean_colour, mean_value = _box(square, radius), _box(values, radius)
    across = _box(square * values, radius) - mean_colour * mean_value
    products = (square[:, :, None] * square[:, None]).flatten(1, 2)
    own = (mean_colour[:, :, None] * mean_colour[:, None]).flatten(1, 2)
    spread = (_box(products, radius) - own).reshape(3, 3, -1).permute(2, 0, 1)
    spread = spread + EPS * torch.eye(3, device=spread.device)
    slopes = torch.linalg.solve(spread, across.reshape(3, -1).T[..., None])[..., 0].T
    slopes = slopes.reshape(1, 3, *side)
    offset = mean_value - (slopes * mean_colour).sum(1, keepdim=True)
    return _box(torch.cat([slopes, offset], 1), radius)[0]


def _box(values: Tensor, radius: int) -> Tensor:
    width = 2 * radius + 1
    # Rows, then columns: the mean over a square is the mean of means, at the border too.
    rows = functional.avg_pool2d(values, (1, width), 1, (0, radius), count_include_pad=False)
    return functional.avg_pool2d(rows, (width, 1), 1, (radius, 0), count_include_pad=False)


def _rows(values: Tensor, top: int, bottom: int, size: tuple[int, int]) -> Tensor:
    """Enlarge [C, S, S] to [C, H, W] bilinearly, rows `top` to `bottom` alone."""
    height = values.shape[1]
    rows = torch.arange(top, bottom, device=values.device, dtype=torch.float32)
    place = ((rows + 0.5) * height / size[0] - 0.5).clamp(0, height - 1)
    below = place.floor().long()
    share = (place - below)[None, :, None]
    above = (below + 1).clamp_max(height - 1)
    band = values[:, below] * (1 - share) + values[:, above] * share
    wide = functional.interpolate(
        band[None], size=(bottom - top, size[1]), mode="bilinear", align_corners=False
    )
    return wide[0]
