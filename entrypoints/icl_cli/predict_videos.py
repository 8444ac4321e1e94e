"""`icl predict --video`: frames in, one answer a frame out, in memory of one length."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from icl_cli.guard import say
from icl_cli.output import print_json
from icl_cli.predict_examples import SUFFIX
from icl_cli.request import BESIDE
from icl_core.coerce.video import VIDEOS, frame_rate, picture_files, to_frames
from icl_core.errors import InputError
from icl_core.results.video import MOVIES, import_writer, writing_video
from icl_core.types import Context, Example, Video

if TYPE_CHECKING:
    from icl_cli.request import Request
    from icl_core.learner import PreparedContext

_RATE = 25


@dataclass(frozen=True)
class Clip:
    """A video and where its answers go.

    Args:
        source: a folder of frames, a video file or an animated image.
        out: folder of the answers; None = they are not written.
        overlay: folder or video file of the drawings; None = nothing is drawn.
    """

    source: Path
    out: Path | None
    overlay: Path | None

    @property
    def movie(self) -> bool:
        """Whether the drawings become one video file."""
        return self.overlay is not None and self.overlay.suffix.lower() in MOVIES

    def names(self) -> Iterator[str]:
        """Yield how each frame's answer is called: as its frame is, else by number from 0."""
        if self.source.is_dir():
            stems = [file.stem for file in picture_files(self.source)]
            if len(set(stems)) == len(stems):
                return iter(stems)
        return (f"{number:05d}" for number in itertools.count())

    def rate(self, asked: float | None) -> Fraction:
        """Return the frames a second of the drawing."""
        own = frame_rate(self.source) if self.source.suffix.lower() in VIDEOS else None
        return Fraction(asked) if asked is not None else own or Fraction(_RATE)


def predict_videos(request: Request, examples: tuple[Example, ...]) -> None:
    """Answer one video after the other, each frame by frame.

    Raises:
        IclError: an input, the weights or the place of the output cannot be used.
    """
    clips = _clips(request)
    for clip in clips:
        to_frames(clip.source)  # says what cannot be read before anything heavy is loaded
        if clip.overlay is not None and clip.movie:
            import_writer(clip.overlay)
    learner, options = request.load()
    prepared = learner.prepare(Context(examples=examples, text=request.text))
    results = [_answer(request, prepared, clip, options) for clip in clips]
    if request.as_json:
        print_json(results if len(results) > 1 else results[0])
    else:
        for result in results:
            typer.echo("\n".join(result[key] for key in ("out", "overlay") if key in result))


def _answer(
    request: Request, prepared: PreparedContext, clip: Clip, options: dict[str, Any]
) -> dict[str, Any]:
    """Answer a video, writing each frame's answer as it comes; return what is said about it."""
    from icl_core.runtime import Progress

    suffix = SUFFIX[request.card.task]
    names = clip.names()
    result: dict[str, Any] = {"video": str(clip.source), "frames": 0}
    for key, place in (("out", clip.out), ("overlay", clip.overlay)):
        if place is not None:
            folder = place.parent if key == "overlay" and clip.movie else place
            folder.mkdir(parents=True, exist_ok=True)
            result[key] = str(place)
            say(f"Writing to {place}")
    with ExitStack() as open_files:
        progress = open_files.enter_context(Progress(clip.source.name))
        draw = _drawing(request, clip, open_files)
        # The frames are read a second time for the drawings: the learner may read ahead.
        scenes = itertools.repeat(None) if draw is None else iter(to_frames(clip.source))
        for answer in prepared.follow(Video(clip.source), **options):
            name = next(names)
            if clip.out is not None:
                answer.save(clip.out / f"{name}{suffix}", overwrite=request.overwrite)
            if draw is not None:
                draw(name, answer, next(scenes))
            result["frames"] += 1
            progress.advance()
    return result


def _drawing(
    request: Request, clip: Clip, open_files: ExitStack
) -> Callable[[str, Any, Any], None] | None:
    """Return what draws an answer over its frame."""
    place = clip.overlay
    if place is None:
        return None
    if clip.movie:
        rate = clip.rate(request.fps)
        add = open_files.enter_context(writing_video(place, rate=rate, overwrite=request.overwrite))
        return lambda _, answer, frame: add(np.asarray(answer.plot(image=frame)))

    def write(name: str, answer: Any, frame: Any) -> None:
        answer.plot(place / f"{name}.png", image=frame, overwrite=request.overwrite)

    return write


def _clips(request: Request) -> list[Clip]:
    """Choose where the answers to each video go."""
    sources = [Path(typed) for typed in request.videos]
    for source in sources:
        if not source.exists():
            raise InputError(f"--video {source}: there is no such file or folder")
    if request.out == "-" and request.overlay in (None, BESIDE):
        raise InputError("--video answers with a picture a frame: give --out DIR")
    out = None if request.out == "-" else Path(request.out)
    if out is not None and (out.is_file() or out.suffix.lower() in (*MOVIES, *SUFFIX.values())):
        raise InputError(
            f"--out {out} is a file, expected a folder for an answer a frame",
            hint=f"--overlay {out} draws them into a video" if out.suffix in MOVIES else None,
        )
    drawn = None if request.overlay is None else _overlay(request.overlay, out)
    if drawn is not None and drawn == out:
        raise InputError(f"--overlay and --out are both {out}, expected a folder for each")
    if len(sources) > 1 and drawn is not None and drawn.suffix.lower() in MOVIES:
        raise InputError(f"--overlay {drawn} is one file, expected a folder for several videos")
    clips = [Clip(sources[0], out, drawn)]
    if len(sources) > 1:
        names = [source.resolve().stem for source in sources]
        if len(set(names)) != len(names):
            raise InputError(f"two videos are called {_twice(names)}; rename one of them")
        clips = [
            Clip(source, out and out / name, drawn and drawn / name)
            for source, name in zip(sources, names, strict=True)
        ]
    for place in (place for clip in clips for place in (clip.out, clip.overlay)):
        if place is not None and not request.overwrite:
            _check_free(place)
    return clips


def _overlay(typed: str, out: Path | None) -> Path:
    if typed == BESIDE:
        assert out is not None, "checked by _clips"
        return out.with_name(f"{out.name}_overlay")
    place = Path(typed)
    if place.is_file() and place.suffix.lower() not in MOVIES:
        raise InputError(f"--overlay {place} is a file, expected a folder or a file .mp4")
    return place


def _twice(names: Sequence[str]) -> str:
    return next(name for name in names if names.count(name) > 1)


def _check_free(place: Path) -> None:
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        what = "exists already" if place.is_file() else "is a folder that is not empty"
        raise InputError(f"{place} {what} and was left as it is", "--overwrite writes into it")
