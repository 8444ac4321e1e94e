"""The packed sets read whole: pictures and label maps as arrays, without what is missing."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from canvases.splits import held_out
from icl_core.sources.packed import PackedFolder

Row = dict[str, str]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class LabelledSet:
    """How a set with masks is read.

    Args:
        folder: its name.
        weight: share of the mask canvases.
        least: smallest share of a picture that a class covers.
        key: of a row, the path of its members below `images` and `masks`.
        group: of a row, what else tells classes apart, such as the category.
        binary: all values above 0 are one class.
        photographs: share of the pictures that are repaired.
        keep: of a row, whether it may be trained on.
    """

    folder: str
    weight: float
    photographs: float
    least: float = 0.01
    key: Callable[[Row], str] = field(default=lambda row: row["id"])
    group: Callable[[Row], str] = field(default=lambda row: "")
    binary: bool = False
    keep: Callable[[Row], bool] = field(default=lambda row: True)


SETS = (
    LabelledSet("pascal_voc", 0.34, 0.34, keep=lambda row: row["suggested"] == "train"),
    LabelledSet("clothing_ccp", 0.18, 0.16, 0.008),
    LabelledSet("car_parts", 0.12, 0.10),
    LabelledSet("camvid", 0.12, 0.14),
    LabelledSet(
        "eth80",
        0.06,
        0.04,
        key=lambda row: f"{row['category']}/{row['id']}",
        group=lambda row: row["category"],
        binary=True,
        keep=lambda row: row["category"] != "dog",
    ),
    LabelledSet(
        "dsb2018_nuclei", 0.05, 0.02, group=lambda row: row.get("modality", ""), binary=True
    ),
    LabelledSet("neu_steel", 0.05, 0.02),
    LabelledSet(
        "magnetic_tile",
        0.05,
        0.02,
        0.004,
        key=lambda row: f"{row['defect']}/{row['id']}",
        group=lambda row: row["defect"],
        binary=True,
    ),
    LabelledSet("retina_vessels", 0.03, 0.02, binary=True),
)
"""The sets of masks that are trained on. Their pictures are also repaired."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """One picture with its labels.

    Args:
        name: folder and key.
        picture: uint8 [H, W, 3].
        labels: uint8 [H, W], 255 = ignore.
        group: what else tells classes apart.
    """

    name: str
    picture: np.ndarray
    labels: np.ndarray
    group: str


def cut_out(content: bytes) -> np.ndarray:
    """Decode a sprite: uint8 [H, W, 4]."""
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGBA"))


def labels(content: bytes, binary: bool = False) -> np.ndarray:
    """Decode a label map: uint8 [H, W].

    Args:
        content: of the file: palette, one bit, or grey of 8 or 16 bits.
        binary: all values above 0 become 1.
    """
    with Image.open(io.BytesIO(content)) as image:
        values = np.array(image)
    if values.ndim == 3:
        values = values[..., 0]
    if binary:
        values = values > 0
    return values.astype(np.uint8)


def read_labelled(
    root: Path, of: LabelledSet, train: bool = True, share: float = 1.0
) -> list[Labelled]:
    """Read one side of a set with masks.

    Args:
        root: folder of the sets.
        of: which one.
        train: what is trained on, or what is held out.
        share: read so much of it alone, for trials.
    """
    folder = root / of.folder
    if not (folder / "index.csv").is_file():
        return []
    packed = PackedFolder(folder, of.folder)
    wanted = []
    for row in packed.rows:
        key = of.key(row)
        there = packed.holds(f"images/{key}") and packed.holds(f"masks/{key}")
        if there and of.keep(row) and held_out(of.folder, row["id"]) != train:
            wanted.append((key, of.group(row)))
    wanted = wanted[:: max(1, round(1 / share))]

    def read(item: tuple[str, str]) -> Labelled | None:
        key, group = item
        image = packed.image(key)
        mask = labels(packed.read(f"masks/{key}"), of.binary)
        if mask.shape != image.shape[:2]:
            return None
        return Labelled(f"{of.folder}/{key}", image, mask, group)

    return [one for one in in_threads(read, wanted) if one is not None]


def in_threads(work: Callable[[T], R], items: list[T]) -> Iterator[R]:
    """Do something for all items in a few threads, in order."""
    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(work, items)
