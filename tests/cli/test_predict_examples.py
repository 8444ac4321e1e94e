import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, level in (("a", 10), ("b", 200), ("odd=name", 90)):
        Image.fromarray(np.full((6, 8, 3), level, dtype=np.uint8)).save(f"{name}.png")
    return tmp_path


def test_a_linking_learner_prints_a_label_for_each_query(icl, pictures):
    result = icl(
        *("predict", "first-label", "--example", "a.png=dark", "--example", "b.png=light"),
        *("--query", "a.png", "--query", "b.png"),
    )
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["QUERY", "LABEL", "CONFIDENCE"]
    assert rows[1:] == [["a.png", "dark", "1.0"], ["b.png", "dark", "1.0"]]


def test_json_of_one_query_is_one_object(icl, pictures):
    args = ("predict", "first-label", "--example", "a.png=dark", "--query", "b.png", "--json")
    said = json.loads(icl(*args).stdout)
    assert said["query"] == "b.png" and said["label"] == "dark"


def test_a_path_with_an_equals_sign_is_found(icl, pictures):
    args = ("predict", "first-label", "--example", "odd=name.png=odd", "--query", "b.png")
    assert "odd" in icl(*args).stdout


def test_a_painter_writes_one_file_or_a_folder(icl, pictures):
    asked = ("predict", "invert", "--example", "a.png=b.png")
    one = icl(*asked, "--query", "a.png", "--out", "new.png")
    assert one.exit_code == 0, one.stderr
    assert one.stdout == "new.png\n"
    assert np.asarray(Image.open("new.png"))[0, 0].tolist() == [245, 245, 245]
    many = icl(*asked, "--query", "a.png", "--query", "b.png", "--out", "answers")
    assert many.exit_code == 0, many.stderr
    assert sorted(p.name for p in (pictures / "answers").iterdir()) == ["a.png", "b.png"]


def test_a_task_is_chosen_by_name(icl, pictures):
    asked = ("predict", "invert", "--example", "a.png=b.png", "--query", "a.png", "--out", "n.png")
    result = icl(*asked, "--task", "keep")
    assert result.exit_code == 0, result.stderr
    assert np.asarray(Image.open("n.png"))[0, 0].tolist() == [10, 10, 10]


def test_existing_answers_are_kept_unless_overwrite_is_given(icl, pictures):
    asked = ("predict", "invert", "--example", "a.png=b.png", "--query", "a.png", "--out", "b.png")
    result = icl(*asked)
    assert result.exit_code == 2 and "--overwrite" in result.stderr
    assert np.asarray(Image.open("b.png"))[0, 0, 0] == 200
    assert icl(*asked, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["invert", "--query", "a.png", "--example", "a.png=b.png"], "--out FILE or DIR"),
        (["first-label", "--query", "a.png", "--example", "a.png"], "expected IN=OUT"),
        (["first-label", "--query", "no.png", "--example", "a.png=x"], "no.png"),
        (["first-label", "--query", "a.png", "--example", "no.png=x"], "no file no.png"),
        (["invert", "--query", "a.png", "--example", "a.png=no.png", "--out", "o"], "no.png"),
        (["first-label", "--example", "a.png=x"], "--query is missing"),
        (
            ["invert", "--query", "a.png", "--example", "a.png=b.png", "--overlay", "o.png"],
            "--overlay is for segmentation",
        ),
        (["first-label", "--query", "a.png", "--example", "a.png=x", "--task", "t"], "no --task"),
        (["first-label", "--query", "a.png", "--example", "a.png=x", "--model", "m"], "no --model"),
        (
            [
                *("invert", "--query", "a.png", "--example", "a.png=b.png", "--out", "o.png"),
                *("--task", "keep", "--option", "task=keep"),
            ],
            "both given",
        ),
        (
            ["invert", "--query", "a.png", "--negative", "a.png=b.png", "--out", "o.png"],
            "--negative is for segmentation",
        ),
        (["first-label", "--example", "a.png=x", "--query", "z*.png"], "z*.png: no file matches"),
        (["first-label", "--example", "a.png=x", "--query", "empty"], "holds no pictures"),
        (["first-label", "--example", "a.png=x", "--query", "clip.mp4"], "clip.mp4 is a video"),
        (["first-label", "--example", "a.png=x", "--query", "a.png", "--video", "."], "both given"),
        (["first-label", "--example", "a.png=x", "--query", "a.png", "--fps", "5"], "--fps is 5"),
        (["first-label", "--series", "x.csv", "--horizon", "3"], "is a linking learner"),
        (["last-value", "--query", "a.png", "--series", "x.csv"], "forecasts a series"),
        (["last-value", "--example", "a.png=b.png"], "without --example"),
        (["last-value", "--series", "x.csv"], "--horizon is missing"),
        (["last-value", "--horizon", "3"], "--series is missing"),
    ],
)
def test_wrong_requests_are_sentences_routed_by_task(icl, pictures, args, sentence):
    pictures.joinpath("empty").mkdir()
    pictures.joinpath("clip.mp4").write_bytes(b"x")
    result = icl("predict", *args)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""
