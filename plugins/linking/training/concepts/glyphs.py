"""Glyphs: invented ones of random strokes, those of fonts, and those of Omniglot's drawers.

A pool draws class `c` as often as it is asked, each time as another hand would: uint8 [64, 64],
255 = ink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from icl_linking.drawings import MARGIN, SIDE, StrokeGlyphs

__all__ = ["SIDE", "FontGlyphs", "OmniglotGlyphs", "Pool", "StrokeGlyphs", "fonts_of", "pen_image"]

_CANVAS = 2 * SIDE


class Pool(Protocol):
    """Classes that can be drawn."""

    def __len__(self) -> int:
        """How many classes there are."""

    def draw(self, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a class once: uint8 [64, 64] of ink, or [64, 64, 4] with colours and alpha."""


class FontGlyphs:
    """Characters of fonts; a class is a code point, a hand is a font that has it.

    Args:
        files: TrueType fonts.
        least: fonts that must have a code point.
    """

    def __init__(self, files: Sequence[Path], least: int = 2) -> None:
        from fontTools.ttLib import TTFont

        having: dict[int, list[Path]] = {}
        for file in files:
            with TTFont(file, lazy=True) as font:
                for code in font.getBestCmap() or {}:
                    having.setdefault(code, []).append(file)
        printable = {c: f for c, f in having.items() if chr(c).isprintable() and c > 32}
        self._classes = [(c, f) for c, f in sorted(printable.items()) if len(f) >= least]
        self._fonts = {file: ImageFont.truetype(str(file), 84) for file in files}

    def __len__(self) -> int:
        return len(self._classes)

    def draw(self, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a class once; see `Pool`."""
        code, files = self._classes[concept]
        font = self._fonts[files[int(rng.integers(len(files)))]]
        left, top, right, bottom = font.getbbox(chr(code))
        size = (max(int(right - left), 1), max(int(bottom - top), 1))
        glyph = Image.new("L", size)
        ImageDraw.Draw(glyph).text((-left, -top), chr(code), fill=255, font=font)
        scale = (_CANVAS * (1 - 2 * MARGIN)) / max(size)
        fitted = glyph.resize(
            (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)),
            Image.Resampling.BILINEAR,
        )
        image = Image.new("L", (_CANVAS, _CANVAS))
        image.paste(fitted, ((_CANVAS - fitted.width) // 2, (_CANVAS - fitted.height) // 2))
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


class OmniglotGlyphs:
    """Characters as twenty people drew them, each turned by a quarter as a class of its own.

    Args:
        file: `characters.npz` of the packed subset.
        without: names of alphabets that are kept out.
    """

    def __init__(self, file: Path, without: Sequence[str] = ()) -> None:
        with np.load(file, allow_pickle=False) as stored:
            bits, names = stored["bits"], stored["alphabet_names"]
            keys = np.stack([stored["alphabet"], stored["character"]], axis=1)
        ink = np.unpackbits(bits, axis=1)[:, : 105 * 105].reshape(-1, 105, 105)
        first = int(keys[:, 0].min())
        kept = [k for k in np.unique(keys, axis=0) if names[k[0] - first] not in without]
        self._classes = [
            [pen_image(ink[n]) for n in np.flatnonzero((keys == key).all(axis=1))] for key in kept
        ]

    def __len__(self) -> int:
        return 4 * len(self._classes)

    def draw(self, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a class once; see `Pool`."""
        drawers = self._classes[concept // 4]
        return np.rot90(drawers[int(rng.integers(len(drawers)))], concept % 4)


def pen_image(ink: np.ndarray) -> np.ndarray:
    """Bring ink [H, W] of 0 and 1 to uint8 [64, 64]."""
    image = Image.fromarray((ink * 255).astype(np.uint8))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def fonts_of(folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Return the TrueType files of a folder whose name is wanted."""
    return [file for file in sorted(folder.rglob("*.ttf")) if wanted(file.stem)]
