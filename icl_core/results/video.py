"""Writing a video file, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from icl_core.errors import InputError, MissingExtraError
from icl_core.results.save import atomic_path

MOVIES = (".mp4", ".m4v", ".mov", ".mkv")
"""Suffixes a video can be written with."""


@contextmanager
def writing_video(
    path: str | Path, *, rate: float | Fraction = 25, overwrite: bool = False
) -> Iterator[Callable[[np.ndarray], None]]:
    """Give a function that adds a frame to a video file; memory does not grow with the frames.

    Frames are H.264 where FFmpeg can write it, else MPEG-4. Both want even sides: an odd one is
    made even by repeating the last row or column. The file is there when the body is done, whole,
    or not at all.

    Args:
        path: the file; its folder has to exist.
        rate: frames a second.
        overwrite: whether an existing file may be replaced.

    Yields:
        A function that takes a frame, uint8 [H, W, 3]; all of one size.

    Raises:
        MissingExtraError: PyAV is not installed.
        InputError: the place or the rate cannot be used, frames differ in size, or there is none.
    """
    av = import_writer(path)
    speed = Fraction(rate).limit_denominator(65535)
    if speed <= 0:
        raise InputError(f"the rate is {rate} frames a second, expected more than 0")
    with (
        atomic_path(path, overwrite, suffixes=MOVIES) as temporary,
        av.open(str(temporary), "w") as container,
    ):
        film = _Film(av, container, speed)
        yield film.add
        film.close()


def import_writer(path: str | Path) -> Any:
    """Return the library PyAV.

    Raises:
        MissingExtraError: it is not installed; the sentence names the file.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            f"writing the video file {Path(path).name!r} needs PyAV",
            hint="pip install av, or give a folder, for pictures",
        ) from error
    return av


class _Film:
    """The one stream of a container that is being written."""

    def __init__(self, av: Any, container: Any, rate: Fraction) -> None:
        self._av = av
        self._container = container
        self._rate = rate
        self._stream: Any = None
        self._size: tuple[int, ...] = ()

    def add(self, frame: np.ndarray) -> None:
        """Encode a frame uint8 [H, W, 3]."""
        if self._stream is None:
            self._start(frame)
        if frame.shape != self._size or frame.dtype != np.uint8:
            raise InputError(
                f"a frame of the video is {frame.dtype} {list(frame.shape)}, "
                f"expected uint8 {list(self._size)} as the first one"
            )
        height, width = frame.shape[:2]
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = self._av.VideoFrame.from_ndarray(even, format="rgb24")
        self._container.mux(self._stream.encode(picture))

    def _start(self, frame: np.ndarray) -> None:
        if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise InputError(f"a frame of the video is {list(frame.shape)}, expected [H, W, 3]")
        height, width = frame.shape[:2]
        good = "libx264" in self._av.codecs_available
        stream = self._container.add_stream("libx264" if good else "mpeg4", rate=self._rate)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        if good:
            stream.options = {"crf": "18"}
        else:
            stream.bit_rate = max(500_000, int(0.2 * width * height * self._rate))
        self._stream, self._size = stream, frame.shape

    def close(self) -> None:
        """Write what the encoder still holds."""
        if self._stream is None:
            raise InputError("the video has no frames, expected at least one")
        self._container.mux(self._stream.encode())
