"""The answer of a segmentation learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from icl_core.errors import MissingExtraError, PluginError
from icl_core.results.prediction import Prediction, check_array
from icl_core.results.rle import decode_rle, encode_rle
from icl_core.results.save import atomic_path, check_suffix, strict_json, write_json

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(Prediction):
    """Which pixels of the query show the object.

    Args:
        mask: bool [H, W] at the query's own size; True = object.
        logits: float32 [H, W], the values the mask was cut from.
        score: the learner's own confidence in the mask, if it has one.
        canvas: float32, the network's raw output before anything was resized.
        meta: how the answer came about.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    mask: np.ndarray
    logits: np.ndarray
    score: float | None = None
    canvas: np.ndarray | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".npz", ".json")

    def __post_init__(self) -> None:
        check_array("Segmentation", "mask", self.mask, np.bool_, (None, None))
        check_array("Segmentation", "logits", self.logits, np.float32, self.mask.shape)
        if self.mask.size == 0:
            raise PluginError(f"Segmentation.mask is {list(self.mask.shape)}, without a pixel")
        if self.canvas is not None:
            any_size = (None,) * np.ndim(self.canvas)
            check_array("Segmentation", "canvas", self.canvas, np.float32, any_size)
        if self.score is not None:
            object.__setattr__(self, "score", float(self.score))
        object.__setattr__(self, "meta", dict(self.meta))

    def __repr__(self) -> str:
        height, width = self.mask.shape
        score = "" if self.score is None else f", score={self.score:.3g}"
        return f"Segmentation(mask {height}x{width}, {self.mask.mean():.1%} object{score})"

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a `.png` (0 and 255), a `.npz` (all arrays), or a `.json` (run lengths).

        See `Prediction.save`.
        """
        suffix = check_suffix(path, self.suffixes)
        if suffix == ".json":
            return write_json(path, self.to_dict(), overwrite)
        with atomic_path(path, overwrite) as temporary:
            if suffix == ".png":
                self._picture().save(temporary)
            else:
                with temporary.open("wb") as file:
                    np.savez_compressed(file, **self._arrays())  # type: ignore[arg-type]
        return Path(path)

    def _picture(self) -> Image.Image:
        """What a `.png` holds."""
        from PIL import Image

        return Image.fromarray(np.where(self.mask, 255, 0).astype(np.uint8))

    def _arrays(self) -> dict[str, np.ndarray]:
        """What a `.npz` holds."""
        arrays = {"mask": self.mask, "logits": self.logits}
        return arrays if self.canvas is None else {**arrays, "canvas": self.canvas}

    def plot(
        self, path: str | Path | None = None, *, image: Any = None, overwrite: bool = False
    ) -> Image.Image:
        """Draw the mask over its image, or in black and white where no image is given.

        Args:
            path: where to write the drawing, if anywhere.
            image: the query: uint8 [H, W, 3], a path, or a Pillow picture.
            overwrite: whether an existing file may be replaced.
        """
        from icl_core.results.draw import finish, mask_picture, overlay

        drawing = mask_picture(self.mask) if image is None else overlay(image, self.mask)
        return finish(drawing, path, overwrite)

    def to_dict(self) -> dict[str, Any]:
        """Return the mask as COCO run lengths with score and meta; logits are left out."""
        return {
            "type": "segmentation",
            "height": int(self.mask.shape[0]),
            "width": int(self.mask.shape[1]),
            "rle": self.to_rle(),
            "score": strict_json(self.score),
            "meta": strict_json(self.meta),
        }

    def to_rle(self, *, compressed: bool = False) -> dict[str, Any]:
        """Return the mask as COCO run lengths: `size` [H, W] and `counts`.

        Args:
            compressed: counts as the packed text of COCO's result files, else a list of numbers.
        """
        return encode_rle(self.mask, compressed=compressed)

    def to_coco(
        self, image_id: int | str = 0, category_id: int = 1, first_id: int = 1
    ) -> list[dict[str, Any]]:
        """Return COCO annotations: one, or none for an empty mask.

        Each has what a COCO file asks of an annotation and of a result: `segmentation` as
        compressed run lengths, `area` in pixels, `bbox` [x, y, width, height], `iscrowd` 0, and
        `score` where there is one.

        Args:
            image_id: id of the query image in the COCO file.
            category_id: id of what was segmented.
            first_id: id of the first annotation; COCO's own tools want them from 1.
        """
        if not self.mask.any():
            return []
        left, top, right, bottom = _box(self.mask)
        found: dict[str, Any] = {
            "id": first_id,
            "image_id": image_id,
            "category_id": category_id,
            "segmentation": self.to_rle(compressed=True),
            "area": int(self.mask.sum()),
            "bbox": [left, top, right - left + 1, bottom - top + 1],
            "iscrowd": 0,
        }
        if self.score is not None:
            found["score"] = strict_json(self.score)
        return [found]

    @classmethod
    def from_rle(cls, rle: Mapping[str, Any], score: float | None = None) -> Segmentation:
        """Make a segmentation from run lengths; its logits are 1 on the object and -1 elsewhere.

        Raises:
            InputError: the run lengths do not describe a mask.
        """
        mask = decode_rle(rle)
        return cls(mask, np.where(mask, 1, -1).astype(np.float32), score)

    def to_supervision(self, class_id: int = 0) -> Any:
        """Return `supervision.Detections` with one detection, or with none for an empty mask.

        Raises:
            MissingExtraError: supervision is not installed.
        """
        try:
            import supervision
        except ImportError as error:
            raise MissingExtraError(
                "Segmentation.to_supervision needs the library supervision",
                hint="pip install supervision",
            ) from error
        if not self.mask.any():
            return supervision.Detections.empty()
        return supervision.Detections(
            xyxy=np.array([_box(self.mask)], dtype=np.float32),
            mask=self.mask[None],
            confidence=None if self.score is None else np.array([self.score], dtype=np.float32),
            class_id=np.array([class_id], dtype=int),
        )


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a mask with an object shows; the ends belong to it."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
