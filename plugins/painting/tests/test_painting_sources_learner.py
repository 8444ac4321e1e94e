"""Episodes, learners and metrics fit together: from a folder to a score, on a tiny network."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painter_cases import write_weights
from PIL import Image

import icl_core as icl
from icl_core import catalogue
from icl_core.sources.episodes import EpisodeList
from icl_painting.metrics import METRICS
from icl_painting.sources.coco_keypoints import DETECTIONS, coco_keypoints
from icl_painting.sources.coco_panoptic import coco_panoptic
from icl_painting.sources.davis import davis_painting
from icl_painting.sources.dense import ade20k, nyuv2
from icl_painting.sources.restoration import lol

SIZE = (40, 48)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"), spread=0.05)


def picture(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path.name))).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def values(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def lol_at(root: Path) -> EpisodeList:
    for name in ("our485/low/100", "our485/high/100", "eval15/low/1", "eval15/high/1"):
        picture(root / f"{name}.png")
    picture(root / "eval15/low/22.png")
    picture(root / "eval15/high/22.png")
    return lol(root)


def ade20k_at(root: Path) -> EpisodeList:
    labels = np.repeat(np.arange(SIZE[0])[:, None], SIZE[1], axis=1).astype(np.uint8)
    for part, name in (("training", "ADE_train_00009574"), ("validation", "ADE_val_00000001")):
        picture(root / "images" / part / f"{name}.jpg")
        values(root / "annotations" / part / f"{name}.png", labels)
    return ade20k(root)


def nyuv2_at(root: Path) -> EpisodeList:
    ramp = np.linspace(0, 9000, SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.uint16)
    for scene in ("official_splits/test/kitchen/rgb_00045", "sync/study_room_0005b/rgb_00094"):
        picture(root / f"{scene}.jpg")
        values(root / f"{scene.replace('rgb_', 'sync_depth_')}.png", ramp)
    return nyuv2(root)


def coco_panoptic_at(root: Path) -> EpisodeList:
    ids = np.repeat(np.arange(SIZE[0])[:, None] // 20 + 1, SIZE[1], axis=1)
    parts = np.stack([ids, 0 * ids, 0 * ids], axis=-1).astype(np.uint8)
    segments = [{"id": 1, "category_id": 3}, {"id": 2, "category_id": 187}]
    for part, key in (("train2017", "000000391460"), ("val2017", "000000000139")):
        picture(root / part / f"{key}.jpg")
        values(root / "annotations" / f"panoptic_{part}" / f"{key}.png", parts)
        content = {"annotations": [{"file_name": f"{key}.png", "segments_info": segments}]}
        (root / "annotations" / f"panoptic_{part}.json").write_text(json.dumps(content))
    return coco_panoptic(root)


def coco_keypoints_at(root: Path) -> EpisodeList:
    box = [10.0, 5.0, 15.0, 25.0]
    joints = np.ravel([[12 + n % 5, 8 + n, 2] for n in range(17)]).tolist()
    person = {"id": 1, "image_id": 165, "category_id": 1, "iscrowd": 0, "area": 300.0}
    person |= {"bbox": box, "keypoints": joints, "num_keypoints": 17}
    content = {
        "images": [{"id": 165, "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [person],
    }
    (root / "annotations").mkdir(parents=True)
    for part in ("train2017", "val2017"):
        picture(root / part / "000000000165.jpg")
        (root / "annotations" / f"person_keypoints_{part}.json").write_text(json.dumps(content))
    found = [{"image_id": 165, "category_id": 1, "bbox": box, "score": 0.9}]
    (root / DETECTIONS).write_text(json.dumps(found))
    return coco_keypoints(root)


CASES = {
    "low-light": (lol_at, "psnr-ssim", "psnr"),
    "semantic": (ade20k_at, "semantic-miou", "miou"),
    "depth": (nyuv2_at, "depth", "rmse"),
    "panoptic": (coco_panoptic_at, "panoptic-quality", "pq"),
}


def scored(
    weights: Path, episodes: EpisodeList, metric: str, **options: Any
) -> list[tuple[dict[str, float], Any]]:
    learner = icl.load("painter", weights=weights, task=episodes[0].meta["task"], **options)
    score = catalogue.import_object(METRICS[metric], metric)
    answers = learner.predict_episodes(episodes)
    return [
        (score(answer, episode.target, episode.meta), episode.meta)
        for answer, episode in zip(answers, episodes, strict=True)
    ]


@pytest.mark.parametrize("task", sorted(CASES))
def test_a_learner_answers_and_the_metric_scores_it(
    task: str, weights: Path, tmp_path: Path
) -> None:
    make, metric, name = CASES[task]
    rows = scored(weights, make(tmp_path), metric)
    scores = catalogue.import_object(METRICS[metric], metric).aggregate(rows)
    assert math.isfinite(scores[name])
    assert all(isinstance(value, float) for numbers, _ in rows for value in numbers.values())


def test_keypoints_are_noted_in_pixels_of_the_picture(weights: Path, tmp_path: Path) -> None:
    ((numbers, meta),) = scored(weights, coco_keypoints_at(tmp_path), "keypoint-oks")
    assert {"x_0", "y_16", "score_8"} <= numbers.keys() and meta["image_id"] == 165
    metric = catalogue.import_object(METRICS["keypoint-oks"], "keypoint-oks")
    pytest.importorskip("pycocotools")
    assert metric.aggregate([(numbers, meta)])["ap"] >= 0


def test_a_published_prompt_is_prepared_once(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from icl_painting.painter.learner import PainterLearner

    calls: list[Any] = []
    prepare: Callable[..., Any] = PainterLearner._prepare
    monkeypatch.setattr(
        PainterLearner, "_prepare", lambda self, c: (calls.append(c), prepare(self, c))[1]
    )
    assert len(scored(weights, lol_at(tmp_path), "psnr-ssim")) == 2
    assert len(calls) == 1


def test_a_video_is_painted_and_scored(weights: Path, tmp_path: Path) -> None:
    ids = np.zeros(SIZE, np.uint8)
    ids[8:20, 8:20] = 1
    for n in range(3):
        picture(tmp_path / "JPEGImages" / "480p" / "bike" / f"{n:05}.jpg")
        values(tmp_path / "Annotations" / "480p" / "bike" / f"{n:05}.png", ids)
    (tmp_path / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2017" / "val.txt").write_text("bike\n")
    (episode,) = davis_painting(tmp_path)
    learner = icl.load("painter", weights=weights)
    answer = icl.predict(learner, episode.context, episode.query)
    metric = catalogue.import_object(METRICS["painted-mask"], "painted-mask")
    assert 0 <= metric(answer, episode.target, episode.meta)["iou"] <= 1
