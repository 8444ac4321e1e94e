"""What pictures painted by Painter mean: depth, labels, segments, keypoints.

Each answer is a `Picture`: `image` is a picture of it and `canvas` the network's raw output.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from icl_core import InputError, Picture, PluginError
from icl_core.results.label_map import colour_of, palette_picture
from icl_core.results.prediction import check_array
from icl_core.results.save import atomic_path, check_suffix, strict_json, write_json
from icl_painting.tasks.class_names import COCO_IDS
from icl_painting.tasks.keypoints import JOINTS, LINES, NAMES

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False, repr=False)
class Decoded(Picture):
    """A painted picture that was read: what its subclasses share."""

    kind: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".png", ".npz", ".json")

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a `.png` of the values, a `.npz` (all arrays), or a `.json`.

        See `Prediction.save`; the classes say what their `.png` holds.
        """
        suffix = check_suffix(path, self.suffixes)
        if suffix == ".json":
            return write_json(path, self.to_dict(), overwrite)
        with atomic_path(path, overwrite) as temporary:
            if suffix == ".png":
                self._png().save(temporary)
            else:
                arrays = {"image": self.image, **self._arrays()}
                if self.canvas is not None:
                    arrays["canvas"] = self.canvas
                with temporary.open("wb") as file:
                    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as strict JSON data; `png_base64` is what a saved `.png` holds."""
        png = io.BytesIO()
        self._png().save(png, "PNG")
        return {
            "type": self.kind,
            "height": int(self.image.shape[0]),
            "width": int(self.image.shape[1]),
            "png_base64": base64.b64encode(png.getvalue()).decode("ascii"),
            **self._facts(),
            "meta": strict_json(self.meta),
        }

    def _png(self) -> Image.Image:
        """What a `.png` holds."""
        from PIL import Image

        return Image.fromarray(self.image)

    def _arrays(self) -> dict[str, np.ndarray]:
        """What a `.npz` holds beside picture and canvas."""
        return {}

    def _facts(self) -> dict[str, Any]:
        """What a `.json` says beside size and picture."""
        return {}


@dataclass(frozen=True, eq=False, repr=False)
class DepthMap(Decoded):
    """How far away each pixel of the query is.

    `image` is the painted depth, white is far. Saved as `.png` it has 16 bits of millimetres, as
    depth prompts have; 0 means not measured.

    Args:
        depth: float32 [H, W] in metres.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    depth: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    kind: ClassVar[str] = "depth_map"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_array("DepthMap", "depth", self.depth, np.float32, self.image.shape[:2])

    def __repr__(self) -> str:
        height, width = self.depth.shape
        return f"DepthMap({height}x{width}, {self.depth.min():.2f} to {self.depth.max():.2f} m)"

    @property
    def millimetres(self) -> np.ndarray:
        """Whole millimetres, uint16 [H, W]; farther than 65.535 m is cut."""
        # In float64, so that whole millimetres survive the way through metres.
        values = np.round(self.depth.astype(np.float64) * 1000)
        return np.clip(values, 0, 65535).astype(np.uint16)

    def _png(self) -> Image.Image:
        from PIL import Image

        return Image.fromarray(self.millimetres)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"depth": self.depth}

    def _facts(self) -> dict[str, Any]:
        low, middle, high = np.quantile(self.depth, (0, 0.5, 1)).tolist()
        return {"unit": "mm", "nearest_m": low, "median_m": middle, "farthest_m": high}

    def plot(self, path: str | Path | None = None, *, overwrite: bool = False) -> Image.Image:
        """Draw the depth from black (the nearest pixel) to white (the farthest)."""
        from icl_core.results.draw import finish

        low, high = float(self.depth.min()), float(self.depth.max())
        grey = np.round((self.depth - low) / max(high - low, 1e-6) * 255).astype(np.uint8)
        return finish(np.repeat(grey[..., None], 3, axis=-1), path, overwrite)


@dataclass(frozen=True, eq=False, repr=False)
class SemanticMap(Decoded):
    """The class of each pixel of the query.

    `image` is the painted picture in the colours of the task. Saved as `.png` it is a palette
    picture of the labels.

    Args:
        labels: int32 [H, W], counted as in the context's label maps: 1 is the first class, 0 is
            none.
        names: label -> name of the class, for those that have one.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    labels: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    names: dict[int, str] = field(default_factory=dict)

    kind: ClassVar[str] = "semantic_map"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_array("SemanticMap", "labels", self.labels, np.int32, self.image.shape[:2])

    def __repr__(self) -> str:
        height, width = self.labels.shape
        shown = ", ".join(f"{c['name'] or c['label']} {c['share']:.1%}" for c in self.classes[:4])
        return f"SemanticMap({height}x{width}: {shown})"

    @property
    def classes(self) -> list[dict[str, Any]]:
        """The classes that are seen, the largest first: `label`, `name`, `share` of the pixels."""
        labels, counts = np.unique(self.labels, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [
            {
                "label": int(labels[n]),
                "name": self.names.get(int(labels[n])),
                "share": float(counts[n] / self.labels.size),
            }
            for n in order
        ]

    def _png(self) -> Image.Image:
        return palette_picture(self.labels)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"labels": self.labels}

    def _facts(self) -> dict[str, Any]:
        return {"classes": self.classes}


@dataclass(frozen=True)
class Segment:
    """A segment of a panoptic map.

    Args:
        id: its number in the map.
        category: 0 to 132, in the order of COCO's panoptic categories.
        name: of the category.
        is_thing: whether it is one object, not a stretch of stuff.
        area: in pixels.
        score: of a thing; None for stuff.
    """

    id: int
    category: int
    name: str
    is_thing: bool
    area: int
    score: float | None = None

    @property
    def category_id(self) -> int:
        """The category's id in COCO's files."""
        return COCO_IDS[self.category]


@dataclass(frozen=True, eq=False, repr=False)
class PanopticMap(Decoded):
    """Which object or stuff each pixel of the query shows.

    `image` has every segment in a colour of its own; `canvas` is the network's output of classes.
    Saved as `.png` it is a palette picture of the ids.

    Args:
        ids: int32 [H, W], the segment of each pixel; 0 = none.
        segments: what they are.
        paintings: uint8 [2, H, W, 3], the painted classes and the painted instances, if kept.
        instance_canvas: float32 [3, h, w], the network's output of instances.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    ids: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    segments: tuple[Segment, ...] = ()
    paintings: np.ndarray | None = None
    instance_canvas: np.ndarray | None = None

    kind: ClassVar[str] = "panoptic_map"

    def __post_init__(self) -> None:
        super().__post_init__()
        size = self.image.shape[:2]
        check_array("PanopticMap", "ids", self.ids, np.int32, size)
        if self.paintings is not None:
            check_array("PanopticMap", "paintings", self.paintings, np.uint8, (2, *size, 3))
        lost = np.setdiff1d(np.unique(self.ids), [0, *(segment.id for segment in self.segments)])
        if len(lost):
            raise PluginError(f"PanopticMap.ids has the segment {int(lost[0])}, which is not known")

    def __repr__(self) -> str:
        height, width = self.ids.shape
        shown = ", ".join(segment.name for segment in self.segments[:4])
        return f"PanopticMap({height}x{width}, {len(self.segments)} segments: {shown})"

    def _png(self) -> Image.Image:
        return palette_picture(self.ids)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {
            "ids": self.ids,
            "segment_ids": np.array([s.id for s in self.segments], np.int32),
            "categories": np.array([s.category for s in self.segments], np.int32),
        }
        if self.paintings is not None:
            arrays["paintings"] = self.paintings
        if self.instance_canvas is not None:
            arrays["instance_canvas"] = self.instance_canvas
        return arrays

    def _facts(self) -> dict[str, Any]:
        return {"segments": [strict_json({**vars(s)}) for s in self.segments]}

    def to_coco(self, image_id: int | str = 0, file_name: str = "") -> dict[str, Any]:
        """Return the annotation of COCO's panoptic format; its picture is `coco_picture`."""
        return {
            "image_id": image_id,
            "file_name": file_name,
            "segments_info": [
                {"id": s.id, "category_id": s.category_id, "isthing": int(s.is_thing)}
                for s in self.segments
            ],
        }

    def coco_picture(self) -> np.ndarray:
        """Return the ids as COCO's panoptic pictures hold them, red first: uint8 [H, W, 3]."""
        parts = [self.ids >> shift & 255 for shift in (0, 8, 16)]
        return np.stack(parts, axis=-1).astype(np.uint8)


@dataclass(frozen=True, eq=False, repr=False)
class Keypoints(Decoded):
    """Where the seventeen joints of a person are.

    `image` is the painted picture; the network sees one person, the one in `meta["box"]` where a
    box was given, else the whole picture. Saved as `.png` it is `image`.

    Args:
        points: float32 [17, 2], x and y in pixels of the query, in COCO's order.
        scores: float32 [17], 0 to 1; 0 = not found.
        heatmaps: float32 [17, h, w] in the crop of the person, if kept.

    Raises:
        PluginError: a field has another type, shape or dtype.
    """

    points: np.ndarray = field(default_factory=lambda: np.zeros((JOINTS, 2), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(JOINTS, np.float32))
    heatmaps: np.ndarray | None = None

    kind: ClassVar[str] = "keypoints"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_array("Keypoints", "points", self.points, np.float32, (JOINTS, 2))
        check_array("Keypoints", "scores", self.scores, np.float32, (JOINTS,))
        if self.heatmaps is not None:
            shape = (JOINTS, None, None)
            check_array("Keypoints", "heatmaps", self.heatmaps, np.float32, shape)

    def __repr__(self) -> str:
        return f"Keypoints({int((self.scores > 0).sum())} of {JOINTS}, score {self.score:.3g})"

    @property
    def score(self) -> float:
        """The mean score of the joints above 0.2, as COCO results of this kind are scored."""
        seen = self.scores[self.scores > 0.2]
        return float(seen.mean()) if len(seen) else 0.0

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"points": self.points, "scores": self.scores}
        return arrays if self.heatmaps is None else {**arrays, "heatmaps": self.heatmaps}

    def _facts(self) -> dict[str, Any]:
        rows = zip(NAMES, self.points.tolist(), self.scores.tolist(), strict=True)
        points = [{"name": n, "x": x, "y": y, "score": score} for n, (x, y), score in rows]
        return {"score": self.score, "keypoints": points}

    def plot(
        self, path: str | Path | None = None, *, image: Any = None, overwrite: bool = False
    ) -> Image.Image:
        """Draw the joints that were found and the lines between them.

        Args:
            path: where to write the drawing, if anywhere.
            image: the query: uint8 [H, W, 3], a path, or a Pillow picture; None draws on black.
            overwrite: whether an existing file may be replaced.
        """
        from PIL import Image, ImageDraw

        from icl_core.coerce import to_image
        from icl_core.results.draw import finish

        under = np.zeros_like(self.image) if image is None else to_image(image)
        if under.shape != self.image.shape:
            raise InputError(
                f"the image is {under.shape[0]}x{under.shape[1]}, expected the query's "
                f"{self.image.shape[0]}x{self.image.shape[1]} (height x width)"
            )
        sheet = Image.fromarray(np.array(under))
        pen, reach = ImageDraw.Draw(sheet), max(2, round(max(sheet.size) / 150))
        places = [(float(x), float(y)) for x, y in self.points]
        for one, other in LINES:
            if min(self.scores[one], self.scores[other]) > 0:
                pen.line([places[one], places[other]], fill=colour_of(one + 1), width=reach)
        for joint in np.flatnonzero(self.scores > 0).tolist():
            x, y = places[joint]
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour_of(joint + 1))
        return finish(np.array(sheet), path, overwrite)
