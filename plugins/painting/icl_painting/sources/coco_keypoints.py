"""COCO keypoints, top-down: one crop a detected person, from the published detections.

Crops are those of the released evaluation (arXiv 2212.02499, after mmpose): the box made 3 to 4 and
a quarter larger, brought to 256x192, black outside the picture.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts, need_file, need_folder
from icl_core.types import Context, Episode
from icl_painting.sources.pairs import Pair, prompt_context, prompt_names
from icl_painting.tasks.crops import crop_picture
from icl_painting.tasks.keypoints import CROP, JOINTS, Crop, paint_keypoints

DETECTIONS = "COCO_val2017_detections_AP_H_56_person.json"
PERSON = 1
LAYOUT = (
    f"expected ROOT/person_detection_results/{DETECTIONS}, ROOT/val2017/*.jpg, "
    "ROOT/annotations/person_keypoints_{train2017,val2017}.json and the picture of the prompt in "
    "ROOT/train2017"
)


def coco_keypoints(
    root: str | Path,
    *,
    prompt: str | Sequence[str] = "000000000165_box0",
    detections: str | Path | None = None,
    episodes: int | None = None,
) -> EpisodeList:
    """COCO val2017, people found by a detector.

    A query is a crop uint8 [256, 192, 3]. The target is None: which person a crop shows is found
    out by the metric, `keypoint-oks`, for all answers together.

    Args:
        root: folder of COCO 2017.
        prompt: <picture of train2017>_box<n>, its n-th person with keypoints from 0, or several.
        detections: the JSON file, where it lies elsewhere.
        episodes: how many detections, from the first; None = all.

    Raises:
        InputError: a folder or file is missing, or is no such file.
    """
    base, source = Path(root), "coco-keypoints"
    checked_counts(1, episodes, 0)
    names = prompt_names(prompt)
    images = need_folder(base / "val2017", source, LAYOUT)
    places = [base / "person_detection_results" / DETECTIONS, base / DETECTIONS]
    place = places[1] if places[1].is_file() else places[0]
    found = _detections(need_file(Path(detections or place), source, LAYOUT))
    truth = need_file(base / "annotations" / "person_keypoints_val2017.json", source, LAYOUT)
    shown = need_file(base / "annotations" / "person_keypoints_train2017.json", source, LAYOUT)
    for name in names:
        need_file(base / "train2017" / f"{_place(name)[0]:012}.jpg", source, LAYOUT)
    length = len(found) if episodes is None else min(episodes, len(found))
    ids = tuple(sorted({int(one["image_id"]) for one in found[:length]}))

    @cache
    def prompts() -> Context:
        people = _people(shown, {_place(name)[0] for name in names})
        return prompt_context([_prompt(base / "train2017", people, name) for name in names])

    def make(number: int) -> Episode:
        one = found[number]
        image_id = int(one["image_id"])
        file = need_file(images / f"{image_id:012}.jpg", source, LAYOUT)
        crop = Crop.around(tuple(one["bbox"]))
        meta = {
            "id": f"{image_id}/{number}",
            "task": "keypoints",
            "supports": names,
            "image_id": image_id,
            "image_ids": ids,
            "score": float(one["score"]),
            "crop": (crop.left, crop.top, crop.width, crop.height),
            "crop_size": CROP,
            "annotations": str(truth),
        }
        return Episode(prompts(), crop_picture(to_image(file), crop, CROP), None, meta)

    def data() -> list[str]:
        return [f"{one['image_id']} {one['bbox']} {one['score']}" for one in found]

    return EpisodeList(f"{source}, prompt {'+'.join(names)}", length, make, data)


def _detections(file: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(file.read_bytes())
        found = [
            one
            for one in content
            if int(one["category_id"]) == PERSON and len(one["bbox"]) == 4 and one["score"] >= 0
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not a list of detections: {error!r}", LAYOUT) from error
    if not found:
        raise InputError(f"{file} has no person", LAYOUT)
    return found


def _people(file: Path, pictures: set[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the people with keypoints of some pictures, in the order of the file."""
    try:
        people: dict[int, list[dict[str, Any]]] = {}
        for one in json.loads(file.read_bytes())["annotations"]:
            known = not one.get("iscrowd") and any(one.get("keypoints", ()))
            if known and int(one["image_id"]) in pictures:
                people.setdefault(int(one["image_id"]), []).append(one)
        return people
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not a COCO keypoint file: {error!r}", LAYOUT) from error


def _place(name: str) -> tuple[int, int]:
    """Return the picture of a prompt, and which of its people it is."""
    stem, _, number = name.partition("_box")
    if not stem.isdecimal() or not number.isdecimal():
        raise InputError(f"prompt is {name!r}, expected <picture>_box<number>")
    return int(stem), int(number)


def _prompt(folder: Path, people: dict[int, list[dict[str, Any]]], name: str) -> Pair:
    """Return the crop of a person and its painted joints."""
    picture, number = _place(name)
    found = people.get(picture, [])
    if number >= len(found):
        raise InputError(
            f"picture {picture} has {len(found)} people with keypoints, asked for {name}"
        )
    one = found[number]
    crop = Crop.around(tuple(one["bbox"]))
    joints = np.asarray(one["keypoints"], np.float64).reshape(JOINTS, 3)
    painted = paint_keypoints(crop.to_crop(joints[:, :2]), joints[:, 2], CROP)
    return crop_picture(to_image(folder / f"{picture:012}.jpg"), crop, CROP), painted
