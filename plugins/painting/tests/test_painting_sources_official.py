"""Published benchmarks, read from tiny folders in their official layouts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from icl_core import Video, catalogue
from icl_core.errors import InputError, MissingExtraError
from icl_painting.metrics.depth import depth
from icl_painting.metrics.masks import painted_mask
from icl_painting.metrics.panoptic import Segments, panoptic_quality
from icl_painting.metrics.restoration import psnr_ssim
from icl_painting.metrics.semantic import semantic_miou
from icl_painting.sources import SOURCES
from icl_painting.sources.coco_keypoints import DETECTIONS, coco_keypoints
from icl_painting.sources.coco_panoptic import coco_panoptic
from icl_painting.sources.davis import davis_painting
from icl_painting.sources.dense import ade20k, nyuv2
from icl_painting.sources.restoration import RAIN_SETS, lol, rain, sidd
from icl_painting.tasks.keypoints import Crop
from icl_painting.tasks.palettes import ADE20K, read_labels

PUBLISHED = ("ade20k", "nyuv2", "coco-panoptic", "coco-keypoints", "sidd", "rain", "lol")


def picture(path: Path, shade: int = 9, size: tuple[int, int] = (16, 14)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(shade).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def values(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def pairs(base: Path, subs: tuple[str, str], *names: str) -> None:
    for n, sub in enumerate(subs):
        for name in names:
            picture(base / sub / name, len(name) + 20 * n)


@pytest.mark.parametrize("name", (*PUBLISHED, "davis-painting"))
def test_a_missing_folder_is_named_with_the_layout(name: str, tmp_path: Path) -> None:
    source = catalogue.import_object(SOURCES[name], name)
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=rf"{name} needs the (folder|file) .*not there") as no:
            source(root)
        assert (no.value.hint or "").startswith("expected ROOT/")


def test_lol_asks_each_picture_once_with_the_published_prompt(tmp_path: Path) -> None:
    pairs(tmp_path / "our485", ("low", "high"), "100.png", "2.png")
    pairs(tmp_path / "eval15", ("low", "high"), "22.png", "1.png", "111.png")
    episodes = lol(tmp_path)
    assert [one.meta["id"] for one in episodes] == ["1", "22", "111"]
    first = episodes[0]
    assert first.meta["supports"] == ("100",) and first.meta["task"] == "low-light"
    assert first.query.shape == first.target.shape == (14, 16, 3)
    assert psnr_ssim(first.target, first.target, first.meta) == {"psnr": 100.0, "ssim": 1.0}
    assert len(lol(tmp_path, prompt=["2", "100"], episodes=2)[1].context.examples) == 2
    with pytest.raises(InputError, match=r"our485/low/7\.\*"):
        lol(tmp_path, prompt="7")
    with pytest.raises(InputError, match="prompt is"):
        lol(tmp_path, prompt=[])
    (tmp_path / "eval15" / "high" / "22.png").unlink()
    with pytest.raises(InputError, match=r"eval15/high/22"):
        lol(tmp_path)[1]


def test_rain_is_averaged_by_set(tmp_path: Path) -> None:
    pairs(tmp_path / "train", ("input", "target"), "100.jpg")
    for name in RAIN_SETS:
        pairs(tmp_path / "test" / name, ("input", "target"), "1.png", "2.png")
    episodes = rain(tmp_path, episodes=1)
    assert [one.meta["set"] for one in episodes] == list(RAIN_SETS)
    rows = [(psnr_ssim(one.query, one.target, one.meta), one.meta) for one in episodes]
    assert "psnr_Test2800" in psnr_ssim.aggregate(rows)
    assert len(rain(tmp_path, sets="Rain100L")) == 2
    with pytest.raises(InputError, match="sets has 'Rain800'"):
        rain(tmp_path, sets=["Rain800"])
    (tmp_path / "test" / "Test100" / "target" / "2.png").rename(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"Test100/target/2"):
        list(rain(tmp_path))


def test_sidd_is_read_from_pictures_or_from_mat_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs(tmp_path / "train", ("input", "groundtruth"), "9_9.png")
    pairs(tmp_path / "val", ("input", "groundtruth"), "0_1.png", "0_0.png")
    assert [one.meta["id"] for one in sidd(tmp_path)] == ["0_0", "0_1"]
    scipy = pytest.importorskip("scipy.io")
    noisy = np.random.default_rng(0).integers(0, 256, (2, 3, 12, 12, 3), dtype=np.uint8)
    for kind, blocks in (("Noisy", noisy), ("Gt", 255 - noisy)):
        name = f"Validation{kind}BlocksSrgb"
        scipy.savemat(tmp_path / f"{name}.mat", {name: blocks})
    episodes = sidd(tmp_path)
    assert len(episodes) == 6 and episodes[4].meta["id"] == "2_2"
    np.testing.assert_array_equal(episodes[4].query, noisy[1, 1])
    np.testing.assert_array_equal(episodes[4].target, 255 - noisy[1, 1])
    assert len(sidd(tmp_path, episodes=2)) == 2
    (tmp_path / "ValidationGtBlocksSrgb.mat").write_bytes(b"MATLAB 5.0 MAT-file, broken" * 9)
    with pytest.raises(InputError, match=r"not a complete \.mat file|expected uint8 \[40"):
        sidd(tmp_path)
    (tmp_path / "ValidationGtBlocksSrgb.mat").unlink()
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match="needs scipy"):
        sidd(tmp_path)


def test_ade20k_paints_its_prompt_and_leaves_out_what_is_not_labelled(tmp_path: Path) -> None:
    labels = np.zeros((14, 16), np.uint8)
    labels[:5], labels[5:9] = 1, 150
    for part, name in (("training", "ADE_train_00009574"), ("validation", "ADE_val_00000001")):
        picture(tmp_path / "images" / part / f"{name}.jpg")
        values(tmp_path / "annotations" / part / f"{name}.png", labels)
    (episode,) = ade20k(tmp_path)
    painted = episode.context.examples[0].output
    np.testing.assert_array_equal(read_labels(painted, ADE20K, black=True), labels)
    assert set(np.unique(episode.target)) == {1, 150, 255}
    numbers = semantic_miou(np.where(episode.target == 255, 3, episode.target), episode.target)
    assert semantic_miou.aggregate([(numbers, {})])["miou"] == 100
    with pytest.raises(InputError, match=r"training/ADE_train_00000001\.jpg"):
        ade20k(tmp_path, prompt="ADE_train_00000001")
    with pytest.raises(InputError, match="split is 'test'"):
        ade20k(tmp_path, split="test")


def test_nyuv2_reads_sixteen_bits_of_millimetres(tmp_path: Path) -> None:
    ramp = np.linspace(0, 9000, 14 * 16).reshape(14, 16).astype(np.uint16)
    for scene in ("official_splits/test/kitchen", "official_splits/test/bath"):
        picture(tmp_path / scene / "rgb_00045.jpg")
        values(tmp_path / scene / "sync_depth_00045.png", ramp)
    picture(tmp_path / "sync" / "study_room_0005b" / "rgb_00094.jpg")
    values(tmp_path / "sync" / "study_room_0005b" / "sync_depth_00094.png", ramp)
    episodes = nyuv2(tmp_path)
    assert [one.meta["id"] for one in episodes] == ["bath/rgb_00045", "kitchen/rgb_00045"]
    np.testing.assert_array_equal(episodes[0].target, ramp)
    painted = episodes[0].context.examples[0].output
    np.testing.assert_array_equal(painted[..., 1], (ramp / np.float32(10000) * 255).astype(int))
    assert depth(episodes[0].target, episodes[0].target)["rmse"] == 0
    with pytest.raises(InputError, match=r"sync/attic/rgb_1\.jpg"):
        nyuv2(tmp_path, prompt="attic/rgb_1")


def panoptic_part(base: Path, part: str, key: str, ids: np.ndarray, segments: list[Any]) -> None:
    picture(base / part / f"{key}.jpg")
    parts = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    values(base / "annotations" / f"panoptic_{part}" / f"{key}.png", parts)
    content = {"annotations": [{"file_name": f"{key}.png", "segments_info": segments}]}
    (base / "annotations" / f"panoptic_{part}.json").write_text(json.dumps(content))


def test_coco_panoptic_shows_classes_and_things(tmp_path: Path) -> None:
    ids = np.zeros((14, 16), int)
    ids[:5], ids[5:9], ids[9:12, :9], ids[9:12, 9:] = 70000, 7, 300, 301
    segments = [
        {"id": 70000, "category_id": 187, "iscrowd": 0},  # sky, the last but some of stuff
        {"id": 7, "category_id": 1, "iscrowd": 0},
        {"id": 300, "category_id": 90, "iscrowd": 0},
        {"id": 301, "category_id": 1, "iscrowd": 1},
    ]
    panoptic_part(tmp_path, "train2017", "000000391460", ids, segments)
    panoptic_part(tmp_path, "val2017", "000000000139", ids, segments)
    (episode,) = coco_panoptic(tmp_path, prompt="391460")
    truth = episode.target
    assert truth.categories[7] == 0 and truth.categories[300] == 79
    assert truth.categories[70000] >= 80 and truth.crowds == {301}
    classes, things = episode.context.examples
    assert (classes.meta["branch"], things.meta["branch"]) == ("semantic", "instances")
    assert (classes.output[ids == 0] == 0).all() and (classes.output[ids > 0] > 0).any(-1).all()
    assert (things.output[(ids == 7) | (ids == 300)] > 0).any(-1).all()
    assert not things.output[(ids == 70000) | (ids == 301)].any()
    found = Segments(np.where(ids == 301, 0, ids), truth.categories)
    row = panoptic_quality(found, truth, episode.meta)
    scores = panoptic_quality.aggregate([(row, episode.meta)])
    assert scores["pq"] == scores["pq_things"] == scores["pq_stuff"] == 100
    with pytest.raises(InputError, match=r"train2017/000000000001\.jpg"):
        coco_panoptic(tmp_path, prompt="1")


def test_panoptic_painting_is_that_of_the_learner(tmp_path: Path) -> None:
    from icl_painting.tasks.panoptic import paint_panoptic

    ids = np.repeat(np.arange(14)[:, None] // 5 + 1, 16, axis=1)
    segments = [{"id": n, "category_id": c} for n, c in ((1, 3), (2, 52), (3, 200))]
    for part, key in (("train2017", "000000391460"), ("val2017", "000000000139")):
        panoptic_part(tmp_path, part, key, ids, segments)
    (episode,) = coco_panoptic(tmp_path)
    painted = paint_panoptic(ids, list(episode.target.categories.items()))
    for example, expected in zip(episode.context.examples, painted, strict=True):
        np.testing.assert_array_equal(example.output, expected)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """COCO with one picture in each part, two people in it, and three detections."""
    box = [30.0, 20.0, 30.0, 60.0]
    joints = [[36 + n, 24 + 3 * n, 2] for n in range(17)]
    person = {
        "id": 1,
        "image_id": 165,
        "category_id": 1,
        "iscrowd": 0,
        "area": 1200.0,
        "bbox": box,
        "keypoints": np.ravel(joints).tolist(),
        "num_keypoints": 17,
    }
    other = {**person, "id": 2, "keypoints": [0] * 51, "num_keypoints": 0}
    base = {"categories": [{"id": 1, "name": "person"}], "images": [{"id": 165}, {"id": 9}]}
    (tmp_path / "annotations").mkdir()
    for part in ("train2017", "val2017"):
        picture(tmp_path / part / "000000000165.jpg", size=(120, 100))
        picture(tmp_path / part / "000000000009.jpg", size=(120, 100))
        file = tmp_path / "annotations" / f"person_keypoints_{part}.json"
        file.write_text(json.dumps({**base, "annotations": [other, person]}))
    found = [
        {"image_id": 165, "category_id": 1, "bbox": box, "score": 0.9},
        {"image_id": 165, "category_id": 1, "bbox": [0, 0, 50, 20], "score": 0.4},
        {"image_id": 165, "category_id": 3, "bbox": box, "score": 0.9},
        {"image_id": 9, "category_id": 1, "bbox": box, "score": 0.2},
    ]
    (tmp_path / "person_detection_results").mkdir()
    (tmp_path / "person_detection_results" / DETECTIONS).write_text(json.dumps(found))
    return tmp_path


def test_keypoint_queries_are_crops_of_detections(people: Path) -> None:
    from icl_painting.tasks.keypoints import read_heatmaps, read_points

    episodes = coco_keypoints(people)
    assert [one.meta["image_id"] for one in episodes] == [165, 165, 9]
    first, wide = episodes[0], episodes[1]
    assert first.query.shape == (256, 192, 3) and first.target is None
    assert first.meta["crop"] == (45 - 28.125, 50 - 37.5, 56.25, 75.0)
    assert first.meta["image_ids"] == (9, 165) and first.meta["score"] == 0.9
    assert wide.query[:60].max() == 0  # above the picture it is black
    shown = first.context.examples[0]
    points, scores = read_points(read_heatmaps(shown.output))
    expected = Crop(*first.meta["crop"]).to_crop(
        np.array([[36 + n, 24 + 3 * n] for n in range(17)])
    )
    assert (scores > 0.9).all() and np.abs(points - expected).max() < 1
    with pytest.raises(InputError, match="has 1 people with keypoints"):
        coco_keypoints(people, prompt="000000000165_box1")[0]
    with pytest.raises(InputError, match="expected <picture>_box<number>"):
        coco_keypoints(people, prompt="165")
    with pytest.raises(InputError, match="is not a list of detections"):
        coco_keypoints(people, detections=people / "annotations/person_keypoints_val2017.json")


def test_davis_paints_one_object_or_all(tmp_path: Path) -> None:
    ids = np.zeros((14, 16), np.uint8)
    ids[2:6, 2:6], ids[2:6, 8:12], ids[0] = 1, 2, 255
    for n in range(4):
        picture(tmp_path / "JPEGImages" / "480p" / "bike" / f"{n:05}.jpg", n)
        values(tmp_path / "Annotations" / "480p" / "bike" / f"{n:05}.png", ids)
    for year, text in (("2017", "bike\n"), ("2016", "/JPEGImages/480p/bike/00000.jpg x\n" * 2)):
        (tmp_path / "ImageSets" / year).mkdir(parents=True)
        (tmp_path / "ImageSets" / year / "val.txt").write_text(text)
    episodes = davis_painting(tmp_path)
    assert [one.meta["id"] for one in episodes] == ["bike/1", "bike/2"]
    second = episodes[1]
    assert isinstance(second.query, Video) and len(second.query.frames) == 4
    np.testing.assert_array_equal(second.context.examples[0].output, second.target[0])
    assert (second.target[3][2:6, 8:12] == 255).all() and not second.target[3][..., :8, :].any()
    score = painted_mask(list(second.target), second.target, second.meta)
    assert score == {"iou": 1, "intersection": 32, "union": 32}
    (whole,) = davis_painting(tmp_path, year="2016")
    assert whole.meta["id"] == "bike" and (whole.target[0] == 255).all(-1).sum() == 32
    with pytest.raises(InputError, match="year is '2019'"):
        davis_painting(tmp_path, year="2019")
    (tmp_path / "ImageSets" / "2017" / "val.txt").write_text("bike\nswan\n")
    with pytest.raises(InputError, match="swan"):
        davis_painting(tmp_path)


def test_broken_annotation_files_are_named(tmp_path: Path) -> None:
    ids = np.ones((14, 16), int)
    segments = [{"id": 1, "category_id": 12}]  # a number that COCO does not use
    for part, key in (("train2017", "000000391460"), ("val2017", "000000000139")):
        panoptic_part(tmp_path, part, key, ids, segments)
    with pytest.raises(InputError, match=r"panoptic_.*\.json has the category 12"):
        coco_panoptic(tmp_path)[0]
    for part, key in (("train2017", "000000391460"), ("val2017", "000000000139")):
        panoptic_part(tmp_path / "again", part, key, ids, segments)
    (tmp_path / "again" / "annotations" / "panoptic_val2017.json").write_text("[]")
    with pytest.raises(InputError, match="is not a COCO panoptic file"):
        coco_panoptic(tmp_path / "again")
