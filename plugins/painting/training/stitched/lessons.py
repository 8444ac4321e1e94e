"""Tasks made from pictures without any labels, or from drawn shapes.

A task is drawn once for a canvas, with its strength, colours and choice of shape; prompt and query
then get the same one. So nothing but the prompt says what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from icl_painting.drawings import COLOURS, SHAPES, Drawing, Thing, painted_mask
from icl_painting.sources import degradations

Apply = Callable[[Drawing, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""From a picture to input and target, uint8 [H, W, 3] each."""


class Lesson(NamedTuple):
    """A task with its strength, colours and choice of shape.

    Args:
        apply: makes input and target of a picture.
        things: what a drawn picture has to show for it; None for anything.
    """

    apply: Apply
    things: Callable[[np.random.Generator], tuple[Thing, ...]] | None = None


def noise(rng: np.random.Generator) -> Lesson:
    """Remove Gaussian noise of 10 to 50 of 255."""
    return Lesson(_undo(partial(degradations.gaussian_noise, sigma=rng.uniform(10, 50))))


def dark(rng: np.random.Generator) -> Lesson:
    """Light up a dark picture."""
    gamma, gain, left = rng.uniform((1.2, 0.15, 0), (2.5, 0.6, 6))
    return Lesson(_undo(partial(degradations.low_light, gamma=gamma, gain=gain, noise=left)))


def rain(rng: np.random.Generator) -> Lesson:
    """Remove streaks of rain."""
    density, strength = rng.uniform((0.002, 0.3), (0.008, 0.8))
    return Lesson(_undo(partial(degradations.rain, density=density, strength=strength)))


def blur(rng: np.random.Generator) -> Lesson:
    """Sharpen what was blurred by 0.6 to 2 pixels."""
    return Lesson(_undo(partial(degradations.blur, sigma=rng.uniform(0.6, 2))))


def upscale(rng: np.random.Generator) -> Lesson:
    """Sharpen what was made four times smaller and larger again."""
    return Lesson(_undo(degradations.coarse))


def colourise(rng: np.random.Generator) -> Lesson:
    """Give a grey picture its colours."""
    return Lesson(_undo(degradations.grey))


def fill(rng: np.random.Generator) -> Lesson:
    """Fill two to eight black boxes."""
    count = int(rng.integers(2, 9))
    return Lesson(_undo(partial(degradations.holes, share=rng.uniform(0.1, 0.3), count=count)))


def edges(rng: np.random.Generator) -> Lesson:
    """Draw where brightness changes, white on black or black on white."""
    inverted = rng.random() < 0.5

    def apply(drawing: Drawing, _: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        grey = np.pad(drawing.picture.mean(2, dtype=np.float32), 1, mode="edge")
        down = grey[2:, 1:-1] - grey[:-2, 1:-1]
        across = grey[1:-1, 2:] - grey[1:-1, :-2]
        strength = _whole(2 * np.hypot(down, across))
        lines = np.repeat((255 - strength if inverted else strength)[..., None], 3, axis=2)
        return drawing.picture, lines

    return Lesson(apply)


def colours(rng: np.random.Generator) -> Lesson:
    """Change all colours alike: negative, channels in another order, grey, tint or gamma."""
    kind = rng.choice(5, p=(0.3, 0.35, 0.1, 0.15, 0.1))
    order = [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)][rng.integers(5)]
    tint, gamma = rng.uniform(0.2, 1, 3), np.exp(rng.uniform(-0.8, 0.8))

    def apply(drawing: Drawing, _: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        picture = drawing.picture
        if kind == 0:
            return picture, 255 - picture
        if kind == 1:
            return picture, picture[..., list(order)]
        if kind == 2:
            return picture, degradations.grey(picture)
        if kind == 3:
            return picture, _whole(degradations.grey(picture) * tint)
        return picture, _whole(255 * (picture / np.float32(255)) ** gamma)

    return Lesson(apply)


def mask_by_colour(rng: np.random.Generator) -> Lesson:
    """Mark the shapes of one colour among others, in a random colour on black."""
    wanted = str(rng.choice(list(COLOURS)))
    others = [name for name in COLOURS if name != wanted]

    def things(rng: np.random.Generator) -> tuple[Thing, ...]:
        own = [Thing(str(rng.choice(SHAPES)), wanted) for _ in range(rng.integers(1, 3))]
        rest = [Thing(str(rng.choice(SHAPES)), str(rng.choice(others))) for _ in range(_rest(rng))]
        return _shuffled(rng, own + rest)

    return Lesson(_mask(rng, lambda thing: thing.colour == wanted), things)


def mask_by_shape(rng: np.random.Generator) -> Lesson:
    """Mark the shapes of one kind among others, in a random colour on black."""
    wanted = str(rng.choice(SHAPES))
    others = [name for name in SHAPES if name != wanted]
    names = list(COLOURS)

    def things(rng: np.random.Generator) -> tuple[Thing, ...]:
        own = [Thing(wanted, str(rng.choice(names))) for _ in range(rng.integers(1, 3))]
        rest = [Thing(str(rng.choice(others)), str(rng.choice(names))) for _ in range(_rest(rng))]
        return _shuffled(rng, own + rest)

    return Lesson(_mask(rng, lambda thing: thing.shape == wanted), things)


def mask_of_all(rng: np.random.Generator) -> Lesson:
    """Mark all shapes, in a random colour on black."""
    return Lesson(_mask(rng, lambda _: True))


LESSONS: dict[str, Callable[[np.random.Generator], Lesson]] = {
    "noise": noise,
    "dark": dark,
    "rain": rain,
    "blur": blur,
    "upscale": upscale,
    "colourise": colourise,
    "fill": fill,
    "edges": edges,
    "colours": colours,
    "mask-by-colour": mask_by_colour,
    "mask-by-shape": mask_by_shape,
    "mask-of-all": mask_of_all,
}
DRAWN_ONLY = ("mask-by-colour", "mask-by-shape", "mask-of-all")
"""Tasks that need to know what is drawn."""


def _mask(rng: np.random.Generator, wanted: Callable[[Thing], bool]) -> Apply:
    # Random colours, as in SegGPT: the colour of a mask says nothing of what it marks.
    red, green, blue = (int(value) for value in rng.integers(64, 256, 3))
    colour = (255, 255, 255) if rng.random() < 0.5 else (red, green, blue)
    return lambda drawing, _: (drawing.picture, painted_mask(drawing.mask(wanted), colour))


def _rest(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 4))


def _shuffled(rng: np.random.Generator, things: list[Thing]) -> tuple[Thing, ...]:
    return tuple(things[place] for place in rng.permutation(len(things)))


def _undo(spoil: degradations.Degradation) -> Apply:
    """Make a task of which the picture itself is the target."""
    return lambda drawing, rng: (spoil(drawing.picture, rng), drawing.picture)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)
