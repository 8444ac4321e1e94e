"""Masks: which pixels belong to the object. Becomes bool [H, W], upright."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from icl_core.coerce.images import MAX_PIXELS, as_array, is_tensor
from icl_core.errors import InputError

log = logging.getLogger("icl.coerce")

_VOID = 255
_KINDS = "a path, bytes, a Pillow picture, an array or tensor [H, W], or COCO run lengths"
_CHOOSE = "threshold= takes values above it, mask_id= takes one value"

Colours = Mapping[tuple[int, int, int], int]


class LoadedMask(NamedTuple):
    """A mask and how it was read.

    Args:
        array: bool [H, W].
        orientation_applied: whether an EXIF orientation other than upright was applied.
    """

    array: np.ndarray
    orientation_applied: bool


def to_mask(
    value: Any,
    *,
    threshold: float | None = None,
    mask_id: int | None = None,
    colours: Colours | None = None,
    allow_empty: bool = False,
    max_pixels: int | None = MAX_PIXELS,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Read a mask.

    Two values are background and object: False/True, 0/1, 0/255, or 0 and any id. Several ids are
    one object together, unless `mask_id` picks one; in a palette image with other ids, 255 is void
    and belongs to none.

    Args:
        value: a path, bytes, open file, Pillow picture, or an array or tensor [H, W]; COCO run
            lengths or an annotation with run lengths or polygons, see `icl_core.coerce.coco`.
        threshold: makes a soft mask hard: the object is where the value is above it, in the
            mask's own units.
        mask_id: the one id that is the object.
        colours: for masks in colour, (red, green, blue) -> id; 0 is background.
        allow_empty: whether a mask without an object pixel is fine.
        max_pixels: largest width times height that is decoded; None = any.
        size: (H, W) of the image, for polygons, which do not say it.

    Returns:
        bool [H, W]; True = object.

    Raises:
        InputError: what the value is instead, or which choice it needs.
    """
    return open_mask(
        value,
        threshold=threshold,
        mask_id=mask_id,
        colours=colours,
        allow_empty=allow_empty,
        max_pixels=max_pixels,
        size=size,
    ).array


def open_mask(
    value: Any,
    *,
    threshold: float | None = None,
    mask_id: int | None = None,
    colours: Colours | None = None,
    allow_empty: bool = False,
    max_pixels: int | None = MAX_PIXELS,
    size: tuple[int, int] | None = None,
) -> LoadedMask:
    """Read a mask and tell whether its EXIF orientation was applied; see `to_mask`."""
    if isinstance(value, Mapping):
        from icl_core.coerce.coco import from_coco

        value = from_coco(value, size)
    array = as_array(value)
    turned, source = bool(getattr(value, "orientation_applied", False)), "array"
    if array is None:
        from icl_core.coerce.decode import Limits, decode, is_file_like

        if not is_file_like(value):
            raise InputError(f"the mask is {type(value).__name__}, expected {_KINDS}")
        decoded = decode(value, Limits(max_pixels))
        turned = decoded.orientation_applied
        image = decoded.image
        source = "palette" if image.mode in ("P", "PA") else (decoded.format or "array")
        if image.mode not in ("1", "L", "P", "I", "F", "RGB") and "16" not in image.mode:
            image = _without_transparency(image, decoded.name)
        array = np.array(image)
    values = _flat(
        array,
        channels_first=is_tensor(value),
        from_file=not isinstance(value, np.ndarray) and not is_tensor(value),
        colours=colours,
    )
    mask = _object_pixels(values, source, threshold, mask_id)
    if not allow_empty and not mask.any():
        raise InputError(
            "the mask is empty: no pixel belongs to the object"
            + ("" if mask_id is None else f" with id {mask_id}"),
            hint=None if threshold is None else f"threshold={threshold:g} may be too high",
        )
    return LoadedMask(mask, turned)


def _without_transparency(image: Any, name: str) -> Any:
    """Refuse a mask that hides pixels; else drop the alpha channel that hides none."""
    if image.mode == "PA":
        alpha, plain = image.getchannel("A"), image.getchannel("P")
    elif image.mode in ("LA", "RGBA"):
        alpha, plain = image.getchannel("A"), image.convert(image.mode[:-1])
    else:
        try:
            return image.convert("RGB")
        except ValueError as error:
            raise InputError(f"the mask {name} cannot be converted to RGB: {error}") from error
    if alpha.getextrema()[0] < 255:
        raise InputError(
            f"the mask {name} has transparent pixels, whose meaning is unknown",
            hint="save it without an alpha channel, or give the alpha channel as the mask",
        )
    return plain


def _flat(
    array: np.ndarray, *, channels_first: bool, from_file: bool, colours: Colours | None
) -> np.ndarray:
    """Return [H, W] values: bool, integer or float."""
    what = f"the mask is {array.dtype} {list(array.shape)}"
    coloured = from_file or colours is not None
    if array.size == 0:
        raise InputError(f"{what}, without a pixel, expected [H, W]")
    if array.dtype.kind not in "buif":
        raise InputError(f"{what}, expected bool, integer or float [H, W]")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    # [1, H, 3] from a file, or beside a colour table, is one row of colours.
    elif array.ndim == 3 and array.shape[0] == 1 and not (coloured and array.shape[2] == 3):
        array = array[0]
    if array.ndim == 3 and channels_first and array.shape[0] == 3:
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 3:
        return _from_colours(array, colours)
    if array.ndim != 2:
        raise InputError(f"{what}, expected [H, W]")
    return array


def _from_colours(array: np.ndarray, colours: Colours | None) -> np.ndarray:
    if colours is None:
        if (array[..., :1] == array).all():
            return array[..., 0]
        pixels = np.unique(array.reshape(-1, 3), axis=0)
        shown = ", ".join(str(tuple(pixel.tolist())) for pixel in pixels[:3])
        raise InputError(
            f"the mask is in colour ({shown}{', ...' if len(pixels) > 3 else ''}), "
            "expected one value a pixel",
            hint="colours={(red, green, blue): id, ...} says what each colour means",
        )
    ids = np.zeros(array.shape[:2], np.int64)
    known = np.zeros(array.shape[:2], bool)
    for colour, number in colours.items():
        here = (array == np.asarray(colour)).all(axis=-1)
        ids[here] = number
        known |= here
    if not known.all():
        y, x = (int(n) for n in np.argwhere(~known)[0])
        raise InputError(
            f"the mask has the colour {tuple(array[y, x].tolist())} at row {y}, column {x}, "
            f"which is not among the {len(colours)} given colours"
        )
    return ids


def _object_pixels(
    values: np.ndarray, source: str, threshold: float | None, mask_id: int | None
) -> np.ndarray:
    if threshold is not None and mask_id is not None:
        raise InputError("threshold and mask_id are both given, expected one of them")
    if values.dtype == bool:
        return np.array(values)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("the mask has NaN or infinite values")
    if threshold is not None:
        return np.asarray(values > threshold)
    if mask_id is not None:
        return np.asarray(values == mask_id)
    levels = np.unique(values)
    if levels[0] < 0:
        raise InputError(f"the mask has negative values ({levels[0]:g})", hint=_CHOOSE)
    if len(levels) > 2:
        levels = _check_ids(levels, source)
    elif len(levels) == 2 and levels[0] != 0:
        raise InputError(
            f"the mask has the values {levels[0]:g} and {levels[1]:g}, expected 0 as background",
            hint=_CHOOSE,
        )
    elif values.dtype.kind == "f" and not np.isin(levels, (0, 1, 255)).all():
        raise InputError(f"the mask has the soft value {levels[-1]:g}", hint=_CHOOSE)
    return np.asarray(np.isin(values, levels[levels != 0]))


def _check_ids(levels: np.ndarray, source: str) -> np.ndarray:
    """Return the ids among three or more levels; refuse levels that are shades, not ids."""
    shown = ", ".join(f"{level:g}" for level in levels[:4]) + (", ..." if len(levels) > 4 else "")
    many = f"the mask has {len(levels)} values ({shown}), expected 2"
    if source == "JPEG":
        raise InputError(f"{many}: JPEG compression makes shades of its own", hint=_CHOOSE)
    if levels.dtype.kind == "f":
        raise InputError(f"{many}: it is a soft mask", hint=_CHOOSE)
    if levels[0] != 0:
        raise InputError(f"{many}: none of them is 0, the background", hint=_CHOOSE)
    if source == "palette":
        levels = levels[levels != _VOID]
    elif levels[-1] == _VOID:
        raise InputError(f"{many}: 255 beside others is a shade, or void", hint=_CHOOSE)
    if len(levels) > 2:
        log.warning("a mask has %d ids, taken as one object; mask_id= picks one", len(levels) - 1)
    return levels
