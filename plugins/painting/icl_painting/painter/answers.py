"""From what the network painted to the answer of each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import Picture
from icl_core.results.label_map import colour_of
from icl_painting.canvas import resize, to_unit
from icl_painting.painter.options import Options
from icl_painting.results import DepthMap, Keypoints, PanopticMap, Segment, SemanticMap
from icl_painting.tasks import BRANCHES
from icl_painting.tasks.class_names import COCO_PANOPTIC as CATEGORY_NAMES
from icl_painting.tasks.crops import place_picture
from icl_painting.tasks.depth import read_depth
from icl_painting.tasks.instances import read_instances
from icl_painting.tasks.keypoints import CROP, Crop, mirror_heatmaps, read_heatmaps, read_points
from icl_painting.tasks.palettes import COCO_PANOPTIC, read_labels
from icl_painting.tasks.panoptic import merge, thing_classes

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Painted:
    """What the network painted for one query.

    Args:
        size: (H, W) of the query.
        canvases: float32 [3, s, s] on the CPU, normalised; by the picture that was painted: None,
            one of `BRANCHES`, or "mirrored".
        box: left, top, width and height of the person, where one was named.
    """

    size: Size
    canvases: dict[str | None, Tensor]
    box: tuple[float, float, float, float] | None = None

    @property
    def crop(self) -> Crop:
        """The part of the query that the network saw."""
        if self.box is not None:
            return Crop.around(self.box)
        return Crop(0, 0, self.size[1], self.size[0])


def levels(unit: Tensor, truncate: bool) -> np.ndarray:
    """Return colours [3, H, W], 1 = white, as uint8 [H, W, 3].

    Args:
        unit: values outside 0 to 1 are cut.
        truncate: round down, as the released code does, which darkens by half a level.
    """
    values = unit.clamp(0, 1) * 255
    whole = values if truncate else values.round()
    return np.ascontiguousarray(whole.to(torch.uint8).permute(1, 2, 0).numpy())


@dataclass(frozen=True)
class Answerer:
    """Reads answers.

    Args:
        options: the learner's.
        official: whether numbers are rounded as in the released code: colours and millimetres are
            rounded down there.
        device: where the overlaps of instances are counted.
    """

    options: Options
    official: bool = False
    device: torch.device | str = "cpu"

    def answer(self, painted: Painted) -> Picture:
        """Return the answer about one query, of the class that its task has."""
        readers: dict[str, Callable[[Painted], Picture]] = {
            "Picture": self._picture,
            "SemanticMap": self._semantic,
            "PanopticMap": self._panoptic,
            "DepthMap": self._depth,
            "Keypoints": self._keypoints,
        }
        return readers[self.options.row.answer](painted)

    def picture(self, unit: Tensor, **meta: Any) -> Picture:
        """Return a picture that was put together from tiles: unit [3, H, W]."""
        return Picture(levels(unit, self.official), meta=meta)

    def _colours(self, painted: Painted, branch: str | None = None, mode: str = "") -> Tensor:
        """Return the colours of a canvas at the query's size: [3, H, W]."""
        row = self.options.row
        unit = to_unit(painted.canvases[branch])
        if row.clip_first:
            unit = unit.clamp(0, 1)
        return resize(unit, painted.size, mode or row.output)

    def _picture(self, painted: Painted) -> Picture:
        image = levels(self._colours(painted), self.official)
        return Picture(image, painted.canvases[None].numpy())

    def _semantic(self, painted: Painted) -> SemanticMap:
        image = levels(self._colours(painted), self.official)
        classes = self.options.known_classes
        labels = read_labels(image, classes.palette, self.options.distance, classes.black)
        canvas = painted.canvases[None].numpy()
        return SemanticMap(image, canvas, labels=labels, names=classes.by_label)

    def _depth(self, painted: Painted) -> DepthMap:
        unit = self._colours(painted)
        millimetres = read_depth(unit, self.options.farthest)
        if self.official:
            millimetres = np.trunc(millimetres)
        depth = (millimetres / 1000).astype(np.float32)
        return DepthMap(levels(unit, self.official), painted.canvases[None].numpy(), depth=depth)

    def _keypoints(self, painted: Painted) -> Keypoints:
        canvas = painted.canvases[None]
        heatmaps = self._heatmaps(canvas)
        if "mirrored" in painted.canvases:
            mirrored = mirror_heatmaps(self._heatmaps(painted.canvases["mirrored"]))
            heatmaps = (heatmaps + mirrored) / 2
        points, scores = read_points(heatmaps)
        points = painted.crop.to_picture(points).astype(np.float32)
        points[scores <= 0] = -1
        meta: dict[str, Any] = {}
        if painted.box is None:
            image = levels(self._colours(painted), self.official)
        else:
            meta["box"] = [float(value) for value in painted.box]
            crop = levels(resize(to_unit(canvas).clamp(0, 1), CROP, "nearest"), self.official)
            image = place_picture(crop, painted.crop, painted.size)
        return Keypoints(
            image, canvas.numpy(), meta, points=points, scores=scores, heatmaps=heatmaps
        )

    def _heatmaps(self, canvas: Tensor) -> np.ndarray:
        unit = to_unit(canvas).clamp(0, 1)
        return read_heatmaps(levels(resize(unit, CROP, "nearest"), self.official))

    def _panoptic(self, painted: Painted) -> PanopticMap:
        semantic, instances = (
            levels(self._colours(painted, branch, mode), self.official)
            for branch, mode in zip(BRANCHES, ("bilinear", "nearest"), strict=True)
        )
        # Read before it is enlarged, which counts the same pixels and takes less memory.
        small = levels(to_unit(painted.canvases["instances"]), self.official)
        objects = read_instances(small, size=painted.size, device=self.device)
        classes = thing_classes(objects, semantic)
        labels = read_labels(semantic, COCO_PANOPTIC, self.options.distance) - 1
        ids, found = merge(objects, classes, labels, stuff_area=self.options.stuff_area)
        areas = np.bincount(ids.ravel(), minlength=len(found) + 1).tolist()
        segments = tuple(
            Segment(
                one.id,
                one.category,
                CATEGORY_NAMES[one.category],
                one.is_thing,
                areas[one.id],
                one.score,
            )
            for one in found
        )
        table = np.array([colour_of(n) for n in range(len(found) + 1)], np.uint8)
        return PanopticMap(
            table[ids],
            painted.canvases["semantic"].numpy(),
            ids=ids,
            segments=segments,
            paintings=np.stack([semantic, instances]),
            instance_canvas=painted.canvases["instances"].numpy(),
        )
