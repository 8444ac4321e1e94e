"""The graph of nearest neighbours: exact in tiles, the same for copies, and by faiss."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from icl_core import InputError, MissingExtraError
from icl_core.selection import Neighbours, nearest_neighbours, neighbours
from icl_core.selection.points import unit_rows


def points(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def plain(rows: np.ndarray, k: int) -> np.ndarray:
    """The k largest cosines of each row with the others, ascending."""
    unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    return np.sort(cosines, axis=1)[:, -k:]


@pytest.mark.parametrize(("n", "d", "k"), [(2, 3, 1), (50, 3, 7), (300, 4, 299), (700, 2, 11)])
@pytest.mark.parametrize("tiles", [(512, 4096), (64, 96), (7, 5)])
def test_tiles_find_what_a_full_matrix_finds(monkeypatch, n, d, k, tiles):
    monkeypatch.setattr(neighbours, "_ROWS", tiles[0])
    monkeypatch.setattr(neighbours, "_COLUMNS", tiles[1])
    rows = points(n, d)
    found = nearest_neighbours(rows, k, engine="exact")
    assert np.abs(found.similarities - plain(rows, k)).max() < 1e-5
    assert all(len(set(row)) == k for row in found.indices.tolist())
    assert not (found.indices == np.arange(n)[:, None]).any()
    assert (np.diff(found.similarities, axis=1) >= 0).all()


def test_of_equally_similar_items_the_lower_numbers_are_nearer(monkeypatch):
    monkeypatch.setattr(neighbours, "_ROWS", 16)
    monkeypatch.setattr(neighbours, "_COLUMNS", 8)
    rows = np.tile(np.eye(4, dtype=np.float32), (10, 1))  # ten copies of each of four directions
    found = nearest_neighbours(rows, 3, engine="exact")
    for item, near in enumerate(found.indices.tolist()):
        alike = [other for other in range(item % 4, 40, 4) if other != item]
        assert near == alike[:3][::-1]


def test_the_graph_does_not_depend_on_the_order_of_the_pool():
    rows = points(300, 8)
    order = np.random.default_rng(1).permutation(300)
    found = nearest_neighbours(rows, 6).indices
    other = nearest_neighbours(rows[order], 6).indices
    assert (order[other] == found[order]).all()


def test_lengths_of_rows_do_not_count_not_even_extreme_ones():
    rows = points(100, 6)
    scale = 10.0 ** np.random.default_rng(2).uniform(-30, 30, (100, 1)).astype(np.float32)
    assert (
        nearest_neighbours(rows * scale, 5).indices == nearest_neighbours(rows, 5).indices
    ).all()
    half = nearest_neighbours(rows.astype(np.float16), 5)
    assert half.similarities.dtype == np.float32


def test_the_released_rule_loses_a_neighbour_beside_a_copy():
    rows = points(40, 5)
    rows[11] = rows[10]
    found = nearest_neighbours(rows, 4, behaviour="official").indices[[10, 11]]
    assert (found < 0).any()
    ours = nearest_neighbours(rows, 4).indices
    assert ours.min() >= 0 and ours[10, -1] == 11 and ours[11, -1] == 10


def test_memory_is_that_of_a_tile(monkeypatch):
    tracemalloc = pytest.importorskip("tracemalloc")
    monkeypatch.setattr(neighbours, "_ROWS", 64)
    monkeypatch.setattr(neighbours, "_COLUMNS", 512)
    rows = unit_rows(points(4000, 4))
    tracemalloc.start()
    nearest_neighbours(rows, 5, engine="exact")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4000 * 4000  # a matrix of cosines would take four times that


@pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
def test_faiss_finds_most_neighbours():
    random = np.random.default_rng(0)
    rows = 2 * random.normal(size=(20, 16))[random.integers(0, 20, 4000)]
    rows = rows + random.normal(size=rows.shape)
    exact = nearest_neighbours(rows, 10, engine="exact").indices
    found = nearest_neighbours(rows, 10, engine="faiss")
    assert found.engine == "faiss"
    pairs = zip(exact.tolist(), found.indices.tolist(), strict=True)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in pairs]) > 0.9
    assert not (found.indices == np.arange(4000)[:, None]).any()


def test_without_faiss_large_pools_are_exact_and_asking_for_it_is_a_sentence(monkeypatch):
    monkeypatch.setattr(neighbours, "find_spec", lambda name: None)
    monkeypatch.setattr(neighbours, "LARGE", 10)
    assert nearest_neighbours(points(30, 3), 2).engine == "exact"
    with pytest.raises(MissingExtraError, match=r"icl-suite\[neighbours\]"):
        nearest_neighbours(points(30, 3), 2, engine="faiss")
    assert "faiss" not in sys.modules or importlib.util.find_spec("faiss")


@pytest.mark.parametrize("k", [0, 5, -1, 2.0, True, "3"])
def test_k_is_a_whole_number_below_the_size_of_the_pool(k):
    with pytest.raises(InputError, match="expected 1 to 4 neighbours for a pool of 5"):
        nearest_neighbours(points(5, 3), k)


def test_an_unknown_engine_is_a_sentence():
    with pytest.raises(InputError, match="expected one of auto, exact, faiss"):
        nearest_neighbours(points(5, 3), 2, engine="annoy")


@pytest.mark.parametrize(
    ("indices", "similarities", "message"),
    [
        ([[1], [0]], [[1.0]], "expected \\[n, k\\] twice"),
        ([[5], [0]], [[1.0], [1.0]], "-1 to 1"),
        ([[0.5], [0]], [[1.0], [1.0]], "whole numbers"),
        ([[1], [0]], [[np.nan], [1.0]], "finite"),
    ],
)
def test_a_given_graph_is_checked(indices, similarities, message):
    with pytest.raises(InputError, match=message):
        Neighbours(np.array(indices), np.array(similarities))
