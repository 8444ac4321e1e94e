"""What a run has learnt: answers to fixed held-out queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from icl_painting.canvas import to_unit
from icl_painting.metrics.restoration import psnr
from stitched.feed import Batch, Canvas, collate
from stitched.run import Run

_AT_ONCE = 32


class Score(NamedTuple):
    """Mean PSNR over the held-out queries of a task, in dB.

    Args:
        answer: of what the network paints.
        query: of the query as it is, the answer of one who does nothing.
        other: of what it paints with a prompt of another task.
    """

    answer: float
    query: float
    other: float


class HeldOut:
    """Fixed canvases of every task.

    Args:
        canvases: name of a source -> its canvases, as many of each.
    """

    def __init__(self, canvases: Mapping[str, Sequence[Canvas]]) -> None:
        self.canvases = dict(canvases)

    def measure(self, run: Run) -> dict[str, Score]:
        """Return the score of each source."""
        names = list(self.canvases)
        scores = {}
        for place, name in enumerate(names):
            own = self.canvases[name]
            foreign = self.canvases[names[(place + 1) % len(names)]]
            swapped = [_with_prompt(c, o) for c, o in zip(own, foreign, strict=True)]
            truth = [_lower(canvas.targets) for canvas in own]
            found = [painted(run, own), [_lower(c.images) for c in own], painted(run, swapped)]
            scores[name] = Score(
                *(
                    float(np.mean([psnr(a, t) for a, t in zip(answers, truth, strict=True)]))
                    for answers in found
                )
            )
        return scores


def painted(run: Run, canvases: Sequence[Canvas]) -> list[np.ndarray]:
    """Return the answers to the queries: float [s, s, 3] in 0..1."""
    answers = []
    for first in range(0, len(canvases), _AT_ONCE):
        batch: Batch = collate(canvases[first : first + _AT_ONCE])
        unit: torch.Tensor = to_unit(run.paint(batch)).clamp(0, 1)
        answers += [_lower(canvas) for canvas in unit.permute(0, 2, 3, 1).cpu().numpy()]
    return answers


def _lower(canvas: np.ndarray) -> np.ndarray:
    """Return the query half of a canvas."""
    return canvas[canvas.shape[0] // 2 :]


def _with_prompt(canvas: Canvas, other: Canvas) -> Canvas:
    half = canvas.images.shape[0] // 2
    return canvas._replace(
        images=np.concatenate([other.images[:half], canvas.images[half:]]),
        targets=np.concatenate([other.targets[:half], canvas.targets[half:]]),
    )
