"""What `icl demo` shows of this plugin."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import pytest
from PIL import Image

import icl_core as icl
from icl_core import catalogue
from icl_core.demo import DemoItem, render_page
from icl_linking import demo
from icl_linking.drawings import KINDS, meetings, write_meetings


@pytest.fixture(scope="module")
def items() -> list[DemoItem]:
    return list(demo.items())


def test_the_hook_points_to_the_demo() -> None:
    entry = catalogue.find("icl_demos", "linking")
    assert catalogue.import_object(entry.value, "the demo") is demo.items


def test_the_learner_learns_from_what_it_is_shown(items: list[DemoItem]) -> None:
    assert [item.title for item in items] == [kind.title for kind in KINDS]
    for item in items:
        assert item.learner == "encoder"
        real, blanked, swapped, guessing = map(float, item.numbers.values())
        assert real > 85
        # Without the examples there is nothing left but guessing: equal but for rounding.
        assert blanked == pytest.approx(guessing, abs=15)
        assert abs(swapped - guessing) < 25


def test_items_are_pictures_on_a_page(items: list[DemoItem]) -> None:
    for item in items:
        with Image.open(io.BytesIO(item.svg_or_png)) as picture:
            assert picture.format == "PNG" and picture.height == 128 + demo.CAPTION
    assert render_page(items).count("data:image/png;base64,") == len(items)


def test_the_commands_name_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, meeting in meetings():
        write, predict = (shlex.split(line) for line in demo.command(kind, meeting).splitlines())
        assert write[:3] == ["python", "-m", "icl_linking.drawings"]
        write_meetings(write[3])
        assert predict[:3] == ["icl", "predict", "encoder"]
        pairs = list(zip(predict[3::2], predict[4::2], strict=True))
        shown = [value.split("=") for option, value in pairs if option == "--example"]
        assert [name for _, name in shown] == [name for _, name in meeting.examples]
        context = [icl.Example(path, name) for path, name in shown]
        answer = icl.predict("encoder", context, dict(pairs)["--query"])
        assert answer.label == meeting.truth
