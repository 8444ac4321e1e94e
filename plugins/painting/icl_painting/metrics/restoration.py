"""PSNR and SSIM of restored pictures, in the three ways in which restorations are compared.

| protocol | colours | PSNR | SSIM | used for |
|---|---|---|---|---|
| `rgb` | all three | over all values | as MATLAB's `ssim` of a colour picture | SIDD |
| `y` | Y of MATLAB's `rgb2ycbcr` | 20 log10(255 / rmse) | as Wang et al., inside borders | rain |
| `skimage` | all three | over all values | as scikit-image, mean of the colours | LoL |

SSIM (Wang et al., Image Quality Assessment, TIP 2004) compares means, variances and the covariance
of windows, with K = 0.01 and 0.03. The three differ in the window:

    * `rgb`: a Gaussian, sigma 1.5, 11 wide, borders repeated. MATLAB reads the three colours as a
      third direction of space, so the window is 11x11x11 and mixes the colours.
    * `y`: the Gaussian 11x11 where it lies inside the picture.
    * `skimage`: equal weights 7x7 where they lie inside, with unbiased variances.

Written with numpy: no library has all three, and those with one of them bring scipy or more.
scikit-image and torchmetrics serve the tests as a second opinion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError

PROTOCOLS = ("rgb", "y", "skimage")
BEST = 100.0
"""PSNR of two equal pictures, in dB; by the formula it is infinite, and no mean would be left."""

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""

_K1, _K2 = 0.01, 0.03
_SIGMA, _WIDTH = 1.5, 11


def psnr(prediction: Any, target: Any, protocol: str = "rgb") -> float:
    """Peak signal-to-noise ratio in dB, at most `BEST`.

    Args:
        prediction: uint8 [H, W, 3], or floats in [0, 1]; a `Picture` counts as its image.
        target: the same.
        protocol: one of `PROTOCOLS`.

    Raises:
        InputError: the sizes differ, the pictures are of another kind, or no such protocol.
    """
    found, truth = _compared(prediction, target, protocol)
    error = float(np.mean((found - truth) ** 2))
    return min(BEST, -10 * math.log10(error)) if error > 0 else BEST


def ssim(prediction: Any, target: Any, protocol: str = "rgb") -> float:
    """Structural similarity, 1 for equal pictures.

    Args:
        prediction: as in `psnr`.
        target: as in `psnr`.
        protocol: one of `PROTOCOLS`.

    Raises:
        InputError: as in `psnr`, or the picture is smaller than the window.
    """
    found, truth = _compared(prediction, target, protocol)
    if protocol == "skimage":
        window, unbiased = np.full(7, 1 / 7), 49 / 48
    else:
        offsets = np.arange(_WIDTH) - _WIDTH // 2
        window, unbiased = np.exp(-(offsets**2) / (2 * _SIGMA**2)), 1.0
        window /= window.sum()
    volume = protocol == "rgb"
    if not volume and min(found.shape[:2]) < len(window):
        raise InputError(
            f"the picture is {found.shape[0]}x{found.shape[1]}, expected at least "
            f"{len(window)}x{len(window)} for SSIM by the protocol {protocol}"
        )

    def smooth(values: np.ndarray) -> np.ndarray:
        return _in_volume(values, window) if volume else _inside(values, window)

    a, b = smooth(found), smooth(truth)
    both = unbiased * (smooth(found * truth) - a * b)
    spread = unbiased * (smooth(found**2) - a**2 + smooth(truth**2) - b**2)
    low, high = _K1**2, _K2**2
    similar = (2 * a * b + low) * (2 * both + high)
    return float(np.mean(similar / ((a**2 + b**2 + low) * (spread + high))))


def brightness(picture: np.ndarray) -> np.ndarray:
    """Y of MATLAB's `rgb2ycbcr`, on the scale 0..255.

    Args:
        picture: uint8 [H, W, 3], or floats in [0, 1].

    Returns:
        float64 [H, W], 16 for black and 235 for white; whole numbers where `picture` is uint8, as
        MATLAB keeps its type.
    """
    weights = np.array([65.481, 128.553, 24.966])
    if picture.dtype == np.uint8:
        return np.asarray(np.floor(16 + picture @ weights / 255 + 0.5))
    return np.asarray(16 + picture @ weights)


def unrounded(prediction: Any) -> np.ndarray:
    """Return the picture of an answer as the network painted it, resized but not rounded.

    Args:
        prediction: a `Picture` with its canvas.

    Returns:
        float64 [H, W, 3] in [0, 1]: the canvas resized bicubically, then cut.
    """
    import torch

    from icl_painting.canvas import resize, to_unit

    size = (int(prediction.image.shape[0]), int(prediction.image.shape[1]))
    unit = resize(to_unit(torch.from_numpy(prediction.canvas)), size, "bicubic")
    return np.asarray(unit.clamp(0, 1).permute(1, 2, 0).numpy())


class PsnrSsim:
    """PSNR and SSIM of single pictures.

    `meta["protocol"]` is one of `PROTOCOLS`, "rgb" where it is not there. `meta["set"]` names the
    part of a benchmark that is averaged by itself before the mean over parts is taken. With
    `meta["unrounded"]` an answer that has its canvas is compared before it was rounded to 8 bits,
    as in the released evaluation of SIDD and LoL: at 38.7 dB rounding costs 0.04 dB.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one answer: `psnr` in dB and `ssim`.

        Args:
            prediction: a `Picture`, uint8 [H, W, 3], or floats in [0, 1], cut to that range.
            target: the same.
            meta: the episode's meta.
        """
        known = meta or {}
        protocol = known.get("protocol", "rgb")
        if known.get("unrounded") and getattr(prediction, "canvas", None) is not None:
            prediction = unrounded(prediction)
        return {
            "psnr": psnr(prediction, target, protocol),
            "ssim": ssim(prediction, target, protocol),
        }

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows: `psnr` and `ssim`, and those of each part by its name."""
        sums: dict[str, np.ndarray] = {}
        for numbers, meta in rows:
            part = str(meta.get("set", ""))
            values = np.array([numbers["psnr"], numbers["ssim"], 1])
            sums[part] = sums.get(part, np.zeros(3)) + values
        means = {part: total[:2] / total[2] for part, total in sums.items()}
        overall = np.mean(list(means.values()), axis=0) if means else np.full(2, math.nan)
        scores = {"psnr": float(overall[0]), "ssim": float(overall[1])}
        for part, mean in means.items():
            if part:
                scores[f"psnr_{part}"], scores[f"ssim_{part}"] = map(float, mean)
        return scores


def _compared(prediction: Any, target: Any, protocol: str) -> tuple[np.ndarray, np.ndarray]:
    """Return both pictures as the protocol compares them: float64 [H, W, C] with peak 1."""
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol is {protocol!r}, expected one of {PROTOCOLS}")
    found = np.asarray(getattr(prediction, "image", prediction))
    truth = np.asarray(getattr(target, "image", target))
    if found.shape != truth.shape or truth.ndim != 3 or truth.shape[2] != 3:
        raise InputError(
            f"the picture is {list(found.shape)} and the target {list(truth.shape)}, "
            "expected the same [H, W, 3]"
        )
    parts = []
    for picture in (found, truth):
        if picture.dtype != np.uint8:
            if picture.dtype.kind != "f":
                raise InputError(f"the picture is {picture.dtype}, expected uint8 or floats")
            picture = np.clip(picture.astype(np.float64), 0, 1)
        if protocol == "y":
            parts.append(brightness(picture)[..., None] / 255)
        else:
            parts.append(picture / 255.0 if picture.dtype == np.uint8 else picture)
    return parts[0], parts[1]


def _inside(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Average over windows that lie inside the picture: [H, W, C] to [H - w + 1, W - w + 1, C]."""
    for axis in (0, 1):
        lines = np.moveaxis(values, axis, 0)
        size = len(lines) - len(window) + 1
        total = np.zeros((size, *lines.shape[1:]))
        for start, weight in enumerate(window.tolist()):
            total += weight * lines[start : start + size]
        values = np.moveaxis(total, 0, axis)
    return values


def _in_volume(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Average over windows in three directions, borders repeated: [H, W, C] to the same."""
    edge, colours = len(window) // 2, values.shape[2]
    wide = np.pad(values, ((edge, edge), (edge, edge), (0, 0)), "edge")
    # Along the few colours the window is a small matrix: what lies outside counts as the last.
    mix = np.zeros((colours, colours))
    for place in range(colours):
        for step, weight in enumerate(window.tolist()):
            mix[min(max(place + step - edge, 0), colours - 1), place] += weight
    return np.asarray(_inside(wide, window) @ mix)


psnr_ssim = PsnrSsim()
