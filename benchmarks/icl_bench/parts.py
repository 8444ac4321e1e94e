"""The parts of a suite: learners, sets with their published numbers, and probes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from icl_core.evaluation import LearnerChoice, Score, SourceChoice
from icl_core.evaluation.probes import PROBES
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

    @field_validator("folder")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).is_absolute() or ".." in Path(value).parts):
            raise ValueError("expected a folder inside the data folder")
        return value

    def score(self) -> Score:
        """Return how it is scored, as the engine takes it."""
        return Score(self.metric, self.number, self.perfect)

    def choice(self, folder: Path | None, probe: ProbeItem | None = None) -> SourceChoice:
        """Return it as the engine takes it.

        Args:
            folder: where its data is.
            probe: whose options and limit are used instead.
        """
        if probe is None:
            return SourceChoice(self.source, folder, self.options, self.name, self.limit)
        label = self.name
        if probe.options:
            label += " (" + ", ".join(f"{k}={v}" for k, v in probe.options.items()) + ")"
        options = {**self.options, **probe.options}
        return SourceChoice(self.source, folder, options, label, probe.limit or self.limit)


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
