"""Masks of several objects: one mask an object on the way in, one label map on the way out.

The core reads one mask as one object. A learner that derives from `PaletteContexts` also takes

- a mask of several ids (palette or grey PNG, integer array): every id is an object of its own,
  unless the example's `meta` has a `mask_id` or a `threshold`;
- COCO run lengths, compressed or not, and COCO polygons.

`meta["class_names"]` (id -> name) names the objects of one mask. Which examples show the same
object is said by `meta["object"]`, else by `meta["class_name"]`; examples with neither show one
object together. `meta["negative"]` marks an example that shows what the object is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.coerce.coco import from_coco
from icl_core.errors import InputError
from icl_core.learner import Learner, PreparedContext
from icl_core.types import Context, Episode, Example

VOID = 255
_CHOICES = ("mask_id", "threshold")


class PaletteContexts(Learner):
    """A learner whose contexts may hold masks of several objects."""

    def prepare(self, context: Any) -> PreparedContext:
        """Encode a context once; see `Learner.prepare` and this module for what it may hold."""
        return super().prepare(split_context(context))

    def predict_episodes(
        self, episodes: Iterable[Episode], batch_size: int = 32, **options: Any
    ) -> Iterator[Any]:
        """Answer many episodes; see `Learner.predict_episodes`."""
        split = (replace(e, context=split_context(e.context)) for e in episodes)
        return super().predict_episodes(split, batch_size, **options)


def split_context(context: Any) -> Any:
    """Give every object of a context an example of its own; anything odd is left to the core.

    Args:
        context: a `Context`, an `Example`, or a list of examples or (image, mask) pairs.

    Raises:
        InputError: run lengths or polygons cannot be read; the sentence names the example.
    """
    if isinstance(context, Context):
        return replace(context, examples=_split(context.examples))
    if isinstance(context, Example):
        return _split([context])
    return _split(context) if isinstance(context, list | tuple) else context


def _split(examples: Iterable[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for number, item in enumerate(examples, 1):
        pair = isinstance(item, tuple | list) and len(item) == 2
        example = Example(item[0], item[1]) if pair else item
        if not isinstance(example, Example):
            found.append(item)
            continue
        try:
            found.extend(split_example(example))
        except InputError as error:
            raise InputError(f"example {number}: {error.message}", error.hint) from error
    return tuple(found)


def split_example(example: Example) -> list[Example]:
    """Return one example for each object of a mask; the example itself where there is one.

    Raises:
        InputError: run lengths or polygons cannot be read.
    """
    meta, output = dict(example.meta), example.output
    if hasattr(output, "read"):  # an open file can be read once, and the core reads it again
        output = output.read()
        example = replace(example, output=output)
    if isinstance(output, Mapping):
        image = to_image(example.input)
        return [
            replace(
                example, input=image, output=from_coco(output, (image.shape[0], image.shape[1]))
            )
        ]
    if any(meta.get(choice) is not None for choice in _CHOICES):
        return [example]
    ids = read_ids(output, meta.get("colours"))
    if ids is None:
        return [example]
    names = meta.pop("class_names", None) or {}
    meta.pop("colours", None)
    shown = to_image(example.input)
    start = meta.pop("object", None)
    parts = []
    for number in np.unique(ids[ids != 0]).tolist():
        own = {**meta, "object": number if start is None else (start, number)}
        if number in names:
            own["class_name"] = names[number]
        parts.append(Example(shown, ids == number, own))
    return parts


def read_ids(value: Any, colours: Mapping[Any, int] | None = None) -> np.ndarray | None:
    """Read the ids of a mask with two objects or more.

    Args:
        value: a mask as the core takes it.
        colours: (red, green, blue) -> id, for masks in colour.

    Returns:
        int64 [H, W], 0 = background; None for one object, and for all that the core decides on:
        soft masks, JPEG, masks without a background.
    """
    from icl_core.coerce.decode import Limits, decode, is_file_like
    from icl_core.coerce.images import as_array

    array, palette = as_array(value), False
    if array is None:
        if not is_file_like(value):
            return None
        decoded = decode(value, Limits())
        if decoded.format == "JPEG":
            return None
        array, palette = np.array(decoded.image), decoded.image.mode == "P"
    if colours is not None and array.ndim == 3 and array.shape[-1] == 3:
        array = _by_colour(array, colours)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or array.dtype.kind not in "iu" or array.size == 0:
        return None
    levels = np.unique(array)
    if palette or colours is not None:
        array = np.where(array == VOID, 0, array) if palette else array
        levels = np.unique(array)
    elif levels[-1] == VOID and array.dtype == np.uint8:
        return None
    if len(levels) < 3 or levels[0] != 0:
        return None
    return np.asarray(array, np.int64)


def _by_colour(array: np.ndarray, colours: Mapping[Any, int]) -> np.ndarray:
    ids = np.zeros(array.shape[:2], np.int64)
    known = np.zeros(array.shape[:2], bool)
    for colour, number in colours.items():
        here = (array == np.asarray(colour)).all(axis=-1)
        ids[here], known = number, known | here
    return ids if known.all() else array
