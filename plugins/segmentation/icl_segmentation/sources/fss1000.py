"""FSS-1000 (arXiv 1907.12347): 1000 classes with ten images each.

Protocol: each image of the split's classes is asked for once (240 test classes, 2400 queries); the
supports are drawn from the other nine of its class; mask pixels above 128 are the object.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    episode_rng,
    image_episode,
    need_file,
    need_folder,
    read_ids,
    same_size,
)
from icl_core.types import Episode

IMAGES = 10
THRESHOLD = 128
SPLITS = ("trn", "val", "test")
LAYOUT = (
    "expected ROOT/<class>/{1..10}.jpg and .png, and the class names of the split in "
    "ROOT/fss1000_splits.json ({split: [class, ...]}) or ROOT/{trn,val,test}.txt (one a line)"
)


def fss_1000(
    root: str | Path,
    splits: str | Path | None = None,
    *,
    split: str = "test",
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
) -> EpisodeList:
    """FSS-1000.

    Args:
        root: folder with one folder a class.
        splits: JSON file {split: [class, ...]}, or text file with one class a line; None = looked
            for in `root`.
        split: "trn", "val" or "test".
        shots: examples an episode, 1 to 9.
        episodes: how many, from the first; None = every image of the split once.
        seed: of the choice of supports.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    base = Path(root)
    checked_counts(shots, episodes, seed)
    if shots >= IMAGES:
        raise InputError(f"shots is {shots}, expected at most {IMAGES - 1} in fss-1000")
    need_folder(base, "fss-1000", LAYOUT)
    classes = _class_names(base, splits, split)
    missing = [name for name in classes if not (base / name).is_dir()]
    if missing:
        raise InputError(
            f"fss-1000 needs the folder {base / missing[0]}, which is not there "
            f"({len(missing)} of {len(classes)} classes are missing)",
            LAYOUT,
        )

    def pair(name: str, number: int) -> tuple[np.ndarray, np.ndarray]:
        stem = base / name / str(number)
        image = to_image(need_file(stem.with_name(f"{number}.jpg"), "fss-1000", LAYOUT))
        mask = read_ids(need_file(stem.with_name(f"{number}.png"), "fss-1000", LAYOUT))
        same_size(image, mask, f"{name}/{number}")
        return image, mask > THRESHOLD

    def make(number: int) -> Episode:
        class_id, query = divmod(number, IMAGES)
        name = classes[class_id]
        others = [n for n in range(1, IMAGES + 1) if n != query + 1]
        chosen = episode_rng(seed, number).choice(others, shots, replace=False).tolist()
        meta = {
            "id": f"{name}/{query + 1}",
            "class_id": class_id,
            "class_name": name,
            "supports": tuple(f"{name}/{n}" for n in chosen),
        }
        return image_episode([pair(name, n) for n in chosen], pair(name, query + 1), meta)

    count = IMAGES * len(classes)
    length = count if episodes is None else min(episodes, count)
    name = f"fss-1000 {split}, {shots} shots, seed {seed}"
    return EpisodeList(name, length, make, lambda: classes)


def _class_names(base: Path, splits: str | Path | None, split: str) -> list[str]:
    if split not in SPLITS:
        raise InputError(f"split is {split!r}, expected one of {SPLITS}")
    file = Path(splits) if splits is not None else base / "fss1000_splits.json"
    if splits is None and not file.is_file():
        file = base / f"{split}.txt"
    text = need_file(file, "fss-1000", LAYOUT).read_text(encoding="utf-8")
    if file.suffix == ".json":
        try:
            names = json.loads(text)[split]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} is not a JSON object with the list {split!r}") from error
    else:
        names = [line.strip() for line in text.splitlines() if line.strip()]
    odd = [n for n in names if not isinstance(n, str) or "/" in n or n in ("", ".", "..")]
    if odd or not names:
        raise InputError(f"{file} names no classes" if not names else f"{file} names {odd[0]!r}")
    return list(names)
