"""Selectors inside evaluations: which examples of a pool are shown for each query.

A selector changes the contexts of a source and nothing else, as a probe does, and is defined once
for every modality. There are two kinds. `random`, `nearest` and the selectors of plugins choose for
each query; the others choose once for the pool, as one would choose what to annotate, and show the
same to all queries of a kind. Where outputs are labels, each gets the same number of examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from icl_core.errors import InputError, UnknownNameError
from icl_core.evaluation.confidence import Sure
from icl_core.evaluation.example_pool import Candidates, ExamplePool, described
from icl_core.selection.methods import METHODS, method_named
from icl_core.sources.episodes import EpisodeList, episode_rng
from icl_core.types import Context, Episode

RANDOM, NEAREST = "random", "nearest"
"""The reference of all gains, and what is chosen for a query by a method of the core."""

VOTE_K, FAST_VOTE_K = "vote-k", "fast-vote-k"

OPTIONS = ("k", "graphs")
"""Options of methods that a suite may give."""


@dataclass(frozen=True)
class Selector:
    """One way to choose what a context shows.

    Args:
        name: of the method, or of a plugin's selector; see `selector_named`.
        budget: examples of a context; of each label, where outputs are labels.
        options: of the method.
        embedder: name of a learner whose embeddings are compared; None = plain descriptors.
        seed: of everything that is random.
    """

    name: str
    budget: int
    options: Mapping[str, Any] = field(default_factory=dict)
    embedder: str | None = None
    seed: int = 0

    def change(self) -> dict[str, Any]:
        """Return what stands in the key of a result."""
        found: dict[str, Any] = {"selector": self.name, "budget": self.budget, **self.options}
        if self.embedder is not None:
            found["embedder"] = f"{self.embedder}{_weights_mark(self.embedder)}"
        if self.seed:
            found["seed"] = self.seed
        return found

    def applied(
        self, episodes: Sequence[Episode], pool: ExamplePool, sure: Sure | None = None
    ) -> EpisodeList:
        """Return the episodes with chosen examples; each is made when it is asked for.

        Args:
            episodes: all of a source.
            pool: of the same source.
            sure: asks the learner how sure it is; for vote-k.

        Raises:
            InputError: the first episode that can be made has a pool that is too small.
        """
        chooser = _Chooser(self, sure)

        def make(number: int) -> Episode:
            episode = episodes[number]
            context = chooser.context(number, episode, pool.of(number, episode))
            return Episode(context, episode.query, episode.target, episode.meta)

        for number in range(len(episodes)):
            try:
                first = episodes[number]
            except Exception:  # a failed row of its own
                continue
            self._check(first, pool.of(number, first))
            break
        return EpisodeList(self.name, len(episodes), make, lambda: [self.name])

    def _check(self, episode: Episode, pool: Candidates) -> None:
        if not episode.context.examples:
            raise InputError("the contexts of the source have no examples to select from")
        groups = pool.groups(episode)
        least = min(len(rows) for rows in groups.values())
        if least <= self.budget:
            label = "" if None in groups else " of a label"
            raise InputError(
                f"the pool has {least} example{'' if least == 1 else 's'}{label} and the budget is "
                f"{self.budget}, so there is nothing to select",
                "give the pool more, such as pool: {options: {shots: 8}}",
            )


def _weights_mark(embedder: str) -> str:
    """Tell the weights of an embedder apart, without loading it; empty where it has none."""
    from icl_core import registry

    try:
        card = registry.learner_card(embedder)
    except UnknownNameError:  # the trial itself will say that there is no such learner
        return ""
    sums = " ".join(one.sha256 for one in card.weights if one.sha256)
    return f"@{hashlib.sha256(sums.encode()).hexdigest()[:12]}" if sums else ""


class _Chooser:
    """Chooses for one selector; what is chosen once for a pool is kept."""

    def __init__(self, selector: Selector, sure: Sure | None = None) -> None:
        self._of, self._sure = selector, sure
        self._picked: dict[Any, list[int]] = {}

    def context(self, number: int, episode: Episode, pool: Candidates) -> Context:
        """Return the context of an episode with the chosen examples.

        Raises:
            InputError: the pool has too few examples for this episode.
        """
        of, allowed = self._of, pool.allowed(episode)
        ranks: dict[int, float] = {}
        picks: list[list[int]] = []
        order = self._order(number, episode, pool, ranks)
        for label, rows in pool.groups(episode).items():
            chosen = order(label, rows[allowed[rows]] if len(rows) else rows, rows)
            chosen = [row for row in chosen if allowed[row]][: of.budget]
            if len(chosen) < of.budget:
                what = "examples" if label is None else f"examples of {label!r}"
                raise InputError(
                    f"the pool has {len(chosen)} {what} beside the query, and the budget is "
                    f"{of.budget}"
                )
            picks.append(chosen)
        # The picks of the labels in turn; for a query the most similar last, next to it.
        mixed = [pick[turn] for turn in range(of.budget) for pick in picks]
        if ranks:
            mixed.sort(key=lambda row: ranks[row])
        examples = tuple(pool.example(row) for row in mixed)
        return Context(examples, episode.context.history, episode.context.text)

    def _order(
        self, number: int, episode: Episode, pool: Candidates, ranks: dict[int, float]
    ) -> Callable[[str | None, np.ndarray, np.ndarray], Sequence[int]]:
        """Return what puts the examples of a label in the order in which they are chosen.

        It is given the label, the numbers of the examples that may be shown, and of all.
        """
        of = self._of
        if of.name == RANDOM:
            rng = episode_rng(of.seed, number)
            return lambda label, free, rows: rng.permutation(free).tolist()
        if of.name not in METHODS:
            return lambda label, free, rows: self._foreign(episode, pool, free)
        points = _unit(pool.embed(of.embedder))
        if of.name == VOTE_K:
            groups = pool.groups(episode)
            return lambda label, free, rows: self._voted(pool, points, label, groups, len(free))
        if of.name != NEAREST:
            return lambda label, free, rows: self._once(pool, points, label, rows, len(free))
        cosines = points @ _unit(described([episode.query], of.embedder))[0]
        ranks.update(enumerate(cosines.tolist()))
        return lambda label, free, rows: free[np.argsort(-cosines[free], kind="stable")].tolist()

    def _once(
        self, pool: Candidates, points: np.ndarray, label: str | None, rows: np.ndarray, free: int
    ) -> list[int]:
        """Choose what the pool is best shown by, with as many more as a query cannot be shown."""
        from icl_core.selection import select

        of = self._of
        wanted = min(of.budget + len(rows) - free, len(rows))
        key = pool.kind, label
        if len(self._picked.get(key, ())) < wanted:
            # Greedy: more picks come behind the same ones.
            chosen = select(points[rows], wanted, of.name, seed=of.seed, **of.options)
            self._picked[key] = [int(rows[n]) for n in chosen.indices]
        return self._picked[key]

    def _voted(
        self,
        pool: Candidates,
        points: np.ndarray,
        label: str | None,
        groups: Mapping[str | None, np.ndarray],
        free: int,
    ) -> list[int]:
        """Choose by votes and by the learner's confidence, as `icl select vote-k`.

        For the items of one label the learner is shown the first picks of all labels. What a query
        cannot be shown is replaced by the next items of fast vote-k.
        """
        from icl_core.selection import select

        of, ask = self._of, self._sure
        if ask is None:
            raise InputError("vote-k asks the learner how sure it is, and there is no learner")
        rows, key = groups[label], (pool.kind, tuple(groups), label)
        few = max(1, of.budget // 10)

        def fast(some: np.ndarray, count: int) -> list[int]:
            found = select(points[some], count, FAST_VOTE_K, seed=of.seed, **of.options)
            return [int(some[n]) for n in found.indices]

        def confidence(annotated: np.ndarray, others: np.ndarray) -> list[float]:
            shown = [int(rows[n]) for n in annotated]
            shown += [row for name in groups if name != label for row in fast(groups[name], few)]
            examples = [pool.example(row) for row in shown]
            return ask(examples, [pool.example(int(rows[n])).input for n in others])

        if key not in self._picked:
            found = select(
                points[rows], of.budget, VOTE_K, seed=of.seed, confidence=confidence, **of.options
            )
            self._picked[key] = [int(rows[n]) for n in found.indices]
        chosen = self._picked[key]
        if free == len(rows):
            return chosen
        return [*chosen, *(row for row in fast(rows, len(rows)) if row not in chosen)]

    def _foreign(self, episode: Episode, pool: Candidates, free: np.ndarray) -> list[int]:
        from icl_core.selection import run_selector

        items = [pool.example(int(row)).input for row in free]
        found = run_selector(self._of.name, items, episode.query, self._of.budget)
        return [int(free[n]) for n in found]


def _unit(rows: np.ndarray) -> np.ndarray:
    from icl_core.selection.points import unit_rows

    return unit_rows(rows)


def selector_named(name: str) -> str:
    """Return the name of a selector that can stand in a suite.

    Args:
        name: of a method, in any spelling of `method_named`, or of a plugin's selector.

    Raises:
        UnknownNameError: there is none.
    """
    try:
        return method_named(name)
    except UnknownNameError:
        from icl_core.selection import selector_names

        foreign = [one for one in selector_names() if one not in METHODS]
        if name in foreign or name.partition(":")[2] in foreign:
            return name
        raise
