"""The options that `icl.load("seggpt", ...)` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_core import InputError

TYPES = {"semantic": 0, "instance": 1}
"""What the examples show -> the number by which the network knows it."""

CLASSES = ("separate", "colours")
RESAMPLES = ("nearest", "bilinear")
MEMORY = 8
"""Frames that the paper keeps (arXiv 2304.03284); the released script keeps none."""


@dataclass(frozen=True)
class Options:
    """The options of `icl.load`; the card says what each does.

    Raises:
        InputError: one of them has a bad value.
    """

    type: str | None = None
    classes: str = "separate"
    memory: int | None = None
    most_prompts: int | None = None
    prompt: str | Path | None = None
    image_size: int | None = None
    resample: str = "nearest"
    batch_size: int | None = None

    def __post_init__(self) -> None:
        _one_of("type", self.type, (None, *TYPES))
        _one_of("classes", self.classes, CLASSES)
        _one_of("resample", self.resample, RESAMPLES)
        _whole("memory", self.memory, 0)
        for name in ("most_prompts", "image_size", "batch_size"):
            _whole(name, getattr(self, name), 1)

    def frames(self, official: bool) -> int:
        """Return how many frames of a video are remembered."""
        if self.memory is not None:
            return self.memory
        return 0 if official else MEMORY


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        shown = ", ".join(one for one in known if one is not None)
        raise InputError(f"{name} is {value!r}, expected one of {shown}")


def _whole(name: str, value: Any, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}, expected a whole number from {least}")
