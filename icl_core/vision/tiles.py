"""Pictures larger than a network's square, in overlapping tiles.

A learner sees every picture at one size, so small things in a large scan are lost. Cut into tiles
they are seen at their own scale; where tiles overlap, their logits are averaged with weights that
fall towards a tile's inner edges, so that no seam shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.learner import PreparedContext
from icl_core.results.label_map import LabelMap, resolve
from icl_core.results.segmentation import Segmentation


@dataclass(frozen=True)
class Tile:
    """A part of a picture: rows `top` to `bottom`, columns `left` to `right`, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def place(self) -> tuple[slice, slice]:
        """The index of the tile in an array [H, W, ...]."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def cut(height: int, width: int, side: int, overlap: float = 0.25) -> list[Tile]:
    """Cover a picture with tiles of at most `side` x `side`, rows first.

    Args:
        height: of the picture.
        width: of the picture.
        side: of a tile, in pixels.
        overlap: of two neighbours at least, as a share of the side, 0 to 0.9.

    Raises:
        InputError: an argument is out of range.
    """
    if isinstance(side, bool) or not isinstance(side, int) or side < 1:
        raise InputError(f"the tile's side is {side!r}, expected a whole number from 1")
    if not isinstance(overlap, int | float) or not 0 <= overlap <= 0.9:
        raise InputError(f"overlap is {overlap!r}, expected 0 to 0.9")
    rows, columns = _starts(height, side, overlap), _starts(width, side, overlap)
    return [
        Tile(top, left, min(top + side, height), min(left + side, width))
        for top in rows
        for left in columns
    ]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    shared = min(math.ceil(overlap * side), side - 1)
    count = 1 + math.ceil((length - side) / (side - shared))
    return [round(n * (length - side) / (count - 1)) for n in range(count)]


def blend(
    tiles: Sequence[Tile], maps: Iterable[np.ndarray], size: tuple[int, int], overlap: float = 0.25
) -> np.ndarray:
    """Put maps of tiles together.

    Args:
        tiles: of `cut`.
        maps: float [N, h, w] of each tile, in its order.
        size: (H, W) of the picture.
        overlap: the weights fall over this share of a tile.

    Returns:
        float32 [N, H, W], the weighted mean where tiles overlap.
    """
    total: np.ndarray | None = None
    weights = np.zeros(size, np.float32)
    for tile, values in zip(tiles, maps, strict=True):
        if total is None:
            total = np.zeros((len(values), *size), np.float32)
        window = np.outer(
            _ramp(tile.top, tile.bottom, size[0], overlap),
            _ramp(tile.left, tile.right, size[1], overlap),
        ).astype(np.float32)
        total[(slice(None), *tile.place)] += values * window
        weights[tile.place] += window
    if total is None:
        raise InputError("there are no tiles to blend, expected at least one")
    return total / weights


def _ramp(start: int, end: int, length: int, overlap: float) -> np.ndarray:
    """Return weights [end - start], falling towards edges inside the picture, never to zero."""
    count = end - start
    fall = max(overlap * count, 1.0)
    place = np.arange(count) + 0.5
    weights = np.ones(count)
    if start > 0:
        weights = np.minimum(weights, place / fall)
    if end < length:
        weights = np.minimum(weights, (count - place) / fall)
    return weights


def join(
    tiles: Sequence[Tile],
    answers: Sequence[Segmentation],
    size: tuple[int, int],
    overlap: float = 0.25,
) -> Segmentation:
    """Put the answers about tiles together, object by object; scores are weighed by area.

    Args:
        tiles: of `cut`.
        answers: of each tile, all about the same objects.
        size: (H, W) of the picture.
        overlap: as in `blend`.
    """
    areas = np.array([one.mask.size for one in answers], np.float64)
    first = answers[0]
    if len(tiles) == 1:
        return first
    joined = _joined(tiles, answers, size, overlap, areas)
    joined.meta["tiles"] = len(tiles)
    return joined


def _joined(
    tiles: Sequence[Tile],
    answers: Sequence[Segmentation],
    size: tuple[int, int],
    overlap: float,
    areas: np.ndarray,
) -> Segmentation:
    first = answers[0]
    if isinstance(first, LabelMap):
        maps = [
            one.object_logits
            for one in answers
            if isinstance(one, LabelMap) and one.object_logits is not None
        ]
        if len(maps) < len(answers):
            raise InputError("tiles are joined by the objects' own logits, which were not kept")
        rows = [one.object_scores for one in answers if isinstance(one, LabelMap)]
        scores = (np.array(rows) * areas[:, None]).sum(0) / areas.sum()
        logits = blend(tiles, maps, size, overlap)
        return resolve(logits, first.ids, first.names, scores.tolist())
    logits = blend(tiles, [one.logits[None] for one in answers], size, overlap)[0]
    known = [one.score for one in answers if one.score is not None]
    mean = float((np.array(known) * areas[: len(known)]).sum() / areas.sum())
    score = mean if len(known) == len(answers) else None
    return Segmentation(logits > 0, logits, score)


def predict_in_tiles(
    prepared: PreparedContext, query: Any, side: int, overlap: float = 0.25, **options: Any
) -> Segmentation:
    """Segment a large picture in tiles, with any segmentation learner.

    ```python
    prepared = learner.prepare(context)
    answer = predict_in_tiles(prepared, "scan.tif", side=1024)
    ```

    Args:
        prepared: a prepared context. Its examples should show the object at the scale of a tile.
        query: the picture; a picture that fits one tile is asked as it is.
        side: of a tile, in pixels.
        overlap: see `cut`.
        **options: predict options of the learner.

    Returns:
        The answer at the picture's own size.

    Raises:
        InputError: the picture cannot be read, or an argument is out of range.
    """
    picture = to_image(query)
    size = (picture.shape[0], picture.shape[1])
    tiles = cut(*size, side, overlap)
    answers = prepared.predict([picture[tile.place] for tile in tiles], **options)
    return join(tiles, answers, size, overlap)
