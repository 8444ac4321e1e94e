"""Several objects in one picture, each in a colour of its own.

SegGPT is trained with colours drawn at random, so that they carry no class (arXiv 2304.03284,
section 3.1). Here they are chosen far apart, and far from black, which is the background.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import Tensor

from icl_core import InputError

MOST = 124
"""Most colours: five levels a channel, without black."""


def palette(count: int) -> np.ndarray:
    """Choose colours that are far from each other and from black.

    Colours come from a grid with as few levels a channel as possible; each is the one whose
    smallest squared distance to those before, and to black, is largest; the first is white.

    Args:
        count: how many.

    Returns:
        uint8 [count, 3]; the same for the same count.

    Raises:
        InputError: there are too many.
    """
    if count > MOST:
        raise InputError(
            f"the context shows {count} objects, and at most {MOST} can be told apart by colour",
            hint="classes='separate' asks for one at a time",
        )
    levels = next(n for n in range(2, 6) if n**3 > count)
    steps = np.linspace(0, 255, levels).round()
    # Bright ones first, so that ties fall to the colours that stand out most.
    grid = np.array(sorted(product(steps, repeat=3), key=lambda c: -sum(c)))
    chosen: list[np.ndarray] = []
    nearest = (grid**2).sum(axis=1)
    for _ in range(count):
        best = int(nearest.argmax())
        chosen.append(grid[best])
        nearest = np.minimum(nearest, ((grid - grid[best]) ** 2).sum(axis=1))
    return np.array(chosen).astype(np.uint8)


def paint(masks: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Paint masks on black; where they overlap the later one is seen.

    Args:
        masks: bool [N, H, W].
        colours: uint8 [N, 3].

    Returns:
        uint8 [H, W, 3].
    """
    picture = np.zeros((*masks.shape[1:], 3), np.uint8)
    for mask, colour in zip(masks, colours, strict=True):
        picture[mask] = colour
    return picture


def nearest_colour(rgb: Tensor, colours: Tensor) -> Tensor:
    """Tell by its colour how sure a pixel is of each object.

    With d the squared distance of the pixel to the object's colour, m the smallest to any other
    one (black among them) and D that between the object's colour and the one nearest to it,
    p = 1/2 + (m - d) / 2D: 1 at the object's colour, 1/2 half way to the next one, and above 1/2
    exactly where the object's colour is the nearest.

    Args:
        rgb: float64 [3, h, w], 0 to 255.
        colours: float64 [N, 3].

    Returns:
        float64 [N, h, w], 0 to 1.
    """
    known = torch.cat([torch.zeros_like(colours[:1]), colours])
    between = torch.cdist(known, known) ** 2
    between.fill_diagonal_(torch.inf)
    apart = between.min(dim=1).values[1:]
    distances = torch.stack([((rgb - c[:, None, None]) ** 2).sum(0) for c in known])
    two = distances.topk(2, dim=0, largest=False)
    sure = []
    for number in range(1, len(known)):
        own = distances[number]
        # The smallest of the others is the second smallest of all where this one is the first.
        others = torch.where(two.indices[0] == number, two.values[1], two.values[0])
        sure.append(0.5 + (others - own) / (2 * apart[number - 1]))
    return torch.stack(sure).clamp(0, 1)
