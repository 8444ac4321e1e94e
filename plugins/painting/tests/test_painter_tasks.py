"""Answers as colours: painting and reading, against the released encoders and decoders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from icl_core import InputError
from icl_painting.tasks import class_names, instances, keypoints, palettes, panoptic
from icl_painting.tasks.depth import paint_depth, read_depth

Golden = Callable[[str], dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def stored(golden: Golden) -> dict[str, np.ndarray]:
    return golden("painter/decode.npz")


def _pictures(count: int, size: tuple[int, int]) -> list[np.ndarray]:
    """Bool masks of discs."""
    rng = np.random.default_rng(count)
    rows, columns = np.ogrid[: size[0], : size[1]]
    return [
        (rows - rng.integers(size[0])) ** 2 + (columns - rng.integers(size[1])) ** 2
        < rng.integers(2, size[0] // 4) ** 2
        for _ in range(count)
    ]


def test_palettes_are_the_released_ones(stored: dict[str, np.ndarray]) -> None:
    assert np.array_equal(palettes.ADE20K, stored["ade20k_palette_rgb"])
    assert np.array_equal(palettes.COCO_PANOPTIC, stored["coco_panoptic_palette_rgb"])
    assert np.array_equal(instances.PALETTE, stored["instance_palette_rgb"])
    assert np.array_equal(instances.KEYS, stored["instance_palette_key"])
    assert np.array_equal(keypoints.COLOURS, stored["pose_palette_gb"])
    assert len(class_names.ADE20K) == len(set(class_names.ADE20K)) == 150
    assert len(class_names.COCO_PANOPTIC) == len(set(class_names.COCO_IDS)) == 133


def test_labels_are_painted_and_read_as_released(stored: dict[str, np.ndarray]) -> None:
    painted = palettes.paint_labels(stored["ade_labels"], palettes.ADE20K)
    assert np.array_equal(painted, stored["ade_encoded"])
    for how in palettes.DISTANCES:
        found = palettes.read_labels(stored["ade_image"], palettes.ADE20K, how)
        assert found.dtype == np.int32
        assert np.array_equal(found - 1, stored[f"ade_pred_{how}"])
    picture = stored["coco_semseg_image"]
    found = palettes.read_labels(picture, palettes.COCO_PANOPTIC)
    assert np.array_equal(found - 1, stored["coco_semseg_pred"])
    apart = palettes.distances(picture[::8, ::8].reshape(-1, 3), palettes.COCO_PANOPTIC)
    assert np.array_equal(apart.reshape(6, 8, 133), stored["coco_semseg_dist_stride8"])


def test_labels_survive_painting_and_reading_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(palettes, "_CHUNK", 500)
    for count in (1, 7, 8, 27, 150):
        palette = palettes.class_palette(count)
        labels = np.random.default_rng(count).integers(0, count + 1, (13, 17))
        painted = palettes.paint_labels(labels, palette)
        assert np.array_equal(palettes.read_labels(painted, palette, black=True), labels)
    with pytest.raises(InputError, match="label 9, expected 0 to 8"):
        palettes.paint_labels(np.array([[9]]), palettes.class_palette(8))
    with pytest.raises(InputError, match="9 classes do not fit"):
        palettes.class_palette(9, base=2)


def test_instances_are_read_as_released(stored: dict[str, np.ndarray]) -> None:
    found = instances.read_instances(stored["inst_image"])
    assert np.abs(found.scores - stored["inst_scores"]).max() <= 1e-6
    assert np.array_equal(found.masks, stored["inst_masks"].astype(bool))
    classes = panoptic.thing_classes(found, stored["coco_semseg_image"])
    assert np.array_equal(classes, stored["inst_classes"])
    labels = palettes.read_labels(stored["coco_semseg_image"], palettes.COCO_PANOPTIC) - 1
    for name, area in (("default", 8192), ("small", 64)):
        ids, segments = panoptic.merge(found, classes, labels, stuff_area=area)
        assert np.array_equal(ids, stored[f"pano_seg_{name}"])
        rows = [[one.id, one.category, int(one.is_thing)] for one in segments]
        assert rows == stored[f"pano_info_{name}"].tolist()


def test_matrix_nms_is_the_released_one(stored: dict[str, np.ndarray]) -> None:
    masks = stored["nms_masks"].reshape(6, -1).astype(np.float64)
    overlap = instances.iou_of(masks @ masks.T)
    scores, keep, labels = instances.matrix_nms(
        overlap, stored["nms_scores_in"], stored["nms_labels_in"]
    )
    assert np.abs(scores - stored["nms_scores_out"]).max() <= 1e-6
    assert np.array_equal(keep, stored["nms_keep"])
    assert np.array_equal(labels, stored["nms_labels_out"])
    with pytest.raises(InputError, match="expected"):
        instances.matrix_nms(overlap, np.zeros(3), np.zeros(3, np.int64))


@pytest.mark.parametrize("size", [(64, 80), (131, 93), (20, 31)])
def test_reading_at_another_size_is_reading_the_resized_picture(size: tuple[int, int]) -> None:
    painted = instances.paint_instances(_pictures(9, (48, 64)), (48, 64))
    noise = np.random.default_rng(1).normal(0, 4, painted.shape)
    painted = np.clip(painted + noise, 0, 255).astype(np.uint8)
    rows, columns = (
        torch.nn.functional.interpolate(
            torch.arange(float(n))[None, None], size=wanted, mode="nearest"
        )[0, 0]
        .long()
        .numpy()
        for n, wanted in zip((48, 64), size, strict=True)
    )
    whole = instances.read_instances(painted[rows][:, columns])
    found = instances.read_instances(painted, size=size)
    assert np.array_equal(found.scores, whole.scores)
    assert np.array_equal(found.masks, whole.masks)
    assert np.array_equal(found.mask(0), whole.mask(0))
    semantic = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    classes = panoptic.thing_classes(found, semantic)
    assert np.array_equal(classes, panoptic.thing_classes(whole, semantic))


def test_a_picture_without_instances_has_none() -> None:
    found = instances.read_instances(np.zeros((8, 8, 3), np.uint8), distance=5)
    assert len(found.scores) == 0 and found.masks.shape == (0, 8, 8)


def test_a_panoptic_map_survives_painting_and_reading() -> None:
    ids = np.zeros((60, 80), np.int64)
    ids[:, :40], ids[5:25, 45:75], ids[30:55, 10:30] = 4, 2, 9
    kept = [(4, 119), (2, 17), (9, 0)]
    semantic, things = panoptic.paint_panoptic(ids, kept)
    found = instances.read_instances(things)
    labels = palettes.read_labels(semantic, palettes.COCO_PANOPTIC) - 1
    classes = panoptic.thing_classes(found, semantic)
    merged, segments = panoptic.merge(found, classes, labels, score=0.5, stuff_area=100)
    back = {one.id: one.category for one in segments}
    for number, category in kept:
        seen = np.unique(merged[ids == number])
        assert len(seen) == 1 and back[int(seen[0])] == category
    with pytest.raises(InputError, match="segment 9 without a category"):
        panoptic.paint_panoptic(ids, kept[:2])
    with pytest.raises(InputError, match="category 133, expected 0 to 132"):
        panoptic.paint_panoptic(ids, [(4, 133)])


def test_keypoints_are_painted_and_read_as_released(stored: dict[str, np.ndarray]) -> None:
    painted = keypoints.paint_keypoints(stored["pose_joints_xy"], stored["pose_visible"])
    assert np.array_equal(painted, stored["pose_label_image"])
    heatmaps = keypoints.read_heatmaps(stored["pose_noisy_image"])
    best = heatmaps.reshape(17, -1).argmax(axis=1)
    where = np.stack([best % 192, best // 192], axis=1)
    assert np.array_equal(where, stored["pose_heatmap_argmax_xy"])
    assert np.array_equal(heatmaps.reshape(17, -1).max(axis=1), stored["pose_heatmap_max"])
    summed = heatmaps.sum(axis=(1, 2), dtype=np.float64)
    assert np.allclose(summed, stored["pose_heatmap_sum"], rtol=1e-6)


def test_points_survive_painting_and_reading() -> None:
    rng = np.random.default_rng(4)
    across, down = np.meshgrid(np.arange(5), np.arange(4))
    grid = np.stack([across.ravel(), down.ravel()], axis=1)[:17]
    points = grid * (36, 60) + (20, 30) + rng.uniform(-4, 4, (17, 2))
    visible = np.ones(17)
    visible[3] = 0
    found, scores = keypoints.read_points(
        keypoints.read_heatmaps(keypoints.paint_keypoints(points, visible))
    )
    assert scores[3] == 0 and (found[3] == -1).all()
    seen = visible > 0
    assert np.abs(found[seen] - points[seen]).max() <= 0.8
    assert (scores[seen] > 0.99).all()


def test_heatmaps_of_a_mirrored_crop_are_turned_back() -> None:
    points = np.tile([[96.0, 128.0]], (17, 1))
    points[5], points[6] = (50, 60), (140, 61)
    visible = np.zeros(17)
    visible[[5, 6]] = 1
    mirrored = points.copy()
    mirrored[[5, 6]] = (191 - 140, 61), (191 - 50, 60)
    plain = keypoints.read_heatmaps(keypoints.paint_keypoints(points, visible))
    other = keypoints.read_heatmaps(keypoints.paint_keypoints(mirrored, visible))
    found, _ = keypoints.read_points(keypoints.mirror_heatmaps(other))
    expected, _ = keypoints.read_points(plain)
    assert np.allclose(found[[5, 6]], expected[[5, 6]] + (1, 0), atol=0.51)


def test_a_box_is_enlarged_to_a_crop_and_points_come_back() -> None:
    crop = keypoints.Crop.around((10, 20, 30, 80))
    assert crop == keypoints.Crop(-12.5, 10, 75, 100)
    points = np.array([[25.0, 60.0], [10, 20]])
    moved = crop.to_crop(points)
    assert moved[0].tolist() == [96, 128]
    assert np.allclose(crop.to_picture(moved), points)
    with pytest.raises(InputError, match="the box is"):
        keypoints.Crop.around((0, 0, 0, 4))


def test_nearly_equal_poses_are_one() -> None:
    rng = np.random.default_rng(5)
    pose = np.concatenate([rng.uniform(0, 100, (17, 2)), np.ones((17, 1))], axis=1)
    poses = np.stack([pose, pose + np.array([0.5, 0, 0]), pose + np.array([60, 0, 0])])
    areas = np.full(3, 4000.0)
    kept = keypoints.suppress_poses(poses, np.array([0.5, 0.9, 0.2]), areas)
    assert kept.tolist() == [1, 2]
    hidden = poses * (1, 1, 0)
    assert keypoints.object_similarity(hidden[0], hidden, 4000, areas).tolist() == [0, 0, 0]


def test_depth_is_painted_rounded_down_and_read_in_millimetres() -> None:
    millimetres = np.array([[0, 39, 40, 5000, 10000, 20000]], np.uint16)
    painted = paint_depth(millimetres)
    assert painted[0, :, 0].tolist() == [0, 0, 1, 127, 255, 255]
    unit = torch.from_numpy(painted / 255).permute(2, 0, 1)
    assert np.abs(read_depth(unit) - np.minimum(millimetres, 10000)).max() <= 40
    assert paint_depth(millimetres, 20.0)[0, -1, 0] == 255
    with pytest.raises(InputError, match="negative, NaN or infinite"):
        paint_depth(np.array([[-1.0]]))
