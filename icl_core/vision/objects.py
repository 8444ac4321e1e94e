"""Which examples of a context show which object: the bookkeeping of K-shot contexts.

What tells objects apart is described in `icl_core.vision.palette_contexts`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from icl_core.errors import InputError
from icl_core.types import Context


@dataclass(frozen=True)
class Shot:
    """One example: its image's place in `Shown.images`, its mask, its place in the context."""

    image: int
    mask: np.ndarray
    example: int


@dataclass(frozen=True)
class ShownObject:
    """An object and the examples that show it.

    Args:
        key: what tells it from the others; None for the only one.
        name: class name, if it has one.
        instance: whether the examples call it an instance rather than a class.
        shots: examples that show it, at least one.
    """

    key: Hashable
    name: str | None
    instance: bool
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class Shown:
    """A context sorted by objects.

    Args:
        images: the different images, uint8 [H, W, 3].
        objects: in the order in which they first appear.
        negatives: examples that show what no object is.
    """

    images: tuple[np.ndarray, ...]
    objects: tuple[ShownObject, ...]
    negatives: tuple[Shot, ...]

    @property
    def ids(self) -> list[int]:
        """The ids of the objects: their own where all keys are positive numbers, else 1, 2, 3."""
        keys = [one.key for one in self.objects]
        numbers = [key for key in keys if isinstance(key, int) and not isinstance(key, bool)]
        proper = len(numbers) == len(keys) and all(0 < n < 2**31 for n in numbers)
        return numbers if proper else list(range(1, len(keys) + 1))

    @property
    def names(self) -> list[str]:
        """What the objects are called: their class, else their key, else their id."""
        return [
            one.name or str(number if one.key is None else one.key)
            for one, number in zip(self.objects, self.ids, strict=True)
        ]


def sort_context(context: Context) -> Shown:
    """Sort the coerced examples of a context by object; equal images become one.

    Raises:
        InputError: no example shows an object, or a name cannot be one.
    """
    images: list[np.ndarray] = []
    shots: dict[Hashable, list[Shot]] = {}
    named: dict[Hashable, tuple[str | None, bool]] = {}
    negatives: list[Shot] = []
    for number, example in enumerate(context.examples, 1):
        meta = example.meta
        name = meta.get("class_name")
        if name is not None and not isinstance(name, str):
            raise InputError(f"example {number}: its class_name is {name!r}, expected a text")
        shot = Shot(_place(images, example.input), example.output, number - 1)
        if meta.get("negative"):
            negatives.append(shot)
            continue
        key = meta.get("object", name)
        if not isinstance(key, Hashable):
            raise InputError(f"example {number}: its object is {key!r}, expected a number or text")
        shots.setdefault(key, []).append(shot)
        known = named.get(key, (None, False))
        named[key] = (known[0] or name, known[1] or bool(meta.get("instance")))
    if not shots:
        raise InputError(
            "the context has no example that shows an object, expected at least one",
            hint="negative examples go beside positive ones" if negatives else None,
        )
    objects = tuple(ShownObject(key, *named[key], tuple(found)) for key, found in shots.items())
    return Shown(tuple(images), objects, tuple(negatives))


def _place(images: list[np.ndarray], image: np.ndarray) -> int:
    for place, known in enumerate(images):
        if known is image or (known.shape == image.shape and np.array_equal(known, image)):
            return place
    images.append(image)
    return len(images) - 1
