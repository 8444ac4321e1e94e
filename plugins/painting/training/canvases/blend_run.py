"""Training the last step of a network, the blend, on canvases that the network painted."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from canvases.feed import TASKS, losses_by_task
from canvases.shown import Shown
from icl_core.results.save import atomic_path
from icl_painting.canvas import MEAN, STD
from icl_painting.network.blend import Blend

LOG, STATE = "log.jsonl", "last.pt"


@dataclass(frozen=True)
class BlendRecipe:
    """Settings of a run.

    Args:
        updates: how many.
        batch: parts of canvases in each.
        crop: side of a part, a multiple of 4.
        rate: learning rate at its highest; a short rise, then half a cosine to a hundredth.
        warmup: updates of the rise.
        weight_decay: of AdamW.
        betas: of AdamW.
        clip: longest gradient.
        average: of the moving average of the weights.
        floor: mean error, in normalised colours, below which parts hardly count more the smaller
            it is; see `part_losses`.
        seed: of all draws.
    """

    updates: int = 4000
    batch: int = 8
    crop: int = 128
    rate: float = 1.5e-3
    warmup: int = 100
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    average: float = 0.998
    floor: float = 0.06
    seed: int = 1

    def factor(self, step: int) -> float:
        """Return the factor on the rate."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        progress = step / self.updates
        return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


@dataclass(frozen=True, eq=False)
class Parts:
    """B parts of canvases, in normalised colours.

    Args:
        candidates: float32 [B, 4, 3, c, c].
        target: float32 [B, 3, c, c].
        valid: float32 [B, 1, c, c].
        summary: float32 [B, SUMMARY].
        task: int64 [B].
    """

    candidates: Tensor
    target: Tensor
    valid: Tensor
    summary: Tensor
    task: Tensor


class BlendRun:
    """A run.

    Args:
        blend: what is trained, on its device.
        files: the painted canvases.
        recipe: settings.
        folder: of its files.
    """

    def __init__(
        self, blend: Blend, files: Sequence[Shown], recipe: BlendRecipe, folder: Path
    ) -> None:
        self.blend, self.files, self.recipe, self.folder = blend.train(), files, recipe, folder
        self.device = blend.stem.weight.device
        self.places = [(file, row) for file in files for row in range(len(file.task))]
        self.optimiser = torch.optim.AdamW(
            blend.parameters(), lr=0.0, betas=recipe.betas, weight_decay=recipe.weight_decay
        )
        self.average = {n: p.detach().clone() for n, p in blend.named_parameters()}
        self.step = 0
        self.seconds = 0.0
        self.sums = torch.zeros(2, len(TASKS), device=self.device)
        self.mean, self.std = (
            torch.tensor(values, device=self.device).view(3, 1, 1) for values in (MEAN, STD)
        )

    def train(self, log_every: int = 100, save_every: float = 60.0) -> None:
        """Take the updates that are left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ticked = saved = time.monotonic()
        while self.step < self.recipe.updates:
            self.update()
            now = time.monotonic()
            self.seconds, ticked = self.seconds + now - ticked, now
            if self.step % log_every == 0:
                self._log()
            if now - saved >= save_every:
                self.save()
                saved = time.monotonic()
        self.save()

    def update(self) -> None:
        """Take one update; the same seed and number draw the same parts."""
        parts = self.parts(self.step)
        answer = self.blend(parts.candidates, parts.summary)
        losses = part_losses(answer, parts, self.recipe.floor)
        torch.autograd.backward(losses.mean())
        torch.nn.utils.clip_grad_norm_(self.blend.parameters(), self.recipe.clip)
        rate = self.recipe.rate * self.recipe.factor(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.sums[0].index_add_(0, parts.task, losses.detach())
        self.sums[1].index_add_(0, parts.task, torch.ones_like(losses))
        self.step += 1
        # An average that starts at once would hold the first weights for long.
        keep = min(self.recipe.average, self.step / (9 + self.step))
        with torch.no_grad():
            for name, weight in self.blend.named_parameters():
                self.average[name].lerp_(weight, 1 - keep)

    def parts(self, number: int) -> Parts:
        """Draw the parts of one update, turned and mirrored in all eight ways."""
        random = np.random.default_rng([self.recipe.seed, number])
        size = min(self.recipe.batch, len(self.places))
        drawn = [
            self._part(*self.places[place], random)
            for place in random.choice(len(self.places), size, replace=False)
        ]
        return Parts(*(torch.stack(some).to(self.device) for some in zip(*drawn, strict=True)))

    def _part(self, file: Shown, row: int, random: np.random.Generator) -> tuple[Tensor, ...]:
        valid = file.valid[row]
        crop = min(self.recipe.crop, valid.shape[-1])
        # Of what is not mirrored, where there is enough of it; even places, as whole canvases.
        room = [int(valid[0].amax(axis).sum()) - crop for axis in (1, 0)]
        top, left = (2 * int(random.integers(max(0, free) // 2 + 1)) for free in room)
        turn, mirror = int(random.integers(4)), bool(random.integers(2))

        def cut(values: Tensor) -> Tensor:
            part = values[..., top : top + crop, left : left + crop].float()
            part = part.rot90(turn, (-2, -1))
            return (part.flip(-1) if mirror else part).contiguous()

        mean, std = self.mean.cpu(), self.std.cpu()
        pictures, target = (
            (cut(values[row]) / 255 - mean) / std for values in (file.pictures, file.target)
        )
        candidates = torch.cat([cut(file.painted[row])[None], pictures])
        return candidates, target, cut(valid), file.summary[row], file.task[row]

    def _log(self) -> None:
        losses = losses_by_task(self.sums, 3)
        total, count = self.sums.sum(dim=1).tolist()
        self.sums.zero_()
        line: dict[str, Any] = {
            "update": self.step,
            "seconds": round(self.seconds, 1),
            "loss": losses,
            "mean": round(total / max(1.0, count), 4),
        }
        text = json.dumps(line)
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        print(text, file=sys.stderr, flush=True)

    def save(self) -> None:
        """Write what a run goes on from; it appears whole or not."""
        state = {
            "trained": self.blend.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "clock": [self.step, self.seconds],
            "recipe": json.dumps(asdict(self.recipe)),
        }
        with atomic_path(self.folder / STATE, overwrite=True) as path, path.open("wb") as file:
            torch.save(state, file)  # a path would be written into the file

    def restore(self) -> bool:
        """Go on from the folder's last state, where there is one."""
        path = self.folder / STATE
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.blend.load_state_dict(state["trained"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["clock"]
        return True

    def averaged(self) -> Blend:
        """Return the blend with the moving average of its weights."""
        self.blend.load_state_dict(self.average)
        return self.blend


def part_losses(answer: Tensor, parts: Parts, floor: float) -> Tensor:
    """Return each part's loss, [B]: logarithms of its mean error and mean squared error.

    PSNR is such a logarithm, and what is nearly right already counts more than what is far off. The
    floor is added to the error, and 10 times its square to the squared one: without it parts that
    are to be left as they are would be all that counts.
    """
    error = (answer - parts.target) * parts.valid
    share = parts.valid.mean(dim=(1, 2, 3)).clamp(min=1e-3)
    near = (torch.sqrt(error.square() + 1e-4) - 1e-2).mean(dim=(1, 2, 3)) / share
    square = error.square().mean(dim=(1, 2, 3)) / share
    return torch.log(near + floor) + 0.5 * torch.log(square + 10 * floor**2)
