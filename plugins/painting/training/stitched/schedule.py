"""Rates over a run and over the layers, and the published settings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

_BLOCK = re.compile(r"blocks\.(\d+)\.")


@dataclass(frozen=True)
class Recipe:
    """Settings of a run; the defaults are Painter's as published, but for the size of a batch.

    Args:
        rate: learning rate of the last layers, at its highest.
        layer_decay: factor on the rate from each layer to the one below.
        weight_decay: of all but vectors and the absolute positions.
        warmup: updates over which the rate rises from 0; published: one epoch of 15.
        clip: largest norm of the gradient; 0 = any.
        batch: canvases in one pass; published: 2 on each of 64 devices.
        accumulate: passes in one update; published: 16.
        drop_path: of the last block.
        average: decay of a moving average of the weights, which is then what is written; 0 = none.
        half: probability that the whole answer is hidden.
        loss: "smoothl1", "l1", "l2" or "l1l2".
        black_rule: samples whose visible target is almost black count nothing (Painter, not
            SegGPT).
        identity: new weights paint the query as it is; not published, for short runs.
        amp: "float16" and "bfloat16" compute in halves, "none" does not.
    """

    rate: float = 1e-3
    layer_decay: float = 0.8
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 0
    clip: float = 3.0
    batch: int = 2
    accumulate: int = 1
    drop_path: float = 0.1
    average: float = 0.0
    half: float = 0.1
    loss: str = "smoothl1"
    black_rule: bool = True
    amp: str = "none"
    identity: bool = False


@dataclass(frozen=True)
class Schedule:
    """Length of a run, in updates or in minutes; the rate falls to 0 along half a cosine."""

    updates: int | None
    minutes: float | None
    warmup: int = 0

    def progress(self, step: int, seconds: float) -> float:
        """Return how much of the run is over, 0 to 1."""
        if self.updates is not None:
            return min(1.0, step / max(self.updates, 1))
        return min(1.0, seconds / 60 / (self.minutes or 1.0))

    def factor(self, step: int, seconds: float) -> float:
        """Return the factor on the learning rate for update number `step`, counted from 0."""
        ramp = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return ramp * 0.5 * (1 + math.cos(math.pi * self.progress(step, seconds)))


def layer_of(name: str, depth: int) -> int:
    """Return the layer of a parameter: 0 = patches and positions, blocks, then all others."""
    if name.startswith(("patch_embed.", "pos_embed")):
        return 0
    found = _BLOCK.match(name)
    return int(found[1]) + 1 if found else depth + 1


def parameter_groups(
    parameters: Mapping[str, nn.Parameter], depth: int, recipe: Recipe
) -> list[dict[str, Any]]:
    """Group parameters for AdamW; `scale` of a group is its factor on the rate.

    Args:
        parameters: official name -> parameter.
        depth: number of blocks.
        recipe: the settings.
    """
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in parameters.items():
        layer, plain = layer_of(name, depth), parameter.ndim == 1 or name == "pos_embed"
        scale = recipe.layer_decay ** (depth + 1 - layer)
        decay = 0.0 if plain else recipe.weight_decay
        group = {"params": [], "scale": scale, "weight_decay": decay, "lr": 0.0}
        groups.setdefault((layer, plain), group)["params"].append(parameter)
    return list(groups.values())
