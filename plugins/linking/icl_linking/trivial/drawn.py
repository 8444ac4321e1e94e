"""The source `drawn-glyphs`: invented glyphs as episodes, for trying things without a data set.

The bundled encoder was trained on glyphs of this kind, invented with another seed.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts
from icl_core.types import Episode
from icl_linking.drawings import SIDE, Kind


def drawn_glyphs(
    *, ways: int = 5, shots: int = 1, episodes: int = 20, alike: bool = False, seed: int = 7
) -> EpisodeList:
    """New glyphs are shown with invented names, and another drawing of one of them is asked for.

    Args:
        ways: glyphs of an episode, at least 2.
        shots: drawings of each that are shown.
        episodes: how many.
        alike: whether all but the first differ from the first in one stroke alone.
        seed: of the glyphs.

    Raises:
        InputError: a number makes no sense.
    """
    checked_counts(shots, episodes, seed)
    if isinstance(ways, bool) or not isinstance(ways, int) or ways < 2:
        raise InputError(f"ways is {ways!r}, expected a whole number from 2")
    kind = Kind("drawn", "Drawn glyphs", "", ways, shots, alike, seed)

    @lru_cache(maxsize=64)
    def make(number: int) -> Episode:
        return kind.meet(number, SIDE).episode(number)

    def data() -> list[str]:
        first = make(0)
        return [hashlib.sha256(first.query.tobytes()).hexdigest()]

    name = f"drawn-glyphs, {ways}-way {shots} shots, alike {alike}, seed {seed}"
    return EpisodeList(name, episodes, make, data)
