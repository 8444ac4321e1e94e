"""What examples show becomes two pictures: label maps, depth, segments and joints are painted.

The core reads an example of a painting learner as two pictures. Before it does, this module paints
outputs that are something else, by the learner's task:

- free form, "denoise", "derain", "low-light": a picture; a bool mask [H, W] counts as one.
- "semantic": a label map [H, W] of whole numbers, an array or a palette or grey file, 0 for
  unlabelled, also 255 where there are fewer classes; or a `SemanticMap`.
- "depth": whole millimetres [H, W], a 16-bit or 32-bit grey file of them, or metres as floats; 0
  and NaN for not measured; or a `DepthMap`.
- "keypoints": points [17, 2], or [17, 3] or 51 numbers with visibility as in COCO's files, in
  pixels of the input; or `Keypoints`. `meta["box"]` [left, top, width, height] crops the person.
- "panoptic": a pair of painted pictures (classes, instances); a `PanopticMap`; or
  `{"ids": map [H, W], "segments": [...]}` with a segment as (id, category), or as COCO's
  `segments_info` has it, `{"id": ..., "category_id": ...}`. A category is 0 to 132 in COCO's
  panoptic order, or its name; a category_id is COCO's own. Such an example becomes two, which
  `meta["branch"]` tells apart.

Joints and segments may lie in a `.json` file, see `icl_painting.painter.saved`. A picture that is
painted already, in the colours of the task, is taken everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from icl_core import Context, Example, InputError
from icl_core.coerce import to_image
from icl_core.coerce.decode import Limits, decode, is_file_like
from icl_core.coerce.images import as_array
from icl_painting.painter.options import Options
from icl_painting.painter.saved import read_json
from icl_painting.results import DepthMap, Keypoints, PanopticMap, SemanticMap
from icl_painting.tasks import BRANCHES
from icl_painting.tasks.class_names import COCO_IDS, COCO_PANOPTIC
from icl_painting.tasks.crops import crop_picture
from icl_painting.tasks.depth import paint_depth
from icl_painting.tasks.keypoints import CROP, JOINTS, Crop, paint_keypoints
from icl_painting.tasks.palettes import paint_labels
from icl_painting.tasks.panoptic import paint_panoptic

_VOID = 255


@dataclass(frozen=True)
class Encoder:
    """Paints the outputs of examples.

    Args:
        options: the learner's.
        official: whether the two pictures of an example may differ in size, as in the released
            code, which stretches both to the same square.
    """

    options: Options
    official: bool = False

    def context(self, context: Any) -> Any:
        """Return a context whose examples are pictures; anything odd is left to the core.

        Args:
            context: a `Context`, an `Example`, or a list of examples or pairs.

        Raises:
            InputError: an output cannot be painted; the sentence names the example.
        """
        if isinstance(context, Context):
            return replace(context, examples=self._examples(context.examples))
        if isinstance(context, Example):
            return self._examples([context])
        return self._examples(context) if isinstance(context, list | tuple) else context

    def _examples(self, examples: Sequence[Any]) -> tuple[Any, ...]:
        found: list[Any] = []
        for number, item in enumerate(examples, 1):
            pair = isinstance(item, tuple | list) and len(item) == 2
            example = Example(item[0], item[1]) if pair else item
            if not isinstance(example, Example):
                found.append(item)
                continue
            try:
                found += self.example(replace(example, input=to_image(example.input)))
            except InputError as error:
                raise InputError(f"example {number}: {error.message}", error.hint) from error
        return tuple(found)

    def example(self, example: Example) -> list[Example]:
        """Paint one example, whose input is a picture uint8 [H, W, 3] already."""
        task = self.options.task
        if hasattr(example.output, "read"):  # an open file can be read once
            example = replace(example, output=example.output.read())
        if task in ("keypoints", "panoptic"):
            example = replace(example, output=read_json(example.output))
        if task == "keypoints":
            return [self._keypoints(example)]
        if task == "panoptic":
            return self._panoptic(example)
        painters: dict[str | None, Callable[[Any], np.ndarray | None]] = {
            "semantic": self._labels,
            "depth": self._depth,
        }
        painted = painters[task](example.output) if task in painters else None
        return [self._pair(example, _picture(example.output) if painted is None else painted)]

    def _pair(self, example: Example, output: np.ndarray, branch: str | None = None) -> Example:
        size, expected = output.shape[:2], example.input.shape[:2]
        if size != expected and not self.official:
            raise InputError(
                f"the output picture is {size[0]}x{size[1]}, expected the input's "
                f"{expected[0]}x{expected[1]} (height x width)",
                hint="resize one of the two to the other's size first",
            )
        meta = example.meta if branch is None else {**example.meta, "branch": branch}
        return replace(example, output=output, meta=meta)

    def _labels(self, value: Any) -> np.ndarray | None:
        classes = self.options.known_classes
        ids = value.labels if isinstance(value, SemanticMap) else _flat(value)
        if ids is None or ids.dtype.kind not in "biu":
            return None
        ids = ids.astype(np.int64)
        if len(classes.palette) < _VOID:
            ids = np.where(ids == _VOID, 0, ids)
        return paint_labels(ids, classes.palette)

    def _depth(self, value: Any) -> np.ndarray | None:
        if isinstance(value, DepthMap):
            values: np.ndarray | None = value.depth.astype(np.float64)
        else:
            values = _flat(value)
        # Eight bits hold no depth map in millimetres: this is a picture that is painted already.
        if values is None or values.dtype.kind not in "iuf" or values.dtype.itemsize == 1:
            return None
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), 0, values * 1000)
        return paint_depth(values, self.options.farthest)

    def _keypoints(self, example: Example) -> Example:
        box, points = example.meta.get("box"), _points(example.output)
        if points is None:
            if box is not None:
                raise InputError(
                    "the example has a box and a picture that is painted already, "
                    "expected points [17, 3] beside a box"
                )
            return self._pair(example, _picture(example.output))
        height, width = example.input.shape[:2]
        crop = Crop(0, 0, width, height) if box is None else Crop.around(box)
        painted = paint_keypoints(crop.to_crop(points[:, :2]), points[:, 2])
        shown = example.input if box is None else crop_picture(example.input, crop, CROP)
        return replace(example, input=shown, output=painted)

    def _panoptic(self, example: Example) -> list[Example]:
        value = example.output
        if isinstance(value, PanopticMap):
            known = [(segment.id, segment.category) for segment in value.segments]
            painted = paint_panoptic(value.ids, known)
        elif isinstance(value, Mapping):
            listed = value.get("segments", value.get("segments_info"))
            painted = paint_panoptic(_ids(value.get("ids")), _categories(listed))
        elif isinstance(value, tuple | list) and len(value) == 2:
            painted = _picture(value[0]), _picture(value[1])
        else:
            branch = example.meta.get("branch")
            if branch not in BRANCHES:
                raise InputError(
                    f"the output is {type(value).__name__}, expected a panoptic map or a pair of "
                    "painted pictures: (classes, instances)"
                )
            return [self._pair(example, _picture(value))]
        return [
            self._pair(example, picture, branch)
            for picture, branch in zip(painted, BRANCHES, strict=True)
        ]


def _picture(value: Any) -> np.ndarray:
    """Read a picture; a bool mask [H, W] is one, white on black."""
    array = as_array(value)
    if array is not None and array.ndim == 2 and array.dtype == bool:
        return np.repeat(np.where(array, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)
    return to_image(value)


def _flat(value: Any) -> np.ndarray | None:
    """Read the numbers [H, W] of an array or a file with one channel; None for anything else."""
    array = as_array(value)
    if array is None and is_file_like(value):
        image = decode(value, Limits()).image
        if image.mode in ("1", "L", "P", "F") or image.mode.startswith("I"):
            array = np.array(image)
    if array is not None and array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    return array if array is not None and array.ndim == 2 and array.size else None


def _points(value: Any) -> np.ndarray | None:
    """Read points [17, 3]: x, y, and above 0 where visible; None for anything else."""
    if isinstance(value, Keypoints):
        seen = np.where(value.scores > 0.2, 1.0, 0.0)
        return np.concatenate([value.points, seen[:, None]], axis=1)
    array = as_array(value)
    if array is None and isinstance(value, list | tuple):
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            return None
    if array is None or array.dtype.kind not in "iuf" or array.ndim > 2:
        return None
    if array.shape in ((JOINTS * 3,), (JOINTS * 2,)):
        array = array.reshape(JOINTS, -1)
    if array.shape not in ((JOINTS, 2), (JOINTS, 3)):
        if array.ndim == 2 and array.shape[1] in (2, 3):
            raise InputError(
                f"the points are {list(array.shape)}, expected [17, 2], or [17, 3] with visibility"
            )
        return None
    points = array.astype(np.float64)
    if points.shape[1] == 2:
        points = np.concatenate([points, np.ones((JOINTS, 1))], axis=1)
    if not np.isfinite(points).all():
        raise InputError("the points have NaN or infinite values, expected pixels")
    return points


def _ids(value: Any) -> np.ndarray:
    """Read segment ids [H, W]; a picture in colour holds them as COCO's files do."""
    flat = _flat(value)
    if flat is not None and flat.dtype.kind in "iu":
        return flat.astype(np.int64)
    array = as_array(value)
    if (array is not None and array.ndim == 3) or is_file_like(value):
        coded = to_image(value).astype(np.int64)
        return coded[..., 0] + 256 * coded[..., 1] + 65536 * coded[..., 2]
    raise InputError(
        f"the panoptic map's ids are {type(value).__name__}, expected whole numbers [H, W]"
    )


def _categories(value: Any) -> list[tuple[int, int]]:
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, list | tuple):
        raise InputError(
            f"the panoptic map's segments are {type(value).__name__}, "
            "expected a list of (id, category)"
        )
    return [_category(item) for item in value]


def _category(item: Any) -> tuple[int, int]:
    if isinstance(item, Mapping):
        number, own = item.get("id"), item.get("category_id")
        category = item.get("category")
        if category is None and own in COCO_IDS:
            category = COCO_IDS.index(own)
    else:
        number, category = item if isinstance(item, tuple | list) and len(item) == 2 else (0, None)
    if category in COCO_PANOPTIC:
        category = COCO_PANOPTIC.index(category)
    if not isinstance(number, int | np.integer) or not isinstance(category, int | np.integer):
        raise InputError(
            f"the segment {item!r:.80} is not understood, expected (id, category) or "
            "{'id': ..., 'category_id': ...} with a category of COCO panoptic"
        )
    return int(number), int(category)
