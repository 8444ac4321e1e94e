"""PerSeg (arXiv 2305.03048): 40 objects; the first image of each is the reference of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    image_episode,
    need_file,
    need_folder,
    read_ids,
    same_size,
)
from icl_core.types import Episode

LAYOUT = "expected ROOT/Images/<object>/<nn>.jpg and ROOT/Annotations/<object>/<nn>.png"


def perseg(root: str | Path, *, shots: int = 1, episodes: int | None = None) -> EpisodeList:
    """PerSeg. Nothing is drawn: the first `shots` images are shown, each other one is asked for.

    Args:
        root: folder with `Images` and `Annotations`.
        shots: examples an episode; 1 is the published protocol.
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing.
    """
    base = Path(root)
    checked_counts(shots, episodes, 0)
    images = need_folder(base / "Images", "perseg", LAYOUT)
    masks = need_folder(base / "Annotations", "perseg", LAYOUT)
    objects = sorted(folder.name for folder in images.iterdir() if folder.is_dir())
    plan = []
    stems: dict[str, list[str]] = {}
    for name in objects:
        stems[name] = sorted(file.stem for file in (images / name).glob("*.jpg"))
        plan += [(name, stem) for stem in stems[name][shots:]]
    if not plan:
        raise InputError(f"perseg finds no object with {shots + 1} images in {images}", LAYOUT)

    def pair(name: str, stem: str) -> tuple[np.ndarray, np.ndarray]:
        image = to_image(images / name / f"{stem}.jpg")
        mask = read_ids(need_file(masks / name / f"{stem}.png", "perseg", LAYOUT)) > 0
        same_size(image, mask, f"{name}/{stem}")
        return image, mask

    def make(number: int) -> Episode:
        name, stem = plan[number]
        meta = {
            "id": f"{name}/{stem}",
            "class_id": objects.index(name),
            "class_name": name.replace("_", " "),
            "supports": tuple(f"{name}/{other}" for other in stems[name][:shots]),
        }
        shown = [pair(name, other) for other in stems[name][:shots]]
        return image_episode(shown, pair(name, stem), meta)

    length = len(plan) if episodes is None else min(episodes, len(plan))
    return EpisodeList(
        f"perseg, {shots} shots", length, make, lambda: [f"{a}/{b}" for a, b in plan]
    )
