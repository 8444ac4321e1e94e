"""Things that are pasted into scenes, and pictures with labels: read once, kept small in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from icl_core.sources.packed import PackedFolder

STORED = 192
"""Longest side in pixels at which pictures are kept."""
VOID, OUTSIDE = 255, 254
"""Labels of pixels that are not known, and of those beside the picture."""


class Things(Protocol):
    """Classes of things with an outline."""

    def __len__(self) -> int:
        """Number of classes."""
        ...

    def draw(self, kind: int, rng: np.random.Generator) -> np.ndarray:
        """Return one thing of a class: uint8 [h, w, 4], the last channel its opacity."""
        ...


@dataclass(frozen=True, eq=False)
class Labelled:
    """A picture with a class number a pixel.

    Args:
        image: uint8 [H, W, 3].
        labels: uint8 [H, W]; 0 = none of them; see `VOID` and `OUTSIDE`.
    """

    image: np.ndarray
    labels: np.ndarray

    def classes(self, least: float = 0.005, most: float = 0.9) -> list[int]:
        """Return the classes that cover a share of the picture between two limits."""
        counts = np.bincount(self.labels.ravel(), minlength=256)[1:OUTSIDE]
        low, high = least * self.labels.size, most * self.labels.size
        return [int(n) + 1 for n in np.flatnonzero((counts >= low) & (counts <= high))]


def shrink(image: np.ndarray, labels: np.ndarray, side: int = STORED) -> Labelled:
    """Bring a picture and its labels to a longest side of at most `side`."""
    height, width = labels.shape
    scale = side / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
        labels = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return Labelled(np.ascontiguousarray(image), np.ascontiguousarray(labels))


class LabelledSet:
    """Pictures of one data set, found by class.

    Args:
        pictures: all of them.
    """

    def __init__(self, pictures: Sequence[Labelled]) -> None:
        self.pictures = list(pictures)
        found: dict[int, list[int]] = {}
        for place, picture in enumerate(self.pictures):
            for kind in picture.classes():
                found.setdefault(kind, []).append(place)
        self.by_class: Mapping[int, list[int]] = {k: v for k, v in found.items() if len(v) >= 2}
        self.kinds = sorted(self.by_class)

    def pair(self, rng: np.random.Generator) -> tuple[Labelled, Labelled]:
        """Draw a class, then two different pictures that show it."""
        kind = self.kinds[int(rng.integers(len(self.kinds)))]
        one, other = rng.choice(self.by_class[kind], 2, replace=False)
        return self.pictures[int(one)], self.pictures[int(other)]

    def one(self, rng: np.random.Generator) -> Labelled:
        """Draw a picture."""
        return self.pictures[int(rng.integers(len(self.pictures)))]


def packed_labels(
    folder: Path,
    *,
    sub: str | None = None,
    only: Mapping[str, str] | None = None,
    instances: bool = False,
) -> LabelledSet:
    """Read a packed set with class numbers in its masks.

    Args:
        folder: of the set.
        sub: column of the sub-folder.
        only: column -> value that rows must have.
        instances: the masks number instances; all of them are class 1.
    """
    packed = PackedFolder(folder, folder.name, sub)
    found = []
    for row in packed.rows:
        if any(row[name] != value for name, value in (only or {}).items()):
            continue
        key = packed.key(row)
        labels = packed.ids(key)
        if instances:
            labels = labels > 0
        found.append(shrink(packed.image(key), labels.astype(np.uint8)))
    return LabelledSet(found)


def regions(folder: Path) -> LabelledSet:
    """Read photographs with numbered regions (BSDS500); numbers mean nothing across pictures."""
    packed = PackedFolder(folder, folder.name)
    found = []
    for row in packed.rows:
        key = packed.key(row)
        numbers = _segments(packed, key)
        sizes = np.bincount(numbers.ravel())
        large = np.argsort(sizes)[::-1][: OUTSIDE - 1]
        names = np.zeros(len(sizes), np.uint8)
        names[large] = np.arange(1, len(large) + 1)
        found.append(shrink(packed.image(key), names[numbers]))
    return LabelledSet(found)


def _segments(packed: PackedFolder, key: str) -> np.ndarray:
    import io

    return np.array(Image.open(io.BytesIO(packed._bytes(f"segments/{key}"))))


class Sprites:
    """Emoji in two drawings: a class is a code point."""

    def __init__(self, folder: Path, without: Sequence[str] = ()) -> None:
        import io

        packed = PackedFolder(folder, folder.name)
        self.drawings: list[list[np.ndarray]] = []
        for row in packed.rows:
            if row["suggested"] != "train" or any(w in row["name"].split() for w in without):
                continue
            own = []
            for style in ("fluent3d", "noto"):
                data = packed._bytes(f"{style}/{row['codepoint']}")
                own.append(np.array(Image.open(io.BytesIO(data)).convert("RGBA")))
            self.drawings.append(own)

    def __len__(self) -> int:
        return len(self.drawings)

    def draw(self, kind: int, rng: np.random.Generator) -> np.ndarray:
        """Return one of the two drawings."""
        return self.drawings[kind][int(rng.integers(2))]


class CutOuts:
    """Things cut out of labelled pictures: a class is a class of the set.

    Args:
        pictures: with labels.
        most: largest share of its picture that a thing may cover.
    """

    def __init__(self, pictures: LabelledSet, most: float = 0.6) -> None:
        self.things: list[list[np.ndarray]] = []
        for kind in pictures.kinds:
            own = [
                _cut(pictures.pictures[place], kind)
                for place in pictures.by_class[kind]
                if (pictures.pictures[place].labels == kind).mean() < most
            ]
            if len(own) >= 2:
                self.things.append(own)

    def __len__(self) -> int:
        return len(self.things)

    def draw(self, kind: int, rng: np.random.Generator) -> np.ndarray:
        """Return one of the things of a class."""
        own = self.things[kind]
        return own[int(rng.integers(len(own)))]


def _cut(picture: Labelled, kind: int) -> np.ndarray:
    inside = picture.labels == kind
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alpha = (inside[box] * 255).astype(np.uint8)
    return np.dstack([picture.image[box], alpha])
