"""The learner `tirex2`: histories with covariates in, quantiles of every target out."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from icl_core import Context, Forecast, Horizon, InputError, Learner, LearnerCard, LoadOptions
from icl_core.coerce.covariates import Covariates, encode_covariates
from icl_core.coerce.series import time_index
from icl_core.results import MultiForecast
from icl_core.runtime.device import resolve_device, resolve_dtype
from icl_core.types import Series
from icl_forecasting.tirex.levels import at_levels, rearrange
from icl_forecasting.tirex2.blocks import Wanted
from icl_forecasting.tirex2.cells import State
from icl_forecasting.tirex2.checkpoint import read_network
from icl_forecasting.tirex2.grouping import Grouping
from icl_forecasting.tirex2.network import Tirex2Network
from icl_forecasting.tirex2.rollout import Rollout, Sample
from icl_forecasting.tirex2.sections import in_sections

_log = logging.getLogger("icl.tirex2")
LARGEST = 1e37
"""Largest value read: what follows it must still fit the float32 of a forecast."""

LONGEST_HORIZON = 32_768
LONG_HORIZONS = ("widen", "sections")


@dataclass(frozen=True)
class Settings:
    """What surrounds the network at inference; None = as the checkpoint's config says.

    Args:
        difference: forecast targets with a trend by their differences.
        sign_flip: average with the mirrored forecast of the mirrored input.
        monotone: sort the quantiles, so that none cross.
        pad_context: precede short series by missing values up to the full context, as in
            training; False only pads to the longest series of a batch.
        long_horizon: more steps than the network's future length: forecast in "sections" of that
            length, each of which reads the last one's median, or "widen" the window of missing
            steps.
    """

    difference: bool | None = None
    sign_flip: bool | None = None
    monotone: bool = False
    pad_context: bool = True
    long_horizon: str = "sections"

    def __post_init__(self) -> None:
        for name in ("difference", "sign_flip", "monotone", "pad_context"):
            value = getattr(self, name)
            if not isinstance(value, bool) and (value is not None or name in ("monotone",)):
                raise InputError(f"{name} is {value!r}, expected True or False")
        if self.long_horizon not in LONG_HORIZONS:
            raise InputError(
                f"long_horizon is {self.long_horizon!r}, expected one of {LONG_HORIZONS}"
            )


class Tirex2Learner(Learner):
    """TiRex-2 (arXiv 2607.01204) with official or own weights.

    The network reads the last `context_length` values (2048 as published) of all targets of a
    series together, and its covariates: those that the horizon has too are known into the future,
    the others are past-only. A history [V, T] of several variates is answered by a
    `MultiForecast`.

    Options of `icl.load`: see `Settings`. Options of `predict`: `difference`, `sign_flip`,
    `pad_context`, and `tails` (None or "normal") for levels outside the trained ones.
    `behaviour="official"` scales in float32 and refuses horizons longer than the network's, which
    the released code cuts off.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset(
        {"difference", "sign_flip", "pad_context", "tails"}
    )
    network: Tirex2Network

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        if load.weights is None:
            raise InputError("tirex2 needs weights", hint="weights='official', or a file")
        network, stored = read_network(load.weights.path)
        if newer := sorted(set(stored) - _SETTINGS):
            _log.warning("%s wants options unknown here, ignored: %s", load.weights.path, newer)
        chosen = {k: v for k, v in stored.items() if k in _SETTINGS}
        chosen |= {k: options.pop(k) for k in list(options) if k in _SETTINGS}
        super().__init__(card, load, **options)
        official = load.behaviour == "official"
        if official:
            chosen["monotone"] = False
        self.settings = Settings(**chosen)
        device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, device, bfloat16_ok=False)
        if dtype == torch.float16:
            raise InputError("tirex2 runs in float32 or bfloat16, not in float16")
        self.network = network.to(device)
        self._autocast = dtype == torch.bfloat16
        self._call: Any = torch.compile(network) if load.compile else network
        self._rollout = Rollout(network, precise=not official, forward=self._forward)

    def _forward(
        self, tokens: Tensor, grouping: Grouping, states: list[State] | None, wanted: Wanted
    ) -> Tensor:
        cast = torch.autocast(tokens.device.type, torch.bfloat16)
        with cast if self._autocast else nullcontext():
            out: Tensor = self._call(tokens, grouping, states, wanted=wanted)
        return out

    def _prepare(self, context: Context) -> Series:
        history = context.history
        if history is None:
            raise InputError("tirex2 forecasts a series, and the context has no history")
        columns = [np.asarray(history.values), *(history.covariates or {}).values()]
        for values in columns:
            if values.dtype != object and np.nanmax(np.abs(values), initial=0.0) > LARGEST:
                raise InputError(
                    f"{history.name or 'the series'} has values beyond {LARGEST:.0e}, whose "
                    "forecasts float32 may not hold",
                    hint="rescale the series",
                )
        if context.text:
            _log.warning("tirex2 does not read text; the context's text is ignored")
        return history

    def _predict(
        self, prepared: Series, queries: Sequence[Horizon], **options: Any
    ) -> list[Forecast | MultiForecast]:
        return self._forecast([prepared] * len(queries), queries, **options)

    def _predict_episodes(
        self, pairs: Sequence[tuple[Context, Horizon]], **options: Any
    ) -> list[Forecast | MultiForecast]:
        histories = [self._prepare(context) for context, _ in pairs]
        return self._forecast(histories, [query for _, query in pairs], **options)

    def _forecast(
        self,
        histories: Sequence[Series],
        horizons: Sequence[Horizon],
        *,
        tails: str | None = None,
        **asked: Any,
    ) -> list[Forecast | MultiForecast]:
        """Forecast many histories; those with equal horizons run together."""
        passes = self._passes(asked)
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, horizon in enumerate(horizons):
            self._check_length(horizon.length)
            by_length[horizon.length].append(place)
        rows = [encode_covariates(h, q) for h, q in zip(histories, horizons, strict=True)]
        found: dict[int, np.ndarray] = {}
        for length, places in by_length.items():
            samples = [_sample(histories[p], rows[p]) for p in places]
            answers = self._quantiles(samples, length, passes)
            found.update(zip(places, answers, strict=True))
        return [
            self._result(histories[p], horizons[p], rows[p], found[p], tails)
            for p in range(len(horizons))
        ]

    def _quantiles(
        self, samples: list[Sample], length: int, passes: dict[str, bool]
    ) -> list[np.ndarray]:
        """Quantiles [V, Q, H] at the trained levels."""
        config = self.network.config
        if length > config.future_length and self.settings.long_horizon == "sections":
            return in_sections(
                samples,
                length,
                config.future_length,
                lambda parts, steps: self._rollout(parts, steps, **passes),
                config.median_index,
            )
        return self._rollout(samples, length, **passes)

    def _result(
        self,
        history: Series,
        horizon: Horizon,
        rows: Covariates,
        quantiles: np.ndarray,
        tails: str | None,
    ) -> Forecast | MultiForecast:
        config = self.network.config
        trained = config.quantile_levels
        if self.settings.monotone:
            quantiles = rearrange(quantiles)
        levels = horizon.quantile_levels or trained
        meta: dict[str, Any] = {
            "weights": self.load_options.weights and self.load_options.weights.name
        }
        if rows.past or rows.future:
            meta["covariates"] = {"past": sorted(rows.past), "future": sorted(rows.future)}
        if len(history) > config.context_length:
            meta["context_cut_to"] = config.context_length
            name = history.name or "series"
            _log.info("%s: read the last %d values", name, config.context_length)
        asked = at_levels(quantiles, trained, levels, tails)
        return MultiForecast.of(
            np.ascontiguousarray(asked, dtype=np.float32),
            levels=tuple(levels),
            mean=np.ascontiguousarray(quantiles[:, config.median_index], dtype=np.float32),
            index=time_index(history, horizon.length),
            history=history,
            meta=meta,
        )

    def _check_length(self, length: int) -> None:
        longest = LONGEST_HORIZON
        hint = "aggregate the series to a coarser step"
        if self.load_options.behaviour == "official":
            longest = self.network.config.future_length
            hint = "behaviour='corrected' forecasts more"
        if length > longest:
            raise InputError(
                f"tirex2 forecasts at most {longest} steps, and {length} were asked for", hint
            )

    def _passes(self, asked: dict[str, Any]) -> dict[str, bool]:
        """What surrounds a pass: as asked for, else as loaded, else as the checkpoint says."""
        config = self.network.config
        defaults = {
            "difference": config.difference,
            "sign_flip": config.sign_flip,
            "pad_context": True,
        }
        found = {}
        for name, default in defaults.items():
            value = asked.get(name)
            if value is None:
                value = getattr(self.settings, name)
            if value is None:
                value = default
            if not isinstance(value, bool):
                raise InputError(f"{name} is {value!r}, expected True or False")
            found[name] = value
        return found


def _sample(history: Series, rows: Covariates) -> Sample:
    past, future = list(rows.past.values()), list(rows.future.values())
    return Sample.of(
        np.asarray(history.values),
        np.stack(past) if past else None,
        np.stack(future) if future else None,
    )


_SETTINGS = frozenset(Settings.__dataclass_fields__)
