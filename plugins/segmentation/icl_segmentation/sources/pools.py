"""Seeded draws of episodes from pools of images that show a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    episode_rng,
    image_episode,
    same_size,
)
from icl_core.sources.packed import PackedFolder
from icl_core.types import Episode

VOID = 255


@dataclass(frozen=True)
class Shown:
    """An image, the object in it, and what is not scored.

    Args:
        image: uint8 [H, W, 3].
        mask: bool [H, W].
        ignore: bool [H, W]; None = all pixels are scored.
    """

    image: np.ndarray
    mask: np.ndarray
    ignore: np.ndarray | None = None

    @property
    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask."""
        return self.image, self.mask


Reader = Callable[[str, int], Shown]
"""Reads an image by its key, with the mask of a class."""


@dataclass(frozen=True)
class Pool:
    """Images that show one class.

    Args:
        class_id: the class.
        name: its name.
        items: (key, group); a support is of another group than the query.
        support: the key that is always shown; None = supports are drawn.
    """

    class_id: int
    name: str
    items: tuple[tuple[str, str], ...]
    support: str | None = None

    def feeds(self, shots: int) -> bool:
        """Whether every query leaves enough images of other groups to show."""
        if self.support is not None:
            return bool(self.items)
        sizes: dict[str, int] = {}
        for _, group in self.items:
            sizes[group] = sizes.get(group, 0) + 1
        return len(self.items) - max(sizes.values(), default=0) >= shots


def by_value(folder: PackedFolder) -> Reader:
    """Return a reader for masks of several classes: the class has its id as value."""

    def read(key: str, class_id: int) -> Shown:
        image, ids = folder.image(key), folder.ids(key)
        same_size(image, ids, key)
        void = ids == VOID
        return Shown(image, ids == class_id, void if void.any() else None)

    return read


def by_foreground(folder: PackedFolder) -> Reader:
    """Return a reader for masks of one class: every value but 0 is the object."""

    def read(key: str, class_id: int) -> Shown:
        image, ids = folder.image(key), folder.ids(key)
        same_size(image, ids, key)
        return Shown(image, ids > 0)

    return read


def drawn(
    folder: PackedFolder,
    pools: Sequence[Pool],
    read: Reader,
    *,
    shots: int,
    episodes: int,
    seed: int,
) -> EpisodeList:
    """Draw episodes: class, query and supports uniformly; episode n depends on seed and n alone.

    Args:
        folder: where they come from.
        pools: one a class; a pool that is too small for `shots` is left out.
        read: reads one image.
        shots: examples an episode.
        episodes: how many.
        seed: of the draws.

    Raises:
        InputError: no class has enough images.
    """
    checked_counts(shots, episodes, seed)
    usable = [pool for pool in pools if pool.feeds(shots)]
    if not usable:
        raise InputError(f"{folder.source} has no class with {shots + 1} images")

    def make(number: int) -> Episode:
        rng = episode_rng(seed, number)
        pool = usable[int(rng.integers(len(usable)))]
        query, group = pool.items[int(rng.integers(len(pool.items)))]
        if pool.support is not None:
            chosen = [pool.support]
        else:
            others = [key for key, other in pool.items if other != group]
            chosen = [others[n] for n in rng.choice(len(others), shots, replace=False)]
        asked = read(query, pool.class_id)
        meta: dict[str, Any] = {
            "id": f"{seed}/{number}",
            "class_id": pool.class_id,
            "class_name": pool.name,
            "query": query,
            "supports": tuple(chosen),
        }
        if asked.ignore is not None:
            meta["ignore"] = asked.ignore
        return image_episode([read(key, pool.class_id).pair for key in chosen], asked.pair, meta)

    name = f"{folder.source}, {shots} shots, seed {seed}"
    return EpisodeList(name, episodes, make, folder.lines)


def counted_pools(
    folder: PackedFolder,
    rows: Sequence[dict[str, str]],
    names: dict[int, str],
    min_area: float,
) -> list[Pool]:
    """Make pools from the column `classes` ("value:pixels ...").

    Args:
        folder: where they come from.
        rows: rows of its index.
        names: value -> name; other values are no class.
        min_area: least share of the image that the class covers.
    """
    items: dict[int, list[tuple[str, str]]] = {}
    for row in rows:
        size = int(row["width"]) * int(row["height"])
        for entry in row["classes"].split():
            value, pixels = map(int, entry.split(":"))
            if value in names and pixels >= min_area * size:
                items.setdefault(value, []).append((folder.key(row), folder.key(row)))
    return [Pool(value, names[value], tuple(found)) for value, found in sorted(items.items())]


def grouped_pools(
    folder: PackedFolder,
    column: str,
    group: str,
    *,
    name: str = "{}",
    rows: Sequence[dict[str, str]] | None = None,
) -> list[Pool]:
    """Make one pool for each value of a column of the index.

    Args:
        folder: where they come from.
        column: its values are the classes, numbered in alphabetical order from 1.
        group: column with the group of an image.
        name: pattern of the class name.
        rows: rows of the index; None = all.
    """
    items: dict[str, list[tuple[str, str]]] = {}
    for row in folder.rows if rows is None else rows:
        items.setdefault(row[column], []).append((folder.key(row), row[group]))
    return [
        Pool(number, name.format(value), tuple(items[value]))
        for number, value in enumerate(sorted(items), 1)
    ]
