"""The work itself: a shard of episodes through a learner and a metric, wherever it runs.

It knows no store and no progress, so that a thread here and a worker of a cluster do the same.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from icl_core.errors import IclError
from icl_core.evaluation.store import Row
from icl_core.evaluation.trial import episode_name
from icl_core.learner import Learner
from icl_core.types import Context, Episode

_LONGEST = 200
"""Characters of a text and entries of a list that are kept of an episode's meta."""


def cut(length: int, size: int) -> Iterator[range]:
    """Cut the numbers 0 to length - 1 into shards of `size`, always at the same places."""
    for first in range(0, length, size):
        yield range(first, min(first + size, length))


def evaluate_shard(
    learner: Learner,
    source: Sequence[Episode],
    numbers: Sequence[int],
    measure: Any,
    predict_options: Mapping[str, Any],
) -> list[Row]:
    """Make the episodes of a shard and evaluate them; one that cannot be made is a failed row.

    Args:
        learner: loaded.
        source: all episodes; the shard's are made here.
        numbers: places of the shard's episodes in the source.
        measure: the metric, called with (prediction, target, meta).
        predict_options: of the learner.

    Returns:
        One row an episode, in order.
    """
    found: dict[int, Row] = {}
    made: list[tuple[int, Episode]] = []
    for number in numbers:
        try:
            made.append((number, source[number]))
        except Exception as error:
            found[number] = _failed(Episode(Context(), None), number, error)
    for _, group in groupby(made, lambda pair: wishes(learner, pair[1])):
        chosen = list(group)
        options = {**wishes(learner, chosen[0][1]), **predict_options}
        places, episodes = [n for n, _ in chosen], [episode for _, episode in chosen]
        found |= {row.number: row for row in evaluate(learner, episodes, places, measure, options)}
    return [found[number] for number in numbers]


def wishes(learner: Learner, episode: Episode) -> dict[str, Any]:
    """Return `meta["predict_options"]` of an episode, such as its season, as far as known.

    Args:
        learner: an option that it does not know is left out.
        episode: where the options come from.
    """
    asked = episode.meta.get("predict_options") or {}
    return {name: value for name, value in asked.items() if name in learner.predict_options}


def evaluate(
    learner: Learner,
    episodes: Sequence[Episode],
    numbers: Sequence[int],
    measure: Any,
    predict_options: Mapping[str, Any],
) -> list[Row]:
    """Predict a shard in one call and score it; where that fails, one episode after the other.

    Args:
        learner: loaded.
        episodes: of the shard.
        numbers: their places in the source.
        measure: the metric, called with (prediction, target, meta).
        predict_options: of the learner.

    Returns:
        One row an episode, in order; a failure is a row too.
    """
    try:
        answers: Sequence[Any] = list(
            learner.predict_episodes(episodes, batch_size=len(episodes), **predict_options)
        )
    except Exception as error:
        if len(episodes) == 1:
            return [_failed(episodes[0], numbers[0], error)]
        alone = zip(episodes, numbers, strict=True)
        rows = [evaluate(learner, [e], [n], measure, predict_options) for e, n in alone]
        return [row for one in rows for row in one]
    asked = zip(episodes, numbers, answers, strict=True)
    return [_scored(episode, number, answer, measure) for episode, number, answer in asked]


def _scored(episode: Episode, number: int, answer: Any, measure: Any) -> Row:
    try:
        found = dict(measure(answer, episode.target, episode.meta))
    except Exception as error:
        return _failed(episode, number, error)
    return Row(number, episode_name(episode, number), found, kept_meta(episode.meta))


def _failed(episode: Episode, number: int, error: BaseException) -> Row:
    sentence = str(error) if isinstance(error, IclError) else f"{type(error).__name__}: {error}"
    trace = "" if isinstance(error, IclError) else traceback.format_exc()
    name = episode_name(episode, number)
    return Row(number, name, {}, kept_meta(episode.meta), sentence or type(error).__name__, trace)


def kept_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an episode's meta that is short plain data."""
    kept = {}
    for key, value in meta.items():
        plain = value.item() if getattr(value, "ndim", None) == 0 else value
        if isinstance(plain, tuple):
            plain = list(plain)
        if _short(plain):
            kept[str(key)] = plain
    return kept


def _short(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= _LONGEST and all(
            isinstance(one, str | int | float | bool) for one in value
        )
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return value is None or isinstance(value, int | float | bool)
