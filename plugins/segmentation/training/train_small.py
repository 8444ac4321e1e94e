"""Train the small SEGIC from scratch on tableaux.

    python train_small.py --data DATA/vision --out RUN --minutes 120 --final-minutes 20

The first part has a constant rate and small sides and may be made longer at any time: the same
command with more minutes goes on. The final part starts from its end: larger sides, and the rate
falls to nothing; it is written beside, so that the first part stays as it is.
`RUN/small.safetensors` is what `icl.load("segic", weights=...)` reads: averaged weights, in half
precision.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tableaux.mixture import build
from tableaux.trainee import task_logits, task_loss

from icl_core.errors import IclError
from icl_segmentation.segic.small import SmallSegic, SmallSizes

CELLS = 16 * 96 * 96
"""Pixels of a batch, a picture of each tableau: a larger side means fewer of them."""
FIRST, FINAL = ((96, 0.7), (128, 0.3)), ((192, 0.5), (256, 0.5))
"""Sides and their shares of the two parts."""
WARMUP = 200
SHIPPED_SIDE = 256


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the packed sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, required=True, help="of the first part, in all")
    parser.add_argument("--final-minutes", type=float, default=0.0, help="of the final part")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpoint-seconds", type=float, default=180.0)
    return parser.parse_args(arguments)


class Training:
    """The state of a run.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        network = SmallSegic(SmallSizes(side=96)).to(options.device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # the IoU head and three of the four masks are SAM's; nothing here trains them
        self.trained = [p for n, p in self.network.named_parameters() if _is_trained(n)]
        groups = [
            {"params": [p for p in self.trained if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in self.trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
        self.mean = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step, self.tasks, self.seconds, self.final = 0, 0, 0.0, 0.0

    def rate(self) -> float:
        """The learning rate of the next step."""
        warm = min(1.0, (self.step + 1) / WARMUP)
        whole = 60 * self.options.final_minutes
        part = min(self.final / whole, 1.0) if self.final else 0.0
        return float(self.options.rate * warm * (0.5 + 0.5 * math.cos(math.pi * part)))

    def update(self, mixture: Any, sides: tuple[tuple[int, float], ...]) -> float:
        """Take one step; returns the loss."""
        rng = np.random.default_rng([self.options.seed, self.step, 1])
        side = int(rng.choice([s for s, _ in sides], p=[p for _, p in sides]))
        mixture.resize(max(2, round(CELLS / side**2)))
        batch = mixture.batch(self.step, side).to(self.options.device)
        self.network.resize(side)
        self.network.train()
        loss = task_loss(task_logits(self.network, batch), batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        rate = self.rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.step += 1
        self.tasks += len(batch.kind)
        self._follow()
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(self.options.average, (1 + self.step) / (10 + self.step))
        for name, tensor in self.network.state_dict().items():
            if tensor.is_floating_point():
                self.mean[name].lerp_(tensor, 1 - keep)
            else:
                self.mean[name].copy_(tensor)

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean,
            "optimiser": self.optimiser.state_dict(),
            "clock": [self.step, self.tasks, self.seconds, self.final],
        }

    def go_on(self, path: Path) -> None:
        """Go on from a file."""
        state = torch.load(path, weights_only=True, map_location=self.options.device)
        self.network.load_state_dict(state["network"])
        self.mean = state["mean"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.tasks, self.seconds, self.final = state["clock"]


def _is_trained(name: str) -> bool:
    if name.startswith("mask_decoder.iou_prediction_head"):
        return False
    heads = "mask_decoder.output_hypernetworks_mlps."
    return not name.startswith(heads) or name.startswith(f"{heads}0.")


def save(training: Training, out: Path, file: str) -> None:
    """Write the state, and the averaged weights as they are read."""
    _replace(out / file, lambda path: torch.save(training.state(), path))
    sizes = asdict(training.network.sizes) | {"side": SHIPPED_SIDE}
    clock = {"steps": training.step, "tasks": training.tasks, "seconds": training.seconds}
    metadata = {"config": json.dumps({"backbone": "compact", "small": sizes, "training": clock})}
    tensors = {
        name: (t.half() if t.is_floating_point() else t).contiguous()
        for name, t in training.mean.items()
    }
    _replace(out / "small.safetensors", lambda path: save_file(tensors, path, metadata))


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    write(temporary)
    os.replace(temporary, path)


def run(options: argparse.Namespace) -> None:
    """Train both parts to their ends."""
    options.out.mkdir(parents=True, exist_ok=True)
    training = Training(options)
    last, final = options.out / "last.pt", options.out / "final.pt"
    if last.is_file():
        training.go_on(last)
    mixture = build(options.data, 16, options.seed)
    if training.seconds < 60 * options.minutes:
        _part(training, mixture, FIRST, "last.pt")
        final.unlink(missing_ok=True)  # of a shorter first part
    if options.final_minutes:
        if final.is_file():
            training.go_on(final)
        _part(training, mixture, FINAL, "final.pt")


def _part(
    training: Training, mixture: Any, sides: tuple[tuple[int, float], ...], file: str
) -> None:
    options, losses, saved = training.options, list[float](), time.monotonic()
    is_final = file == "final.pt"

    def over() -> bool:
        if is_final:
            return bool(training.final >= 60 * options.final_minutes)
        return bool(training.seconds >= 60 * options.minutes)

    ticked = time.monotonic()
    while not over():
        losses.append(training.update(mixture, sides))
        now = time.monotonic()
        if is_final:
            training.final += now - ticked
        else:
            training.seconds += now - ticked
        ticked = now
        if over() or now - saved > options.checkpoint_seconds:
            save(training, options.out, file)
            row = {
                "part": file.removesuffix(".pt"),
                "step": training.step,
                "tasks": training.tasks,
                "minutes": round((training.seconds + training.final) / 60, 1),
                "rate": round(training.rate(), 6),
                "loss": round(float(np.mean(losses)), 4),
            }
            print(json.dumps(row), file=sys.stderr, flush=True)
            with (options.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            losses, saved, ticked = [], time.monotonic(), time.monotonic()


def main() -> int:
    """Run the command; returns its exit code."""
    try:
        run(options_of())
    except IclError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
