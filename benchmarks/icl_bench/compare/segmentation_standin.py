"""Stand-in weights and pictures: the published sizes, seeded noise, the official file layouts.

Speed does not depend on what the weights are, and the official ones need not be downloaded.
Masks do: how far those of two number types agree on noise says little about trained weights.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from icl_bench.compare.segmentation_shapes import (
    SamSize,
    Shapes,
    Size,
    dcsam_shapes,
    sam_shapes,
    segic_shapes,
)


def seeded(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values that keep activations finite; they depend on the name and the shape alone."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
    tenth = np.float32(0.1)
    if name.endswith("running_var"):
        return np.float32(1) + tenth * np.abs(noise)
    if len(shape) <= 1:
        return tenth * noise + np.float32(name.endswith("weight"))
    if shape[0] == 1 and len(shape) >= 3:  # position tables and tokens
        return np.float32(0.5) * noise
    inputs = math.prod(shape[1:]) if len(shape) == 4 else shape[-1]
    return noise / np.float32(math.sqrt(inputs))


def write(path: Path, shapes: Shapes) -> Path:
    """Write a checkpoint of these tensors."""
    import torch

    torch.save({n: torch.from_numpy(np.asarray(seeded(n, s))) for n, s in shapes.items()}, path)
    return path


def write_sam(folder: Path, size: SamSize) -> Path:
    """Write SAM's file, once for each size; return its path."""
    path = folder / f"sam_{size.width}_{size.depth}.pth"
    return path if path.exists() else write(path, sam_shapes(size))


class Weights(NamedTuple):
    """What `icl.load` needs for one learner."""

    learner: str
    weights: Path
    options: Mapping[str, object]


def write_learner(folder: Path, learner: str, size: Size) -> Weights:
    """Write the files of "segic" or "dcsam"."""
    path = folder / f"{learner}.pth"
    if learner == "segic":
        done = path if path.exists() else write(path, segic_shapes(size.segic))
        return Weights(learner, done, {"image_size": size.segic.side})
    own = {f"module.{name}": shape for name, shape in dcsam_shapes(size.blocks).items()}
    done = path if path.exists() else write(path, own)
    return Weights(learner, done, {"sam_weights": str(write_sam(folder, size.sam))})


def pictures(count: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawn pictures, a bright disc on a cloudy ground, and the masks of the discs.

    Returns:
        uint8 [count, height, width, 3] and bool [count, height, width].
    """
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width] / max(height, width)
    images, masks = [], []
    for _ in range(count):
        angles = rng.uniform(0, 2 * math.pi, (4, 3))
        rates = rng.uniform(4, 30, (4, 2))
        waves = [np.sin(a * x + b * y)[..., None] for a, b in rates]
        ground = sum(w * np.cos(angle) for w, angle in zip(waves, angles, strict=True))
        centre = rng.uniform(0.3, 0.7, 2) * (height, width) / max(height, width)
        mask = np.hypot(y - centre[0], x - centre[1]) < rng.uniform(0.12, 0.25)
        image = 110 + 25 * np.asarray(ground)
        image[mask] = image[mask] * 0.4 + rng.uniform(120, 200, 3)
        images.append(np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8))
        masks.append(mask)
    return np.stack(images), np.stack(masks)


def encoder_input(side: int) -> np.ndarray:
    """A normalised picture for SAM's encoder: float32 [1, 3, side, side]."""
    return np.random.default_rng(side).standard_normal((1, 3, side, side), np.float32)
