"""Pictures drawn by code: textured grounds with coloured shapes, and pairs that show a task.

```sh
python -m icl_painting.drawings DIR
```

writes every lesson as NAME_input.png, NAME_target.png, NAME_query.png and NAME_truth.png. They are
the same on every run. The trainer draws its pictures here as well, from other seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (214, 48, 44),
    "orange": (238, 140, 38),
    "yellow": (236, 212, 60),
    "green": (52, 160, 74),
    "cyan": (58, 190, 204),
    "blue": (48, 84, 200),
    "purple": (138, 62, 172),
    "pink": (236, 128, 178),
}
SHAPES = ("disc", "square", "triangle", "ring", "cross", "star")
SIDE = 64
"""Side of the lessons' pictures."""


@dataclass(frozen=True)
class Thing:
    """One drawn shape.

    Args:
        shape: one of `SHAPES`.
        colour: one of the names in `COLOURS`.
    """

    shape: str
    colour: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawn picture.

    Args:
        picture: uint8 [H, W, 3].
        labels: int32 [H, W], 0 = ground, n = the n-th thing where it is not covered.
        things: what was drawn, from back to front.
    """

    picture: np.ndarray
    labels: np.ndarray
    things: tuple[Thing, ...]

    def mask(self, wanted: Callable[[Thing], bool]) -> np.ndarray:
        """Return where the wanted things are seen: bool [H, W]."""
        chosen = np.array([False, *map(wanted, self.things)])
        return np.asarray(chosen[self.labels])


@dataclass(frozen=True, eq=False)
class Lesson:
    """A pair that shows a task, and a query for which the answer is known.

    Args:
        name: one word, used in file names.
        title: what is shown.
        what: one sentence on the task.
        input: uint8 [H, W, 3], first picture of the pair.
        target: uint8 [H, W, 3], what the task makes of it.
        query: uint8 [H, W, 3].
        truth: uint8 [H, W, 3], what the task makes of the query.
    """

    name: str
    title: str
    what: str
    input: np.ndarray
    target: np.ndarray
    query: np.ndarray
    truth: np.ndarray


def draw(
    random: np.random.Generator,
    side: int = SIDE,
    things: Sequence[Thing] = (),
    size: tuple[float, float] = (0.12, 0.22),
) -> Drawing:
    """Draw a picture.

    Args:
        random: of all draws.
        side: height and width in pixels.
        things: to be drawn, from back to front; none for two to five of any kind.
        size: least and largest radius of a thing, as a share of the side.
    """
    down, across = np.mgrid[:side, :side].astype(np.float32) / side
    picture = _ground(random, down, across)
    labels = np.zeros((side, side), np.int32)
    chosen = tuple(things) or tuple(any_thing(random) for _ in range(random.integers(2, 6)))
    places = _places(random, len(chosen))
    for number, (thing, (y, x)) in enumerate(zip(chosen, places, strict=True), start=1):
        radius = random.uniform(*size)
        turn, slope, light = random.uniform((0, -0.2, 0.9), (2 * np.pi, 0.2, 1.1))
        low = np.maximum(np.floor((np.array([y, x]) - 1.2 * radius) * side).astype(int), 0)
        high = np.ceil((np.array([y, x]) + 1.2 * radius) * side).astype(int)
        part = slice(low[0], high[0]), slice(low[1], high[1])
        v, u = (down[part] - y) / radius, (across[part] - x) / radius
        a = u * np.cos(turn) + v * np.sin(turn)
        b = v * np.cos(turn) - u * np.sin(turn)
        # Borders one pixel wide, so that they are as soft as those of a photograph.
        cover = np.clip(_depth(thing.shape, a, b) * radius * side + 0.5, 0, 1)
        colour = np.array(COLOURS[thing.colour], np.float32) / 255
        paint = np.clip(colour * (light + slope * u)[..., None], 0, 1)
        picture[part] += (paint - picture[part]) * cover[..., None]
        labels[part][cover > 0.5] = number
    whole = np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)
    return Drawing(whole, labels, chosen)


def any_thing(random: np.random.Generator, colours: Sequence[str] = tuple(COLOURS)) -> Thing:
    """Draw the shape and the colour of a thing."""
    return Thing(str(random.choice(SHAPES)), str(random.choice(list(colours))))


def smooth_noise(random: np.random.Generator, side: int, cells: tuple[int, int]) -> np.ndarray:
    """Return noise in -1..1, float32 [side, side], with this many bumps down and across."""
    coarse = Image.fromarray(random.uniform(-1, 1, cells).astype(np.float32))
    fine = coarse.resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(fine, np.float32), -1, 1)


def _ground(random: np.random.Generator, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Paint a ground between two dull colours: along a slope, stripes or clouds."""
    side = len(down)
    grey, other = random.uniform(0.15, 0.85), random.uniform(0.15, 0.85)
    one = np.clip(grey + random.uniform(-0.12, 0.12, 3), 0, 1)
    two = np.clip(other + random.uniform(-0.12, 0.12, 3), 0, 1)
    turn = random.uniform(0, 2 * np.pi)
    along = np.cos(turn) * (across - 0.5) + np.sin(turn) * (down - 0.5)
    kind = random.integers(4)
    if kind == 0:
        mix = 0.5 + along
    elif kind == 1:
        mix = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(2, 7) * along)
    else:
        cells = int(random.integers(2, 12 if kind == 2 else 5))
        mix = 0.5 + 0.6 * smooth_noise(random, side, (cells, cells))
    mix = np.clip(mix + 0.15 * smooth_noise(random, side, (side // 4, side // 4)), 0, 1)
    ground = one + (two - one) * mix[..., None]
    return np.asarray(ground, np.float32)


def _places(random: np.random.Generator, count: int) -> np.ndarray:
    """Return places [count, 2] in 0..1 that lie as far apart as a few draws allow."""
    places = random.uniform(0.15, 0.85, (count, 2))
    for number in range(1, count):
        tries = random.uniform(0.15, 0.85, (12, 2))
        apart = np.linalg.norm(tries[:, None] - places[None, :number], axis=2).min(axis=1)
        places[number] = tries[int(apart.argmax())]
    return places


def _depth(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return how far inside a shape of unit size a place lies; negative outside."""
    radius = np.hypot(u, v)
    if shape == "disc":
        return np.asarray(0.9 - radius)
    if shape == "ring":
        return np.asarray(0.24 - np.abs(radius - 0.72))
    if shape == "square":
        return np.asarray(0.75 - np.maximum(np.abs(u), np.abs(v)))
    if shape == "cross":
        arm = np.minimum(np.maximum(np.abs(u), np.abs(v)), 2)
        return np.asarray(np.minimum(0.95 - arm, 0.3 - np.minimum(np.abs(u), np.abs(v))))
    if shape == "triangle":
        sides = [u * np.cos(a) + v * np.sin(a) for a in (np.pi / 2, 7 * np.pi / 6, 11 * np.pi / 6)]
        return np.asarray(0.5 - np.maximum.reduce(sides))
    angle = np.abs((np.arctan2(v, u) / (2 * np.pi / 5)) % 1 - 0.5) * 2
    return np.asarray(0.45 + 0.55 * angle - radius) * 0.7


def painted_mask(mask: np.ndarray, colour: Colour = (255, 255, 255)) -> np.ndarray:
    """Return a mask as a picture on black: uint8 [H, W, 3]."""
    return np.asarray(mask[..., None] * np.array(colour, np.uint8), np.uint8)


def lessons() -> Iterator[Lesson]:
    """Draw all lessons."""
    yield _lesson(
        "denoise",
        "Remove noise",
        "The pair is a noisy picture and the same without noise (deviation 30 of 255).",
        (11, 12),
        lambda drawing, random: (_noisy(drawing.picture, random), drawing.picture),
    )
    yield _lesson(
        "negative",
        "Negative",
        "The pair is a picture and its negative.",
        (13, 14),
        lambda drawing, _: (drawing.picture, 255 - drawing.picture),
    )
    yield _lesson(
        "swap",
        "Other colours",
        "The target of the pair has red and blue swapped.",
        (15, 16),
        lambda drawing, _: (drawing.picture, np.ascontiguousarray(drawing.picture[..., ::-1])),
    )
    yield _marking("red", ("blue", "green", "yellow"))
    yield _marking("blue", ("red", "green", "yellow"))


def _marking(wanted: str, others: tuple[str, ...]) -> Lesson:
    """Draw a lesson on the shapes of one colour; that of another has the same pictures."""
    return _lesson(
        f"mark-{wanted}",
        f"Mark what is {wanted}",
        f"The target of the pair is white where a {wanted} shape is, and black elsewhere.",
        (17, 18),
        lambda drawing, _: (
            drawing.picture,
            painted_mask(drawing.mask(lambda thing: thing.colour == wanted)),
        ),
        tuple(sorted((wanted, *others))),
    )


def _lesson(
    name: str,
    title: str,
    what: str,
    seeds: tuple[int, int],
    apply: Callable[[Drawing, np.random.Generator], tuple[np.ndarray, np.ndarray]],
    colours: Sequence[str] = (),
) -> Lesson:
    pairs = []
    for seed in seeds:
        random = np.random.default_rng([seed, 20221205])
        # Each colour once, so that what is asked for is there, among others.
        things = [any_thing(random, (colour,)) for colour in random.permutation(list(colours))]
        pairs.append(apply(draw(random, SIDE, things), random))
    return Lesson(name, title, what, *pairs[0], *pairs[1])


def _noisy(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noise = 30 * random.standard_normal(picture.shape)
    return np.asarray(np.clip(np.rint(picture + noise), 0, 255), np.uint8)


def write_lessons(folder: str | Path) -> list[Path]:
    """Write all lessons as PNG.

    Args:
        folder: is made if need be; files of these names are replaced.

    Returns:
        The files.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for lesson in lessons():
        for what in ("input", "target", "query", "truth"):
            files.append(place / f"{lesson.name}_{what}.png")
            Image.fromarray(getattr(lesson, what)).save(files[-1])
    return files


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m icl_painting.drawings", description="Write the drawn lessons as PNG."
    )
    parser.add_argument("folder", help="where to")
    for file in write_lessons(parser.parse_args(arguments).folder):
        say(str(file))


if __name__ == "__main__":
    main()
