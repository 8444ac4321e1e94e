"""PASCAL-5i and COCO-20i with the official lists and the official draws.

Protocol (specification of the DC-SAM evaluation, which is that of VRP-SAM and HSNet): 1000
episodes a fold; Python's and numpy's generators are seeded with 321 before the pass.
PASCAL: episode n asks for image n of the fold's list; the class is a uniform choice among the
fold's classes in its mask; supports are drawn from the list of the class, anew while they are the
query. COCO: class, query and supports are drawn. Supports may repeat among themselves.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    checked_fold,
    image_episode,
    need_file,
    need_folder,
    read_ids,
    same_size,
)
from icl_core.types import Episode
from icl_segmentation.sources.class_names import COCO_CLASSES, VOC_CLASSES

EPISODES = 1000
SEED = 321
VOID = 255
_SPLITS = ("val", "train")

_PASCAL_LAYOUT = (
    "expected ROOT/JPEGImages/*.jpg and ROOT/SegmentationClassAug/*.png (VOC2012 with the SBD "
    "masks; ROOT may also be the folder above VOC2012) and LISTS/{train,val}/data_list_<fold>.txt "
    "and sub_class_file_list_<fold>.txt"
)
_COCO_LAYOUT = (
    "expected ROOT/{train2014,val2014}/*.jpg, ROOT/annotations/{train2014,val2014}/*.png (class "
    "+ 1 as grey value) and LISTS/{train,val}/data_list_<fold>.txt and "
    "sub_class_file_list_<fold>.txt"
)


@dataclass(frozen=True)
class FoldLists:
    """The official lists of one fold, order kept, since seeded draws depend on it.

    Args:
        images: stems of the images.
        by_class: 0-based class -> stems of the images that show it.
    """

    images: tuple[str, ...]
    by_class: dict[int, tuple[str, ...]]


@dataclass(frozen=True)
class _Drawn:
    class_id: int
    query: str
    supports: tuple[str, ...]


def read_fold_lists(folder: Path, fold: int, source: str, layout: str) -> FoldLists:
    """Read `data_list_<fold>.txt` and `sub_class_file_list_<fold>.txt`.

    Args:
        folder: where they are.
        fold: number of the fold.
        source: name for errors.
        layout: the expected layout, for errors.

    Raises:
        InputError: a file is missing or is written differently.
    """
    images_file = need_file(folder / f"data_list_{fold}.txt", source, layout)
    classes_file = need_file(folder / f"sub_class_file_list_{fold}.txt", source, layout)
    lines = images_file.read_text(encoding="utf-8").splitlines()
    images = tuple(_stem(line.split()[0]) for line in lines if line.strip())
    text = classes_file.read_text(encoding="utf-8").strip()
    expected = f"{classes_file} is not a dict {{1-based class: [(image, mask), ...]}}"
    try:
        # A literal only: the official reader evaluates the file as code.
        raw: Any = ast.literal_eval(text)
        by_class = {
            int(number) - 1: tuple(_stem(pair[0]) for pair in pairs)
            for number, pairs in raw.items()
        }
    except (ValueError, SyntaxError, AttributeError, TypeError, IndexError) as error:
        raise InputError(expected) from error
    if not images:
        raise InputError(f"{images_file} names no image")
    return FoldLists(images, by_class)


def pascal_5i(
    root: str | Path,
    lists: str | Path | None = None,
    *,
    fold: int = 0,
    shots: int = 1,
    episodes: int = EPISODES,
    seed: int = SEED,
    split: str = "val",
) -> EpisodeList:
    """PASCAL-5i.

    Pixels with mask value 255 are void: `meta["ignore"]` bool [H, W] marks them in the query.

    Args:
        root: folder of VOC2012, or the one above it.
        lists: folder with `val/data_list_<fold>.txt` and so on; None = `root`/fss_list.
        fold: 0 to 3; classes 5 fold to 5 fold + 4.
        shots: examples an episode.
        episodes: how many.
        seed: of the draws; 321 is the official one.
        split: "val" or "train".

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    base = Path(root)
    base = base / "VOC2012" if (base / "VOC2012").is_dir() else base
    checked_counts(shots, episodes, seed)
    checked_fold(fold, 4)
    images = need_folder(base / "JPEGImages", "pascal-5i", _PASCAL_LAYOUT)
    masks = need_folder(base / "SegmentationClassAug", "pascal-5i", _PASCAL_LAYOUT)
    known = _lists("pascal-5i", _PASCAL_LAYOUT, lists, Path(root), split, fold)
    tested = range(5 * fold, 5 * fold + 5)
    classes = tuple(c for c in range(20) if (c in tested) == (split == "val"))

    @cache
    def shown(stem: str) -> tuple[int, ...]:
        present = np.unique(read_ids(masks / f"{stem}.png"))
        found = tuple(int(v) - 1 for v in present if int(v) - 1 in classes)
        if not found:
            raise InputError(f"the mask of {stem} shows none of the classes of fold {fold}")
        return found

    def draws() -> Iterator[_Drawn]:
        choose, rng = random.Random(seed), np.random.RandomState(seed)
        number = 0
        while True:
            query = known.images[number % len(known.images)]
            class_id = choose.choice(shown(query))
            yield _Drawn(class_id, query, _supports(rng, known, class_id, query, shots))
            number += 1

    reader = _Pairs(images, masks, classes, VOC_CLASSES)
    name = f"pascal-5i fold {fold} {split}, {shots} shots, seed {seed}"
    return _listed(name, episodes, _Plan(draws()), reader, known)


def coco_20i(
    root: str | Path,
    lists: str | Path | None = None,
    *,
    fold: int = 0,
    shots: int = 1,
    episodes: int = EPISODES,
    seed: int = SEED,
    split: str = "val",
) -> EpisodeList:
    """COCO-20i (COCO 2014, 80 classes; fold f tests f, f + 4, f + 8, ...).

    Args:
        root: folder with `val2014`, `train2014` and `annotations`.
        lists: folder with `val/data_list_<fold>.txt` and so on; None = `root`/fss_list.
        fold: 0 to 3.
        shots: examples an episode.
        episodes: how many.
        seed: of the draws; 321 is the official one.
        split: "val" or "train".

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    base = Path(root)
    checked_counts(shots, episodes, seed)
    checked_fold(fold, 4)
    known = _lists("coco-20i", _COCO_LAYOUT, lists, base, split, fold)
    images = need_folder(base / f"{split}2014", "coco-20i", _COCO_LAYOUT)
    masks = need_folder(base / "annotations" / f"{split}2014", "coco-20i", _COCO_LAYOUT)
    classes = tuple(c for c in range(80) if (c % 4 == fold) == (split == "val"))

    def draws() -> Iterator[_Drawn]:
        rng = np.random.RandomState(seed)
        while True:
            class_id = int(_one(rng, classes))
            query = str(_one(rng, _of_class(known, class_id)))
            yield _Drawn(class_id, query, _supports(rng, known, class_id, query, shots))

    reader = _Pairs(images, masks, classes, COCO_CLASSES)
    name = f"coco-20i fold {fold} {split}, {shots} shots, seed {seed}"
    return _listed(name, episodes, _Plan(draws()), reader, known)


class _Plan:
    """Draws made so far; the generators' state makes episode n depend on all before it."""

    def __init__(self, draws: Iterator[_Drawn]) -> None:
        self._draws = draws
        self._made: list[_Drawn] = []

    def __getitem__(self, number: int) -> _Drawn:
        while len(self._made) <= number:
            self._made.append(next(self._draws))
        return self._made[number]


@dataclass(frozen=True)
class _Pairs:
    """Reads an image with the mask of one class."""

    images: Path
    masks: Path
    classes: tuple[int, ...]
    names: tuple[str, ...]

    def __call__(self, stem: str, class_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        image = to_image(self.images / f"{stem}.jpg")
        ids = read_ids(self.masks / f"{stem}.png")
        same_size(image, ids, stem)
        return image, ids == class_id + 1, ids == VOID


def _listed(name: str, episodes: int, plan: _Plan, read: _Pairs, known: FoldLists) -> EpisodeList:
    def make(number: int) -> Episode:
        drawn = plan[number]
        image, mask, ignore = read(drawn.query, drawn.class_id)
        meta: dict[str, Any] = {
            "id": f"{number}:{drawn.class_id}:{drawn.query}",
            "class_id": drawn.class_id,
            "class_name": read.names[drawn.class_id],
            "classes": read.classes,
            "query": drawn.query,
            "supports": drawn.supports,
        }
        if ignore.any():
            meta["ignore"] = ignore
        supports = [read(stem, drawn.class_id)[:2] for stem in drawn.supports]
        return image_episode(supports, (image, mask), meta)

    def data() -> list[str]:
        return [*known.images, *(f"{c} {' '.join(s)}" for c, s in sorted(known.by_class.items()))]

    return EpisodeList(name, episodes, make, data)


def _lists(
    source: str, layout: str, lists: str | Path | None, root: Path, split: str, fold: int
) -> FoldLists:
    if split not in _SPLITS:
        raise InputError(f"split is {split!r}, expected one of {_SPLITS}")
    folder = Path(lists) if lists is not None else root / "fss_list"
    need_folder(folder / split, source, layout)
    return read_fold_lists(folder / split, fold, source, layout)


def _of_class(known: FoldLists, class_id: int) -> tuple[str, ...]:
    stems = known.by_class.get(class_id, ())
    if len(set(stems)) < 2:
        raise InputError(
            f"the list of class {class_id + 1} (counted from 1) names {len(set(stems))} images, "
            "expected at least 2"
        )
    return stems


def _supports(
    rng: np.random.RandomState, known: FoldLists, class_id: int, query: str, shots: int
) -> tuple[str, ...]:
    stems = _of_class(known, class_id)
    chosen: list[str] = []
    while len(chosen) < shots:
        stem = str(_one(rng, stems))
        if stem != query:
            chosen.append(stem)
    return tuple(chosen)


def _one(rng: np.random.RandomState, values: Sequence[Any]) -> Any:
    # A draw of one without replacement permutes all: that is the stream of the official draws.
    return values[int(rng.choice(len(values), 1, replace=False)[0])]


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".")[0]
