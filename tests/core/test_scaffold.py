import json
import tomllib

import pytest

from icl_core import plugins
from icl_core.errors import InputError
from icl_core.scaffold import new_plugin
from icl_core.types import Task

CHECK = """
import json, sys
import icl_core as icl
from icl_core import plugins
from icl_core.testing import check_plugin, tiny_episodes

report = next(one for one in plugins.reports() if one.name == "my-thing")
episode = tiny_episodes(sys.argv[1] if len(sys.argv) > 1 else TASK)[1]
answer = icl.predict("my-thing", episode.context, episode.query)
results = {name: str(result) for name, result in check_plugin("my-thing").items()}
print(json.dumps([report.error, type(answer).__name__, results]))
"""


@pytest.mark.parametrize("task", list(Task))
def test_a_new_plugin_is_listed_predicts_and_passes_the_contract(site, tmp_path, task):
    folder = new_plugin("my-thing", tmp_path / "written", task=task)
    site.install("icl_my_thing", "icl-my-thing", source=folder / "icl_my_thing")

    done = site.run(f"TASK = {task.value!r}\n{CHECK}")
    assert done.returncode == 0, done.stderr
    error, kind, results = json.loads(done.stdout)
    assert error is None
    assert kind in {"Forecast", "Segmentation", "Picture", "Classification"}
    assert {name: one for name, one in results.items() if one != "PASSED"} == {}


def test_its_metadata_is_what_the_loader_looks_for(site, tmp_path):
    folder = new_plugin("my-thing", tmp_path / "my-thing")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "icl-my-thing"
    assert project["entry-points"] == {"icl": {"my-thing": "icl_my_thing"}}
    assert any(one.startswith("icl-suite") for one in project["dependencies"])
    assert (folder / "icl_my_thing" / "py.typed").exists()
    assert "icl predict my-thing" in (folder / "README.md").read_text()


@pytest.mark.parametrize("task", list(Task))
def test_what_it_writes_is_python_without_leftovers(site, tmp_path, task):
    folder = new_plugin("any", tmp_path / "any", task=task)
    for file in folder.rglob("*.py"):
        text = file.read_text()
        compile(text, str(file), "exec")
        assert "$" not in text
        assert max(map(len, text.splitlines())) <= 100
    assert not list(tmp_path.glob(".icl-new-*"))


def test_its_own_test_calls_the_contract(site, tmp_path):
    folder = new_plugin("my-thing", tmp_path / "my-thing")
    site.install("icl_my_thing", "icl-my-thing", source=folder / "icl_my_thing")
    text = (folder / "tests" / "test_contract.py").read_text()
    done = site.run(f"{text}\ntest_the_plugin_keeps_the_contract()\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "dangling link"])
def test_what_exists_is_left_alone(site, tmp_path, kind):
    target = tmp_path / "my-thing"
    if kind == "file":
        target.write_text("mine")
    elif kind == "dangling link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
        if kind == "folder":
            (target / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="exists already and was left as it is"):
        new_plugin("my-thing", target)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["", "My", "my_thing", "my thing", "-my", "my-", "my--x", "1st", "../x", "ü", "x" * 51]
)
def test_a_bad_name_is_refused(site, tmp_path, name):
    with pytest.raises(InputError, match="expected lower-case words joined by dashes"):
        new_plugin(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_prefix_is_not_doubled(site, tmp_path):
    with pytest.raises(InputError, match="call it 'thing'"):
        new_plugin("icl-thing", tmp_path / "new")


@pytest.mark.parametrize("name", ["core", "echo", "echo-mask"])
def test_a_name_that_is_taken_is_refused(site, tmp_path, name):
    site.install_echo()
    plugins.discover(refresh=True)
    with pytest.raises(InputError, match=f"the name '{name}' is taken"):
        new_plugin(name, tmp_path / "new")


def test_an_unknown_task_is_refused(site, tmp_path):
    with pytest.raises(InputError, match="task is 'juggling', expected one of segmentation"):
        new_plugin("my-thing", tmp_path / "new", task="juggling")


def test_a_folder_without_a_parent_is_refused(site, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        new_plugin("my-thing", tmp_path / "nowhere" / "new")


def test_a_failure_while_writing_leaves_nothing(site, tmp_path, monkeypatch):
    from pathlib import Path

    def full(self, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(InputError, match="No space left on device; nothing was written"):
        new_plugin("my-thing", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_the_default_folder_is_the_name(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert new_plugin("my-thing").absolute() == tmp_path / "my-thing"
