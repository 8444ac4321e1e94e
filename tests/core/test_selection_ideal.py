"""IDEAL on live-edge graphs: its objective, its lazy choice, and its growth with the pool."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from icl_core.selection import ideal, influence, nearest_neighbours, select
from icl_core.selection.cascades import (
    InfluenceGraph,
    cascade,
    distinct_cascade,
    influence_graph,
)


def clusters(n: int, d: int = 12, count: int = 5, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = 2 * random.normal(size=(count, d))
    return centres[random.integers(0, count, n)] + random.normal(size=(n, d))


def graph_of(n: int, k: int = 6) -> InfluenceGraph:
    return influence_graph(nearest_neighbours(clusters(n), k))


def chain(*chances: float) -> InfluenceGraph:
    """0 -> 1 -> 2 ..., each edge with its chance."""
    n = len(chances) + 1
    targets = np.array([[i + 1] for i in range(n - 1)] + [[-1]], np.int32)
    return InfluenceGraph(targets, np.array([*chances, 0], np.float32)[:, None])


def test_chances_are_shares_of_the_cosines_and_negative_ones_count_nothing():
    rows = np.array([[1, 0], [1, 0.1], [-1, 0.5], [-0.2, 1]], np.float32)
    graph = influence_graph(nearest_neighbours(rows, 3))
    assert graph.chances.min() == 0
    sums = graph.chances.sum(axis=1)
    assert np.allclose(sums, 1)
    alone = influence_graph(nearest_neighbours(np.array([[1, 0], [-1, 0.0]]), 1))
    assert not alone.chances.any()


def test_sure_edges_are_always_followed():
    sets = ideal.reverse_sets(chain(1, 1, 1), 5)
    assert [len(sets.of(item)) for item in range(4)] == [20, 15, 10, 5]
    assert ideal.greedy(sets, 4) == ([0, 1, 2, 3], [4, 0, 0, 0])


def test_impossible_edges_are_never_followed():
    sets = ideal.reverse_sets(chain(0, 0, 0), 5)
    assert [len(sets.of(item)) for item in range(4)] == [5, 5, 5, 5]


def test_single_influences_agree_with_the_simulator():
    graph = graph_of(60)
    sets = ideal.reverse_sets(graph, 1500)
    successors = graph.successors()
    for item in (0, 5, 57):
        expected = distinct_cascade(successors, [item], 1500, Random(item))
        assert len(sets.of(item)) * 60 / sets.count == pytest.approx(expected, rel=0.1)


def test_the_way_the_work_is_cut_changes_nothing(monkeypatch):
    graph = graph_of(90)
    whole = ideal.reverse_sets(graph, 12, seed=1)
    # The coins of one graph are drawn after those of the one before, however many go together.
    for name, size in (("_TABLE", 500), ("_ROWS", 3), ("_STATES", 100), ("_PART", 50)):
        monkeypatch.setattr(ideal, name, size)
    parts = ideal.reverse_sets(graph, 12, seed=1)
    assert (whole.starts == parts.starts).all()
    assert (whole.points == parts.points).all()


def test_points_of_an_item_are_all_it_reaches():
    graph = graph_of(40, 3)
    sets = ideal.reverse_sets(graph, 6)
    for item in range(40):
        own = set(sets.of(item).tolist())
        assert len(own) == len(sets.of(item))
        assert {g * 40 + item for g in range(6)} <= own  # itself, in every graph


def test_lazy_choice_is_the_plain_greedy_choice():
    sets = ideal.reverse_sets(graph_of(150), 30)
    items, gains = ideal.greedy(sets, 25)
    covered = np.zeros(sets.count, bool)
    for item, gain in zip(items, gains, strict=True):
        fresh = [np.count_nonzero(~covered[sets.of(other)]) for other in range(150)]
        assert fresh[item] == max(fresh)
        assert gain == pytest.approx(max(fresh) * 150 / sets.count)
        covered[sets.of(item)] = True
    assert (np.diff(gains) <= 1e-9).all()


def test_the_guarantee_holds_against_the_best_pair():
    sets = ideal.reverse_sets(graph_of(30, 4), 50)
    reach = [set(sets.of(item).tolist()) for item in range(30)]
    best = max(len(a | b) for a in reach for b in reach)
    items, _ = ideal.greedy(sets, 2)
    assert len(reach[items[0]] | reach[items[1]]) >= 0.75 * best


def test_a_sample_of_points_estimates_the_same_influence(monkeypatch):
    graph = graph_of(1200)
    whole = ideal.reverse_sets(graph, 40)
    monkeypatch.setattr(ideal, "POINTS", 12_000)
    some = ideal.reverse_sets(graph, 40)
    assert whole.count == 48_000 and some.count == 12_000
    items, gains = ideal.greedy(some, 15)
    own = sum(gains)
    reached = len(set().union(*(whole.of(item).tolist() for item in items))) / 40
    assert reached == pytest.approx(own, rel=0.25)
    assert reached >= 0.93 * sum(ideal.greedy(whole, 15)[1])


def test_pairs_grow_with_the_pool_and_not_with_its_square(monkeypatch):
    monkeypatch.setattr(ideal, "POINTS", 1)
    sizes = [len(ideal.reverse_sets(graph_of(n), 20).points) for n in (500, 2000)]
    assert sizes[1] < 6 * sizes[0]


def test_ideal_reaches_farther_than_chance_and_than_the_released_procedure():
    rows = clusters(200)
    ours = influence(rows, select(rows, 10, "ideal").indices, behaviour="official")
    chance = influence(rows, select(rows, 10, "random").indices, behaviour="official")
    official = select(rows, 10, "ideal", behaviour="official").indices
    assert ours >= influence(rows, official, behaviour="official")
    assert ours > 1.1 * chance


def test_the_released_simulator_counts_an_item_for_each_parent():
    both = InfluenceGraph(
        np.array([[1, 2], [3, -1], [3, -1], [-1, -1]], np.int32),
        np.array([[1, 1], [1, 0], [1, 0], [0, 0]], np.float32),
    ).successors()
    assert cascade(both, [0], 3, Random(0)) == 5
    assert distinct_cascade(both, [0], 3, Random(0)) == 4
