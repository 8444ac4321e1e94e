"""Learning rates over a run, and the published settings of both learners."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Settings of the optimiser AdamW.

    Args:
        rate: learning rate.
        decay: "step": a tenth of the rate from 10/12 of the run on; "cosine": down to 0.
        weight_decay: of all trained tensors.
        batch: episodes in one pass.
        warmup: updates over which the rate rises from 0.
        clip: largest norm of the gradient; 0 = any.
        average: decay of the moving average of the weights, which is then what is written; 0 =
            none.
    """

    rate: float
    decay: str
    weight_decay: float
    batch: int
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 0
    clip: float = 0.0
    average: float = 0.0


RECIPES = {
    "segic": Recipe(rate=1e-4, decay="step", weight_decay=1e-4, batch=4),
    "dcsam": Recipe(rate=1e-4, decay="cosine", weight_decay=1e-6, batch=2),
}
"""As published; SEGIC on 8 processes and DC-SAM on 4, so that an update saw 32 and 8 episodes."""

STEP_AT, STEP_TO = 10 / 12, 0.1


@dataclass(frozen=True)
class Schedule:
    """Length of a run, in updates or in minutes."""

    steps: int | None
    minutes: float | None
    decay: str
    warmup: int = 0

    def progress(self, step: int, seconds: float) -> float:
        """Return how much of the run is over, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / max(self.steps, 1))
        return min(1.0, seconds / 60 / (self.minutes or 1.0))

    def factor(self, step: int, seconds: float) -> float:
        """Return the factor on the learning rate for update number `step`, counted from 0."""
        ramp = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        done = self.progress(step, seconds)
        if self.decay == "cosine":
            return ramp * 0.5 * (1 + math.cos(math.pi * done))
        return ramp * (STEP_TO if done >= STEP_AT else 1.0)
