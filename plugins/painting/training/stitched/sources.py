"""Where pairs come from: drawn pictures, photographs, lists of files, episodes of any plugin.

Every source keeps some of its pictures for measurement alone: drawn ones come from other seeds, and
of files one in twenty is never trained on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from icl_core import catalogue
from icl_core.coerce import to_image
from icl_core.coerce.decode import Limits, decode
from icl_core.errors import InputError
from icl_core.sources.packed import PackedFolder
from icl_core.types import Episode
from icl_painting.drawings import Drawing, draw
from stitched.augment import random_box, resized
from stitched.lessons import DRAWN_ONLY, LESSONS, Lesson
from stitched.pairs import EXACT, Pair, PairSource

HELD_OUT = 20
"""One file in so many is kept for measurement."""
_TRIES = 20
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_PALETTE = 256


def open_source(options: Mapping[str, Any], side: int) -> PairSource:
    """Open a source of a config.

    Args:
        options: its table: `kind` and what that kind takes.
        side: of the network's pictures.

    Raises:
        InputError: the kind is unknown, an option is missing or unknown, or the data are not there.
    """
    kinds: dict[str, Any] = {
        "drawn": Drawn, "photographs": Photographs, "list": Listed, "episodes": Episodes,
    }  # fmt: skip
    given = dict(options)
    kind = given.pop("kind", None)
    if kind not in kinds:
        raise InputError(f"a source has kind {kind!r}, expected one of {', '.join(kinds)}")
    try:
        source: PairSource = kinds[kind](side=side, **given)
    except TypeError as error:
        raise InputError(f"a source of kind {kind!r} does not take its options: {error}") from error
    return source


class Drawn:
    """One task on drawn pictures, new ones for every canvas.

    Args:
        task: one of `LESSONS`.
        side: of the pictures.
        size: least and largest radius of a thing, as a share of the side.
    """

    def __init__(self, task: str, side: int, size: Sequence[float] = (0.12, 0.22)) -> None:
        self.task, self.side = _known(task), side
        self.size = (float(size[0]), float(size[1]))

    def draw(self, rng: np.random.Generator, held_out: bool) -> tuple[Pair, Pair]:
        """Return prompt and query."""
        lesson = LESSONS[self.task](rng)
        return self._pair(lesson, rng), self._pair(lesson, rng)

    def _pair(self, lesson: Lesson, rng: np.random.Generator) -> Pair:
        things = () if lesson.things is None else lesson.things(rng)
        shown, target = lesson.apply(draw(rng, self.side, things, self.size), rng)
        return Pair(shown, target, f"{EXACT}-{self.task}")


class Photographs:
    """One task on random parts of photographs.

    Args:
        folder: of pictures, or a packed data set.
        task: one of `LESSONS` that needs no drawn shapes.
        side: of the pictures.
    """

    def __init__(self, folder: str, task: str, side: int) -> None:
        if _known(task) in DRAWN_ONLY:
            raise InputError(f"the task {task!r} needs drawn pictures, and {folder} holds others")
        self.task, self.side = task, side
        self._read, keys = _pictures(Path(folder))
        self._keys = _cut(keys)

    def draw(self, rng: np.random.Generator, held_out: bool) -> tuple[Pair, Pair]:
        """Return prompt and query."""
        lesson = LESSONS[self.task](rng)
        return self._pair(lesson, rng, held_out), self._pair(lesson, rng, held_out)

    def _pair(self, lesson: Lesson, rng: np.random.Generator, held_out: bool) -> Pair:
        whole = self._read(_any(self._keys[held_out], rng))
        box = random_box(rng, (whole.shape[0], whole.shape[1]))
        square = resized(whole, (self.side, self.side), Image.Resampling.BICUBIC, box)
        shown, target = lesson.apply(Drawing(square, np.zeros(square.shape[:2], int), ()), rng)
        return Pair(shown, target, f"{EXACT}-{self.task}")


class Listed:
    """Pairs of files, as published: a JSON list of {image_path, target_path, type}.

    Args:
        file: the list.
        folder: that its paths start from; None for the folder of the list.
        random_colours: the targets hold label ids (a palette or grey picture); each canvas gets
            other colours for them, and its two pairs share a label, as in SegGPT.
        side: of the network's pictures; not needed here.
    """

    def __init__(
        self, file: str, side: int, folder: str | None = None, random_colours: bool = False
    ) -> None:
        path = Path(file)
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            self.rows = [(row["image_path"], row["target_path"], row["type"]) for row in rows]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} cannot be read as a list of pairs: {error}",
                hint="expected JSON such as [{'image_path': ..., 'target_path': ..., 'type': ...}]",
            ) from error
        self.root = path.parent if folder is None else Path(folder)
        self.random_colours = random_colours
        self._places = _cut(range(len(self.rows)))
        self._types: list[dict[str, list[int]]] = []
        for places in self._places:
            types: dict[str, list[int]] = {}
            for place in places:
                types.setdefault(self.rows[place][2], []).append(place)
            self._types.append(types)

    def draw(self, rng: np.random.Generator, held_out: bool) -> tuple[Pair, Pair]:
        """Return prompt and query; the partner is any pair of the query's type."""
        place = _any(self._places[held_out], rng)
        same = self._types[held_out][self.rows[place][2]]
        partner = _any(same, rng)
        if not self.random_colours:
            targets = [to_image(self.root / self.rows[n][1]) for n in (partner, place)]
            return self._pair(partner, targets[0]), self._pair(place, targets[1])
        table, labels = random_table(rng), self._labels(place)
        other = self._labels(partner)
        for _ in range(_TRIES):
            if (np.intersect1d(labels, other) > 0).any():
                break
            partner = _any(same, rng)
            other = self._labels(partner)
        return self._pair(partner, table[other]), self._pair(place, table[labels])

    def _pair(self, place: int, target: np.ndarray) -> Pair:
        image, _, kind = self.rows[place]
        return Pair(to_image(self.root / image), target, kind)

    def _labels(self, place: int) -> np.ndarray:
        path = self.root / self.rows[place][1]
        labels = np.array(decode(path.read_bytes(), Limits()).image)
        if labels.ndim != 2:
            raise InputError(f"{path} has colours, expected label ids: a palette or grey picture")
        return labels.astype(np.uint8)


class Episodes:
    """Episodes of a plugin: pictures and what becomes of them, or masks in random colours.

    Args:
        source: name of an episode source, or `module:function`.
        folder: of its data.
        side: of the network's pictures.
        type: name of the task; None for "image2mask" of masks and "pictures" of the rest.
        options: what the source takes, such as `split`.
    """

    def __init__(
        self, source: str, folder: str, side: int, type: str | None = None, **options: Any
    ) -> None:
        make: Any
        if ":" in source:
            make = catalogue.import_object(source, "the source")
        else:
            make = catalogue.resolve("icl_episode_sources", source)
        self.type = type
        episodes: Sequence[Episode] = make(folder, **options)
        self._places = _cut(range(len(episodes)))
        self._episodes = episodes

    def draw(self, rng: np.random.Generator, held_out: bool) -> tuple[Pair, Pair]:
        """Return prompt and query."""
        episode = self._episodes[_any(self._places[held_out], rng)]
        example, table = episode.context.examples[0], random_table(rng)
        return (
            self._pair(example.input, example.output, table),
            self._pair(episode.query, episode.target, table),
        )

    def _pair(self, shown: Any, target: Any, table: np.ndarray) -> Pair:
        if isinstance(target, np.ndarray) and target.ndim == 2:
            painted = table[target.astype(np.uint8)]
            return Pair(to_image(shown), painted, self.type or "image2mask")
        return Pair(to_image(shown), to_image(target), self.type or "pictures")


def random_table(rng: np.random.Generator) -> np.ndarray:
    """Draw a colour for every label: uint8 [256, 3]; label 0 and what is void stay black."""
    table = rng.integers(32, 256, (_PALETTE, 3)).astype(np.uint8)
    table[[0, _PALETTE - 1]] = 0
    return table


def _known(task: str) -> str:
    if task not in LESSONS:
        raise InputError(f"the task {task!r} is unknown, expected one of {', '.join(LESSONS)}")
    return task


def _cut(items: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return what is trained on and what is kept; of very few files, both are all of them."""
    if not items:
        raise InputError("a source holds nothing")
    if len(items) < HELD_OUT:
        return list(items), list(items)
    kept = list(items[HELD_OUT - 1 :: HELD_OUT])
    return [item for n, item in enumerate(items) if n % HELD_OUT != HELD_OUT - 1], kept


def _any(items: Sequence[Any], rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def _pictures(folder: Path) -> tuple[Callable[[Any], np.ndarray], Sequence[Any]]:
    if (folder / "index.csv").is_file():
        packed = PackedFolder(folder, folder.name)
        return packed.image, [packed.key(row) for row in packed.rows]
    files = sorted(p for p in folder.glob("**/*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(f"{folder} holds no picture, expected files in {', '.join(_SUFFIXES)}")
    return to_image, files
