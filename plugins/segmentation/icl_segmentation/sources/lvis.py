"""LVIS-92i (arXiv 2305.13310): 920 classes of LVIS v1 val, ten folds of 92.

Protocol: classes with at least two images, sorted by id; fold k takes every tenth from k on; 2300
episodes a fold, class uniform. The released sampler shows the query itself where a class has
exactly two images; here a support is always another image.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.results.rle import decode_rle
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    checked_fold,
    episode_rng,
    image_episode,
    need_file,
    need_folder,
    same_size,
)
from icl_core.types import Episode

FOLDS = 10
EPISODES = 2300
LAYOUT = (
    "expected ROOT/lvis_v1_val.json (or ROOT/annotations/lvis_v1_val.json) and the COCO 2017 "
    "images ROOT/{train2017,val2017}/*.jpg"
)


def lvis_92i(
    root: str | Path,
    *,
    fold: int = 0,
    shots: int = 1,
    episodes: int = EPISODES,
    seed: int = 0,
    annotations: str | Path | None = None,
) -> EpisodeList:
    """LVIS-92i.

    A mask is the union of all instances of the class in the image.

    Args:
        root: folder with the images and the annotations.
        fold: 0 to 9.
        shots: examples an episode; classes with fewer other images show all they have.
        episodes: how many.
        seed: of the draws.
        annotations: the JSON file, where it lies elsewhere.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    base = Path(root)
    checked_counts(shots, episodes, seed)
    checked_fold(fold, FOLDS)
    if annotations is None:
        inner = base / "annotations" / "lvis_v1_val.json"
        annotations = inner if inner.is_file() else base / "lvis_v1_val.json"
    index = _read(need_file(Path(annotations), "lvis-92i", LAYOUT))
    need_folder(base / "val2017", "lvis-92i", LAYOUT)
    classes = index.classes[fold::FOLDS]
    if not classes:
        raise InputError(f"fold {fold} of {annotations} has no class with two images")

    def pair(class_id: int, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        record = index.images[image_id]
        part, name = str(record["coco_url"]).rsplit("/", 2)[-2:]
        image = to_image(need_file(base / part / name, "lvis-92i", LAYOUT))
        size = (int(record["height"]), int(record["width"]))
        mask = np.zeros(size, bool)
        for segments in index.shapes[class_id][image_id]:
            mask |= rasterise(segments, size)
        same_size(image, mask, name)
        return image, mask

    def make(number: int) -> Episode:
        rng = episode_rng(seed, number)
        class_id = classes[int(rng.integers(len(classes)))]
        images = list(index.shapes[class_id])
        order = rng.permutation(len(images))[: shots + 1]
        query, *others = (images[n] for n in order)
        meta = {
            "id": f"{number}:{class_id}:{query}",
            "class_id": class_id,
            "class_name": index.names[class_id],
            "query": query,
            "supports": tuple(others),
        }
        return image_episode([pair(class_id, n) for n in others], pair(class_id, query), meta)

    def data() -> list[str]:
        return [f"{c} {list(index.shapes[c])}" for c in classes]

    return EpisodeList(f"lvis-92i fold {fold}, {shots} shots, seed {seed}", episodes, make, data)


def rasterise(segments: Any, size: tuple[int, int]) -> np.ndarray:
    """Draw the polygons of one instance.

    Args:
        segments: list of polygons [x0, y0, x1, y1, ...] in pixels, or COCO run lengths.
        size: height and width.

    Returns:
        bool [H, W]; the outline belongs to the object. It differs from pycocotools, which draws
        on a finer grid, by at most the outline pixels.
    """
    from PIL import Image, ImageDraw

    if isinstance(segments, dict):
        return decode_rle(segments)
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    for polygon in segments:
        if len(polygon) >= 6:
            # COCO measures from the corner of a pixel, Pillow from its centre.
            draw.polygon([value - 0.5 for value in polygon], fill=1, outline=1)
    return np.array(canvas)


class _Index:
    """Classes with at least two images, and the shapes of each."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.images: dict[int, Any] = {record["id"]: record for record in content["images"]}
        self.names = {record["id"]: str(record["name"]) for record in content["categories"]}
        shapes: dict[int, dict[int, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for record in content["annotations"]:
            shapes[record["category_id"]][record["image_id"]].append(record["segmentation"])
        self.classes = sorted(number for number, found in shapes.items() if len(found) >= 2)
        self.shapes = {number: dict(sorted(shapes[number].items())) for number in self.classes}


@cache
def _read(path: Path) -> _Index:
    try:
        return _Index(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not an LVIS annotation file: {type(error).__name__} {error}"
        ) from error
