"""Sources: official folder layouts, our lists on disk, legacy rows, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from icl_core import InputError
from icl_linking.episodes import SOURCES
from icl_linking.episodes.class_folders import image_folders, sign_digits
from icl_linking.episodes.groups import draw_rows, find_groups, pair_groups
from icl_linking.episodes.imagenet import imagenet_100, imagenet_900
from icl_linking.episodes.isekai import isekai_10, isekai_demo, isekai_pair, isekai_rows
from icl_linking.episodes.omniglot import omniglot, omniglot_runs
from icl_linking.episodes.pictures import LinkEpisodes, Pictures
from icl_linking.episodes.rows import Row, inside, read_rows, write_rows
from icl_linking.scores.sources import guess_source, source_function

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def needs(folder: str) -> Path:
    if not (DATA / folder).is_dir():
        pytest.skip(f"the data (../shared/data/{folder}) are not here")
    return DATA / folder


def picture(path: Path, colour: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), (colour, 255 - colour, 40)).save(path)


@pytest.fixture
def isekai(tmp_path: Path) -> Path:
    """Three groups with a dozen pictures a class, and one with a name of two words."""
    groups = (("airstone", "stone"), ("cactus_boxer", "cactus"), ("icemic", "ice_cream"))
    for number, (new, real) in enumerate(groups):
        for prefix, name in (("pos-", new), ("neg-", real)):
            for image in range(12):
                file = tmp_path / new / f"{prefix}{name}" / f"{image:02}.png"
                picture(file, 20 * number + image + 100 * (prefix == "pos-"))
    return tmp_path


def test_isekai_10_from_folders(isekai: Path) -> None:
    episodes = isekai_10(isekai, shots=2)
    assert isinstance(episodes, LinkEpisodes) and len(episodes) == 3 * 2 * 4
    one = episodes[8]
    assert one.target == "cactus boxer" and one.meta["labels"] == ("cactus boxer", "cactus")
    assert one.meta["positive"] is True and one.meta["n"] == 4
    shown = [str(example.output) for example in one.context.examples]
    assert sorted(shown) == ["cactus", "cactus", "cactus boxer", "cactus boxer"]
    assert one.query.shape == (4, 6, 3) and one.query.dtype == np.uint8
    assert one.meta["query"] not in {example.meta["path"] for example in one.context.examples}
    assert episodes.digest() == isekai_10(isekai, shots=2).digest()
    assert episodes.digest() != isekai_10(isekai, shots=2, list_seed=1).digest()


def test_nested_set_and_other_orders(
    isekai: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    above = tmp_path_factory.mktemp("above")
    (above / "ISEKAI-10").symlink_to(isekai, target_is_directory=True)
    assert len(isekai_10(above)) == len(isekai_10(isekai))
    first = isekai_10(isekai, shots=2, order="positive-first")[0]
    assert [e.output for e in first.context.examples] == ["airstone"] * 2 + ["stone"] * 2
    grouped = isekai_10(isekai, shots=4, order="grouped")
    same = [tuple(e.meta["path"] for e in grouped[n].context.examples) for n in range(4)]
    assert len(set(same)) == 1
    with pytest.raises(InputError, match="order is 'odd'"):
        isekai_10(isekai, order="odd")


def test_invented_names_tell_nothing(isekai: Path) -> None:
    real, novel = (isekai_10(isekai, names=names) for names in ("real", "novel"))
    assert [e.meta["query"] for e in novel] == [e.meta["query"] for e in real]
    pairs = {(r.target, n.target) for r, n in zip(real, novel, strict=True)}
    assert len(pairs) == len({new for _, new in pairs}) == 6
    assert not {old for old, _ in pairs} & {new for _, new in pairs}
    with pytest.raises(InputError, match="names is 'odd'"):
        isekai_10(isekai, names="odd")


def test_zero_shots_show_nothing(isekai: Path) -> None:
    one = isekai_10(isekai, shots=0)[0]
    assert one.context.examples == () and len(one.meta["labels"]) == 2
    for shots in (-1, 9, True):
        with pytest.raises(InputError, match="whole number from 0 to 8 a class"):
            isekai_10(isekai, shots=shots)


def test_lists_are_written_shared_and_read(isekai: Path, tmp_path: Path) -> None:
    rows = isekai_rows(isekai, supports=4, queries=3, list_seed=5)
    assert len(rows) % 2 == 0
    file = write_rows(tmp_path / "list.json", rows, {"list_seed": 5})
    assert read_rows(file) == rows
    keys = list(json.loads(file.read_text().splitlines()[0]))
    assert keys == [
        "image_name",
        "positive_list",
        "negative_list",
        "positive_promt",
        "negative_promt",
        "label_name",
    ]
    about = json.loads((tmp_path / "list.about.json").read_text())
    assert about["rows"] == len(rows) and about["list_seed"] == 5
    assert isekai_10(isekai, file).digest() == isekai_10(isekai, rows).digest()
    with pytest.raises(InputError, match="already"):
        write_rows(file, rows)
    assert isekai_rows(isekai, supports=4, queries=3, list_seed=5) == rows


def test_isekai_pair_meets_every_other_concept(isekai: Path) -> None:
    groups = pair_groups(find_groups(isekai, "isekai-pair"))
    names = {frozenset((g.positive.name, g.negative.name)) for g in groups}
    assert len(groups) == len(names) == 3
    episodes = isekai_pair(isekai, queries=2)
    assert len(episodes) == 3 * 2 * 2
    assert all("pos-" in e.meta["path"] for e in episodes[0].context.examples)


def test_small_classes_hold_out_one(tmp_path: Path) -> None:
    for name, count in (("pos-a", 3), ("neg-b", 2)):
        for image in range(count):
            picture(tmp_path / "g" / name / f"{image}.png", image)
    rows = draw_rows(find_groups(tmp_path, "isekai-10"))
    assert len(rows) == 4 and sum(row.is_positive for row in rows) == 2
    for row in rows:
        assert row.image not in row.positives + row.negatives
    with pytest.raises(InputError, match="pictures to show with"):
        isekai_10(tmp_path, shots=2)


def test_legacy_rows(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for image in range(3):
            picture(tmp_path / folder / f"{image}.png", image)
    row = {
        "Support": [["0.png"], ["1.png"]],
        "Query": ["2.png", ["0.png", "2.png"]],
        "Folder": ["a", "b"],
        "Name": ["new", "real"],
    }
    file = tmp_path / "old.json"
    file.write_text(json.dumps(row))
    rows = read_rows(file)
    assert [(r.image, r.label) for r in rows] == [
        ("a/2.png", "new"),
        ("b/0.png", "real"),
        ("b/2.png", "real"),
    ]
    assert rows[0].positives == ("a/0.png",) and rows[0].negatives == ("b/1.png",)
    assert len(isekai_10(tmp_path, file)) == 3


def test_names_with_quotes_and_dots(tmp_path: Path) -> None:
    names = ['St. "Bernard"', "carpenter's kit."]
    for folder in ("a", "b"):
        for image in range(2):
            picture(tmp_path / folder / f"{image}.png", image)
    row = Row("a/0.png", ("a/1.png",), ("b/0.png",), names[0], names[1], names[0])
    one = isekai_10(tmp_path, [row])[0]
    assert one.target == names[0] and set(one.meta["labels"]) == set(names)


GOOD: dict[str, Any] = {
    "image_name": "q.png",
    "positive_list": ["p.png"],
    "negative_list": ["n.png"],
    "positive_promt": "new",
    "negative_promt": "real",
    "label_name": "new",
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"negative_promt": "new"}, "both classes are called 'new'"),
        ({"label_name": "other"}, "the query is called 'other'"),
        ({"positive_promt": " "}, "the label is empty"),
        ({"image_name": "../../etc/passwd"}, "leads out of the folder"),
        ({"image_name": "/etc/passwd"}, "leads out of the folder"),
        ({"image_name": "C:\\x.png"}, "leads out of the folder"),
        ({"image_name": 3}, "expected the name of a picture"),
        ({"positive_list": 3}, "positive_list is int"),
        ({"positive_list": None}, "positive_list is NoneType"),
    ],
)
def test_bad_rows(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(GOOD) + "\n" + json.dumps({**GOOD, **change}))
    with pytest.raises(InputError, match=f"row 2: .*{sentence}"):
        read_rows(file)


def test_bad_files(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    for content, sentence in (
        (b"", "has no row"),
        (b"{", "line 1 is no JSON"),
        (b"[1]", "expected an object"),
        (b"[", "is no JSON array"),
        (b"\xff\xfe", "is not UTF-8 at byte 0"),
        (json.dumps({"image_name": "q.png"}).encode(), "'positive_list' is missing"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=sentence):
            read_rows(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "none.json")
    assert inside("a\\b.png") == "a/b.png"


def test_missing_pictures_and_folders(isekai: Path, tmp_path: Path) -> None:
    rows = isekai_rows(isekai)
    (isekai / rows[0].image).unlink()
    with pytest.raises(InputError, match=r"is not there \(of \d+\)") as caught:
        isekai_10(isekai, rows)
    assert rows[0].image in caught.value.message
    with pytest.raises(InputError, match="needs the folder"):
        isekai_10(tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="finds no group"):
        isekai_10(empty)
    (isekai / "airstone" / "third").mkdir()
    with pytest.raises(InputError, match="expected two"):
        isekai_10(isekai)


def test_damaged_picture_is_named(isekai: Path) -> None:
    rows = isekai_rows(isekai)
    (isekai / rows[0].image).write_bytes(b"no picture")
    with pytest.raises(InputError, match=Path(rows[0].image).name):
        isekai_10(isekai, rows)[0]


def test_isekai_demo_data() -> None:
    root = needs("isekai_demo")
    episodes = isekai_demo(root)
    assert len(episodes) == 8 and sum(e.meta["positive"] for e in episodes) == 6
    assert {label for n in range(8) for label in episodes.labels(n)} >= {"icemic", "ice cream"}
    found = find_groups(root, "isekai-10")
    assert [g.positive.name for g in found] == ["airstone", "cactihog", "cctovac", "icemic"]
    rows = draw_rows(found)
    assert [r.image for r in rows if r.positive == "icemic"] == ["icemic/query-icemic/infer1.jpg"]


def imagenet(root: Path, classes: int, samples: int) -> list[str]:
    lines = []
    for number in range(classes):
        wnid = f"n{number:08}"
        for image in range(samples):
            picture(root / "train" / wnid / f"{wnid}_{image}.JPEG", image)
        lines.append(f"{wnid} {number + 1} Class_{number}")
    return lines


def test_imagenet_100_from_the_official_list(tmp_path: Path) -> None:
    imagenet(tmp_path, 4, 5)
    rows = []
    for number in range(4):
        files = [f"train/n{number:08}/n{number:08}_{image}.JPEG" for image in range(5)]
        one = {"class_id": str(number + 1), "class_name": f"Class {number}"}
        rows.append({**one, "context_samples": files[:2], "test_samples": files[2:]})
    list_file = tmp_path / "test100_pairs.jsonl"
    list_file.write_text("\n".join(map(json.dumps, rows)))
    episodes = imagenet_100(tmp_path, queries=2, shots=2)
    assert len(episodes) == 8
    assert [e.target for e in episodes][:4] == ["class 0"] * 2 + ["class 1"] * 2
    assert episodes[0].meta["labels"] == ("class 0", "class 1")
    assert len(imagenet_100(tmp_path, queries=0)) == 12
    list_file.write_text(json.dumps({"class_name": "a", "samples": [], "neighbors": []}))
    with pytest.raises(InputError, match="keys of the training list"):
        imagenet_100(tmp_path)


def test_imagenet_100_drawn_from_folders(tmp_path: Path) -> None:
    lines = imagenet(tmp_path, 102, 34)
    with pytest.raises(InputError, match=r"map_clsloc.txt"):
        imagenet_100(tmp_path)
    (tmp_path / "map_clsloc.txt").write_text("\n".join(lines))
    episodes = imagenet_100(tmp_path, shots=8)
    assert len(episodes) == 200 and episodes.digest() == imagenet_100(tmp_path, shots=8).digest()
    assert episodes[0].target.startswith("class ")


def test_imagenet_900_training_episodes(tmp_path: Path) -> None:
    imagenet(tmp_path, 3, 4)
    rows = []
    for number in range(3):
        files = [f"train/n{number:08}/n{number:08}_{image}.JPEG" for image in range(4)]
        other = (number + 1) % 3
        stored = f"train/n{other:08}/n{other:08}_0.JPEG"
        one = {"class_id": str(number), "class_name": f"Class {number}", "samples": files}
        rows.append({**one, "neighbors": [[str(other), f"Class {other}", stored]]})
    (tmp_path / "train900_pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    episodes = imagenet_900(tmp_path, policy="[2-way-weight]", shots=3, episodes=7, seed=1)
    assert len(episodes) == 7
    for made in episodes:
        assert made.target in made.meta["labels"]
        assert len(made.context.examples) == 2 * made.meta["shots"] <= 6
    with pytest.raises(InputError, match="are lists"):
        imagenet_900(tmp_path, policy="reference")


def test_omniglot_protocols() -> None:
    root = needs("omniglot")
    runs = omniglot_runs(root)
    assert len(runs) == 240 and runs[0].query.shape == (105, 105, 3)
    assert len(runs[0].context.examples) == len(runs.labels(0)) == 20
    assert runs[0].context is runs[19].context and runs[0].context is not runs[20].context
    assert runs.classes(0) == runs.classes(20) and not set(runs.classes(0)) & set(runs.classes(40))
    drawn = omniglot(root, ways=5, shots=2, tasks=3)
    assert len(drawn) == 3 * 25 and len(drawn[0].context.examples) == 10
    assert drawn[30].meta["id"] == omniglot(root, ways=5, shots=2, tasks=9)[30].meta["id"]
    with pytest.raises(InputError, match="has no 50 classes"):
        omniglot(root, ways=50)
    with pytest.raises(InputError, match=r"one_shot_runs\.npz"):
        omniglot_runs(root / "none")


def test_sign_digits_protocol() -> None:
    root = needs("sign_digits")
    episodes = sign_digits(root, tasks=2)
    assert len(episodes) == 2 * 4 * 15
    one = episodes[61]
    shown = {id(example.input) for example in one.context.examples}
    assert id(one.query) not in shown and one.target in one.meta["labels"]
    assert {path.name for path in root.iterdir() if path.is_dir()} >= set(one.meta["labels"])


def test_image_folders_need_classes(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png", 1)
    with pytest.raises(InputError, match="no 2 classes with 2 pictures"):
        image_folders(tmp_path, ways=2, queries=1)
    with pytest.raises(InputError, match="ways is 1"):
        image_folders(tmp_path, ways=1)


def test_pictures_are_decoded_once_within_a_limit(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", number)
    pictures = Pictures(tmp_path, limit=2 * 4 * 6 * 3)
    first = pictures("0.png")
    assert pictures("0.png") is first
    pictures("1.png"), pictures("2.png")
    assert pictures("0.png") is not first


def test_sources_by_name_and_by_folder(isekai: Path, tmp_path: Path) -> None:
    assert all(callable(source_function(name)) for name in SOURCES)
    assert guess_source(isekai) == "isekai-10"
    plain = tmp_path / "plain"
    picture(plain / "a" / "1.png", 1)
    assert guess_source(plain) == "image-folders"
    with pytest.raises(InputError, match="is not there"):
        guess_source(tmp_path / "none")
