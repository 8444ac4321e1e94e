"""ADE20K and NYUv2: one picture with the truth of every pixel, shown with the published prompt.

| source | task | target | queries | prompt |
|---|---|---|---|---|
| `ade20k` | `semantic` | class of each pixel, int32 [H, W] | 2000 | `ADE_train_00009574` |
| `nyuv2` | `depth` | millimetres, int32 [H, W] | 654 | `study_room_0005b/rgb_00094` |

The target of a prompt is painted as the released evaluation of Painter does (arXiv 2212.02499).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    need_file,
    need_folder,
    read_ids,
    same_size,
)
from icl_core.types import Context, Episode
from icl_painting.sources.pairs import Pair, pictures, prompt_context, prompt_names

T = TypeVar("T")

VOID = 255
ADE_LAYOUT = (
    "expected ROOT/images/{training,validation}/*.jpg and "
    "ROOT/annotations/{training,validation}/*.png (ADEChallengeData2016)"
)
NYU_LAYOUT = (
    "expected ROOT/official_splits/test/<scene>/{rgb_NNNNN.jpg,sync_depth_NNNNN.png} and the "
    "prompt in ROOT/sync/<scene> under the same names; depth in millimetres, 16 bits"
)


def ade20k(
    root: str | Path,
    *,
    prompt: str | Sequence[str] = "ADE_train_00009574",
    split: str = "validation",
    episodes: int | None = None,
) -> EpisodeList:
    """ADE20K, 150 classes.

    The target has the classes 1 to 150, and 255 where nothing is labelled, which is not scored.

    Args:
        root: folder with `images` and `annotations`.
        prompt: name of the training picture that is shown, or several.
        split: "validation" or "training", from which queries are taken.
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing, or a mask has more classes.
    """
    base, source = Path(root), "ade20k"
    if split not in ("validation", "training"):
        raise InputError(f"split is {split!r}, expected 'validation' or 'training'")
    names = prompt_names(prompt)
    need_folder(base, source, ADE_LAYOUT)
    masks = need_folder(base / "annotations" / split, source, ADE_LAYOUT)
    images = pictures(base / "images" / split, source, ADE_LAYOUT)

    def shown(name: str) -> tuple[Path, Path]:
        image = need_file(base / "images" / "training" / f"{name}.jpg", source, ADE_LAYOUT)
        mask = base / "annotations" / "training" / f"{name}.png"
        return image, need_file(mask, source, ADE_LAYOUT)

    def prompted(files: tuple[Path, Path]) -> Pair:
        from icl_painting.tasks.palettes import ADE20K, paint_labels

        image, labels = to_image(files[0]), read_ids(files[1])
        same_size(image, labels, f"ade20k/{files[0].stem}")
        return image, paint_labels(labels, ADE20K)

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        image = to_image(images[name])
        labels = read_ids(need_file(masks / f"{name}.png", source, ADE_LAYOUT)).astype(np.int32)
        same_size(image, labels, f"ade20k/{name}")
        return image, np.where(labels == 0, VOID, labels)

    return _listed(
        f"ade20k {split}, prompt {'+'.join(names)}",
        list(images),
        read,
        _prompts([shown(name) for name in names], prompted),
        {"task": "semantic", "palette": "ade20k", "supports": names},
        episodes,
    )


def nyuv2(
    root: str | Path,
    *,
    prompt: str | Sequence[str] = "study_room_0005b/rgb_00094",
    episodes: int | None = None,
) -> EpisodeList:
    """NYU Depth v2, the official test split: pictures of 480x640 with a black border of 8 pixels.

    Args:
        root: folder with `official_splits` and `sync`.
        prompt: name of the picture in `sync` that is shown, or several.
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing.
    """
    base, source = Path(root), "nyuv2"
    names = prompt_names(prompt)
    test = need_folder(base / "official_splits" / "test", source, NYU_LAYOUT)
    images = {f"{file.parent.name}/{file.stem}": file for file in sorted(test.glob("*/rgb_*.jpg"))}
    if not images:
        raise InputError(f"{source} finds no picture in {test}", NYU_LAYOUT)

    def depth_of(image: Path) -> Path:
        place = image.with_name(image.name.replace("rgb_", "sync_depth_"))
        return need_file(place.with_suffix(".png"), source, NYU_LAYOUT)

    def read(image: Path) -> tuple[np.ndarray, np.ndarray]:
        picture, depth = to_image(image), read_ids(depth_of(image)).astype(np.int32)
        same_size(picture, depth, f"nyuv2/{image.stem}")
        return picture, depth

    def prompted(image: Path) -> Pair:
        from icl_painting.tasks.depth import paint_depth

        picture, depth = read(image)
        return picture, paint_depth(depth)

    files = [need_file(base / "sync" / f"{name}.jpg", source, NYU_LAYOUT) for name in names]
    for file in files:
        depth_of(file)
    return _listed(
        f"nyuv2, prompt {'+'.join(names)}",
        list(images),
        lambda name: read(images[name]),
        _prompts(files, prompted),
        {"task": "depth", "supports": names},
        episodes,
    )


def _prompts(files: Sequence[T], read: Callable[[T], Pair]) -> Callable[[], Context]:
    return cache(lambda: prompt_context([read(file) for file in files]))


def _listed(
    name: str,
    keys: Sequence[str],
    read: Callable[[str], tuple[np.ndarray, np.ndarray]],
    prompts: Callable[[], Context],
    meta: dict[str, object],
    episodes: int | None,
) -> EpisodeList:
    checked_counts(1, episodes, 0)

    def make(number: int) -> Episode:
        image, target = read(keys[number])
        return Episode(prompts(), image, target, {"id": keys[number], **meta})

    length = len(keys) if episodes is None else min(episodes, len(keys))
    return EpisodeList(name, length, make, lambda: keys)
