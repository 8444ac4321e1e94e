"""The packed sets as pairs of pictures, each as it lies in its folder (`index.csv` and tar files).

| source | input | target | metric |
|---|---|---|---|
| `restore-sr-x4` | a picture of a quarter of the size, enlarged | the picture | `psnr-ssim` |
| `restore-realnoise` | one photograph | the mean of many of the same scene | `psnr-ssim` |
| `bsds500-edges` | a photograph | contours, white where all people drew one | `psnr-ssim` |
| `pascal-voc-painting` | a photograph | the objects of a class, white on black | `painted-mask` |

Episodes are drawn: query and supports uniformly, and a support is never the query. Super-resolution
is scored on the brightness, as is usual there, the others on all colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts, episode_rng
from icl_core.sources.packed import PackedFolder
from icl_core.types import Episode
from icl_painting.sources.pairs import EPISODES, Pair, drawn_pairs, prompt_context, same_sizes

VOID = 255
MIN_AREA = 0.005
"""Least share of a picture that a class covers, where its mask is painted."""

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""PASCAL VOC; the class at place n has the value n + 1 in a mask."""


class PackedPictures(PackedFolder):
    """A packed folder whose members are pictures in any sub-folder."""

    def picture(self, sub: str, key: str) -> np.ndarray:
        """Read a member: uint8 [H, W, 3]."""
        return to_image(self.read(f"{sub}/{key}"))

    def grey(self, sub: str, key: str) -> np.ndarray:
        """Read a member with one channel as grey: uint8 [H, W, 3]."""
        from icl_core.coerce.decode import Limits, decode

        values = np.array(decode(self.read(f"{sub}/{key}"), Limits()).image)
        if values.dtype != np.uint8 or values.ndim != 2:
            raise InputError(
                f"{sub}/{key} of {self.source} is {values.dtype} {list(values.shape)}, "
                "expected a grey picture of 8 bits"
            )
        return np.repeat(values[..., None], 3, axis=-1)


def restore_sr_x4(
    root: str | Path,
    *,
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
    benchmark: str | None = None,
) -> EpisodeList:
    """Super-resolution x4 of Set5, Set14 and BSD100; the input is enlarged bicubically by Pillow.

    Args:
        root: the folder.
        shots: examples an episode.
        episodes: how many are drawn; None = every picture once.
        seed: of the draws.
        benchmark: "Set5", "Set14" or "BSD100", from which queries and examples are taken; None =
            all.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    folder = PackedPictures(root, "restore-sr-x4")
    known = sorted({row["source"] for row in folder.rows})
    if benchmark is not None and benchmark not in known:
        raise InputError(f"benchmark is {benchmark!r}, expected one of {known}")
    keys = [row["id"] for row in folder.rows if benchmark in (None, row["source"])]

    def read(key: str, random: np.random.Generator) -> Pair:
        from PIL import Image

        target = folder.picture("hr", key)
        small = Image.fromarray(folder.picture("lr", key))
        size = (target.shape[1], target.shape[0])
        return np.array(small.resize(size, Image.Resampling.BICUBIC)), target

    return drawn_pairs(
        "restore-sr-x4" if benchmark is None else f"restore-sr-x4 {benchmark}",
        keys,
        read,
        "upscale-x4",
        folder.lines,
        shots=shots,
        episodes=episodes,
        seed=seed,
        extra={"protocol": "y"},
    )


def restore_realnoise(
    root: str | Path, *, shots: int = 1, episodes: int | None = None, seed: int = 0
) -> EpisodeList:
    """Real noise of five cameras (PolyU). An example may be of another camera than the query.

    Args:
        root: the folder.
        shots: examples an episode.
        episodes: how many are drawn; None = every picture once.
        seed: of the draws.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    folder = PackedPictures(root, "restore-realnoise")

    def read(key: str, random: np.random.Generator) -> Pair:
        pair = folder.picture("noisy", key), folder.picture("clean", key)
        return same_sizes(pair, f"restore-realnoise/{key}")

    keys = [row["id"] for row in folder.rows]
    return drawn_pairs(
        "restore-realnoise",
        keys,
        read,
        "denoise",
        folder.lines,
        shots=shots,
        episodes=episodes,
        seed=seed,
        extra={"protocol": "skimage"},
    )


def bsds500_edges(
    root: str | Path,
    *,
    split: str | None = "val",
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
) -> EpisodeList:
    """Contours of BSDS500 as pictures: the brighter, the more people drew a contour there.

    Args:
        root: the folder.
        split: "train" or "val", from which queries and examples are taken; None = both.
        shots: examples an episode.
        episodes: how many are drawn; None = every picture once.
        seed: of the draws.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    folder = PackedPictures(root, "bsds500-edges")
    keys = split_keys(folder, split)

    def read(key: str, random: np.random.Generator) -> Pair:
        pair = folder.image(key), folder.grey("edges", key)
        return same_sizes(pair, f"bsds500-edges/{key}")

    return drawn_pairs(
        f"bsds500-edges {split or 'all'}",
        keys,
        read,
        "contours",
        folder.lines,
        shots=shots,
        episodes=episodes,
        seed=seed,
        extra={"protocol": "skimage"},
    )


def pascal_voc_painting(
    root: str | Path,
    *,
    split: str = "dev",
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
    every: int = 1,
) -> EpisodeList:
    """Masks of PASCAL VOC objects as pictures: the objects of a class are white, all else black.

    The target is uint8 [H, W, 3] as well; pixels that nobody labelled are black in it, and lie in
    `meta["ignore"]` bool [H, W].

    Args:
        root: the folder.
        split: "dev": the fixed episodes of `episodes_dev.csv` (the seed has no effect). "train":
            drawn from the pictures without a dev class.
        shots: examples an episode.
        episodes: how many; None = all of "dev", else 200.
        every: of "dev" only each so-many-th row, which lie class by class.
        seed: of the draws.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    checked_counts(shots, episodes, seed)
    if every < 1:
        raise InputError(f"every is {every}, expected a number from 1")
    folder = PackedPictures(root, "pascal-voc-painting")
    if split == "dev":
        table = folder.table("episodes_dev.csv")[::every]
        if shots > (most := min(len(row["supports"].split()) for row in table)):
            raise InputError(f"shots is {shots}, expected at most {most} in the fixed episodes")
        length = len(table) if episodes is None else min(episodes, len(table))
    elif split == "train":
        pools = _class_pools(folder, shots)
        length = EPISODES if episodes is None else episodes
    else:
        raise InputError(f"split is {split!r}, expected one of ('dev', 'train')")

    def painted(key: str, value: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ids = folder.ids(key)
        white = np.where(ids == value, 255, 0).astype(np.uint8)
        pair = folder.image(key), np.repeat(white[..., None], 3, axis=-1)
        return *same_sizes(pair, f"pascal-voc-painting/{key}"), ids == VOID

    def make(number: int) -> Episode:
        if split == "dev":
            row = table[number]
            value, query, chosen = int(row["cls"]), row["query"], row["supports"].split()[:shots]
        else:
            random = episode_rng(seed, number)
            value, keys = pools[int(random.integers(len(pools)))]
            query, *chosen = (keys[n] for n in random.choice(len(keys), shots + 1, replace=False))
        image, target, void = painted(query, value)
        meta: dict[str, Any] = {
            "id": f"dev/{number * every}" if split == "dev" else f"{seed}/{number}",
            "task": "foreground",
            "class_id": value,
            "class_name": VOC_CLASSES[value - 1],
            "query": query,
            "supports": tuple(chosen),
            "ignore": void,
        }
        shown = prompt_context([painted(key, value)[:2] for key in chosen])
        return Episode(shown, image, target, meta)

    drawn = "" if split == "dev" else f", seed {seed}"
    name = f"pascal-voc-painting {split}, {shots} shots{drawn}"
    return EpisodeList(name, length, make, folder.lines)


def split_keys(folder: PackedFolder, split: str | None) -> list[str]:
    """Return the keys of one official split of BSDS500.

    Raises:
        InputError: there is no such split.
    """
    known = sorted({row["official_split"] for row in folder.rows})
    if split is not None and split not in known:
        raise InputError(f"split is {split!r}, expected one of {known} or None")
    return [row["id"] for row in folder.rows if split in (None, row["official_split"])]


def _class_pools(folder: PackedFolder, shots: int) -> Sequence[tuple[int, list[str]]]:
    """Return each class with the pictures that show enough of it."""
    found: dict[int, list[str]] = {}
    for row in folder.rows:
        if row["suggested"] != "train":
            continue
        size = int(row["width"]) * int(row["height"])
        for entry in row["classes"].split():
            value, pixels = map(int, entry.split(":"))
            if pixels >= MIN_AREA * size and 1 <= value <= len(VOC_CLASSES):
                found.setdefault(value, []).append(row["id"])
    pools = [(value, keys) for value, keys in sorted(found.items()) if len(keys) > shots]
    if not pools:
        raise InputError(f"{folder.source} has no class with {shots + 1} pictures")
    return pools
