"""Expected IoU and its calibration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from icl_core import InputError
from icl_segmentation.confidence import Calibration, expected_iou
from icl_segmentation.segic.preprocess import mean_certainty


def test_expected_iou_is_the_iou_of_honest_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = np.where(rng.random((1, 200, 200)) < 0.3, 0.9, 0.05)
    logits = torch.from_numpy(np.log(p / (1 - p)).astype(np.float32))
    mask, found = p > 0.5, []
    for _ in range(20):
        truth = rng.random(p.shape) < p
        found.append((mask & truth).sum() / (mask | truth).sum())
    assert float(expected_iou(logits)) == pytest.approx(np.mean(found), abs=0.003)


def test_a_clear_mask_is_certain_and_a_blank_one_is_not() -> None:
    clear = torch.full((1, 4, 4), 20.0)
    clear[:, 2:] = -20
    assert float(mean_certainty(clear)) == pytest.approx(1)
    assert float(expected_iou(clear)) == pytest.approx(1)
    assert float(mean_certainty(torch.zeros(1, 4, 4))) == 0.5
    assert float(expected_iou(torch.zeros(1, 4, 4))) == 0


def test_the_fitted_curve_is_the_best_rising_one() -> None:
    curve = Calibration.fit([0.1, 0.2, 0.3, 0.4], [0.0, 0.6, 0.4, 1.0])
    assert curve.raw == pytest.approx((0.1, 0.25, 0.4))
    assert curve.iou == pytest.approx((0.0, 0.5, 1.0))
    assert curve(0.05) == 0.0 and curve(0.9) == 1.0
    assert curve(0.175) == pytest.approx(0.25)


def test_a_fit_recovers_the_relation_and_stays_short() -> None:
    rng = np.random.default_rng(1)
    raw = rng.random(4000)
    iou = np.clip(raw**2 + 0.1 * rng.normal(size=4000), 0, 1)
    curve = Calibration.fit(raw.tolist(), iou.tolist())
    assert len(curve.raw) <= 32
    inner = np.linspace(0.1, 0.9, 9)
    assert np.abs([curve(x) - x**2 for x in inner]).max() < 0.04
    assert Calibration.from_plain(curve.to_plain()) == curve


def test_equal_certainties_are_one_point() -> None:
    curve = Calibration.fit([0.5, 0.5, 0.7], [0.2, 0.4, 0.9])
    assert curve.raw == pytest.approx((0.5, 0.7))
    assert curve.iou == pytest.approx((0.3, 0.9))


@pytest.mark.parametrize(
    ("raw", "iou"), [([], []), ([0.1], [0.2]), ([0.1, 0.2], [0.3]), ([0.1, np.nan], [0.3, 0.4])]
)
def test_a_fit_needs_pairs(raw: list[float], iou: list[float]) -> None:
    with pytest.raises(InputError, match="two or more and finite"):
        Calibration.fit(raw, iou)
