"""The options that `icl.load("painter", ...)` takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from icl_core import InputError
from icl_painting.canvas import RESIZING
from icl_painting.tasks import TASKS, PaintingTask, class_names, palettes
from icl_painting.tasks.depth import FARTHEST

SHOTS = ("average", "ensemble")
"""How several examples work together: their predictions are averaged, or they share the query's
features in every block, as in SegGPT (arXiv 2304.03284, section 3.3)."""


FITS = ("squash", "pad")
"""How pictures get into the network's square: resized, as published, or at their own scale."""


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of a semantic task.

    Args:
        palette: uint8 [K, 3], the colour of each.
        names: K names; empty where they have none.
        black: whether a pixel may be of no class.
    """

    palette: np.ndarray
    names: tuple[str, ...]
    black: bool

    @property
    def by_label(self) -> dict[int, str]:
        """Label, from 1, -> name."""
        return dict(enumerate(self.names, 1))


@dataclass(frozen=True)
class Options:
    """The options of `icl.load`; the card says what each does."""

    task: str | None = None
    image_size: int | None = None
    batch_size: int | None = None
    shots: str = "average"
    target_resize: str | None = None
    query_resize: str = "bicubic"
    fit: str | None = None
    classes: str | int | Sequence[str] = "ade20k"
    distance: str = "abs"
    unlabelled: bool | None = None
    farthest: float = FARTHEST
    stuff_area: int = 8192
    flip: bool = True

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            known = ", ".join(repr(name) for name in TASKS)
            raise InputError(f"task is {self.task!r}, expected one of {known}")
        choices = {
            "shots": SHOTS,
            "target_resize": (None, *RESIZING[:3]),
            "query_resize": RESIZING,
            "fit": (None, *FITS),
            "distance": palettes.DISTANCES,
            "unlabelled": (None, True, False),
            "flip": (True, False),
        }
        for name, known_values in choices.items():
            value = getattr(self, name)
            if value not in known_values:
                shown = ", ".join(repr(one) for one in known_values)
                raise InputError(f"{name} is {value!r}, expected one of {shown}")
        for name in ("image_size", "batch_size", "stuff_area"):
            number = getattr(self, name)
            whole = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and (not whole or number < 1):
                raise InputError(f"{name} is {number!r}, expected a whole number from 1")
        far = self.farthest
        if not isinstance(far, int | float) or not np.isfinite(far) or far <= 0:
            raise InputError(f"farthest is {far!r}, expected a distance in metres above 0")
        _ = self.known_classes

    @property
    def row(self) -> PaintingTask:
        """The row of the table of tasks."""
        return TASKS[self.task]

    @property
    def target(self) -> str:
        """How a prompt's output picture is resized."""
        return self.target_resize or self.row.target

    def side(self, own: int, patch: int) -> int:
        """Return the side of the squares, in pixels.

        Args:
            own: side that the network was made for.
            patch: side of a patch.

        Raises:
            InputError: the asked side is no multiple of the patch.
        """
        if self.image_size is None:
            return max(1, round(own * self.row.scale / patch)) * patch
        if self.image_size % patch:
            raise InputError(
                f"image_size is {self.image_size}, expected a multiple of the patch, {patch}"
            )
        return self.image_size

    @cached_property
    def known_classes(self) -> Classes:
        """The classes of the semantic task.

        Raises:
            InputError: the option `classes` names none.
        """
        asked = self.classes
        if asked == "ade20k":
            return Classes(palettes.ADE20K, class_names.ADE20K, bool(self.unlabelled))
        if asked == "coco":
            names = class_names.COCO_PANOPTIC
            return Classes(palettes.COCO_PANOPTIC, names, bool(self.unlabelled))
        black = self.unlabelled is not False
        if isinstance(asked, int) and not isinstance(asked, bool) and asked >= 1:
            return Classes(palettes.class_palette(asked), (), black)
        listed = isinstance(asked, list | tuple) and asked
        if listed and all(isinstance(name, str) for name in listed):
            names = tuple(str(name) for name in listed)
            return Classes(palettes.class_palette(len(names)), names, black)
        raise InputError(
            f"classes is {asked!r:.80}, expected 'ade20k', 'coco', a number of classes or a list "
            "of their names"
        )
