"""Pictures: a path, bytes, a Pillow picture or an array becomes uint8 [H, W, 3], upright."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from icl_core.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from icl_core.coerce.decode import Decoded

log = logging.getLogger("icl.coerce")

MAX_PIXELS = 178_956_970
"""Largest width times height that is decoded unless the caller says otherwise."""

_KINDS = "a path, bytes, a Pillow picture, an array [H, W, 3] uint8, or a tensor [3, H, W]"
_LARGE = 89_478_485
_notes: set[str] = set()


class LoadedImage(NamedTuple):
    """A picture and how it was read.

    Args:
        array: uint8 [H, W, 3].
        orientation_applied: whether an EXIF orientation other than upright was applied.
    """

    array: np.ndarray
    orientation_applied: bool


class UprightImage(np.ndarray):
    """An image array that was turned upright by its EXIF orientation when it was read.

    It is an array like any other. Only the type differs, so that an answer can say later that it
    lies in the upright frame.
    """

    orientation_applied = True


def to_image(
    value: Any,
    *,
    max_pixels: int | None = MAX_PIXELS,
    max_side: int | None = None,
    setting: str = "max_pixels",
) -> np.ndarray:
    """Read a picture.

    Args:
        value: a path, bytes or open file in PNG, JPEG, WebP, BMP, TIFF or GIF (first frame); a
            Pillow picture; an array uint8 [H, W, 3], or float [3, H, W] in [0, 1]; a tensor
            [3, H, W], uint8 or float in [0, 1].
        max_pixels: largest width times height that is decoded; None = any, for scans you trust.
        max_side: longest side in pixels; None = any.
        setting: what the error calls the limit.

    Returns:
        uint8 [H, W, 3], RGB, the EXIF orientation applied (then an `UprightImage`), transparency
        dropped, 16-bit grey divided by 257. An array of the right type is returned as it is.

    Raises:
        InputError: what the value is instead.
    """
    loaded = open_image(value, max_pixels=max_pixels, max_side=max_side, setting=setting)
    return loaded.array.view(UprightImage) if loaded.orientation_applied else loaded.array


def open_image(
    value: Any,
    *,
    max_pixels: int | None = MAX_PIXELS,
    max_side: int | None = None,
    setting: str = "max_pixels",
) -> LoadedImage:
    """Read a picture and tell whether its EXIF orientation was applied; see `to_image`."""
    array = as_array(value)
    if array is not None:
        turned = bool(getattr(value, "orientation_applied", False))
        return LoadedImage(_from_array(array, channels_first=is_tensor(value)), turned)
    from icl_core.coerce.decode import Limits, decode, is_file_like

    if not is_file_like(value):
        raise InputError(f"the image is {type(value).__name__}, expected {_KINDS}")
    decoded = decode(value, Limits(max_pixels, max_side, setting))
    if max_pixels is None and decoded.image.width * decoded.image.height > _LARGE:
        size = f"{decoded.image.width}x{decoded.image.height}"
        log.warning("an image is %s pixels; predicting it in tiles needs less memory", size)
    return LoadedImage(decoded_to_rgb(decoded), decoded.orientation_applied)


def is_tensor(value: Any) -> bool:
    """Whether a value is a torch tensor, found out without importing torch."""
    return hasattr(value, "detach") and hasattr(value, "cpu")


def as_array(value: Any) -> np.ndarray | None:
    """Return an array or a tensor as an array, anything else as None."""
    if is_tensor(value):
        tensor = value.detach().cpu()
        # NumPy has no bfloat16; float32 holds every half precision value.
        return np.asarray(tensor.float() if tensor.is_floating_point() else tensor)
    return value if isinstance(value, np.ndarray) else None


def decoded_to_rgb(decoded: Decoded) -> np.ndarray:
    """Return the pixels of a decoded picture as uint8 [H, W, 3]."""
    image, name = decoded.image, decoded.name
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if image.mode.startswith("I") or image.mode == "F":
        grey = _deep_grey(image, decoded)
        return np.repeat(grey[..., None], 3, axis=-1)
    if image.has_transparency_data:
        _note_once("an image has transparency, which was dropped, not blended")
        if "transparency" in image.info:
            # The key alone makes Pillow warn and search the palette; the colours stay the same.
            image = image.copy()
            del image.info["transparency"]
    try:
        return np.array(image.convert("RGB"))
    except ValueError as error:
        raise InputError(f"{name} cannot be converted to RGB: {error}") from error


def _deep_grey(image: Image.Image, decoded: Decoded) -> np.ndarray:
    """Return grey values of more than 8 bits as uint8 [H, W].

    Pillow's own conversion clips at 255, which turns nearly all of a 16-bit image white.
    """
    name, values = decoded.name, np.array(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and decoded.format == "PNG"):
        wide = values.astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise InputError(f"{name} has values up to {wide.max()}, expected 16 bits")
        return ((wide + 128) // 257).astype(np.uint8)
    if image.mode == "F" and np.isfinite(values).all() and 0 <= values.min() <= values.max() <= 1:
        return np.round(values * 255).astype(np.uint8)
    bits = "32-bit float" if image.mode == "F" else "32-bit integer"
    raise InputError(
        f"{name} has {bits} grey values whose scale is unknown, expected 8 or 16 bits, "
        "or floats in [0, 1]",
        hint="scale it to uint8 yourself",
    )


def _from_array(array: np.ndarray, *, channels_first: bool) -> np.ndarray:
    kind = "tensor" if channels_first else "array"
    what = f"the image {kind} is {array.dtype} {list(array.shape)}"
    is_float = array.dtype.kind == "f"
    channels_first = channels_first or is_float
    expected = "[3, H, W] float in [0, 1]" if is_float else "[H, W, 3] uint8"
    if kind == "tensor":
        expected = "[3, H, W] uint8, or float in [0, 1]"
    if array.size == 0:
        raise InputError(f"{what}, without a pixel, expected {expected}")
    if not is_float and array.dtype != np.uint8:
        raise InputError(f"{what}, expected {expected}", hint=_type_hint(array))
    if array.ndim != 3 or array.shape[0 if channels_first else 2] != 3:
        raise InputError(f"{what}, expected {expected}", hint=_shape_hint(array, channels_first))
    if is_float:
        array = _from_unit(array, what)
    if channels_first:
        array = array.transpose(1, 2, 0)
    # torch warns of arrays that cannot be written to.
    return np.require(array, requirements=["C", "W"])


def _from_unit(array: np.ndarray, what: str) -> np.ndarray:
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(f"{what} with {bad} NaN or infinite values, expected floats in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if low < 0:
        raise InputError(f"{what} with values from {low:g}, expected floats in [0, 1]")
    if high > 1:
        raise InputError(
            f"{what} with values up to {high:g}, expected floats in [0, 1]",
            hint="divide by 255 if they are 8-bit values",
        )
    # float64 keeps the rounding of half precision inputs out of the result.
    return np.round(array.astype(np.float64) * 255).astype(np.uint8)


def _type_hint(array: np.ndarray) -> str | None:
    if array.dtype.kind in "iu":
        return "use astype(np.uint8) if the values are 0 to 255"
    return "a mask is drawn with icl_core.results.draw" if array.dtype.kind == "b" else None


def _shape_hint(array: np.ndarray, channels_first: bool) -> str | None:
    if array.ndim == 2:
        return "repeat a grey image three times along its channel axis"
    if array.ndim == 4:
        return "pass one image at a time, or a list of images"
    if array.ndim == 3 and channels_first and array.shape[2] == 3:
        return "move the channels to the front: permute(2, 0, 1), or transpose(2, 0, 1)"
    if array.ndim == 3 and not channels_first and array.shape[0] == 3:
        return "move the channels to the end: transpose(1, 2, 0)"
    if array.ndim == 3 and not channels_first and array.shape[2] == 4:
        return "drop the alpha channel: array[..., :3]"
    return None


def _note_once(text: str) -> None:
    if text not in _notes:
        _notes.add(text)
        log.info("%s (said once)", text)
