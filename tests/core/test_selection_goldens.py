"""Selection against what the released code gave: picks exactly, weights to 1e-6."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from icl_core.selection import nearest_neighbours, select
from icl_core.selection.cascades import cascade, distinct_cascade, influence_graph

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "golden" / "context_selection"
SETS = {"a": 5, "b": 10}

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the golden arrays of context selection are not here"
)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "selection.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def means() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "selection.json").read_text())
    return found


@pytest.mark.parametrize("behaviour", ["corrected", "official"])
@pytest.mark.parametrize("k", [5, 10, 20])
@pytest.mark.parametrize("name", SETS)
def test_fast_vote_k_picks_the_released_items(golden, name, k, behaviour):
    found = select(golden[f"emb_{name}"], 18, "fast-vote-k", k=k, behaviour=behaviour)
    assert found.indices.tolist() == golden[f"fast_votek_{name}_k{k}_m18"].tolist()


@pytest.mark.parametrize("behaviour", ["corrected", "official"])
@pytest.mark.parametrize("method", ["diversity", "random"])
@pytest.mark.parametrize("name", SETS)
def test_random_and_diversity_follow_the_released_random_stream(golden, name, method, behaviour):
    found = select(golden[f"emb_{name}"], 12, method, seed=0, behaviour=behaviour)
    assert found.indices.tolist() == golden[f"{method}_{name}"].tolist()


@pytest.mark.parametrize("name", SETS)
def test_facility_location_is_released_sorted_and_ours_in_pick_order(golden, name):
    released = select(golden[f"emb_{name}"], 12, "mfl", behaviour="official")
    assert released.indices.tolist() == golden[f"mfl_{name}"].tolist()
    ours = select(golden[f"emb_{name}"], 12, "mfl")
    assert sorted(ours.indices) == golden[f"mfl_{name}"].tolist()
    assert (np.diff(ours.scores) <= 0).all()


@pytest.mark.parametrize("name", SETS)
def test_the_influence_graph_is_the_released_one(golden, name):
    k = SETS[name]
    neighbours = nearest_neighbours(golden[f"emb_{name}"], k, behaviour="official")
    graph = influence_graph(neighbours)
    successors = graph.successors()
    edges = [(item, target) for item in graph.order for target, _ in successors[item]]
    weights = [chance for item in graph.order for _, chance in successors[item]]
    assert graph.order == golden[f"graph_node_order_{name}"].tolist()
    assert edges == [tuple(edge) for edge in golden[f"graph_edges_{name}_k{k}"].tolist()]
    assert np.abs(np.array(weights) - golden[f"graph_weights_{name}_k{k}"]).max() < 1e-6


def test_without_copies_the_corrected_graph_is_the_released_one(golden):
    released = nearest_neighbours(golden["emb_a"], 5, behaviour="official")
    assert (nearest_neighbours(golden["emb_a"], 5).indices == released.indices).all()


@pytest.mark.parametrize("seeds", [(0,), (0, 7, 13)])
@pytest.mark.parametrize("name", SETS)
def test_the_simulator_is_the_released_one(golden, means, name, seeds):
    neighbours = nearest_neighbours(golden[f"emb_{name}"], SETS[name], behaviour="official")
    successors = influence_graph(neighbours).successors()
    key = f"{name}_{'_'.join(map(str, seeds))}"
    assert cascade(successors, list(seeds), 2000, Random(0)) == means[f"ic_{key}"]
    distinct = distinct_cascade(successors, list(seeds), 2000, Random(1))
    assert distinct == pytest.approx(means[f"ic_distinct_{key}"], abs=0.3)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("name", "budget"), [("a", 8), ("b", 6)])
def test_official_ideal_picks_the_released_items(golden, name, budget, seed):
    found = select(
        golden[f"emb_{name}"], budget, "ideal", k=SETS[name], seed=seed, behaviour="official"
    )
    assert found.indices.tolist() == golden[f"ideal_{name}_seed{seed}"].tolist()


@pytest.mark.parametrize(("name", "budget"), [("a", 8), ("b", 6)])
def test_ideal_reaches_at_least_as_far_as_the_released_picks(golden, name, budget):
    points, k = golden[f"emb_{name}"], SETS[name]
    successors = influence_graph(nearest_neighbours(points, k, behaviour="official")).successors()
    ours = select(points, budget, "ideal", k=k).indices.tolist()
    for seed in (0, 1):
        theirs = golden[f"ideal_{name}_seed{seed}"].tolist()
        reached = [cascade(successors, picks, 300, Random(3)) for picks in (ours, theirs)]
        assert reached[0] >= reached[1]
