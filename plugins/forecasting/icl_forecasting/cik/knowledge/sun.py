"""The course of the sun over a day, as far as it shapes what is measured on the ground."""

from __future__ import annotations

import numpy as np

USUAL_NOON = 12.1
"""Clock time of solar noon in hours, over places that keep the standard time of their zone."""

NOON_SD = 0.35
"""Its standard deviation over places and dates, in hours."""

AIR = 1.2
"""A clear sky lets through more when the sun is high: exponent on the sine of its elevation."""

EXPONENTS = {"direct-irradiance": 0.35, "diffuse-irradiance": 0.7}
"""The same for other parts of the light; direct light on a surface that faces the sun is flat."""


def hours_of(stamps: np.ndarray) -> np.ndarray:
    """Time of day in hours: `datetime64[ns]` [N] -> float [N]."""
    since = stamps.astype("datetime64[ns]") - stamps.astype("datetime64[D]")
    return np.asarray(since / np.timedelta64(1, "h"))


def clear_sky(hours: np.ndarray, noon: float, half_day: float, exponent: float = AIR) -> np.ndarray:
    """Light of a clear day relative to its noon.

    The sine of the sun's elevation is an affine function of the cosine of the hour angle, zero at
    sunrise and sunset; so the curve is symmetric about noon.

    Args:
        hours: time of day [N].
        noon: solar noon in hours.
        half_day: hours from sunrise to noon, above 0.
        exponent: on the sine of the elevation.

    Returns:
        float [N] from 0 to 1.
    """
    turn = 2 * np.pi / 24
    edge = np.cos(turn * min(half_day, 12.0))
    height = (np.cos(turn * (hours - noon)) - edge) / max(1 - edge, 1e-9)
    return np.asarray(np.maximum(height, 0.0) ** exponent)
