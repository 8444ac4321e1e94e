"""The packed sets give valid episodes, the same for a seed, without unpacking anything."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from icl_core import Video, catalogue
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_core.types import Episode
from icl_segmentation.metrics import class_mean_iou
from icl_segmentation.sources import SOURCES

VISION = Path(__file__).resolve().parents[4] / "shared" / "data" / "vision"
PACKED = (
    *("pascal-voc", "eth80", "car-parts", "camvid", "clothing-ccp", "dsb2018-nuclei"),
    *("wbc", "magnetic-tile", "neu-steel", "retina-vessels"),
)
COUNT = 12


def opened(name: str, **options: Any) -> EpisodeList:
    folder = VISION / name.replace("-", "_")
    if not folder.is_dir():
        pytest.skip(f"the set {name} (../shared/data/vision) is not here")
    source = catalogue.resolve("icl_episode_sources", name)
    return source(folder, **{"episodes": COUNT, **options})  # type: ignore[no-any-return]


def same(left: Episode, right: Episode) -> bool:
    pairs = zip(left.context.examples, right.context.examples, strict=True)
    return (
        left.meta["id"] == right.meta["id"]
        and all(np.array_equal(a.input, b.input) for a, b in pairs)
        and np.array_equal(left.query, right.query)
        and np.array_equal(left.target, right.target)
    )


def test_every_source_can_be_imported() -> None:
    for name in SOURCES:
        assert callable(catalogue.resolve("icl_episode_sources", name)), name
    for name in ("class-mean-iou", "boundary-iou", "j-and-f"):
        assert callable(catalogue.resolve("icl_metrics", name))


@pytest.mark.parametrize("name", PACKED)
def test_episodes_are_valid(name: str) -> None:
    episodes = opened(name, shots=2)
    assert len(episodes) == COUNT
    for episode in episodes:
        query, meta = episode.query, episode.meta
        assert query.dtype == np.uint8 and episode.target.dtype == bool
        assert episode.target.shape == query.shape[:2] and episode.target.any()
        assert len(episode.context.examples) == 2 and len(set(meta["supports"])) == 2
        assert meta["query"] not in meta["supports"]
        for example in episode.context.examples:
            assert example.output.shape == example.input.shape[:2] and example.output.any()
            assert example.meta["class_name"] == meta["class_name"]
            assert not np.array_equal(example.input, query)
        if "ignore" in meta:
            assert not (meta["ignore"] & episode.target).any()


@pytest.mark.parametrize("name", PACKED)
def test_a_seed_means_the_same_episodes(name: str) -> None:
    first, again = opened(name, seed=3), opened(name, seed=3, episodes=4)
    assert same(first[2], first[2]) and same(first[2], again[2]) and same(first[-10], again[2])
    assert first.digest() == opened(name, seed=3).digest()
    if name != "pascal-voc":  # whose development episodes are fixed
        other = opened(name, seed=4)
        assert any(a.meta["query"] != b.meta["query"] for a, b in zip(first, other, strict=True))


def test_every_nth_fixed_episode_shows_all_classes() -> None:
    few = opened("pascal-voc", episodes=None, every=60)
    whole = opened("pascal-voc", episodes=None)
    assert len(few) == 4 and len({episode.meta["class_name"] for episode in few}) == 4
    assert all(same(few[n], whole[60 * n]) for n in range(4))


def test_groups_keep_near_duplicates_apart() -> None:
    for episode in opened("eth80"):
        asked = episode.meta["query"].split("-")[0]
        assert all(key.split("-")[0] != asked for key in episode.meta["supports"])
    for episode in opened("retina-vessels"):
        assert episode.meta["supports"][0][:8] != episode.meta["query"][:8]


def test_the_fixed_episodes_give_the_published_baseline() -> None:
    rows = []
    for episode in opened("pascal-voc", episodes=None):
        shown = Image.fromarray(episode.context.examples[0].output)
        size = episode.target.shape[::-1]
        copied = np.array(shown.resize(size, Image.Resampling.NEAREST))
        rows.append((class_mean_iou(copied, episode.target, episode.meta), episode.meta))
    assert len(rows) == 240
    assert class_mean_iou.aggregate(rows)["miou"] == pytest.approx(23.4, abs=0.1)


def test_five_shots_are_the_limit_of_the_fixed_episodes() -> None:
    assert len(opened("pascal-voc", shots=5)[0].context.examples) == 5
    with pytest.raises(InputError, match="at most 5"):
        opened("pascal-voc", shots=6)
    train = opened("pascal-voc", split="train")
    assert all(episode.meta["class_name"] not in ("boat", "bus", "dog") for episode in train)
    with pytest.raises(InputError, match="split is 'test'"):
        opened("pascal-voc", split="test")


def test_davis_is_read_as_videos_or_as_frames() -> None:
    videos = opened("davis2016-val", episodes=2)
    episode = videos[0]
    assert isinstance(episode.query, Video) and len(episode.query.frames) == len(episode.target)
    assert np.array_equal(episode.target[0], episode.context.examples[0].output)
    assert episode.meta["skip_ends"] and len(opened("davis2016-val", episodes=None)) == 13
    for single in opened("davis2016-val", as_video=False):
        sequence, frame = single.meta["query"].split("/")
        assert single.meta["supports"] == (f"{sequence}/00000",) and frame != "00000"
        assert single.target.shape == single.query.shape[:2]


def test_arguments_and_folders_are_checked(tmp_path: Path) -> None:
    source = catalogue.resolve("icl_episode_sources", "wbc")
    with pytest.raises(InputError, match=r"needs the folder .*nowhere"):
        source(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"needs the file .*index\.csv") as missing:
        source(tmp_path)
    assert "data-NNN.tar" in (missing.value.hint or "")
    (tmp_path / "index.csv").write_text("id,shard,width,height\na,data-000.tar,4,4\nb,x,4,4\n")
    for options in ({"shots": 0}, {"seed": -1}, {"episodes": 0}, {"shots": 2}):
        with pytest.raises(InputError):
            source(tmp_path, **options)
    episodes = source(tmp_path)
    with pytest.raises(InputError, match=r"no data-\*\.tar"):
        episodes[0]
    (tmp_path / "data-000.tar").write_bytes(b"not a tar")
    with pytest.raises(InputError, match="not a complete tar"):
        source(tmp_path)[0]


def test_a_member_that_is_missing_or_of_another_size_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("id,shard,width,height\na,data-000.tar,4,4\nb,x,4,4\n")
    source = catalogue.resolve("icl_episode_sources", "wbc")
    with tarfile.open(tmp_path / "data-000.tar", "w") as archive:
        for name, size in (("images/a.png", (4, 4)), ("images/b.png", (4, 4))):
            add(archive, name, Image.new("RGB", size))
    with pytest.raises(InputError, match="finds no masks/"):
        source(tmp_path)[0]
    with tarfile.open(tmp_path / "data-001.tar", "w") as archive:
        add(archive, "masks/a.png", Image.new("L", (4, 3)))
        add(archive, "masks/b.png", Image.new("L", (4, 3)))
    with pytest.raises(InputError, match="is 3x4, expected the image's 4x4"):
        source(tmp_path)[0]


def add(archive: tarfile.TarFile, name: str, picture: Image.Image) -> None:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    member = tarfile.TarInfo(name)
    member.size = len(stream.getvalue())
    archive.addfile(member, io.BytesIO(stream.getvalue()))
