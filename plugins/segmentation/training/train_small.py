"""Train the small SEGIC from scratch on tableaux.

    python train_small.py --data DATA/vision --out RUN --minutes 11 --device cuda
    python train_small.py --data DATA/vision --out RUN --minutes 600 --tableaux 8

Everything is drawn on the device. The sides of the pictures grow during a run, and the rate falls
to nothing at its end; both follow the clock of the run, which counts its updates alone. The same
command goes on where it was stopped. `RUN/small.safetensors` is what `icl.load("segic",
weights=...)` reads: averaged weights, in half precision.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tableaux.mixture import Mixture, build
from tableaux.trainee import batch_loss

from icl_core.errors import IclError
from icl_core.results.save import atomic_path
from icl_segmentation.segic.small import SmallSegic, SmallSizes

SIDES = ((0.0, 128), (0.45, 192), (0.72, 256))
"""From which share of a run on pictures have which side."""
WARMUP = 300
SHIPPED_SIDE = 256
LOGGED = 50


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the packed sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, required=True, help="of updates, in all")
    parser.add_argument("--tableaux", type=int, default=168, help="a batch at 128 pixels")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--average", type=float, default=0.998)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    return parser.parse_args(arguments)


class Training:
    """The state of a run.

    Args:
        options: of the command line.
        sizes: of the network.
    """

    def __init__(self, options: argparse.Namespace, sizes: SmallSizes) -> None:
        torch.manual_seed(options.seed)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.options, self.device = options, torch.device(options.device)
        network = SmallSegic(sizes).to(self.device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # the IoU head and three of the four masks are SAM's; nothing here trains them
        self.trained = [p for n, p in self.network.named_parameters() if _is_trained(n)]
        groups = [
            {"params": [p for p in self.trained if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in self.trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            groups, lr=options.rate, betas=(0.9, 0.98), fused=self.device.type == "cuda"
        )
        self.mean = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step, self.tasks, self.seconds = 0, 0, 0.0

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return float(min(1.0, self.seconds / (60 * self.options.minutes)))

    @property
    def side(self) -> int:
        """Side of the next pictures."""
        return [side for start, side in SIDES if start <= self.progress][-1]

    def rate(self) -> float:
        """The learning rate of the next step."""
        warm = min(1.0, (self.step + 1) / WARMUP)
        return float(self.options.rate * warm * (0.5 + 0.5 * math.cos(math.pi * self.progress)))

    def update(self, mixture: Mixture) -> torch.Tensor:
        """Take one step; returns the loss, on the device."""
        side = self.side
        tableaux = max(2, round(self.options.tableaux * 128**2 / side**2))
        batch = mixture.batch(self.step, side, tableaux)
        self.network.resize(side)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cuda"):
            loss = batch_loss(self.network, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        rate = self.rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.step += 1
        self.tasks += sum(len(asked.weight) for asked in batch.questions)
        self._follow()
        return loss.detach()

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(self.options.average, (1 + self.step) / (10 + self.step))
        state = self.network.state_dict()
        names = [name for name, tensor in state.items() if tensor.is_floating_point()]
        means, latest = ([part[n] for n in names] for part in (self.mean, state))
        torch._foreach_lerp_(means, latest, 1 - keep)
        for name in state.keys() - set(names):
            self.mean[name].copy_(state[name])

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean,
            "optimiser": self.optimiser.state_dict(),
            "clock": [self.step, self.tasks, self.seconds],
        }

    def go_on(self, path: Path) -> None:
        """Go on from a file."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.network.load_state_dict(state["network"])
        self.mean = state["mean"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.tasks, self.seconds = state["clock"]


def _is_trained(name: str) -> bool:
    if name.startswith("mask_decoder.iou_prediction_head"):
        return False
    heads = "mask_decoder.output_hypernetworks_mlps."
    return not name.startswith(heads) or name.startswith(f"{heads}0.")


def save(training: Training, out: Path) -> None:
    """Write the state, and the averaged weights as they are read."""
    with atomic_path(out / "last.pt", overwrite=True) as path, path.open("wb") as file:
        torch.save(training.state(), file)  # a path would be written into the file
    sizes = asdict(training.network.sizes) | {"side": SHIPPED_SIDE}
    clock = {"steps": training.step, "tasks": training.tasks, "seconds": round(training.seconds)}
    metadata = {"config": json.dumps({"backbone": "compact", "small": sizes, "training": clock})}
    tensors = {
        name: (t.half() if t.is_floating_point() else t).contiguous()
        for name, t in training.mean.items()
    }
    with atomic_path(out / "small.safetensors", overwrite=True) as path:
        save_file(tensors, path, metadata)


def run(options: argparse.Namespace) -> None:
    """Train to the end."""
    options.out.mkdir(parents=True, exist_ok=True)
    training = Training(options, SmallSizes(side=SIDES[0][1]))
    last = options.out / "last.pt"
    if last.is_file():
        training.go_on(last)
    mixture = build(options.data, options.seed, options.device)
    losses, saved, ticked = list[torch.Tensor](), time.monotonic(), time.monotonic()
    while training.progress < 1:
        losses.append(training.update(mixture))
        logged = len(losses) == LOGGED
        if logged:
            mean = float(torch.stack(losses).mean())  # waits for the device
            losses = []
        now = time.monotonic()
        training.seconds += now - ticked
        ticked = now
        if logged:
            _log(training, options.out, mean)
        if now - saved > options.checkpoint_seconds or training.progress >= 1:
            save(training, options.out)
            saved = ticked = time.monotonic()


def _log(training: Training, out: Path, loss: float) -> None:
    row = {
        "step": training.step,
        "tasks": training.tasks,
        "side": training.side,
        "minutes": round(training.seconds / 60, 2),
        "rate": round(training.rate(), 6),
        "loss": round(loss, 4),
    }
    print(json.dumps(row), file=sys.stderr, flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")


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
