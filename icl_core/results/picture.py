"""The answer of a painting learner."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from icl_core.errors import PluginError
from icl_core.results.prediction import Prediction, check_array
from icl_core.results.save import atomic_path, check_suffix, strict_json, write_json

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False, repr=False)
class Picture(Prediction):
    """The picture a learner painted for the query.

    Args:
        image: uint8 [H, W, 3] at the query's own size.
        canvas: float32 [3, h, w], the network's raw output before anything was resized.
        meta: how the answer came about.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    image: np.ndarray
    canvas: np.ndarray | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp", ".npz", ".json")

    def __post_init__(self) -> None:
        check_array("Picture", "image", self.image, np.uint8, (None, None, 3))
        if self.image.size == 0:
            raise PluginError(f"Picture.image is {list(self.image.shape)}, without a pixel")
        if self.canvas is not None:
            check_array("Picture", "canvas", self.canvas, np.float32, (3, None, None))
        object.__setattr__(self, "meta", dict(self.meta))

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        canvas = "" if self.canvas is None else ", canvas " + "x".join(map(str, self.canvas.shape))
        return f"Picture(image {height}x{width}{canvas})"

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a `.png`, `.jpg` or `.webp` picture, a `.npz` (all arrays), or a `.json`.

        JPEG and WebP lose detail. See `Prediction.save`.
        """
        suffix = check_suffix(path, self.suffixes)
        if suffix == ".json":
            return write_json(path, self.to_dict(), overwrite)
        with atomic_path(path, overwrite) as temporary:
            if suffix == ".npz":
                canvas = {} if self.canvas is None else {"canvas": self.canvas}
                with temporary.open("wb") as file:
                    np.savez_compressed(file, image=self.image, **canvas)  # type: ignore[arg-type]
            else:
                from icl_core.results.draw import write_picture

                write_picture(temporary, self.image)
        return Path(path)

    def plot(self, path: str | Path | None = None, *, overwrite: bool = False) -> Image.Image:
        """Return the picture as a Pillow picture; write it to `path` where one is given."""
        from icl_core.results.draw import finish

        return finish(self.image, path, overwrite)

    def to_dict(self) -> dict[str, Any]:
        """Return the picture as a PNG in base64 with its size and meta; the canvas is left out."""
        from PIL import Image

        png = io.BytesIO()
        Image.fromarray(self.image).save(png, "PNG")
        return {
            "type": "picture",
            "height": int(self.image.shape[0]),
            "width": int(self.image.shape[1]),
            "png_base64": base64.b64encode(png.getvalue()).decode("ascii"),
            "meta": strict_json(self.meta),
        }
