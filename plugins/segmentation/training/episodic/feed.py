"""A mixture of episode sources as one stream of batches.

A batch depends on the seed and on its number alone: not on the number of workers, nor on where a
run was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import torch.utils.data

from episodic.samples import VIEWS, Sample, SampleMaker
from icl_core import catalogue
from icl_core.errors import InputError
from icl_core.types import Episode

EPISODES = 20_000
"""Episodes that a source is asked for; they are drawn from again and again."""
TRIES = 100


@dataclass(frozen=True)
class Source:
    """A source of episodes and its share of the mixture.

    Args:
        name: as the plugins call it, or `module:function` of one's own.
        folder: of the data.
        view: how its episodes are read, one of `VIEWS` of the learner.
        weight: its share, relative to the others.
        options: arguments of the source.
    """

    name: str
    folder: str
    view: str
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def parse(text: str, learner: str) -> Source:
        """Read `name=folder[,view=...][,weight=...][,option=value...]`.

        Raises:
            InputError: it is written otherwise, or the learner has no such view.
        """
        first, *rest = text.split(",")
        name, equals, folder = first.partition("=")
        pairs = [part.partition("=") for part in rest]
        if not equals or not name or not all(key and sign for key, sign, _ in pairs):
            raise InputError(
                f"the source {text!r} cannot be read",
                hint="expected name=folder, then ,key=value such as ,split=train,view=instance",
            )
        options: dict[str, Any] = {key: _value(value) for key, _, value in pairs}
        view, weight = options.pop("view", VIEWS[learner][0]), options.pop("weight", 1)
        if view not in VIEWS[learner]:
            raise InputError(
                f"the source {text!r} has view {view!r}, expected one of "
                f"{', '.join(VIEWS[learner])} for {learner}"
            )
        if not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise InputError(f"the source {text!r} has weight {weight!r}, expected one above 0")
        return Source(name, folder, view, float(weight), options)

    def open(self) -> Sequence[Episode]:
        """Return the episodes.

        Raises:
            UnknownNameError: no plugin has the source.
            InputError: its data are not there, or it does not take an option.
        """
        if ":" in self.name:
            make: Any = catalogue.import_object(self.name, "the source")
        else:
            make = catalogue.resolve("icl_episode_sources", self.name)
        try:
            found: Sequence[Episode] = make(self.folder, **{"episodes": EPISODES, **self.options})
        except TypeError as error:
            raise InputError(f"the source {self.name!r} does not take its options: {error}") from (
                error
            )
        if not len(found):
            raise InputError(f"the source {self.name!r} has no episode in {self.folder}")
        return found


class Feed(torch.utils.data.Dataset[list[Sample]]):
    """Batch number n of a run, for any n.

    Args:
        sources: the mixture.
        make: turns episodes into samples.
        batch: episodes a batch.
        seed: of all draws.
    """

    def __init__(self, sources: Sequence[Source], make: SampleMaker, batch: int, seed: int) -> None:
        self.sources, self.make, self.batch, self.seed = tuple(sources), make, batch, seed
        # Opened where it is read: episode lists hold functions, which cannot go to a worker.
        self._lists: dict[int, Sequence[Episode]] = {}

    def __getitem__(self, number: int) -> list[Sample]:
        """Draw a batch."""
        return [
            self._draw(np.random.default_rng([self.seed, number, place]))
            for place in range(self.batch)
        ]

    def _draw(self, rng: np.random.Generator) -> Sample:
        weights = np.array([source.weight for source in self.sources])
        place = int(rng.choice(len(weights), p=weights / weights.sum()))
        source = self.sources[place]
        if place not in self._lists:
            self._lists[place] = source.open()
        episodes = self._lists[place]
        for _ in range(TRIES):
            episode = episodes[int(rng.integers(len(episodes)))]
            sample = self.make(episode, source.view, rng)
            if sample is not None:
                return sample
        raise InputError(
            f"{TRIES} episodes of {source.name!r} in a row show nothing to learn from",
            hint=f"are there masks in {source.folder}, and truths of its queries?",
        )


def stream(feed: Feed, first: int, last: int | None, workers: int) -> Iterator[list[Sample]]:
    """Return batches `first` to `last` - 1, or without end, drawn ahead by worker processes."""
    numbers: Iterable[int] = count(first) if last is None else range(first, last)
    if not workers:
        return (feed[number] for number in numbers)
    loader: Iterable[list[Sample]] = torch.utils.data.DataLoader(
        feed,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_unchanged,
        prefetch_factor=2,
    )
    return iter(loader)


def _unchanged(batch: list[Sample]) -> list[Sample]:
    return batch


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text.lower(), text)
