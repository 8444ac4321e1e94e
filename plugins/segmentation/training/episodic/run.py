"""One training run: optimiser, clock, moving average, and files that a run goes on from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from episodic.samples import Sample
from episodic.schedule import Recipe, Schedule
from episodic.trainee import Trainee
from icl_core.errors import InputError
from icl_core.results.save import atomic_path

STATE, WEIGHTS, CONFIG, LOG = "last.pt", "weights.pth", "config.json", "log.jsonl"
_SEED_OF_STEPS = 1
"""Keeps the draws of an update apart from those of its episodes, which have the same seed."""


class Run:
    """A run.

    Args:
        trainee: what is trained.
        recipe: settings of the optimiser.
        schedule: its rates over the run.
        seed: of all draws of the updates.
        accumulate: batches an update.
    """

    def __init__(
        self, trainee: Trainee, recipe: Recipe, schedule: Schedule, seed: int, accumulate: int = 1
    ) -> None:
        self.trainee, self.recipe, self.schedule = trainee, recipe, schedule
        self.seed, self.accumulate = seed, accumulate
        self.trained = trainee.trained()
        self.optimiser = torch.optim.AdamW(
            list(self.trained.values()),
            lr=recipe.rate,
            betas=recipe.betas,
            weight_decay=recipe.weight_decay,
        )
        self.average: dict[str, Tensor] = {}
        if recipe.average:
            self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.step, self.episodes, self.skipped = 0, 0, 0
        self.seconds = 0.0
        self._ticked = time.monotonic()

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self.recipe.rate * self.schedule.factor(self.step, self.seconds)

    def update(self, batches: Sequence[Sequence[Sample]]) -> float:
        """Take one update from `accumulate` batches; return the loss (NaN where it was skipped)."""
        value = 0.0
        for place, batch in enumerate(batches):
            rng = np.random.default_rng([self.seed, self.step, place, _SEED_OF_STEPS])
            loss = self.trainee.loss(batch, rng) / len(batches)
            loss.backward()  # type: ignore[no-untyped-call]
            value += float(loss.detach())
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        gradients = [p for p in self.trained.values() if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(gradients, self.recipe.clip or float("inf"))
        self.step += 1
        self.episodes += sum(map(len, batches))
        if np.isfinite(value) and bool(norm.isfinite()):
            self.optimiser.step()
            self._follow()
        else:
            self.skipped += 1
            value = float("nan")
        self.optimiser.zero_grad(set_to_none=True)
        return value

    @torch.no_grad()
    def _follow(self) -> None:
        # An average that starts at once would hold the first weights for hundreds of updates.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, mean in self.average.items():
            mean.lerp_(self.trained[name].detach(), 1 - keep)

    def tick(self, start: bool = False) -> None:
        """Add the time since the last tick to the run's clock."""
        now = time.monotonic()
        if not start:
            self.seconds += now - self._ticked
        self._ticked = now

    def released(self) -> dict[str, Tensor]:
        """Return the weights, or their moving average, in the official layout."""
        return self.trainee.released({**self.trained, **self.average})

    def save(self, folder: Path, options: Mapping[str, Any]) -> None:
        """Write what a run goes on from, and the checkpoint; each appears whole or not at all."""
        state = {
            "trained": {name: p.detach() for name, p in self.trained.items()},
            "moving": self.trainee.moving(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "clock": [self.step, self.episodes, self.skipped, self.seconds],
            "options": json.dumps(options),
        }
        config = {
            "learner": self.trainee.learner,
            "config": self.trainee.config(),
            "training": {"steps": self.step, "episodes": self.episodes, "seconds": self.seconds},
            "options": options,
        }
        with atomic_path(folder / STATE, overwrite=True) as path, path.open("wb") as file:
            torch.save(state, file)  # a path would be written into the file
        released = self.released()
        with atomic_path(folder / WEIGHTS, overwrite=True) as path, path.open("wb") as file:
            torch.save(released, file)  # a path would be written into the file
        text = json.dumps(config, indent=1) + "\n"
        with atomic_path(folder / CONFIG, overwrite=True) as path:
            path.write_text(text, encoding="utf-8")

    def restore(self, path: Path, options: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            InputError: it belongs to a run with other options, or to another network.
        """
        state = torch.load(path, map_location=self.trainee.device, weights_only=True)
        before = json.loads(state["options"])
        changed = [name for name in options if before.get(name) != options[name]]
        if changed:
            name = changed[0]
            raise InputError(
                f"{path} is of a run with {name}={before.get(name)!r}, and this one has "
                f"{name}={options[name]!r}",
                hint="name another folder, or the options of that run",
            )
        if state["trained"].keys() != self.trained.keys():
            raise InputError(f"{path} holds another network than the one that is trained")
        with torch.no_grad():
            for name, p in self.trained.items():
                p.copy_(state["trained"][name])
            for name, buffer in self.trainee.moving().items():
                buffer.copy_(state["moving"][name])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.episodes, self.skipped, self.seconds = state["clock"]
