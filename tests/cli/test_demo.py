import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core.demo import DemoItem, render_page, write_page
from icl_core.errors import InputError

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title></pre><iframe src=//evil.example>",
    "a & b < c 'd' \"e\"",
)


def item(**changes):
    values = {
        "title": "Passengers",
        "text": "ten years of months",
        "learner": "tirex",
        "command": "icl predict tirex",
        "svg_or_png": b"<svg/>",
    }
    return DemoItem(**(values | changes))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_string_of_the_page_is_escaped(hostile):
    page = render_page(
        [
            item(
                title=hostile,
                text=hostile,
                learner=hostile,
                command=hostile,
                numbers={hostile: hostile},
            )
        ],
        title=hostile,
        notes=[hostile],
    )
    harmless = render_page([item(numbers={"x": "y"})], title="x", notes=["x"])
    assert _tags(page) == _tags(harmless)


@given(st.text(max_size=40))
def test_no_text_can_add_a_tag(text):
    assert _tags(render_page([item(title=text, command=text)])) == _tags(render_page([item()]))


def test_the_page_refers_to_nothing_outside_and_forbids_it():
    page = render_page([item(svg_or_png=b"<svg><script>alert(1)</script></svg>")])
    assert "http:" not in page and "https:" not in page and "<script" not in page
    assert "default-src &#x27;none&#x27;" in page
    assert re.findall(r'src="(.{22})', page) == ["data:image/svg+xml;bas"]


def test_the_page_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    page = write_page([item()], tmp_path / "new" / "index.html")
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
    write_page([item(title="Änderung \ud800")], page)
    assert "Änderung" in page.read_text(encoding="utf-8")
    assert [p.name for p in page.parent.iterdir()] == ["index.html"]


def test_a_page_that_cannot_be_written_is_a_sentence(tmp_path):
    tmp_path.joinpath("file").write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        write_page([item()], tmp_path / "file" / "index.html")


def test_an_item_with_a_strange_picture_is_refused():
    with pytest.raises(InputError, match="image/gif"):
        item(mime="image/gif")
    with pytest.raises(InputError, match="empty picture"):
        item(svg_or_png=b"")


def test_icl_demo_writes_the_page_and_a_line_for_each_item(icl, tmp_path):
    result = icl("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 0, result.stderr
    first, last = result.stdout.splitlines()
    assert first == "<script>alert(1)</script> [last-value]  MASE 0.8123"
    assert last == f"Page: {tmp_path / 'demo' / 'index.html'}"
    page = (tmp_path / "demo" / "index.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_icl_demo_json(icl, tmp_path):
    said = json.loads(icl("demo", "--out", tmp_path / "demo", "--json").stdout)
    assert said["items"][0]["numbers"] == {"MASE": 0.8123456}
    assert said["failed"] == []


def test_a_demo_that_fails_is_said_on_the_page_and_others_go_on(icl, tmp_path, monkeypatch):
    import fake_plugin

    from icl_core import hookimpl, plugins

    demos = {"bad": "fake_extras:nothing", "hostile": "fake_extras:hostile_demo"}
    monkeypatch.setattr(fake_plugin, "icl_demos", hookimpl(lambda: demos))
    plugins.discover(refresh=True)
    result = icl("demo", "--out", tmp_path)
    assert result.exit_code == 3
    assert "The demo bad of icl-fake 1.2 failed" in (tmp_path / "index.html").read_text()
    assert "Page:" in result.stdout


def test_without_any_demo_there_is_a_sentence(icl, tmp_path, monkeypatch):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "")
    result = icl("demo", "--out", tmp_path)
    assert result.exit_code == 2
    assert "no installed plugin has a demo" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_out_must_not_be_a_file(icl, tmp_path):
    tmp_path.joinpath("x").write_text("")
    assert icl("demo", "--out", tmp_path / "x").exit_code == 2


def _tags(page):
    return re.findall(r"<[^>]*>", re.sub(r'alt="[^"]*"|<title>[^<]*', "", page))
