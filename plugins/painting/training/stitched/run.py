"""One training run: optimiser, clock, moving average, and files that a run goes on from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_core.results.save import atomic_path
from icl_painting.network.checkpoint import save_network
from icl_painting.network.loss import painting_loss, without_black
from icl_painting.network.network import PainterNetwork
from stitched.feed import Batch
from stitched.schedule import Recipe, Schedule, parameter_groups

STATE, WEIGHTS, LOG = "last.pt", "weights.safetensors", "log.jsonl"
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
_SEED_OF_UPDATES = 1_000_033
"""Keeps the draws of an update apart from those of its canvases, which have the same seed."""


class Run:
    """A run.

    Args:
        network: what is trained.
        recipe: settings.
        schedule: its rates over the run.
        seed: of all draws of the updates.
        device: that it runs on.
    """

    def __init__(
        self,
        network: PainterNetwork,
        recipe: Recipe,
        schedule: Schedule,
        seed: int,
        device: torch.device,
    ) -> None:
        self.network = network.to(device).train()
        self.recipe, self.schedule, self.seed, self.device = recipe, schedule, seed, device
        self.trained = dict(network.named_parameters())
        groups = parameter_groups(self.trained, network.config.depth, recipe)
        self.optimiser = torch.optim.AdamW(groups, betas=recipe.betas)
        # Half floats of few exponents need their gradients scaled; on a CPU there are none.
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.amp == "float16")
        self.average: dict[str, Tensor] = {}
        if recipe.average:
            self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.step, self.samples, self.skipped = 0, 0, 0
        self.seconds = 0.0
        self._ticked = time.monotonic()

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self.recipe.rate * self.schedule.factor(self.step, self.seconds)

    def update(self, batches: Sequence[Batch]) -> float:
        """Take one update from `accumulate` batches; return the loss (NaN where it was skipped)."""
        value = 0.0
        for place, batch in enumerate(batches):
            drawn = np.random.default_rng([self.seed, self.step, place, _SEED_OF_UPDATES])
            torch.manual_seed(int(drawn.integers(2**62)))  # for drop path
            loss = self.loss(batch.to(self.device)) / len(batches)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            value += float(loss.detach())
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * group["scale"]
        self.scaler.unscale_(self.optimiser)
        norm = torch.nn.utils.clip_grad_norm_(
            self.trained.values(), self.recipe.clip or float("inf")
        )
        self.step += 1
        self.samples += sum(len(batch.types) for batch in batches)
        if np.isfinite(value) and bool(norm.isfinite()):
            self.scaler.step(self.optimiser)
            self._follow()
        else:
            self.skipped += 1
            value = float("nan")
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return value

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        patch = self.network.config.patch
        with self._autocast():
            painted = self.network(
                batch.images, batch.targets, batch.masked, self._types(batch.types)
            )
        valid = batch.valid
        if self.recipe.black_rule:
            valid = without_black(batch.targets, batch.masked, valid, patch)
        return painting_loss(
            painted.float(), batch.targets, batch.masked, valid,
            patch=patch, kind=self.recipe.loss, eps=0.01 if self.recipe.black_rule else 0.0,
        )  # fmt: skip

    def paint(self, batch: Batch) -> Tensor:
        """Return what the weights, or their moving average, paint: float32 [N, 3, 2s, s]."""
        kept = (
            {name: p.detach().clone() for name, p in self.trained.items()} if self.average else {}
        )
        self._put(self.average)
        self.network.eval()
        try:
            with torch.inference_mode(), self._autocast():
                moved = batch.to(self.device)
                painted: Tensor = self.network(
                    moved.images, moved.targets, moved.masked, self._types(batch.types)
                )
        finally:
            self.network.train()
            self._put(kept)
        return painted.float()

    def _types(self, types: Sequence[str]) -> Tensor | None:
        """Return SegGPT's type of each sample: 1 = instance, 0 = semantic."""
        if not self.network.config.types:
            return None
        return torch.tensor([[float("inst" in name)] for name in types], device=self.device)

    def _autocast(self) -> AbstractContextManager[Any]:
        wanted = DTYPES.get(self.recipe.amp)
        return nullcontext() if wanted is None else torch.autocast(self.device.type, wanted)

    def _swapped(self) -> dict[str, Tensor]:
        """Put the moving average into the network; return what has to be put back."""
        kept = {name: self.trained[name].detach().clone() for name in self.average}
        self._put(self.average)
        return kept

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, weight in weights.items():
            self.trained[name].copy_(weight)

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

    def save(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Write what a run goes on from, and its weights; each appears whole or not at all."""
        state = {
            "trained": {name: p.detach() for name, p in self.trained.items()},
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "clock": [self.step, self.samples, self.skipped, self.seconds],
            "config": json.dumps(config),
        }
        with atomic_path(folder / STATE, overwrite=True) as path, path.open("wb") as file:
            torch.save(state, file)  # a path would be written into the file
        kept = self._swapped()
        notes = {"updates": self.step, "samples": self.samples, "seconds": round(self.seconds)}
        try:
            save_network(self.network, folder / WEIGHTS, half=False, notes={"training": notes})
        finally:
            self._put(kept)

    def restore(self, path: Path, config: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            InputError: it belongs to a run with another config.
        """
        state = torch.load(path, map_location=self.device, weights_only=True)
        before = json.loads(state["config"])
        changed = [
            name
            for name in {**before, **config}
            # A run by the clock may be given more time.
            if name != "minutes" and before.get(name) != config.get(name)
        ]
        if changed:
            raise InputError(
                f"{path} is of a run with another {changed[0]}: {before.get(changed[0])!r}, and "
                f"this one has {config.get(changed[0])!r}",
                hint="name another folder, or the config of that run",
            )
        self._put(state["trained"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.samples, self.skipped, self.seconds = state["clock"]
