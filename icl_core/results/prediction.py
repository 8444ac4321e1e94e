"""What all answers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from icl_core.errors import PluginError


class Prediction(ABC):
    """An answer of a learner. Subclasses are dataclasses with a `meta` dictionary.

    `meta` says how the answer came about: what was cut, scaled or rotated on the way.
    """

    meta: dict[str, Any]
    suffixes: ClassVar[tuple[str, ...]]
    """File name suffixes that `save` can write."""

    @abstractmethod
    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the answer to a file, in the format of its suffix.

        Args:
            path: where to; the folder has to exist.
            overwrite: whether an existing file may be replaced.

        Returns:
            The path that was written.

        Raises:
            InputError: unknown suffix, existing file, no such folder, disk full. Nothing is left
                half written.
        """

    @abstractmethod
    def plot(self, path: str | Path | None = None, *, overwrite: bool = False) -> Any:
        """Draw the answer for a person; write the drawing to `path` where one is given."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the answer as strict JSON data: no NaN, no infinity; None stands for both."""


def check_array(
    owner: str, name: str, value: Any, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> None:
    """Raise unless an array has this dtype and shape; None in `shape` stands for any size.

    Raises:
        PluginError: names the field, what it is, and what was expected.
    """
    wanted = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
    expected = f"expected {np.dtype(dtype).name} {wanted}"
    if not isinstance(value, np.ndarray):
        raise PluginError(f"{owner}.{name} is {type(value).__name__}, {expected}")
    fits = value.ndim == len(shape) and all(
        wanted_size in (None, size) for size, wanted_size in zip(value.shape, shape, strict=True)
    )
    if value.dtype != np.dtype(dtype) or not fits:
        raise PluginError(f"{owner}.{name} is {value.dtype} {list(value.shape)}, {expected}")
