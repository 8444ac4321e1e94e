"""Series as vectors: what the blocks of a frozen network hold (arXiv 2510.26777).

The heads that learn on them are in `heads`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from icl_core.errors import InputError
from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.scaling import standardise

_PATCHES = 8  # a series is summarised in eighths
_EPS = 1e-8


def hidden_states(
    network: TirexNetwork, series: np.ndarray, *, batch_size: int = 64, precise: bool = False
) -> Tensor:
    """The residual stream after each block, for the tokens that hold the series.

    Args:
        network: in eval mode, on its device.
        series: [B, T], NaN = missing; only the last `context_length` values are read.
        batch_size: series in one forward.
        precise: normalise in float64 instead of float32, as released.

    Returns:
        float32 [B, S, num_blocks, E] on the CPU; S = the tokens that hold the last T values.
    """
    return torch.cat([part.cpu() for part in _hidden(network, series, batch_size, precise)])


def _hidden(
    network: TirexNetwork, series: np.ndarray, batch_size: int, precise: bool
) -> Iterator[Tensor]:
    """Batches of hidden states, on the network's device."""
    config = network.config
    length = min(series.shape[1], config.context_length)
    padding = config.context_length - length
    device = network.out_norm.weight.device
    dtype = torch.float64 if precise and device.type != "mps" else torch.float32
    for first in range(0, len(series), batch_size):
        rows = series[first : first + batch_size]
        windows = np.full((len(rows), config.context_length), np.nan)
        windows[:, padding:] = rows[:, rows.shape[1] - length :]
        with torch.inference_mode():
            tokens = standardise(torch.from_numpy(windows).to(device, dtype), config.patch).tokens
            yield network.hidden(tokens)[:, padding // config.patch :].float()


def embed(
    network: TirexNetwork, samples: np.ndarray, *, batch_size: int = 64, precise: bool = False
) -> np.ndarray:
    """One vector a sample: the mean over its tokens, normalised in each block and as a whole.

    Args:
        network: in eval mode, on its device.
        samples: [B, V, T] (or [B, T] for one variate), NaN = missing.
        batch_size: series in one forward.
        precise: normalise in float64 instead of float32, as released.

    Returns:
        float32 [B, num_blocks * V * E], block by block, in it variate by variate.

    Raises:
        InputError: the array does not have two or three axes, or one of them is empty.
    """
    samples = _as_samples(samples)
    batch, variates, steps = samples.shape
    series = samples.reshape(batch * variates, steps)
    batches = _hidden(network, series, batch_size, precise)
    pooled = torch.cat([hidden.mean(dim=1).cpu() for hidden in batches])
    normed = functional.normalize(pooled, dim=-1, eps=1e-12)
    by_block = normed.view(batch, variates, *normed.shape[1:]).transpose(1, 2)
    flat = by_block.reshape(batch, -1)
    return np.asarray(functional.layer_norm(flat, flat.shape[1:], eps=1e-5).numpy())


def series_statistics(samples: np.ndarray) -> np.ndarray:
    """Mean, deviation, maximum and minimum of every eighth of each variate.

    Missing values are left out of a full eighth; a shorter rest has plain statistics and an
    unbiased deviation, as released, so that missing values in it stay missing.

    Args:
        samples: [B, V, T], NaN = missing.

    Returns:
        float64 [B, V * patches * 4]: variate by variate, patch by patch.
    """
    samples = _as_samples(samples).astype(np.float64)
    batch, variates, steps = samples.shape
    size = max(1, steps // _PATCHES)
    full = steps // size
    patches = samples[:, :, : full * size].reshape(batch, variates, full, size)
    seen = ~np.isnan(patches)
    count = seen.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(seen, patches, 0.0).sum(-1) / count
        square = np.where(seen, (patches - mean[..., None]) ** 2, 0.0).sum(-1)
        deviation = np.sqrt(square / count)
    highest = np.where(count > 0, np.where(seen, patches, -np.inf).max(-1), np.nan)
    lowest = np.where(count > 0, np.where(seen, patches, np.inf).min(-1), np.nan)
    parts = np.stack([mean, deviation, highest, lowest], axis=-1)
    rest = samples[:, :, full * size :]
    if rest.shape[-1]:
        spread = rest.std(-1, ddof=1) if rest.shape[-1] > 1 else np.full(rest.shape[:-1], np.nan)
        last = np.stack([rest.mean(-1), spread, rest.max(-1), rest.min(-1)], axis=-1)
        parts = np.concatenate([parts, last[:, :, None]], axis=2)
    return np.asarray(parts.reshape(batch, -1))


class FeatureScale(NamedTuple):
    """Mean and deviation of every feature over a set of samples, [F] each."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> FeatureScale:
        """Measure features [B, F]; missing ones are left out."""
        seen = np.isfinite(features)
        count = np.maximum(seen.sum(0), 1)
        mean = np.where(seen, features, 0.0).sum(0) / count
        square = np.where(seen, (features - mean) ** 2, 0.0).sum(0) / count
        return cls(mean, np.sqrt(square))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Standardise each feature, then each sample over its features; missing becomes 0."""
        scaled = (features - self.mean) / (self.deviation + _EPS)
        scaled = np.where(np.isfinite(scaled), scaled, 0.0)
        centred = scaled - scaled.mean(1, keepdims=True)
        return np.asarray(centred / (scaled.std(1, ddof=1, keepdims=True) + _EPS))


@dataclass
class SeriesEmbedder:
    """Embeds samples with a frozen network, alone or with differences and statistics.

    The released code standardises the statistics over whatever samples share a call, so that a
    vector depends on its neighbours and a single sample has none. After `fit` they are
    standardised as the training set was, and every sample stands for itself.

    Args:
        network: in eval mode, on its device.
        augmented: add the embedding of first differences and the statistics of eighths.
        batch_size: series in one forward.
        precise: normalise in float64 instead of float32, as released.
    """

    network: TirexNetwork
    augmented: bool = False
    batch_size: int = 64
    precise: bool = False
    scale: FeatureScale | None = None

    def fit(self, samples: np.ndarray) -> SeriesEmbedder:
        """Measure the statistics of a training set [B, V, T]; returns itself."""
        self.scale = FeatureScale.of(series_statistics(samples))
        return self

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Embed samples.

        Args:
            samples: [B, V, T] (or [B, T] for one variate), NaN = missing.

        Returns:
            float32 [B, D] with D = num_blocks * V * E, or when augmented twice that and the
            statistics: first the differences', then the values', then the statistics.

        Raises:
            InputError: the array has another number of axes, or is too short to be differenced.
        """
        samples = _as_samples(samples)
        plain = self._embed(samples)
        if not self.augmented:
            return plain
        if samples.shape[2] < 2:
            raise InputError("an augmented embedding needs two values a series, and there is one")
        features = series_statistics(samples)
        scale = self.scale or FeatureScale.of(features)
        if len(scale.mean) != features.shape[1]:
            raise InputError(
                f"these samples have {features.shape[1]} statistics, those that were fitted had "
                f"{len(scale.mean)}: variates and length must be the same"
            )
        parts = [self._embed(np.diff(samples, axis=2)), plain, scale.apply(features)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _embed(self, samples: np.ndarray) -> np.ndarray:
        return embed(self.network, samples, batch_size=self.batch_size, precise=self.precise)


def _as_samples(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim == 2:
        samples = samples[:, None]
    if samples.ndim != 3 or 0 in samples.shape:
        raise InputError(
            f"samples have shape {samples.shape}, expected [samples, variates, steps] or "
            "[samples, steps], none of them empty"
        )
    return samples
