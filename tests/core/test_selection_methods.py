"""What holds for every method of selection, and what each refuses."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from icl_core import InputError, UnknownNameError
from icl_core.selection import METHODS, nearest_neighbours, select
from icl_core.selection.points import unit_rows
from icl_core.selection.selection import coverage, shares
from icl_core.selection.vote_k import Votes


def points(n: int, d: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def extras(method: str, rows: np.ndarray) -> dict[str, Any]:
    """What a method needs beside the pool."""
    if method == "nearest":
        return {"queries": rows[:2] + 0.1}
    if method == "vote-k":
        return {"confidence": lambda annotated, others: np.cos(others + len(annotated))}
    return {}


@pytest.mark.parametrize("method", METHODS)
@effort(max_examples=15, deadline=None)
@given(n=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 5))
def test_any_budget_gives_so_many_different_items(method, n, share, seed):
    rows = points(n, seed=seed)
    budget = 1 + round(share * (n - 1))
    found = select(rows, budget, method, seed=seed, **extras(method, rows))
    assert len(found) == len(set(found.indices.tolist())) == budget
    assert found.indices.dtype == np.int64 and found.scores.shape == (budget,)
    assert 0 <= found.indices.min() <= found.indices.max() < n
    assert -1.001 <= found.coverage <= 1.001
    if budget == n:
        assert found.coverage == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_decides_and_global_generators_stay_as_they_are(method):
    rows = points(60)
    python_random.seed(7)
    np.random.seed(7)
    before = python_random.getstate(), np.random.get_state()[1].tolist()
    first = select(rows, 9, method, seed=3, **extras(method, rows))
    again = select(rows, 9, method, seed=3, **extras(method, rows))
    assert first.indices.tolist() == again.indices.tolist()
    assert python_random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]


@pytest.mark.parametrize("method", ["random", "diversity", "ideal"])
def test_another_seed_is_another_draw(method):
    rows = points(200)
    picks = {tuple(select(rows, 12, method, seed=seed).indices.tolist()) for seed in range(3)}
    assert len(picks) == 3


@pytest.mark.parametrize("method", ["k-centre", "mfl", "nearest"])
def test_the_order_of_the_pool_does_not_matter(method):
    rows = points(80)
    order = np.random.default_rng(4).permutation(80)
    more = extras(method, rows)
    found = select(rows, 12, method, **more).indices
    assert order[select(rows[order], 12, method, **more).indices].tolist() == found.tolist()


def test_votes_do_not_depend_on_the_order_of_the_pool():
    rows = points(80)
    order = np.random.default_rng(4).permutation(80)
    one, other = (Votes(nearest_neighbours(some, 7)) for some in (rows, rows[order]))
    assert (one.scores[order] == other.scores).all()
    one.pick(int(order[5]))
    other.pick(5)
    assert np.abs(one.scores[order] - other.scores).max() < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_annotated_items_are_not_chosen_again(method):
    rows = points(50)
    done = [3, 44, 17]
    mask = np.zeros(50, bool)
    mask[done] = True
    more = extras(method, rows)
    found = select(rows, 47, method, annotated=mask, **more)
    assert set(found.indices.tolist()) == set(range(50)) - set(done)
    by_number = select(rows, 10, method, annotated=sorted(done), **more)
    assert (
        by_number.indices.tolist()
        == select(rows, 10, method, annotated=mask, **more).indices.tolist()
    )


@pytest.mark.parametrize("method", ["k-centre", "mfl", "fast-vote-k", "ideal"])
def test_a_choice_goes_on_where_it_stopped(method):
    rows = points(90)
    whole = select(rows, 12, method).indices.tolist()
    first = select(rows, 5, method).indices.tolist()
    rest = select(rows, 7, method, annotated=first).indices.tolist()
    assert first == whole[:5]
    assert rest == whole[5:]


@pytest.mark.parametrize("method", ["k-centre", "mfl", "fast-vote-k", "ideal", "random"])
def test_known_classes_get_equal_shares(method):
    rows = points(60)
    labels = ["a"] * 40 + ["b"] * 17 + ["c"] * 3
    found = select(rows, 15, method, labels=labels).indices
    counts = {name: sum(labels[i] == name for i in found) for name in "abc"}
    assert counts == {"a": 6, "b": 6, "c": 3}
    assert {labels[i] for i in found[:3]} == {"a", "b", "c"}
    more = select(rows, 6, method, labels=labels, annotated=found).indices
    assert not set(more.tolist()) & set(found.tolist())


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=6), share=st.floats(0, 1))
def test_shares_are_even_and_add_up(counts, share):
    budget = round(share * sum(counts))
    given_ = shares(counts, budget)
    assert sum(given_) == budget
    assert all(0 <= part <= count for part, count in zip(given_, counts, strict=True))
    open_ = [part for part, count in zip(given_, counts, strict=True) if part < count]
    assert not open_ or max(given_) - min(open_) <= 1


def test_facility_location_is_the_plain_greedy_choice():
    rows = points(70)
    cosines = unit_rows(rows) @ unit_rows(rows).T
    best = np.full(70, -1.0)
    for item in select(rows, 20, "mfl").indices:
        gains = np.maximum(cosines - best, 0).sum(axis=1)
        assert gains[item] == pytest.approx(gains.max(), rel=1e-5)
        best = np.maximum(best, cosines[item])


def test_fast_vote_k_is_the_published_sum():
    rows = points(120)
    neighbours = nearest_neighbours(rows, 9)
    voters = [np.flatnonzero((neighbours.indices == u).any(axis=1)) for u in range(120)]
    covered, picked = np.zeros(120), []
    for item in select(rows, 20, "fast-vote-k", neighbours=neighbours).indices.tolist():
        worth = np.where(np.isin(np.arange(120), picked), 0, 10.0**-covered)
        scores = [worth[v].sum() if u not in picked else -100 for u, v in enumerate(voters)]
        assert scores[item] == pytest.approx(max(scores))
        picked.append(item)
        covered[voters[item]] += 1


def test_official_fast_vote_k_stops_where_no_vote_is_left_and_ours_goes_on():
    rows = points(40)
    with pytest.raises(InputError, match="have a vote that counts, expected 40"):
        select(rows, 40, "fast-vote-k", k=1, behaviour="official")
    assert len(select(rows, 40, "fast-vote-k", k=1)) == 40


@pytest.mark.parametrize("behaviour", ["corrected", "official"])
def test_vote_k_takes_one_from_each_level_of_confidence(behaviour):
    rows = points(200)
    asked: list[np.ndarray] = []

    def confidence(annotated: np.ndarray, others: np.ndarray) -> np.ndarray:
        asked.extend([annotated, others])
        return -others.astype(float)  # the higher the number, the less sure

    found = select(rows, 20, "vote-k", confidence=confidence, behaviour=behaviour).indices
    start = select(rows, 2, "fast-vote-k", behaviour=behaviour).indices
    assert asked[0].tolist() == found[:2].tolist() == start.tolist()
    assert sorted([*asked[0], *asked[1]]) == list(range(200))
    ranked = asked[1][np.argsort(-asked[1])]
    for level, item in enumerate(found[2:]):  # 18 buckets of 10, the surest tenth is left out
        assert item in ranked[10 * level : 10 * level + 10]


def test_nearest_takes_the_queries_in_turn():
    rows = np.eye(6, dtype=np.float32) + 0.01
    queries = rows[[4, 1]] + np.array([[0, 0, 0.3, 0, 0, 0], [0, 0, 0, 0, 0.3, 0]])
    found = select(rows, 3, "nearest", queries=queries)
    assert found.indices.tolist() == [4, 1, 2]
    assert found.scores[0] > found.scores[2]


def test_coverage_is_the_mean_of_the_best_cosine():
    rows = unit_rows(points(30))
    assert coverage(rows, [4, 9]) == pytest.approx((rows @ rows[[4, 9]].T).max(axis=1).mean())


def test_names_are_read_in_any_spelling():
    rows = points(12)
    for name in ("kcenter", "K_Centre", "k-centre"):
        assert select(rows, 3, name).method == "k-centre"
    assert select(rows, 3, "fast_votek").method == "fast-vote-k"
    with pytest.raises(UnknownNameError, match=r"no selector 'ideel'.*did you mean ideal\?"):
        select(rows, 3, "ideel")


def test_copies_are_chosen_at_most_once_each():
    rows = np.repeat(points(5), 8, axis=0)
    for method in METHODS:
        found = select(rows, 40, method, **extras(method, rows))
        assert sorted(found.indices.tolist()) == list(range(40))
    assert len({i // 8 for i in select(rows, 5, "k-centre").indices.tolist()}) == 5


NAN = points(4)
NAN[2, 1] = np.nan
INFINITE = points(4)
INFINITE[3, 0] = np.inf
ZERO = points(4)
ZERO[1] = 0


@pytest.mark.parametrize(
    ("rows", "budget", "more", "message"),
    [
        (np.empty((0, 3)), 1, {}, "have no row, expected at least one item"),
        ([], 1, {}, "have no row"),
        (np.empty((3, 0)), 1, {}, r"shape \[3, 0\]"),
        (points(5)[0], 1, {}, r"shape \[6\], expected \[n, d\]"),
        ([[1.0], [1.0, 2.0]], 1, {}, "rows of different length"),
        ([["a", "b"]], 1, {}, "expected numbers"),
        (NAN, 1, {}, "row 2 of the embeddings has NaN"),
        (INFINITE, 1, {}, "row 3 of the embeddings has an infinite"),
        (ZERO, 1, {}, "row 1 of the embeddings holds only zeros"),
        (points(5), 6, {}, "budget is 6, but the pool has 5 items"),
        (points(1), 2, {}, "budget is 2, but the pool has 1 item$"),
        (points(5), 4, {"annotated": [0, 1]}, "5 items, of which 2 are annotated"),
        (points(5), 0, {}, "budget is 0"),
        (points(5), 2.0, {}, "budget is 2.0"),
        (points(5), True, {}, "budget is True"),
        (points(5), 2, {"annotated": [1, 1]}, "item 1 more than once"),
        (points(5), 2, {"annotated": [7]}, "item 7, expected 0 to 4"),
        (points(5), 2, {"annotated": [True]}, "a mask of 1, expected 5"),
        (points(5), 2, {"annotated": [0.5]}, "expected numbers of items"),
        (points(5), 2, {"k": 5}, "k is 5, expected 1 to 4"),
        (points(5), 2, {"method": "random", "k": 2}, "random takes no k, which is for fast-vote-k"),
        (points(5), 2, {"method": "nearest"}, "nearest needs queries"),
        (points(5), 2, {"method": "nearest", "queries": points(1, 3)}, "the queries have 3 numb"),
        (points(5), 2, {"method": "vote-k"}, "needs the confidence of a model"),
        (points(5), 2, {"labels": ["a"]}, "there are 1 labels, expected one for each of 5"),
        (points(5), 2, {"seed": -1}, "seed is -1"),
        (points(5), 2, {"graphs": 0}, "graphs is 0"),
        (points(5), 2, {"behaviour": "parity"}, "behaviour is 'parity'"),
        (points(5), 2, {"neighbours": nearest_neighbours(points(6), 2)}, "are of 6 items"),
        (points(5), 2, {"annotated": [1], "behaviour": "official"}, "starts from nothing"),
    ],
)
def test_bad_input_is_one_sentence(rows, budget, more, message):
    with pytest.raises(InputError, match=message) as caught:
        select(rows, budget, **more)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "message"),
    [([0.5], r"shape \[1\]"), ([np.nan] * 29, "NaN for item"), (np.ones((29, 1)), "shape")],
)
def test_a_confidence_that_cannot_be_used_is_a_sentence(answer, message):
    with pytest.raises(InputError, match=message):
        select(points(30), 10, "vote-k", confidence=lambda annotated, others: answer)
