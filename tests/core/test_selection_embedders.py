"""Pools on disk, what describes their items, and selectors that plugins bring."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from icl_core import InputError, PluginError, Series, UnknownNameError, catalogue
from icl_core.selection import (
    Embedder,
    embed,
    learner_embedder,
    read_embeddings,
    read_pool,
    run_selector,
    select,
    selector_names,
)
from icl_core.selection.embedders import PixelEmbedder, SpellingEmbedder, WindowEmbedder
from icl_core.selection.pool import windows


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def picture(seed: int, side: int = 40) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.NEAREST))


def test_pictures_are_alike_whatever_their_size_and_brightness():
    first, larger, other = PixelEmbedder().embed([picture(0), picture(0, 96), picture(1)])
    darker = PixelEmbedder().embed([(picture(0) * 0.6).astype(np.uint8)])[0]
    assert first.shape == (260,) and first.dtype == np.float32
    assert cosine(first, larger) > 0.99 and cosine(first, darker) > 0.9
    assert cosine(first, other) < 0.8


def test_series_are_alike_whatever_their_length_and_scale():
    def wave(steps: int) -> np.ndarray:
        return np.sin(np.linspace(0, 12, steps))

    first, longer, other = WindowEmbedder().embed([wave(200), 5 + 9 * wave(900), -wave(200)])
    assert first.shape == (41,)
    assert cosine(first, longer) > 0.95 and cosine(first, other) < 0.6
    gaps = wave(200)
    gaps[30:50] = np.nan
    assert cosine(first, WindowEmbedder().embed([gaps])[0]) > 0.9
    both = Series(np.stack([wave(200), wave(200)]))
    assert cosine(first, WindowEmbedder().embed([both])[0]) > 0.999


def test_texts_are_alike_by_their_spelling():
    one, other, far = SpellingEmbedder().embed(["The red cat", "the  red cats", "12 volts"])
    assert cosine(one, other) > 0.8 > 0.3 > cosine(one, far)


def test_blank_items_have_a_direction_as_well():
    rows = [
        PixelEmbedder().embed([np.full((9, 7, 3), grey, np.uint8) for grey in (0, 128, 255)]),
        WindowEmbedder().embed([[5.0, 5.0, 5.0], [2.0], [1e9] * 50]),
    ]
    for found in rows:
        assert np.isfinite(found).all()
        assert (np.linalg.norm(found, axis=1) > 0.1).all()
        assert len(select(found, 3, "k-centre")) == 3


class Doubling:
    def embed(self, inputs):
        return np.array([[float(i), 1.0] for i in inputs])


def test_items_are_described_in_batches():
    found = embed(Doubling(), range(10), batch_size=3)
    assert found.dtype == np.float32 and found[:, 0].tolist() == list(range(10))


def test_a_learner_with_embed_is_an_embedder_and_one_without_is_a_sentence():
    assert isinstance(Doubling(), Embedder)
    assert learner_embedder(Doubling()).embed([1]).shape == (1, 2)
    with pytest.raises(InputError, match="object gives no embeddings"):
        learner_embedder(object())


@pytest.mark.parametrize("answer", [np.ones(3), np.ones((2, 4)), [["a"]] * 3])
def test_embeddings_that_are_no_row_an_item_are_the_embedders_fault(answer):
    class Bad:
        def embed(self, inputs):
            return answer

    with pytest.raises(PluginError, match=r"for 3 items, expected \[3, d\]"):
        embed(Bad(), [1, 2, 3])


def test_an_empty_pool_is_a_sentence():
    with pytest.raises(InputError, match="the pool is empty"):
        embed(Doubling(), [])


def test_a_folder_of_pictures_is_a_pool(tmp_path):
    for number in (10, 9, 2):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.png")
    pool = read_pool(tmp_path)
    assert pool.kind == "pictures" and len(pool) == 3
    assert [name.rpartition("/")[2] for name in pool.names] == ["2.png", "9.png", "10.png"]
    assert embed(PixelEmbedder(), pool.inputs).shape == (3, 260)


def test_a_table_is_a_pool_of_its_series_or_of_windows(tmp_path):
    pytest.importorskip("pandas")
    table = tmp_path / "wide.csv"
    lines = [f"{i},{i % 7}" for i in range(50)]
    table.write_text("a,b\n" + "\n".join(lines) + "\n")
    assert read_pool(table).names == ("a", "b")
    cut = read_pool(table, column="b", window=20)
    assert cut.names == ("b[10:30]", "b[30:50]")
    with pytest.raises(InputError, match="holds one series"):
        read_pool(table, column="b")
    assert len(read_pool(table, column="b", single=True)) == 1


def test_lines_of_text_and_arrays_are_pools(tmp_path):
    text = tmp_path / "pool.txt"
    text.write_text("one\n\n two \n", encoding="utf-8")
    assert read_pool(text).names == ("one", "two")
    array = tmp_path / "pool.npy"
    np.save(array, np.ones((4, 2)))
    assert read_pool(array).kind == "embeddings" and read_pool(array).names[3] == "3"
    one = tmp_path / "a.png"
    Image.fromarray(picture(1)).save(one)
    assert read_pool(one).names == (str(one),)


def test_windows_end_where_the_series_ends():
    parts = windows(Series(np.arange(10.0), name="x"), 4)
    assert [part.values.tolist() for part in parts] == [[2, 3, 4, 5], [6, 7, 8, 9]]
    with pytest.raises(InputError, match="x has 10 steps, expected at least one window of 11"):
        windows(Series(np.arange(10.0), name="x"), 11)
    with pytest.raises(InputError, match="expected at least 2"):
        windows(Series(np.arange(10.0)), 1)


def test_pools_that_cannot_be_read_are_sentences(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read_pool(tmp_path / "none")
    with pytest.raises(InputError, match="holds no pictures"):
        read_pool(tmp_path)
    (tmp_path / "e.txt").write_text("\n")
    with pytest.raises(InputError, match="holds no text"):
        read_pool(tmp_path / "e.txt")
    (tmp_path / "l.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_pool(tmp_path / "l.txt")
    (tmp_path / "t.txt").write_text("a\n")
    with pytest.raises(InputError, match="holds texts, expected a table of series with window"):
        read_pool(tmp_path / "t.txt", window=3)


def test_arrays_that_cannot_be_read_are_sentences(tmp_path):
    with pytest.raises(InputError, match="are not there"):
        read_embeddings(tmp_path / "none.npy")
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as a"):
        read_embeddings(tmp_path / "bad.npy")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        read_embeddings(tmp_path / "objects.npy")
    np.save(tmp_path / "flat.npy", np.ones(3))
    with pytest.raises(InputError, match=r"holds \[3\], expected one array"):
        read_embeddings(tmp_path / "flat.npy")


@pytest.fixture
def brought(monkeypatch):
    """Let a plugin bring a selector."""

    def bring(selector):
        monkeypatch.setattr(catalogue, "resolve", lambda hook, name: selector)

    return bring


def test_a_plugins_selector_chooses_items_of_the_pool(brought):
    brought(lambda pool, query, budget: [pool[2], pool[0]][:budget])
    assert run_selector("first", ["a", "b", "c"], None, 2) == [2, 0]
    assert run_selector("first", ["a", "a", "a"], None, 2) == [0, 1]  # one object, three items


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (lambda pool, query, budget: [object()], "returned something that is no item"),
        (lambda pool, query, budget: pool, "returned 3 items, 3 of them different"),
        (lambda pool, query, budget: [pool[0]] * 2, "returned 2 items, 1 of them different"),
        (lambda pool, query, budget: 1 / 0, "failed: ZeroDivisionError"),
    ],
)
def test_a_plugins_selector_that_errs_is_named(brought, selector, message):
    brought(selector)
    with pytest.raises(PluginError, match=f"selector first {message}"):
        run_selector("first", [[1], [2], [3]], None, 2)


def test_the_cores_methods_are_listed_first():
    assert selector_names()[:3] == ["random", "nearest", "k-centre"]
    with pytest.raises(UnknownNameError, match="there is no selector 'none'"):
        run_selector("none", [1], None, 1)
