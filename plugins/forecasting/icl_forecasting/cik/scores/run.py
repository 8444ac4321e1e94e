"""Running a learner over instances: samples out of every answer, and the score of each."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icl_core.errors import IclError
from icl_core.learner import Learner
from icl_core.runtime.progress import Progress
from icl_core.types import Episode
from icl_forecasting.cik.aggregate import Outcome
from icl_forecasting.cik.instances import Instance
from icl_forecasting.cik.metric import rcrps
from icl_forecasting.cik.samples import from_quantiles, sample_paths


@dataclass(frozen=True)
class Sampling:
    """How many samples a forecast is scored with, and which.

    Args:
        kind: "independent" or "stratified", see `samples.from_quantiles`.
        samples: number of paths.
        seed: decides the draws.
    """

    kind: str = "independent"
    samples: int = 25
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """What came of one instance.

    Args:
        instance: which.
        record: of `rcrps`; None = no usable answer.
        seconds: time of the forecast; of a batch, its share.
        error: why there is no answer.
    """

    instance: Instance
    record: Mapping[str, float] | None
    seconds: float
    error: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The score alone, as `aggregate` takes it."""
        record = self.record or {"metric": float("nan"), "variance": -1.0}
        name, seed = self.instance.name, self.instance.seed
        return Outcome(name, seed, record["metric"], record["variance"])


def run_learner(
    learner: Learner,
    instances: Sequence[Instance],
    *,
    texts: Sequence[bool | str] | None = None,
    sampling: Sampling | None = None,
    batch_size: int = 32,
    predict_options: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Forecast and score instances through the learner's public road, `predict_episodes`.

    A learner whose predict options hold `samples`, `seed` or `sampling` is told those of the run,
    and one that asks for the `seasonality` that of each instance. Where a batch fails, its
    instances are tried one by one, and only those that fail alone are without an answer.

    Args:
        learner: a loaded forecasting learner.
        instances: what to forecast.
        texts: for each instance True, False (no text) or other words; None = all texts.
        sampling: how samples are made where the learner gives none.
        batch_size: instances in one forward pass.
        predict_options: options for every forecast; they go before those of the run.

    Returns:
        One result for each instance, in their order.
    """
    sampling = sampling or Sampling()
    words = [True] * len(instances) if texts is None else list(texts)
    told = {"samples": sampling.samples, "seed": sampling.seed, "sampling": sampling.kind}
    options = {name: value for name, value in told.items() if name in learner.predict_options}
    options |= dict(predict_options or {})
    groups: dict[int | None, list[int]] = {}
    asks = "seasonality" in learner.predict_options and "seasonality" not in options
    for place, one in enumerate(instances):
        season = max(one.seasonal_period, 1) if asks else None
        groups.setdefault(season, []).append(place)
    found: dict[int, Result] = {}
    with Progress(f"{learner.card.name} on {len(instances)} instances", len(instances)) as progress:
        for season, places in groups.items():
            own = options if season is None else {**options, "seasonality": season}
            for first in range(0, len(places), batch_size):
                batch = places[first : first + batch_size]
                episodes = [instances[p].episode(words[p]) for p in batch]
                answers = _answers(learner, episodes, own)
                for place, (answer, seconds) in zip(batch, answers, strict=True):
                    found[place] = _scored(instances[place], answer, seconds, sampling)
                progress.advance(len(batch))
    return [found[place] for place in range(len(instances))]


def _answers(
    learner: Learner, episodes: Sequence[Episode], options: Mapping[str, Any]
) -> list[tuple[Any, float]]:
    """Answer episodes together: for each its forecast or its error, and its seconds."""
    since = time.perf_counter()
    try:
        forecasts: list[Any] = list(learner.predict_episodes(episodes, len(episodes), **options))
        answers: list[Any] = forecasts
    except IclError as error:
        if len(episodes) > 1:
            return [_answers(learner, [one], options)[0] for one in episodes]
        answers = [error]
    seconds = (time.perf_counter() - since) / len(episodes)
    return [(answer, seconds) for answer in answers]


def _scored(instance: Instance, answer: Any, seconds: float, sampling: Sampling) -> Result:
    if isinstance(answer, IclError):
        return Result(instance, None, seconds, str(answer))
    seed = (sampling.seed, zlib.crc32(instance.id.encode()))
    try:
        kind = (answer.meta or {}).get("sampling", "independent")
        if answer.samples is not None and kind == sampling.kind:
            paths = sample_paths(answer)
        else:
            levels, quantiles = answer.levels, answer.quantiles
            paths = from_quantiles(levels, quantiles, sampling.samples, seed, sampling.kind)
        return Result(instance, rcrps(paths, instance.target), seconds)
    except IclError as error:
        return Result(instance, None, seconds, str(error))
