"""Gaussian processes with random composed kernels, after KernelSynth (Chronos, arXiv 2403.07815).

One to four kernels (periodic, RBF, rational quadratic, linear, Ornstein-Uhlenbeck) are joined from
left to right by sum or product, as in KernelSynth; continuous periods follow TiRex
(arXiv 2505.23719).  Instead of a Cholesky factor the draw uses random Fourier features: the
expression is multiplied out into at most four products, the frequencies of a product are sums of
frequencies drawn from the spectral measures of its factors (exact harmonics for periodic kernels),
and linear kernels become polynomial factors in front of the features.  The cost grows linearly with
the length, and every series has a kernel of its own.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ive

from corpus.periods import draw_periods
from corpus.trends import lean_upwards

_KERNELS = 4
_FEATURES = 80
_PERIODIC, _RBF, _RATIONAL, _LINEAR, _OU = range(5)
_KIND_SHARES = [3 / 7, 1 / 7, 1 / 7, 1 / 7, 1 / 7]
_NOISE = {1e-4: 0.30, 0.01: 0.25, 0.1: 0.30, 0.5: 0.15}
_ORDERS = np.arange(24)


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw Gaussian-process series with white observation noise.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    kinds = rng.choice(5, size=(n, _KERNELS), p=_KIND_SHARES)
    count = rng.integers(1, _KERNELS + 1, n)
    weight = rng.uniform(0.2, 2.0, (n, _KERNELS))
    sums = rng.random((n, _KERNELS)) < 0.5
    members, weights = _expand(count, sums, weight)
    kernels = _Kernels(rng, kinds, length)
    result = np.zeros((n, length), dtype=np.float32)
    for term in range(_KERNELS):
        rows = np.flatnonzero(members[:, term].any(axis=1))
        if len(rows):
            scale = np.sqrt(weights[rows, term])[:, None].astype(np.float32)
            result[rows] += scale * kernels.product(rng, rows, members[rows, term])
    result = lean_upwards(rng, result)
    fraction = rng.choice(list(_NOISE), size=(n, 1), p=list(_NOISE.values()))
    power = np.mean(np.square(result), axis=1, keepdims=True)
    noise = rng.standard_normal((n, length), dtype=np.float32)
    return result + np.sqrt(fraction * power).astype(np.float32) * noise


def _expand(
    count: np.ndarray, sums: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Multiply out ((k1 op k2) op k3) op k4.

    Returns:
        Membership [n, terms, kernels] of every kernel in every product, and the weights of the
        products [n, terms].
    """
    n = len(count)
    members = np.zeros((n, _KERNELS, _KERNELS), dtype=bool)
    weights = np.ones((n, _KERNELS))
    members[:, 0, 0] = True
    used = members.any(axis=2)
    for k in range(1, _KERNELS):
        present = count > k
        add, times = present & sums[:, k], present & ~sums[:, k]
        members[add, k, k] = True
        weights[add, k] = weight[add, k]
        members[:, :, k] |= times[:, None] & used
        used = members.any(axis=2)
    return members, weights


class _Kernels:
    """Parameters of all kernels of a batch, and feature draws from products of them."""

    def __init__(self, rng: np.random.Generator, kinds: np.ndarray, length: int) -> None:
        shape = kinds.shape
        self.kinds = kinds
        self.grid = (np.arange(length, dtype=np.float32) / length).astype(np.float32)
        self.period = draw_periods(rng, kinds.size, length).reshape(shape) / length
        sharpness = 1.0 / np.exp(rng.uniform(np.log(0.3), np.log(2.7), shape))
        # Spectrum of exp(-2 sin^2 / l): harmonics weighted by modified Bessel functions.
        mass = ive(_ORDERS, sharpness[..., None]) * np.where(_ORDERS > 0, 2.0, 1.0)
        mass[..., 1:] *= _ORDERS[1:] * 2 < self.period[..., None] * length + 1e-9
        self.harmonic = np.cumsum(mass, axis=-1) / mass.sum(axis=-1, keepdims=True)
        low = np.select(
            [kinds == _RBF, kinds == _RATIONAL, kinds == _OU], [0.01, 0.02, 0.005], 0.01
        )
        high = np.select([kinds == _RBF, kinds == _RATIONAL, kinds == _OU], [2.0, 1.0, 0.5], 1.0)
        self.scale = np.exp(rng.uniform(np.log(low), np.log(high)))
        self.alpha = rng.choice([0.1, 1.0, 10.0], size=shape)
        self.constant = np.sqrt(rng.choice([0.0, 1.0, 10.0], size=shape))
        self.centre = rng.random(shape)

    def product(
        self, rng: np.random.Generator, rows: np.ndarray, members: np.ndarray
    ) -> np.ndarray:
        """One draw per row from the product of the member kernels.

        A product with linear factors is drawn as two parts, one times the constants and one times
        the ramps; the mixed terms of two or more linear factors are left out.
        """
        n, length = len(rows), len(self.grid)
        linear = members & (self.kinds[rows] == _LINEAR)
        ramp, constant = np.ones((n, length), dtype=np.float32), np.ones(n, dtype=np.float32)
        for k in range(_KERNELS):
            here = np.flatnonzero(linear[:, k])
            ramp[here] *= self.grid - self.centre[rows[here], k, None].astype(np.float32)
            constant[here] *= self.constant[rows[here], k].astype(np.float32)
        bent = linear.any(axis=1)
        result = self._features(rng, rows, members & ~linear) * constant[:, None]
        if bent.any():
            result[bent] += self._features(rng, rows[bent], (members & ~linear)[bent]) * ramp[bent]
        return result

    def _features(
        self, rng: np.random.Generator, rows: np.ndarray, members: np.ndarray
    ) -> np.ndarray:
        """Stationary part: cosines with random frequencies and amplitudes, unit variance."""
        shape = (len(rows), _FEATURES)
        frequency = np.zeros(shape)
        for k in range(_KERNELS):
            for kind in (_PERIODIC, _RBF, _RATIONAL, _OU):
                here = np.flatnonzero(members[:, k] & (self.kinds[rows, k] == kind))
                if len(here):
                    frequency[here] += self._spectrum(rng, kind, rows[here], k)
        a, b = rng.standard_normal((2, *shape)) / np.sqrt(_FEATURES)
        # cos and sin with normal amplitudes equal one cosine with random amplitude and phase.
        amplitude, phase = np.hypot(a, b).astype(np.float32), np.arctan2(a, b).astype(np.float32)
        result = np.zeros((shape[0], len(self.grid)), dtype=np.float32)
        turn = (2 * np.pi * frequency).astype(np.float32)
        for f in range(_FEATURES):
            wave = turn[:, f, None] * self.grid
            wave += phase[:, f, None]
            np.cos(wave, out=wave)
            wave *= amplitude[:, f, None]
            result += wave
        return result

    def _spectrum(
        self, rng: np.random.Generator, kind: int, rows: np.ndarray, k: int
    ) -> np.ndarray:
        """Frequencies in cycles per length, [rows, features], of one kernel's spectrum."""
        shape = (len(rows), _FEATURES)
        if kind == _PERIODIC:
            draw = rng.random(shape)
            order = (draw[:, :, None] > self.harmonic[rows, k][:, None, :]).sum(axis=2)
            return order * rng.choice([-1, 1], size=shape) / self.period[rows, k, None]
        scale = 2 * np.pi * self.scale[rows, k, None]
        if kind == _OU:
            limit = len(self.grid) / 2
            return np.clip(rng.standard_cauchy(shape) / scale, -limit, limit)
        normal = rng.standard_normal(shape) / scale
        if kind == _RATIONAL:
            alpha = np.broadcast_to(self.alpha[rows, k, None], shape)
            normal *= np.sqrt(rng.gamma(alpha) / alpha)
        return normal
