"""The packed sets, each as it lies in its folder.

Class, query and supports are drawn uniformly; a support is never the query, and never of the
query's group where the set has near duplicates (views of one object, frames of one drive, crops of
one eye). Episode n depends on the seed and on n alone. Where masks hold several classes, an image
counts as showing one only from `min_area` of its pixels on, since a truth of a few pixels says
nothing. Pixels of value 255 are void and lie in `meta["ignore"]` of the query.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, LazyList, checked_counts, image_episode
from icl_core.sources.packed import PackedFolder
from icl_core.types import Episode
from icl_segmentation.sources.class_names import VOC_CLASSES
from icl_segmentation.sources.pools import (
    Pool,
    by_foreground,
    by_value,
    counted_pools,
    drawn,
    grouped_pools,
)
from icl_segmentation.sources.videos import video_episode

EPISODES = 200
MIN_AREA = 0.005
"""Least share of an image that a class covers; that of the development episodes of pascal_voc."""

_CAMVID = {1: "sky", 2: "building", 4: "road", 5: "pavement", 6: "tree", 9: "car", 10: "pedestrian"}
_NEU = {1: "inclusion", 2: "patches", 3: "scratches"}
_WBC = {1: "cytoplasm", 2: "nucleus"}


def pascal_voc(
    root: str | Path,
    *,
    split: str = "dev",
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
    every: int = 1,
) -> EpisodeList:
    """PASCAL VOC 2012 validation images.

    Args:
        root: the folder.
        split: "dev": the fixed episodes of `episodes_dev.csv` (the seed has no effect), at most 5
            shots. "train": drawn from the images without a dev class.
        shots: examples an episode.
        episodes: how many; None = all of "dev", else 200.
        seed: of the draws.
        every: of "dev" only each so-many-th row, which lie class by class.
    """
    checked_counts(shots, episodes, seed)
    if every < 1:
        raise InputError(f"every is {every}, expected a number from 1")
    folder = PackedFolder(root, "pascal-voc")
    names = dict(enumerate(VOC_CLASSES, 1))
    if split == "train":
        rows = [row for row in folder.rows if row["suggested"] == "train"]
        pools = counted_pools(folder, rows, names, MIN_AREA)
        return _drawn(folder, pools, shots, episodes, seed)
    if split != "dev":
        raise InputError(f"split is {split!r}, expected one of ('dev', 'train')")
    table = folder.table("episodes_dev.csv")[::every]
    if shots > (most := min(len(row["supports"].split()) for row in table)):
        raise InputError(f"shots is {shots}, expected at most {most} in the fixed episodes")
    classes = tuple(sorted({int(row["cls"]) for row in table}))
    read = by_value(folder)

    def make(number: int) -> Episode:
        row = table[number]
        value, chosen = int(row["cls"]), row["supports"].split()[:shots]
        query = read(row["query"], value)
        meta: dict[str, Any] = {
            "id": f"dev/{row['episode']}",
            "class_id": value,
            "class_name": row["name"],
            "classes": classes,
            "query": row["query"],
            "supports": tuple(chosen),
        }
        if query.ignore is not None:
            meta["ignore"] = query.ignore
        shown = [read(key, value).pair for key in chosen]
        return image_episode(shown, query.pair, meta)

    length = len(table) if episodes is None else min(episodes, len(table))
    return EpisodeList(f"pascal-voc dev, {shots} shots", length, make, folder.lines)


def davis2016_val(
    root: str | Path, *, as_video: bool = True, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """DAVIS 2016 validation sequences; the first frame is shown.

    Args:
        root: the folder.
        as_video: True = one episode a sequence, a `Video` of all frames, of which J and F leave
            out the first and the last. False = single frames as queries, drawn from all but the
            first and the last of a uniformly drawn sequence.
        episodes: how many; None = all sequences, or 200 frames.
        seed: of the draws of frames.
    """
    checked_counts(1, episodes, seed)
    folder = PackedFolder(root, "davis2016-val", sub="sequence")
    frames: dict[str, list[str]] = {}
    for row in folder.rows:
        frames.setdefault(row["sequence"], []).append(folder.key(row))
    sequences = sorted(frames)
    if not as_video:
        pools = []
        for number, name in enumerate(sequences, 1):
            first, *inner = sorted(frames[name])[:-1]
            pools.append(Pool(number, name, tuple((key, key) for key in inner), first))
        return _drawn(folder, pools, 1, episodes, seed, binary=True)

    def make(number: int) -> Episode:
        name = sequences[number]
        keys = sorted(frames[name])
        first = (folder.image(keys[0]), folder.ids(keys[0]) > 0)
        truth = LazyList(keys, lambda key: np.asarray(folder.ids(key) > 0))
        meta = {"id": name, "sequence": name, "skip_ends": True}
        return video_episode(first, LazyList(keys, folder.image), truth, meta)

    length = len(sequences) if episodes is None else min(episodes, len(sequences))
    return EpisodeList("davis2016-val videos", length, make, folder.lines)


def eth80(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """ETH-80 objects; a support shows another object of the category. Arguments as in `wbc`."""
    folder = PackedFolder(root, "eth80", sub="category")
    pools = grouped_pools(folder, "category", "object")
    return _drawn(folder, pools, shots, episodes, seed, binary=True)


def car_parts(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Parts of cars. Arguments as in `wbc`."""
    folder = PackedFolder(root, "car-parts")
    pools = counted_pools(folder, folder.rows, class_names(folder), MIN_AREA)
    return _drawn(folder, pools, shots, episodes, seed)


def camvid(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Driving frames; a support comes from another drive. Arguments as in `wbc`."""
    folder = PackedFolder(root, "camvid")
    return _drawn(folder, camvid_pools(folder), shots, episodes, seed)


def camvid_pools(folder: PackedFolder) -> list[Pool]:
    """Make the pools of CamVid, whose index does not count pixels; a group is a drive."""
    groups = {folder.key(row): row["sequence"] for row in folder.rows}
    items: dict[int, list[tuple[str, str]]] = {value: [] for value in _CAMVID}
    for key, sequence in groups.items():
        ids = folder.ids(key)
        for value, found in items.items():
            if np.count_nonzero(ids == value) >= MIN_AREA * ids.size:
                found.append((key, sequence))
    return [Pool(value, _CAMVID[value], tuple(found)) for value, found in items.items()]


def clothing_ccp(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Clothing of people in the street. Arguments as in `wbc`."""
    folder = PackedFolder(root, "clothing-ccp")
    pools = counted_pools(folder, folder.rows, class_names(folder), MIN_AREA)
    return _drawn(folder, pools, shots, episodes, seed)


def dsb2018_nuclei(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Nuclei; all instances together. A class is one imaging modality. Arguments as in `wbc`."""
    folder = PackedFolder(root, "dsb2018-nuclei")
    pools = grouped_pools(folder, "modality", "id", name="nucleus, {}")
    return _drawn(folder, pools, shots, episodes, seed, binary=True)


def wbc(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """White blood cells: nucleus or cytoplasm.

    Args:
        root: the folder.
        shots: examples an episode.
        episodes: how many; None = 200.
        seed: of the draws.

    Raises:
        InputError: the folder or one of its files is missing, or an argument makes no sense.
    """
    folder = PackedFolder(root, "wbc")
    items = tuple((folder.key(row), folder.key(row)) for row in folder.rows)
    pools = [Pool(value, name, items) for value, name in _WBC.items()]
    return _drawn(folder, pools, shots, episodes, seed)


def magnetic_tile(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Defects of magnetic tiles; tiles without one are left out. Arguments as in `wbc`."""
    folder = PackedFolder(root, "magnetic-tile", sub="defect")
    rows = [row for row in folder.rows if int(row["fg"]) > 0]
    pools = grouped_pools(folder, "defect", "id", rows=rows)
    return _drawn(folder, pools, shots, episodes, seed, binary=True)


def neu_steel(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Defects of steel strips. Arguments as in `wbc`."""
    folder = PackedFolder(root, "neu-steel")
    keys = {value: [r["id"] for r in folder.rows if r["cls"] == str(value)] for value in _NEU}
    pools = [Pool(n, name, tuple((key, key) for key in keys[n])) for n, name in _NEU.items()]
    return _drawn(folder, pools, shots, episodes, seed)


def retina_vessels(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Vessels of the retina; a support is a crop of another eye. Arguments as in `wbc`."""
    folder = PackedFolder(root, "retina-vessels")
    items = tuple((row["id"], row["id"].rsplit("_", 1)[0]) for row in folder.rows)
    pools = [Pool(1, "vessel", items)]
    return _drawn(folder, pools, shots, episodes, seed, binary=True)


def _drawn(
    folder: PackedFolder,
    pools: list[Pool],
    shots: int,
    episodes: int | None,
    seed: int,
    binary: bool = False,
) -> EpisodeList:
    read = by_foreground(folder) if binary else by_value(folder)
    count = EPISODES if episodes is None else episodes
    return drawn(folder, pools, read, shots=shots, episodes=count, seed=seed)


def class_names(folder: PackedFolder) -> dict[int, str]:
    """Return the classes that the masks of this part hold; 0 is background."""
    rows = folder.table("classes.csv")
    return {
        int(row["index"]): row["name"].replace("_", " ")
        for row in rows
        if row["index"] != "0" and row["held_out"] == "0"
    }
