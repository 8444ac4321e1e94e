"""A context after its share of the work, and the answers that carry its names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from icl_core import Segmentation
from icl_core.results.label_map import labelled, resolve
from icl_core.vision.objects import Shown
from icl_segmentation.confidence import Calibration, expected_iou
from icl_segmentation.segic.preprocess import (
    Frame,
    crop_logits,
    frame_of,
    mask_tensor,
    mean_certainty,
    original_logits,
)
from icl_segmentation.segic.references import References

_CHUNK = 16
"""Objects that are brought to the query's size together."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A context after its pictures and texts went through the encoders.

    Args:
        shown: its examples by object.
        rounds: its references; several sets are answered one by one and averaged.
        stored: all of them in one set, for videos.
        side: of the square.
        calibration: turns the expected IoU into a score; None = the score is the certainty.
    """

    shown: Shown
    rounds: tuple[References, ...]
    stored: References
    side: int
    calibration: Calibration | None = None

    def images_like(self, picture: np.ndarray) -> set[int]:
        """Return the places of the context's images that are this very picture."""
        images = enumerate(self.shown.images)
        return {n for n, image in images if same_picture(image, picture)}

    def masks_for(self, picture: np.ndarray) -> dict[int, np.ndarray]:
        """Return the masks that the context gives for a picture, by object."""
        same = self.images_like(picture)
        return {
            place: shot.mask
            for place, one in enumerate(self.shown.objects)
            for shot in one.shots
            if shot.image in same
        }

    def answer(
        self,
        logits: Tensor,
        frame: Frame,
        objects: Sequence[int] | None = None,
        known: Mapping[int, np.ndarray] | None = None,
        overlaps: bool = True,
    ) -> Segmentation:
        """Bring logits to the query's size and name them.

        Args:
            logits: of the decoder, [N, 4g, 4g].
            frame: where the query lies in the square.
            objects: which objects they are of; None = all.
            known: masks that were given, by object; they win over every other object's answer.
            overlaps: whether a `LabelMap` keeps the logits of every object.
        """
        single = objects is None and len(self.shown.objects) == 1
        keep = overlaps or single
        expected: list[float] = []
        certain: list[float] = []
        parts: list[Tensor] = []
        most = torch.full(frame.original, -torch.inf, device=logits.device)
        best = torch.zeros(frame.original, dtype=torch.long, device=logits.device)
        for start in range(0, len(logits), _CHUNK):
            cropped = crop_logits(logits[start : start + _CHUNK], frame, self.side)
            expected += expected_iou(cropped).tolist()
            certain += mean_certainty(cropped).tolist()
            full = original_logits(cropped, frame)
            if keep:
                parts.append(full)
                continue
            value, place = full.max(dim=0)
            best = torch.where(value > most, place + start, best)
            most = torch.maximum(value, most)
        curve = self.calibration
        scores = certain if curve is None else [curve(one) for one in expected]
        if keep:
            answer = self.named(_with_known(torch.cat(parts), known or {}), scores, objects)
        else:
            ids, names = self._called(objects)
            answer = labelled(most.cpu().numpy(), best.cpu().numpy(), ids, names, scores)
        answer.meta["expected_iou"] = expected[0] if single else expected
        answer.meta["calibrated"] = curve is not None
        return answer

    def given(self, known: Mapping[int, np.ndarray], official: bool) -> Segmentation:
        """Answer with the given masks of all objects.

        The released code takes each mask to the square and back, which widens it by a pixel;
        else it stays as it is, with logits 1 and -1.
        """
        masks = np.stack([known[n] for n in sorted(known)])
        if official:
            frame = frame_of(masks.shape[1], masks.shape[2], self.side)
            square = (mask_tensor(masks, self.side) / 255 > 0.5).float()
            full = original_logits(square[:, : frame.height, : frame.width], frame)
        else:
            full = torch.from_numpy(np.where(masks, 1, -1).astype(np.float32))
        return self.named(full, [1.0] * len(masks), None)

    def named(
        self, logits: Tensor, scores: Sequence[float], objects: Sequence[int] | None
    ) -> Segmentation:
        """Return a `Segmentation` of the only object, or a `LabelMap`; logits are [N, H, W]."""
        full = logits.cpu().numpy()
        if objects is None and len(self.shown.objects) == 1:
            return Segmentation(full[0] > 0, full[0], scores[0])
        return resolve(full, *self._called(objects), scores)

    def _called(self, objects: Sequence[int] | None) -> tuple[list[int], list[str]]:
        ids, names = self.shown.ids, self.shown.names
        chosen = range(len(ids)) if objects is None else objects
        return [ids[n] for n in chosen], [names[n] for n in chosen]


def _with_known(logits: Tensor, known: Mapping[int, np.ndarray]) -> Tensor:
    """Put given masks in the place of logits [N, H, W], stronger than any of them."""
    sure = float(logits.abs().max()) + 1 if known else 0.0
    for place, mask in known.items():
        logits[place] = torch.where(torch.from_numpy(mask).to(logits.device), sure, -sure)
    return logits


def same_picture(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures are equal, pixel by pixel."""
    return one.shape == other.shape and np.array_equal(one, other)
