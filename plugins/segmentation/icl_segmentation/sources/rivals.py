"""Episodes that only the example decides: the query shows several classes, and one is meant.

A learner that answers with whatever stands out scores the same whichever class it is shown. The
same episodes with `wrong=True` show examples of the rival instead, with the truth unchanged: what
is lost between the two is owed to the context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts, episode_rng, image_episode
from icl_core.sources.packed import PackedFolder
from icl_core.types import Episode
from icl_segmentation.sources.packed_sets import (
    EPISODES,
    MIN_AREA,
    camvid_pools,
    class_names,
)
from icl_segmentation.sources.pools import Pool, by_value, counted_pools

_SETS: Mapping[str, Callable[[PackedFolder], list[Pool]]] = {
    "car-parts": lambda f: counted_pools(f, f.rows, class_names(f), MIN_AREA),
    "camvid": camvid_pools,
    "clothing-ccp": lambda f: counted_pools(f, f.rows, class_names(f), MIN_AREA),
}


def rival_classes(
    root: str | Path,
    *,
    data: str,
    wrong: bool = False,
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
) -> EpisodeList:
    """Queries that show at least two classes of a set.

    Args:
        root: the folder of the set.
        data: "car-parts", "camvid" or "clothing-ccp".
        wrong: show examples of the rival, another class of the query, in place of the right ones.
        shots: examples an episode.
        episodes: how many; None = 200.
        seed: of the draws.

    Raises:
        InputError: no such set, its folder is missing, or an argument makes no sense.
    """
    if data not in _SETS:
        raise InputError(f"data is {data!r}, expected one of {', '.join(_SETS)}")
    if not isinstance(wrong, bool):
        raise InputError(f"wrong is {wrong!r}, expected True or False")
    checked_counts(shots, episodes, seed)
    folder = PackedFolder(root, data)
    pools = [pool for pool in _SETS[data](folder) if pool.feeds(shots)]
    shows: dict[str, list[Pool]] = {}
    for pool in pools:
        for key, _ in pool.items:
            shows.setdefault(key, []).append(pool)
    several = [key for key, found in shows.items() if len(found) >= 2]
    if not several:
        raise InputError(f"{data} has no picture that shows two of its classes")
    groups = {key: group for pool in pools for key, group in pool.items}
    read = by_value(folder)

    def make(number: int) -> Episode:
        rng = episode_rng(seed, number)
        query = several[int(rng.integers(len(several)))]
        first, second = rng.choice(len(shows[query]), 2, replace=False)
        pool, rival = shows[query][int(first)], shows[query][int(second)]
        both = {
            own.class_id: [k for k, group in own.items if group != groups[query]]
            for own in (pool, rival)
        }
        picks = {value: rng.choice(len(keys), shots, replace=False) for value, keys in both.items()}
        shown = rival if wrong else pool
        chosen = [both[shown.class_id][int(n)] for n in picks[shown.class_id]]
        asked = read(query, pool.class_id)
        meta: dict[str, Any] = {
            "id": f"{seed}/{number}",
            "class_id": pool.class_id,
            "class_name": pool.name,
            "rival": rival.name,
            "query": query,
            "supports": tuple(chosen),
        }
        if asked.ignore is not None:
            meta["ignore"] = asked.ignore
        return image_episode([read(k, shown.class_id).pair for k in chosen], asked.pair, meta)

    name = f"{data} rivals, {'wrong, ' if wrong else ''}{shots} shots, seed {seed}"
    return EpisodeList(name, EPISODES if episodes is None else episodes, make, folder.lines)
