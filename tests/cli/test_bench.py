"""`icl bench`: runs, goes on, probes, lists, and says with its exit code how it went."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from icl_core import plugins
from icl_core.evaluation import Store

TOYS = Path(__file__).parents[1] / "plugin_package" / "icl_toys"
SUITE = """
name: toys
version: 1
summary: Toys.
learners:
  linking: [toy-nearest]
defaults:
  linking: {metric: toy-right, number: right, perfect: 1, baseline: toy-first}
sets:
  - {name: colours, task: linking, source: toy-colours, options: {count: 8}}
  - {name: files, task: linking, source: toy-folder, folder: toys}
probes:
  - {set: colours, probes: [wrong-context]}
"""


@pytest.fixture
def toys(site, monkeypatch, tmp_path):
    """The plugin of toys beside the fake one, and a suite for it."""
    folder = tmp_path / "toys"
    shutil.copytree(TOYS, folder / "icl_toys", ignore=shutil.ignore_patterns("__pycache__"))
    info = folder / "icl_toys-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: icl-toys\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[icl]\ntoys = icl_toys\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake,icl-toys")
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.delenv("ICL_DATA", raising=False)
    plugins.discover(refresh=True)
    suite = tmp_path / "toys.yaml"
    suite.write_text(SUITE)
    return suite


def test_list_shows_the_suites(icl):
    for args in (["bench"], ["bench", "list"]):
        result = icl(*args)
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert [line.split()[0] for line in lines] == [
            "SUITE",
            "smoke",
            "quick",
            "standard",
            "published",
        ]
    (first, *_) = json.loads(icl("bench", "list", "--json").stdout)
    assert first["name"] == "smoke" and first["summary"]


def test_run_prints_a_table_and_says_what_it_did_on_stderr(icl, toys, tmp_path):
    result = icl("bench", "run", toys, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    header, baseline, nearest, *rest = result.stdout.splitlines()
    assert header.split() == [
        "SET",
        "LEARNER",
        "NUMBER",
        "SCORE",
        "SKILL",
        "PUBLISHED",
        "EPISODES",
        "FAILED",
    ]
    assert "toy-first (baseline)" in baseline and "toy-nearest" in nearest
    assert any("wrong-context" in line for line in rest)
    assert "toy-nearest on colours: " in result.stderr
    skipped = [line for line in result.stderr.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 1 and "files" in skipped[0] and "--data" in skipped[0]
    assert "icl bench report" in result.stderr


def test_json_is_strict_and_whole(icl, toys, tmp_path):
    result = icl("bench", "run", toys, "--out", tmp_path / "out", "--json")
    found = json.loads(result.stdout, parse_constant=pytest.fail)
    assert found["suite"] == "toys@1"
    first, nearest, *_ = found["standings"]
    assert nearest["skill"]["value"] == 1.0 and first["baseline"]
    assert nearest["numbers"]["missing"] is None
    assert found["probes"][0]["probe"] == "wrong-context"


def test_it_goes_on_and_overwrites_only_when_asked(icl, toys, tmp_path):
    out = tmp_path / "out"
    assert icl("bench", "run", toys, "--out", out, "--limit", 3, "--no-probes").exit_code == 0
    store = out / "results.sqlite"
    with Store(store) as opened:
        assert opened.dump().count("\n") == 2 * 3 - 1
    again = icl("bench", "run", toys, "--out", out)
    with Store(store) as opened:
        assert opened.dump().count("\n") == 3 * 8 - 1
    assert "toy-nearest on colours: " in again.stderr
    silent = icl("bench", "run", toys, "--out", out)
    assert "toy-nearest on colours: " not in silent.stderr  # nothing was left to do
    assert silent.stdout == again.stdout
    toys.write_text(SUITE.replace("version: 1", "version: 2"))
    refused = icl("bench", "run", toys, "--out", out)
    assert refused.exit_code == 2 and "--overwrite" in refused.stderr
    assert icl("bench", "run", toys, "--out", out, "--overwrite").exit_code == 0


def test_a_learner_that_the_suite_does_not_name_meets_the_sets_of_its_task(icl, toys, tmp_path):
    out = tmp_path / "out"
    args = ["--out", out, "--no-probes", "--json", "--learner", "first-label"]
    found = json.loads(icl("bench", "run", toys, *args).stdout)["standings"]
    ran = [one["learner"] for one in found if one["set"] == "colours"]
    assert ran == ["toy-first", "first-label"]
    unknown = icl("bench", "run", toys, "--out", tmp_path / "b", "--learner", "toy-neares")
    assert unknown.exit_code == 2 and "toy-nearest" in unknown.stderr


def test_only_the_sets_that_are_asked_for(icl, toys, tmp_path):
    args = ["--out", tmp_path / "out", "--set", "colours", "--no-probes"]
    result = icl("bench", "run", toys, *args)
    assert result.exit_code == 0 and "skipped" not in result.stderr
    wrong = icl("bench", "run", toys, "--out", tmp_path / "b", "--set", "colour")
    assert wrong.exit_code == 2 and "colours" in wrong.stderr


def test_failed_episodes_are_exit_code_3_and_can_stop_the_run(icl, toys, tmp_path):
    options = "{name: toy-nearest, options: {fail: 2}}"
    toys.write_text(SUITE.replace("[toy-nearest]", f"[{options}]"))
    result = icl("bench", "run", toys, "--out", tmp_path / "out")
    assert result.exit_code == 3 and "1 failed" in result.stderr
    fast = icl("bench", "run", toys, "--out", tmp_path / "b", "--fail-fast", "--batch-size", 4)
    assert fast.exit_code == 3 and "too many episodes failed" in fast.stderr
    with Store(tmp_path / "b" / "results.sqlite") as store:
        assert store.dump().count("\n") == 8 + 4 - 1


def test_a_learner_without_its_weights_is_exit_code_3_and_named(icl, toys, tmp_path):
    args = ["--out", tmp_path / "out", "--learner", "toy-weighty", "--set", "colours"]
    result = icl("bench", "run", toys, *args)
    assert result.exit_code == 3
    assert "Not run: toy-weighty on colours" in result.stderr and "toy.ckpt" in result.stderr


def test_probe_asks_one_learner_alone(icl, toys, tmp_path):
    out = tmp_path / "out"
    result = icl("bench", "probe", "toy-nearest", "--suite", toys, "--out", out, "--limit", 6)
    assert result.exit_code == 0, result.stderr
    header, line = result.stdout.splitlines()
    assert header.split() == ["SET", "LEARNER", "PROBE", "CHANGE", "IN", "POINTS"]
    assert "loss" in line and "right: 1, wrong: 0" in line
    args = ["--suite", toys, "--out", tmp_path / "all", "--set", "files", "--json"]
    assert icl("bench", "probe", "toy-nearest", *args).exit_code == 3  # its data is not there
    none = icl("bench", "probe", "last-value", "--suite", toys, "--out", tmp_path / "c")
    assert none.exit_code == 2 and "no set for forecasting" in none.stderr


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["run", "quik", "--out", "x"], "did you mean quick?"),
        (["run", "none.yaml", "--out", "x"], "is not there"),
        (["run", "smoke"], "--out"),
        (["run", "smoke", "--out", "x", "--data", "nowhere"], "nowhere"),
        (["run", "smoke", "--out", "x", "--engine", "rai"], "expected one of local, ray"),
        (["probe", "toy-absent", "--out", "x"], "toy-absent"),
    ],
)
def test_bad_input_is_exit_code_2(icl, toys, tmp_path, monkeypatch, args, word):
    monkeypatch.chdir(tmp_path)
    result = icl("bench", *args)
    assert result.exit_code == 2 and word in result.stderr
    assert "Traceback" not in result.stderr


def test_interrupted_it_keeps_what_is_done_and_exits_130(toys, site, tmp_path):
    text = SUITE.replace("[toy-nearest]", "[{name: toy-nearest, options: {sleep: 0.2}}]")
    toys.write_text(text)
    out = tmp_path / "out"
    path = os.pathsep.join([str(site), os.environ["PYTHONPATH"]])
    code = "import sys; sys.argv[0] = 'icl'\nfrom icl_cli import main; main()"
    args = ["bench", "run", str(toys), "--out", str(out), "--batch-size", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if (out / "results.sqlite").exists():
            with Store(out / "results.sqlite") as store:
                if store.dump().count("\n") >= 9:
                    break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Interrupted" in stderr and "Traceback" not in stderr and stdout == ""
    with Store(out / "results.sqlite") as store:
        assert store.dump().count("\n") >= 9


def test_compare_is_exit_code_1_where_something_got_worse(icl, toys, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    icl("bench", "run", toys, "--out", old, "--no-probes")
    same = icl("bench", "compare", old, old)
    assert same.exit_code == 0, same.stderr
    worse = "{name: toy-first, label: toy-nearest, options: {sleep: 0.0}}"
    toys.write_text(SUITE.replace("[toy-nearest]", f"[{worse}]"))
    icl("bench", "run", toys, "--out", new, "--no-probes")
    result = icl("bench", "compare", old, new)
    assert result.exit_code == 1
    assert "toy-nearest" in result.stdout and "toy-nearest" in result.stderr
    assert icl("bench", "compare", new, old).exit_code == 0
    json.loads(icl("bench", "compare", old, new, "--json").stdout, parse_constant=pytest.fail)
    assert icl("bench", "compare", old, tmp_path).exit_code == 2


def test_report_prints_the_place_of_the_page(icl, toys, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    icl("bench", "run", toys, "--out", out)
    result = icl("bench", "report", out, "--no-examples")
    assert result.exit_code == 0, result.stderr
    assert Path(result.stdout.strip()).is_file()
    assert icl("bench", "report", tmp_path).exit_code == 2
