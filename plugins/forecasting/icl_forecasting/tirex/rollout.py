"""From many ragged contexts to forecasts: passes, padding, batching.

The released code forecasts patch by patch: it appends missing values for what is already
forecast and runs again. Nothing that was forecast is fed back, so all passes are known before
the first one runs, and here they run together as rows of one batch. A short series is preceded
by missing tokens up to the full context; their effect does not depend on the series and is
computed once a network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.scaling import leading_missing, standardise

TOKENS_AT_ONCE = 32_768
"""Rows are cut so that one forward holds at most this many tokens; bounds memory."""

MERGE_TOKENS = 4
"""Rows whose starts differ by no more tokens than this share a forward."""

Forward = Callable[[Tensor, list[CellState] | None, int], Tensor]


def plan_passes(patches: int, limit: int) -> list[int]:
    """How many patches each pass forecasts: the limit, and what remains at the end."""
    return [min(limit, patches - done) for done in range(0, patches, limit)]


@dataclass
class Rollout:
    """Runs a network over ragged contexts.

    Args:
        network: in eval mode, on its device.
        precise: normalise in float64 instead of float32.
        sign_flip: average the forecast of x with the mirrored forecast of -x.
        forward: how a batch is run; None = the network itself. Takes tokens, states and how many
            last tokens are wanted.
    """

    network: TirexNetwork
    precise: bool = True
    sign_flip: bool = False
    forward: Forward | None = None
    _missing: list[CellState] | None = field(default=None, repr=False)

    @torch.inference_mode()
    def __call__(self, contexts: Sequence[np.ndarray], horizon: int, limit: int) -> np.ndarray:
        """Forecast every context.

        Args:
            contexts: 1-D arrays, NaN = missing, each of any length from 1.
            horizon: steps P.
            limit: patches one pass may forecast (`max_accelerated_rollout_steps`).

        Returns:
            float32 [B, Q, P] in series units, at the trained levels, as the network gives them.
        """
        config = self.network.config
        passes = plan_passes(-(-horizon // config.patch), limit)
        windows = np.concatenate(
            [self._windows(contexts, sum(passes[:j])) for j in range(len(passes))]
        )
        device = self.network.out_norm.weight.device
        dtype = torch.float64 if self.precise and device.type != "mps" else torch.float32
        scaled = standardise(torch.from_numpy(windows).to(device, dtype), config.patch)
        wanted = [k for k in passes for _ in contexts]
        out = self._forecast_rows(scaled.tokens, wanted)
        out = out.to(dtype) * scaled.scale[:, :, None, None] + scaled.loc[:, :, None, None]
        rows = out.float().cpu().numpy()
        count = len(contexts)
        parts = [
            rows[j * count : (j + 1) * count, :k].transpose(0, 2, 1, 3).reshape(
                count, len(config.quantile_levels), k * config.patch
            )
            for j, k in enumerate(passes)
        ]  # fmt: skip
        return np.concatenate(parts, axis=2)[:, :, :horizon]

    def _windows(self, contexts: Sequence[np.ndarray], done: int) -> np.ndarray:
        """The full-length windows [B, L] of one pass, after `done` patches of missing values."""
        config = self.network.config
        length = config.context_length
        kept = max(0, length - done * config.patch)
        windows = np.full((len(contexts), length), np.nan)
        for row, context in zip(windows, contexts, strict=True):
            tail = context[-kept:] if kept else context[:0]
            row[kept - len(tail) : kept] = tail
        return windows

    def _forecast_rows(self, tokens: Tensor, wanted: list[int]) -> Tensor:
        """Forecasts [R, max k, Q, p] of rows that want their last k patches each."""
        config = self.network.config
        total = config.context_tokens
        starts = leading_missing(tokens).clamp(max=total - 1).tolist()
        levels = len(config.quantile_levels)
        out = tokens.new_zeros(len(tokens), max(wanted), levels, config.patch)
        for k, start, rows in _groups(starts, wanted):
            steps = total - start + k - 1
            per_row = steps * (2 if self.sign_flip else 1)
            size = max(1, TOKENS_AT_ONCE // per_row)
            for first in range(0, len(rows), size):
                chosen = rows[first : first + size]
                part = tokens[chosen, start:]
                if k > 1:
                    empty = part.new_zeros(len(chosen), k - 1, part.shape[2])
                    part = torch.cat([part, empty], dim=1)
                out[chosen, :k] = self._run(part, start, k)
        return out

    def _run(self, tokens: Tensor, start: int, last: int) -> Tensor:
        if self.sign_flip:
            mirrored = tokens.clone()
            mirrored[:, :, : self.network.config.patch].neg_()
            tokens = torch.cat([tokens, mirrored])
        states = None
        if start:
            states = [sequence.at(start - 1).repeat(len(tokens)) for sequence in self._padding()]
        out: Tensor
        if self.forward is None:
            out = self.network(tokens, states, last=last)
        else:
            out = self.forward(tokens, states, last)
        out = out.float()
        if self.sign_flip:
            straight, mirrored = out.chunk(2)
            out = (straight - mirrored.flip(2)) / 2
        return out

    def _padding(self) -> list[CellState]:
        """States after every count of leading missing tokens, computed at first need."""
        if self._missing is None:
            self._missing = self.network.missing_states(self.network.config.context_tokens)
        return self._missing


def _groups(starts: list[int], wanted: list[int]) -> list[tuple[int, int, list[int]]]:
    """Rows that can share a forward: equal k, starts within a few tokens of each other.

    A row may begin earlier than it must: it then reads missing tokens that the cached state
    would have covered, with the same result.
    """
    by_k: dict[int, list[int]] = defaultdict(list)
    for row, k in enumerate(wanted):
        by_k[k].append(row)
    groups: list[tuple[int, int, list[int]]] = []
    for k, rows in by_k.items():
        rows = sorted(rows, key=lambda row: starts[row])
        current: list[int] = []
        for row in rows:
            if current and starts[row] - starts[current[0]] > MERGE_TOKENS:
                groups.append((k, starts[current[0]], current))
                current = []
            current.append(row)
        groups.append((k, starts[current[0]], current))
    return groups
