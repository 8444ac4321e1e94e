"""IC-VOS (specification of the DC-SAM evaluation): a picture of a class, and a video to find it in.

One item is one (clip, class) folder. Frames are sorted by number, the first 512 count, and all of
them are scored. The official order of items is that of the file system and decides which support
an item gets; here the items are sorted, and the support's name is kept in `meta`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    LazyList,
    checked_counts,
    need_file,
    need_folder,
    read_ids,
    same_size,
)
from icl_core.types import Episode
from icl_segmentation.sources.class_names import COCO_CLASSES
from icl_segmentation.sources.folds import read_fold_lists
from icl_segmentation.sources.videos import video_episode

FRAMES = 512
LAYOUT = (
    "expected ROOT/<clip>/JPEGImages/<number>.jpg and ROOT/<clip>/Annotations/<class id 1..80>/"
    "<number>.png; COCO/val2014/*.jpg and COCO/annotations/val2014/*.png (class + 1 as grey value);"
    " LISTS/data_list_<n>.txt and sub_class_file_list_<n>.txt of all 80 classes"
)


def ic_vos(
    root: str | Path,
    coco_root: str | Path,
    lists: str | Path,
    *,
    fold: int = 0,
    episodes: int | None = None,
    seed: int = 0,
) -> EpisodeList:
    """IC-VOS with supports from COCO 2014 val.

    Args:
        root: folder with one folder a clip.
        coco_root: folder with `val2014` and `annotations`.
        lists: folder with the lists of all 80 classes (official `coco_all/fss_list/val`).
        fold: number in the names of the list files.
        episodes: how many items, from the first; None = all.
        seed: of the draws of supports; 0 is the official one.

    Raises:
        InputError: a folder or file is missing, or the lists lack a class.
    """
    base, coco = need_folder(Path(root), "ic-vos", LAYOUT), Path(coco_root)
    checked_counts(1, episodes, seed)
    images = need_folder(coco / "val2014", "ic-vos", LAYOUT)
    masks = need_folder(coco / "annotations" / "val2014", "ic-vos", LAYOUT)
    known = read_fold_lists(Path(lists), fold, "ic-vos", LAYOUT).by_class
    items = []
    for clip in sorted(folder for folder in base.iterdir() if folder.is_dir()):
        labels = need_folder(clip / "Annotations", "ic-vos", LAYOUT)
        need_folder(clip / "JPEGImages", "ic-vos", LAYOUT)
        for folder in sorted(labels.iterdir(), key=lambda path: path.name):
            if not folder.name.isdecimal() or not 1 <= int(folder.name) <= len(COCO_CLASSES):
                raise InputError(f"ic-vos finds {folder}, expected a class id from 1 to 80", LAYOUT)
            items.append((clip, int(folder.name) - 1))
    if not items:
        raise InputError(f"ic-vos finds no clip in {base}", LAYOUT)
    rng = np.random.RandomState(seed)
    supports = []
    for clip, class_id in items:
        stems = known.get(class_id)
        if not stems:
            raise InputError(
                f"the lists name no image of class {class_id + 1}, which {clip.name} has"
            )
        supports.append(stems[int(rng.choice(len(stems), 1, replace=False)[0])])

    def make(number: int) -> Episode:
        (clip, class_id), stem = items[number], supports[number]
        frames = sorted((clip / "JPEGImages").glob("*.jpg"), key=_number)[:FRAMES]
        image = to_image(images / f"{stem}.jpg")
        mask = read_ids(masks / f"{stem}.png") == class_id + 1
        same_size(image, mask, stem)
        labels = clip / "Annotations" / str(class_id + 1)
        truth = LazyList([labels / f"{frame.stem}.png" for frame in frames], _truth)
        meta = {
            "id": f"{clip.name}/{class_id + 1}",
            "class_id": class_id,
            "class_name": COCO_CLASSES[class_id],
            "supports": (stem,),
            "frames": tuple(frame.stem for frame in frames),
        }
        return video_episode((image, mask), frames, truth, meta)

    length = len(items) if episodes is None else min(episodes, len(items))
    lines = [f"{c.name}/{k + 1} {s}" for (c, k), s in zip(items, supports, strict=True)]
    return EpisodeList(f"ic-vos, seed {seed}", length, make, lambda: lines)


def _number(path: Path) -> int:
    if not path.stem.isdecimal():
        raise InputError(f"ic-vos finds the frame {path}, expected a number as its name", LAYOUT)
    return int(path.stem)


def _truth(path: Path) -> np.ndarray:
    return np.asarray(read_ids(need_file(path, "ic-vos", LAYOUT)) > 0)
