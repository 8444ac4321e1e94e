"""PSNR, SSIM, depth errors, mean IoU and painted masks against definitions and other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from icl_core.errors import InputError
from icl_core.results import Picture, Segmentation
from icl_painting.metrics.depth import CROP, NAMES, depth, depth_errors
from icl_painting.metrics.masks import painted_mask, read_mask
from icl_painting.metrics.restoration import (
    BEST,
    PROTOCOLS,
    brightness,
    psnr,
    psnr_ssim,
    ssim,
    unrounded,
)
from icl_painting.metrics.semantic import semantic_miou
from icl_painting.sources.degradations import blur

Arrays = Callable[[str], dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def two() -> tuple[np.ndarray, np.ndarray]:
    """A soft picture and the same with noise."""
    random = np.random.default_rng(0)
    truth = blur(random.integers(0, 256, (41, 52, 3), dtype=np.uint8), sigma=2.0)
    noise = random.normal(0, 12, truth.shape)
    return np.clip(truth + noise, 0, 255).astype(np.uint8), truth


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_equal_pictures_are_best_and_worse_ones_score_less(
    protocol: str, two: tuple[np.ndarray, np.ndarray]
) -> None:
    noisy, truth = two
    assert psnr(truth, truth, protocol) == BEST
    assert ssim(truth, truth, protocol) == pytest.approx(1, abs=1e-12)
    noisier = np.clip(2.0 * noisy - truth, 0, 255).astype(np.uint8)
    assert psnr(noisier, truth, protocol) < psnr(noisy, truth, protocol) < 40
    assert ssim(noisier, truth, protocol) < ssim(noisy, truth, protocol) < 1
    assert ssim(noisy, truth, protocol) == pytest.approx(ssim(truth, noisy, protocol), abs=1e-12)


def test_psnr_follows_its_formula(two: tuple[np.ndarray, np.ndarray]) -> None:
    noisy, truth = two
    error = np.mean((noisy.astype(float) - truth) ** 2)
    assert psnr(noisy, truth) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-12)
    assert psnr(noisy / 255, truth / 255, "skimage") == pytest.approx(psnr(noisy, truth), abs=1e-9)
    y = np.sqrt(np.mean((brightness(noisy) - brightness(truth)) ** 2))
    assert psnr(noisy, truth, "y") == pytest.approx(20 * np.log10(255 / y), abs=1e-12)


def test_brightness_is_that_of_matlab() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [12, 200, 99]]], np.uint8)
    # 65.481 R + 128.553 G + 24.966 B over 255, 16 added, rounded
    np.testing.assert_array_equal(brightness(colours), [[16, 235, 81, 130]])
    np.testing.assert_allclose(brightness(colours / 255)[0, 2], 81.481)


def test_a_picture_and_floats_are_taken(two: tuple[np.ndarray, np.ndarray]) -> None:
    noisy, truth = two
    scores = psnr_ssim(Picture(noisy), truth)
    assert scores == psnr_ssim(noisy, truth, {"protocol": "rgb"})
    wide = noisy / 255 * 1.2 - 0.1  # cut to 0 and 1
    assert psnr(wide, truth) == psnr(np.clip(wide, 0, 1), truth)


def test_an_answer_with_its_canvas_may_be_scored_before_it_is_rounded(golden: Arrays) -> None:
    arrays = golden("painter/thin_pipeline_tasks.npz")
    exact = np.clip(arrays["restore_out_unclipped"], 0, 1)
    # A canvas of the query's own size is not resized.
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    canvas = ((arrays["restore_out_unclipped"] - mean) / std).transpose(2, 0, 1)
    answer = Picture(arrays["restore_out_uint8"], canvas.astype(np.float32))
    np.testing.assert_allclose(unrounded(answer), exact, atol=1e-6)
    truth = arrays["query"]
    scores = psnr_ssim(answer, truth, {"unrounded": True, "protocol": "skimage"})
    assert scores["psnr"] == pytest.approx(psnr(exact, truth), abs=1e-5)
    assert psnr_ssim(answer, truth)["psnr"] == psnr(arrays["restore_out_uint8"], truth)
    plain = Picture(arrays["restore_out_uint8"])
    assert psnr_ssim(plain, truth, {"unrounded": True}) == psnr_ssim(plain, truth)


def test_ssim_is_that_of_scikit_image(two: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    noisy, truth = two
    a, b = noisy / 255, truth / 255
    expected = metrics.structural_similarity(b, a, channel_axis=2, data_range=1)
    assert ssim(noisy, truth, "skimage") == pytest.approx(expected, abs=1e-12)
    expected = metrics.structural_similarity(
        *(brightness(truth), brightness(noisy)),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(noisy, truth, "y") == pytest.approx(expected, abs=1e-12)
    expected = metrics.peak_signal_noise_ratio(b, a, data_range=1)
    assert psnr(noisy, truth, "skimage") == pytest.approx(expected, abs=1e-9)


def test_ssim_of_volumes_is_that_of_a_gaussian_filter(two: tuple[np.ndarray, np.ndarray]) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    a, b = (part / 255 for part in two)

    def smooth(values: np.ndarray) -> Any:
        return ndimage.gaussian_filter(values, 1.5, truncate=5 / 1.5, mode="nearest")

    ma, mb = smooth(a), smooth(b)
    va, vb, both = smooth(a * a) - ma**2, smooth(b * b) - mb**2, smooth(a * b) - ma * mb
    similar = (2 * ma * mb + 1e-4) * (2 * both + 9e-4)
    expected = (similar / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))).mean()
    assert ssim(*two, "rgb") == pytest.approx(expected, abs=1e-12)


def test_sets_are_averaged_before_their_mean() -> None:
    rows = [
        ({"psnr": 10.0, "ssim": 0.1}, {"set": "a"}),
        ({"psnr": 20.0, "ssim": 0.3}, {"set": "a"}),
        ({"psnr": 40.0, "ssim": 0.9}, {"set": "b"}),
    ]
    scores = psnr_ssim.aggregate(rows)
    assert scores["psnr"] == 27.5 and scores["psnr_a"] == 15 and scores["ssim_b"] == 0.9
    whole = psnr_ssim.aggregate([(numbers, {}) for numbers, _ in rows])
    assert set(whole) == {"psnr", "ssim"} and whole["psnr"] == pytest.approx(70 / 3)
    assert np.isnan(psnr_ssim.aggregate([])["psnr"])


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    for other, protocol, match in (
        (picture[:10], "rgb", "expected the same"),
        (picture.astype(np.int32), "rgb", "expected uint8 or floats"),
        (picture, "cmyk", "protocol is 'cmyk'"),
    ):
        with pytest.raises(InputError, match=match):
            psnr(other, picture, protocol)
    with pytest.raises(InputError, match="at least 11x11"):
        ssim(picture[:9], picture[:9], "y")
    assert ssim(picture[:2, :2], picture[:2, :2], "rgb") == pytest.approx(1)


def test_depth_errors_equal_the_golden_ones(golden: Arrays) -> None:
    arrays = golden("painter/depth_metrics.npz")
    errors = depth_errors(arrays["gt"], arrays["pred"])
    assert tuple(arrays["names"].tolist()) == NAMES
    np.testing.assert_allclose([errors[n] for n in NAMES], arrays["values"], rtol=0, atol=1e-12)


def test_depth_is_cropped_cut_and_scored_where_it_is_known() -> None:
    truth = np.full((480, 640), 2000, np.int32)
    found = np.full((480, 640), 4000.0)
    found[CROP] = 2000
    assert depth(found, truth)["abs_rel"] == 0
    assert depth(found, truth, {"crop": False})["abs_rel"] > 0
    pixels = (471 - 45) * (601 - 41)
    assert depth(found, truth)["pixels"] == pixels
    truth[100, 100], truth[100, 101] = 0, 10000  # neither is scored
    found[100, 100:102] = 1
    assert depth(found, truth)["abs_rel"] == 0 and depth(found, truth)["pixels"] == pixels - 2
    small = np.full((2, 2), 5000)
    far = depth(np.array([[-5.0, np.nan], [np.inf, 99999]]), small)
    expected = depth_errors(np.full(4, 5.0), np.array([1e-3, 1e-3, 10, 10]))
    assert far == pytest.approx({**expected, "pixels": 4})
    rows = [({**far, "rmse": value}, {}) for value in (1.0, 2.0)]
    assert depth.aggregate(rows)["rmse"] == 1.5
    for bad, match in ((small[:1], "expected the same"), (np.zeros((2, 2)), "no pixel")):
        with pytest.raises(InputError, match=match):
            depth(small, bad)
    with pytest.raises(InputError, match="not above 0"):
        depth_errors(np.ones(3), np.zeros(3))


def test_mean_iou_is_of_the_confusion_matrix_of_a_set() -> None:
    random = np.random.default_rng(4)
    truth = random.integers(0, 6, (3, 20, 30))
    found = np.where(random.random(truth.shape) < 0.6, truth, random.integers(0, 9, truth.shape))
    truth[:, :2] = 255
    rows = [(semantic_miou(f, t), {}) for f, t in zip(found, truth, strict=True)]
    scored = truth != 255
    table = np.zeros((9, 9))
    np.add.at(table, (truth[scored], found[scored]), 1)
    hits, there, said = np.diag(table), table.sum(1), table.sum(0)
    iou = (hits / np.maximum(there + said - hits, 1))[there > 0]
    scores = semantic_miou.aggregate(rows)
    assert scores["miou"] == pytest.approx(100 * iou.mean(), abs=1e-12)
    assert scores["fwiou"] == pytest.approx(100 * (iou * there[there > 0]).sum() / there.sum())
    assert scores["accuracy"] == pytest.approx(100 * hits.sum() / there.sum())
    assert np.isnan(semantic_miou.aggregate([])["miou"])
    with pytest.raises(InputError, match="expected the same"):
        semantic_miou(found[0], truth[0][:5])
    with pytest.raises(InputError, match="whole numbers"):
        semantic_miou(found[0] / 2, truth[0])


def test_painted_masks_are_cut_above_128() -> None:
    shades = np.array([[[0, 0, 0], [128, 128, 128], [127, 129, 129], [255, 255, 0]]], np.uint8)
    assert read_mask(shades).tolist() == [[False, False, True, True]]
    assert read_mask(Picture(shades)).tolist() == read_mask(shades).tolist()
    mask = np.array([[False, True]])
    assert read_mask(Segmentation(mask, np.zeros((1, 2), np.float32))).tolist() == mask.tolist()
    with pytest.raises(InputError, match="painted mask"):
        read_mask(np.zeros((2, 2, 4)))


def test_painted_masks_are_summed_by_class() -> None:
    white, black = np.full((2, 4, 3), 255, np.uint8), np.zeros((2, 4, 3), np.uint8)
    half = black.copy()
    half[:, :2] = 255
    rows = []
    for found, truth, class_id in ((white, half, 1), (half, half, 1), (black, half, 2)):
        rows.append((painted_mask(found, truth), {"class_id": class_id}))
    assert [row["iou"] for row, _ in rows] == [0.5, 1, 0]
    scores = painted_mask.aggregate(rows)
    assert scores["miou"] == pytest.approx(100 * (8 / 12 + 0) / 2) and scores["mean_iou"] == 50
    ignore = np.zeros((2, 4), bool)
    ignore[:, 2:] = True
    assert painted_mask(white, half, {"ignore": ignore})["iou"] == 1
    assert painted_mask(black, black)["iou"] == 1
    video = painted_mask([black, half, white], [half, half, None])
    assert video["iou"] == 0.5
    assert painted_mask([black, half, black], [half] * 3, {"skip_ends": True})["iou"] == 1
    for wrong, match in (
        (lambda: painted_mask(white, half[:1]), "expected the same"),
        (lambda: painted_mask(white, half, {"ignore": ignore[:1]}), "ignored pixels"),
        (lambda: painted_mask([white], [half, half]), "more truths"),
        (lambda: painted_mask([white], [None]), "no frame"),
    ):
        with pytest.raises(InputError, match=match):
            wrong()
