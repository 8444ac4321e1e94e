"""Scores of masks against the golden arrays and against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from icl_core.errors import InputError
from icl_segmentation.metrics import (
    ClassSums,
    boundary,
    boundary_f,
    boundary_iou,
    class_mean_iou,
    dilate,
    intersection_union,
    mean_boundary_iou,
    outline,
    region_and_boundary,
    region_similarity,
)

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "dcsam" / "metrics.npz"


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    if not GOLDEN.is_file():
        pytest.skip("the golden arrays (../shared/golden) are not here")
    with np.load(GOLDEN, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_counts_equal_the_golden_ones(arrays: dict[str, np.ndarray]) -> None:
    for n in range(8):
        inter, union = intersection_union(
            arrays["fss_pred"][n], arrays["fss_gt"][n] == 1, arrays["fss_ignore"][n]
        )
        np.testing.assert_array_equal(inter, arrays["fss_inter"][:, n])
        np.testing.assert_array_equal(union, arrays["fss_union"][:, n])


def test_class_mean_and_fb_iou_equal_the_golden_ones(arrays: dict[str, np.ndarray]) -> None:
    rows = []
    for n in range(8):
        meta = {
            "class_id": int(arrays["fss_class"][n]),
            "classes": (5, 6, 7),
            "ignore": arrays["fss_ignore"][n],
        }
        truth = arrays["fss_gt"][n] == 1
        rows.append((class_mean_iou(arrays["fss_pred"][n], truth, meta), meta))
    score = class_mean_iou.aggregate(iter(rows))
    assert score["miou"] == pytest.approx(float(arrays["fss_miou"]), rel=1e-6)
    assert score["fbiou"] == pytest.approx(float(arrays["fss_fbiou"]), rel=1e-6)


def test_region_and_boundary_equal_the_golden_ones(arrays: dict[str, np.ndarray]) -> None:
    pairs = list(zip(arrays["video_pred"], arrays["video_gt"], strict=True))
    np.testing.assert_allclose([region_similarity(*p) for p in pairs], arrays["J"], atol=1e-12)
    np.testing.assert_allclose([boundary_f(*p) for p in pairs], arrays["F"], atol=1e-12)
    whole = region_and_boundary(arrays["video_pred"], arrays["video_gt"], {})
    assert whole["j"] == pytest.approx(arrays["J"].mean(), abs=1e-12)
    assert whole["j_and_f"] == pytest.approx((arrays["J"] + arrays["F"]).mean() / 2, abs=1e-12)
    inner = region_and_boundary(arrays["video_pred"], iter(arrays["video_gt"]), {"skip_ends": True})
    assert inner["j"] == pytest.approx(arrays["J"][1:-1].mean(), abs=1e-12)
    assert inner["frames"] == 4


def test_a_boundary_is_one_sided_and_a_disk_is_round() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert np.argwhere(boundary(mask)).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    rows, columns = np.ogrid[-2:3, -2:3]
    for radius in (0, 1, 2):
        np.testing.assert_array_equal(dilate(mask, radius), rows**2 + columns**2 <= radius**2)
    assert dilate(mask, 50).all()


@pytest.mark.parametrize("width", [1, 2, 9])
def test_an_outline_is_what_lies_near_the_edge_of_the_mask(width: int) -> None:
    mask = np.random.default_rng(3).random((11, 14)) < 0.9
    padded = np.pad(mask, width)
    views = np.lib.stride_tricks.sliding_window_view(padded, (2 * width + 1, 2 * width + 1))
    np.testing.assert_array_equal(outline(mask, width), mask & ~views.all(axis=(2, 3)))


def test_boundary_iou_looks_at_outlines_alone() -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:50, 10:70] = True
    hollow = mask.copy()
    hollow[20:40, 20:60] = False  # the outline is 2 pixels wide: 2 % of a diagonal of 100
    ring = 40 * 60 - 36 * 56
    inner = 24 * 44 - 20 * 40
    assert boundary_iou(mask, mask) == 1 and boundary_iou(mask, ~mask) == 0
    assert boundary_iou(hollow, mask) == pytest.approx(ring / (ring + inner))
    rows = [({"boundary_iou": value}, {}) for value in (0.25, 0.75)]
    assert mean_boundary_iou.aggregate(rows) == {"boundary_iou": 50}
    left = np.zeros_like(mask)
    left[15:45, 15:65] = True
    assert mean_boundary_iou(hollow, mask, {"ignore": left})["boundary_iou"] == 1


def test_empty_masks_have_defined_scores() -> None:
    empty, full = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    full[2:5, 2:5] = True
    assert region_similarity(empty, empty) == boundary_f(empty, empty) == 1
    assert region_similarity(empty, full) == boundary_f(empty, full) == boundary_f(full, empty) == 0
    assert class_mean_iou(empty, empty)["iou"] == boundary_iou(empty, empty) == 1
    assert boundary_iou(empty, full) == 0


def test_classes_that_do_not_occur_count_only_when_named() -> None:
    seen, named = ClassSums(), ClassSums(classes=("a", "b"))
    for sums in (seen, named):
        sums.add("a", np.array([3, 5]), np.array([5, 10]))
    assert seen.miou() == 50 and named.miou() == 25
    assert seen.fbiou() == pytest.approx(100 * (3 / 5 + 5 / 10) / 2)
    with pytest.raises(InputError, match="not among those scored"):
        named.add("c", np.zeros(2), np.zeros(2))
    assert np.isnan(ClassSums().miou())


def test_sizes_and_frame_counts_are_checked() -> None:
    mask = np.zeros((4, 4), bool)
    with pytest.raises(InputError, match="expected the same"):
        class_mean_iou(mask, mask[:3])
    with pytest.raises(InputError, match="ignored pixels"):
        class_mean_iou(mask, mask, {"ignore": mask[:2]})
    with pytest.raises(InputError, match="more truths"):
        region_and_boundary([mask], [mask, mask])
    with pytest.raises(InputError, match="no frame to score"):
        region_and_boundary([mask, mask], [None, None])
    assert region_and_boundary(mask, mask)["j_and_f"] == 1
