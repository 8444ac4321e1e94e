"""All pictures of the training, held on the device as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from canvases import packed
from canvases.packed import SETS, Labelled
from canvases.splits import held_out, noise_group
from icl_core.sources.packed import PackedFolder
from icl_painting.drawings import COLOURS, SHAPES, draw
from icl_painting.sources.packed_pairs import PackedPictures

SIDE = 256
"""Side of the squares in which pictures are held; the packed ones fit."""

NOISE_SIDE, SPRITE_SIDE = 160, 96
DRAWN, DRAWN_WEIGHT = "drawn", 0.10
REAL, REAL_WEIGHT = "restore_realnoise", 0.05
LEAST_PICTURES = 4
"""Of a class, so that prompt and query vary."""

NO_SPRITES = ("boat", "ship", "ferry", "bus", "dog", "poodle", "motor", "scooter")
"""Words in the names of sprites that are not trained on."""

DRAWN_SIDES = (64, 128)


@dataclass(frozen=True, eq=False)
class Bank:
    """What canvases are drawn from. N pictures, E entries of K classes, M noisy pairs, P sprites.

    An entry is a picture that shows a class; those of a class stand one after the other.

    Args:
        pictures: uint8 [N, 3, SIDE, SIDE], each in the upper left corner.
        sizes: float32 [N, 2], height and width.
        labels: uint8 [N, SIDE, SIDE], 255 = ignore.
        photo_index: int64 [Q], the pictures that are repaired.
        photo_share: float32 [Q], how often, in sum 1.
        entry_picture: int64 [E].
        entry_values: bool [E, 256], which labels belong to the class.
        entry_centre: float32 [E, 2], row and column of the middle of its box.
        class_first: int64 [K], number of the first entry.
        class_count: int64 [K].
        class_share: float32 [K], how often, in sum 1; drawn classes have 0 here.
        drawn_share: float32 [K], likewise, of drawn classes alone.
        noisy: uint8 [M, 3, NOISE_SIDE, NOISE_SIDE].
        clean: uint8, likewise.
        scene: int64 [M], which scene it is of.
        sprites: uint8 [P, 2, 4, SPRITE_SIDE, SPRITE_SIDE], in two styles, with opacity.
    """

    pictures: Tensor
    sizes: Tensor
    labels: Tensor
    photo_index: Tensor
    photo_share: Tensor
    entry_picture: Tensor
    entry_values: Tensor
    entry_centre: Tensor
    class_first: Tensor
    class_count: Tensor
    class_share: Tensor
    drawn_share: Tensor
    noisy: Tensor
    clean: Tensor
    scene: Tensor
    sprites: Tensor

    def to(self, device: torch.device | str) -> Bank:
        """Return the same on a device."""
        return Bank(**{one.name: getattr(self, one.name).to(device) for one in fields(self)})

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(getattr(self, one.name).nbytes for one in fields(self))


class _Entries:
    """Entries by class, as they are found."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, ...], list[tuple[int, np.ndarray, tuple[float, float]]]] = {}

    def add(
        self, key: tuple[str, ...], number: int, values: np.ndarray, labels: np.ndarray
    ) -> None:
        shown = np.isin(labels, np.flatnonzero(values))
        down, across = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        if len(down):
            centre = float(down[0] + down[-1]) / 2, float(across[0] + across[-1]) / 2
            self.found.setdefault(key, []).append((number, values, centre))


def load_bank(root: Path, share: float = 1.0, drawings: int = 3000, workers: int = 1) -> Bank:
    """Read and draw everything.

    Args:
        root: folder of the packed sets.
        share: of each set, for trials.
        drawings: how many pictures are drawn.
        workers: processes that draw.
    """
    pictures: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    photo: list[float] = []
    entries = _Entries()
    for of in SETS:
        found = packed.read_labelled(root, of, True, share)
        for one in found:
            _add_classes(entries, of, one, len(pictures))
            pictures.append(one.picture)
            labels.append(one.labels)
            photo.append(of.photographs / len(found))
    for image, values, things in _drawings(drawings, workers):
        for key, wanted in _drawn_classes(things).items():
            entries.add((DRAWN, *key), len(pictures), wanted, values)
        pictures.append(image)
        labels.append(values)
        photo.append(DRAWN_WEIGHT / drawings)
    noisy, clean, scene = _noise_pairs(root)
    for image in clean:
        pictures.append(image)
        labels.append(np.zeros(image.shape[:2], np.uint8))
        photo.append(REAL_WEIGHT / len(clean))
    listed = {k: v for k, v in sorted(entries.found.items()) if len(v) >= LEAST_PICTURES}
    flat = [item for items in listed.values() for item in items]
    counts = np.array([len(items) for items in listed.values()])
    weights = {of.folder: of.weight for of in SETS}
    return Bank(
        pictures=torch.from_numpy(_squares(pictures)).permute(0, 3, 1, 2).contiguous(),
        sizes=torch.tensor([image.shape[:2] for image in pictures], dtype=torch.float32),
        labels=torch.from_numpy(_squares(labels)),
        photo_index=torch.arange(len(pictures)),
        photo_share=_shares(np.array(photo)),
        entry_picture=torch.tensor([item[0] for item in flat]),
        entry_values=torch.from_numpy(np.stack([item[1] for item in flat])),
        entry_centre=torch.tensor([item[2] for item in flat], dtype=torch.float32),
        class_first=torch.from_numpy(np.cumsum(counts) - counts),
        class_count=torch.from_numpy(counts),
        class_share=_class_shares(list(listed), counts, weights),
        drawn_share=_class_shares(list(listed), counts, {DRAWN: 1.0}),
        noisy=_stack(noisy),
        clean=_stack(clean),
        scene=torch.tensor(scene),
        sprites=_sprites(root, share),
    )


def _add_classes(entries: _Entries, of: packed.LabelledSet, one: Labelled, number: int) -> None:
    areas = np.bincount(one.labels.reshape(-1), minlength=256)
    for value in range(1, 255):
        if areas[value] >= max(20, of.least * one.labels.size):
            values = np.zeros(256, bool)
            values[value] = True
            entries.add((of.folder, one.group, str(value)), number, values, one.labels)


def _class_shares(
    keys: list[tuple[str, ...]], counts: np.ndarray, weights: dict[str, float]
) -> Tensor:
    """Share a set's weight among its classes, by the root of their pictures."""
    shares = np.zeros(len(keys))
    for folder, weight in weights.items():
        own = np.array([key[0] == folder for key in keys])
        if own.any():
            root = np.sqrt(np.minimum(counts, 100)) * own
            shares += weight * root / root.sum()
    return _shares(shares)


def _shares(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values / max(values.sum(), 1e-9)).float()


def _squares(arrays: list[np.ndarray]) -> np.ndarray:
    """Put arrays [H, W, ...] into the corners of squares; what is larger is cut."""
    whole = np.zeros((len(arrays), SIDE, SIDE, *arrays[0].shape[2:]), np.uint8)
    for number, array in enumerate(arrays):
        part = array[:SIDE, :SIDE]
        whole[number, : part.shape[0], : part.shape[1]] = part
    return whole


def _stack(arrays: list[np.ndarray]) -> Tensor:
    if not arrays:
        return torch.zeros(0, 3, NOISE_SIDE, NOISE_SIDE, dtype=torch.uint8)
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()


def _noise_pairs(root: Path) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    folder = root / REAL
    noisy: list[np.ndarray] = []
    clean: list[np.ndarray] = []
    scene: list[int] = []
    if not (folder / "index.csv").is_file():
        return noisy, clean, scene
    pairs = PackedPictures(folder, REAL)
    keys = [row["id"] for row in pairs.rows if not held_out(REAL, row["id"])]
    scenes = sorted({noise_group(key) for key in keys})
    for key in keys:
        sides = ("noisy", "clean")
        if not all(pairs.holds(f"{side}/{key}") for side in sides):
            continue
        pair = [pairs.picture(side, key) for side in sides]
        if all(image.shape == (NOISE_SIDE, NOISE_SIDE, 3) for image in pair):
            noisy.append(pair[0])
            clean.append(pair[1])
            scene.append(scenes.index(noise_group(key)))
    return noisy, clean, scene


def _sprites(root: Path, share: float) -> Tensor:
    folder = root / "emoji_sprites"
    found = []
    if (folder / "index.csv").is_file():
        sprites = PackedFolder(folder, folder.name)
        listed = [row for row in sprites.rows if _allowed(row)]
        for row in listed[:: max(1, round(1 / share))]:
            names = [f"{style}/{row['codepoint']}" for style in ("fluent3d", "noto")]
            if all(map(sprites.holds, names)):
                styles = [_sprite(packed.cut_out(sprites.read(name))) for name in names]
                found.append(np.stack(styles))
    if not found:
        return torch.zeros(0, 2, 4, SPRITE_SIDE, SPRITE_SIDE, dtype=torch.uint8)
    return torch.from_numpy(np.stack(found))


def _allowed(row: packed.Row) -> bool:
    """Leave out what shows the classes on which photographs are measured."""
    return row["suggested"] == "train" and not any(word in row["name"] for word in NO_SPRITES)


def _sprite(image: np.ndarray) -> np.ndarray:
    """Put a sprite into the middle of a square: uint8 [4, SPRITE_SIDE, SPRITE_SIDE]."""
    square = np.zeros((SPRITE_SIDE, SPRITE_SIDE, 4), np.uint8)
    image = image[:SPRITE_SIDE, :SPRITE_SIDE]
    top, left = ((SPRITE_SIDE - size) // 2 for size in image.shape[:2])
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    return square.transpose(2, 0, 1)


Drawn = tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]


def _draw(number: int) -> Drawn:
    random = np.random.default_rng([number, 20260101])
    side = DRAWN_SIDES[number % len(DRAWN_SIDES)]
    drawing = draw(random, side, size=(0.10, 0.22))
    things = [(thing.colour, thing.shape) for thing in drawing.things]
    return drawing.picture, drawing.labels.astype(np.uint8), things


def _drawings(count: int, workers: int) -> Iterator[Drawn]:
    if workers < 2:
        yield from map(_draw, range(count))
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_draw, range(count), chunksize=50)


def _drawn_classes(things: list[tuple[str, str]]) -> dict[tuple[str, str], np.ndarray]:
    """Return what can be marked in a drawing: kind and name -> values, bool [256]."""
    found = {}
    for kind, names in (("colour", COLOURS), ("shape", SHAPES)):
        for name in names:
            values = np.zeros(256, bool)
            for place, thing in enumerate(things, start=1):
                values[place] = name in thing
            if values.any():
                found[kind, name] = values
    values = np.zeros(256, bool)
    values[1 : len(things) + 1] = True
    found["all", "all"] = values
    return found
