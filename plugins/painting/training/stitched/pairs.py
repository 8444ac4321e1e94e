"""A pair of pictures, and what the published recipe does with it by the name of its type.

arXiv 2212.02499, section 3 and its released code: how a pair is resized, which augmentations it
gets and which of its values count in the loss are all decided by words in the type's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

BLACK = 1e-5
"""Below this a value in 0..1 is black."""
NO_DEPTH = 1e-4
FEWEST = 300
"""A pose or an instance picture with fewer values above black counts nothing."""
POSE = 10.0
"""Weight of values above black in a picture of poses."""
EXACT = "drawn"
"""Types of this name are made at the network's size and are not cropped any more."""


class Pair(NamedTuple):
    """An input and what a task makes of it.

    Args:
        input: uint8 [H, W, 3].
        target: uint8 [H, W, 3].
        type: name of the task, such as "ade20k_image2semantic".
    """

    input: np.ndarray
    target: np.ndarray
    type: str


class PairSource(Protocol):
    """Where pairs come from."""

    def draw(self, rng: np.random.Generator, held_out: bool) -> tuple[Pair, Pair]:
        """Return prompt and query, two pairs of one type.

        Args:
            rng: of all draws.
            held_out: from what is not trained on.
        """


@dataclass(frozen=True)
class Handling:
    """What a type gets.

    Args:
        input_filter: how the input is resized.
        target_filter: how the target is resized.
        crop: a random part of it is shown; otherwise the whole.
        flip: left and right may change places.
        jitter: colours of the input change.
        second_crop: the stitched canvas may be cropped again.
    """

    input_filter: Image.Resampling
    target_filter: Image.Resampling
    crop: bool
    flip: bool
    jitter: bool
    second_crop: bool


def handling(kind: str) -> Handling:
    """Return what pairs of a type get, by the words in its name.

    Instances and poses are resized as a whole and nothing else: their colours stand for places, and
    their lists hold pictures that were augmented before. Types without any of the published words
    are resized smoothly. Types that begin with `EXACT` get flips alone: cropping would change their
    noise, and colours may be what they teach.
    """
    smooth, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    drawn = kind.startswith(EXACT)
    whole = not drawn and ("inst" in kind or "pose" in kind)
    labels = "image2" in kind and "depth" not in kind and "pose" not in kind
    return Handling(
        input_filter=smooth,
        target_filter=nearest if labels else smooth,
        crop=not (drawn or whole),
        flip=not whole,
        jitter=not (drawn or whole),
        second_crop=not (drawn or whole),
    )


def loss_weights(target: np.ndarray, kind: str) -> np.ndarray:
    """Return how much each value of a target counts.

    Args:
        target: colours in 0..1, float32 [..., 3].
        kind: name of its type.

    Returns:
        float32 of the same shape.
    """
    weights = np.ones_like(target, dtype=np.float32)
    above = target > BLACK
    if "depth" in kind:
        weights[target < NO_DEPTH] = 0
    elif "image2semantic" in kind or "panoptic_sem" in kind:
        weights[target < BLACK] = 0
    elif "image2pose" in kind:
        weights[above] = POSE
    if ("image2pose" in kind or "panoptic_inst" in kind) and above.sum() < FEWEST:
        weights[:] = 0
    return weights
