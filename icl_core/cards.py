"""Cards: what exists, as plain data that is read without importing any heavy library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from icl_core.errors import PluginError
from icl_core.types import Task


@dataclass(frozen=True)
class WeightCard:
    """One file of weights.

    Args:
        name: how it is asked for, `icl.load(learner, weights=name)`. "bundled" and "official"
            are the two names that every user may try.
        file: file name in the cache, or in the plugin's package data.
        size: bytes; None where the publisher gives none.
        sha256: hex digest; None where the publisher gives none (then it is recorded at download).
        url: `https://...` or `hf:owner/repo/path/in/repo[@revision]`; None for bundled files.
        package: the Python package that holds a bundled file (`data/<file>` inside it).
        licence: SPDX identifier or the name of the licence.
        notice: printed once when the file is downloaded.
        source: who published it and where it is described.
        options: options that these weights want, used where the caller gives none.
        scores: what was measured with these weights, for people and for the leaderboard.
    """

    name: str
    file: str
    size: int | None = None
    sha256: str | None = None
    url: str | None = None
    package: str | None = None
    licence: str = ""
    notice: str | None = None
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LearnerCard:
    """One in-context learner.

    Args:
        name: unique name, lower case with dashes.
        task: what it does.
        summary: one line.
        cls: where the class lives, "package.module:Class"; imported at `load`, never before.
        paper: reference or arXiv identifier.
        licence: licence of our code for this learner.
        weights: the files it can be loaded with; the first is the default. Empty = needs none.
        options: option name -> one-line description, shown by `icl info`.
        preprocessing: constants such as image size, mean, patch length.
        extra: the pip extra that its libraries need, if they are optional.
        takes_file: whether `weights=` may name a file although the card lists none.
        takes_text: whether `Context.text` changes its predictions.
        takes_covariates: whether covariates change its predictions.
        takes_variates: whether it forecasts the variates of a series [V, T] together.
    """

    name: str
    task: Task
    summary: str
    cls: str
    paper: str = ""
    licence: str = "Apache-2.0"
    weights: tuple[WeightCard, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    extra: str | None = None
    takes_file: bool = False
    takes_text: bool = False
    takes_covariates: bool = False
    takes_variates: bool = False

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.lower() or " " in self.name:
            raise PluginError(f"learner name {self.name!r} is not lower case without spaces")
        if self.cls.count(":") != 1:
            raise PluginError(f"learner {self.name}: cls is {self.cls!r}, expected 'module:Class'")
        object.__setattr__(self, "task", Task(self.task))
        names = [weights.name for weights in self.weights]
        if len(set(names)) != len(names):
            raise PluginError(f"learner {self.name}: two weight cards share a name in {names}")
