"""The packed sets give valid pairs of pictures, the same for a seed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from icl_core import catalogue
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_core.types import Episode
from icl_painting.metrics import METRICS
from icl_painting.metrics.masks import painted_mask
from icl_painting.metrics.restoration import psnr, psnr_ssim
from icl_painting.sources import SOURCES

VISION = Path(__file__).resolve().parents[4] / "shared" / "data" / "vision"
PACKED = ("restore-sr-x4", "restore-realnoise", "bsds500-edges", "pascal-voc-painting")
MADE = tuple(name for name in SOURCES if name.startswith("bsds500-") and name != "bsds500-edges")
COUNT = 3


def opened(name: str, **options: Any) -> EpisodeList:
    kept = {"pascal-voc-painting": "pascal_voc"}.get(name, name.replace("-", "_"))
    folder = VISION / ("bsds500_edges" if name in MADE else kept)
    if not folder.is_dir():
        pytest.skip(f"the set {folder.name} (../shared/data/vision) is not here")
    source = catalogue.import_object(SOURCES[name], name)
    return source(folder, **{"episodes": COUNT, **options})  # type: ignore[no-any-return]


def same(left: Episode, right: Episode) -> bool:
    pairs = zip(left.context.examples, right.context.examples, strict=True)
    return (
        left.meta["id"] == right.meta["id"]
        and all(
            np.array_equal(a.input, b.input) and np.array_equal(a.output, b.output)
            for a, b in pairs
        )
        and np.array_equal(left.query, right.query)
        and np.array_equal(left.target, right.target)
    )


def test_every_source_and_metric_can_be_imported() -> None:
    for name, place in {**SOURCES, **METRICS}.items():
        assert callable(catalogue.import_object(place, name)), name


def test_names_are_not_those_of_the_segmentation_sources() -> None:
    segmentation = pytest.importorskip("icl_segmentation.sources")
    assert not SOURCES.keys() & segmentation.SOURCES.keys()


@pytest.mark.parametrize("name", (*PACKED, *MADE))
def test_episodes_are_valid(name: str) -> None:
    episodes = opened(name, shots=2)
    assert len(episodes) == COUNT
    for episode in episodes:
        meta = episode.meta
        pictures = [episode.query, episode.target]
        pictures += [part for one in episode.context.examples for part in (one.input, one.output)]
        assert all(one.dtype == np.uint8 and one.shape[2:] == (3,) for one in pictures)
        for asked, answer in zip(pictures[::2], pictures[1::2], strict=True):
            assert asked.shape == answer.shape and not np.array_equal(asked, answer)
        assert len(set(meta["supports"])) == 2 and meta["query"] not in meta["supports"]
        assert meta["task"] and meta["id"]


@pytest.mark.parametrize("name", (*PACKED, "bsds500-denoise-25", "bsds500-derain"))
def test_a_seed_means_the_same_episodes(name: str) -> None:
    first, fewer = opened(name, seed=3), opened(name, seed=3, episodes=2)
    assert same(first[1], first[1]) and same(first[1], fewer[1]) and same(first[-2], fewer[1])
    assert first.digest() == opened(name, seed=3).digest()
    if name != "pascal-voc-painting":  # whose development episodes are fixed
        assert not same(first[0], opened(name, seed=4)[0])


@pytest.mark.parametrize("name", ("restore-realnoise", "bsds500-denoise-25"))
def test_more_shots_show_more_of_the_same_to_the_same_query(name: str) -> None:
    few, many = opened(name, shots=1)[1], opened(name, shots=4)[1]
    np.testing.assert_array_equal(few.query, many.query)
    assert many.meta["supports"][:1] == few.meta["supports"]
    np.testing.assert_array_equal(few.context.examples[0].input, many.context.examples[0].input)


def test_without_a_number_every_picture_is_asked_for_once() -> None:
    episodes = opened("restore-realnoise", episodes=None)
    assert len(episodes) == 72
    assert len({episodes[n].meta["query"] for n in range(0, 72, 9)}) == 8
    assert len(opened("restore-sr-x4", episodes=None, benchmark="Set14")) == 14
    with pytest.raises(InputError, match="benchmark is 'Urban100'"):
        opened("restore-sr-x4", benchmark="Urban100")
    assert len(opened("bsds500-deblur", episodes=None)) == 100
    with pytest.raises(InputError, match="split is 'test'"):
        opened("bsds500-deblur", split="test")


def test_doing_nothing_scores_as_the_data_say() -> None:
    noise = [psnr(one.query, one.target) for one in opened("bsds500-denoise-25")]
    assert all(19.5 < value < 21.5 for value in noise)  # 20 log10(255 / 25) = 20.2
    rows = [
        (psnr_ssim(one.query, one.target, one.meta), one.meta)
        for one in opened("restore-realnoise", episodes=None)[:6]
    ]
    table = (VISION / "restore_realnoise" / "index.csv").read_text().splitlines()[1:7]
    for (numbers, _), line in zip(rows, table, strict=True):
        assert numbers["psnr"] == pytest.approx(float(line.split(",")[-1]), abs=0.02)


def test_masks_are_painted_white_and_void_is_not_scored() -> None:
    for episode in opened("pascal-voc-painting"):
        assert set(np.unique(episode.target)) == {0, 255}
        assert episode.meta["ignore"].any() and not episode.target[episode.meta["ignore"]].any()
        assert painted_mask(episode.target, episode.target, episode.meta)["iou"] == 1
    train = opened("pascal-voc-painting", split="train", shots=3)
    assert all(len(one.context.examples) == 3 for one in train)
    assert all(one.meta["class_name"] not in ("boat", "bus", "dog") for one in train)
    with pytest.raises(InputError, match="at most 5"):
        opened("pascal-voc-painting", shots=6)
    with pytest.raises(InputError, match="split is 'test'"):
        opened("pascal-voc-painting", split="test")


def test_arguments_and_folders_are_checked(tmp_path: Path) -> None:
    source = catalogue.import_object(SOURCES["restore-realnoise"], "restore-realnoise")
    with pytest.raises(InputError, match=r"needs the folder .*nowhere"):
        source(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"needs the file .*index\.csv"):
        source(tmp_path)
    (tmp_path / "index.csv").write_text("id,shard,width,height\na,x,4,4\nb,x,4,4\n")
    for options in ({"shots": 0}, {"seed": -1}, {"episodes": 0}, {"shots": 2}):
        with pytest.raises(InputError):
            source(tmp_path, **options)
    with tarfile.open(tmp_path / "data-000.tar", "w") as archive:
        for name in ("noisy/a", "noisy/b", "clean/a", "clean/b"):
            add(archive, f"{name}.png", Image.new("RGB", (4, 3 if name == "clean/b" else 4)))
    with pytest.raises(InputError, match=r"target of .*b is 3x4, expected its input.s 4x4"):
        source(tmp_path)[0]
    made = catalogue.import_object(SOURCES["bsds500-deblur"], "bsds500-deblur")
    with pytest.raises(InputError, match="task is 'fog'"):
        made(tmp_path, task="fog")


def add(archive: tarfile.TarFile, name: str, picture: Image.Image) -> None:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    member = tarfile.TarInfo(name)
    member.size = len(stream.getvalue())
    archive.addfile(member, io.BytesIO(stream.getvalue()))
