"""Pictures with known masks, drawn by code: something to try the learners on, without a data set.

```sh
python -m icl_segmentation.scenes DIR
```

writes every scene as NAME_example.png, NAME_example_mask.png, NAME_query.png and
NAME_query_mask.png. They are the same on every run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 240, 320
_Y, _X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)

Colour = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Scene:
    """The same things seen twice.

    Args:
        name: one word, used in file names.
        title: what is shown.
        what: one sentence: what the example's mask marks, and how the query differs.
        example: uint8 [240, 320, 3].
        example_labels: int32 [240, 320], 0 = background, else the id of an object.
        query: uint8 [240, 320, 3].
        query_labels: as of the example.
    """

    name: str
    title: str
    what: str
    example: np.ndarray
    example_labels: np.ndarray
    query: np.ndarray
    query_labels: np.ndarray


def scenes() -> Iterator[Scene]:
    """Draw all scenes."""
    yield Scene(
        "balls",
        "Two balls on a table",
        "The mask marks a striped and a green ball among others. In the query all balls lie "
        "elsewhere, at other sizes, under another light.",
        *_balls(1, {1: (90, 80, 44), 2: (235, 150, 40), 3: (180, 60, 30), 4: (70, 190, 32)}, 0.9),
        *_balls(2, {1: (225, 175, 34), 2: (75, 70, 48), 3: (165, 150, 24), 4: (260, 60, 36)}, 2.4),
    )
    yield Scene(
        "rust",
        "Rust on a steel plate",
        "The mask marks the rust. The query is another plate, with other spots, lit from the "
        "other side.",
        *_rust(3, 0.62, 0.3),
        *_rust(4, 0.66, 2.8),
    )
    yield Scene(
        "nuclei",
        "Nuclei in stained tissue",
        "The mask marks the dark nuclei, not the pale ones. The query is another field of view, "
        "a little brighter.",
        *_nuclei(5, 16, 1.0),
        *_nuclei(6, 22, 1.08),
    )


def write_scenes(folder: str | Path) -> list[Path]:
    """Write all scenes as PNG, masks as palette pictures.

    Args:
        folder: is made if need be; files of these names are replaced.

    Returns:
        The files.
    """
    from icl_core.results.label_map import palette_picture

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for scene in scenes():
        pictures = {
            "example": Image.fromarray(scene.example),
            "example_mask": palette_picture(scene.example_labels),
            "query": Image.fromarray(scene.query),
            "query_mask": palette_picture(scene.query_labels),
        }
        for what, picture in pictures.items():
            files.append(place / f"{scene.name}_{what}.png")
            picture.save(files[-1])
    return files


def _balls(
    seed: int, balls: dict[int, tuple[int, int, int]], light: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw balls (x, y, radius) on wood; ids 1 and 2 are objects, the others only stand by."""
    random = np.random.default_rng(seed)
    grain = _noise(random, (40, 3)) + 0.5 * _noise(random, (120, 8))
    picture = _paint((150, 105, 65), 1 + 0.25 * grain)
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    looks: dict[int, tuple[Colour, Colour]] = {
        1: ((200, 40, 40), (235, 225, 210)),
        2: ((50, 140, 70), (50, 140, 70)),
        3: ((60, 80, 170), (60, 80, 170)),
        4: ((225, 190, 60), (225, 190, 60)),
    }
    for number, (x, y, radius) in balls.items():
        shadow = _soft(1 - np.hypot(_X - x - 8 * np.cos(light), _Y - y - 0.4 * radius) / radius)
        picture *= (1 - 0.35 * shadow)[..., None]
        across, down = (_X - x) / radius, (_Y - y) / radius
        inside = across**2 + down**2 <= 1
        depth = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
        shade = 0.45 + 0.6 * np.clip(
            0.6 * depth - 0.55 * np.cos(light) * across - 0.55 * down, 0, None
        )
        stripe = np.sin(9 * (down + 0.25 * across)) > 0
        one, other = looks[number]
        colours = np.where(stripe[..., None], np.array(one), np.array(other))
        ball = colours * shade[..., None]
        picture[inside] = ball[inside]
        labels[inside] = number if number <= 2 else 0
    return _finished(picture, random, light, 0.15), labels


def _rust(seed: int, level: float, light: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw spots of rust on brushed steel."""
    random = np.random.default_rng(seed)
    steel = _paint((140, 145, 150), 1 + 0.10 * _noise(random, (HEIGHT, 4)))
    blots = (
        _noise(random, (5, 6)) + 0.35 * _noise(random, (18, 24)) + 0.1 * _noise(random, (60, 80))
    )
    spots = blots > np.quantile(blots, 1 - 0.45 * (1 - level) / 0.5)
    rough = 1 + 0.3 * _noise(random, (60, 80)) + 0.15 * _noise(random, (HEIGHT, WIDTH))
    rust = _paint((140, 75, 35), rough)
    picture = np.where(spots[..., None], rust, steel)
    return _finished(picture, random, light, 0.25), spots.astype(np.int32)


def _nuclei(seed: int, count: int, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw dark nuclei, and half as many pale ones, in pink tissue."""
    random = np.random.default_rng(seed)
    fibres = _noise(random, (12, 30)) + 0.6 * _noise(random, (40, 60))
    picture = _paint((225, 175, 200), 1 + 0.08 * fibres)
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    for number in range(count + count // 2):
        dark = number >= count // 2  # dark ones lie on top
        x, y = random.uniform(15, WIDTH - 15), random.uniform(15, HEIGHT - 15)
        long, short = random.uniform(11, 17), random.uniform(8, 11)
        turn = random.uniform(0, np.pi)
        across = ((_X - x) * np.cos(turn) + (_Y - y) * np.sin(turn)) / long
        down = ((_Y - y) * np.cos(turn) - (_X - x) * np.sin(turn)) / short
        inside = across**2 + down**2 <= 1
        grain = 1 + 0.18 * _noise(random, (60, 80))
        nucleus = _paint((85, 60, 135) if dark else (200, 140, 190), grain)
        picture[inside] = nucleus[inside]
        labels[inside] = int(dark)
    return _finished(picture * gain, random, 0.0, 0.05), labels


def _finished(
    picture: np.ndarray, random: np.random.Generator, light: float, slope: float
) -> np.ndarray:
    """Light a scene from one side, blur it by half a pixel and add the noise of a camera."""
    along = (np.cos(light) * (_X / WIDTH - 0.5) + np.sin(light) * (_Y / HEIGHT - 0.5)) * -2
    lit = picture * (1 + slope * along)[..., None]
    soft = np.pad(lit, ((1, 1), (1, 1), (0, 0)), mode="edge")
    soft = (soft[:-2, 1:-1] + soft[2:, 1:-1] + soft[1:-1, :-2] + soft[1:-1, 2:] + 4 * lit) / 8
    noisy = soft + random.normal(0, 3, soft.shape)
    return np.asarray(np.clip(np.round(noisy), 0, 255), np.uint8)


def _noise(random: np.random.Generator, cells: tuple[int, int]) -> np.ndarray:
    """Return smooth noise [H, W] of unit strength with about this many bumps down and across."""
    coarse = Image.fromarray(random.normal(size=cells).astype(np.float32))
    fine = coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    values = np.asarray(fine, np.float64)
    return np.asarray((values - values.mean()) / values.std())


def _paint(colour: Colour, factor: np.ndarray) -> np.ndarray:
    return np.asarray(np.array(colour, np.float64) * np.clip(factor, 0, None)[..., None])


def _soft(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(3 * values, 0, 1))


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m icl_segmentation.scenes", description="Write the drawn scenes as PNG."
    )
    parser.add_argument("folder", help="where to")
    for file in write_scenes(parser.parse_args(arguments).folder):
        say(str(file))


if __name__ == "__main__":
    main()
