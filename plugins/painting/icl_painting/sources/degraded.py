"""Restoration made from the clean photographs of BSDS500, with fixed seeds.

The packed folder is that of `bsds500-edges`. A photograph is the target, and what
`icl_painting.sources.degradations` makes of it the input.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_painting.sources.degradations import DEGRADATIONS
from icl_painting.sources.packed_pairs import PackedPictures, split_keys
from icl_painting.sources.pairs import Pair, drawn_pairs


def bsds500_restoration(
    root: str | Path,
    *,
    task: str = "denoise-25",
    split: str | None = "val",
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
) -> EpisodeList:
    """Photographs of BSDS500, spoilt in one way.

    Args:
        root: the folder of `bsds500-edges`.
        task: what has to be undone, one of `DEGRADATIONS`.
        split: "train" or "val", from which queries and examples are taken; None = both.
        shots: examples an episode.
        episodes: how many are drawn; None = every photograph once.
        seed: of the draws and of the damage.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    if task not in DEGRADATIONS:
        raise InputError(f"task is {task!r}, expected one of {sorted(DEGRADATIONS)}")
    source = f"bsds500-{task}"
    folder = PackedPictures(root, source)
    spoil = DEGRADATIONS[task]

    def read(key: str, random: np.random.Generator) -> Pair:
        clean = folder.image(key)
        return spoil(clean, random), clean

    keys = split_keys(folder, split)
    return drawn_pairs(
        f"{source} {split or 'all'}",
        keys,
        read,
        "denoise" if task.startswith("denoise") else task,
        folder.lines,
        shots=shots,
        episodes=episodes,
        seed=seed,
        extra={"degradation": task, "protocol": "skimage"},
    )


denoise_15 = partial(bsds500_restoration, task="denoise-15")
denoise_25 = partial(bsds500_restoration, task="denoise-25")
denoise_50 = partial(bsds500_restoration, task="denoise-50")
low_light = partial(bsds500_restoration, task="low-light")
derain = partial(bsds500_restoration, task="derain")
deblur = partial(bsds500_restoration, task="deblur")
upscale_x4 = partial(bsds500_restoration, task="upscale-x4")
colourise = partial(bsds500_restoration, task="colourise")
inpaint = partial(bsds500_restoration, task="inpaint")
