"""From items to embeddings: what a learner may offer, and plain descriptors that need no weights.

The descriptors are for a first look: they see brightness, colour, shape of a curve, spelling. What
a trained encoder sees is better wherever there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable
from zlib import crc32

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError, PluginError
from icl_core.runtime.batching import batches
from icl_core.runtime.progress import Progress

_CONSTANT = 0.5
"""Of every descriptor, so that a blank picture or a flat series has a direction as well."""


@runtime_checkable
class Embedder(Protocol):
    """Anything that describes items by numbers. A learner may be one."""

    def embed(self, inputs: Sequence[Any]) -> Any:
        """Describe items: pictures, series or texts, as the learner takes them.

        Args:
            inputs: at least one.

        Returns:
            Array or tensor [n, d] of finite numbers, one row an item.
        """


class PixelEmbedder:
    """Pictures as 16 x 16 grey pixels without brightness and contrast, and their mean colour."""

    side = 16

    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        """Describe pictures of any size and form that `to_image` reads: float32 [n, 260]."""
        return np.stack([self._one(to_image(picture)) for picture in inputs])

    def _one(self, picture: np.ndarray) -> np.ndarray:
        from PIL import Image

        small = Image.fromarray(picture).resize((self.side, self.side), Image.Resampling.BOX)
        colours = np.asarray(small, np.float32) / 255
        grey = colours @ np.array([0.299, 0.587, 0.114], np.float32)
        return _with_constant(_standard(grey.reshape(-1)), colours.mean(axis=(0, 1)) - 0.5)


class WindowEmbedder:
    """Series as 32 means of their z-normalised values, and their autocorrelation.

    Means of equal parts are piecewise aggregate approximation (Keogh et al. 2001).
    """

    parts, lags = 32, 8

    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        """Describe series of any form that `to_series` reads: float32 [n, 41].

        Missing values are interpolated. Several variates are described each, and averaged.
        """
        from icl_core.coerce.series import to_series

        return np.stack([self._series(to_series(series).values) for series in inputs])

    def _series(self, values: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(values)
        return np.asarray(np.mean([self._one(row) for row in rows], axis=0), np.float32)

    def _one(self, values: np.ndarray) -> np.ndarray:
        known = np.flatnonzero(~np.isnan(values))
        if not known.size:
            return _with_constant(np.zeros(self.parts), np.zeros(self.lags))
        times = np.arange(len(values))
        whole = np.interp(times, known, values[known])
        # Each value is spread over equal shares of the parts, so that any length divides.
        fine = np.interp(np.linspace(0, len(values) - 1, 8 * self.parts), times, whole)
        if len(values) > 8 * self.parts:
            edges = np.linspace(0, len(values), self.parts + 1).astype(int)
            means = np.array([part.mean() for part in np.split(whole, edges[1:-1])])
        else:
            means = fine.reshape(self.parts, -1).mean(axis=1)
        centred = _standard(whole)
        kept = min(self.lags, len(whole) - 1)
        echoes = np.zeros(self.lags)
        for lag in range(1, kept + 1):
            echoes[lag - 1] = centred[:-lag] @ centred[lag:]
        return _with_constant(_standard(means), echoes / self.lags**0.5)


class SpellingEmbedder:
    """Texts as counts of their three-letter pieces in 512 bins (feature hashing)."""

    bins = 512

    def embed(self, inputs: Sequence[Any]) -> np.ndarray:
        """Describe texts: float32 [n, 512]."""
        rows = np.zeros((len(inputs), self.bins), np.float32)
        for row, text in zip(rows, inputs, strict=True):
            padded = f"  {' '.join(str(text).lower().split())} "
            for start in range(len(padded) - 2):
                row[crc32(padded[start : start + 3].encode()) % self.bins] += 1
        return np.sqrt(rows)


BUILT_IN: dict[str, tuple[str, type[Embedder]]] = {
    "pictures": ("pixels", PixelEmbedder),
    "series": ("windows", WindowEmbedder),
    "texts": ("spelling", SpellingEmbedder),
}
"""Kind of item -> name and class of the descriptor that needs no weights."""


def learner_embedder(learner: Any) -> Embedder:
    """Return a loaded learner as the embedder that it is.

    Raises:
        InputError: it gives no embeddings.
    """
    if isinstance(learner, Embedder):
        return learner
    card = getattr(learner, "card", None)
    name = getattr(card, "name", type(learner).__name__)
    raise InputError(
        f"{name} gives no embeddings, expected a learner with embed(inputs)",
        "without a learner the built-in descriptors are used",
    )


def embed(embedder: Embedder, inputs: Sequence[Any], batch_size: int = 64) -> np.ndarray:
    """Describe many items, a batch at a time.

    Args:
        embedder: built in, or a learner.
        inputs: at least one; read as they are needed.
        batch_size: items at a time.

    Returns:
        float32 [n, d].

    Raises:
        InputError: no item, or one that cannot be read.
        PluginError: what came back is not one row an item.
    """
    from icl_core.coerce.images import as_array

    if not len(inputs):
        raise InputError("the pool is empty, expected at least one item")
    parts = []
    with Progress("embedding", len(inputs)) as bar:
        for batch in batches(inputs, batch_size):
            found = embedder.embed(batch)
            array = as_array(found)
            rows = np.asarray(found if array is None else array)
            if rows.ndim != 2 or len(rows) != len(batch) or rows.dtype.kind not in "fiu":
                raise PluginError(
                    f"{type(embedder).__name__} gave embeddings {list(rows.shape)} for "
                    f"{len(batch)} items, expected [{len(batch)}, d]"
                )
            parts.append(rows.astype(np.float32))
            bar.advance(len(batch))
    return np.concatenate(parts)


def _standard(values: np.ndarray) -> np.ndarray:
    """Centre values and bring them to length 1; flat values become zeros."""
    centred = values - values.mean()
    length = np.linalg.norm(centred)
    scale = np.abs(values).max() * len(values) ** 0.5
    # What is left of a flat picture or series is rounding, not shape.
    return centred / length if length > 1e-6 * scale else np.zeros_like(centred)


def _with_constant(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate([*parts, [_CONSTANT]]).astype(np.float32)
