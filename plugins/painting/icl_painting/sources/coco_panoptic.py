"""COCO panoptic segmentation, val2017: segments with categories, things and stuff.

A prompt is shown twice, as the task `panoptic` wants it: with its classes painted, and with its
things painted without a class (released evaluation of arXiv 2212.02499).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    checked_counts,
    need_file,
    need_folder,
    same_size,
)
from icl_core.types import Context, Episode, Example
from icl_painting.metrics.panoptic import Segments
from icl_painting.sources.pairs import prompt_names
from icl_painting.tasks.class_names import COCO_IDS

THINGS = 80
"""The first categories, which are things; the other 53 are stuff."""

LAYOUT = (
    "expected ROOT/{train2017,val2017}/*.jpg, "
    "ROOT/annotations/panoptic_{train2017,val2017}.json and "
    "ROOT/annotations/panoptic_{train2017,val2017}/*.png"
)


def coco_panoptic(
    root: str | Path,
    *,
    prompt: str | Sequence[str] = "000000391460",
    episodes: int | None = None,
) -> EpisodeList:
    """COCO panoptic val2017.

    The target is a `Segments` with the categories 0 to 132, in the order of COCO's panoptic file.

    Args:
        root: folder of COCO 2017.
        prompt: name of the picture of train2017 that is shown, or several.
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing, or is no such file.
    """
    base, source = Path(root), "coco-panoptic"
    checked_counts(1, episodes, 0)
    names = prompt_names(prompt)
    images = need_folder(base / "val2017", source, LAYOUT)
    queries = _Annotations(base, "val2017", source)
    train = _Annotations(base, "train2017", source, tuple(map(_padded, names)))
    for name in names:
        need_file(base / "train2017" / f"{_padded(name)}.jpg", source, LAYOUT)

    @cache
    def prompts() -> Context:
        return Context(tuple(one for name in names for one in _shown(base, train, name)))

    keys = list(queries.records)

    def make(number: int) -> Episode:
        key = keys[number]
        image = to_image(need_file(images / f"{key}.jpg", source, LAYOUT))
        target = queries.segments(key)
        same_size(image, target.ids, f"{source}/{key}")
        meta = {"id": key, "task": "panoptic", "supports": names, "things": range(THINGS)}
        return Episode(prompts(), image, target, meta)

    length = len(keys) if episodes is None else min(episodes, len(keys))
    return EpisodeList(f"{source}, prompt {'+'.join(names)}", length, make, lambda: keys)


class _Annotations:
    """The panoptic annotations of one part of COCO, or of some of its pictures."""

    def __init__(
        self, base: Path, part: str, source: str, only: tuple[str, ...] | None = None
    ) -> None:
        self._source = source
        self._only = only
        self._folder = need_folder(base / "annotations" / f"panoptic_{part}", source, LAYOUT)
        self._file = need_file(base / "annotations" / f"panoptic_{part}.json", source, LAYOUT)

    @property
    def records(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Picture -> its segments, in the order of the file."""
        return _records(self._file, self._only)

    def segments(self, key: str) -> Segments:
        """Read the segments of a picture."""
        if key not in self.records:
            raise InputError(f"{self._file} has no picture {key}", LAYOUT)
        file = need_file(self._folder / f"{key}.png", self._source, LAYOUT)
        ids = to_image(file).astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        categories, crowds = {}, set()
        for one in self.records[key]:
            if one["category_id"] not in COCO_IDS:
                raise InputError(f"{self._file} has the category {one['category_id']} in {key}")
            categories[int(one["id"])] = COCO_IDS.index(one["category_id"])
            if one.get("iscrowd"):
                crowds.add(int(one["id"]))
        return Segments(ids, categories, frozenset(crowds))


@cache
def _records(file: Path, only: tuple[str, ...] | None) -> dict[str, list[dict[str, Any]]]:
    """Read a file of annotations; that of train2017 is large, so only what is shown is kept."""
    try:
        content = json.loads(file.read_bytes())["annotations"]
        return {
            stem: list(one["segments_info"])
            for one in content
            if (stem := Path(one["file_name"]).stem) in (only or (stem,))
        }
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not a COCO panoptic file: {error!r}", LAYOUT) from error


def _padded(name: str) -> str:
    return f"{int(name):012}" if name.isdecimal() else name


def _shown(base: Path, train: _Annotations, name: str) -> tuple[Example, Example]:
    """Return a prompt with its classes painted, and with its things painted."""
    from icl_painting.tasks.instances import paint_instances
    from icl_painting.tasks.palettes import COCO_PANOPTIC, paint_labels

    key = _padded(name)
    image, truth = to_image(base / "train2017" / f"{key}.jpg"), train.segments(key)
    same_size(image, truth.ids, f"coco-panoptic/{key}")
    labels = np.zeros(truth.ids.shape, np.int32)
    things = []
    for number, category in truth.categories.items():
        here = truth.ids == number
        labels[here] = category + 1
        # A crowd has no middle of its own; the released pictures of instances leave it out.
        if category < THINGS and number not in truth.crowds:
            things.append(here)
    size = (image.shape[0], image.shape[1])
    return (
        Example(image, paint_labels(labels, COCO_PANOPTIC), {"branch": "semantic"}),
        Example(image, paint_instances(things, size), {"branch": "instances"}),
    )
