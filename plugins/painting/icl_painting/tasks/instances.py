"""Objects without a class, as colours: an object's colour says where its middle lies.

The picture is divided into 80 x 80 places: 4 x 4 large cells of 20 x 20 small ones. Red names the
large cell, green and blue the row and the column of the small one (released code of
arXiv 2212.02499). Reading turns this around: every place whose colour is near that of some pixels
is a mask, and of masks that are one object the best is kept by matrix NMS (arXiv 2003.10152).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from icl_core import InputError

PLACES = 80
"""Rows and columns of the grid of middles."""

_CELLS, _INNER = 4, 20
_CHUNK = 4_000_000  # numbers in each of the arrays that are made on the way


def _palette() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = range(_CELLS), range(_INNER)
    table = np.array(
        [(gx, gy, x, y) for gy in rows for gx in rows for y in columns for x in columns], np.int16
    )
    return _colour(*table.T), table


def _colour(gx: np.ndarray, gy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    red, green, blue = 255 - 15 * (_CELLS * gy + gx), 255 - 13 * y, 255 - 13 * x
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


PALETTE, KEYS = _palette()
"""Colours uint8 [6400, 3], and what each stands for: int16 [6400, 4], column and row of the large
cell, then column and row of the small one."""


@dataclass(frozen=True, eq=False)
class Instances:
    """Objects that were found, best first.

    Masks are kept at the size of the painted picture; `rows` and `columns` say which of its pixels
    each pixel of the answer shows, so that many masks of a large picture fit the memory.

    Args:
        small: bool [N, h, w].
        scores: float32 [N].
        rows: whole numbers [H], not falling.
        columns: whole numbers [W], not falling.
    """

    small: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def mask(self, place: int) -> np.ndarray:
        """Return the mask of one object at full size: bool [H, W]."""
        return np.asarray(self.small[place][self.rows][:, self.columns])

    @property
    def masks(self) -> np.ndarray:
        """All masks at full size: bool [N, H, W]."""
        return np.asarray(self.small[:, self.rows][:, :, self.columns])


def paint_instances(masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Paint objects in the colours of their middles; where two overlap, the later one is seen.

    Args:
        masks: bool [H, W] of each; one without a pixel is left out.
        size: (H, W).

    Returns:
        uint8 [H, W, 3] on black.
    """
    height, width = size
    painted = np.zeros((height, width, 3), np.uint8)
    for mask in masks:
        rows, columns = np.nonzero(mask)
        if len(rows):
            x = int(columns.mean() / width * (PLACES - 1))
            y = int(rows.mean() / height * (PLACES - 1))
            painted[mask] = _colour(
                np.array(x // _INNER),
                np.array(y // _INNER),
                np.array(x % _INNER),
                np.array(y % _INNER),
            )
    return painted


def read_instances(
    picture: np.ndarray,
    *,
    size: tuple[int, int] | None = None,
    distance: float = 19.0,
    candidates: int = 2000,
    most: int = 100,
    device: torch.device | str = "cpu",
) -> Instances:
    """Find the objects of a painted picture, as the published evaluation does.

    A place's mask is where the mean over channels of |colour - place's colour| is below
    `distance`; its score is one minus that mean inside the mask, relative to the worst mask. Only
    different colours are compared, and the sizes of overlaps are counted once a colour, so that
    memory grows with the colours of the picture and not with its size times 6400.

    Args:
        picture: uint8 [h, w, 3].
        size: (H, W) of the masks. `picture` is enlarged to it pixel by pixel, and everything is
            counted as if it had been enlarged before; None is its own size.
        distance: largest mean difference to a place's colour.
        candidates: masks that compete in the NMS.
        most: masks that are returned.
        device: where overlaps are counted.
    """
    height, width = picture.shape[:2]
    rows = nearest(height, size[0] if size else height)
    columns = nearest(width, size[1] if size else width)
    colours, weights, which = _counted(picture, rows, columns)
    area, total = np.zeros(len(PALETTE)), np.zeros(len(PALETTE))
    for places, near, apart in _near(colours, np.arange(len(PALETTE)), distance):
        counted = (apart < 3 * distance) * weights[near]
        area[places], total[places] = counted.sum(axis=1), (counted * apart).sum(axis=1)
    filled = np.flatnonzero(area)
    badness = (total[filled] / (3 * area[filled])).astype(np.float32)
    order = np.argsort(badness, kind="stable")[:candidates]
    chosen, badness = filled[order], badness[order]
    scores = 1 - badness / max(float(badness.max(initial=0)), 1.0)
    members = np.zeros((len(chosen), len(weights)), bool)
    rank = np.argsort(chosen)
    for places, near, apart in _near(colours, chosen[rank], distance):
        members[np.ix_(rank[np.searchsorted(chosen[rank], places)], near)] = apart < 3 * distance
    overlap = _overlap(members, colours[0], chosen, weights, distance, device)
    scores, keep, _ = matrix_nms(overlap, scores, np.zeros(len(chosen), np.int64), most)
    known = np.concatenate([members[keep], np.zeros((len(keep), 1), bool)], axis=1)
    small = known[:, which].reshape(len(keep), height, width)
    return Instances(small, scores, rows, columns)


def _counted(
    picture: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the colours of a picture after it was resized to the nearest pixel.

    Returns:
        The N different colours, sorted by red first, int16 [3, N]; how many pixels have each [N];
        and which one each pixel of the picture has [h * w], N where resizing leaves it out.
    """
    height, width = picture.shape[:2]
    codes = picture.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    seen = np.outer(np.bincount(rows, minlength=height), np.bincount(columns, minlength=width))
    codes, which = np.unique(codes, return_inverse=True)
    weights = np.bincount(which.ravel(), seen.ravel(), len(codes))
    shown = np.flatnonzero(weights)
    place = np.full(len(codes), len(shown))
    place[shown] = np.arange(len(shown))
    codes = codes[shown]
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255]).astype(np.int16)
    return colours, weights[shown], place[which.ravel()]


def _near(
    colours: np.ndarray, places: np.ndarray, distance: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Compare colours int16 [3, N] with those of some places, which rise.

    Places that share red and green are compared at once, and only with colours near those.

    Yields:
        The places of a row of the palette, which colours are near, and how far apart they are,
        summed over the channels: int16 [places, colours].
    """
    levels = PALETTE.astype(np.int16)
    row = places // _INNER
    for number in np.unique(row):
        here = places[row == number]
        red, green, _ = levels[here[0]]
        rest = np.abs(colours[0] - red)
        near = np.flatnonzero(rest < 3 * distance)
        rest = rest[near] + np.abs(colours[1, near] - green)
        close = rest < 3 * distance
        near, rest = near[close], rest[close]
        if len(near):
            yield here, near, rest + np.abs(levels[here, 2][:, None] - colours[2, near])


def nearest(length: int, wanted: int) -> np.ndarray:
    """Return which pixel of `length` each of `wanted` shows after resizing to the nearest.

    The same arithmetic as `torch.nn.functional.interpolate` in its mode "nearest".
    """
    step = np.float32(length / wanted)
    place = np.floor(np.arange(wanted, dtype=np.float32) * step).astype(np.int64)
    return np.asarray(np.minimum(place, length - 1))


def _overlap(
    members: np.ndarray,
    reds: np.ndarray,
    places: np.ndarray,
    weights: np.ndarray,
    distance: float,
    device: torch.device | str,
) -> np.ndarray:
    """Return the intersection over union of all pairs of masks: float64 [N, N].

    Two places share colours only where their reds do: colours are sorted by red, so each pair of
    large cells looks at one part of them.
    """
    weight = torch.from_numpy(weights).to(device, torch.float32)
    shared = np.zeros((len(members), len(members)))
    cells = places // (_INNER * _INNER)
    groups = {int(cell): np.flatnonzero(cells == cell) for cell in np.unique(cells)}
    used = {cell: np.asarray(members[group].any(axis=0)) for cell, group in groups.items()}
    for one, first in groups.items():
        for other, second in groups.items():
            low, high = 255 - 15 * other, 255 - 15 * one
            start = int(np.searchsorted(reds, high - 3 * distance, side="right"))
            end = int(np.searchsorted(reds, low + 3 * distance, side="left"))
            if other < one or start >= end:
                continue
            both = start + np.flatnonzero(used[one][start:end] & used[other][start:end])
            counted = _shared(members, (first, second), both, weight)
            shared[np.ix_(first, second)] = counted
            shared[np.ix_(second, first)] = counted.T
    return iou_of(shared)


def _shared(
    members: np.ndarray, pair: tuple[np.ndarray, np.ndarray], colours: np.ndarray, weight: Tensor
) -> np.ndarray:
    """Return how many pixels each pair of masks of two groups shares: float64 [A, B]."""
    total = np.zeros((len(pair[0]), len(pair[1])))
    # In parts, so that float32 counts whole pixels exactly and the float copies stay small.
    step = max(1, _CHUNK // max(total.shape))
    for start in range(0, len(colours), step):
        part = colours[start : start + step]
        left, right = (
            torch.from_numpy(members[np.ix_(group, part)]).to(weight.device).float()
            for group in pair
        )
        counted = (left * weight[torch.from_numpy(part).to(weight.device)]) @ right.T
        total += counted.cpu().numpy()
    return total


def iou_of(shared: np.ndarray) -> np.ndarray:
    """Return the IoU of masks from the pixels that each pair shares: [N, N]."""
    area = np.diagonal(shared)
    union = area[:, None] + area[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def matrix_nms(
    overlap: np.ndarray, scores: np.ndarray, labels: np.ndarray, most: int = 100, sigma: float = 2.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower the scores of masks that a better mask of the same label covers.

    The gaussian form: with o(i, j) the IoU of a mask j with a better one i of its label, and c(i)
    the largest IoU of i with a better one, the score of j falls by the smallest over i of
    exp(-sigma * o(i, j)^2) / exp(-sigma * c(i)^2), where masks that do not compete have o = 0.

    Args:
        overlap: IoU of all pairs, float [N, N].
        scores: float [N].
        labels: whole numbers [N].
        most: masks that are kept.
        sigma: how fast scores fall.

    Returns:
        The new scores float32, the places among the given masks, and the labels of the masks
        that are kept; best first.

    Raises:
        InputError: the sizes differ.
    """
    count = len(scores)
    if overlap.shape != (count, count) or labels.shape != (count,):
        raise InputError(
            f"overlap is {list(overlap.shape)} and labels {list(labels.shape)}, "
            f"expected [{count}, {count}] and [{count}]"
        )
    if not count:
        return np.zeros(0, np.float32), np.zeros(0, np.int64), labels
    order = np.argsort(-scores, kind="stable")
    same = labels[order][:, None] == labels[order][None]
    rival = np.triu(overlap[np.ix_(order, order)], 1) * same
    covered = rival.max(axis=0)
    fall = np.exp(-sigma * rival**2) / np.exp(-sigma * covered**2)[:, None]
    lowered = scores[order] * fall.min(axis=0)
    final = np.argsort(-lowered, kind="stable")[:most]
    kept = order[final]
    return lowered[final].astype(np.float32), kept, labels[kept]
