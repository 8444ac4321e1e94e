"""What `icl predict` was asked for, checked before anything heavy is imported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core.errors import InputError
from icl_core.types import Task

if TYPE_CHECKING:
    from icl_core.cards import LearnerCard
    from icl_core.learner import Learner

BESIDE = ""
"""`--overlay` without a place: beside the answer, `b_mask_overlay.png` for `b_mask.png`."""

_OF_LOAD = ("weights", "device", "dtype", "behaviour")


@dataclass(frozen=True)
class Request:
    """The options of `icl predict`, as they were typed."""

    card: LearnerCard
    series: str | None
    columns: tuple[str, ...]
    time_column: str | None
    item_column: str | None
    covariates: tuple[str, ...]
    future: str | None
    freq: str | None
    encoding: str | None
    decimal: str | None
    horizon: int | None
    quantiles: str | None
    examples: tuple[str, ...]
    negatives: tuple[str, ...]
    queries: tuple[str, ...]
    videos: tuple[str, ...]
    overlay: str | None
    fps: float | None
    text: str | None
    explain: bool
    task: str | None
    model: str | None
    weights: str | None
    device: str
    dtype: str
    behaviour: str
    options: tuple[str, ...]
    batch_size: int
    out: str
    plot: Path | None
    overwrite: bool
    as_json: bool
    engine: str = "local"
    address: str | None = None

    def check(self) -> None:
        """Refuse options that do not go with the learner's task, or are missing.

        Raises:
            InputError: the sentence says which options its task takes.
        """
        name, task = self.card.name, self.card.task
        of_series: dict[str, object] = {
            "--series": self.series,
            "--column": self.columns,
            "--time-column": self.time_column,
            "--item-column": self.item_column,
            "--covariate": self.covariates,
            "--future": self.future,
            "--freq": self.freq,
            "--encoding": self.encoding,
            "--decimal": self.decimal,
            "--horizon": self.horizon,
            "--quantiles": self.quantiles,
        }
        of_images: dict[str, object] = {
            "--example": self.examples,
            "--negative": self.negatives,
            "--query": self.queries or self.videos,
            "--video": self.videos,
            "--overlay": self.overlay,
            "--fps": self.fps,
        }
        wanted: tuple[str, ...] = ("--series", "--horizon")
        here, other = of_series, of_images
        takes = "forecasts a series: give --series FILE --horizon N"
        if task is not Task.FORECASTING:
            wanted, here, other = ("--query",), of_images, of_series
            takes = f"is a {task} learner: give --example IN=OUT and --query IMG"
        for option, value in other.items():
            if value not in (None, ()):
                raise InputError(f"{name} {takes}, without {option}")
        for option in wanted:
            if here[option] in (None, ()):
                raise InputError(f"{name} {takes}; {option} is missing")
        if self.covariates and not self.card.takes_covariates:
            raise InputError(f"{name} reads no covariates, expected no --covariate")
        if self.future is not None and not self.covariates:
            raise InputError("--future is given without --covariate, which names its columns")
        if self.queries and self.videos:
            raise InputError("--query and --video are both given, expected pictures or videos")
        if self.fps is not None and (self.fps <= 0 or not self.videos):
            raise InputError(f"--fps is {self.fps:g}, expected more than 0, beside --video")
        if self.engine not in ("local", "ray"):
            raise InputError(f"--engine is {self.engine!r}, expected local or ray")
        if self.address is not None and self.engine != "ray":
            raise InputError("--address is given without --engine ray")
        if self.videos and self.engine == "ray":
            raise InputError("--engine ray spreads pictures and series, expected no --video")
        for key, _ in self._named():
            if key not in self.card.options:
                raise InputError(f"{name} has no {key}s to choose from, expected no --{key}")
        if self.batch_size < 1:
            raise InputError(f"--batch-size is {self.batch_size}, expected at least 1")
        if self.horizon is not None and self.horizon < 1:
            raise InputError(f"--horizon is {self.horizon}, expected at least 1 step")

    def _named(self) -> list[tuple[str, str]]:
        """The options of learners that have a flag of their own, as far as they were given."""
        named = (("task", self.task), ("model", self.model))
        return [(key, value) for key, value in named if value is not None]

    def levels(self) -> tuple[float, ...] | None:
        """The quantile levels, or None for the learner's own.

        Raises:
            InputError: one is no number; `icl_core.coerce` checks their range and order.
        """
        if self.quantiles is None:
            return None
        try:
            return tuple(float(level) for level in self.quantiles.split(","))
        except ValueError as error:
            raise InputError(
                f"--quantiles is {self.quantiles!r}, expected levels such as 0.1,0.5,0.9"
            ) from error

    def load(self) -> tuple[Learner, dict[str, Any]]:
        """Load the learner.

        Returns:
            It, and the options that its `predict` takes; the others went to `load`.

        Raises:
            IclError: an option or the weights cannot be used.
        """
        from icl_core import registry

        given = dict(map(_option, self.options))
        for key, value in self._named():
            if key in given:
                raise InputError(f"--{key} and --option {key}=... are both given, expected one")
            given[key] = value
        for key in _OF_LOAD:
            if key in given:
                raise InputError(f"--option {key}=... is not an option; use --{key}")
        known = registry.learner_class(self.card).predict_options
        at_load = {key: value for key, value in given.items() if key not in known}
        compiled = at_load.pop("compile", False)
        if not isinstance(compiled, bool):
            raise InputError(f"--option compile is {compiled!r}, expected true or false")
        learner = registry.load_card(
            self.card,
            weights=self.weights,
            device=self.device,
            dtype=self.dtype,
            compile=compiled,
            behaviour=self.behaviour,
            options=at_load,
        )
        return learner, {key: value for key, value in given.items() if key in known}


def _option(typed: str) -> tuple[str, Any]:
    key, equals, value = typed.partition("=")
    key = key.strip().replace("-", "_")
    if not equals or not key.isidentifier():
        raise InputError(f"--option is {typed!r}, expected KEY=VALUE")
    try:
        # Numbers, true, false, null, lists; everything else is text.
        return key, json.loads(value)
    except ValueError:
        return key, value
