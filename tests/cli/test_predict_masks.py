"""`icl predict` for a segmentation learner: files, folders, patterns, drawings."""

import json

import numpy as np
import pytest
from PIL import Image

ASKED = ("predict", "alike", "--example", "a.png=a_mask.png")


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """Pictures with a light box on dark ground; the box moves to the right from one to the next."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b", "many/c", "many/d")):
        picture = np.full((6, 12, 3), 20, np.uint8)
        picture[2:4, 2 * number : 2 * number + 3] = 200
        picture[5] = 120
        place = tmp_path / f"{name}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(place)
        Image.fromarray(np.where(picture[..., 0] == 200, 255, 0).astype(np.uint8)).save(
            tmp_path / f"{place.stem}_mask.png"
        )
    return tmp_path


def mask(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_one_picture_gives_one_mask_and_one_drawing(icl, scene):
    done = icl(*ASKED, "--query", "b.png", "--out", "o.png", "--overlay", "drawn.jpg")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "o.png\ndrawn.jpg\n"
    assert np.array_equal(mask("o.png"), mask("b_mask.png"))
    assert mask("drawn.jpg").shape == (6, 12, 3)


@pytest.mark.parametrize("where", [("--overlay",), ("--overlay", "--json")])
def test_a_drawing_without_a_place_lies_beside_the_mask(icl, scene, where):
    done = icl(*ASKED, "--query", "b.png", "--out", "o.png", *where)
    assert done.exit_code == 0, done.stderr
    drawn, before = mask("o_overlay.png"), mask("b.png")
    ground = mask("b_mask.png") == 0
    assert np.array_equal(drawn[ground], before[ground]) and (drawn != before).any()


def test_a_drawing_alone_needs_no_out(icl, scene):
    done = icl(*ASKED, "--query", "b.png", "--overlay", "drawn.png")
    assert done.exit_code == 0 and done.stdout == "drawn.png\n"
    assert icl(*ASKED, "--query", "b.png", "--overlay").exit_code == 2


@pytest.mark.parametrize("query", [["many"], ["many/*.png"], ["many/c.png", "many/d.png"]])
def test_a_folder_a_pattern_and_files_give_a_mask_each(icl, scene, query):
    asked = [word for one in query for word in ("--query", one)]
    done = icl(*ASKED, *asked, "--out", "masks", "--overlay", "drawn", "--batch-size", "1")
    assert done.exit_code == 0, done.stderr
    for folder in ("masks", "drawn"):
        assert sorted(p.name for p in (scene / folder).iterdir()) == ["c.png", "d.png"]
    for name in ("c", "d"):
        assert np.array_equal(mask(f"masks/{name}.png"), mask(f"{name}_mask.png"))


def test_drawings_of_a_folder_without_a_place_lie_beside_their_masks(icl, scene):
    done = icl(*ASKED, "--query", "many", "--out", "masks", "--overlay")
    assert done.exit_code == 0, done.stderr
    names = sorted(p.name for p in (scene / "masks").iterdir())
    assert names == ["c.png", "c_overlay.png", "d.png", "d_overlay.png"]


def test_masks_in_json_are_read_and_written(icl, scene):
    first = icl(*ASKED, "--query", "b.png", "--out", "b.json")
    assert first.exit_code == 0, first.stderr
    saved = json.loads((scene / "b.json").read_text())
    (scene / "polygon.json").write_text(json.dumps({"segmentation": [[2, 2, 5, 2, 5, 4, 2, 4]]}))
    (scene / "rle.json").write_text(json.dumps(saved["rle"]))
    for example in ("b.json", "polygon.json", "rle.json"):
        again = icl("predict", "alike", "--example", f"b.png={example}", "--query", "a.png",
                    "--json")  # fmt: skip
        assert again.exit_code == 0, again.stderr
        from icl_core.results.rle import decode_rle

        assert np.array_equal(decode_rle(json.loads(again.stdout)["rle"]), mask("a_mask.png") > 0)
    (scene / "odd.json").write_text("[1]")
    assert "holds a list" in icl(*ASKED[:3], "a.png=odd.json", "--query", "b.png", "--json").stderr


def test_negative_examples_are_marked(icl, scene):
    whole = np.full((6, 12), 255, np.uint8)
    Image.fromarray(whole).save("all.png")
    Image.fromarray(np.full((6, 12, 3), 200, np.uint8)).save("light.png")
    done = icl(*ASKED, "--negative", "light.png=all.png", "--query", "b.png", "--out", "o.png")
    assert done.exit_code == 0, done.stderr
    assert not mask("o.png").any()


def test_options_of_predict_reach_the_learner(icl, scene):
    done = icl(*ASKED, "--query", "b.png", "--out", "o.png", "--option", "margin=100")
    assert done.exit_code == 0, done.stderr
    assert mask("o.png")[5].all()  # 120 is within 100 of 200


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--query", "b.png"], "give --out FILE or DIR"),
        (["--query", "many", "--out", "o.png"], "o.png is a file, expected a folder for 2 answers"),
        (["--query", "many", "--out", "a.png"], "a.png is a file, expected a folder for 2 answers"),
        (["--query", "many", "--out", "x", "--overlay", "y.jpg"], "y.jpg is a file"),
        (["--query", "many", "--out", "x", "--overlay", "x"], "both be written to"),
        (["--query", "b.png", "--out", "o.png", "--overlay", "o.png"], "both be written to"),
        (["--query", "b.png", "--out", "o.png", "--overlay", "o.pdf"], "expected one of .png"),
        (["--query", "b.png", "--query", "b.png", "--out", "x"], "both be written to"),
        (["--query", "b.png", "--out", "a.png"], "exists already"),
        (["--query", "b.png", "--out", "o.png", "--overlay", "a.png"], "exists already"),
    ],
)
def test_places_that_cannot_be_are_refused_before_the_work(icl, scene, args, sentence):
    before = sorted(p.name for p in scene.iterdir())
    result = icl(*ASKED, *args)
    assert result.exit_code == 2 and sentence in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""
    assert sorted(p.name for p in scene.iterdir()) == before
