"""Frames of a video, read one at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.coerce.images import (
    LoadedImage,
    UprightImage,
    as_array,
    decoded_to_rgb,
    is_tensor,
    open_image,
)
from icl_core.errors import InputError, MissingExtraError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""Suffixes of the files in a folder that are read as pictures."""

VIDEOS = frozenset({".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"})
"""Suffixes of the files that are read as videos."""

_KINDS = "an array [N, H, W, 3], a list of pictures, a folder, an animated image or a video file"


class Frames:
    """The frames of one video: each pass reads them again, one at a time, in order.

    Frames are uint8 [H, W, 3], all of the first one's size.
    """

    def __init__(self, source: Any) -> None:
        self._read = _reader(source)
        self.size: tuple[int, int] | None = None
        """Height and width; None until a frame was read."""
        self.orientation_applied = False
        """Whether a frame that was read had an EXIF orientation, which was applied."""

    def __iter__(self) -> Iterator[np.ndarray]:
        number = 0
        for number, frame in enumerate(self._read(), 1):
            size = frame.array.shape[:2]
            if self.size is None:
                self.size = (int(size[0]), int(size[1]))
            if size != self.size:
                raise InputError(
                    f"frame {number} of the video is {size[0]}x{size[1]}, expected "
                    f"{self.size[0]}x{self.size[1]} as the first one"
                )
            self.orientation_applied |= frame.orientation_applied
            turned = frame.orientation_applied
            yield frame.array.view(UprightImage) if turned else frame.array
        if number == 0:
            raise InputError("the video has no frames, expected at least one")

    def __repr__(self) -> str:
        size = "size unread" if self.size is None else f"{self.size[0]}x{self.size[1]}"
        return f"Frames({size})"


def to_frames(value: Any) -> Frames:
    """Turn frames into `Frames`; nothing is decoded before the first pass.

    Args:
        value: an array uint8 [N, H, W, 3] or tensor [N, 3, H, W]; a list of pictures; a folder of
            pictures (in the order of their names, numbers by value); an animated GIF, WebP or TIFF
            (path or bytes); a video file, for which PyAV has to be installed. FFmpeg then reads
            the file, so it should be one you trust.

    Raises:
        InputError: another kind of value, or no such file.
        MissingExtraError: a video file without PyAV.
    """
    return value if isinstance(value, Frames) else Frames(value)


def _reader(value: Any) -> Any:
    """Return a function that starts one pass over the frames."""
    array = as_array(value)
    if array is not None:
        if array.ndim != 4:
            shape = f"{array.dtype} {list(array.shape)}"
            raise InputError(f"the video is {shape}, expected four axes: {_KINDS}")
        rows: Any = value if is_tensor(value) else array
        return lambda: _pictures(rows)
    if isinstance(value, str | os.PathLike):
        return _path_reader(Path(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return lambda: _animation(value)
    if isinstance(value, Sequence):
        return lambda: _pictures(value)
    raise InputError(
        f"the video is {type(value).__name__}, expected {_KINDS}",
        hint="a generator has to be made a list" if isinstance(value, Iterator) else None,
    )


def picture_files(folder: str | Path) -> list[Path]:
    """Return the pictures of a folder, in the order of their names, numbers by value.

    Raises:
        InputError: there are none.
    """
    files = sorted(
        (f for f in Path(folder).iterdir() if f.suffix.lower() in PICTURES and f.name[0] != "."),
        key=_natural,
    )
    if not files:
        raise InputError(f"the folder {str(folder)!r} holds no pictures")
    return files


def frame_rate(path: str | Path) -> Fraction | None:
    """Return the frames a second that a video file states; None where it states none.

    Raises:
        InputError: it cannot be read.
        MissingExtraError: PyAV is not installed.
    """
    place = Path(path)
    av = _import_av(place)
    try:
        with av.open(str(place)) as container:
            rate = container.streams.video[0].average_rate
    # PyAV's errors derive from those of the standard library, one for each code of FFmpeg.
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise InputError(f"cannot read the video file {place.name!r}: {error}") from error
    return Fraction(rate) if rate else None


def _path_reader(path: Path) -> Any:
    if path.is_dir():
        files = picture_files(path)
        return lambda: _pictures(files)
    if path.suffix.lower() in VIDEOS:
        if not path.is_file():
            raise InputError(f"no such video file: {str(path)!r}")
        _import_av(path)
        return lambda: _video_file(path)
    return lambda: _animation(path)


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key with which frame2 comes before frame10."""
    parts = re.findall(r"\d+|\D+", file.name)
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts], file.name


def _pictures(items: Any) -> Iterator[LoadedImage]:
    for number, item in enumerate(items, 1):
        try:
            yield open_image(item)
        except InputError as error:
            raise InputError(f"frame {number}: {error.message}", error.hint) from error


def _animation(value: Any) -> Iterator[LoadedImage]:
    from icl_core.coerce.decode import Limits, complete, opened, upright

    limits = Limits()
    with opened(value, limits) as (image, name):
        # Counting the frames of a TIFF reads the header of each.
        with complete(name):
            count = int(getattr(image, "n_frames", 1))
        for number in range(count):
            with complete(f"frame {number + 1} of {name}"):
                image.seek(number)
            limits.check(name, *image.size)
            # A copy, since turning or converting a frame must not disturb the reader.
            frame = upright(image, name)
            yield LoadedImage(decoded_to_rgb(frame), frame.orientation_applied)


def _import_av(path: Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            f"reading the video file {path.name!r} needs PyAV",
            hint="pip install av, or give a folder of frames",
        ) from error
    return av


def _video_file(path: Path) -> Iterator[LoadedImage]:
    from icl_core.coerce.decode import Limits

    av = _import_av(path)
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                Limits().check(repr(path.name), frame.width, frame.height)
                yield LoadedImage(frame.to_ndarray(format="rgb24"), False)
    # PyAV's errors derive from those of the standard library, one for each code of FFmpeg.
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise InputError(f"cannot read the video file {path.name!r}: {error}") from error
