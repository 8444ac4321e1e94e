"""The demo of this plugin: a drawn pair shows a task, and the bundled small Painter repeats it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

import icl_core as icl
from icl_core.demo import DemoItem
from icl_core.results.draw import side_by_side
from icl_painting.drawings import Lesson, lessons
from icl_painting.metrics.restoration import psnr

LEARNER, WEIGHTS = "painter", "bundled"
HEIGHT = 192


def items() -> Iterator[DemoItem]:
    """Repeat the tasks of the drawn lessons, offline, one item a lesson.

    Raises:
        WeightsError: the small network is not in the installed package.
        UnknownNameError: the learner has no bundled weights at all.
    """
    learner = icl.load(LEARNER, weights=WEIGHTS, device="cpu")
    for lesson in lessons():
        context = [icl.Example(lesson.input, lesson.target)]
        answer = icl.predict(learner, context, lesson.query)
        yield DemoItem(
            title=lesson.title,
            text=(
                f"{lesson.what} From left to right: input and target of the pair, the query, the "
                "answer, and what was right. PSNR compares with what was right, in dB, higher is "
                "better; returning the query, or the pair's target, are the trivial answers. The "
                "network is small: it was trained for five minutes, for the most part on "
                "photographs, with such drawings among them, and never saw a whole negative."
            ),
            learner=LEARNER,
            command=command(lesson),
            svg_or_png=_picture(lesson, answer.image),
            mime="image/png",
            numbers={
                f"PSNR of {LEARNER}": psnr(answer.image, lesson.truth),
                "PSNR of the query": psnr(lesson.query, lesson.truth),
                "PSNR of the pair's target": psnr(lesson.target, lesson.truth),
            },
        )


def _picture(lesson: Lesson, answer: np.ndarray) -> bytes:
    """Return the row input, target, query, answer, truth as PNG, enlarged by whole pixels."""
    row = [lesson.input, lesson.target, lesson.query, answer, lesson.truth]
    times = max(1, HEIGHT // lesson.query.shape[0])
    large = [picture.repeat(times, axis=0).repeat(times, axis=1) for picture in row]
    stream = io.BytesIO()
    Image.fromarray(side_by_side(large, height=large[2].shape[0], gap=8)).save(stream, "PNG")
    return stream.getvalue()


def command(lesson: Lesson) -> str:
    """Return the command lines that draw the same pictures and paint the answer."""
    name = f"lessons/{lesson.name}"
    return (
        "python -m icl_painting.drawings lessons\n"
        f"icl predict {LEARNER} --weights {WEIGHTS} --example {name}_input.png={name}_target.png "
        f"--query {name}_query.png --out {lesson.name}.png"
    )
