"""Probes: does a learner learn from its context? Defined once, for every modality.

A probe changes the contexts of a source and nothing else: the queries and the truths stay, so
that the drop of the score is due to the context alone. What a change takes from other episodes
(wrong contexts, distractors) is drawn with a seed per episode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from icl_core.coerce.timeline import time_index
from icl_core.errors import InputError
from icl_core.evaluation.example_pool import kind_of
from icl_core.sources.episodes import EpisodeList, episode_rng
from icl_core.types import Context, Episode, Example, Series, Task

_TRIES = 20
"""Episodes that are looked through for one example that distracts."""

Edit = Callable[[Episode, np.random.Generator, Sequence[Episode]], Episode]
"""Changes one episode; is given all episodes of the source to take other contexts from."""


@dataclass(frozen=True)
class Level:
    """One setting of a probe.

    Args:
        name: as it stands in tables and on the axis of the plot.
        x: its place on that axis.
        edit: what it does.
    """

    name: str
    x: float
    edit: Edit


@dataclass(frozen=True)
class Probe:
    """A question about a learner, asked at several levels of one change.

    Args:
        name: of the probe.
        question: what it asks, in one sentence.
        tasks: for which tasks it makes sense.
        levels: in order; the first is the unchanged context, unless `curve`.
        needs: "examples", "history" or "text": what the contexts must have.
        curve: whether the number is the gain from the first to the last level (else it is the
            mean loss of the changed levels against the first).
    """

    name: str
    question: str
    tasks: frozenset[Task]
    levels: tuple[Level, ...]
    needs: str
    curve: bool = False


def changed(episodes: Sequence[Episode], level: Level, seed: int = 0) -> Sequence[Episode]:
    """Return the episodes with changed contexts; each is made when it is asked for.

    Args:
        episodes: of a source.
        level: what is done.
        seed: of the draws.
    """

    def make(number: int) -> Episode:
        return level.edit(episodes[number], episode_rng(seed, number), episodes)

    return EpisodeList(level.name, len(episodes), make, lambda: [level.name])


def _as_it_is(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
    return episode


def _with(episode: Episode, **parts: Any) -> Episode:
    return replace(episode, context=replace(episode.context, **parts))


def _shots(count: int) -> Edit:
    def edit(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
        """Keep the first examples, as many of each output where outputs are labels."""
        kept: list[Example] = []
        seen: dict[Any, int] = {}
        for example in episode.context.examples:
            kind = example.output if isinstance(example.output, str) else None
            if seen.get(kind, 0) < count:
                kept.append(example)
                seen[kind] = seen.get(kind, 0) + 1
        return _with(episode, examples=tuple(kept))

    return edit


def _permuted(turn: int) -> Edit:
    def edit(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
        for _ in range(turn):
            order = rng.permutation(len(episode.context.examples))
        return _with(episode, examples=tuple(episode.context.examples[i] for i in order))

    return edit


def _other(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Context:
    """A context that does not belong to the query: of another class where classes are known."""
    if len(pool) < 2:
        raise InputError("a wrong context needs a source with at least two episodes")
    for number in rng.permutation(len(pool)):
        found = pool[int(number)]
        if found is not episode and kind_of(found) != kind_of(episode):
            return found.context
    raise InputError("all episodes of the source are of one class; there is no wrong context")


def _wrong_context(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
    """Show the examples of another task; labels are instead moved to each other's inputs."""
    examples = episode.context.examples
    labels = sorted({e.output for e in examples if isinstance(e.output, str)})
    if len(labels) > 1:
        moved = dict(zip(labels, labels[1:] + labels[:1], strict=True))
        return _with(episode, examples=tuple(replace(e, output=moved[e.output]) for e in examples))
    return _with(episode, examples=_other(episode, rng, pool).examples)


def _label_noise(share: float) -> Edit:
    def edit(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
        """Give a share of the examples the output of another example, of any episode if alone."""
        examples = list(episode.context.examples)
        hit = rng.permutation(len(examples))[: int(np.ceil(share * len(examples)))]
        others = [e for e in examples if isinstance(e.output, str)]
        for place in hit:
            own = examples[place]
            wrong = [e.output for e in others if e.output != own.output]
            if isinstance(own.output, str) and wrong:
                output: Any = wrong[int(rng.integers(len(wrong)))]
            else:
                output = _resized(_other(episode, rng, pool).examples[0].output, own.output)
            examples[place] = replace(own, output=output)
        return _with(episode, examples=tuple(examples))

    return edit


def _resized(output: Any, like: Any) -> Any:
    """Bring a mask or picture to the size of another one, by nearest neighbours."""
    if not (isinstance(output, np.ndarray) and isinstance(like, np.ndarray)):
        return output
    rows = np.arange(like.shape[0]) * output.shape[0] // like.shape[0]
    columns = np.arange(like.shape[1]) * output.shape[1] // like.shape[1]
    return output[rows][:, columns]


def _distractors(count: int) -> Edit:
    def edit(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
        """Add examples of other tasks, with other labels, behind the right ones."""
        own = {e.output for e in episode.context.examples if isinstance(e.output, str)}
        added: list[Example] = []
        for _ in range(_TRIES * count):
            examples = _other(episode, rng, pool).examples
            found = [e for e in examples if not (isinstance(e.output, str) and e.output in own)]
            if found:
                added.append(found[int(rng.integers(len(found)))])
            if len(added) == count:
                break
        else:
            raise InputError("episodes of the source have no examples to distract with")
        return _with(episode, examples=(*episode.context.examples, *added))

    return edit


def _history(episode: Episode) -> Series:
    if episode.context.history is None:
        raise InputError("the contexts of the source have no history")
    return episode.context.history


def _recent(share: float) -> Edit:
    def edit(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
        """Keep the last part of the history."""
        history = _history(episode)
        length = len(history)
        kept = min(length, max(4, round(share * length)))
        values, start = np.asarray(history.values), history.start
        if kept < length and start is not None:
            stamps = time_index(replace(history, values=values[..., : length - kept]), 1)
            start = None if stamps is None else stamps[0]
        values = values[..., length - kept :]
        return _with(episode, history=replace(history, values=values, start=start))

    return edit


def _shuffled(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
    """Keep the values and lose their order."""
    history = _history(episode)
    values = np.asarray(history.values)
    order = rng.permutation(values.shape[-1])
    return _with(episode, history=replace(history, values=values[..., order]))


def _no_text(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
    return _with(episode, text=None)


def _wrong_text(episode: Episode, rng: np.random.Generator, pool: Sequence[Episode]) -> Episode:
    return _with(episode, text=_other(episode, rng, pool).text)


_ANY = frozenset(Task)
_SHOWN = frozenset(Task) - {Task.FORECASTING}
_SERIES = frozenset({Task.FORECASTING})
_RIGHT = Level("right", 0, _as_it_is)

PROBES: tuple[Probe, ...] = (
    Probe(
        "shots",
        "Do more examples help?",
        _SHOWN,
        tuple(Level(f"{k} shots", k, _shots(k)) for k in (0, 1, 2, 4, 8)),
        "examples",
        curve=True,
    ),
    Probe(
        "order",
        "Does the order of the examples matter?",
        _SHOWN,
        (_RIGHT, *(Level(f"order {k}", k, _permuted(k)) for k in (1, 2, 3))),
        "examples",
    ),
    Probe(
        "wrong-context",
        "What is lost when the examples are those of another task?",
        _SHOWN,
        (_RIGHT, Level("wrong", 1, _wrong_context)),
        "examples",
    ),
    Probe(
        "label-noise",
        "What is lost when some outputs are false?",
        _SHOWN,
        (_RIGHT, *(Level(f"{round(100 * s)} %", s, _label_noise(s)) for s in (0.25, 0.5, 1.0))),
        "examples",
    ),
    Probe(
        "distractors",
        "What is lost when examples of other tasks are added?",
        _SHOWN,
        (_RIGHT, *(Level(f"{k} more", k, _distractors(k)) for k in (1, 2, 4))),
        "examples",
    ),
    Probe(
        "context-length",
        "Does a longer history help?",
        _SERIES,
        tuple(Level(f"{round(100 * s)} %", s, _recent(s)) for s in (0.125, 0.25, 0.5, 1.0)),
        "history",
        curve=True,
    ),
    Probe(
        "shuffled-history",
        "What is lost when the history loses its order?",
        _SERIES,
        (_RIGHT, Level("shuffled", 1, _shuffled)),
        "history",
    ),
    Probe(
        "wrong-text",
        "What is lost without the text, and with the text of another series?",
        _ANY,
        (_RIGHT, Level("no text", 1, _no_text), Level("wrong text", 2, _wrong_text)),
        "text",
    ),
)
"""All probes, by name in `icl bench probe`."""


def probes_for(task: Task, episode: Episode, *, reads_text: bool) -> list[Probe]:
    """Return the probes that make sense for a learner on a source.

    Args:
        task: of the learner.
        episode: any episode of the source.
        reads_text: whether the learner's card says so.
    """
    context = episode.context
    has = {
        "examples": bool(context.examples),
        "history": context.history is not None,
        "text": bool(context.text) and reads_text,
    }
    return [probe for probe in PROBES if task in probe.tasks and has[probe.needs]]
