"""Pictures with labels, and things to paste: read once, kept on the device as tensors."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor

from icl_core.sources.packed import PackedFolder

STORED = 256
"""Side of the square in which pictures are kept, at its upper left."""
THING = 128
"""Side of the square of a thing."""
MIPS = (128, 64, 32)
VOID, OUTSIDE = 255, 254
"""Labels of pixels that are not known, and of those beside the picture."""
LEAST, MOST = 0.005, 0.9
"""Shares of a picture between which a class counts as shown."""
HELD_OUT = 5
"""One group in so many is never trained on."""


@dataclass(frozen=True)
class PictureSet:
    """Where labelled pictures come from.

    Args:
        name: folder of the packed set.
        share: of the real tableaux.
        complete: whether each class of the set is labelled wherever it is seen.
        sub: column of the sub-folder.
        group: what pictures must share to be kept out together, from a row; None = nothing is.
        only: column -> value that rows must have.
        binary: a mask says one class: its number from a row; rows with 0 are left out.
    """

    name: str
    share: float
    complete: bool
    sub: str | None = None
    group: Callable[[Mapping[str, str]], str] | None = None
    only: Mapping[str, str] | None = None
    binary: Callable[[Mapping[str, str]], int] | None = None


_ETH = ("apple", "car", "cow", "tomato", "cup", "horse", "pear")


def _id(row: Mapping[str, str]) -> str:
    return row["id"]


SETS = (
    PictureSet("pascal_voc", 0.44, complete=True, only={"suggested": "train"}),
    PictureSet("clothing_ccp", 0.12, complete=False, group=_id),
    PictureSet("car_parts", 0.10, complete=False, group=_id),
    # frames of a second that follow one another are alike
    PictureSet("camvid", 0.10, complete=False, group=lambda row: row["id"][:-3]),
    PictureSet(
        "eth80",
        0.06,
        complete=True,
        sub="category",
        group=lambda row: row["object"],
        binary=lambda row: _ETH.index(row["category"]) + 1 if row["category"] in _ETH else 0,
    ),
    PictureSet("dsb2018_nuclei", 0.06, complete=True, group=_id, binary=lambda row: 1),
    PictureSet(
        "retina_vessels", 0.03, complete=True, group=lambda row: row["id"].rsplit("_", 1)[0]
    ),
    PictureSet("neu_steel", 0.05, complete=True, group=_id),
    PictureSet("magnetic_tile", 0.04, complete=True, sub="defect", group=_id),
)
"""The sets that are trained on. Left out: pictures with a class of the development set of VOC, and
sets whose terms keep them for evaluation (contours and photographs of BSDS500, blood cells)."""

DEV_EMOJI = frozenset(
    "boat boats ship bus dog motor sailboat speedboat trolleybus motorcycle scooter poodle canoe "
    "ferry".split()
)
"""Words in the names of sprites that show a class of the development set; they are left out."""


def is_held_out(entry: PictureSet, row: Mapping[str, str]) -> bool:
    """Say whether a picture is kept for measurement."""
    return entry.group is not None and zlib.crc32(entry.group(row).encode()) % HELD_OUT == 0


@dataclass(frozen=True, eq=False)
class Labelled:
    """A picture with a class number a pixel.

    Args:
        image: uint8 [H, W, 3].
        labels: uint8 [H, W]; 0 = none of them; see `VOID` and `OUTSIDE`.
    """

    image: np.ndarray
    labels: np.ndarray

    def classes(self) -> list[int]:
        """Return the classes that the picture shows."""
        counts = np.bincount(self.labels.ravel(), minlength=256)[1:OUTSIDE]
        low, high = LEAST * self.labels.size, MOST * self.labels.size
        return [int(n) + 1 for n in np.flatnonzero((counts >= low) & (counts <= high))]


def read_set(data: Path, entry: PictureSet) -> list[Labelled]:
    """Read the pictures of a set that are trained on; rows without their files are left out."""
    packed = PackedFolder(data / entry.name, entry.name, entry.sub)

    def wanted(row: dict[str, str]) -> bool:
        there = packed.holds(f"images/{packed.key(row)}")
        kept = all(row[name] == value for name, value in (entry.only or {}).items())
        named = entry.binary is None or entry.binary(row) > 0
        return there and kept and named and not is_held_out(entry, row)

    def read(row: dict[str, str]) -> Labelled:
        image, labels = packed.image(packed.key(row)), packed.ids(packed.key(row))
        if entry.binary is not None:
            labels = (labels > 0) * entry.binary(row)
        return _shrunk(image, labels.astype(np.uint8))

    rows = list(filter(wanted, packed.rows))
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(read, rows))


def _shrunk(image: np.ndarray, labels: np.ndarray) -> Labelled:
    height, width = labels.shape
    scale = STORED / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
        labels = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return Labelled(image, labels)


class Gallery:
    """Labelled pictures on the device, found by set and class.

    Args:
        sets: of each set its pictures, its share and whether its labels are complete.
        device: of the tensors.
    """

    def __init__(
        self, sets: Iterable[tuple[Sequence[Labelled], float, bool]], device: str | torch.device
    ) -> None:
        pictures, self.families = list[Labelled](), list[tuple[int, int]]()
        complete, members, starts, counts, weights = [], list[int](), [], [], []
        for own, share, whole in sets:
            found: dict[int, list[int]] = {}
            for place, picture in enumerate(own, len(pictures)):
                for kind in picture.classes():
                    found.setdefault(kind, []).append(place)
            shown = {k: v for k, v in sorted(found.items()) if len(v) >= 2}
            roots = {k: len(v) ** 0.5 for k, v in shown.items()}
            first = len(starts)
            for kind, places in shown.items():
                starts.append(len(members))
                counts.append(len(places))
                weights.append((share * roots[kind] / sum(roots.values()), kind))
                members += places
            self.families += [(first, len(shown))] * len(shown)
            complete += [whole] * len(shown)
            pictures += own
        images = np.zeros((len(pictures), STORED, STORED, 3), np.uint8)
        labels = np.full((len(pictures), STORED, STORED), OUTSIDE, np.uint8)
        for place, picture in enumerate(pictures):
            height, width = picture.labels.shape
            images[place, :height, :width] = picture.image
            labels[place, :height, :width] = picture.labels
        sizes = [(p.labels.shape[1], p.labels.shape[0]) for p in pictures]
        self.pictures = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
        self.labels = torch.from_numpy(labels).to(device)
        self.sizes = torch.tensor(sizes, device=device).float()
        """Width and height, [N, 2]."""
        self.complete = torch.tensor(complete, device=device)
        """Of each class, whether its set labels all that it names."""
        self.members = torch.tensor(members, device=device)
        self.starts = torch.tensor(starts, device=device)
        self.counts = torch.tensor(counts, device=device)
        self.weights = torch.tensor([w for w, _ in weights], device=device)
        self.kinds = torch.tensor([kind for _, kind in weights], device=device)
        families = torch.tensor(self.families, device=device)
        self.first, self.size = families[:, 0], families[:, 1]
        """Of each class: the first class of its set, and how many there are."""


class Atlas:
    """Things to paste, on the device, with their colours multiplied by their opacity.

    The last rows are room for invented things, which change during a run.

    Args:
        pools: of each pool its classes, each a list of things uint8 [h, w, 4], and its share.
        invented: classes and things of each that there is room for.
        share: of the invented things.
        device: of the tensors.
    """

    def __init__(
        self,
        pools: Sequence[tuple[Sequence[Sequence[np.ndarray]], float]],
        invented: tuple[int, int],
        share: float,
        device: str | torch.device,
    ) -> None:
        things, starts, counts, pool_starts, pool_counts = [], [], [], list[int](), list[int]()
        for classes, _ in pools:
            pool_starts.append(len(starts))
            pool_counts.append(len(classes))
            for own in classes:
                starts.append(len(things))
                counts.append(len(own))
                things += [_fitted(thing) for thing in own]
        self.known, (kinds, each) = len(things), invented
        pool_starts.append(len(starts))
        pool_counts.append(kinds)
        starts += [self.known + each * n for n in range(kinds)]
        counts += [each] * kinds
        room = np.zeros((kinds * each, 4, THING, THING), np.uint8)
        whole = torch.from_numpy(np.concatenate([np.stack(things), room] if things else [room]))
        self.mips = {THING: whole.to(device)}
        for side in MIPS[1:]:
            self.mips[side] = torch.cat([_smaller(part, side) for part in self.mips[128].split(64)])
        self.starts = torch.tensor(starts, device=device)
        self.counts = torch.tensor(counts, device=device)
        self.pool_starts = torch.tensor(pool_starts, device=device)
        self.pool_counts = torch.tensor(pool_counts, device=device)
        self.weights = torch.tensor([w for _, w in pools] + [share], device=device)

    def renew(self, things: Tensor) -> None:
        """Put other invented things in their room: uint8 [K * each, 4, 128, 128]."""
        self.mips[THING][self.known :] = things
        for side in MIPS[1:]:
            self.mips[side][self.known :] = _smaller(things, side)


def _smaller(things: Tensor, side: int) -> Tensor:
    return F.adaptive_avg_pool2d(things.float(), side).round().to(torch.uint8)


def _fitted(thing: np.ndarray) -> np.ndarray:
    """Bring a thing to the middle of its square: uint8 [4, 128, 128], colours by opacity."""
    height, width = thing.shape[:2]
    scale = THING / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    opacity = thing[..., 3:].astype(np.float32) / 255
    colours = (thing[..., :3] * opacity).round().astype(np.uint8)
    image = Image.fromarray(np.dstack([colours, thing[..., 3]]))
    found = np.zeros((THING, THING, 4), np.uint8)
    left, top = (THING - size[0]) // 2, (THING - size[1]) // 2
    found[top : top + size[1], left : left + size[0]] = np.asarray(
        image.resize(size, Image.Resampling.BILINEAR)
    )
    return found.transpose(2, 0, 1)


def sprites(folder: Path) -> list[list[np.ndarray]]:
    """Read emoji in two drawings; a class is a code point."""
    packed = PackedFolder(folder, folder.name)
    found = []
    for row in packed.rows:
        if row["suggested"] == "train" and not DEV_EMOJI & set(row["name"].lower().split()):
            own = [packed.read(f"{style}/{row['codepoint']}") for style in ("fluent3d", "noto")]
            found.append([np.array(Image.open(io.BytesIO(b)).convert("RGBA")) for b in own])
    return found


def cut_outs(
    pictures: Sequence[Labelled], most: float = 0.6, each: int = 80
) -> list[list[np.ndarray]]:
    """Cut things out of labelled pictures; a class is a class of the set.

    Args:
        pictures: with labels.
        most: largest share of its picture that a thing may cover.
        each: most things of a class.
    """
    found: dict[int, list[np.ndarray]] = {}
    for picture in pictures:
        for kind in picture.classes():
            own = found.setdefault(kind, [])
            if len(own) < each and (picture.labels == kind).mean() < most:
                own.append(_cut(picture, kind))
    return [own for _, own in sorted(found.items()) if len(own) >= 2]


def _cut(picture: Labelled, kind: int) -> np.ndarray:
    inside = picture.labels == kind
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.dstack([picture.image[box], (inside[box] * 255).astype(np.uint8)])
