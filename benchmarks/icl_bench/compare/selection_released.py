"""The released procedure of IDEAL, written down plainly: what the comparison of selection times.

It follows the published description step by step and keeps the data structure of the release, a
networkx graph whose edges carry their chances. One cosine row at a time, ten new cascades for
every candidate in every round, Python's random numbers, activations counted once for each parent.
"""

from __future__ import annotations

from importlib import import_module
from random import Random
from typing import Any

import numpy as np


def released_graph(embeddings: np.ndarray, k: int) -> Any:
    """Build the influence graph.

    Args:
        embeddings: float [n, d].
        k: neighbours of each item.

    Returns:
        A `networkx.DiGraph` of items; edges have a `weight`.
    """
    networkx: Any = import_module("networkx")
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    graph = networkx.DiGraph()
    for item in range(len(unit)):
        cosines = unit @ unit[item]
        near = np.argsort(cosines)[-k - 1 : -1]
        total = cosines[near].sum()
        graph.add_node(item)
        for other in near.tolist():
            if other != item:
                graph.add_edge(item, other, weight=float(cosines[other] / total))
    return graph


def released_cascade(graph: Any, seeds: list[int], random: Random) -> int:
    """Run one cascade; returns the number of activations."""
    active = set(seeds)
    wave = list(seeds)
    count = len(wave)
    while wave:
        reached = []
        for item in wave:
            for other in graph.successors(item):
                if other not in active and random.random() < graph[item][other]["weight"]:
                    reached.append(other)
        active.update(reached)
        count += len(reached)
        wave = reached
    return count


def released_ideal(embeddings: np.ndarray, budget: int, k: int, seed: int, runs: int) -> list[int]:
    """Pick items: the one with most edges first, then in each round the one that adds most.

    Args:
        embeddings: float [n, d].
        budget: items to pick.
        k: neighbours of each item.
        seed: of the cascades.
        runs: cascades of each candidate.
    """
    random = Random(seed)
    graph = released_graph(embeddings, k)
    first = max(graph.nodes, key=graph.out_degree)
    picked = [first]
    value: float | None = None
    while len(picked) < budget:
        best, pick = -1.0, first
        for item in graph.nodes:
            if item not in picked:
                total = 0
                for _ in range(runs):
                    total += released_cascade(graph, [*picked, item], random)
                value = total / runs
            # The release compares the last value again where it passes a picked item.
            if value is not None and value > best:
                best, pick = value, item
        picked.append(pick)
    return picked
