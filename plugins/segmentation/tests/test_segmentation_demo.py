"""What `icl demo` shows of this plugin."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_core import catalogue
from icl_core.demo import DemoItem, render_page
from icl_segmentation import demo
from icl_segmentation.scenes import Scene, main, scenes, write_scenes


@pytest.fixture(scope="module")
def drawn() -> list[Scene]:
    return list(scenes())


@pytest.fixture(scope="module")
def items() -> list[DemoItem]:
    return list(demo.items())


def test_the_hook_points_to_the_demo() -> None:
    entry = catalogue.find("icl_demos", "segmentation")
    assert catalogue.import_object(entry.value, "the demo") is demo.items


def test_scenes_are_the_same_on_every_run(drawn: list[Scene]) -> None:
    for one, other in zip(drawn, scenes(), strict=True):
        assert np.array_equal(one.example, other.example)
        assert np.array_equal(one.query_labels, other.query_labels)


def test_both_pictures_of_a_scene_show_the_same_objects_at_other_places(
    drawn: list[Scene],
) -> None:
    for scene in drawn:
        assert scene.example.shape == scene.query.shape == (*scene.query_labels.shape, 3)
        assert scene.example.dtype == scene.query.dtype == np.uint8
        ids = np.unique(scene.example_labels)
        assert ids[0] == 0 and np.array_equal(ids, np.unique(scene.query_labels))
        assert demo.mean_iou(scene.example_labels, scene.query_labels) < 0.3


def test_the_learner_finds_what_the_example_marks(
    items: list[DemoItem], drawn: list[Scene]
) -> None:
    assert [item.title for item in items] == [scene.title for scene in drawn]
    for item in items:
        assert item.learner == "segic"
        *found, copied = item.numbers.values()
        assert isinstance(copied, float) and len(found) == 2
        assert all(isinstance(own, float) and own > 0.6 > 0.3 > copied for own in found)


def test_the_picture_is_a_png_and_the_page_takes_it(items: list[DemoItem]) -> None:
    for item in items:
        with Image.open(io.BytesIO(item.svg_or_png)) as picture:
            assert picture.format == "PNG" and picture.size == (3 * 320 + 2 * 8, 240)
    assert render_page(items).count("data:image/png;base64,") == len(items)


def test_the_commands_segment_the_same_pictures(
    items: list[DemoItem],
    drawn: list[Scene],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write, predict = (shlex.split(line) for line in items[0].command.splitlines())
    assert write[:3] == ["python", "-m", "icl_segmentation.scenes"]
    main(write[3:])
    assert len(capsys.readouterr().out.splitlines()) == 4 * len(drawn)
    assert predict[:3] == ["icl", "predict", "segic"]
    options = dict(zip(predict[3:-1:2], predict[4:-1:2], strict=True))
    example, mask = options["--example"].split("=")
    with (
        Image.open(example) as image,
        Image.open(mask) as palette,
        Image.open(options["--query"]) as query,
    ):
        assert np.array_equal(np.asarray(image), drawn[0].example)
        assert np.array_equal(np.asarray(palette), drawn[0].example_labels)
        assert np.array_equal(np.asarray(query), drawn[0].query)


def test_files_of_scenes_are_replaced(tmp_path: Path) -> None:
    first = write_scenes(tmp_path / "new")
    assert write_scenes(tmp_path / "new") == first and all(file.is_file() for file in first)


def test_the_overlap_is_that_of_each_object() -> None:
    truth = np.array([[1, 1, 2, 2, 0]])
    assert demo.mean_iou(np.array([[1, 0, 2, 2, 0]]), truth) == pytest.approx(0.75)
    assert demo.mean_iou(np.zeros_like(truth), truth) == 0
