"""The source `drawn-scenes`: the drawn scenes as episodes, for trying things without a data set."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from icl_core.sources.episodes import EpisodeList, image_episode
from icl_core.types import Episode
from icl_segmentation.scenes import Scene, scenes


def drawn_scenes() -> EpisodeList:
    """Every object of every drawn scene once: one example, one query."""
    drawn = _scenes()
    asked = [
        (scene, int(number))
        for scene in drawn
        for number in np.unique(scene.example_labels[scene.example_labels != 0])
    ]

    def make(number: int) -> Episode:
        scene, value = asked[number]
        name = f"{scene.name}/{value}"
        return image_episode(
            [(scene.example, scene.example_labels == value)],
            (scene.query, scene.query_labels == value),
            {"id": name, "class_id": number + 1, "class_name": name},
        )

    def data() -> list[str]:
        return [f"{s.name} {hashlib.sha256(s.query.tobytes()).hexdigest()}" for s in drawn]

    return EpisodeList("drawn-scenes", len(asked), make, data)


@lru_cache(maxsize=1)
def _scenes() -> tuple[Scene, ...]:
    return tuple(scenes())
