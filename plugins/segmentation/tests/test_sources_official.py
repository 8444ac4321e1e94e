"""Published benchmarks, read from tiny folders in their official layouts."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_core import Video
from icl_core.errors import InputError
from icl_segmentation.metrics import region_and_boundary
from icl_segmentation.sources.class_names import COCO_CLASSES, VOC_CLASSES
from icl_segmentation.sources.folds import coco_20i, pascal_5i
from icl_segmentation.sources.fss1000 import fss_1000
from icl_segmentation.sources.icvos import ic_vos
from icl_segmentation.sources.lvis import lvis_92i, rasterise
from icl_segmentation.sources.perseg import perseg
from icl_segmentation.sources.videos import davis_2017, youtube_vos

SHARED = Path(__file__).resolve().parents[4] / "shared"


def picture(path: Path, shade: int, size: tuple[int, int] = (12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade % 256, 40, 90)).save(path)


def mask(path: Path, *values: int, size: tuple[int, int] = (12, 10)) -> None:
    """A mask with a row of blocks, one a value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.zeros(size[::-1], np.uint8)
    for n, value in enumerate(values):
        ids[2:6, 3 * n : 3 * n + 3] = value
    Image.fromarray(ids).save(path)


def fold_lists(folder: Path, fold: int, by_class: dict[int, list[str]], images: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"../data/JPEGImages/{stem}.jpg ../data/masks/{stem}.png" for stem in images]
    (folder / f"data_list_{fold}.txt").write_text("\n".join(lines) + "\n")
    pairs = {c: [(f"a/{s}.jpg", f"b/{s}.png") for s in stems] for c, stems in by_class.items()}
    (folder / f"sub_class_file_list_{fold}.txt").write_text(str(pairs))


@pytest.fixture
def pascal(tmp_path: Path) -> Path:
    stems = [f"2007_{n:06}" for n in range(8)]
    for n, stem in enumerate(stems):
        picture(tmp_path / "VOC2012" / "JPEGImages" / f"{stem}.jpg", 20 * n)
        mask(tmp_path / "VOC2012" / "SegmentationClassAug" / f"{stem}.png", 6 + n % 2, 8, 255)
    fold_lists(tmp_path / "fss_list" / "val", 1, {6: stems[0::2], 7: stems[1::2], 8: stems}, stems)
    return tmp_path


def test_pascal_follows_the_official_draws(pascal: Path) -> None:
    episodes = pascal_5i(pascal, fold=1, episodes=11)
    stems = [f"2007_{n:06}" for n in range(8)]
    random.seed(321)
    np.random.seed(321)
    for number, episode in enumerate(episodes):
        query = stems[number % 8]
        shown = sorted({6 + (number % 8) % 2, 8})
        class_id = shown[random.randint(1, 2) - 1] - 1
        listed = {5: stems[0::2], 6: stems[1::2], 7: stems}[class_id]
        while (support := np.random.choice(listed, 1, replace=False)[0]) == query:
            pass
        assert episode.meta["query"] == query and episode.meta["class_id"] == class_id
        assert episode.meta["supports"] == (support,)
        assert episode.meta["class_name"] == VOC_CLASSES[class_id]
        assert episode.target.sum() == 12 and episode.meta["ignore"].sum() == 12


def test_pascal_reads_any_episode_first_and_knows_both_splits(pascal: Path) -> None:
    episodes = pascal_5i(pascal, fold=1, shots=3, episodes=9)
    late = episodes[8]
    assert late.meta["id"] == list(pascal_5i(pascal, fold=1, shots=3, episodes=9))[8].meta["id"]
    assert len(late.context.examples) == 3 and late.meta["classes"] == (5, 6, 7, 8, 9)
    with pytest.raises(InputError, match=r"fss_list.*train"):
        pascal_5i(pascal, fold=1, split="train")
    with pytest.raises(InputError, match="fold is 4"):
        pascal_5i(pascal, fold=4)
    with pytest.raises(InputError, match=r"data_list_2\.txt"):
        pascal_5i(pascal, fold=2)


def test_class_lists_are_literals_and_never_run(pascal: Path) -> None:
    file = pascal / "fss_list" / "val" / "sub_class_file_list_1.txt"
    file.write_text("__import__('os').getcwd()")
    with pytest.raises(InputError, match="is not a dict"):
        pascal_5i(pascal, fold=1)


def test_the_official_pascal_lists_keep_their_order(tmp_path: Path) -> None:
    packed = SHARED / "golden" / "dcsam" / "pascal5i_val_lists.json.gz"
    if not packed.is_file():
        pytest.skip("the golden arrays (../shared/golden) are not here")
    lists = json.loads(gzip.decompress(packed.read_bytes()))
    for folder in ("JPEGImages", "SegmentationClassAug"):
        (tmp_path / folder).mkdir()
    for fold, count in enumerate((364, 445, 592, 336)):
        content = lists[str(fold)]
        assert len(content["images"]) == count
        by_class = {int(c): stems for c, stems in content["by_class"].items()}
        fold_lists(tmp_path / "lists" / "val", fold, by_class, content["images"])
        stem = content["images"][0]
        present = [c for c, stems in by_class.items() if stem in stems]
        mask(tmp_path / "SegmentationClassAug" / f"{stem}.png", *present)
        picture(tmp_path / "JPEGImages" / f"{stem}.jpg", 1)
        episodes = pascal_5i(tmp_path, tmp_path / "lists", fold=fold)
        assert len(episodes) == 1000
        with pytest.raises(InputError):  # the support has no file
            episodes[0]


def test_coco_folds_are_interleaved(tmp_path: Path) -> None:
    assert COCO_CLASSES[:5] == ("person", "bicycle", "car", "motorbike", "aeroplane")
    assert len(set(COCO_CLASSES)) == 80 and COCO_CLASSES[79] == "toothbrush"
    classes = range(2, 80, 4)
    by_class = {c + 1: [f"COCO_val2014_{c:04}{n}" for n in range(3)] for c in classes}
    for number, stems in by_class.items():
        for stem in stems:
            picture(tmp_path / "val2014" / f"{stem}.jpg", number)
            mask(tmp_path / "annotations" / "val2014" / f"{stem}.png", number, 1)
    stems = [s for found in by_class.values() for s in found]
    fold_lists(tmp_path / "fss_list" / "val", 2, by_class, stems)
    episodes = list(coco_20i(tmp_path, fold=2, episodes=20, shots=2))
    np.random.seed(321)
    for episode in episodes:
        class_id = np.random.choice(list(classes), 1, replace=False)[0]
        query = np.random.choice(by_class[class_id + 1], 1, replace=False)[0]
        drawn = []
        while len(drawn) < 2:
            one = np.random.choice(by_class[class_id + 1], 1, replace=False)[0]
            drawn += [one] if one != query else []
        meta = episode.meta
        assert (meta["class_id"], meta["query"]) == (class_id, query)
        assert list(meta["supports"]) == drawn and episode.target.sum() == 12
    with pytest.raises(InputError, match=r"train2014|fss_list") as missing:
        coco_20i(tmp_path, fold=2, split="train")
    assert "annotations" in (missing.value.hint or "")


def test_fss_asks_each_image_once(tmp_path: Path) -> None:
    for name in ("abacus", "zebra"):
        for n in range(1, 11):
            picture(tmp_path / name / f"{n}.jpg", n)
            mask(tmp_path / name / f"{n}.png", 129, 128)
    (tmp_path / "test.txt").write_text("abacus\nzebra\n")
    episodes = fss_1000(tmp_path, shots=5)
    assert len(episodes) == 20
    assert [e.meta["id"] for e in episodes[8:12]] == ["abacus/9", "abacus/10", "zebra/1", "zebra/2"]
    for episode in episodes[:4]:
        assert len(set(episode.meta["supports"])) == 5
        assert episode.meta["id"] not in episode.meta["supports"]
        assert episode.target.sum() == 12  # 128 is not above the threshold
    (tmp_path / "fss1000_splits.json").write_text(json.dumps({"test": ["abacus", "yacht"]}))
    with pytest.raises(InputError, match="yacht"):
        fss_1000(tmp_path)
    with pytest.raises(InputError, match="at most 9"):
        fss_1000(tmp_path, shots=10)


def test_fss_knows_the_published_split(tmp_path: Path) -> None:
    splits = SHARED / "data" / "vision" / "fss1000_splits.json"
    if not splits.is_file():
        pytest.skip("the split of FSS-1000 (../shared/data/vision) is not here")
    for name in json.loads(splits.read_text())["test"]:
        (tmp_path / name).mkdir()
    assert len(fss_1000(tmp_path, splits)) == 2400


def test_lvis_never_shows_the_query(tmp_path: Path) -> None:
    square = [[2, 2, 6, 2, 6, 6, 2, 6]]
    content = {
        "images": [
            {"id": n, "height": 10, "width": 12, "coco_url": f"http://x/val2017/{n:012}.jpg"}
            for n in range(1, 5)
        ],
        "categories": [{"id": c, "name": f"class_{c}"} for c in range(1, 13)],
        "annotations": [
            {"category_id": c, "image_id": n, "segmentation": square}
            for c in range(1, 13)
            for n in ((1, 2) if c != 5 else (3,))
        ],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "lvis_v1_val.json").write_text(json.dumps(content))
    for n in range(1, 5):
        picture(tmp_path / "val2017" / f"{n:012}.jpg", n)
    episodes = lvis_92i(tmp_path, fold=0, episodes=30)
    assert {e.meta["class_id"] for e in episodes} == {1, 12}  # class 5 has one image
    for episode in episodes:
        assert {episode.meta["query"], *episode.meta["supports"]} == {1, 2}
        assert episode.target.shape == (10, 12) and episode.target.any()
    assert lvis_92i(tmp_path, fold=0)[7].meta["id"] == episodes[7].meta["id"]
    with pytest.raises(InputError, match=r"lvis_v1_val\.json"):
        lvis_92i(tmp_path / "annotations" / "nowhere")
    assert 16 <= rasterise(square, (10, 12)).sum() <= 25


def test_perseg_shows_the_first_image(tmp_path: Path) -> None:
    for name in ("cat_statue", "toy"):
        for n in range(3):
            picture(tmp_path / "Images" / name / f"{n:02}.jpg", n)
            mask(tmp_path / "Annotations" / name / f"{n:02}.png", 75)
    episodes = perseg(tmp_path)
    assert [e.meta["id"] for e in episodes] == [
        *("cat_statue/01", "cat_statue/02", "toy/01", "toy/02"),
    ]
    assert episodes[0].meta["supports"] == ("cat_statue/00",) and episodes[0].target.sum() == 12
    with pytest.raises(InputError, match="Images"):
        perseg(tmp_path / "toy")


def test_davis_gives_an_episode_an_object(tmp_path: Path) -> None:
    for n in range(4):
        picture(tmp_path / "JPEGImages" / "480p" / "bike" / f"{n:05}.jpg", n)
        mask(tmp_path / "Annotations" / "480p" / "bike" / f"{n:05}.png", 1, 2, 255)
    (tmp_path / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "ImageSets" / "2017" / "val.txt").write_text("bike\n")
    episodes = davis_2017(tmp_path)
    assert [e.meta["id"] for e in episodes] == ["bike/1", "bike/2"]
    second = episodes[1]
    assert isinstance(second.query, Video) and len(second.query.frames) == 4
    assert np.array_equal(second.context.examples[0].output, second.target[0])
    score = region_and_boundary(list(second.target), second.target, second.meta)
    assert score == {"j": 1, "f": 1, "j_and_f": 1, "frames": 2}
    (tmp_path / "ImageSets" / "2017" / "val.txt").write_text("bike\nswan\n")
    with pytest.raises(InputError, match="swan"):
        davis_2017(tmp_path)


def test_youtube_objects_begin_where_they_appear(tmp_path: Path) -> None:
    base = tmp_path / "valid"
    for n in range(0, 20, 5):
        picture(base / "JPEGImages" / "v1" / f"{n:05}.jpg", n)
    mask(base / "Annotations" / "v1" / "00000.png", 1)
    mask(base / "Annotations" / "v1" / "00010.png", 1, 2)
    objects = {
        "2": {"category": "duck", "frames": ["00010", "00015"]},
        "1": {"category": "dog", "frames": ["00000"]},
    }
    (base / "meta.json").write_text(json.dumps({"videos": {"v1": {"objects": objects}}}))
    first, second = youtube_vos(tmp_path)
    assert first.meta["frames"] == ("00000", "00005", "00010", "00015")
    assert second.meta["frames"] == ("00010", "00015") and second.meta["class_name"] == "duck"
    assert first.target is None and second.context.examples[0].output.sum() == 12
    (base / "meta.json").write_text("[]")
    with pytest.raises(InputError, match=r"meta\.json"):
        youtube_vos(tmp_path)


def test_icvos_sorts_its_items_and_names_its_supports(tmp_path: Path) -> None:
    for clip in ("b_clip", "a_clip"):
        for n in (2, 10):
            picture(tmp_path / "icvos" / clip / "JPEGImages" / f"{n}.jpg", n)
            mask(tmp_path / "icvos" / clip / "Annotations" / "17" / f"{n}.png", 255)
    for n in range(3):
        picture(tmp_path / "coco" / "val2014" / f"s{n}.jpg", n)
        mask(tmp_path / "coco" / "annotations" / "val2014" / f"s{n}.png", 17)
    fold_lists(tmp_path / "lists", 0, {17: ["s0", "s1", "s2"]}, ["s0", "s1", "s2"])
    episodes = ic_vos(tmp_path / "icvos", tmp_path / "coco", tmp_path / "lists")
    assert [e.meta["id"] for e in episodes] == ["a_clip/17", "b_clip/17"]
    assert episodes[0].meta["frames"] == ("2", "10")
    assert episodes[0].meta["supports"][0] in ("s0", "s1", "s2")
    assert episodes[0].target[1].sum() == 12 and episodes[0].context.examples[0].output.sum() == 12
    with pytest.raises(InputError, match="val2014"):
        ic_vos(tmp_path / "icvos", tmp_path, tmp_path / "lists")
    fold_lists(tmp_path / "lists", 0, {18: ["s0"]}, ["s0"])
    with pytest.raises(InputError, match="no image of class 17"):
        ic_vos(tmp_path / "icvos", tmp_path / "coco", tmp_path / "lists")
