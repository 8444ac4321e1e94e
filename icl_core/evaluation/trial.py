"""What is evaluated: one learner on one source, scored by one metric; and the key of its results.

A key is made of what decides a number and of nothing else: never of the device, the host, the
batch size, or the path of the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core import catalogue
from icl_core.errors import InputError, PluginError
from icl_core.types import Episode

if TYPE_CHECKING:
    from icl_core.learner import Learner


@dataclass(frozen=True)
class LearnerChoice:
    """A learner as a suite names it.

    Args:
        name: of the learner.
        weights: as in `icl.load`; None = its default.
        options: of `icl.load`.
        predict_options: of `predict_episodes`.
        label: what it is called in tables; its name where not given.
    """

    name: str
    weights: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    predict_options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return self.label or self.name


@dataclass(frozen=True)
class SourceChoice:
    """A source of episodes as a suite names it.

    Args:
        name: of the source.
        folder: where its data is; None for a source that needs none.
        options: of the source.
        label: what it is called in tables; its name where not given.
        limit: only the first so many episodes; None = all. No part of a result's key.
    """

    name: str
    folder: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    limit: int | None = None

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return self.label or self.name

    def episodes(self) -> Sequence[Episode]:
        """Make its episodes, whatever the limit.

        Raises:
            IclError: no such source, or its data is missing or damaged.
        """
        make = catalogue.resolve("icl_episode_sources", self.name)
        try:
            made = (
                make(**self.options) if self.folder is None else make(self.folder, **self.options)
            )
        except TypeError as error:  # an option that the source does not have
            raise InputError(f"source {self.name}: {error}") from error
        episodes: Sequence[Episode] = made if isinstance(made, Sequence) else list(made)
        if not len(episodes):
            raise InputError(f"source {self.name} has no episodes, expected at least one")
        return episodes


@dataclass(frozen=True)
class Score:
    """Which number of a metric counts.

    Args:
        metric: name of the metric.
        number: the number of its aggregate that ranks learners.
        perfect: the value of that number that cannot be beaten.
    """

    metric: str
    number: str
    perfect: float

    def measure(self) -> Any:
        """Import the metric."""
        return catalogue.resolve("icl_metrics", self.metric)


@dataclass(frozen=True)
class Trial:
    """One learner on one source.

    Args:
        suite: name and version of the suite.
        learner: who.
        source: on what.
        score: by which metric.
        change: what a probe or a selector did to the contexts; empty where they are as they were.
    """

    suite: str
    learner: LearnerChoice
    source: SourceChoice
    score: Score
    change: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How progress and errors call it."""
        change = "".join(f" {key}={value}" for key, value in self.change.items())
        return f"{self.learner.title} on {self.source.title}{change}"

    def facts(self, data: str, weights: str | None) -> dict[str, Any]:
        """Return what decides its results, as plain data.

        Args:
            data: digest of the source's data.
            weights: digest of the learner's weights.
        """
        learner, source = asdict(self.learner), asdict(self.source)
        return {
            "suite": self.suite,
            "learner": learner["name"],
            "learner_options": plain(learner["options"]),
            "predict_options": plain(learner["predict_options"]),
            "weights": weights,
            "source": source["name"],
            "source_options": plain(source["options"]),
            "data": data,
            "metric": self.score.metric,
            "change": plain(self.change),
        }


def key_of(facts: Mapping[str, Any]) -> str:
    """Return the key of facts: sha256 of their JSON with sorted names."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return options as JSON data; a path counts by its last part, so that a move changes nothing.

    Raises:
        InputError: an option is no plain data.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Path):
        return value.name
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise InputError(f"option {value!r} is a {type(value).__name__}, expected plain data")


def data_digest(episodes: Sequence[Episode]) -> str:
    """Return a digest of which data a source has: its own, or that of the episodes' names."""
    own = getattr(episodes, "digest", None)
    if callable(own):
        return str(own())
    sha = hashlib.sha256()
    for number, episode in enumerate(episodes):
        sha.update(f"{episode_name(episode, number)}\n".encode())
    return sha.hexdigest()


def episode_name(episode: Episode, number: int) -> str:
    """Return the name of an episode: `meta["id"]`, else its number."""
    return str(episode.meta.get("id", number))


def weights_digest(learner: Learner) -> str | None:
    """Return the digest of a learner's weights file, if it has one."""
    weights = learner.load_options.weights
    return None if weights is None else weights.digest()


def load(choice: LearnerChoice, device: str = "auto", dtype: str = "auto") -> Learner:
    """Load the learner of a suite.

    Raises:
        IclError: it is unknown, its weights are missing, or it failed.
    """
    import icl_core

    try:
        return icl_core.load(
            choice.name, choice.weights, device=device, dtype=dtype, **choice.options
        )
    except TypeError as error:  # an option that is an argument of `load` as well
        raise InputError(f"options of {choice.name} in the suite: {error}") from error


def checked_number(scores: Mapping[str, float], score: Score) -> float:
    """Return the number of an aggregate that counts.

    Raises:
        PluginError: the metric does not give it.
    """
    if score.number not in scores:
        raise PluginError(
            f"metric {score.metric} gives {', '.join(sorted(scores))}, and the suite asks for "
            f"{score.number!r}"
        )
    return float(scores[score.number])
