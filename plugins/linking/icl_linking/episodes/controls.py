"""Changes to episodes that tell learning from guessing.

A learner that reads its supports loses what it gained when they are blanked or taken from another
episode, follows the names when these change places, and knows nothing about a blank query. One
that does not lose anything never used the pictures, whatever its accuracy.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.types import Context, Episode, Example
from icl_linking.episodes.pictures import LinkEpisodes

GREY = 128
"""Blank pictures are mid-grey: some models take an all-zero picture for padding and drop it."""

REAL = "real"
BLANK = "supports-blank"

CONTROLS: Mapping[str, str] = {
    REAL: "the episode as it is",
    BLANK: "all supports mid-grey, labels kept",
    "supports-swapped": "support pictures of another episode's classes, labels kept",
    "labels-swapped": "the names change places among the classes of the supports",
    "query-blank": "the query mid-grey",
}
"""Name -> what is changed, in the order of a report."""


_SEARCHED = 400
"""How many sets of classes are looked through for the most different one."""


class NoControlError(InputError):
    """A control cannot be made of these episodes; the sentence says why."""


def controlled(episodes: Sequence[Episode], control: str) -> LinkEpisodes:
    """Change all episodes of a list.

    Targets stay what they were. Where the names change places, `meta["follows"]` is the name that
    the changed supports give to the query's class.

    Args:
        episodes: of any linking source.
        control: a key of `CONTROLS`.

    Raises:
        InputError: an unknown control.
        NoControlError: the control changes supports, and there are none; or there is only one
            episode to take supports from.
    """
    if control not in CONTROLS:
        raise InputError(f"control is {control!r}, expected one of {', '.join(CONTROLS)}")
    if control not in (REAL, "query-blank") and not episodes[0].context.examples:
        raise NoControlError("the episodes show no supports")
    make: Callable[[int], Episode]
    if control == REAL:
        make = episodes.__getitem__
    elif control == BLANK:
        make = lambda n: _blank_supports(episodes[n])  # noqa: E731
    elif control == "query-blank":
        make = lambda n: replace(episodes[n], query=blank(episodes[n].query))  # noqa: E731
    elif control == "labels-swapped":
        make = lambda n: swap_labels(episodes[n])  # noqa: E731
    else:
        partners = _partners(episodes)
        make = lambda n: _with_supports_of(episodes[n], episodes[partners[n]])  # noqa: E731
    name = getattr(episodes, "name", "episodes")
    data = getattr(episodes, "_data", tuple)
    pool = episodes.pool if isinstance(episodes, LinkEpisodes) else None

    def labels(number: int) -> tuple[str, ...]:
        return options_at(episodes, number)

    return LinkEpisodes(f"{name}, {control}", len(episodes), make, data, labels, pool)


def blank(image: Any) -> np.ndarray:
    """Return a mid-grey picture of the same size; the same array for the same size."""
    height, width = to_image(image).shape[:2]
    return _grey(height, width)


def swap_labels(episode: Episode) -> Episode:
    """Give each class of the supports the name of the next one; with two they change places."""
    names = tuple(dict.fromkeys(str(example.output) for example in episode.context.examples))
    if len(names) < 2:
        return episode
    renamed = dict(zip(names, names[1:] + names[:1], strict=True))
    examples = tuple(
        replace(example, output=renamed[str(example.output)])
        for example in episode.context.examples
    )
    meta = {**episode.meta, "follows": renamed.get(str(episode.target))}
    return replace(episode, context=replace(episode.context, examples=examples), meta=meta)


def _blank_supports(episode: Episode) -> Episode:
    examples = tuple(
        Example(blank(example.input), example.output) for example in episode.context.examples
    )
    return replace(episode, context=replace(episode.context, examples=examples))


def _with_supports_of(episode: Episode, other: Episode) -> Episode:
    """Show the pictures of another episode, class by class, under the names of this one.

    Classes that both have are shifted, so that no name gets pictures of the class that it names.
    """
    pools, own = _by_label(other.context), list(_by_label(episode.context))
    alike = episode.meta.get("pool") == other.meta.get("pool")
    names = sorted(pools, key=lambda name: own.index(name) if alike and name in own else len(own))

    def given(shift: int) -> dict[str, str]:
        return {label: names[(n + shift) % len(names)] for n, label in enumerate(own)}

    def kept(shift: int) -> int:
        return sum(alike and label == name for label, name in given(shift).items())

    renamed = given(min(range(len(names)), key=kept))
    taken: dict[str, int] = {}
    examples = []
    for example in episode.context.examples:
        label = str(example.output)
        pictures = pools[renamed[label]]
        number = taken[label] = taken.get(label, -1) + 1
        examples.append(Example(pictures[number % len(pictures)], label))
    return replace(episode, context=replace(episode.context, examples=tuple(examples)))


def _by_label(context: Context) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for example in context.examples:
        found.setdefault(str(example.output), []).append(example.input)
    return found


def _partners(episodes: Sequence[Episode]) -> list[int]:
    """For each episode, one whose classes are as different as can be; the next one of these."""
    sets = [_classes(episodes, number) for number in range(len(episodes))]
    places: dict[frozenset[Any], list[int]] = {}
    for number, classes in enumerate(sets):
        places.setdefault(classes, []).append(number)
    different = list(places)
    chosen: dict[frozenset[Any], list[int]] = {}
    for place, own in enumerate(different):
        after = [*different[place + 1 :], *different[:place], own][:_SEARCHED]
        best = min(after, key=lambda classes: len(own & classes))
        chosen[own] = places[best]
    partners = []
    for number, own in enumerate(sets):
        others = chosen[own]
        after_it = bisect.bisect_right(others, number)
        partners.append(others[after_it % len(others)])
    if partners == list(range(len(sets))):
        raise NoControlError("there is one episode only, so no other to take supports from")
    return partners


def _classes(episodes: Sequence[Episode], number: int) -> frozenset[Any]:
    if isinstance(episodes, LinkEpisodes):
        return frozenset(episodes.classes(number))
    episode = episodes[number]
    return frozenset((episode.meta.get("pool"), label) for label in options_of(episode))


def options_at(episodes: Sequence[Episode], number: int) -> tuple[str, ...]:
    """Return the names to choose from in one episode of a list, without reading its pictures."""
    if isinstance(episodes, LinkEpisodes):
        return episodes.labels(number)
    return options_of(episodes[number])


def options_of(episode: Episode) -> tuple[str, ...]:
    """Return the names to choose from: `meta["labels"]`, else those of the supports."""
    known = episode.meta.get("labels")
    if known is not None:
        return tuple(known)
    return tuple(dict.fromkeys(str(example.output) for example in episode.context.examples))


@lru_cache(maxsize=256)
def _grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)
