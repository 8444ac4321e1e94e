"""Pictures of a folder, each decoded once for many episodes, and lists of linking episodes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_core.types import Context, Episode, Example
from icl_linking.episodes.turns import Plan

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
CACHE_BYTES = 256 * 2**20
"""How much memory the decoded pictures of one source may take."""


class Pictures:
    """Reads pictures of a folder and keeps the last ones.

    The same path gives the same array object, so that a learner can see that two episodes share a
    picture. Who writes to an array writes to all of them.

    Args:
        root: the folder.
        limit: bytes of decoded pictures that are kept; the last one always is.
    """

    def __init__(self, root: str | Path, limit: int = CACHE_BYTES) -> None:
        self.root = Path(root)
        self._limit = limit
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._bytes = 0

    def __call__(self, path: str) -> np.ndarray:
        """Read a picture: uint8 [H, W, 3].

        Raises:
            InputError: no such file, or no picture; the sentence names it.
        """
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        image = to_image(self.root / path)
        self._kept[path] = image
        self._bytes += image.nbytes
        while self._bytes > self._limit and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return image

    def check(self, paths: Iterable[str]) -> None:
        """Refuse a list that names pictures that are not there, before anything is run.

        Raises:
            InputError: names the first one and counts the rest.
        """
        wanted = dict.fromkeys(paths)
        missing = [path for path in wanted if not (self.root / path).is_file()]
        if missing:
            more = f", and {len(missing) - 1} others" if len(missing) > 1 else ""
            raise InputError(
                f"the picture {self.root / missing[0]} is not there{more} (of {len(wanted)})",
                hint="the paths of a list are relative to the folder of the pictures",
            )


class LinkEpisodes(EpisodeList):
    """Linking episodes, with what can be known of each without reading a picture.

    The target is the name of the query's class. `meta` holds `id`, `labels` (the names to choose
    from), `shots` (a class) and, with two classes of unequal standing, `positive` (whether the
    query is of the positive class).

    Args:
        name: name of the source, with what was chosen.
        length: how many there are.
        make: gives episode number n.
        data: lines that say which data these are; for `digest`.
        labels: gives the names to choose from in episode number n.
        pool: gives what the names of episode number n belong to, such as an alphabet; the same
            name in another pool is another class. None = one pool.
    """

    def __init__(
        self,
        name: str,
        length: int,
        make: Callable[[int], Episode],
        data: Callable[[], Iterable[str]],
        labels: Callable[[int], Sequence[str]],
        pool: Callable[[int], str] | None = None,
    ) -> None:
        super().__init__(name, length, make, data)
        self._labels = labels
        self.pool = pool

    def labels(self, index: int) -> tuple[str, ...]:
        """Return the names to choose from in an episode."""
        return tuple(self._labels(index))

    def classes(self, index: int) -> tuple[tuple[str | None, str], ...]:
        """Return the classes of an episode: (pool, name) each."""
        pool = None if self.pool is None else self.pool(index)
        return tuple((pool, label) for label in self._labels(index))

    def _pool_of(self, chosen: range) -> Callable[[int], str] | None:
        pool = self.pool
        return None if pool is None else lambda n: pool(chosen[n])

    @overload
    def __getitem__(self, index: int) -> Episode: ...

    @overload
    def __getitem__(self, index: slice) -> LinkEpisodes: ...

    def __getitem__(self, index: int | slice) -> Episode | LinkEpisodes:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        chosen = range(len(self))[index]
        return LinkEpisodes(
            self.name,
            len(chosen),
            lambda n: self._make(chosen[n]),
            self._data,
            lambda n: self._labels(chosen[n]),
            self._pool_of(chosen),
        )


def planned(
    name: str,
    root: str | Path,
    plans: Sequence[Plan],
    meta: Callable[[int], Mapping[str, Any]],
) -> LinkEpisodes:
    """Make episodes from plans; pictures are read when an episode is asked for.

    Args:
        name: name of the source, with what was chosen.
        root: folder of the pictures.
        plans: one an episode.
        meta: gives what else is known of episode number n.

    Raises:
        InputError: a picture is not there.
    """
    pictures = Pictures(root)
    pictures.check(turn.image for plan in plans for turn in plan.turns)

    def make(number: int) -> Episode:
        plan = plans[number]
        examples = tuple(
            Example(pictures(turn.image), turn.label, {"path": turn.image})
            for turn in plan.supports
        )
        facts = {
            "id": str(number),
            "labels": plan.options,
            "query": plan.query.image,
            **meta(number),
        }
        return Episode(Context(examples), pictures(plan.query.image), plan.query.label, facts)

    def data() -> Iterable[str]:
        return (f"{t.image}\t{t.label}" for plan in plans for t in plan.turns)

    return LinkEpisodes(name, len(plans), make, data, lambda n: plans[n].options)


def pictures_in(folder: Path, root: Path) -> tuple[str, ...]:
    """List the pictures of a folder, by name, as paths relative to `root`."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    return tuple(sorted(path.relative_to(root).as_posix() for path in found))
