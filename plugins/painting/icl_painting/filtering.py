"""The learner `pair-filter`: repairs pictures by the filter that a pair teaches, without weights.

It is the closed form of `icl_painting.network.pairfilter` alone, at the pictures' own size: fast,
and a measure of what a network adds. What is not the same everywhere in a picture (masks, edges,
holes) it cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import Context, InputError, LearnerCard, LoadOptions, Picture, Video
from icl_core.learner import Learner
from icl_core.runtime import resolve_device
from icl_painting.network.pairfilter import BLOCK, STRIDE, PairFilter, read_pairs
from icl_painting.tiling import telling_tile

ROWS, MARGIN = 170 * STRIDE, 8 * STRIDE
"""Rows of a large query that are filtered at once, and how many more are seen on either side;
multiples of the stride, so that blocks lie where they would in the whole picture."""


LARGEST = 512
"""Side of the part of a larger example that is read: the one in which its pictures differ most."""


class PairFilterLearner(Learner):
    """Filters queries as the examples teach; several examples are read together.

    The answer is a `Picture` of the query's size; its `canvas` is float32 [3, H, W], 0..1, the same
    before it is rounded.
    """

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        super().__init__(card, load, **options)
        self._device = resolve_device(load.device)

    @torch.inference_mode()
    def _prepare(self, context: Context) -> PairFilter:
        if not context.examples:
            raise InputError("the context has no examples, expected at least one")
        for number, example in enumerate(context.examples, 1):
            shown, expected = example.output.shape[:2], example.input.shape[:2]
            if shown != expected:
                raise InputError(
                    f"example {number}: the output picture is {shown[0]}x{shown[1]}, expected the "
                    f"input's {expected[0]}x{expected[1]} (height x width)",
                    hint="resize one of the two to the other's size first",
                )
        pairs = [
            telling_tile(one.input, one.output, LARGEST)
            if max(one.input.shape) > LARGEST
            else (one.input, one.output)
            for one in context.examples
        ]
        height, width = (max(BLOCK, *(one.shape[axis] for one, _ in pairs)) for axis in (0, 1))
        images, targets = (
            torch.cat([self._tensor(picture, height, width) for picture in side])
            for side in zip(*pairs, strict=True)
        )
        return read_pairs(images, targets)

    def _tensor(self, picture: np.ndarray, height: int, width: int) -> Tensor:
        """Return float32 [1, 3, height, width], 1 = white, continued by the mirror image."""
        edges = [(0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)]
        whole = np.pad(picture, edges, mode="symmetric").transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(whole)).to(self._device).float()[None] / 255

    @torch.inference_mode()
    def _filtered(self, pair: PairFilter, picture: np.ndarray) -> Picture:
        height, width = picture.shape[:2]
        query = self._tensor(picture, max(BLOCK, height), max(BLOCK, width))
        parts = []
        for top in range(0, query.shape[2], ROWS):
            first = max(0, top - MARGIN)
            part = query[:, :, first : top + ROWS + MARGIN]
            found = pair.filtered(pair.recoloured(part))[0]
            parts.append(found[:, top - first : top - first + ROWS].cpu())
        canvas = torch.cat(parts, dim=1)[:, :height, :width].numpy()
        image = np.rint(255 * canvas).astype(np.uint8).transpose(1, 2, 0)
        return Picture(np.ascontiguousarray(image), np.ascontiguousarray(canvas))

    def _predict(self, prepared: PairFilter, queries: Sequence[Any], **options: Any) -> list[Any]:
        return [
            [self._filtered(prepared, frame) for frame in query.frames]
            if isinstance(query, Video)
            else self._filtered(prepared, query)
            for query in queries
        ]
