"""The demo of this plugin: invented glyphs with invented names, and one more drawing to name."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import icl_core as icl
from icl_core.demo import DemoItem
from icl_core.results.draw import side_by_side
from icl_linking.drawings import Kind, Meeting, example_files, meetings
from icl_linking.episodes.controls import BLANK, REAL
from icl_linking.scores.run import run_controls

LEARNER = "encoder"
EPISODES = 40
SWAPPED = "supports-swapped"
CAPTION = 26


def items() -> Iterator[DemoItem]:
    """Name drawn glyphs, offline and with the bundled encoder, one item a kind of meeting.

    The numbers are accuracies over `EPISODES` drawings of that kind, with the controls that tell
    learning from guessing.
    """
    learner = icl.load(LEARNER, device="cpu")
    for kind, meeting in meetings():
        answer = icl.predict(learner, _context(meeting), meeting.query)
        table = run_controls(learner, kind.episodes(EPISODES), [BLANK, SWAPPED])
        accuracy = {name: 100 * report.overall.value for name, report in table.reports.items()}
        yield DemoItem(
            title=kind.title,
            text=(
                f"{kind.what} Right: the query with the name that was found; it is a "
                f"{meeting.truth}. The numbers are per cent right over {EPISODES} such questions: "
                "as they are, with grey pictures in place of the examples, and with the examples "
                "of other glyphs under these names. What is not lost then was not learned from "
                "the examples."
            ),
            learner=LEARNER,
            command=command(kind, meeting),
            svg_or_png=_picture(meeting, answer.label),
            mime="image/png",
            numbers={
                f"right, {LEARNER}": accuracy[REAL],
                "right, examples blanked": accuracy[BLANK],
                "right, examples swapped": accuracy[SWAPPED],
                "guessing": 100 / kind.concepts,
            },
        )


def _context(meeting: Meeting) -> list[icl.Example]:
    return [icl.Example(picture, name) for picture, name in meeting.examples]


def _picture(meeting: Meeting, found: str) -> bytes:
    """Return the row of examples and query, each with its name below, as PNG."""
    row = [_captioned(picture, name) for picture, name in meeting.examples]
    row.append(_captioned(meeting.query, f"{found}?"))
    stream = io.BytesIO()
    Image.fromarray(_row(row)).save(stream, "PNG")
    return stream.getvalue()


def _row(pictures: Sequence[np.ndarray]) -> np.ndarray:
    return side_by_side(list(pictures), height=pictures[0].shape[0], gap=8)


def _captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """Write a text below a picture uint8 [H, W, 3]."""
    height, width = picture.shape[:2]
    image = Image.new("RGB", (width, height + CAPTION), "white")
    image.paste(Image.fromarray(picture))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, width - 1, height - 1), outline=(200, 204, 210))
    place = (width / 2, height + CAPTION / 2)
    pen.text(place, text, fill=(28, 32, 36), font=ImageFont.load_default(15), anchor="mm")
    return np.asarray(image)


def command(kind: Kind, meeting: Meeting) -> str:
    """Return the command lines that draw the same pictures and name the query."""
    files = example_files(kind, meeting)
    names = (name for _, name in meeting.examples)
    shown = (f"--example glyphs/{f}={name}" for f, name in zip(files, names, strict=True))
    return (
        "python -m icl_linking.drawings glyphs\n"
        f"icl predict {LEARNER} {' '.join(shown)} --query glyphs/{kind.name}_query.png"
    )
