"""From a learner's own measure of certainty to the IoU that can be expected.

A network's certainty ranks its masks but is no IoU. On masks whose true IoU is known, isotonic
regression finds the rising curve that fits best; its few corners are kept beside the weights and
turn certainty into an expected IoU from then on. `training/calibrate.py` fits such a curve for any
learner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core import InputError

_MOST = 32
_LONGEST = 1 << 20
"""Bytes of the largest file that is read as a curve."""


def expected_iou(logits: Tensor) -> Tensor:
    """Return the IoU that each mask would have if its logits were honest probabilities.

    With p the sigmoid of the logits and the mask where p > 1/2 it is the expected intersection
    over the expected union: sum of p inside over (area inside + sum of p outside).

    Args:
        logits: [N, H, W].

    Returns:
        float64 [N].
    """
    p, inside = torch.sigmoid(logits.double()), logits > 0
    union = torch.where(inside, 1.0, p).sum(dim=(1, 2))
    return torch.where(inside, p, 0.0).sum(dim=(1, 2)) / union.clamp_min(1e-12)


@dataclass(frozen=True)
class Calibration:
    """A rising curve through points, straight between them and level beyond the first and last.

    Args:
        raw: certainties, rising.
        iou: the mean IoU of masks of that certainty, 0 to 1, never falling.

    Raises:
        InputError: the points are no such curve.
    """

    raw: tuple[float, ...]
    iou: tuple[float, ...]

    def __post_init__(self) -> None:
        ok = (
            len(self.raw) == len(self.iou) > 0
            and all(np.isfinite([*self.raw, *self.iou]))
            and all(np.diff(self.raw) > 0)
            and all(np.diff(self.iou) >= 0)
            and 0 <= self.iou[0] <= self.iou[-1] <= 1
        )
        if not ok:
            raise InputError(
                "the calibration is no rising curve, expected rising raw values and as many IoUs "
                "from 0 to 1 that never fall"
            )

    @classmethod
    def fit(cls, raw: Sequence[float], iou: Sequence[float], points: int = _MOST) -> Calibration:
        """Fit the curve by isotonic regression (pool adjacent violators).

        Args:
            raw: certainties of masks.
            iou: their true IoU.
            points: most points of the curve; fewer are smoother.

        Raises:
            InputError: there are fewer than two, not as many of each, or values are not finite.
        """
        x, y = np.asarray(raw, np.float64).ravel(), np.asarray(iou, np.float64).ravel()
        if len(x) != len(y) or len(x) < 2 or not np.isfinite([x, y]).all():
            raise InputError(
                f"a calibration needs as many certainties as IoUs, two or more and finite, and "
                f"got {len(x)} and {len(y)}"
            )
        order = np.argsort(x, kind="stable")
        blocks: list[tuple[float, float, float]] = []  # weight, mean certainty, mean IoU
        for one, quality in zip(x[order], y[order], strict=True):
            block = (1.0, float(one), float(quality))
            while blocks and (blocks[-1][2] >= block[2] or blocks[-1][1] >= block[1]):
                before = blocks.pop()
                weight = before[0] + block[0]
                block = (
                    weight,
                    (before[0] * before[1] + block[0] * block[1]) / weight,
                    (before[0] * before[2] + block[0] * block[2]) / weight,
                )
            blocks.append(block)
        while len(blocks) > max(points, 1):  # join the lightest neighbours; the curve keeps rising
            sums = [a[0] + b[0] for a, b in pairwise(blocks)]
            at = int(np.argmin(sums))
            a, b = blocks[at], blocks[at + 1]
            means = [(a[0] * a[i] + b[0] * b[i]) / sums[at] for i in (1, 2)]
            blocks[at : at + 2] = [(sums[at], means[0], means[1])]
        return cls(
            tuple(one[1] for one in blocks),
            tuple(min(max(one[2], 0.0), 1.0) for one in blocks),
        )

    @classmethod
    def from_plain(cls, value: Any) -> Calibration:
        """Read what `to_plain` gives.

        Raises:
            InputError: it is something else.
        """
        try:
            return cls(tuple(map(float, value["raw"])), tuple(map(float, value["iou"])))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"the calibration is {value!r:.80}, expected {{'raw': [...], 'iou': [...]}}"
            ) from error

    @classmethod
    def read(cls, value: Any) -> Calibration | None:
        """Read what was given as `calibration=`.

        Args:
            value: a curve, what `to_plain` gives, a JSON file of that, or None or False = no curve.

        Raises:
            InputError: it is something else, or there is no such file.
        """
        if value is None or value is False:
            return None
        if isinstance(value, cls):
            return value
        if not isinstance(value, str | Path):
            return cls.from_plain(value)
        path = Path(value)
        try:
            if path.stat().st_size > _LONGEST:
                raise InputError(f"calibration {path} is {path.stat().st_size} bytes, no curve")
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"calibration {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"calibration {path} is not JSON: {error}") from error
        return cls.from_plain(found)

    def to_plain(self) -> Mapping[str, list[float]]:
        """Return the points as JSON data."""
        return {"raw": list(self.raw), "iou": list(self.iou)}

    def __call__(self, raw: float) -> float:
        """Return the expected IoU for a certainty."""
        return float(np.interp(raw, self.raw, self.iou))
