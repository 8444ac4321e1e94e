"""`icl select`: pools from files, the choice to files, and errors as sentences."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from icl_cli.guard import Commands
from icl_cli.select import select
from icl_core import catalogue, plugins


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "")
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    plugins.discover(refresh=True)
    app = typer.Typer(cls=Commands, rich_markup_mode=None)
    app.callback()(lambda: None)
    app.command("select")(select)
    yield lambda *words: CliRunner().invoke(app, ["select", *map(str, words)], prog_name="icl")
    monkeypatch.undo()
    plugins.discover(refresh=True)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(20):
        coarse = random.integers(0, 255, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((30, 24)).save(folder / f"{number}.png")
    Image.new("RGB", (8, 8)).save(folder / "black.png")
    return folder


@pytest.mark.parametrize(
    "method", ["random", "k-centre", "diversity", "mfl", "fast-vote-k", "ideal"]
)
def test_pictures_are_chosen_without_any_plugin(run, photos, method):
    result = run(method, "--pool", photos, "--budget", 4)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["PICK", "INDEX", "SCORE", "ITEM"]
    assert len(lines) == 5 and all("photos/" in line for line in lines[1:])


def test_json_is_strict_and_says_how_the_choice_came_about(run, photos):
    result = run("random", "--pool", photos, "--budget", 3, "--seed", 5, "--json")
    found = json.loads(result.stdout, parse_constant=pytest.fail)
    assert found["method"] == "random" and found["size"] == 21 and found["seed"] == 5
    assert found["embeddings"] == "pixels" and -1 <= found["coverage"] <= 1
    assert [one["pick"] for one in found["items"]] == [1, 2, 3]
    assert found["items"][0]["score"] is None


def test_the_choice_is_written_and_completed_later(run, photos, tmp_path):
    assert run("k-centre", "--pool", photos, "--budget", 3, "--out", "first.txt").exit_code == 0
    first = (tmp_path / "first.txt").read_text().splitlines()
    assert len(first) == 3
    result = run(
        "k-centre", "--pool", photos, "--budget", 2, "--annotated", "first.txt", "--out", "b.csv"
    )
    assert result.exit_code == 0, result.stderr
    with (tmp_path / "b.csv").open() as file:
        rows = list(csv.DictReader(file))
    whole = run("k-centre", "--pool", photos, "--budget", 5, "--json")
    items = [one["item"] for one in json.loads(whole.stdout)["items"]]
    assert first + [row["item"] for row in rows] == items
    assert run("k-centre", "--pool", photos, "--budget", 2, "--out", "c.json").exit_code == 0
    assert len(json.loads((tmp_path / "c.json").read_text())["items"]) == 2


def test_an_existing_file_stays_unless_told_otherwise(run, photos, tmp_path):
    (tmp_path / "out.txt").write_text("mine")
    words = ("random", "--pool", photos, "--budget", 2, "--out", "out.txt")
    result = run(*words)
    assert result.exit_code == 2 and "exists already" in result.stderr
    assert (tmp_path / "out.txt").read_text() == "mine"
    assert run(*words, "--overwrite").exit_code == 0


def test_nearest_takes_pictures_texts_and_arrays_as_queries(run, photos, tmp_path):
    asked = run("nearest", "--pool", photos, "--query", photos / "7.png", "--budget", 1, "--json")
    assert json.loads(asked.stdout)["items"][0]["item"].endswith("/7.png")
    (tmp_path / "pool.txt").write_text("a red cat\na blue dog\ntwo engines\n")
    asked = run("nearest", "--pool", "pool.txt", "--query", "the dog", "--budget", 1, "--json")
    assert json.loads(asked.stdout)["items"][0]["item"] == "a blue dog"
    np.save(tmp_path / "pool.npy", np.eye(4))
    np.save(tmp_path / "q.npy", np.eye(4)[2:3])
    asked = run("nearest", "--pool", "pool.npy", "--query", "q.npy", "--budget", 1, "--json")
    assert json.loads(asked.stdout)["items"][0]["index"] == 2


def test_series_and_given_embeddings(run, photos, tmp_path):
    pytest.importorskip("pandas")
    values = "\n".join(f"{np.sin(i / 5):.3f}" for i in range(120))
    (tmp_path / "s.csv").write_text(f"y\n{values}\n")
    words = ("ideal", "--pool", "s.csv", "--column", "y", "--window", 12, "--budget", 3, "--json")
    found = json.loads(run(*words).stdout)
    assert found["embeddings"] == "windows" and found["size"] == 10
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(21, 4)))
    words = ("ideal", "--pool", photos, "--embeddings", "x.npy", "--budget", 3, "-k", 4, "--json")
    assert json.loads(run(*words).stdout)["embeddings"] == "given"


def test_a_plugins_selector_is_a_method_as_well(run, photos, monkeypatch):
    report = plugins.PluginReport(name="mine", distribution="icl-mine", version="1")
    entry = catalogue.Entry("last", "mine:last", report)
    monkeypatch.setattr(catalogue, "entries", lambda hook: [entry])
    chosen = {"last": lambda pool, query, budget: pool[-budget:]}
    monkeypatch.setattr(catalogue, "resolve", lambda hook, name: chosen[name])
    result = run("last", "--pool", photos, "--budget", 2, "--json")
    assert result.exit_code == 0, result.stderr
    assert [one["index"] for one in json.loads(result.stdout)["items"]] == [19, 20]
    result = run("last", "--pool", photos, "--budget", 2, "-k", 3)
    assert result.exit_code == 2 and "takes pool, query and budget alone" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ideel", "--budget", "2"], "there is no selector 'ideel'"),
        (["ideal", "--budget", "99"], "the budget is 99, but the pool has 21 items"),
        (["ideal", "--budget", "0"], "the budget is 0"),
        (["nearest", "--budget", "2"], "nearest needs queries"),
        (["vote-k", "--budget", "2"], "needs the confidence of a model"),
        (["ideal", "--budget", "2", "--window", "4"], "holds pictures, expected a table"),
        (["ideal", "--budget", "2", "--out", "a.pdf"], "expected one of .txt, .csv, .json"),
        (["ideal", "--budget", "2", "--annotated", "none.txt"], "cannot read none.txt"),
        (["ideal", "--budget", "2", "--embeddings", "none.npy"], "are not there"),
        (["ideal", "--budget", "2", "--learner", "none"], "there is no learner 'none'"),
        (["ideal", "--budget", "2", "--behaviour", "x"], "behaviour is 'x'"),
        (["random", "--budget", "2", "-k", "3"], "random takes no k"),
    ],
)
def test_bad_usage_is_a_sentence(run, photos, words, message):
    result = run(*words, "--pool", photos)
    assert result.exit_code == 2
    assert message in result.stderr and "Traceback" not in result.stderr


def test_embeddings_of_another_pool_are_refused(run, photos, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    result = run("ideal", "--pool", photos, "--embeddings", "x.npy", "--budget", 2)
    assert "has 3 rows, but the pool has 21 items" in result.stderr


def test_an_item_that_is_not_of_the_pool_is_named(run, photos, tmp_path):
    (tmp_path / "done.txt").write_text("3.png\nnowhere.png\n")
    result = run("ideal", "--pool", photos, "--annotated", "done.txt", "--budget", 2)
    assert "'nowhere.png' is no item of the pool" in result.stderr
