"""The answer about several objects: one label map, and every object's own mask under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from icl_core.errors import PluginError
from icl_core.results.prediction import check_array
from icl_core.results.rle import encode_rle
from icl_core.results.save import strict_json
from icl_core.results.segmentation import Segmentation

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False, repr=False)
class LabelMap(Segmentation):
    """Which object each pixel of the query shows.

    `mask` is where there is any object, `logits` the largest logit of all objects a pixel. Saved as
    `.png` it is a palette picture of the ids.

    Args:
        labels: int32 [H, W], the id of the object; 0 = none.
        ids: the id of each of the N objects; in a context's palette mask it is the palette's.
        names: what each object is called.
        object_logits: float32 [N, H, W], each object by itself: objects may overlap here. None
            where they were not kept, which saves memory with many objects.
        object_scores: the learner's confidence in each object.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    labels: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    object_logits: np.ndarray | None = None
    object_scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(self.ids)
        check_array("LabelMap", "labels", self.labels, np.int32, self.mask.shape)
        if self.object_logits is not None:
            shape = (count, *self.mask.shape)
            check_array("LabelMap", "object_logits", self.object_logits, np.float32, shape)
        if count != len(self.names) or count != len(self.object_scores):
            raise PluginError(
                f"LabelMap has {count} ids, {len(self.names)} names and "
                f"{len(self.object_scores)} scores, expected as many of each"
            )

    @property
    def objects(self) -> tuple[Segmentation, ...]:
        """Each object by itself, in the order of `ids`.

        Where the objects' own logits were not kept, its part of the label map, logits 1 and -1.
        """
        found = []
        for place, number in enumerate(self.ids):
            if self.object_logits is None:
                logits = np.where(self.labels == number, 1, -1).astype(np.float32)
            else:
                logits = self.object_logits[place]
            meta = {"id": number, "name": self.names[place]}
            found.append(Segmentation(logits > 0, logits, self.object_scores[place], meta=meta))
        return tuple(found)

    def __repr__(self) -> str:
        height, width = self.mask.shape
        shown = ", ".join(
            f"{name} {(self.labels == number).mean():.1%}"
            for number, name in list(zip(self.ids, self.names, strict=True))[:4]
        )
        return f"LabelMap({height}x{width}, {len(self.ids)} objects: {shown})"

    def _picture(self) -> Image.Image:
        """A palette picture of the ids."""
        return palette_picture(self.labels)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = super()._arrays()
        arrays |= {"labels": self.labels, "ids": np.asarray(self.ids, np.int32)}
        if self.object_logits is not None:
            arrays["object_logits"] = self.object_logits
        return arrays

    def plot(
        self, path: str | Path | None = None, *, image: Any = None, overwrite: bool = False
    ) -> Image.Image:
        """Draw every object in a colour of its own, over the image where one is given.

        Args:
            path: where to write the drawing, if anywhere.
            image: the query: uint8 [H, W, 3], a path, or a Pillow picture.
            overwrite: whether an existing file may be replaced.
        """
        from icl_core.results.draw import finish, overlay

        drawing = np.zeros((*self.mask.shape, 3), np.uint8) if image is None else image
        for number in self.ids:
            drawing = overlay(drawing, self.labels == number, colour=colour_of(number))
        return finish(np.asarray(drawing), path, overwrite)

    def to_supervision(self, class_id: int = 0) -> Any:
        """Return `supervision.Detections` with one detection an object, its id as the class.

        Args:
            class_id: added to the ids.

        Raises:
            MissingExtraError: supervision is not installed.
        """
        found = [
            Segmentation(self.labels == number, self.logits, score).to_supervision(
                class_id + number
            )
            for number, score in zip(self.ids, self.object_scores, strict=True)
        ]
        return type(found[0]).merge(found)

    def to_coco(
        self, image_id: int | str = 0, category_id: int = 1, first_id: int = 1
    ) -> list[dict[str, Any]]:
        """Return one COCO annotation for each object that is in the label map.

        Args:
            image_id: id of the query image in the COCO file.
            category_id: category of the id 1; by default an object's category is its id.
            first_id: id of the first annotation; the others follow.
        """
        found: list[dict[str, Any]] = []
        for number, score in zip(self.ids, self.object_scores, strict=True):
            part = Segmentation(self.labels == number, self.logits, score)
            found += part.to_coco(image_id, category_id + number - 1, first_id + len(found))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return every object as COCO run lengths of its part of the label map."""
        found = super().to_dict()
        parts = zip(self.ids, self.names, self.object_scores, strict=True)
        found["objects"] = [
            {
                "id": int(number),
                "name": name,
                "score": strict_json(score),
                "rle": encode_rle(self.labels == number),
            }
            for number, name, score in parts
        ]
        return found


def resolve(
    logits: np.ndarray, ids: Sequence[int], names: Sequence[str], scores: Sequence[float]
) -> LabelMap:
    """Resolve overlapping objects into one map: a pixel goes to its largest positive logit.

    Args:
        logits: float32 [N, H, W]; the first object wins a tie.
        ids: id of each object, none of them 0.
        names: name of each object.
        scores: confidence in each object.
    """
    best = logits.argmax(axis=0)
    most = np.take_along_axis(logits, best[None], axis=0)[0]
    return labelled(most, best, ids, names, scores, logits)


def labelled(
    most: np.ndarray,
    best: np.ndarray,
    ids: Sequence[int],
    names: Sequence[str],
    scores: Sequence[float],
    logits: np.ndarray | None = None,
) -> LabelMap:
    """Make a label map from the winner of each pixel.

    Args:
        most: float32 [H, W], the largest logit.
        best: whole numbers [H, W], the place of its object in `ids`.
        ids: as in `resolve`.
        names: as in `resolve`.
        scores: as in `resolve`.
        logits: float32 [N, H, W] of all objects, where they are kept.
    """
    labels = np.where(most > 0, np.asarray(ids, np.int32)[best], 0).astype(np.int32)
    return LabelMap(
        most > 0,
        most,
        float(np.mean(scores)),
        labels=labels,
        ids=tuple(int(number) for number in ids),
        names=tuple(names),
        object_logits=logits,
        object_scores=tuple(float(score) for score in scores),
    )


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of an id; black for 0, hues a golden angle apart for the others."""
    import colorsys

    if number == 0:
        return (0, 0, 0)
    red, green, blue = colorsys.hsv_to_rgb(
        (0.06 + (number - 1) * 0.618034) % 1, 0.85, 1.0 if number % 2 else 0.75
    )
    return round(255 * red), round(255 * green), round(255 * blue)


def palette_picture(labels: np.ndarray) -> Image.Image:
    """Return a label map [H, W] as a palette picture; 16-bit grey where an id exceeds 255."""
    from PIL import Image

    if labels.max(initial=0) > 255:
        return Image.fromarray(labels.astype(np.uint16))
    size = (labels.shape[1], labels.shape[0])
    indexed = Image.frombytes("P", size, labels.astype(np.uint8).tobytes())
    indexed.putpalette([part for number in range(256) for part in colour_of(number)])
    return indexed
