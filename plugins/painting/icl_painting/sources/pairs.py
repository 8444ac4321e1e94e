"""What the sources of this plugin share: pairs of pictures as episodes, lists of files, draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts, episode_rng, need_folder
from icl_core.types import Context, Episode, Example

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
"""Files that count as pictures in a folder."""

EPISODES = 200
"""Episodes of a source that draws them, where no number is given."""

Pair = tuple[np.ndarray, np.ndarray]
"""Two pictures uint8 [H, W, 3]: what the task is done to, and what it makes of it."""


def prompt_context(pairs: Sequence[Pair]) -> Context:
    """Return the context that shows these pairs."""
    return Context(tuple(Example(*pair) for pair in pairs))


def same_sizes(pair: Pair, what: str) -> Pair:
    """Refuse a pair whose pictures have different sizes, and return the pair."""
    if pair[0].shape[:2] != pair[1].shape[:2]:
        (height, width), (other, across) = pair[0].shape[:2], pair[1].shape[:2]
        raise InputError(
            f"the target of {what} is {other}x{across}, expected its input's {height}x{width} "
            "(height x width)"
        )
    return pair


def pictures(folder: Path, source: str, layout: str) -> dict[str, Path]:
    """List the pictures of a folder by name without suffix, in order: numbers by value.

    Raises:
        InputError: the folder is missing or holds no picture.
    """
    need_folder(folder, source, layout)
    files = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    if not files:
        raise InputError(f"{source} finds no picture in {folder}", layout)
    files.sort(key=lambda file: (not file.stem.isdecimal(), _number(file.stem), file.name))
    return {file.stem: file for file in files}


class PairFolder:
    """Pairs of pictures that have the same name in two sub-folders.

    Args:
        base: holds both.
        subs: of the inputs, and of the targets.
        source: name for errors.
        layout: what is expected, for errors.

    Raises:
        InputError: a folder is missing or holds no picture.
    """

    def __init__(self, base: Path, subs: tuple[str, str], source: str, layout: str) -> None:
        need_folder(base, source, layout)
        self.base, self._subs = base, subs
        self._source, self._layout = source, layout
        self._files = [pictures(base / sub, source, layout) for sub in subs]

    @property
    def names(self) -> list[str]:
        """The names of the inputs, without suffix, in order."""
        return list(self._files[0])

    def pair(self, name: str) -> Pair:
        """Read a pair.

        Raises:
            InputError: one of the two is missing, or they have different sizes.
        """
        image, target = map(to_image, self._paths(name))
        return same_sizes((image, target), f"{self._source} {self.base.name}/{name}")

    def prompts(self, names: Sequence[str]) -> Callable[[], Context]:
        """Return what reads the pairs of these names, once; they are known to be there.

        Raises:
            InputError: one of them is missing.
        """
        for name in names:
            self._paths(name)
        return cache(lambda: prompt_context([self.pair(name) for name in names]))

    def _paths(self, name: str) -> tuple[Path, Path]:
        for files, sub in zip(self._files, self._subs, strict=True):
            if name not in files:
                raise InputError(
                    f"{self._source} needs the picture {self.base / sub / name}.*, "
                    "which is not there",
                    self._layout,
                )
        return self._files[0][name], self._files[1][name]


def prompt_names(prompt: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the prompts, of which one or several are given.

    Raises:
        InputError: there is none, or one is no text.
    """
    names = (prompt,) if isinstance(prompt, str) else tuple(prompt)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"prompt is {prompt!r}, expected a name or a list of names")
    return names


def listed_pairs(
    name: str,
    queries: Mapping[str, PairFolder],
    prompts: Callable[[], Context],
    meta: Mapping[str, Any],
    episodes: int | None,
) -> EpisodeList:
    """Ask for every pair of folders once; nothing is drawn.

    Args:
        name: of the source, with what was chosen.
        queries: part of the benchmark -> its pairs; "" where there are no parts.
        prompts: what is shown, the same object to every query, so that a learner prepares it once.
        meta: of all episodes.
        episodes: how many of each part, from the first; None = all.
    """
    checked_counts(1, episodes, 0)
    asked = [(part, one) for part, folder in queries.items() for one in folder.names[:episodes]]

    def make(number: int) -> Episode:
        part, one = asked[number]
        query, target = queries[part].pair(one)
        own = {"id": f"{part}/{one}" if part else one, **meta}
        if part:
            own["set"] = part
        return Episode(prompts(), query, target, own)

    return EpisodeList(name, len(asked), make, lambda: [f"{a}/{b}" for a, b in asked])


def drawn_pairs(
    name: str,
    keys: Sequence[str],
    read: Callable[[str, np.random.Generator], Pair],
    task: str,
    data: Callable[[], Sequence[str]],
    *,
    shots: int,
    episodes: int | None,
    seed: int,
    prompts: Sequence[str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> EpisodeList:
    """Draw episodes from a pool of pairs; episode n depends on the seed and on n alone.

    More shots show the same pairs and others after them, for the same query.

    Args:
        name: of the source, for errors and the digest.
        keys: of the pairs that are asked for.
        read: makes a pair of its key; its generator is that of the episode.
        task: what the pairs show.
        data: lines that say which data these are.
        shots: pairs that are shown.
        episodes: how many; None = every key once, in order.
        seed: of the draws.
        prompts: keys of the pairs that may be shown; None = all but the query.
        extra: more of the meta.

    Raises:
        InputError: there are too few pairs for `shots`.
    """
    checked_counts(shots, episodes, seed)
    pool = keys if prompts is None else prompts
    if len(pool) < shots + (prompts is None):
        raise InputError(f"{name} has {len(pool)} pairs, too few to show {shots} of them")

    def make(number: int) -> Episode:
        random = episode_rng(seed, number)
        query = keys[number] if episodes is None else keys[int(random.integers(len(keys)))]
        # Read before the examples are drawn, so that it does not depend on how many there are.
        asked, target = read(query, random)
        others = [key for key in pool if key != query]
        if len(others) < shots:
            raise InputError(f"{name} has {len(others)} pairs, too few to show {shots} of them")
        chosen = [others[n] for n in random.permutation(len(others))[:shots]]
        meta = {
            "id": f"{seed}/{number}",
            "task": task,
            "query": query,
            "supports": tuple(chosen),
            **(extra or {}),
        }
        return Episode(prompt_context([read(key, random) for key in chosen]), asked, target, meta)

    length = len(keys) if episodes is None else episodes
    return EpisodeList(f"{name}, {shots} shots, seed {seed}", length, make, data)


def _number(stem: str) -> int:
    return int(stem) if stem.isdecimal() else 0
