"""Untrusted bytes to pixels: Pillow only, six formats, size checked before anything is decoded.

Pillow's own registry of these formats is asked directly instead of `Image.open`: that keeps its
size warning, which only a process-wide filter could silence, out of the decision made here.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from PIL import (  # the imports register the formats
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from icl_core.errors import InputError

log = logging.getLogger("icl.coerce")

FORMATS = tuple(
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        WebPImagePlugin.WebPImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        GifImagePlugin.GifImageFile,
    )
)
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Limits:
    """How large a picture may be.

    Args:
        pixels: width times height; None = any.
        side: the longer side in pixels; None = any.
        setting: what changes the limit, named in the error.
    """

    pixels: int | None = 178_956_970
    side: int | None = None
    setting: str = "max_pixels"

    def check(self, name: str, width: int, height: int) -> None:
        """Raise `InputError` for a picture without pixels, or with more than the limit."""
        if width < 1 or height < 1:
            raise InputError(f"{name} is {width}x{height} pixels, expected at least 1x1")
        if self.pixels is not None and width * height > self.pixels:
            raise InputError(
                f"{name} is {width}x{height} pixels, {width * height} in all, expected at most "
                f"{self.pixels} ({self.setting})",
                hint="crop it, scale it down, or cut it into tiles and predict each; a trusted "
                "file can be read with icl_core.coerce.to_image(file, max_pixels=None)",
            )
        if self.side is not None and max(width, height) > self.side:
            raise InputError(
                f"{name} is {width}x{height} pixels, expected at most {self.side} a side"
            )


@dataclass(frozen=True)
class Decoded:
    """A decoded, upright picture.

    Args:
        image: its pixels are in memory and its file is closed.
        name: what to call it in an error.
        format: Pillow's name of the file format; None for a picture made in memory.
        orientation_applied: whether its EXIF orientation was not upright and was applied.
    """

    image: Image.Image
    name: str
    format: str | None
    orientation_applied: bool


def is_file_like(value: Any) -> bool:
    """Whether `decode` can read a value: a path, bytes, a binary file or a Pillow picture."""
    return isinstance(
        value, str | os.PathLike | bytes | bytearray | memoryview | Image.Image
    ) or hasattr(value, "read")


def decode(value: Any, limits: Limits) -> Decoded:
    """Read a picture, the first frame of an animated one.

    Args:
        value: a path, bytes, an open binary file, or a Pillow picture.
        limits: its largest size.

    Raises:
        InputError: no such file, no picture, a picture of another format, damaged, or too large.
    """
    with opened(value, limits) as (image, name):
        decoded = upright(image, name)
    # A GIF frame may be larger than its header said; Pillow's own limit holds until here.
    limits.check(name, *decoded.image.size)
    return decoded


@contextmanager
def opened(value: Any, limits: Limits) -> Iterator[tuple[Image.Image, str]]:
    """Open a picture, its header read and its size within the limits, its pixels not decoded."""
    if isinstance(value, Image.Image):
        name = f"the {value.mode} picture"
        limits.check(name, *value.size)
        yield value, name
        return
    with _stream(value) as (stream, name):
        image = _header(stream, name, limits)
        limits.check(name, *image.size)
        yield image, name


def upright(image: Image.Image, name: str) -> Decoded:
    """Decode the current frame of an opened picture and turn it upright."""
    file_format = image.format
    with complete(name), _quiet(image):
        # A TIFF is turned by `load`, which drops its tag: ask before.
        turned = _orientation(image) if file_format == "TIFF" else 1
        image.load()
        if file_format != "TIFF":
            turned = _orientation(image)
        if turned != 1:
            image = ImageOps.exif_transpose(image)
    return Decoded(image, name, file_format, turned != 1)


@contextmanager
def complete(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an `InputError` that names the picture."""
    try:
        yield
    except InputError:
        raise
    # Pillow's decoders raise a dozen types on damaged data; all mean the same to the user.
    except Exception as error:
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise InputError(f"{name} is not a complete image: {reason}") from error


@contextmanager
def _quiet(image: Image.Image) -> Iterator[None]:
    """Silence Pillow's size warning; the size was decided on already.

    Filters are shared by all threads, so they are left alone for pictures that cause no warning.
    """
    largest = Image.MAX_IMAGE_PIXELS
    if largest is None or image.width * image.height <= largest:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _header(stream: IO[bytes], name: str, limits: Limits) -> Image.Image:
    prefix = stream.read(32)
    if not prefix:
        raise InputError(f"{name} is not a complete image: it is empty")
    for file_format in FORMATS:
        factory, accept = Image.OPEN[file_format]
        # `accept` answers with a sentence where Pillow was built without the format.
        if accept is None or accept(prefix) is not True:
            continue
        stream.seek(0)
        if file_format == "WEBP":
            # Its reader makes room for all pixels as soon as it is opened.
            limits.check(name, *_webp_size(prefix))
        with complete(name):
            image = cast(Image.Image, factory(stream, ""))
        return image
    if prefix.startswith(b"version https://"):
        raise InputError(
            f"{name} is a Git LFS pointer, not a picture", hint="git lfs pull fetches the file"
        )
    raise InputError(f"{name} is not an image in a known format, expected {', '.join(FORMATS)}")


def _webp_size(prefix: bytes) -> tuple[int, int]:
    """Return width and height as the first chunk of a WebP file gives them."""
    chunk, data = prefix[12:16], prefix[20:30]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (4, 7))
        return width + 1, height + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
        return max(1, width & 0x3FFF), max(1, height & 0x3FFF)
    return 1, 1  # Something else: the reader will refuse it.


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        # Damaged notes about a sound picture: it is taken as it is.
        log.warning("the EXIF data of an image cannot be read and was ignored")
        image.info.pop("exif", None)
        return 1
    return value if value in range(2, 9) else 1


@contextmanager
def _stream(value: Any) -> Iterator[tuple[IO[bytes], str]]:
    if isinstance(value, bytes | bytearray | memoryview):
        yield io.BytesIO(value), f"the image of {len(value)} bytes"
    elif isinstance(value, str | os.PathLike):
        with contextlib.ExitStack() as stack:
            yield stack.enter_context(_open_path(value)), f"{Path(value).name!r}"
    else:
        content = value.read()
        if not isinstance(content, bytes):
            raise InputError(
                f"the open file gives {type(content).__name__}, expected bytes",
                hint='open it with mode "rb"',
            )
        yield io.BytesIO(content), "the open image file"


def _open_path(value: str | os.PathLike[str]) -> IO[bytes]:
    text = os.fspath(value)
    if "://" in text:
        raise InputError(f"{text!r:.200} is a URL, expected a file", hint="download it first")
    try:
        # A pipe or a device would block, or never end.
        if not stat.S_ISREG(os.stat(text).st_mode):
            raise InputError(f"{text!r} is not a regular file, expected an image file")
        return open(text, "rb")
    except FileNotFoundError:
        raise InputError(f"no such image file: {text!r}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the image file {text!r:.200}: {reason}") from error
