"""The parts of a suite: learners, sets with their published numbers, selectors, and probes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from icl_core.errors import IclError
from icl_core.evaluation import LearnerChoice, Score, Selector, SourceChoice
from icl_core.evaluation.probes import PROBES
from icl_core.evaluation.selectors import RANDOM, selector_named
from icl_core.selection.methods import METHODS
from icl_core.types import Task


class Part(BaseModel):
    """Data of a suite; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LearnerItem(Part):
    """A learner of a suite; in YAML its name alone, or a mapping.

    Args:
        name: of the learner.
        weights: as in `icl.load`; None = its default.
        options: of `icl.load`.
        predict_options: of `predict_episodes`.
        label: what it is called in tables; its name where not given.
    """

    name: str = Field(min_length=1)
    weights: str | None = None
    options: dict[str, Any] = {}
    predict_options: dict[str, Any] = {}
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return self.label or self.name

    def choice(self) -> LearnerChoice:
        """Return it as the engine takes it."""
        return LearnerChoice(
            self.name, self.weights, self.options, self.predict_options, self.label
        )


class Published(Part):
    """Numbers that others have published; in YAML one mapping with the key `source` among them.

    Args:
        source: where they stand.
        values: name of a learner -> the number that counts.
    """

    source: str
    values: dict[str, float]

    @model_validator(mode="before")
    @classmethod
    def _from_mapping(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "values" not in value:
            rest = {str(key): one for key, one in value.items() if key != "source"}
            return {**({"source": value["source"]} if "source" in value else {}), "values": rest}
        return value


class Variant(Protocol):
    """What a probe or a pool asks a source for that its set does not."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the source that are other than in the set."""

    @property
    def limit(self) -> int | None:
        """Only the first so many episodes; None = as in the set."""


class SelectorItem(Part):
    """A selector of a set; in YAML its name alone, or a mapping.

    Args:
        name: of a method of `icl select`, or of a plugin's selector.
        k: neighbours of an item, for methods that have a graph.
        graphs: live-edge graphs of ideal.
        embedder: name of a learner whose embeddings are compared, such as encoder; None = plain
            descriptors that need no weights.
        seed: of everything that is random.
        label: what it is called in tables; its name and options where not given.
    """

    name: str = Field(min_length=1)
    k: int | None = Field(default=None, ge=1)
    graphs: int | None = Field(default=None, ge=1)
    embedder: str | None = None
    seed: int = Field(default=0, ge=0)
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return selector_named(value)
        except IclError as error:
            raise ValueError(
                f"{error.message}" + (f", {error.hint}" if error.hint else "")
            ) from error

    @model_validator(mode="after")
    def _fits_together(self) -> SelectorItem:
        takes = METHODS[self.name].options if self.name in METHODS else ()
        for option in self._options():
            if option not in takes:
                raise ValueError(f"{self.name} takes no {option}")
        return self

    def _options(self) -> dict[str, Any]:
        found = {"k": self.k, "graphs": self.graphs}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def title(self) -> str:
        """What it is called in tables."""
        more = {**self._options(), "embedder": self.embedder, "seed": self.seed or None}
        said = ", ".join(f"{name}={value}" for name, value in more.items() if value is not None)
        return self.label or (f"{self.name} ({said})" if said else self.name)

    def selector(self, budget: int) -> Selector:
        """Return it as the engine takes it.

        Args:
            budget: examples of a context.
        """
        return Selector(self.name, budget, self._options(), self.embedder, self.seed)


class PoolItem(Part):
    """What the selectors of a set choose from, and who is shown what they chose.

    The pool of an episode is what the contexts of all episodes of its kind show (see
    `icl_core.evaluation.example_pool`).

    Args:
        options: of the source that are other than in the set, such as more shots.
        limit: only the first so many episodes are asked; the pool is that of all.
        learners: titles; None = all that meet the set.
    """

    options: dict[str, Any] = {}
    limit: int | None = Field(default=None, ge=1)
    learners: tuple[str, ...] | None = None


class SetItem(Part):
    """A set of episodes and how it is scored.

    Args:
        name: what it is called in tables; no other set of the suite has it.
        task: of the learners that meet it.
        source: name of the episode source.
        folder: of its data, relative to the data folder; None for a source that needs none.
        options: of the source.
        metric: name of the metric.
        number: the number of the metric's aggregate that ranks learners.
        perfect: the value of that number that cannot be beaten.
        baseline: the trivial learner that skill is measured from.
        limit: only the first so many episodes.
        learners: instead of the suite's learners of the task.
        published: numbers of others.
        selectors: that are compared on it; random, which gains are measured from, is always
            among them.
        budget: examples that a selector shows; of each label, where outputs are labels.
        pool: what they choose from.
    """

    name: str = Field(min_length=1)
    task: Task
    source: str
    folder: str | None = None
    options: dict[str, Any] = {}
    metric: str
    number: str
    perfect: float
    baseline: LearnerItem | None = None
    limit: int | None = Field(default=None, ge=1)
    learners: tuple[LearnerItem, ...] | None = None
    published: Published | None = None
    selectors: tuple[SelectorItem, ...] = ()
    budget: int | None = Field(default=None, ge=1)
    pool: PoolItem | None = None

    @field_validator("folder")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).is_absolute() or ".." in Path(value).parts):
            raise ValueError("expected a folder inside the data folder")
        return value

    @model_validator(mode="after")
    def _selects(self) -> SetItem:
        if not self.selectors:
            for name in ("budget", "pool"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is for selectors, and there are none")
            return self
        if self.task is Task.FORECASTING:
            raise ValueError("forecasters are shown a history and no examples to select from")
        if self.budget is None:
            raise ValueError("selectors need a budget: how many examples they may show")
        titles = [one.title for one in self.selectors]
        for title in titles:
            if titles.count(title) > 1:
                raise ValueError(f"the selector {title!r} is there twice; give one a label")
        return self

    def all_selectors(self) -> tuple[SelectorItem, ...]:
        """Return the selectors with random first; none where the set has none."""
        if not self.selectors:
            return ()
        first = next((one for one in self.selectors if one.name == RANDOM), None)
        rest = (one for one in self.selectors if one is not first)
        return (first or SelectorItem(name=RANDOM), *rest)

    def score(self) -> Score:
        """Return how it is scored, as the engine takes it."""
        return Score(self.metric, self.number, self.perfect)

    def choice(self, folder: Path | None, other: Variant | None = None) -> SourceChoice:
        """Return it as the engine takes it.

        Args:
            folder: where its data is.
            other: whose options and limit are used instead.
        """
        if other is None:
            return SourceChoice(self.source, folder, self.options, self.name, self.limit)
        label = self.name
        if other.options:
            label += " (" + ", ".join(f"{k}={v}" for k, v in other.options.items()) + ")"
        options = {**self.options, **other.options}
        return SourceChoice(self.source, folder, options, label, other.limit or self.limit)


class ProbeItem(Part):
    """Probes of learners on one set.

    Args:
        set: name of a set of the suite.
        options: of its source that are other than in the set, such as more shots.
        probes: names; None = all that the task has, but for those about text.
        learners: titles; None = all that meet the set, but for the baseline.
        limit: only the first so many episodes.
    """

    set: str
    options: dict[str, Any] = {}
    probes: tuple[str, ...] | None = None
    learners: tuple[str, ...] | None = None
    limit: int | None = Field(default=None, ge=1)

    @field_validator("probes")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        names = [probe.name for probe in PROBES]
        for name in value or ():
            if name not in names:
                raise ValueError(f"there is no probe {name!r}; there are: {', '.join(names)}")
        return value
