"""What examples of the learner `painter` may hold, by its task."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from painter_cases import FIRST, QUERY, RNG, SECOND, SIZE, ask, load, write_weights
from PIL import Image

import icl_core as icl
from icl_painting.results import DepthMap, Keypoints, PanopticMap, Segment, SemanticMap


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def test_depth_prompts_may_be_millimetres_metres_files_or_pictures(
    weights: Path, tmp_path: Path
) -> None:
    millimetres = RNG.integers(0, 12000, SIZE).astype(np.uint16)
    first = ask(weights, millimetres, task="depth")
    assert isinstance(first, DepthMap) and first.depth.shape == SIZE
    assert first.depth.min() >= 0 and first.depth.max() <= 10
    Image.fromarray(millimetres).save(tmp_path / "depth.png")
    metres = millimetres / np.float64(1000)
    grey = np.minimum(millimetres.astype(np.float32) / 10000 * 255, 255).astype(np.uint8)
    painted = np.repeat(grey[..., None], 3, axis=-1)
    answer = DepthMap(painted, depth=metres.astype(np.float32))
    for output in (millimetres.astype(np.int64), tmp_path / "depth.png", painted):
        assert np.array_equal(ask(weights, output, task="depth").depth, first.depth)
    for near in (metres, answer):
        assert np.abs(ask(weights, near, task="depth").depth - first.depth).max() < 0.05
    holes = np.where(millimetres < 500, np.nan, metres)
    ask(weights, holes, task="depth")
    far = ask(weights, millimetres, task="depth", farthest=20)
    assert far.depth.max() > first.depth.max()
    with pytest.raises(icl.InputError, match="example 1: the depth map has a negative"):
        ask(weights, -metres, task="depth")


def test_label_maps_are_painted_and_read(weights: Path, tmp_path: Path) -> None:
    labels = RNG.integers(0, 151, SIZE)
    first = ask(weights, labels, task="semantic")
    assert isinstance(first, SemanticMap) and first.labels.min() >= 1
    assert first.names[13] == "person"
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "labels.png")
    void = np.where(labels == 0, 255, labels)
    for output in (tmp_path / "labels.png", void, torch.from_numpy(labels)):
        assert np.array_equal(ask(weights, output, task="semantic").canvas, first.canvas)
    again = ask(weights, first, task="semantic")
    assert np.array_equal(again.canvas, ask(weights, first.labels, task="semantic").canvas)
    own = ask(weights, labels % 3, task="semantic", classes=["cat", "dog"])
    assert set(np.unique(own.labels)) <= {0, 1, 2} and own.names == {1: "cat", 2: "dog"}
    strict = ask(weights, labels % 3, task="semantic", classes=2, unlabelled=False)
    assert strict.labels.min() >= 1 and strict.names == {}
    with pytest.raises(icl.InputError, match="example 1: the label map has the label 150"):
        ask(weights, np.full(SIZE, 150), task="semantic", classes="coco")
    with pytest.raises(icl.InputError, match="classes is 'voc'"):
        load(weights, task="semantic", classes="voc")


def test_panoptic_prompts_may_be_maps_pictures_or_answers(weights: Path) -> None:
    ids = np.zeros(SIZE, np.int32)
    ids[:20], ids[25:35, 5:20] = 1, 7
    known = [(1, 119), (7, 0)]
    coco = [{"id": 1, "category_id": 187}, {"id": 7, "category_id": 1}]
    options = {"task": "panoptic", "stuff_area": 1}
    first = ask(weights, {"ids": ids, "segments": known}, **options)
    assert isinstance(first, PanopticMap) and first.image.shape == (*SIZE, 3)
    assert first.canvas.shape == first.instance_canvas.shape == (3, 40, 40)
    coded = np.stack([ids, 0 * ids, 0 * ids], axis=-1).astype(np.uint8)
    segments = tuple(Segment(n, c, "", c < 80, 1) for n, c in known)
    answer = PanopticMap(FIRST, ids=ids, segments=segments)
    named = {1: "sky-other-merged", 7: "person"}
    for output in (
        {"ids": coded, "segments_info": coco},
        {"ids": ids, "segments": named},
        answer,
    ):
        assert np.array_equal(ask(weights, output, **options).ids, first.ids)
    pair = ask(weights, (FIRST, SECOND), **options)
    assert pair.paintings.shape == (2, *SIZE, 3)
    alone = load(weights, task="panoptic")
    branch = icl.Example(FIRST, SECOND, {"branch": "semantic"})
    with pytest.raises(icl.InputError, match="no painted picture of instances"):
        alone.prepare([branch])
    with pytest.raises(icl.InputError, match="expected a panoptic map or a pair"):
        alone.prepare([(FIRST, SECOND)])
    with pytest.raises(icl.InputError, match=r"segment .* is not understood"):
        alone.prepare([(FIRST, {"ids": ids, "segments": [(1, "sky")]})])


def test_joints_are_found_in_pixels_of_the_query(weights: Path) -> None:
    points = RNG.uniform(5, 35, (17, 2))
    seen = np.concatenate([points, np.full((17, 1), 2.0)], axis=1)
    first = ask(weights, points, task="keypoints")
    assert isinstance(first, Keypoints) and first.points.shape == (17, 2)
    found = first.points[first.scores > 0]
    assert len(found) and (found >= 0).all() and (found <= np.array([48, 40])).all()
    for output in (seen, seen.ravel().tolist(), torch.from_numpy(points)):
        again = ask(weights, output, task="keypoints")
        assert np.array_equal(again.canvas, first.canvas)
    once = ask(weights, points, task="keypoints", flip=False)
    assert np.array_equal(once.canvas, first.canvas)
    assert not np.array_equal(once.heatmaps, first.heatmaps)
    ask(weights, first, task="keypoints")
    ask(weights, SECOND, task="keypoints")
    with pytest.raises(icl.InputError, match=r"the points are \[16, 2\]"):
        ask(weights, points[:16], task="keypoints")


def test_a_box_names_the_person(weights: Path) -> None:
    learner = load(weights, task="keypoints", flip=False)
    box = [4, 6, 20, 30]
    example = icl.Example(FIRST, RNG.uniform(5, 35, (17, 2)), {"box": box})
    prepared = learner.prepare([example])
    one, two = prepared.predict([QUERY, QUERY], box=[box, None])
    assert one.meta["box"] == box and "box" not in two.meta
    assert not np.array_equal(one.canvas, two.canvas)
    assert np.array_equal(prepared.predict(QUERY, box=box).canvas, one.canvas)
    found = one.points[one.scores > 0]
    assert (found >= np.array([-1, 2])).all() and (found <= np.array([29, 40])).all()
    assert (one.image[:, 30:] == 0).all()
    with pytest.raises(icl.InputError, match="box has 3 boxes for 2 queries"):
        prepared.predict([QUERY, QUERY], box=[box] * 3)
    with pytest.raises(icl.InputError, match="the box is"):
        prepared.predict(QUERY, box="here")
    with pytest.raises(icl.InputError, match="box is given, and is for task='keypoints'"):
        load(weights).prepare([(FIRST, SECOND)]).predict(QUERY, box=box)
    with pytest.raises(icl.InputError, match=r"expected points .* beside a box"):
        learner.prepare([icl.Example(FIRST, SECOND, {"box": box})])


def test_saved_answers_and_annotations_are_examples(weights: Path, tmp_path: Path) -> None:
    points = np.concatenate([RNG.uniform(5, 35, (17, 2)), np.full((17, 1), 2.0)], axis=1)
    first = ask(weights, points, task="keypoints")
    place = first.save(tmp_path / "answer.json")
    saved = ask(weights, place, task="keypoints")
    assert np.allclose(saved.canvas, ask(weights, first, task="keypoints").canvas)
    coco = tmp_path / "coco.json"
    coco.write_text(json.dumps({"keypoints": points.ravel().tolist()}))
    assert np.array_equal(ask(weights, str(coco), task="keypoints").canvas, first.canvas)
    ids = np.zeros((*SIZE, 3), np.uint8)
    ids[:20, :, 0] = 1
    segments = [{"id": 1, "category_id": 187}]
    options = {"task": "panoptic", "stuff_area": 1}
    expected = ask(weights, {"ids": ids, "segments": segments}, **options)
    Image.fromarray(ids).save(tmp_path / "ids.png")
    coco.write_text(json.dumps({"file_name": "ids.png", "segments_info": segments}))
    assert np.array_equal(ask(weights, coco, **options).canvas, expected.canvas)
    place = expected.save(tmp_path / "map.json")
    assert np.array_equal(
        ask(weights, place, **options).canvas, ask(weights, expected, **options).canvas
    )
    for text, sentence in (
        ("{", "cannot be read as JSON"),
        ("{}", "neither keypoints nor the segments"),
        ('{"segments": []}', "does not say which picture"),
        ('{"segments": [], "png_base64": "?"}', "damaged picture"),
    ):
        coco.write_text(text)
        with pytest.raises(icl.InputError, match=sentence):
            ask(weights, coco, **options)
    with pytest.raises(icl.InputError, match="no such file"):
        ask(weights, tmp_path / "lost.json", **options)


def test_masks_are_white_on_black(weights: Path) -> None:
    mask = RNG.integers(0, 2, SIZE).astype(bool)
    painted = np.repeat(np.where(mask, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)
    assert np.array_equal(ask(weights, mask).canvas, ask(weights, painted).canvas)
