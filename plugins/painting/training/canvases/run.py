"""One training run by the clock: updates, moving average, files that a run goes on from."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from canvases.feed import TASKS, Batch, Feed, losses_by_task
from icl_core.results.save import atomic_path
from icl_painting.network.checkpoint import save_network
from icl_painting.network.loss import pixel_mask
from icl_painting.network.network import PainterNetwork

STATE, WEIGHTS, LOG = "last.pt", "weights.safetensors", "log.jsonl"
MODEST = 0.05
"""Error, in normalised colours, below which the absolute loss is round."""

LEARNED = ("denoise", "low-light")
"""Named tasks of `painter` that are trained; the learner refuses others with these weights."""


@dataclass(frozen=True)
class Recipe:
    """Settings of a run.

    Args:
        minutes: length; the rate and the sides follow the clock.
        batch: canvases of an update at the first side; at larger ones as many as have its pixels.
        rate: learning rate at its highest.
        weight_decay: of matrices.
        betas: of AdamW.
        warmup: updates over which the rate rises.
        clip: largest norm of the gradient.
        average: decay of the moving average of the weights.
        squares: weight of the squared error beside the absolute one, at the start and at the end.
        sides: share of the time from which on pictures have this side.
        seed: of all draws.
    """

    minutes: float = 11.0
    batch: int = 320
    rate: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    warmup: int = 200
    clip: float = 1.0
    average: float = 0.998
    squares: tuple[float, float] = (1.0, 0.5)
    sides: tuple[tuple[float, int], ...] = ((0.0, 132), (0.5, 192), (0.8, 264))
    seed: int = 1

    def side(self, progress: float) -> int:
        """Return the side of the pictures after this share of the time."""
        return [side for start, side in self.sides if progress >= start][-1]

    def size(self, side: int) -> int:
        """Return how many canvases of this side are one batch."""
        share = (self.sides[0][1] / side) ** 2
        return max(
            1, round(self.batch * share / 8) * 8 if self.batch >= 64 else round(self.batch * share)
        )

    def factor(self, step: int, progress: float) -> float:
        """Return the factor on the rate: a short rise, then half a cosine."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class Run:
    """A run.

    Args:
        network: what is trained, on its device.
        feed: where batches come from.
        recipe: settings.
        folder: of its files.
        call_seconds: stop after so long, and leave the rest to a later call.
    """

    def __init__(
        self,
        network: PainterNetwork,
        feed: Feed,
        recipe: Recipe,
        folder: Path,
        call_seconds: float | None = None,
    ) -> None:
        self.network, self.feed, self.recipe, self.folder = network.train(), feed, recipe, folder
        self.device = feed.device
        self.trained = dict(network.named_parameters())
        matrices = [p for n, p in self.trained.items() if p.ndim > 1 and "pos" not in n]
        others = [p for n, p in self.trained.items() if not (p.ndim > 1 and "pos" not in n)]
        groups = [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas, fused=True)
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.step = self.samples = 0
        self.seconds = 0.0
        self.call_seconds = call_seconds
        self.room = 1.0  # share of a batch that fits the memory
        self.sums = torch.zeros(2, len(TASKS), device=self.device)

    def train(self, log_every: int = 50, save_every: float = 60.0) -> None:
        """Train until the time is over."""
        self.folder.mkdir(parents=True, exist_ok=True)
        started = saved = ticked = time.monotonic()
        limit = self.recipe.minutes * 60
        begun = self.samples, started
        while self.seconds < limit:
            progress = self.seconds / limit
            self._fitting_update(progress)
            if self.step % log_every == 0 or self.step == 1:
                self._log(progress, begun)
                begun = self.samples, time.monotonic()
            now = time.monotonic()
            self.seconds += now - ticked
            ticked = now
            if now - saved >= save_every:
                self.save()
                saved = time.monotonic()
            if self.call_seconds is not None and now - started >= self.call_seconds:
                break
        self.save()

    def update(self, progress: float) -> None:
        """Take one update; nothing here waits for the device."""
        recipe = self.recipe
        side = recipe.side(progress)
        batch = self.feed.batch(self.step, max(1, int(recipe.size(side) * self.room)), side)
        with self._autocast():
            painted = self.network(batch.images, batch.targets, batch.masked)
        first, last = recipe.squares
        each = self.losses(painted.float(), batch, first + (last - first) * progress)
        torch.autograd.backward((each * batch.weight).mean())
        self.sums[0].index_add_(0, batch.task, each.detach())
        self.sums[1].index_add_(0, batch.task, torch.ones_like(each))
        rate = recipe.rate * recipe.factor(self.step, progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        gradients = [p.grad for p in self.trained.values() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        # An update that is not finite is left out, on the device; clipping it would spread it.
        self.optimiser.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
        self.optimiser.grad_scale = None  # type: ignore[attr-defined]
        torch._foreach_mul_(gradients, (recipe.clip / (norm + 1e-6)).clamp(max=1.0))
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.samples += len(batch.images)
        self._follow()

    def _fitting_update(self, progress: float) -> None:
        """Take an update; where the memory is too small, go on with smaller batches."""
        try:
            self.update(progress)
        except torch.OutOfMemoryError:
            if self.room < 0.1:
                raise
            self.room *= 0.7
            print(f"too little memory: batches of {self.room:.0%} from here on", file=sys.stderr)
            self.optimiser.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()

    def losses(self, painted: Tensor, batch: Batch, squares: float) -> Tensor:
        """Return each canvas's loss, [B], over what is hidden and counts."""
        side = batch.targets.shape[-1]
        weight = pixel_mask(batch.masked, side, self.network.config.patch) * batch.valid
        error = painted - batch.targets
        square = error * error
        value = torch.sqrt(square + MODEST**2) - MODEST + squares * square
        total = weight.sum(dim=(1, 2, 3)).clamp(min=1.0) * 3
        found: Tensor = (value * weight).sum(dim=(1, 2, 3)) / total
        return found

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.device.type != "cuda":
            return nullcontext()
        return torch.autocast("cuda", torch.bfloat16)

    @torch.no_grad()
    def _follow(self) -> None:
        # An average that starts at once would hold the first weights for long.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        means, weights = list(self.average.values()), [p.detach() for p in self.trained.values()]
        torch._foreach_lerp_(means, weights, 1 - keep)

    def _log(self, progress: float, begun: tuple[int, float]) -> None:
        losses = losses_by_task(self.sums, 4)
        self.sums.zero_()
        line: dict[str, Any] = {
            "step": self.step,
            "samples": self.samples,
            "seconds": round(self.seconds, 1),
            "side": self.recipe.side(progress),
            "per_second": round((self.samples - begun[0]) / (time.monotonic() - begun[1] + 1e-9)),
            "loss": losses,
        }
        if self.device.type == "cuda":
            line["GB"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
        text = json.dumps(line)
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        print(text, file=sys.stderr, flush=True)

    def save(self) -> None:
        """Write the averaged weights and what a run goes on from; each appears whole or not."""
        state = {
            "trained": {name: p.detach() for name, p in self.trained.items()},
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "clock": [self.step, self.samples, self.seconds],
            "recipe": json.dumps(asdict(self.recipe)),
        }
        with atomic_path(self.folder / STATE, overwrite=True) as path, path.open("wb") as file:
            torch.save(state, file)  # a path would be written into the file
        kept = {name: p.detach().clone() for name, p in self.trained.items()}
        self._put(self.average)
        training = {
            "updates": self.step,
            "samples": self.samples,
            "seconds": round(self.seconds),
            "seed": self.recipe.seed,
        }
        notes = {"fit": "pad", "tasks": list(LEARNED), "licence": "Apache-2.0"}
        try:
            save_network(self.network, self.folder / WEIGHTS, notes={**notes, "training": training})
        finally:
            self._put(kept)

    def restore(self) -> bool:
        """Go on from the folder's last state, where there is one."""
        path = self.folder / STATE
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self._put(state["trained"])
        self._put(state["average"], self.average)
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.samples, self.seconds = state["clock"]
        return True

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor], into: dict[str, Any] | None = None) -> None:
        places = self.trained if into is None else into
        for name, weight in weights.items():
            places[name].copy_(weight)
