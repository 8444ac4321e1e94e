"""DAVIS as painting: the first frame with its object in white is shown, the video is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from icl_core.types import Context, Episode, Example, Video

VOID = 255
YEARS = ("2017", "2016")
LAYOUT = (
    "expected ROOT/JPEGImages/480p/<sequence>/*.jpg, ROOT/Annotations/480p/<sequence>/*.png and "
    "ROOT/ImageSets/{2016,2017}/<split>.txt (DAVIS-2017-trainval-480p)"
)


@dataclass(frozen=True)
class _Object:
    sequence: str
    number: int | None
    frames: tuple[Path, ...]

    @property
    def id(self) -> str:
        return self.sequence if self.number is None else f"{self.sequence}/{self.number}"


def davis_painting(
    root: str | Path,
    *,
    year: str = "2017",
    split: str = "val",
    resolution: str = "480p",
    episodes: int | None = None,
) -> EpisodeList:
    """DAVIS with masks as pictures, white on black.

    A target is one uint8 [H, W, 3] a frame, read when it is asked for. Scores leave out the first
    and the last frame.

    Args:
        root: folder with `JPEGImages`, `Annotations` and `ImageSets`.
        year: "2017": an episode an object. "2016": an episode a sequence, all its objects together.
        split: "val" or "train", a file in `ImageSets/<year>`.
        resolution: "480p" or "Full-Resolution".
        episodes: how many, from the first; None = all.

    Raises:
        InputError: a folder or file is missing, or an argument makes no sense.
    """
    base, source = Path(root), "davis-painting"
    checked_counts(1, episodes, 0)
    if str(year) not in YEARS:
        raise InputError(f"year is {year!r}, expected one of {YEARS}")
    images = need_folder(base / "JPEGImages" / resolution, source, LAYOUT)
    masks = need_folder(base / "Annotations" / resolution, source, LAYOUT)
    listing = need_file(base / "ImageSets" / str(year) / f"{split}.txt", source, LAYOUT)
    objects: list[_Object] = []
    for name in _sequences(listing):
        folder = need_folder(images / name, source, LAYOUT)
        frames = tuple(sorted(folder.glob("*.jpg")))
        if not frames:
            raise InputError(f"{source} finds no frame in {folder}", LAYOUT)
        first = need_file(masks / name / f"{frames[0].stem}.png", source, LAYOUT)
        if str(year) == "2016":
            objects.append(_Object(name, None, frames))
            continue
        ids = np.unique(read_ids(first)).tolist()
        objects += [_Object(name, number, frames) for number in ids if number not in (0, VOID)]
    if not objects:
        raise InputError(f"{listing} lists no object")

    def painted(item: _Object, frame: Path) -> np.ndarray:
        ids = read_ids(need_file(masks / item.sequence / f"{frame.stem}.png", source, LAYOUT))
        inside = (ids > 0) & (ids != VOID) if item.number is None else ids == item.number
        return np.repeat(np.where(inside, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)

    def make(number: int) -> Episode:
        item = objects[number]
        image, target = to_image(item.frames[0]), painted(item, item.frames[0])
        same_size(image, target[..., 0], item.id)
        meta = {
            "id": item.id,
            "task": "foreground",
            "sequence": item.sequence,
            "frames": tuple(frame.stem for frame in item.frames),
            "skip_ends": True,
        }
        truth: Sequence[np.ndarray] = LazyList(item.frames, lambda frame: painted(item, frame))
        return Episode(Context((Example(image, target),)), Video(list(item.frames)), truth, meta)

    length = len(objects) if episodes is None else min(episodes, len(objects))
    lines = [f"{item.id} {len(item.frames)}" for item in objects]
    name = f"{source} {year} {split} {resolution}"
    return EpisodeList(name, length, make, lambda: lines)


def _sequences(listing: Path) -> list[str]:
    """Return the sequences of a list; that of 2016 has a line a frame, of paths."""
    names: dict[str, None] = {}
    for line in listing.read_text(encoding="utf-8").split("\n"):
        if words := line.split():
            names[Path(words[0]).parent.name if "/" in words[0] else words[0]] = None
    return list(names)
