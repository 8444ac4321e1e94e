"""`icl predict` for learners that are shown examples: segmentation, painting, linking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from icl_cli.output import print_json, print_table
from icl_cli.places import Place, places
from icl_cli.queries import example_of, expand
from icl_core.errors import InputError
from icl_core.types import Context, Example, Task

if TYPE_CHECKING:
    from icl_cli.request import Request
    from icl_core.results import Classification

SUFFIX = {Task.SEGMENTATION: ".png", Task.PAINTING: ".png", Task.LINKING: ".json"}
"""Of an answer that is written to a folder."""


def predict_examples(request: Request) -> None:
    """Answer the queries one batch after the other, writing each answer as it comes.

    Raises:
        IclError: an input, the weights or the place of the output cannot be used.
    """
    examples = _examples(request)
    if request.videos:
        from icl_cli.predict_videos import predict_videos

        predict_videos(request, examples)
        return
    queries, single = expand(request.queries)
    written = request.out != "-" or request.overlay is not None
    if not written and request.card.task is not Task.LINKING and not request.as_json:
        raise InputError(f"{request.card.name} answers with pictures: give --out FILE or DIR")
    out = None if request.out == "-" else Path(request.out)
    suffix = SUFFIX[request.card.task]
    where = places(queries, single, out, request.overlay, suffix, request.overwrite)
    answers = _answers(request, Context(examples=examples, text=request.text), queries)
    results = [
        _keep(request, query, place, answer)
        for query, place, answer in zip(queries, where, answers, strict=True)
    ]
    if request.as_json:
        print_json(results if len(results) > 1 else results[0])
    elif not written:
        rows = [(r["query"], r["label"], r["confidence"]) for r in results]
        print_table(("QUERY", "LABEL", "CONFIDENCE"), rows)
    else:
        for result in results:
            typer.echo("\n".join(result[key] for key in ("out", "overlay") if key in result))


def _answers(request: Request, context: Context, queries: Sequence[Path]) -> Iterator[Any]:
    if request.engine == "ray":
        from icl_bench.ray_predict import answers

        size, device, address = request.batch_size, request.device, request.address
        yield from answers(
            request.load, queries, context, batch_size=size, device=device, address=address
        )
        return
    learner, options = request.load()
    prepared = learner.prepare(context)
    for start in range(0, len(queries), request.batch_size):
        yield from prepared.predict(list(queries[start : start + request.batch_size]), **options)


def _examples(request: Request) -> tuple[Example, ...]:
    task = request.card.task
    if task is not Task.SEGMENTATION:
        for option, value in (("--overlay", request.overlay), ("--negative", request.negatives)):
            if value not in (None, ()):
                raise InputError(
                    f"{option} is for segmentation, and {request.card.name} is a {task} learner"
                )
    shown = [example_of(typed, task) for typed in request.examples]
    shown += [example_of(t, task, "--negative", negative=True) for t in request.negatives]
    return tuple(shown)


def _confidence(answer: Classification) -> float | None:
    """The probability of the label, where the learner gives one."""
    if answer.probabilities is None or answer.label not in answer.labels:
        return None
    return round(float(answer.probabilities[answer.labels.index(answer.label)]), 4)


def _keep(request: Request, query: Path, place: Place, answer: Any) -> dict[str, Any]:
    """Write one answer; return what is said about it."""
    result: dict[str, Any] = {"query": str(query)}
    if place.out is not None:
        place.out.parent.mkdir(parents=True, exist_ok=True)
        answer.save(place.out, overwrite=request.overwrite)
        result["out"] = str(place.out)
    elif request.card.task is Task.LINKING:
        result["confidence"] = _confidence(answer)
        result.update(answer.to_dict())
    if place.overlay is not None:
        place.overlay.parent.mkdir(parents=True, exist_ok=True)
        answer.plot(place.overlay, image=query, overwrite=request.overwrite)
        result["overlay"] = str(place.overlay)
    if request.as_json:
        result.update(answer.to_dict())
    return result
