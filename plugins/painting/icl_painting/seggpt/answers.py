"""From painted colours to masks with soft scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import Segmentation
from icl_core.results.label_map import resolve
from icl_core.results.prediction import check_array
from icl_core.vision import tiles as vision_tiles
from icl_painting.canvas import resize, to_unit
from icl_painting.seggpt.colours import nearest_colour

LEAST = 1 / 256
"""Probabilities stay this far from 0 and 1 in the logits, which are within 5.5 of 0."""

GIVEN = 8.0
"""Logit of a mask that the context gave: surer than any answer."""


@dataclass(frozen=True, eq=False, repr=False)
class PaintedSegmentation(Segmentation):
    """The answer to examples whose targets are pictures in colour.

    Args:
        painted: uint8 [H, W, 3], what the network painted at the query's own size. `mask` is
            where the mean of its colours is above 128, before they were rounded.
    """

    painted: np.ndarray | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.painted is not None:
            shape = (*self.mask.shape, 3)
            check_array("PaintedSegmentation", "painted", self.painted, np.uint8, shape)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = super()._arrays()
        return arrays if self.painted is None else {**arrays, "painted": self.painted}


def colours_of(canvas: Tensor) -> Tensor:
    """Return what a canvas shows as RGB.

    Args:
        canvas: [..., 3, h, w], normalised.

    Returns:
        float64 of the same shape on the CPU, 0 to 255, not rounded.
    """
    return (to_unit(canvas) * 255).clamp(0, 255)


def brightness(rgb: Tensor) -> Tensor:
    """Return how sure a pixel is of the one object, by its brightness.

    The released code's rule is mask = mean over RGB > 128 (used for videos); as a probability it is
    the mean over 256.

    Args:
        rgb: [3, h, w], 0 to 255.

    Returns:
        [1, h, w], 0 to 255/256; above 1/2 exactly where the released rule has the mask.
    """
    return rgb.mean(dim=0, keepdim=True) / 256


@dataclass(frozen=True, eq=False)
class Reading:
    """How one picture that the network paints becomes objects.

    Args:
        colours: uint8 [N, 3], one of each object; None = one object by its brightness.
        painted: whether the examples' targets were pictures in colour.
    """

    colours: np.ndarray | None = None
    painted: bool = False

    def sure(self, rgb: Tensor) -> Tensor:
        """Return the probability of each object a pixel, [N, h, w]; rgb is float64 [3, h, w]."""
        if self.colours is None:
            return brightness(rgb)
        return nearest_colour(rgb, torch.from_numpy(self.colours).double())

    def again(self, rgb: Tensor, exact: bool) -> Tensor:
        """Turn an answer into a target for the next frame of a video.

        Args:
            rgb: of the answer, float64 [3, h, w], 0 to 255.
            exact: the released code, which makes black and white of every answer; else painted
                answers stay as they are.

        Returns:
            float64 [h, w, 3], 0 to 1: pure colours, or what was painted.
        """
        if self.painted and not exact:
            return (rgb / 255).permute(1, 2, 0)
        sure = self.sure(rgb)
        best = sure.max(dim=0)
        known = torch.full((1, 3), 255.0) if self.colours is None else torch.tensor(self.colours)
        shown = known.double()[best.indices] / 255
        return torch.where((best.values > 0.5)[..., None], shown, 0.0)


def expected_iou(sure: Tensor) -> list[float]:
    """Return the IoU that each mask would have if its probabilities were honest.

    With the mask where p > 1/2 it is the expected intersection over the expected union: the sum of
    p inside over (area inside + sum of p outside). An empty mask has 0.

    Args:
        sure: p, [N, h, w], 0 to 1.
    """
    inside = sure > 0.5
    union = torch.where(inside, 1.0, sure).sum(dim=(1, 2))
    both = torch.where(inside, sure, 0.0).sum(dim=(1, 2))
    found: list[float] = (both / union.clamp_min(1e-12)).tolist()
    return found


def logits_of(sure: Tensor) -> Tensor:
    """Return the logits of probabilities, float32, positive exactly where p > 1/2."""
    p = sure.clamp(LEAST, 1 - LEAST)
    return (p / (1 - p)).log().float()


@dataclass(frozen=True, eq=False)
class Painted:
    """What the network painted for one query in one pass.

    Args:
        canvas: float32 [3, s, s] on the CPU, normalised.
        reading: how it becomes objects.
        objects: the places of those objects in the context.
        prompts: how many pairs answered together.
    """

    canvas: Tensor
    reading: Reading
    objects: tuple[int, ...]
    prompts: int


@dataclass(frozen=True, eq=False)
class Names:
    """What the objects of a context are called.

    Args:
        ids: the id of each object.
        names: the name of each.
        meta: goes into every answer.
    """

    ids: Sequence[int]
    names: Sequence[str]
    meta: Mapping[str, Any]


def answer(
    passes: Sequence[Painted],
    names: Names,
    size: tuple[int, int],
    resample: str,
    known: Mapping[int, np.ndarray] | None = None,
) -> Segmentation:
    """Read the passes about one query.

    Args:
        passes: one or more, which cover every object once.
        names: of the objects.
        size: (H, W) of the query.
        resample: "nearest", or "bilinear", which resizes colours or probabilities.
        known: object -> mask bool [H, W] that the context gives for this very picture.

    Returns:
        A `Segmentation` of the only object, a `LabelMap` of several. `meta["prompts"]` says how
        many pairs answered together, one number for each pass.
    """
    count = len(names.ids)
    logits = np.empty((count, *size), np.float32)
    scores = [0.0] * count
    painted = None
    for one in passes:
        rgb = colours_of(one.canvas)
        sure = one.reading.sure(rgb)
        for place, score in zip(one.objects, expected_iou(sure), strict=True):
            scores[place] = score
        logits[list(one.objects)] = logits_of(resize(sure, size, resample)).numpy()
        if one.reading.painted and count == 1:
            shown = resize(rgb, size, resample).round().to(torch.uint8)
            painted = np.ascontiguousarray(shown.permute(1, 2, 0).numpy())
    for place, mask in (known or {}).items():
        logits[place] = np.where(mask, GIVEN, -GIVEN)
        scores[place] = 1.0
    canvas = passes[0].canvas if len(passes) == 1 else torch.stack([p.canvas for p in passes])
    counts = [one.prompts for one in passes]
    meta = {"prompts": counts[0] if len(counts) == 1 else counts}
    return _named(logits, names, scores, canvas.numpy(), painted, meta)


def given(
    masks: Mapping[int, np.ndarray], names: Names, painted: np.ndarray | None = None
) -> Segmentation:
    """Answer with the masks that the context gives for a picture; there is no canvas.

    Args:
        masks: object -> mask bool [H, W], of every object.
        names: of the objects.
        painted: the target uint8 [H, W, 3] of a painted example.
    """
    stacked = np.stack([masks[place] for place in sorted(masks)])
    logits = np.where(stacked, GIVEN, -GIVEN).astype(np.float32)
    return _named(logits, names, [1.0] * len(logits), None, painted, {"given": True})


def _named(
    logits: np.ndarray,
    names: Names,
    scores: Sequence[float],
    canvas: np.ndarray | None,
    painted: np.ndarray | None,
    meta: Mapping[str, Any],
) -> Segmentation:
    meta = {**names.meta, **meta}
    if len(logits) > 1:
        return replace(resolve(logits, names.ids, names.names, scores), canvas=canvas, meta=meta)
    mask, score = logits[0] > 0, scores[0]
    if painted is None:
        return Segmentation(mask, logits[0], score, canvas, meta)
    return PaintedSegmentation(mask, logits[0], score, canvas, meta, painted)


def join(
    tiles: Sequence[vision_tiles.Tile],
    answers: Sequence[Segmentation],
    size: tuple[int, int],
    overlap: float,
) -> Segmentation:
    """Put the answers about tiles together, painted pictures as well; see `vision.tiles.join`.

    An answer of several tiles has no canvas.
    """
    joined = vision_tiles.join(tiles, answers, size, overlap)
    if len(tiles) == 1:
        return joined
    joined.meta.update(answers[0].meta)
    shown = [one.painted for one in answers if isinstance(one, PaintedSegmentation)]
    maps = [one.transpose(2, 0, 1) for one in shown if one is not None]
    if not maps:
        return joined
    whole = vision_tiles.blend(tiles, maps, size, overlap).round().astype(np.uint8)
    return PaintedSegmentation(
        joined.mask,
        joined.logits,
        joined.score,
        meta=joined.meta,
        painted=np.ascontiguousarray(whole.transpose(1, 2, 0)),
    )


def shaded(query: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """Return the picture that the released script saves: the query, brighter where painted white.

    Args:
        query: uint8 [H, W, 3].
        canvas: of its answer, float32 [3, s, s].

    Returns:
        uint8 [H, W, 3], each value cut and not rounded.
    """
    size = (query.shape[0], query.shape[1])
    rgb = resize(colours_of(torch.from_numpy(canvas)), size, "nearest").permute(1, 2, 0).numpy()
    return (query * (0.6 * rgb / 255 + 0.4)).astype(np.uint8)
