"""From samples with covariates to forecasts: rows, padding, batching, what surrounds a pass.

A pass reads C steps of the past and F missing steps of the future, in which only covariates known
into the future have values. What precedes a short series are missing tokens; as long as no row of
a sample is known into the future, their effect does not depend on the series and is computed once
a network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_forecasting.tirex.rollout import MERGE_TOKENS
from icl_forecasting.tirex2.blocks import Wanted
from icl_forecasting.tirex2.cells import Past, State
from icl_forecasting.tirex2.grouping import Grouping, group_rows
from icl_forecasting.tirex2.network import Tirex2Network
from icl_forecasting.tirex2.scaling import Scaled, scale_rows, unscale
from icl_forecasting.tirex2.trends import (
    differences,
    has_trend,
    last_level,
    level_forecast,
    summed_forecast,
)

TOKENS_AT_ONCE = 32_768
"""Samples are cut so that one forward holds at most this many tokens; bounds memory."""

_SAME_LEVEL = 1e-6

Forward = Callable[[Tensor, Grouping, "list[State] | None", Wanted], Tensor]


class Sample(NamedTuple):
    """What one forecast is made from; float64, NaN = missing.

    Args:
        targets: [V_t, T], at least one row.
        past: [V_p, T] covariates without a known future.
        future: [V_f, T + P] covariates with one.
    """

    targets: np.ndarray
    past: np.ndarray
    future: np.ndarray

    @classmethod
    def of(
        cls, targets: np.ndarray, past: np.ndarray | None = None, future: np.ndarray | None = None
    ) -> Sample:
        """A sample from what there is of it."""
        targets = np.atleast_2d(np.asarray(targets, dtype=np.float64))
        none = np.empty((0, targets.shape[1]))
        return cls(targets, none if past is None else past, none if future is None else future)

    def mirrored(self) -> Sample:
        """Everything negated."""
        return Sample(-self.targets, -self.past, -self.future)

    @property
    def variates(self) -> int:
        """Rows of the group."""
        return len(self.targets) + len(self.past) + len(self.future)


class _Rows(NamedTuple):
    """The rows of one sample: windows [V, C + F], and what each target was before."""

    windows: np.ndarray
    differenced: np.ndarray
    levels: np.ndarray


@dataclass
class Rollout:
    """Runs a network over samples.

    Args:
        network: in eval mode, on its device.
        precise: scale in float64 instead of float32.
        forward: how a batch is run; None = the network itself.
    """

    network: Tirex2Network
    precise: bool = True
    forward: Forward | None = None
    _missing: dict[tuple[bool, int], list[Past]] = field(default_factory=dict, repr=False)

    @torch.inference_mode()
    def __call__(
        self,
        samples: Sequence[Sample],
        horizon: int,
        *,
        difference: bool = True,
        sign_flip: bool = False,
        pad_context: bool = True,
    ) -> list[np.ndarray]:
        """Forecast every sample; what shares the call does not change the numbers.

        Args:
            samples: each with covariates of its own, known into the future for `horizon` steps.
            horizon: steps P; more than the network's F widens the window by as much.
            difference: whether targets with a trend are forecast by their differences.
            sign_flip: whether the mirrored forecast of the mirrored sample is averaged in.
            pad_context: whether short series are preceded by missing values up to the full
                context, as in training; False only pads to the longest sample of the call.

        Returns:
            float32 [V_t, Q, P] for each sample, in series units, at the trained levels, as the
            network gives them: quantiles may cross.

        Raises:
            InputError: the sign is to be flipped, and the levels are not symmetric around 0.5.
        """
        if not sign_flip:
            return self._forecast(samples, horizon, difference, pad_context)
        mirror = _mirror(self.network.config.quantile_levels)
        both = [*samples, *(sample.mirrored() for sample in samples)]
        found = self._forecast(both, horizon, difference, pad_context)
        count = len(samples)
        return [
            ((straight - flipped[:, mirror]) / 2).astype(np.float32)
            for straight, flipped in zip(found[:count], found[count:], strict=True)
        ]

    def _forecast(
        self, samples: Sequence[Sample], horizon: int, difference: bool, pad_context: bool
    ) -> list[np.ndarray]:
        config = self.network.config
        patch = config.patch
        future = max(config.future_length, -(-horizon // patch) * patch)
        context = config.context_length
        if not pad_context:
            longest = max(sample.targets.shape[1] for sample in samples)
            context = min(context, -(-longest // patch) * patch)
        rows = [_rows(sample, context, future, horizon, difference) for sample in samples]
        found: list[np.ndarray] = [np.empty(0)] * len(samples)
        for kind, numbers in _by_kind(samples, rows, future).items():
            for first, part in self._portions(numbers, rows, kind, context, future, horizon):
                chosen = [samples[n] for n in part]
                raw = self._run(chosen, [rows[n] for n in part], kind, first, context, horizon)
                for number, quantiles in zip(part, raw, strict=True):
                    found[number] = self._finish(quantiles[..., :horizon], rows[number])
        return found

    def _portions(
        self,
        numbers: list[int],
        rows: Sequence[_Rows],
        kind: _Kind,
        context: int,
        future: int,
        horizon: int,
    ) -> list[tuple[int, list[int]]]:
        """Samples that share a forward, and the token from which they are read."""
        patch = self.network.config.patch
        if kind.known:
            groups = [(0, numbers)]
        else:
            starts = {n: _first_token(rows[n].windows, patch, context) for n in numbers}
            groups = _alike(starts)
        steps = (context + (future if kind.known else horizon)) // patch + 1
        portions = []
        for start, members in groups:
            current: list[int] = []
            tokens = 0
            for number in members:
                own = len(rows[number].windows) * (steps - start)
                if current and tokens + own > TOKENS_AT_ONCE:
                    portions.append((start, current))
                    current, tokens = [], 0
                current.append(number)
                tokens += own
            portions.append((start, current))
        return portions

    def _run(
        self,
        samples: Sequence[Sample],
        rows: Sequence[_Rows],
        kind: _Kind,
        first: int,
        context: int,
        horizon: int,
    ) -> list[np.ndarray]:
        """One forward: float64 [V_t, Q, whole patches] for each sample, in the rows' units."""
        config = self.network.config
        patch, device = config.patch, self.network.stack_out_norm.weight.device
        patches = -(-horizon // patch)
        windows = np.concatenate([own.windows for own in rows])
        sizes = [len(own.windows) for own in rows]
        target = np.concatenate([np.arange(len(o.windows)) < len(o.levels) for o in rows])
        future = windows.shape[1] - context
        known = ~target & np.isfinite(windows[:, -future:]).any(axis=1)
        grouping = group_rows(np.repeat(np.arange(len(rows)), sizes), target, known).to(device)
        dtype = torch.float64 if self.precise and device.type != "mps" else torch.float32
        scaled = scale_rows(
            torch.from_numpy(windows).to(device, dtype),
            arcsinh=config.arcsinh,
            binary_aware=config.binary_aware,
        )
        tokens = scaled.tokens(patch)
        last = context // patch - 1
        states: list[State] | None = None
        if kind.known:
            wanted = Wanted(last, last + patches)
        else:
            tokens = tokens[:, first : last + patches]
            wanted = Wanted(last - first, last - first + patches)
            if first:
                pasts = self._past(alone=kind.alone)
                states = [past.at(first - 1).repeat(len(windows)) for past in pasts]
        run = self.forward or self._plain
        out = run(tokens, grouping, states, wanted)  # [targets, patches, Q, p]
        return self._unscaled(out.float(), scaled, grouping, [len(own.levels) for own in rows])

    def _plain(
        self, tokens: Tensor, grouping: Grouping, states: list[State] | None, wanted: Wanted
    ) -> Tensor:
        out: Tensor = self.network(tokens, grouping, states, wanted=wanted)
        return out

    def _unscaled(
        self, out: Tensor, scaled: Scaled, grouping: Grouping, counts: list[int]
    ) -> list[np.ndarray]:
        chosen = grouping.targets
        y = out.transpose(1, 2).flatten(2)  # [targets, Q, patches * p]
        y = unscale(y, scaled.loc[chosen], scaled.scale[chosen], scaled.squeezed[chosen])
        return np.split(y.double().cpu().numpy(), np.cumsum(counts)[:-1])

    def _finish(self, quantiles: np.ndarray, rows: _Rows) -> np.ndarray:
        median = self.network.config.median_index
        finished = level_forecast(quantiles, median)
        if rows.differenced.any():
            chosen = rows.differenced
            finished[chosen] = summed_forecast(quantiles[chosen], median, rows.levels[chosen])
        return finished.astype(np.float32)

    def _past(self, alone: bool) -> list[Past]:
        """What leading missing tokens leave behind, computed at first need."""
        count = self.network.config.context_length // self.network.config.patch
        key = (alone, count)
        if key not in self._missing:
            self._missing[key] = self.network.missing_past(count, alone)
        return self._missing[key]


class _Kind(NamedTuple):
    """What decides how a sample is run.

    Args:
        known: whether a covariate is known into the future.
        alone: whether its target has no company.
    """

    known: bool
    alone: bool


def _by_kind(
    samples: Sequence[Sample], rows: Sequence[_Rows], future: int
) -> dict[_Kind, list[int]]:
    kinds: dict[_Kind, list[int]] = defaultdict(list)
    for number, (sample, own) in enumerate(zip(samples, rows, strict=True)):
        covariates = own.windows[len(sample.targets) :]
        known = bool(np.isfinite(covariates[:, -future:]).any())
        kinds[_Kind(known, sample.variates == 1)].append(number)
    return kinds


def _rows(sample: Sample, context: int, future: int, horizon: int, difference: bool) -> _Rows:
    """The windows [V, context + future] of a sample; targets with a trend as differences."""
    targets = sample.targets
    trend = np.array([difference and has_trend(row) for row in targets])
    shown = np.stack(
        [differences(row) if d else row for row, d in zip(targets, trend, strict=True)]
    )
    windows = np.full((sample.variates, context + future), np.nan)
    length = targets.shape[1]
    kept = min(length, context)
    past = len(targets) + len(sample.past)
    windows[: len(targets), context - kept : context] = shown[:, length - kept :]
    windows[len(targets) : past, context - kept : context] = sample.past[:, length - kept :]
    if len(sample.future):
        known = sample.future[:, length - kept : length + horizon]
        windows[past:, context - kept : context + horizon] = known
    return _Rows(windows, trend, np.array([last_level(row) for row in targets]))


def _first_token(windows: np.ndarray, patch: int, context: int) -> int:
    """Tokens before the first that any row of the sample has a value in; at least one is read."""
    seen = np.isfinite(windows[:, :context]).any(axis=0)
    first = int(seen.argmax()) if seen.any() else context
    return min(first // patch, context // patch - 1)


def _alike(starts: dict[int, int]) -> list[tuple[int, list[int]]]:
    """Samples whose starts differ by a few tokens at most, with the earliest of their starts."""
    groups: list[tuple[int, list[int]]] = []
    for number in sorted(starts, key=lambda n: starts[n]):
        if groups and starts[number] - groups[-1][0] <= MERGE_TOKENS:
            groups[-1][1].append(number)
        else:
            groups.append((starts[number], [number]))
    return groups


def _mirror(levels: Sequence[float]) -> list[int]:
    """The place of 1 - q for each level q."""
    places = []
    for level in levels:
        near = [i for i, other in enumerate(levels) if abs(level + other - 1.0) < _SAME_LEVEL]
        if not near:
            raise InputError(
                f"sign_flip needs levels that mirror each other, and {level:g} has no partner"
            )
        places.append(near[0])
    return places
