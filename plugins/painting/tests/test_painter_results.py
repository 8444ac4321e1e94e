"""What Painter answers: fields are checked, files hold the values, JSON is strict."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_core import InputError, Picture, PluginError
from icl_painting.results import DepthMap, Keypoints, PanopticMap, Segment, SemanticMap

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
CANVAS = np.zeros((3, 4, 4), np.float32)


def _depth() -> DepthMap:
    depth = np.linspace(0, 9.999, 48, dtype=np.float32).reshape(6, 8)
    return DepthMap(IMAGE, CANVAS, depth=depth)


def _semantic() -> SemanticMap:
    labels = np.zeros((6, 8), np.int32)
    labels[:, :5], labels[0, 0] = 13, 300
    return SemanticMap(IMAGE, CANVAS, labels=labels, names={13: "person"})


def _panoptic() -> PanopticMap:
    ids = np.zeros((6, 8), np.int32)
    ids[:3], ids[4:] = 1, 300
    segments = (
        Segment(1, 17, "horse", True, 24, 0.75),
        Segment(300, 119, "sky-other-merged", False, 16),
    )
    paintings = np.stack([IMAGE, IMAGE])
    return PanopticMap(
        IMAGE, CANVAS, ids=ids, segments=segments, paintings=paintings, instance_canvas=CANVAS
    )


def _keypoints() -> Keypoints:
    points = np.random.default_rng(1).uniform(0, 6, (17, 2)).astype(np.float32)
    scores = np.linspace(0, 1, 17, dtype=np.float32)
    heatmaps = np.zeros((17, 5, 4), np.float32)
    return Keypoints(IMAGE, CANVAS, points=points, scores=scores, heatmaps=heatmaps)


ANSWERS = {"depth": _depth, "semantic": _semantic, "panoptic": _panoptic, "keypoints": _keypoints}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_are_pictures_and_are_saved(kind: str, tmp_path: Path) -> None:
    answer = ANSWERS[kind]()
    assert isinstance(answer, Picture) and repr(answer)
    for suffix in answer.suffixes:
        assert answer.save(tmp_path / f"answer{suffix}").stat().st_size
    saved = json.loads((tmp_path / "answer.json").read_text())
    assert saved == json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    png = base64.b64decode(saved["png_base64"])
    assert Image.open(io.BytesIO(png)).size == (8, 6)
    with np.load(tmp_path / "answer.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["image"], IMAGE)
        assert np.array_equal(arrays["canvas"], CANVAS)
    assert answer.plot(tmp_path / "drawing.png").size == (8, 6)
    with pytest.raises(InputError, match="exists already"):
        answer.save(tmp_path / "answer.png")
    with pytest.raises(InputError, match="suffix"):
        answer.save(tmp_path / "answer.jpg")


def test_depth_is_saved_in_millimetres(tmp_path: Path) -> None:
    answer = _depth()
    with Image.open(answer.save(tmp_path / "depth.png")) as picture:
        read = np.array(picture)
    assert read.dtype == np.uint16
    assert np.abs(read - answer.depth * 1000.0).max() <= 0.5 + 1e-3
    whole = np.arange(48, dtype=np.float64).reshape(6, 8) * 211
    exact = DepthMap(IMAGE, depth=(whole / 1000).astype(np.float32))
    assert np.array_equal(exact.millimetres, whole)


def test_labels_are_saved_as_ids(tmp_path: Path) -> None:
    semantic = _semantic()
    with Image.open(semantic.save(tmp_path / "labels.png")) as picture:
        assert np.array_equal(np.array(picture), semantic.labels)
    assert semantic.classes[0] == {"label": 13, "name": "person", "share": 29 / 48}
    assert semantic.classes[-1]["name"] is None
    panoptic = _panoptic()
    with Image.open(panoptic.save(tmp_path / "ids.png")) as picture:
        assert np.array_equal(np.array(picture), panoptic.ids)


def test_segments_become_cocos_format() -> None:
    answer = _panoptic()
    assert answer.to_coco(7, "a.png") == {
        "image_id": 7,
        "file_name": "a.png",
        "segments_info": [
            {"id": 1, "category_id": 19, "isthing": 1},
            {"id": 300, "category_id": 187, "isthing": 0},
        ],
    }
    coded = answer.coco_picture().astype(int)
    assert np.array_equal(coded @ (1, 256, 65536), answer.ids)


def test_joints_are_drawn_over_the_query() -> None:
    answer = _keypoints()
    drawn = np.array(answer.plot(image=IMAGE))
    assert (drawn != IMAGE).any()
    assert answer.to_dict()["keypoints"][0]["name"] == "nose"
    assert answer.score == pytest.approx(float(answer.scores[4:].mean()))
    with pytest.raises(InputError, match="the image is 5x8, expected the query's 6x8"):
        answer.plot(image=IMAGE[:5])


def test_wrong_fields_are_refused() -> None:
    with pytest.raises(PluginError, match=r"DepthMap.depth is float64 \[6, 8\]"):
        DepthMap(IMAGE, depth=np.zeros((6, 8)))
    with pytest.raises(PluginError, match=r"SemanticMap\.labels"):
        SemanticMap(IMAGE)
    with pytest.raises(PluginError, match="the segment 3, which is not known"):
        PanopticMap(IMAGE, ids=np.full((6, 8), 3, np.int32))
    with pytest.raises(PluginError, match=r"Keypoints\.points"):
        Keypoints(IMAGE, points=np.zeros((5, 2), np.float32))
