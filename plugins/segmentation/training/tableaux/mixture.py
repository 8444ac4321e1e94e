"""A mixture of scenes and real pictures as batches of tasks that share their encodings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from icl_core.sources.packed import PackedFolder
from icl_segmentation.segic.network import MEAN
from tableaux.pools import (
    OUTSIDE,
    VOID,
    CutOuts,
    Labelled,
    LabelledSet,
    Sprites,
    packed_labels,
    regions,
    shrink,
)
from tableaux.scenes import Scenes
from tableaux.shapes import Shapes
from tableaux.views import lit, viewed

DEV_EMOJI = ("BOAT", "BOATS", "SHIP", "BUS", "DOG", "MOTOR", "SAILBOAT", "SPEEDBOAT", "TROLLEYBUS",
             "MOTORCYCLE", "SCOOTER", "POODLE", "CANOE", "FERRY",
             "boat", "boats", "ship", "bus", "dog", "motor", "sailboat", "speedboat", "trolleybus",
             "motorcycle", "scooter", "poodle", "canoe", "ferry")  # fmt: skip
"""Words in the names of sprites that show a class of the development set; they are left out."""

MOST_CLASSES = 4
"""Classes of a tableau that are asked."""
ABSENT = 0.25
"""Share of tableaux in which a class is asked that the target does not show."""

Pair = tuple[Labelled, Labelled]
Draw = Callable[[np.random.Generator, int], Pair]


@dataclass(frozen=True, eq=False)
class Batch:
    """Tasks over shared pictures.

    Args:
        pictures: float32 [P, 3, S, S] in [0, 1].
        labels: uint8 [P, S, S].
        target: int64 [T], the picture that is asked about.
        reference: int64 [T], the picture that is shown.
        kind: int64 [T], the class that is meant.
    """

    pictures: Tensor
    labels: Tensor
    target: Tensor
    reference: Tensor
    kind: Tensor

    def to(self, device: str) -> Batch:
        """Bring everything to a device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def masks(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the masks of the tasks in some pictures [T] and what is known, bool [T, S, S]."""
        labels = self.labels[places]
        return labels == self.kind[:, None, None].to(labels.dtype), labels < OUTSIDE


class Mixture:
    """Draws batches; number n of a run depends on the seed and on n alone.

    Args:
        parts: what is drawn and its share.
        tableaux: pairs of pictures a batch.
        seed: of all draws.
    """

    def __init__(self, parts: Sequence[tuple[Draw, float]], tableaux: int, seed: int) -> None:
        self._draws = [draw for draw, _ in parts]
        weights = np.array([weight for _, weight in parts])
        self._weights = weights / weights.sum()
        self._tableaux, self._seed = tableaux, seed

    def resize(self, tableaux: int) -> None:
        """Draw so many pairs a batch from now on."""
        self._tableaux = tableaux

    def batch(self, number: int, side: int) -> Batch:
        """Draw a batch of squares of a side in pixels."""
        images, labels, target, reference, kinds = [], [], [], [], []
        for place in range(self._tableaux):
            rng = np.random.default_rng([self._seed, number, place])
            pair, asked = self._tableau(rng, side)
            first = len(images)
            colours = _recolouring(rng)
            for picture in pair:
                image = colours(lit(picture.image, rng))
                image[picture.labels == OUTSIDE] = MEAN  # zero after normalisation
                images.append(image)
                labels.append(picture.labels)
            for one, other, kind in asked:
                target.append(first + one)
                reference.append(first + other)
                kinds.append(kind)
        stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
        return Batch(
            stacked,
            torch.from_numpy(np.stack(labels)),
            torch.tensor(target),
            torch.tensor(reference),
            torch.tensor(kinds),
        )

    def _tableau(
        self, rng: np.random.Generator, side: int
    ) -> tuple[Pair, list[tuple[int, int, int]]]:
        """Return two pictures and (target, reference, class) of what is asked."""
        while True:
            draw = self._draws[int(rng.choice(len(self._draws), p=self._weights))]
            pair = draw(rng, side)
            seen = [set(picture.classes(0.004, 0.95)) for picture in pair]
            both = sorted(seen[0] & seen[1])
            if not both:
                continue
            chosen = rng.permutation(both)[:MOST_CLASSES]
            asked = [(one, 1 - one, int(kind)) for kind in chosen for one in (0, 1)]
            for one in (0, 1):
                present = set(np.unique(pair[one].labels).tolist())
                absent = sorted(seen[1 - one] - present)
                # what is not known in the target may well be it
                if absent and rng.random() < ABSENT and VOID not in present:
                    asked.append((one, 1 - one, int(rng.choice(absent))))
            return pair, asked


def _recolouring(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Draw a change of colours that both pictures of a tableau share."""
    if rng.random() >= 0.25:
        return lambda image: image
    order, inverted = rng.permutation(3), rng.random(3) < 0.3

    def change(image: np.ndarray) -> np.ndarray:
        mixed = image[..., order]
        return np.where(inverted, 1 - mixed, mixed).astype(np.float32)

    return change


def pairs_of(pictures: LabelledSet) -> Draw:
    """Draw two pictures of a set that share a class."""

    def draw(rng: np.random.Generator, side: int) -> Pair:
        one, other = pictures.pair(rng)
        both = set(one.classes()) & set(other.classes())
        return viewed(one, side, rng, both), viewed(other, side, rng, both)

    return draw


def views_of(pictures: LabelledSet) -> Draw:
    """Draw two views of one picture with numbered regions."""

    def draw(rng: np.random.Generator, side: int) -> Pair:
        picture = pictures.one(rng)
        kinds = set(picture.classes(0.01, 0.7))
        first, second = (viewed(picture, side, rng, kinds) for _ in range(2))
        return first, second

    return draw


def scenes_of(scenes: Callable[[int], Scenes]) -> Draw:
    """Draw two scenes."""
    made: dict[int, Scenes] = {}

    def draw(rng: np.random.Generator, side: int) -> Pair:
        if side not in made:
            made[side] = scenes(side)
        return made[side].pair(rng)

    return draw


def build(data: Path, tableaux: int, seed: int) -> Mixture:
    """Build the mixture from a folder with the packed sets.

    Left out: pictures with a class of the development set, sprites of such things, DAVIS, blood
    cells.
    """
    voc = packed_labels(data / "pascal_voc", only={"suggested": "train"})
    bsds = regions(data / "bsds500_edges")
    eth = _eth80(data / "eth80")
    things = [
        (Sprites(data / "emoji_sprites", DEV_EMOJI), 0.4),
        (CutOuts(voc), 0.25),
        (Shapes(seed=seed), 0.25),
        (CutOuts(eth, most=0.9), 0.1),
    ]
    parts: list[tuple[Draw, float]] = [
        (scenes_of(lambda side: Scenes(things, [bsds, voc], side)), 0.5),
        (pairs_of(voc), 0.2),
        (views_of(bsds), 0.1),
        (pairs_of(packed_labels(data / "clothing_ccp")), 0.06),
        (pairs_of(packed_labels(data / "car_parts")), 0.05),
        (pairs_of(packed_labels(data / "camvid")), 0.04),
        (pairs_of(packed_labels(data / "dsb2018_nuclei", instances=True)), 0.02),
        (pairs_of(packed_labels(data / "retina_vessels")), 0.01),
        (pairs_of(packed_labels(data / "neu_steel")), 0.01),
        (pairs_of(packed_labels(data / "magnetic_tile", sub="defect")), 0.01),
    ]
    return Mixture(parts, tableaux, seed)


def _eth80(folder: Path) -> LabelledSet:
    """Read the objects of ETH-80; each category is a class."""
    packed = PackedFolder(folder, folder.name, "category")
    categories = sorted({row["category"] for row in packed.rows} - {"dog"})
    found = []
    for row in packed.rows:
        if row["category"] not in categories:
            continue
        key = packed.key(row)
        labels = (packed.ids(key) > 0) * (categories.index(row["category"]) + 1)
        found.append(shrink(packed.image(key), labels.astype(np.uint8), 96))
    return LabelledSet(found)
