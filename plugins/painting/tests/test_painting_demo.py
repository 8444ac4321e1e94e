"""What `icl demo` shows of this plugin, and the drawings behind it."""

from __future__ import annotations

import io
import shlex
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_core import catalogue
from icl_core.demo import DemoItem, render_page
from icl_core.errors import IclError
from icl_painting import demo
from icl_painting.drawings import (
    COLOURS,
    SHAPES,
    Lesson,
    Thing,
    draw,
    lessons,
    main,
    painted_mask,
    write_lessons,
)
from icl_painting.network.checkpoint import save_network
from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork

BUNDLED = files("icl_painting").joinpath("data", "painter-small.safetensors")


@pytest.fixture(scope="module")
def drawn() -> list[Lesson]:
    return list(lessons())


@pytest.fixture(scope="module")
def items() -> list[DemoItem]:
    if not BUNDLED.is_file():
        pytest.skip("the bundled weights are not here")
    return list(demo.items())


# Drawings


def test_a_drawing_knows_where_its_things_are() -> None:
    things = [Thing(shape, colour) for shape, colour in zip(SHAPES, COLOURS, strict=False)]
    for number, thing in enumerate(things):
        found = draw(np.random.default_rng(number), 96, [thing], size=(0.2, 0.3))
        mask = found.mask(lambda other, own=thing: other == own)
        assert found.picture.shape == (96, 96, 3) and found.picture.dtype == np.uint8
        assert 0.02 < mask.mean() < 0.4
        mean = found.picture[mask].mean(0)
        assert np.abs(mean - COLOURS[thing.colour]).max() < 45, thing
        assert not found.mask(lambda _: False).any()


def test_shapes_differ() -> None:
    masks = []
    for shape in SHAPES:
        found = draw(np.random.default_rng(5), 96, [Thing(shape, "red")], size=(0.3, 0.3))
        masks.append(found.labels > 0)
    for place, one in enumerate(masks):
        for other in masks[:place]:
            assert (one & other).sum() / (one | other).sum() < 0.95


def test_lessons_are_the_same_on_every_run(drawn: list[Lesson]) -> None:
    for one, other in zip(drawn, lessons(), strict=True):
        for what in ("input", "target", "query", "truth"):
            picture = getattr(one, what)
            assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
            assert np.array_equal(picture, getattr(other, what))


def test_the_same_pictures_with_another_mark_ask_for_something_else(drawn: list[Lesson]) -> None:
    red, blue = (next(x for x in drawn if x.name == name) for name in ("mark-red", "mark-blue"))
    assert np.array_equal(red.input, blue.input) and np.array_equal(red.query, blue.query)
    assert red.truth.any() and blue.truth.any() and not (red.truth & blue.truth).any()


def test_a_mask_becomes_a_picture() -> None:
    mask = np.array([[True, False]])
    assert np.array_equal(painted_mask(mask, (1, 2, 3)), [[[1, 2, 3], [0, 0, 0]]])


def test_lessons_are_written_and_replaced(
    drawn: list[Lesson], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_lessons(tmp_path / "new")
    main([str(tmp_path / "new")])
    assert capsys.readouterr().out.split() == [str(file) for file in first]
    assert len(first) == 4 * len(drawn)
    with Image.open(tmp_path / "new" / "denoise_query.png") as picture:
        assert np.array_equal(np.asarray(picture), drawn[0].query)


# The demo


def test_the_hook_points_to_the_demo() -> None:
    entry = catalogue.find("icl_demos", "painting")
    assert catalogue.import_object(entry.value, "the demo") is demo.items


def test_without_the_bundled_file_the_demo_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "WEIGHTS", "./nowhere.safetensors")
    with pytest.raises(IclError, match="nowhere"):
        next(demo.items())


def test_any_small_network_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[Lesson]
) -> None:
    config = PainterConfig(
        width=16, heads=2, hidden=16, depth=2, patch=16, grid=(8, 4), table=4,
        decoder_width=4, merge=0, taps=(1,),
    )  # fmt: skip
    save_network(PainterNetwork(config), tmp_path / "tiny.safetensors")
    monkeypatch.setattr(demo, "WEIGHTS", str(tmp_path / "tiny.safetensors"))
    found = list(demo.items())
    assert [item.title for item in found] == [lesson.title for lesson in drawn]
    for item in found:
        with Image.open(io.BytesIO(item.svg_or_png)) as picture:
            assert picture.format == "PNG" and picture.size == (5 * 192 + 4 * 8, 192)
    assert render_page(found).count("data:image/png;base64,") == len(found)


def test_the_small_network_repeats_what_the_pair_shows(items: list[DemoItem]) -> None:
    for item in items:
        own, query, copied = item.numbers.values()
        assert isinstance(own, float) and isinstance(query, float) and isinstance(copied, float)
        assert own > max(query, copied), item.title


def test_the_commands_paint_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[Lesson]
) -> None:
    monkeypatch.chdir(tmp_path)
    write, predict = (shlex.split(line) for line in demo.command(drawn[0]).splitlines())
    assert write[:3] == ["python", "-m", "icl_painting.drawings"]
    write_lessons(write[3])
    assert predict[:3] == ["icl", "predict", "painter"]
    options = dict(zip(predict[3::2], predict[4::2], strict=True))
    shown, target = options["--example"].split("=")
    for path, picture in (
        (shown, drawn[0].input),
        (target, drawn[0].target),
        (options["--query"], drawn[0].query),
    ):
        with Image.open(path) as found:
            assert np.array_equal(np.asarray(found), picture)
