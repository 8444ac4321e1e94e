import os
import subprocess
import sys

import pytest

scaffold = pytest.importorskip("icl_core.scaffold")

SERIES = "y\n" + "\n".join(map(str, range(20))) + "\n"


def test_a_new_plugin_installs_is_listed_predicts_and_passes_its_contract(icl, tmp_path):
    result = icl("plugin", "new", "my-learner", "--out", tmp_path / "my-learner")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "my-learner"
    assert result.stdout == f"{folder}\n"
    assert f"pip install -e {folder}" in result.stderr

    # What an installer does, without an index: the module on the path, its entry point beside it.
    place = tmp_path / "site"
    info = place / "my_learner-0.1.dist-info"
    info.mkdir(parents=True)
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: my-learner\nVersion: 0.1\n")
    declared = folder.joinpath("pyproject.toml").read_text()
    import tomllib

    points = tomllib.loads(declared)["project"]["entry-points"]["icl"]
    lines = "\n".join(f"{key} = {value}" for key, value in points.items())
    info.joinpath("entry_points.txt").write_text(f"[icl]\n{lines}\n")
    source = folder / "src" if (folder / "src").is_dir() else folder
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (place, source))),
        "ICL_LOAD_PLUGINS": "my-learner",
    }

    def run(*args, **options):
        return subprocess.run(
            [sys.executable, *args],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            cwd=tmp_path,
            **options,
        )

    listed = run("-m", "icl_cli", "list")
    assert "my-learner" in listed.stdout, listed.stderr
    ask = ("-m", "icl_cli", "predict", "my-learner", "--series", "-", "--column", "y")
    predicted = run(*ask, "--horizon", "3", input=SERIES)
    assert predicted.returncode == 0, predicted.stderr
    assert len(predicted.stdout.splitlines()) == 4
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_new_plugin_never_replaces_a_folder(icl, tmp_path):
    tmp_path.joinpath("mine").mkdir()
    tmp_path.joinpath("mine", "keep.txt").write_text("x")
    result = icl("plugin", "new", "mine", "--out", tmp_path / "mine")
    assert result.exit_code == 2
    assert [p.name for p in tmp_path.joinpath("mine").iterdir()] == ["keep.txt"]


@pytest.mark.parametrize("name", ["", "Big Name", "../up", "1st", "icl"])
def test_a_bad_name_is_a_sentence(icl, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = icl("plugin", "new", name, "--out", tmp_path / "x")
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
