"""What can be shown for a query: the pool of labelled examples that selectors choose from.

Defined once, for every modality: the pool of an episode is what the contexts of all episodes of its
kind show, each example once. Kinds are told apart by `meta`; an episode whose meta says no kind has
its own context as its pool, so that a source with more shots than are wanted is a pool already. A
source that knows more examples says so by a method of its list of episodes:

    def candidates(self, number: int) -> Sequence[Example]    # of the episode of that number

The query itself is never shown, nor an example whose answer is the picture that is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from icl_core.errors import InputError
from icl_core.runtime.batching import batches
from icl_core.types import Episode, Example, Series, Video

if TYPE_CHECKING:
    from icl_core.selection.embedders import Embedder

_KEPT = 32
"""Episodes whose examples are held in memory; those of others are made anew."""

_TOGETHER = 32
"""Examples that are embedded together."""

_KINDS = ("class", "class_name", "task", "series", "id")


def kind_of(episode: Episode) -> Any:
    """Return what an episode is about: its class, task or series, else the episode itself."""
    for name in _KINDS:
        if name in episode.meta:
            return episode.meta[name]
    return id(episode)


@dataclass(frozen=True)
class _Place:
    """Where an example stands, and what is known of it without keeping it.

    Args:
        number: of the episode that shows it.
        place: among the episode's examples.
        label: its output, where that is a label.
        input: digest of the input.
        output: digest of the output, where that is an array.
    """

    number: int
    place: int
    label: str | None
    input: bytes
    output: bytes | None


@dataclass(frozen=True, eq=False)
class Candidates:
    """The pool of one kind of episodes.

    Args:
        kind: tells it from other pools of the source.
        places: of the examples, in the order of the episodes.
        example: reads one, by its place in the pool.
        embed: describes them all: embedder -> float32 [n, d].
    """

    kind: Hashable
    places: tuple[_Place, ...]
    example: Callable[[int], Example]
    embed: Callable[[str | None], np.ndarray]

    def __len__(self) -> int:
        return len(self.places)

    def groups(self, episode: Episode) -> dict[str | None, np.ndarray]:
        """Return label -> numbers of its examples, for the labels that the episode shows.

        Where outputs are no labels, all examples are one group, under None.
        """
        labels = dict.fromkeys(
            one.output if isinstance(one.output, str) else None for one in episode.context.examples
        )
        return {
            label: np.array([n for n, one in enumerate(self.places) if one.label == label], int)
            for label in labels
        }

    def allowed(self, episode: Episode) -> np.ndarray:
        """Say which examples may be shown, bool [n]: not the query, nor its answer."""
        query = digest_of(episode.query)
        answer = digest_of(episode.target) if isinstance(episode.target, np.ndarray) else None
        return np.array(
            [one.input != query and (answer is None or one.output != answer) for one in self.places]
        )


class ExamplePool:
    """The pools of a source.

    Args:
        episodes: all of the source, whatever a limit says: a limit shall not change a choice.
    """

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._episodes = episodes
        self._own = getattr(episodes, "candidates", None)
        self._groups: dict[Hashable, list[int]] | None = None
        self._known: dict[Hashable, Candidates] = {}
        self._examples = lru_cache(maxsize=_KEPT)(self._read)

    def of(self, number: int, episode: Episode) -> Candidates:
        """Return the pool of an episode.

        Args:
            number: of the episode.
            episode: itself.

        Raises:
            InputError: an episode of its kind cannot be made.
        """
        if self._own is not None:
            kind: Hashable = ("episode", number)
            numbers = [number]
        else:
            kind = _hashable(kind_of(episode)) if _says_kind(episode) else ("episode", number)
            numbers = self._of_kind().get(kind, [number])
        if kind not in self._known:
            self._known[kind] = self._candidates(kind, numbers)
        return self._known[kind]

    def _of_kind(self) -> dict[Hashable, list[int]]:
        if self._groups is None:
            self._groups = {}
            for number in range(len(self._episodes)):
                try:
                    episode = self._episodes[number]
                except Exception:  # one that cannot be made is a failed row, and shows nothing
                    continue
                if _says_kind(episode):
                    self._groups.setdefault(_hashable(kind_of(episode)), []).append(number)
        return self._groups

    def _candidates(self, kind: Hashable, numbers: Sequence[int]) -> Candidates:
        found: dict[tuple[Any, ...], _Place] = {}
        for number in numbers:
            for place, example in enumerate(self._examples(number)):
                label = example.output if isinstance(example.output, str) else None
                array = isinstance(example.output, np.ndarray)
                output = digest_of(example.output) if array else None
                one = _Place(number, place, label, digest_of(example.input), output)
                found.setdefault((one.input, one.label, one.output), one)
        places = tuple(found.values())

        def read(place: int) -> Example:
            return self._examples(places[place].number)[places[place].place]

        @lru_cache(maxsize=4)
        def embedded(embedder: str | None) -> np.ndarray:
            # Read a few at a time: a pool may be larger than the memory.
            parts = batches(range(len(places)), _TOGETHER)
            return np.concatenate([described([read(n).input for n in p], embedder) for p in parts])

        return Candidates(kind, places, read, embedded)

    def _read(self, number: int) -> tuple[Example, ...]:
        if self._own is not None:
            return tuple(self._own(number))
        return self._episodes[number].context.examples


def described(items: Sequence[Any], embedder: str | None = None) -> np.ndarray:
    """Describe queries or inputs of examples.

    Args:
        items: all pictures, or all series; of a video the first frame counts.
        embedder: name of a learner that embeds; None = a descriptor that needs no weights.

    Returns:
        float32 [n, d].

    Raises:
        InputError: the learner gives no embeddings, or a video has no first frame.
    """
    from icl_core.selection.embedders import BUILT_IN, embed

    shown = [_first_frame(item) if isinstance(item, Video) else item for item in items]
    if embedder is not None:
        return embed(_learner(embedder), shown)
    kind = "series" if isinstance(shown[0], Series) else "pictures"
    return embed(BUILT_IN[kind][1](), shown)


def _first_frame(video: Video) -> Any:
    try:
        return video.frames[0]
    except (TypeError, IndexError) as error:
        raise InputError("a video without frames cannot be compared with pictures") from error


@lru_cache(maxsize=1)
def _learner(name: str) -> Embedder:
    """Load a learner that embeds, on the CPU: a choice shall not depend on the machine."""
    from icl_core import registry
    from icl_core.selection.embedders import learner_embedder

    return learner_embedder(registry.load(name, device="cpu"))


def digest_of(item: Any) -> bytes:
    """Return a digest that equal pictures, series and paths share."""
    sha = hashlib.blake2b(digest_size=16)
    if isinstance(item, Series):
        item = np.asarray(item.values)
    if isinstance(item, np.ndarray):
        sha.update(f"{item.dtype} {item.shape}".encode())
        sha.update(np.ascontiguousarray(item).tobytes())
    elif isinstance(item, bytes):
        sha.update(item)
    elif isinstance(item, str | Path):
        sha.update(str(item).encode("utf-8", "surrogateescape"))
    else:  # nothing that could be compared: itself alone
        sha.update(f"{type(item).__name__} {id(item)}".encode())
    return sha.digest()


def _says_kind(episode: Episode) -> bool:
    return any(name in episode.meta for name in _KINDS)


def _hashable(value: Any) -> Hashable:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, str | int | float) else repr(plain)
