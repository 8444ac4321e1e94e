"""The source of the toys."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, episode_rng
from icl_core.types import Context, Episode, Example


def colours(count=12, shots=1, seed=0, broken=()):
    """Two colours are shown under invented names; query n has the brightness n in its red."""

    def make(number):
        if number in broken:
            raise InputError(f"the picture of episode {number} is damaged")
        rng = episode_rng(seed, number)
        names = [f"dark {number}", f"bright {number}"]
        places = [(n, int(rng.integers(60)) + 190 * n) for n in (0, 1) for _ in range(shots)]
        examples = tuple(Example(_picture(number, level), names[n]) for n, level in places)
        kind = int(rng.integers(2))
        query = _picture(number, int(rng.integers(60)) + 190 * kind)
        meta = {"id": f"colour {number}", "task": number, "nothing": float("nan")}
        return Episode(Context(examples), query, names[kind], meta)

    return EpisodeList(f"toy-colours {shots} {seed}", count, make, lambda: [str(count)])


def folder(root, count=4):
    """The same, from a folder with one file in it."""
    if not (Path(root) / "toys.txt").is_file():
        raise InputError(f"toy-folder needs {Path(root) / 'toys.txt'}, which is not there")
    return colours(count)


def _picture(red, level):
    return np.full((4, 4, 3), (red, level, level), np.uint8)
