"""`icl predict` for learners that are shown examples: segmentation, painting, linking."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from icl_cli.guard import say
from icl_cli.output import print_json, print_table
from icl_core.errors import InputError
from icl_core.types import Context, Example, Task, Video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icl_cli.request import Request
    from icl_core.results import Classification

_VIDEOS = frozenset({".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"})
_SUFFIX = {Task.SEGMENTATION: ".png", Task.PAINTING: ".png", Task.LINKING: ".json"}


def predict_examples(request: Request) -> None:
    """Answer the queries one batch after the other, writing each answer as it comes.

    Raises:
        IclError: an input, the weights or the place of the output cannot be used.
    """
    task = request.card.task
    if request.overlay and task is not Task.SEGMENTATION:
        raise InputError(f"--overlay draws a mask, and {request.card.name} is a {task} learner")
    examples = tuple(_example(typed, task) for typed in request.examples)
    queries = [_query(typed) for typed in request.queries]
    places = _places(request, queries)
    learner, options = request.load()
    prepared = learner.prepare(Context(examples=examples, text=request.text))
    results: list[dict[str, Any]] = []
    for start in range(0, len(queries), request.batch_size):
        batch = queries[start : start + request.batch_size]
        answers = prepared.predict(batch, **options)
        for number, answer in enumerate(answers, start):
            query = queries[number]
            video = isinstance(query, Video)
            scenes = _frames(query, request) if video else iter([query])
            for frame, one in enumerate(answer if video else [answer]):
                at = frame if video else None
                results.append(_keep(request, places, number, at, one, next(scenes)))
    if request.as_json:
        print_json(results if len(results) > 1 else results[0])
    elif places is None:
        rows = [(r["query"], r["label"], r["confidence"]) for r in results]
        print_table(("QUERY", "LABEL", "CONFIDENCE"), rows)
    else:
        for result in results:
            typer.echo(result["out"])


def _example(typed: str, task: Task) -> Example:
    # A path may hold "=" itself: the image is the shortest left part that is a file.
    cuts = [index for index, letter in enumerate(typed) if letter == "="]
    if not cuts:
        raise InputError(f"--example is {typed!r}, expected IN=OUT, such as a.jpg=a_mask.png")
    cut = next((index for index in cuts if Path(typed[:index]).is_file()), cuts[0])
    image, output = Path(typed[:cut]), typed[cut + 1 :]
    if not image.is_file():
        raise InputError(f"--example {typed}: there is no file {image}")
    if task is Task.LINKING:
        return Example(image, output)
    if not Path(output).is_file():
        raise InputError(f"--example {typed}: there is no file {output}")
    return Example(image, Path(output))


def _query(typed: str) -> Any:
    path = Path(typed)
    if path.is_dir():
        return Video(path)
    if not path.is_file():
        raise InputError(f"--query {typed}: there is no such file")
    return Video(path) if path.suffix.lower() in _VIDEOS else path


def _places(request: Request, queries: list[Any]) -> list[Path] | None:
    """Where each answer goes, a folder for a video; None when a label goes to stdout."""
    task = request.card.task
    if request.out == "-":
        if task is Task.LINKING or request.as_json:
            return None
        raise InputError(f"{request.card.name} answers with pictures: give --out FILE or DIR")
    out = Path(request.out)
    one = len(queries) == 1 and not isinstance(queries[0], Video)
    if one and out.suffix and not out.is_dir():
        return [_free(out, request)]
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file, expected a folder for {len(queries)} answers")
    places: list[Path] = []
    for query, typed in zip(queries, request.queries, strict=True):
        stem = Path(typed).resolve().stem if not isinstance(query, Video) else Path(typed).stem
        place = out / (stem or "frames")
        place = place if isinstance(query, Video) else place.with_name(place.name + _SUFFIX[task])
        if place in places:
            raise InputError(f"two queries would both be written to {place}; rename one of them")
        places.append(_free(place, request))
    return places


def _free(place: Path, request: Request) -> Path:
    if place.is_file() and not request.overwrite:
        raise InputError(
            f"{place} exists already and was left as it is", hint="--overwrite replaces it"
        )
    return place


def _confidence(answer: Classification) -> float | None:
    """The probability of the label, where the learner gives one."""
    if answer.probabilities is None or answer.label not in answer.labels:
        return None
    return round(float(answer.probabilities[answer.labels.index(answer.label)]), 4)


def _frames(query: Video, request: Request) -> Iterator[Any]:
    """The pictures of a video once more, where they are drawn over."""
    if not request.overlay:
        return itertools.repeat(None)
    from icl_core.coerce.video import to_frames

    return iter(to_frames(query.frames))


def _keep(
    request: Request,
    places: list[Path] | None,
    number: int,
    frame: int | None,
    answer: Any,
    image: Any,
) -> dict[str, Any]:
    """Write one answer; return what is said about it."""
    result: dict[str, Any] = {"query": request.queries[number]}
    if frame is not None:
        result["frame"] = frame
    if places is None:
        if request.card.task is Task.LINKING:
            result["confidence"] = _confidence(answer)
        result.update(answer.to_dict())
        return result
    place = places[number]
    if frame is not None:
        place = place / f"{frame:05d}{_SUFFIX[request.card.task]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    if request.overlay:
        answer.plot(place, image=image, overwrite=request.overwrite)
    else:
        answer.save(place, overwrite=request.overwrite)
    result["out"] = str(place)
    if frame is not None and frame == 0:
        say(f"Writing frames to {place.parent}")
    if request.as_json:
        result.update(answer.to_dict())
    return result
