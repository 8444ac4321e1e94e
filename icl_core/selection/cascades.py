"""How far a choice of items reaches: the influence graph and the independent cascade.

Source: "IDEAL: Influence-Driven Selective Annotations" (arXiv 2310.10873), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from icl_core.selection.neighbours import Neighbours, nearest_neighbours

RUNS = 10
"""Cascades that the released code averages over."""


@dataclass(frozen=True, eq=False)
class InfluenceGraph:
    """Edges from every item to its neighbours, each with the chance that it passes on.

    Args:
        targets: int32 [n, k], from the least to the most similar; -1 = no edge.
        chances: float32 [n, k] in [0, 1]; 0 where there is no edge.
    """

    targets: np.ndarray
    chances: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def order(self) -> list[int]:
        """Items in the order in which the edges, read row by row, name them first."""
        seen: dict[int, None] = {}
        for item, row in enumerate(self.targets.tolist()):
            seen[item] = None
            seen.update((target, None) for target in row if target >= 0)
        return list(seen)

    def successors(self) -> list[list[tuple[int, float]]]:
        """For each item the pairs (target, chance), in the order of `targets`."""
        return [
            [(target, chance) for target, chance in zip(row, chances, strict=True) if target >= 0]
            for row, chances in zip(self.targets.tolist(), self.chances.tolist(), strict=True)
        ]


def influence_graph(neighbours: Neighbours) -> InfluenceGraph:
    """Turn neighbours into edges: the chance is the cosine over the sum of the item's cosines.

    Negative cosines count as 0. An item all of whose cosines are 0 influences nobody.
    """
    cosines = np.maximum(neighbours.similarities, 0)
    sums = cosines.sum(axis=1, keepdims=True)
    chances = np.divide(cosines, sums, out=np.zeros_like(cosines), where=sums > 0)
    chances[neighbours.indices < 0] = 0
    return InfluenceGraph(neighbours.indices, chances.astype(np.float32))


def influence(
    embeddings: Any,
    indices: Any,
    *,
    k: int = 10,
    runs: int = 200,
    seed: int = 0,
    behaviour: str = "corrected",
) -> float:
    """Simulate how many items a choice reaches, on average.

    Args:
        embeddings: [n, d].
        indices: the chosen items.
        k: neighbours of each item in the graph.
        runs: cascades.
        seed: of the cascades.
        behaviour: "official" counts an item once for each parent that activates it in one wave,
            as the released simulator does; "corrected" counts it once.

    Raises:
        InputError: bad embeddings or k.
    """
    graph = influence_graph(nearest_neighbours(embeddings, k, behaviour=behaviour))
    seeds = [int(index) for index in indices]
    simulate = cascade if behaviour == "official" else distinct_cascade
    return simulate(graph.successors(), seeds, runs, Random(seed))


def cascade(
    successors: list[list[tuple[int, float]]], seeds: list[int], runs: int, random: Random
) -> float:
    """Run the released simulator: mean number of activations over `runs` cascades.

    Within a wave an item counts once for every parent that activates it, and then tries its
    successors as often. One number is drawn for each successor that is not active yet, in order.
    """
    draw = random.random
    total = 0
    for _ in range(runs):
        active = set(seeds)
        wave = list(seeds)
        total += len(wave)
        while wave:
            reached = [
                target
                for item in wave
                for target, chance in successors[item]
                if target not in active and draw() < chance
            ]
            active.update(reached)
            total += len(reached)
            wave = reached
    return total / runs


def distinct_cascade(
    successors: list[list[tuple[int, float]]], seeds: list[int], runs: int, random: Random
) -> float:
    """Return the mean number of different items that are active at the end of a cascade."""
    draw = random.random
    total = 0
    for _ in range(runs):
        active = set(seeds)
        wave = list(active)
        while wave:
            reached = {
                target
                for item in wave
                for target, chance in successors[item]
                if target not in active and draw() < chance
            }
            active |= reached
            wave = sorted(reached)
        total += len(active)
    return total / runs
