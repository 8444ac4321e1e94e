"""The learner `tirex`: a history in, quantiles of its future out."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from icl_core import (
    Context,
    Forecast,
    Horizon,
    InputError,
    Learner,
    LearnerCard,
    LoadOptions,
    Series,
)
from icl_core.coerce.series import time_index
from icl_core.runtime.device import resolve_device, resolve_dtype
from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.checkpoint import read_network
from icl_forecasting.tirex.graph import cuda_graphed
from icl_forecasting.tirex.levels import at_levels, rearrange
from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.resample import resampled_forecast
from icl_forecasting.tirex.rollout import Rollout
from icl_forecasting.tirex.sections import forecast_in_sections
from icl_forecasting.tirex.views import View, forecast_through_views

_log = logging.getLogger("icl.tirex")
LARGEST = 1e37
"""Largest value read: what follows it must still fit the float32 of a forecast."""

LONGEST_HORIZON = 32_768
"""Longest horizon answered, sixteen published contexts."""

RESAMPLING = ("frequency",)
VIEWS = ("off", "auto")


@dataclass(frozen=True)
class Settings:
    """What surrounds the network at inference; all of it off is the bare network.

    Args:
        sign_flip: average with the mirrored forecast of the mirrored series.
        monotone: sort the quantiles, so that none cross.
        views: "auto" lets a backtest on the history choose how it is shown: sampling rate,
            logarithms, season taken out.
        rollout_steps: default of `max_accelerated_rollout_steps`; 0 = the whole horizon at once.
    """

    sign_flip: bool = False
    monotone: bool = False
    views: str = "off"
    rollout_steps: int = 1

    def __post_init__(self) -> None:
        if self.views not in VIEWS:
            raise InputError(f"views is {self.views!r}, expected one of {VIEWS}")
        for name in ("sign_flip", "monotone"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is {getattr(self, name)!r}, expected True or False")
        steps = self.rollout_steps
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            raise InputError(f"rollout_steps is {steps!r}, expected a whole number from 0")


class TirexLearner(Learner):
    """TiRex (arXiv 2505.23719) with official, own or bundled weights.

    The network reads the last `context_length` values (2048 as published) of one series. What
    surrounds it (sign flip, sorted quantiles, views) comes from the weights: ours ask
    for all of it, the official card for sorted quantiles, and a bare checkpoint for nothing, so
    that its numbers are the network's. Every part can be set by option.

    Options of `icl.load`: see `Settings`; `context_length` for a checkpoint without a config;
    `cuda_graph=True` to record the forward passes on a CUDA device.
    Options of `predict`: `max_accelerated_rollout_steps` (patches a pass forecasts at once),
    `resample_strategy` (None or "frequency", as released), `tails` (None or "normal").
    """

    predict_options: ClassVar[frozenset[str]] = frozenset(
        {"max_accelerated_rollout_steps", "resample_strategy", "tails"}
    )
    network: TirexNetwork

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        context_length = options.pop("context_length", None)
        graphed = bool(options.pop("cuda_graph", False))
        if load.weights is None:
            raise InputError("tirex needs weights", hint="weights='bundled'")
        network, stored = read_network(load.weights.path, context_length)
        if newer := sorted(set(stored) - _SETTINGS):
            _log.warning("%s wants options unknown here, ignored: %s", load.weights.path, newer)
        chosen = {k: v for k, v in stored.items() if k in _SETTINGS}
        chosen |= {k: options.pop(k) for k in list(options) if k in _SETTINGS}
        super().__init__(card, load, **options)
        official = load.behaviour == "official"
        asked = Settings(**chosen)
        self.settings = Settings() if official else asked
        device = resolve_device(load.device)
        dtype = resolve_dtype(load.dtype, device, bfloat16_ok=False)
        if dtype == torch.float16:
            raise InputError("tirex runs in float32 or bfloat16, not in float16")
        self.network = network.to(device)
        if dtype == torch.bfloat16 and official:
            network.set_cell_dtype(torch.bfloat16)
        self._autocast = dtype == torch.bfloat16 and not official
        self._call: Any = torch.compile(network) if load.compile else network
        if graphed:
            self._call = cuda_graphed(self.network)
        self._rollout = Rollout(
            network,
            precise=not official,
            sign_flip=self.settings.sign_flip,
            forward=self._forward,
        )

    def _forward(self, tokens: Tensor, states: list[CellState] | None, last: int) -> Tensor:
        device = tokens.device.type
        # a cast that is remembered between forwards would be missing from a recorded graph
        cast = torch.autocast(device, torch.bfloat16, cache_enabled=False)
        with cast if self._autocast else nullcontext():
            out: Tensor = self._call(tokens, states, last=last)
        return out

    def _prepare(self, context: Context) -> Series:
        history = context.history
        if history is None:
            raise InputError("tirex forecasts a series, and the context has no history")
        values = np.asarray(history.values)
        if values.ndim != 1:
            raise InputError(
                f"tirex forecasts one variate, and {history.name or 'the series'} has "
                f"{values.shape[0]}",
                hint="forecast each variate as a series of its own",
            )
        if history.covariates:
            raise InputError(
                f"tirex cannot read covariates, and the history has {sorted(history.covariates)}",
                hint="leave them out, or use a learner that reads them (`icl list`)",
            )
        if np.nanmax(np.abs(values)) > LARGEST:
            raise InputError(
                f"{history.name or 'the series'} has values beyond {LARGEST:.0e}, whose forecasts "
                "float32 may not hold",
                hint="rescale the series",
            )
        if context.text:
            _log.warning("tirex does not read text; the context's text is ignored")
        return history

    def _predict(
        self, prepared: Series, queries: Sequence[Horizon], **options: Any
    ) -> list[Forecast]:
        return self._forecast([prepared] * len(queries), queries, **options)

    def _predict_episodes(
        self, pairs: Sequence[tuple[Context, Horizon]], **options: Any
    ) -> list[Forecast]:
        histories = [self._prepare(context) for context, _ in pairs]
        return self._forecast(histories, [query for _, query in pairs], **options)

    def _forecast(
        self,
        histories: Sequence[Series],
        horizons: Sequence[Horizon],
        *,
        max_accelerated_rollout_steps: int | None = None,
        resample_strategy: str | None = None,
        tails: str | None = None,
    ) -> list[Forecast]:
        """Forecast many histories; those with equal horizons run together."""
        limit = self._limit(max_accelerated_rollout_steps)
        if resample_strategy not in (None, *RESAMPLING):
            raise InputError(
                f"resample_strategy is {resample_strategy!r}, expected None or one of {RESAMPLING}"
            )
        for horizon in horizons:
            if horizon.length > LONGEST_HORIZON:
                raise InputError(
                    f"tirex forecasts at most {LONGEST_HORIZON} steps, and {horizon.length} were "
                    "asked for",
                    hint="aggregate the series to a coarser step",
                )
            if horizon.covariates:
                names = sorted(horizon.covariates)
                raise InputError(f"tirex cannot read covariates, and the horizon has {names}")
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, horizon in enumerate(horizons):
            by_length[horizon.length].append(place)
        found: dict[int, tuple[np.ndarray, dict[View, float] | None]] = {}
        for length, places in by_length.items():
            # the released code reads float32 from the start, which its resampled means show
            released = self.load_options.behaviour == "official" or resample_strategy is not None
            dtype = np.float32 if released else np.float64
            contexts = [np.asarray(histories[p].values, dtype=dtype) for p in places]
            quantiles, views = self._quantiles(contexts, length, limit, resample_strategy)
            for row, place in enumerate(places):
                found[place] = (quantiles[row], views[row] if views else None)
        return [
            self._result(histories[p], horizons[p], *found[p], tails=tails)
            for p in range(len(horizons))
        ]

    def _quantiles(
        self, contexts: list[np.ndarray], horizon: int, limit: int, strategy: str | None
    ) -> tuple[np.ndarray, list[dict[View, float]] | None]:
        """Quantiles [B, Q, P] at the trained levels, and the views that were chosen."""

        def run(rollout: Rollout, parts: Sequence[np.ndarray], steps: int) -> np.ndarray:
            return rollout(parts, steps, limit or -(-steps // self.network.config.patch))

        def whole(parts: Sequence[np.ndarray], steps: int) -> np.ndarray:
            longest = self.network.config.context_length
            once = partial(run, self._rollout)
            if self.load_options.behaviour == "official" or steps <= longest:
                return once(parts, steps)
            return forecast_in_sections(parts, steps, longest // 2, longest, once, self._median)

        if strategy is not None:
            quantiles, factors = resampled_forecast(contexts, horizon, whole)
            return quantiles, [{View(Fraction(round(1 / factor))): 1.0} for factor in factors]
        if self.settings.views == "auto":
            trial = partial(run, replace(self._rollout, sign_flip=False))
            return forecast_through_views(
                contexts, horizon, whole, trial, self.network.config, self.settings.monotone
            )
        return whole(contexts, horizon), None

    def _result(
        self,
        history: Series,
        horizon: Horizon,
        quantiles: np.ndarray,
        views: dict[View, float] | None,
        tails: str | None,
    ) -> Forecast:
        trained = self.network.config.quantile_levels
        if self.settings.monotone:
            quantiles = rearrange(quantiles)
        levels = horizon.quantile_levels or trained
        meta: dict[str, Any] = {
            "weights": self.load_options.weights and self.load_options.weights.name
        }
        coarsest = max((view.factor for view in views or ()), default=Fraction(1))
        longest = int(self.network.config.context_length * coarsest)
        if len(history) > longest:
            meta["context_cut_to"] = longest
            _log.info("%s: read the last %d values", history.name or "series", longest)
        if views:
            meta["views"] = {str(view): round(weight, 4) for view, weight in views.items()}
        asked = at_levels(quantiles, trained, levels, tails)
        return Forecast(
            quantiles=np.ascontiguousarray(asked, dtype=np.float32),
            levels=tuple(levels),
            mean=quantiles[self._median].astype(np.float32),
            index=time_index(history, horizon.length),
            name=history.name,
            history=history,
            meta=meta,
        )

    @property
    def _median(self) -> int:
        return self.network.config.median_index

    def _limit(self, asked: int | None) -> int:
        if asked is None:
            return self.settings.rollout_steps
        if isinstance(asked, bool) or not isinstance(asked, Integral) or asked < 1:
            raise InputError(
                f"max_accelerated_rollout_steps is {asked!r}, expected a whole number from 1"
            )
        return int(asked)


_SETTINGS = frozenset(Settings.__dataclass_fields__)
