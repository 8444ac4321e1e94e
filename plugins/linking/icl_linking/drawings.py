"""Invented glyphs of random strokes: pictures of concepts that nobody has a name for.

A class of `StrokeGlyphs` is drawn as often as it is asked for, each time as another hand would.
`python -m icl_linking.drawings FOLDER` writes a few of them, with examples and a query each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from icl_core import Context, Episode, Example

SIDE = 64
"""Side of a glyph, in pixels, as the encoder is trained on it."""
MARGIN = 0.12
"""Share of the side that stays free at each edge."""
LARGE = 128
"""Side of the pictures that are written."""

Strokes = Sequence[np.ndarray]
"""Points [n, 2] of each stroke, (x, y) in 0..1 inside the margin."""


class StrokeGlyphs:
    """Invented characters: one to five strokes, each a smooth curve through random points.

    The points of a class follow from its number; a drawing moves them a little.

    Args:
        classes: how many.
        seed: of the classes.
    """

    def __init__(self, classes: int = 100_000, seed: int = 0) -> None:
        self._classes = classes
        self._seed = seed

    def __len__(self) -> int:
        return self._classes

    def draw(self, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a class once: uint8 [64, 64], 255 = ink."""
        return draw_strokes(invent(np.random.default_rng([self._seed, concept])), rng)


def invent(rng: np.random.Generator) -> list[np.ndarray]:
    """Invent the strokes of one character; some start on an earlier one."""
    found: list[np.ndarray] = []
    for _ in range(int(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.3, 0.25, 0.15, 0.1]))):
        found.append(_stroke(found, rng))
    return found


def look_alike(strokes: Strokes, rng: np.random.Generator) -> list[np.ndarray]:
    """Invent a character that differs from another one in its last stroke alone.

    Args:
        strokes: of the other one, two or more.
        rng: of the new stroke.
    """
    kept = list(strokes[:-1])
    return [*kept, _stroke(kept, rng)]


def draw_strokes(strokes: Strokes, rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """Draw a character once, by another hand for each state of the generator.

    Args:
        strokes: of the character.
        rng: of the hand: how thick, how wide and how steady.
        side: of the picture.

    Returns:
        uint8 [side, side], 255 = ink.
    """
    canvas = 2 * side
    stretch = rng.uniform(0.85, 1.15, 2)
    jitter = rng.uniform(0.01, 0.045)
    image = Image.new("L", (canvas, canvas))
    pen = ImageDraw.Draw(image)
    thickness = int(rng.integers(4, 9)) * side // SIDE
    for points in strokes:
        moved = points + rng.normal(0, jitter, points.shape) + rng.normal(0, 0.02, 2)
        at = ((_curve(moved) - 0.5) * stretch + 0.5) * (1 - 2 * MARGIN) + MARGIN
        pen.line([tuple(p) for p in at * canvas], fill=255, width=thickness, joint="curve")
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def black_on_white(ink: np.ndarray) -> np.ndarray:
    """Turn ink uint8 [H, W] into a picture uint8 [H, W, 3]."""
    return np.repeat(255 - ink[..., None], 3, axis=-1)


def invented_name(rng: np.random.Generator) -> str:
    """Make up a word of two or three syllables."""
    syllables = [rng.choice(list("bdfgklmnprstvz")) + rng.choice(list("aeiou")) for _ in range(3)]
    return "".join(syllables[: int(rng.integers(2, 4))]) + str(rng.choice(list("klmnrs")))


def _stroke(earlier: Strokes, rng: np.random.Generator) -> np.ndarray:
    count = int(rng.choice([2, 3, 4, 5, 6], p=[0.35, 0.25, 0.2, 0.12, 0.08]))
    start = rng.uniform(0, 1, 2)
    if len(earlier) and rng.random() < 0.6:
        other = earlier[int(rng.integers(len(earlier)))]
        start = other[int(rng.integers(len(other)))]
    if rng.random() < 0.4:  # a straight or hooked line
        direction = rng.choice([0, 90, 45, 135]) + rng.normal(0, 8)
        angle = np.deg2rad(direction + 180 * rng.integers(2))
        step = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.2, 0.8) / (count - 1)
        points = start + step * np.arange(count)[:, None] + rng.normal(0, 0.02, (count, 2))
    else:
        points = start + np.cumsum(rng.normal(0, 0.28, (count, 2)), axis=0)
        points[0] = start
    return np.clip(points, 0, 1)


def _curve(points: np.ndarray, steps: int = 12) -> np.ndarray:
    """Return a Catmull-Rom curve through points [n, 2]."""
    if len(points) < 3:
        return points
    p = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5
        * (
            2 * p[i]
            + (p[i + 1] - p[i - 1]) * t
            + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t**2
            + (3 * p[i] - p[i - 1] - 3 * p[i + 1] + p[i + 2]) * t**3
        )
        for i in range(1, len(p) - 2)
    ]
    return np.concatenate([*parts, points[-1:]])


@dataclass(frozen=True, eq=False)
class Meeting:
    """New concepts are shown, and one of them is asked for.

    Args:
        examples: pictures uint8 [side, side, 3] with names, shots of the concepts in turn.
        query: another drawing of one of them.
        truth: its name.
    """

    examples: tuple[tuple[np.ndarray, str], ...]
    query: np.ndarray
    truth: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of the concepts, in the order in which they are shown."""
        return tuple(dict.fromkeys(name for _, name in self.examples))

    def episode(self, number: int = 0) -> Episode:
        """Return it as an episode.

        Args:
            number: its `meta["id"]`.
        """
        context = Context(tuple(Example(picture, name) for picture, name in self.examples))
        meta = {"id": str(number), "labels": self.names, "pool": str(number)}
        return Episode(context, self.query, self.truth, meta)


@dataclass(frozen=True)
class Kind:
    """How concepts are shown, and how alike they are.

    Args:
        name: of files.
        title: for people.
        what: one sentence.
        concepts: how many.
        shots: drawings of each that are shown.
        alike: whether all but the first differ from the first in one stroke alone.
        seed: of the meetings.
    """

    name: str
    title: str
    what: str
    concepts: int = 2
    shots: int = 1
    alike: bool = True
    seed: int = 0

    def meet(self, number: int, side: int = LARGE) -> Meeting:
        """Draw meeting `number`; the concepts are asked for in turn."""
        rng = np.random.default_rng([self.seed, number])
        concepts = _concepts(self.concepts, self.alike, rng)
        names: list[str] = []
        while len(names) < len(concepts):
            name = invented_name(rng)
            names += [] if name in names else [name]

        def drawn(concept: int) -> np.ndarray:
            return black_on_white(draw_strokes(concepts[concept], rng, side))

        shown = [(drawn(c), names[c]) for _ in range(self.shots) for c in range(len(concepts))]
        asked = number % len(concepts)
        return Meeting(tuple(shown), drawn(asked), names[asked])

    def episodes(self, count: int, side: int = SIDE) -> list[Episode]:
        """Draw the first meetings as episodes."""
        return [self.meet(number, side).episode(number) for number in range(count)]


def _concepts(count: int, alike: bool, rng: np.random.Generator) -> list[list[np.ndarray]]:
    first = invent(rng)
    while len(first) < 2:
        first = invent(rng)
    make = partial(look_alike, first) if alike else invent
    return [first, *(make(rng) for _ in range(count - 1))]


KINDS = (
    Kind(
        "once",
        "A new glyph and its look-alike, shown once each",
        "Two invented glyphs that differ in one stroke, one drawing of each.",
        seed=1,
    ),
    Kind(
        "twice",
        "A new glyph and its look-alike, shown twice each",
        "Two invented glyphs that differ in one stroke, two drawings of each.",
        shots=2,
        seed=2,
    ),
    Kind(
        "five",
        "Five new glyphs, shown once each",
        "Five invented glyphs, one drawing of each.",
        concepts=5,
        alike=False,
        seed=3,
    ),
)
"""What the demo shows."""


def meetings() -> Iterator[tuple[Kind, Meeting]]:
    """Draw one meeting of each kind, the same on every run."""
    for kind in KINDS:
        yield kind, kind.meet(1)


def write_meetings(folder: str | Path) -> list[Path]:
    """Write the pictures of all meetings as PNG.

    Args:
        folder: is made if need be; files of these names are replaced.

    Returns:
        The files: `<kind>_<number>_<name>.png` of examples, and `<kind>_query.png`.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for kind, meeting in meetings():
        stems = [*example_files(kind, meeting), f"{kind.name}_query.png"]
        pictures = [*(picture for picture, _ in meeting.examples), meeting.query]
        for stem, picture in zip(stems, pictures, strict=True):
            files.append(place / stem)
            Image.fromarray(picture).save(files[-1])
    return files


def example_files(kind: Kind, meeting: Meeting) -> list[str]:
    """Name the files of the examples of a meeting."""
    return [f"{kind.name}_{n}_{name}.png" for n, (_, name) in enumerate(meeting.examples, 1)]


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m icl_linking.drawings", description="Write the drawn glyphs as PNG."
    )
    parser.add_argument("folder", help="where to")
    for file in write_meetings(parser.parse_args(arguments).folder):
        say(str(file))


if __name__ == "__main__":
    main()
