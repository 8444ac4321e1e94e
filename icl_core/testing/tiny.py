"""Tiny episodes of every task, the same on every machine, small enough for any learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from icl_core.types import Context, Episode, Example, Horizon, Series, Task

_SIZE = (48, 64)
_SHADES = {"background": (236, 232, 224), "square": (200, 40, 40), "disc": (30, 60, 190)}


def tiny_episodes(task: Task | str) -> list[Episode]:
    """Return three episodes: the second and third share a query but not what they are shown.

    Their contexts disagree about the query, so a learner that reads its context answers them
    differently.

    Args:
        task: what the learner does.
    """
    return _MAKERS[Task(task)]()


def bad_inputs(task: Task | str) -> list[tuple[str, Any, Any]]:
    """Return (what is wrong, context, query) that every learner of the task has to refuse."""
    task = Task(task)
    good = tiny_episodes(task)[0]
    if task is Task.FORECASTING:
        return [
            ("an empty history", [], good.query),
            ("a history of missing values only", [float("nan")] * 8, good.query),
            ("an infinite value", [1.0, float("inf"), 2.0], good.query),
            ("words instead of numbers", ["one", "two"], good.query),
            ("a horizon of no steps", good.context, 0),
        ]
    nothing = np.zeros((0, 4, 3), np.uint8)
    output = good.context.examples[0].output
    return [
        ("an image without pixels", [(nothing, output)], good.query),
        ("an example without an output", [good.context.examples[0].input], good.query),
        ("a query without pixels", good.context, nothing),
        ("a query that is no image", good.context, {"not": "an image"}),
        ("a query that is no image file", good.context, b"neither PNG nor JPEG"),
    ]


def _forecasting() -> list[Episode]:
    steps = np.arange(96)
    rises = 10 + 0.05 * steps + 3 * np.sin(2 * np.pi * steps / 24)
    falls = 40 - 0.20 * steps + 2 * np.cos(2 * np.pi * steps / 12)
    gaps = np.where(steps % 31 == 7, np.nan, rises + falls)[:80]
    start = np.datetime64("2024-01-01T00:00:00")
    return [
        Episode(
            Context(history=Series(values, start=start, freq="h", name=name)),
            Horizon(length),
            meta={"id": name},
        )
        for name, values, length in (("gaps", gaps, 5), ("rises", rises, 7), ("falls", falls, 7))
    ]


def _shape(name: str, top: int, left: int) -> np.ndarray:
    rows, columns = np.ogrid[: _SIZE[0], : _SIZE[1]]
    if name == "square":
        inside = (rows >= top) & (rows < top + 16) & (columns >= left) & (columns < left + 16)
    else:
        inside = (rows - top - 8) ** 2 + (columns - left - 8) ** 2 <= 64
    return np.asarray(inside)


def _picture(*shapes: tuple[str, int, int]) -> np.ndarray:
    image = np.empty((*_SIZE, 3), np.uint8)
    image[:] = _SHADES["background"]
    for name, top, left in shapes:
        image[_shape(name, top, left)] = _SHADES[name]
    return image


def _segmentation() -> list[Episode]:
    query = _picture(("square", 26, 6), ("disc", 8, 40))

    def episode(shown: str, asked: np.ndarray) -> Episode:
        examples = []
        for square, disc in (((6, 8), (24, 40)), ((20, 36), (10, 8))):
            image = _picture(("square", *square), ("disc", *disc))
            mask = _shape(shown, *(square if shown == "square" else disc))
            examples.append(Example(image, mask, {"class_name": shown}))
        return Episode(Context(tuple(examples)), asked, meta={"id": shown})

    other = _picture(("disc", 4, 10), ("square", 28, 44))[:40]
    return [episode("square", other), episode("square", query), episode("disc", query)]


def _painting() -> list[Episode]:
    query = _picture(("square", 26, 6), ("disc", 8, 40))
    inputs = (_picture(("square", 6, 8), ("disc", 24, 40)), _picture(("disc", 10, 8)))

    def episode(name: str, edit: Callable[[np.ndarray], np.ndarray], asked: np.ndarray) -> Episode:
        examples = tuple(Example(image, np.ascontiguousarray(edit(image))) for image in inputs)
        return Episode(Context(examples), asked, meta={"id": name})

    def swap(image: np.ndarray) -> np.ndarray:
        return image[..., ::-1]

    def invert(image: np.ndarray) -> np.ndarray:
        return 255 - image

    return [
        episode("swap", swap, query[:40]),
        episode("swap", swap, query),
        episode("invert", invert, query),
    ]


def _linking() -> list[Episode]:
    square = _picture(("square", 20, 30))

    def episode(words: tuple[str, str], asked: np.ndarray) -> Episode:
        examples = []
        for top, left in ((6, 8), (24, 40)):
            examples.append(Example(_picture(("square", top, left)), words[0]))
            examples.append(Example(_picture(("disc", top, left)), words[1]))
        return Episode(Context(tuple(examples)), asked, meta={"id": words[0]})

    disc = _picture(("disc", 14, 26))
    return [
        episode(("wug", "dax"), disc),
        episode(("wug", "dax"), square),
        episode(("dax", "wug"), square),
    ]


_MAKERS: dict[Task, Callable[[], list[Episode]]] = {
    Task.SEGMENTATION: _segmentation,
    Task.PAINTING: _painting,
    Task.LINKING: _linking,
    Task.FORECASTING: _forecasting,
}
