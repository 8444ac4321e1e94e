"""The k nearest neighbours of every item by cosine: exact in blocks, or by a library.

Memory is linear in the number of items for every engine: no [n, n] matrix is ever made.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from icl_core.errors import InputError, MissingExtraError
from icl_core.selection.points import unit_rows

ENGINES = ("auto", "exact", "faiss")
LARGE = 20_000
"""Items from which "auto" takes faiss where it is installed."""

_ROWS, _COLUMNS = 512, 4096


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The graph of nearest neighbours.

    Args:
        indices: int32 [n, k], the neighbours of each item from the least to the most similar;
            -1 where there is none.
        similarities: float [n, k], their cosines. Beside a -1 of the released rule stands the
            item's cosine with itself, which its sums count.
        engine: what found them.
    """

    indices: np.ndarray
    similarities: np.ndarray
    engine: str = "exact"

    def __post_init__(self) -> None:
        indices, similarities = np.asarray(self.indices), np.asarray(self.similarities)
        if indices.ndim != 2 or indices.shape != similarities.shape:
            raise InputError(
                f"neighbours are {list(indices.shape)} and their similarities "
                f"{list(similarities.shape)}, expected [n, k] twice"
            )
        if indices.dtype.kind not in "iu" or not np.isfinite(similarities).all():
            raise InputError("neighbours are whole numbers, and their similarities finite")
        if indices.size and not -1 <= indices.min() <= indices.max() < len(indices):
            raise InputError(f"neighbours are numbers of items, -1 to {len(indices) - 1}")
        object.__setattr__(self, "indices", indices.astype(np.int32, copy=False))
        object.__setattr__(self, "similarities", similarities)

    @property
    def k(self) -> int:
        """Neighbours of an item, at most."""
        return int(self.indices.shape[1])

    def __len__(self) -> int:
        return len(self.indices)


def nearest_neighbours(
    embeddings: Any, k: int, *, engine: str = "auto", behaviour: str = "corrected"
) -> Neighbours:
    """Find the k nearest neighbours of every item.

    Args:
        embeddings: [n, d]; rows need not have unit length.
        k: how many, 1 to n - 1 (0 for a single item).
        engine: "exact"; "faiss" for inverted lists, approximate; "auto" is exact up to `LARGE`
            items, and faiss above where it is installed.
        behaviour: "official" sorts the cosines of each item, drops the last, keeps the k before it
            and skips the item itself among them, so that an item with a copy can have k - 1
            neighbours and the copy can be missing. "corrected" leaves out the item itself; of two
            equally similar items the one with the lower number counts as nearer.

    Raises:
        InputError: bad embeddings, k out of range, or an unknown engine.
        MissingExtraError: faiss was asked for and is not installed.
    """
    official = behaviour == "official"
    return neighbours_of(unit_rows(embeddings, wide=official), k, engine, official)


def neighbours_of(points: np.ndarray, k: int, engine: str, official: bool) -> Neighbours:
    """As `nearest_neighbours`, for rows that have unit length already."""
    n = len(points)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not min(1, n - 1) <= k < n:
        raise InputError(
            f"k is {k!r}, expected {min(1, n - 1)} to {n - 1} neighbours for a pool of {n}"
        )
    if engine not in ENGINES:
        raise InputError(f"engine is {engine!r}, expected one of {', '.join(ENGINES)}")
    if official:
        return _official(points, int(k))
    has_faiss = find_spec("faiss") is not None
    if engine == "faiss" and not has_faiss:
        raise MissingExtraError(
            "engine 'faiss' needs the Python package faiss, which is not installed",
            "pip install 'icl-suite[neighbours]'",
        )
    if engine == "faiss" or (engine == "auto" and has_faiss and n > LARGE):
        return _by_faiss(points, int(k))
    return _exact(points, int(k))


def _official(points: np.ndarray, k: int) -> Neighbours:
    """The released rule, one item at a time (context selection as published with vote-k)."""
    n = len(points)
    indices = np.full((n, k), -1, np.int32)
    similarities = np.zeros((n, k), points.dtype)
    for i in range(n):
        cosines = points @ points[i]
        kept = np.argsort(cosines)[-k - 1 : -1]
        indices[i, : len(kept)] = np.where(kept == i, -1, kept)
        similarities[i, : len(kept)] = cosines[kept]
    return Neighbours(indices, similarities)


def _exact(points: np.ndarray, k: int) -> Neighbours:
    """Products of tiles; of each tile only what beats the k-th best so far is looked at."""
    n = len(points)
    indices = np.full((n, k), -1, np.int32)
    similarities = np.zeros((n, k), np.float32)
    if k == 0:
        return Neighbours(indices, similarities)
    room = np.empty(min(_ROWS, n) * min(_COLUMNS, n), np.float32)
    for top in range(0, n, _ROWS):
        block = points[top : top + _ROWS]
        found = np.full((len(block), k), -np.inf, np.float32)
        names = np.full((len(block), k), -1, np.int32)
        for left in range(0, n, _COLUMNS):
            columns = points[left : left + _COLUMNS]
            tile = room[: len(block) * len(columns)].reshape(len(block), len(columns))
            np.matmul(block, columns.T, out=tile)
            _hide_self(tile, top, left)
            found, names = _merge(found, names, *_better(tile, found[:, :1], k, left))
        indices[top : top + _ROWS], similarities[top : top + _ROWS] = names, found
    return Neighbours(indices, similarities)


def _hide_self(tile: np.ndarray, top: int, left: int) -> None:
    """Take the cosines of items with themselves out of a tile."""
    rows = np.arange(len(tile))
    columns = top + rows - left
    inside = (columns >= 0) & (columns < tile.shape[1])
    tile[rows[inside], columns[inside]] = -np.inf


def _better(
    tile: np.ndarray, limit: np.ndarray, k: int, left: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what of a tile exceeds each row's limit: [rows, c] twice, higher numbers first.

    At least the k best of a row are among it where the row has as many.
    """
    width = tile.shape[1]
    places = np.flatnonzero(tile > limit)
    rows = places // width
    counts = np.bincount(rows, minlength=len(tile))
    most = int(counts.max(initial=0))
    if most > 4 * k:
        return _best(tile, min(k, width), left)
    cosines = np.full((len(tile), most), -np.inf, np.float32)
    names = np.full((len(tile), most), -1, np.int32)
    slots = np.repeat(np.cumsum(counts), counts) - np.arange(1, len(rows) + 1)
    cosines[rows, slots] = tile.reshape(-1)[places]
    names[rows, slots] = places - rows * width + left
    return cosines, names


def _best(tile: np.ndarray, k: int, left: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k best of each row of a tile; of equal ones the lower numbers."""
    width = tile.shape[1]
    columns = np.argpartition(tile, width - k, axis=1)[:, width - k :]
    cosines = np.take_along_axis(tile, columns, 1)
    limit = cosines.min(axis=1, keepdims=True)
    # The partition takes any of several that equal the k-th: such rows are sorted in full.
    for row in np.flatnonzero((tile >= limit).sum(axis=1) > k):
        columns[row] = np.lexsort((-np.arange(width), tile[row]))[-k:]
    columns = -np.sort(-columns, axis=1)
    return np.take_along_axis(tile, columns, 1), (columns + left).astype(np.int32)


def _merge(
    found: np.ndarray, names: np.ndarray, cosines: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the k best of two lists of each row, ascending; of equal ones the lower numbers."""
    if not cosines.shape[1]:
        return found, names
    both, labels = np.hstack([cosines, found]), np.hstack([others, names])
    # What was found before has lower numbers, so it stays behind what equals it.
    order = np.argsort(both, axis=1, kind="stable")[:, -found.shape[1] :]
    return np.take_along_axis(both, order, 1), np.take_along_axis(labels, order, 1)


def _by_faiss(points: np.ndarray, k: int) -> Neighbours:
    """Inverted lists (faiss `IndexIVFFlat`); a sixteenth of about 4 sqrt(n) lists is searched."""
    faiss: Any = import_module("faiss")
    n, width = points.shape
    lists = max(1, min(int(4 * n**0.5), n // 39))  # faiss wants 39 training points a list
    searched = max(lists // 16, min(lists, 8))
    quantizer = faiss.IndexFlatIP(width)
    index: Any = faiss.IndexIVFFlat(quantizer, width, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 10
    index.train(points[:: max(1, n // (40 * lists))])
    index.add(points)
    index.nprobe = searched
    indices = np.full((n, k), -1, np.int32)
    similarities = np.zeros((n, k), np.float32)
    for top in range(0, n, _COLUMNS):
        cosines, names = index.search(points[top : top + _COLUMNS], k + 1)
        own = names == np.arange(top, top + len(names))[:, None]
        own[~own.any(axis=1), -1] = True  # a copy stood in its place: the last one goes
        shape = len(names), k
        found = names[~own].reshape(shape)[:, ::-1]
        indices[top : top + len(names)] = found
        near = cosines[~own].reshape(shape)[:, ::-1]
        similarities[top : top + len(names)] = np.where(found < 0, 0, near)
    return Neighbours(indices, similarities, "faiss")
