"""DAVIS 2017 and YouTube-VOS: one episode an object, its first mask shown, the video asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import (
    EpisodeList,
    LazyList,
    need_file,
    need_folder,
    read_ids,
    same_size,
)
from icl_core.types import Context, Episode, Example, Video

VOID = 255
_DAVIS_LAYOUT = (
    "expected ROOT/JPEGImages/480p/<sequence>/*.jpg, ROOT/Annotations/480p/<sequence>/*.png and "
    "ROOT/ImageSets/2017/<split>.txt (DAVIS-2017-trainval-480p)"
)
_YOUTUBE_LAYOUT = (
    "expected ROOT/<split>/JPEGImages/<video>/*.jpg, ROOT/<split>/Annotations/<video>/*.png and "
    "ROOT/<split>/meta.json"
)


@dataclass(frozen=True)
class _Object:
    sequence: str
    number: int
    frames: tuple[Path, ...]
    shown: Path


def video_episode(
    first: tuple[np.ndarray, np.ndarray],
    frames: Sequence[Any],
    truth: Sequence[Any] | None,
    meta: dict[str, Any],
) -> Episode:
    """Make an episode of a video.

    Args:
        first: uint8 [H, W, 3] and bool [H, W] that are shown.
        frames: the video, paths or pictures.
        truth: one bool [H, W] a frame, read when asked for; None where it is kept by a server.
        meta: the episode's meta.
    """
    shown = {"class_name": meta["class_name"]} if "class_name" in meta else {}
    context = Context((Example(first[0], first[1], shown),))
    return Episode(context, Video(list(frames)), truth, meta)


def davis_2017(
    root: str | Path, *, split: str = "val", resolution: str = "480p", episodes: int | None = None
) -> EpisodeList:
    """DAVIS 2017, semi-supervised. J and F leave out the first and the last frame.

    Args:
        root: folder with `JPEGImages`, `Annotations` and `ImageSets`.
        split: "val" or "train", a file in `ImageSets/2017`.
        resolution: "480p" or "Full-Resolution".
        episodes: how many objects, from the first; None = all.

    Raises:
        InputError: a folder or file is missing.
    """
    base = Path(root)
    source = "davis-2017"
    images = need_folder(base / "JPEGImages" / resolution, source, _DAVIS_LAYOUT)
    masks = need_folder(base / "Annotations" / resolution, source, _DAVIS_LAYOUT)
    listing = need_file(base / "ImageSets" / "2017" / f"{split}.txt", source, _DAVIS_LAYOUT)
    objects = []
    for line in listing.read_text(encoding="utf-8").splitlines():
        if not (name := line.strip()):
            continue
        frames = _frames(need_folder(images / name, source, _DAVIS_LAYOUT), source, _DAVIS_LAYOUT)
        need_folder(masks / name, source, _DAVIS_LAYOUT)
        shown = need_file(masks / name / f"{frames[0].stem}.png", source, _DAVIS_LAYOUT)
        ids = np.unique(read_ids(shown))
        objects += [_Object(name, int(n), frames, shown) for n in ids if n not in (0, VOID)]

    def truth(item: _Object) -> Sequence[np.ndarray]:
        files = [masks / item.sequence / f"{frame.stem}.png" for frame in item.frames]
        return LazyList(files, _mask_reader(item.number, source, _DAVIS_LAYOUT))

    name = f"{source} {split} {resolution}"
    return _listed(name, objects, truth, {"skip_ends": True}, episodes)


def youtube_vos(
    root: str | Path, *, split: str = "valid", episodes: int | None = None
) -> EpisodeList:
    """YouTube-VOS. An object is shown in the first frame that has it; the video begins there.

    The truth of the validation set is kept by the benchmark's server, so the target is None unless
    every frame has an annotation, as in the training set.

    Args:
        root: folder with `valid` (or `train`, `test`).
        split: which of them.
        episodes: how many objects, from the first; None = all.

    Raises:
        InputError: a folder or file is missing, or `meta.json` is no list of videos.
    """
    base = need_folder(Path(root) / split, "youtube-vos", _YOUTUBE_LAYOUT)
    source = "youtube-vos"
    images = need_folder(base / "JPEGImages", source, _YOUTUBE_LAYOUT)
    masks = need_folder(base / "Annotations", source, _YOUTUBE_LAYOUT)
    file = need_file(base / "meta.json", source, _YOUTUBE_LAYOUT)
    objects = []
    try:
        videos = json.loads(file.read_text(encoding="utf-8"))["videos"]
        listed = [
            (video, int(number), str(min(record["frames"])), str(record.get("category", "")))
            for video in sorted(videos)
            for number, record in sorted(videos[video]["objects"].items(), key=_by_number)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not the meta.json of youtube-vos: {error!r}") from error
    names = {}
    for video, number, first, category in listed:
        folder = need_folder(images / video, source, _YOUTUBE_LAYOUT)
        frames = _frames(folder, source, _YOUTUBE_LAYOUT)
        shown = need_file(masks / video / f"{first}.png", source, _YOUTUBE_LAYOUT)
        frames = tuple(frame for frame in frames if frame.stem >= first)
        objects.append(_Object(video, number, frames, shown))
        names[video, number] = category

    def truth(item: _Object) -> Sequence[np.ndarray] | None:
        files = [masks / item.sequence / f"{frame.stem}.png" for frame in item.frames]
        if not all(file.is_file() for file in files):
            return None
        return LazyList(files, _mask_reader(item.number, source, _YOUTUBE_LAYOUT))

    return _listed(f"{source} {split}", objects, truth, {}, episodes, names)


def _listed(
    name: str,
    objects: Sequence[_Object],
    truth: Callable[[_Object], Sequence[np.ndarray] | None],
    extra: dict[str, Any],
    episodes: int | None,
    categories: dict[tuple[str, int], str] | None = None,
) -> EpisodeList:
    if not objects:
        raise InputError(f"{name} lists no object")

    def make(number: int) -> Episode:
        item = objects[number]
        image = to_image(item.frames[0])
        mask = read_ids(item.shown) == item.number
        same_size(image, mask, f"{item.sequence}/{item.shown.stem}")
        meta: dict[str, Any] = {
            "id": f"{item.sequence}/{item.number}",
            "sequence": item.sequence,
            "object": item.number,
            "frames": tuple(frame.stem for frame in item.frames),
            **extra,
        }
        if categories and categories.get((item.sequence, item.number)):
            meta["class_name"] = categories[item.sequence, item.number]
        return video_episode((image, mask), item.frames, truth(item), meta)

    length = len(objects) if episodes is None else min(episodes, len(objects))
    return EpisodeList(
        name, length, make, lambda: [f"{o.sequence}/{o.number} {len(o.frames)}" for o in objects]
    )


def _frames(folder: Path, source: str, layout: str) -> tuple[Path, ...]:
    files = tuple(sorted(folder.glob("*.jpg")))
    if not files:
        raise InputError(f"{source} finds no frame in {folder}", layout)
    return files


def _mask_reader(number: int, source: str, layout: str) -> Callable[[Path], np.ndarray]:
    def read(path: Path) -> np.ndarray:
        return np.asarray(read_ids(need_file(path, source, layout)) == number)

    return read


def _by_number(item: tuple[str, Any]) -> int:
    return int(item[0])
