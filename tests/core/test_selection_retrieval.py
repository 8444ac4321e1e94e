"""Which items are shown for a query, in which order, and when the prompt is full."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core import InputError
from icl_core.selection import SecondView, retrieve
from icl_core.selection import retrieval as module


def points(n: int, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_the_most_similar_item_stands_last():
    pool, queries = points(30), points(4, seed=1)
    cosines = (
        queries / np.linalg.norm(queries, axis=1)[:, None] @ (pool.T / np.linalg.norm(pool, axis=1))
    )
    for row, found in zip(cosines, retrieve(queries, pool, 6), strict=True):
        assert found.indices.tolist() == np.argsort(row)[-6:].tolist()
        assert found.similarities == pytest.approx(np.sort(row)[-6:], abs=1e-6)


def test_the_query_itself_is_not_shown():
    pool = points(12)
    for item, found in enumerate(retrieve(3 * pool, pool)):
        assert sorted(found.indices.tolist()) == [other for other in range(12) if other != item]


def test_official_leaves_out_cosines_of_exactly_one():
    pool = np.eye(3)
    assert len(retrieve(pool, pool, behaviour="official")[0]) == 2
    near = pool + np.array([[0, 1e-4, 0]] * 3)
    assert len(retrieve(near, pool, behaviour="official")[0]) == 3
    assert len(retrieve(near, pool)[0]) == 2


def test_the_first_item_that_does_not_fit_ends_the_prompt():
    pool = np.array([[1, 0.1], [1, 0.2], [1, 0.3], [1, 0.4]])
    costs = [10, 50, 1, 1]
    shown = [
        retrieve([[1, 0.0]], pool, costs=costs, limit=limit, query_costs=5)[0].indices.tolist()
        for limit in (14, 15, 64, 65, 67)
    ]
    assert shown == [[], [0], [0], [1, 0], [3, 2, 1, 0]]
    each = retrieve([[1, 0.0]] * 2, pool, costs=costs, limit=15, query_costs=[5, 6])
    assert [len(one) for one in each] == [1, 0]


@given(count=st.integers(0, 25), seed=st.integers(0, 9))
def test_random_is_a_permutation_that_the_seed_decides(count, seed):
    pool, queries = points(20), points(3, seed=2)
    found = retrieve(queries, pool, count, method="random", seed=seed)
    again = retrieve(queries, pool, count, method="random", seed=seed)
    for one, other in zip(found, again, strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        assert len(set(one.indices.tolist())) == len(one) == min(count, 20)


def test_two_views_count_as_a_mean_or_one_after_the_other():
    pool, words = np.eye(3) + 0.05, np.eye(3)[[0, 2, 1]] + 0.02
    query, asked = [[1, 0.8, 0.0]], [[0.5, 0.8, 0.0]]
    second = SecondView(asked, words)
    assert retrieve(query, pool, 3)[0].indices.tolist() == [2, 1, 0]
    mean = retrieve(query, pool, second=second)[0]
    assert mean.indices[-1] == 0
    listed = SecondView(asked, words, combine="shortlist", shortlist=2)
    found = retrieve(query, pool, second=listed)[0].indices.tolist()
    assert found == [1, 0]  # 2 is the best by words, and not on the list


def test_many_queries_are_answered_in_blocks(monkeypatch):
    pool, queries = points(40), points(25, seed=3)
    whole = [one.indices.tolist() for one in retrieve(queries, pool, 5)]
    monkeypatch.setattr(module, "_BLOCK", 80)
    assert [one.indices.tolist() for one in retrieve(queries, pool, 5)] == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 5}, "a limit without costs"),
        ({"costs": [1], "limit": 5}, "expected 4 of at least 0"),
        ({"costs": [1, 1, 1, -1]}, "expected 4 of at least 0"),
        ({"method": "best"}, "expected one of similar, random"),
        ({"count": -1}, "count is -1"),
        ({"second": SecondView(points(2), points(4), combine="max")}, "combine is 'max'"),
        ({"second": SecondView(points(2), points(4), shortlist=0)}, "shortlist is 0"),
        ({"second": SecondView(points(1), points(4))}, "has 1 queries and 4 items, expected 2"),
        ({"second": SecondView(points(2), points(4, 3))}, "expected the pool's 3"),
    ],
)
def test_bad_input_is_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        retrieve(points(2), points(4), **options)


def test_embeddings_that_do_not_go_together_are_a_sentence():
    with pytest.raises(InputError, match="the queries have 3 numbers each, expected the pool's 5"):
        retrieve(points(2, 3), points(4))
    with pytest.raises(InputError, match="the pool have no row"):
        retrieve(points(2), np.empty((0, 5)))
