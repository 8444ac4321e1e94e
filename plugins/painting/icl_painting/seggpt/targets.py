"""What an example shows as its answer: a mask, or a picture in colour that is passed on as it is.

The core reads masks. SegGPT itself reads pictures (arXiv 2304.03284, section 3), of which a mask,
white on black, is one. Here pictures in colour are told from masks before the core reads them: a
"painted" target keeps its colours and rides along in the example's `meta["painted"]`, beside a
mask that says nothing. A black and white picture is a mask and takes the way of masks, so that
both give the very same canvas.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from icl_core import Context, Example, InputError
from icl_core.coerce import to_image
from icl_core.coerce.decode import Limits, decode, is_file_like
from icl_core.coerce.images import as_array, decoded_to_rgb, is_tensor

_log = logging.getLogger("icl.seggpt")

PAINTED = "painted"
"""In an example's `meta`: True asks for a picture to be passed on as it is; once read, the
picture."""

_MASK_OPTIONS = ("colours", "mask_id", "threshold")
_MASK_MODES = ("1", "L", "P", "PA", "LA", "I", "F")


def read_painted(context: Any) -> Any:
    """Read the painted targets of a context; masks and anything odd are left to the core.

    Args:
        context: a `Context`, an `Example`, or a list of examples or (image, target) pairs.

    Returns:
        The same, where each painted example has its target, uint8 [H, W, 3], in its `meta`.

    Raises:
        InputError: a target in colour has an alpha channel, another type of number, or another
            size than its image; the sentence names the example.
    """
    if isinstance(context, Context):
        return replace(context, examples=_read(context.examples))
    if isinstance(context, Example):
        return _read([context])
    return _read(context) if isinstance(context, list | tuple) else context


def painted_target(value: Any, forced: bool = False) -> np.ndarray | None:
    """Read a target if it is a picture in colour.

    Args:
        value: a target: a file, a Pillow picture, an array or tensor, or anything else.
        forced: whether a picture without colours counts as well.

    Returns:
        uint8 [H, W, 3]; None for masks, and for all that the core has to decide on.

    Raises:
        InputError: it is in colour, and has an alpha channel or another type of number.
    """
    array = as_array(value)
    if array is not None:
        found = _of_array(array, is_tensor(value), forced)
    elif is_file_like(value):
        found = _of_file(value, forced)
    else:
        return None
    return found if found is None or forced or _coloured(found) else None


def white_on_black(mask: np.ndarray) -> np.ndarray:
    """Return a mask bool [H, W] as a target, uint8 [H, W, 3]."""
    return np.repeat(np.where(mask, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)


def _read(examples: Iterable[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for number, item in enumerate(examples, 1):
        pair = isinstance(item, tuple | list) and len(item) == 2
        example = Example(item[0], item[1]) if pair else item
        if not isinstance(example, Example):
            found.append(item)
            continue
        try:
            found.append(_example(example, number))
        except InputError as error:
            raise InputError(f"example {number}: {error.message}", error.hint) from error
    return tuple(found)


def _example(example: Example, number: int) -> Example:
    wish = example.meta.get(PAINTED)
    if isinstance(wish, np.ndarray):  # a context that was read before
        return example
    if wish not in (None, True, False):
        raise InputError(f"its meta['painted'] is {wish!r}, expected True or False")
    if hasattr(example.output, "read"):  # an open file can be read once, and the core reads it too
        example = replace(example, output=example.output.read())
    given = next((name for name in _MASK_OPTIONS if example.meta.get(name) is not None), None)
    if wish and given:
        raise InputError(f"it is painted, and {given} is for masks; expected one of the two")
    if given or wish is False:
        return example
    picture = painted_target(example.output, forced=bool(wish))
    if picture is None:
        return example
    image = to_image(example.input)
    size, expected = picture.shape[:2], image.shape[:2]
    if size != expected:
        raise InputError(
            f"the target picture is {size[0]}x{size[1]}, expected the image's "
            f"{expected[0]}x{expected[1]} (height x width)"
        )
    if not (picture.astype(np.int64).sum(axis=-1) > 3 * 128).any():
        _log.warning(
            "example %d shows a target in colour as it is, and none of its pixels is bright: where "
            "the answer is as dark its mask is empty; meta={'colours': {(red, green, blue): id}} "
            "reads it as a mask",
            number,
        )
    nothing = np.ones((size[0], size[1]), bool)
    return replace(example, input=image, output=nothing, meta={**example.meta, PAINTED: picture})


def _coloured(picture: np.ndarray) -> bool:
    return bool((picture[..., :1] != picture).any())


def _of_array(array: np.ndarray, tensor: bool, forced: bool) -> np.ndarray | None:
    what = f"the target is {array.dtype} {list(array.shape)}"
    if array.size == 0 or array.ndim != 3:
        if forced and array.ndim == 2 and array.size and array.dtype in (np.bool_, np.uint8):
            return white_on_black(array) if array.dtype == bool else np.dstack([array] * 3)
        return None
    first = tensor or (array.dtype.kind == "f" and array.shape[2] not in (3, 4))
    channels = array.shape[0 if first else 2]
    if channels == 4:
        raise InputError(
            f"{what}, with an alpha channel, expected RGB or a mask [H, W]",
            hint="drop it: tensor[:3]" if first else "drop it: array[..., :3]",
        )
    if channels != 3:
        return None
    rows = array.transpose(1, 2, 0) if first else array
    if not forced and not _coloured(rows):
        return None
    if rows.dtype == np.uint8:
        return np.ascontiguousarray(rows)
    if rows.dtype.kind != "f":
        raise InputError(f"{what}, in colour, expected uint8, or float from 0 to 1")
    if not np.isfinite(rows).all() or rows.min() < 0 or rows.max() > 1:
        raise InputError(f"{what}, in colour, with values outside 0 to 1, expected none")
    return np.round(rows.astype(np.float64) * 255).astype(np.uint8)


def _of_file(value: Any, forced: bool) -> np.ndarray | None:
    decoded = decode(value, Limits())
    mode = decoded.image.mode
    if not forced and (mode in _MASK_MODES or "16" in mode):
        return None
    if mode in ("RGBA", "RGBa") and decoded.image.getchannel("A").getextrema() != (255, 255):
        raise InputError(
            f"the target {decoded.name} has an alpha channel that hides pixels, expected RGB or a "
            "mask",
            hint="save it without an alpha channel",
        )
    return decoded_to_rgb(decoded)
