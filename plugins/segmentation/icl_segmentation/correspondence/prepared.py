"""A context after its share of the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from icl_core import Segmentation
from icl_core.results.label_map import resolve
from icl_core.vision.objects import Shot, Shown
from icl_segmentation.confidence import Calibration
from icl_segmentation.correspondence.backbone import cells_of
from icl_segmentation.correspondence.evidence import (
    Prototypes,
    calibrate,
    grid_places,
    place_ratio,
)
from icl_segmentation.correspondence.position import without_position

LEAST = 1e-3
"""Smallest spread of a channel of the fixed descriptor, whose unit is the range of lightness."""


@dataclass(frozen=True)
class PreparedObject:
    """One object: its prototypes, raw, and what their evidence is worth.

    Args:
        known: prototypes whose tokens are raw features.
        slope: see `calibrate`.
        offset: see `calibrate`.
        place: float32 [P], evidence of place for each patch of a query; None = not used.
    """

    known: Prototypes
    slope: float
    offset: float
    place: Tensor | None


@dataclass(frozen=True)
class Prepared:
    """All objects of a context.

    Args:
        shown: its examples by object.
        objects: in the same order.
    """

    shown: Shown
    objects: tuple[PreparedObject, ...]

    def answer(
        self, logits: np.ndarray, expected: Sequence[float], curve: Calibration | None
    ) -> Segmentation:
        """Name the masks: a `Segmentation` of the only object, or a `LabelMap`.

        Args:
            logits: float32 [N, H, W] of the N objects.
            expected: the IoU of each that is expected under its own probabilities.
            curve: turns these into scores; None = they are the scores.
        """
        known = list(expected)
        scores = known if curve is None else [curve(one) for one in known]
        if len(self.objects) == 1:
            answer = Segmentation(logits[0] > 0, logits[0], scores[0])
        else:
            answer = resolve(logits, self.shown.ids, self.shown.names, scores)
        answer.meta["expected_iou"] = known[0] if len(known) == 1 else known
        answer.meta["calibrated"] = curve is not None
        return answer


@dataclass(frozen=True)
class Comparison:
    """How features are made comparable.

    Args:
        learned: compare by angle; else each channel counts in units of its spread.
        basis: directions of position to be removed, [C, R]; None = none.
    """

    learned: bool
    basis: Tensor | None

    def __call__(self, tokens: Tensor, spread: Tensor) -> Tensor:
        """Prepare tokens [P, C] for distances; `spread` [C] is used by the fixed descriptor."""
        if not self.learned:
            return tokens / spread
        if self.basis is not None:
            tokens = without_position(tokens, self.basis)
        return functional.normalize(tokens, dim=-1)

    @staticmethod
    def spread(*tokens: Tensor) -> Tensor:
        """Return the spread of each channel over several sets of tokens: [C]."""
        # The mean of variances, so that the larger set does not outvote the other.
        variances = torch.stack([one.var(0, unbiased=False) for one in tokens])
        means = torch.stack([one.mean(0) for one in tokens])
        whole = variances.mean(0) + means.var(0, unbiased=False)
        return whole.sqrt() + LEAST


def prepare(shown: Shown, maps: Sequence[Tensor], compare: Comparison, located: bool) -> Prepared:
    """Collect the prototypes of every object and learn what they are worth.

    Args:
        shown: the context by object.
        maps: features float32 [C, g, h] of each of its pictures.
        compare: how features are compared.
        located: whether place counts as evidence.
    """
    objects = []
    rows, columns = int(maps[0].shape[-2]), int(maps[0].shape[-1])
    patches = grid_places(rows, columns, maps[0].device)
    for one in shown.objects:
        raw = _collect(one.shots, shown.negatives, maps)
        tokens = compare(raw.tokens, compare.spread(raw.tokens))
        slope, offset = calibrate(replace(raw, tokens=tokens))
        place = None
        if located:
            place = place_ratio(patches, raw.inside, raw.outside, raw.places)
        objects.append(PreparedObject(raw, slope, offset, place))
    return Prepared(shown, tuple(objects))


def _collect(
    shots: Sequence[Shot], negatives: Sequence[Shot], maps: Sequence[Tensor]
) -> Prototypes:
    inside: dict[int, Tensor] = {}
    refused: dict[int, Tensor] = {}
    for found, group in ((inside, shots), (refused, negatives)):
        for shot in group:
            grid = (int(maps[shot.image].shape[-2]), int(maps[shot.image].shape[-1]))
            cells = cells_of(shot.mask, grid, maps[shot.image].device)
            found[shot.image] = torch.maximum(found.get(shot.image, cells), cells)
    pictures = sorted({*inside, *refused})
    parts = []
    for number in pictures:
        grid = (int(maps[number].shape[-2]), int(maps[number].shape[-1]))
        device = maps[number].device
        if number in inside:
            own = inside[number]
            away = 1 - own
        else:
            own, away = torch.zeros_like(refused[number]), refused[number]
        label = torch.full((len(own),), number, device=device)
        parts.append((maps[number].flatten(1).T, own, away, grid_places(*grid, device), label))
    return Prototypes(*(torch.cat(column) for column in zip(*parts, strict=True)))
