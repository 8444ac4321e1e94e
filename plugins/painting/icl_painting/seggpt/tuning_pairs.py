"""The pictures and targets that a prompt is tuned on, and how they are varied."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icl_core import Example, InputError
from icl_core.coerce import to_image, to_mask
from icl_core.coerce.video import picture_files
from icl_painting.seggpt.targets import painted_target, white_on_black

SCALE, RATIO = (0.3, 1.0), (3 / 4, 4 / 3)
"""Share of a picture that a crop keeps, and its width over its height, as in training."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One picture and its target, read when they are needed.

    Args:
        name: for messages.
        image: whatever is a picture.
        target: a mask, or a picture in colour.
    """

    name: str
    image: Any
    target: Any

    def read(self, painted: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return picture and target, both uint8 [H, W, 3].

        Args:
            painted: whether the target is passed on as the picture it is; else it is a mask, which
                may be empty.

        Raises:
            InputError: one of them cannot be read, or they differ in size; names the pair.
        """
        try:
            image = to_image(self.image)
            target = painted_target(self.target, forced=painted)
            if target is not None and not painted:
                raise InputError(
                    "the target is in colour, expected a mask", hint="painted=True, or --painted"
                )
            if target is None:
                target = white_on_black(to_mask(self.target, allow_empty=True))
        except InputError as error:
            raise InputError(f"{self.name}: {error.message}", error.hint) from error
        if image.shape != target.shape:
            sizes = [f"{shape[0]}x{shape[1]}" for shape in (target.shape, image.shape)]
            raise InputError(
                f"{self.name}: the target is {sizes[0]}, expected the image's {sizes[1]} "
                "(height x width)"
            )
        return image, target


def pairs_of(examples: Iterable[Any]) -> list[Pair]:
    """Make pairs of examples, or of (picture, target) tuples.

    Raises:
        InputError: an item is something else, or there is none.
    """
    found = []
    for number, item in enumerate(examples, 1):
        if isinstance(item, Example):
            found.append(Pair(f"pair {number}", item.input, item.output))
        elif isinstance(item, tuple | list) and len(item) == 2:
            found.append(Pair(f"pair {number}", item[0], item[1]))
        else:
            raise InputError(f"pair {number} is {type(item).__name__}, expected (picture, target)")
    if not found:
        raise InputError("there is nothing to tune on, expected at least one pair")
    return found


def pairs_in(folder: str | Path) -> list[Pair]:
    """Find pairs in a folder: `images/NAME.*` and `masks/NAME.*`.

    Raises:
        InputError: a folder is missing or empty, a picture has no target, or two have one name.
    """
    files: dict[str, dict[str, Path]] = {}
    for kind in ("images", "masks"):
        place = Path(folder) / kind
        if not place.is_dir():
            raise InputError(f"the folder {place} does not exist, expected images/ and masks/")
        listed = picture_files(place)
        files[kind] = {file.stem: file for file in listed}
        if len(files[kind]) < len(listed):
            raise InputError(f"two files in {place} have the same name but for its ending")
    alone = [name for name in files["images"] if name not in files["masks"]]
    if alone:
        raise InputError(
            f"{len(alone)} pictures in {folder} have no mask, such as {alone[0]!r}",
            hint="a picture that shows nothing has an empty mask",
        )
    return [Pair(repr(name), file, files["masks"][name]) for name, file in files["images"].items()]


def varied(
    image: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Crop a picture and its target alike, and mirror every second one.

    Args:
        image: uint8 [H, W, 3].
        target: the same shape.
        rng: of the draws.

    Returns:
        Both of the crop's size. It is drawn as in training: 0.3 to 1 of the area, 3/4 to 4/3 as
        wide as high (arXiv 2212.02499); the whole picture where none fits.
    """
    height, width = image.shape[:2]
    for _ in range(10):
        area = height * width * rng.uniform(*SCALE)
        ratio = math.exp(rng.uniform(*np.log(RATIO)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
            image, target = (x[top : top + h, left : left + w] for x in (image, target))
            break
    if rng.random() < 0.5:
        image, target = image[:, ::-1], target[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(target)


def order(count: int, start: int, number: int, seed: int) -> list[int]:
    """Return which pairs come next, each once a round, rounds in random order.

    Args:
        count: number of pairs.
        start: how many were drawn before.
        number: how many are wanted.
        seed: of the rounds.
    """
    found: list[int] = []
    while len(found) < number:
        turn, place = divmod(start + len(found), count)
        mixed = np.random.default_rng([seed, turn, 0]).permutation(count)
        found += mixed[place : place + number - len(found)].tolist()
    return found


def names_of(pairs: Sequence[Pair]) -> str:
    """Return a digest of the pairs' names, to tell data sets apart."""
    import hashlib

    return hashlib.sha256("\n".join(pair.name for pair in pairs).encode()).hexdigest()[:16]
