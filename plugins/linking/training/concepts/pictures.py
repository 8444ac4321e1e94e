"""Coloured classes: sprites with alpha, and photographs by folder."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from concepts.glyphs import SIDE


class Sprites:
    """Cut-out drawings; a class is a code point, its hands are the two styles.

    Args:
        folder: with `index.csv` and `data-*.tar`.
        kept: values of the column `suggested` that are used.
    """

    def __init__(self, folder: Path, kept: Sequence[str] = ("train", "dev")) -> None:
        with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
            wanted = {row["codepoint"] for row in csv.DictReader(file) if row["suggested"] in kept}
        found: dict[str, list[np.ndarray]] = {}
        for shard in sorted(folder.glob("data-*.tar")):
            with tarfile.open(shard) as archive:
                for member in archive:
                    stem = Path(member.name).stem
                    stream = archive.extractfile(member) if member.isfile() else None
                    if stream is not None and stem in wanted:
                        picture = Image.open(io.BytesIO(stream.read())).convert("RGBA")
                        found.setdefault(stem, []).append(_squared(picture))
        self._classes = [found[name] for name in sorted(found)]

    def __len__(self) -> int:
        return len(self._classes)

    def draw(self, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a class once: uint8 [64, 64, 4]."""
        styles = self._classes[concept]
        return styles[int(rng.integers(len(styles)))]


class Photographs:
    """Photographs of one thing each; a class is a folder.

    Args:
        folder: with one folder a class.
        without: names of classes that are kept out.
    """

    def __init__(self, folder: Path, without: Sequence[str] = ()) -> None:
        self._classes = []
        for one in sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in without):
            files = sorted(one.glob("*.jpg"))
            if files:
                self._classes.append([_squared(Image.open(f).convert("RGBA")) for f in files])

    def __len__(self) -> int:
        return len(self._classes)

    def draw(self, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a class once: uint8 [64, 64, 4]."""
        pictures = self._classes[concept]
        return pictures[int(rng.integers(len(pictures)))]


def _squared(picture: Image.Image) -> np.ndarray:
    side = max(picture.size)
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX))
