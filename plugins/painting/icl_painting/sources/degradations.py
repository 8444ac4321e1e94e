"""Ways to spoil a picture, so that the picture itself is the target.

Each is a pure function (picture, random) -> picture of the same size, uint8 [H, W, 3] both. What is
given is not changed, and a generator of the same seed gives the same picture.

`DEGRADATIONS` names them with fixed strengths. The noise levels 15, 25 and 50 are those on which
denoisers have been compared since Zhang et al., Beyond a Gaussian Denoiser (arXiv 1608.03981).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from icl_core.errors import InputError

Degradation = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""A picture uint8 [H, W, 3] and a generator to the spoilt picture, uint8 [H, W, 3]."""

GREY = (0.299, 0.587, 0.114)
"""Share of each colour in the brightness (ITU-R BT.601)."""


def gaussian_noise(
    picture: np.ndarray, random: np.random.Generator, *, sigma: float = 25.0
) -> np.ndarray:
    """Add independent Gaussian noise to every value, rounded and cut to 0..255.

    Args:
        picture: uint8 [H, W, 3].
        random: of the noise.
        sigma: standard deviation on the scale 0..255.
    """
    _checked(picture)
    noise = random.standard_normal(picture.shape)
    return _stored(picture + sigma * noise)


def low_light(
    picture: np.ndarray,
    random: np.random.Generator,
    *,
    gamma: float = 2.0,
    gain: float = 0.35,
    noise: float = 4.0,
) -> np.ndarray:
    """Darken a picture as too short an exposure does: a power, a factor, and the sensor's noise.

    Args:
        picture: uint8 [H, W, 3].
        random: of the noise.
        gamma: power of the values in [0, 1]; above 1 shadows lose most.
        gain: factor of what is left.
        noise: standard deviation of what is added last, on the scale 0..255.
    """
    _checked(picture)
    dark = 255 * gain * (picture / 255.0) ** gamma
    return _stored(dark + noise * random.standard_normal(picture.shape))


def rain(
    picture: np.ndarray,
    random: np.random.Generator,
    *,
    density: float = 0.004,
    length: float = 0.1,
    strength: float = 0.8,
) -> np.ndarray:
    """Let it rain: bright streaks that all fall at one angle.

    The angle is drawn within 30 degrees of the vertical, and every streak has its own brightness.
    A streak is laid over what is behind it as light is: 1 - (1 - picture) * (1 - streak).

    Args:
        picture: uint8 [H, W, 3].
        random: of angle, places and brightness.
        density: streaks a pixel of the picture.
        length: of a streak, as a share of the shorter side.
        strength: brightness of the brightest streaks, in [0, 1].
    """
    _checked(picture)
    height, width = picture.shape[:2]
    count = max(1, round(density * height * width))
    steps = max(2, round(length * min(height, width)))
    angle = np.deg2rad(random.uniform(-30, 30))
    along = np.arange(steps) - (steps - 1) / 2
    down = random.uniform(0, height, count)[:, None] + np.cos(angle) * along
    across = random.uniform(0, width, count)[:, None] + np.sin(angle) * along
    light = random.uniform(0.3, 1, count)[:, None] * np.sin(
        np.pi * (np.arange(steps) + 0.5) / steps
    )
    fallen = np.zeros((height, width))
    # Each point of a streak lies between four pixels, which share its light.
    top, left = np.floor(down).astype(int), np.floor(across).astype(int)
    for dy in (0, 1):
        for dx in (0, 1):
            share = (1 - np.abs(down - top - dy)) * (1 - np.abs(across - left - dx)) * light
            y, x = top + dy, left + dx
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            np.add.at(fallen, (y[inside], x[inside]), share[inside])
    streaks = strength * np.minimum(fallen, 1)[..., None]
    return _stored(255 - (255.0 - picture) * (1 - streaks))


def blur(
    picture: np.ndarray, random: np.random.Generator | None = None, *, sigma: float = 1.6
) -> np.ndarray:
    """Blur a picture by a Gaussian; borders are mirrored. Nothing is drawn.

    Args:
        picture: uint8 [H, W, 3].
        random: has no effect.
        sigma: standard deviation in pixels.
    """
    _checked(picture)
    radius = max(1, int(np.ceil(3 * sigma)))
    offsets = np.arange(-radius, radius + 1)
    window = np.exp(-(offsets**2) / (2 * sigma**2))
    window /= window.sum()
    soft = picture.astype(np.float64)
    for axis in (0, 1):
        edges = [(radius, radius) if axis == n else (0, 0) for n in range(3)]
        wide = np.pad(soft, edges, "symmetric")
        size = soft.shape[axis]
        soft = np.sum(
            [
                weight * np.take(wide, range(n, n + size), axis)
                for n, weight in enumerate(window.tolist())
            ],
            axis=0,
        )
    return _stored(soft)


def coarse(
    picture: np.ndarray, random: np.random.Generator | None = None, *, factor: int = 4
) -> np.ndarray:
    """Make a picture smaller and enlarge it again, bicubic both ways. Nothing is drawn.

    Args:
        picture: uint8 [H, W, 3].
        random: has no effect.
        factor: how many times smaller each side gets, at least 1 pixel.
    """
    from PIL import Image

    _checked(picture)
    height, width = picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture))
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = image.resize(size, Image.Resampling.BICUBIC)
    return np.array(small.resize((width, height), Image.Resampling.BICUBIC))


def grey(picture: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
    """Take the colours out of a picture; what is left is its brightness. Nothing is drawn.

    Args:
        picture: uint8 [H, W, 3].
        random: has no effect.
    """
    _checked(picture)
    brightness = picture @ np.asarray(GREY)
    return np.repeat(_stored(brightness)[..., None], 3, axis=-1)


def holes(
    picture: np.ndarray, random: np.random.Generator, *, share: float = 0.2, count: int = 8
) -> np.ndarray:
    """Cut black boxes out of a picture.

    Args:
        picture: uint8 [H, W, 3].
        random: of places and shapes.
        share: of the picture that the boxes would cover if they did not overlap.
        count: of boxes, each of the same area, 1:2 to 2:1.
    """
    _checked(picture)
    height, width = picture.shape[:2]
    spoilt = picture.copy()
    side = np.sqrt(share / count)
    for ratio, y, x in zip(
        np.exp2(random.uniform(-0.5, 0.5, count)).tolist(),
        random.uniform(0, 1, count).tolist(),
        random.uniform(0, 1, count).tolist(),
        strict=True,
    ):
        tall = min(height, max(1, round(height * side * ratio)))
        wide = min(width, max(1, round(width * side / ratio)))
        top, left = round(y * (height - tall)), round(x * (width - wide))
        spoilt[top : top + tall, left : left + wide] = 0
    return spoilt


DEGRADATIONS: Mapping[str, Degradation] = {
    "denoise-15": partial(gaussian_noise, sigma=15.0),
    "denoise-25": partial(gaussian_noise, sigma=25.0),
    "denoise-50": partial(gaussian_noise, sigma=50.0),
    "low-light": low_light,
    "derain": rain,
    "deblur": blur,
    "upscale-x4": coarse,
    "colourise": grey,
    "inpaint": holes,
}
"""What has to be undone -> the function that does the damage."""


def _checked(picture: np.ndarray) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise InputError(
            f"the picture is {picture.dtype} {list(picture.shape)}, expected uint8 [H, W, 3]"
        )


def _stored(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
