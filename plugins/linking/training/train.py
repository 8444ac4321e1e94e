"""Train the bundled encoder on glyphs, sprites and signs.

    python train.py --out RUN --fonts FOLDER --omniglot DATA/omniglot --signs DATA/sign_digits \\
        --sprites DATA/vision/emoji_sprites --minutes 60

The run goes on from `RUN/last.pt` where that exists. `RUN/encoder.safetensors` is rewritten at
every checkpoint. Progress goes to stderr and `RUN/log.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch
from concepts.batches import Share, make_batch
from concepts.glyphs import FontGlyphs, OmniglotGlyphs, StrokeGlyphs, fonts_of
from concepts.loss import one_shot_loss
from concepts.pictures import Photographs, Sprites
from concepts.scores import omniglot_runs, sign_episodes
from safetensors.torch import save_file
from torch import Tensor

from icl_core.errors import IclError, InputError
from icl_core.results.save import atomic_path
from icl_linking.encoder.network import EncoderSizes, SmallEncoder

_FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
_LEAST_LR = 0.02


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--fonts", type=Path, help="folder with TrueType fonts")
    parser.add_argument("--omniglot", type=Path, help="folder with characters.npz")
    parser.add_argument("--sprites", type=Path, help="folder of sprites with alpha")
    parser.add_argument("--signs", type=Path, help="folder with one folder of pictures a class")
    parser.add_argument("--without", nargs="*", default=[], help="classes or alphabets kept out")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the schedule")
    parser.add_argument("--steps", type=int, help="length in steps, in place of minutes")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--views", type=int, default=4, help="pictures of a class in a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpoint-seconds", type=float, default=180.0)
    return parser.parse_args(arguments)


def shares_of(options: argparse.Namespace) -> list[Share]:
    """Build the pools that were named; strokes are always there."""
    shares = [Share(StrokeGlyphs(seed=options.seed), 12)]
    if options.fonts:
        files = fonts_of(options.fonts, lambda name: name.startswith(_FONTS))
        if not files:
            raise InputError(f"--fonts {options.fonts} holds none of {', '.join(_FONTS)}")
        shares.append(Share(FontGlyphs(files), 14))
    if options.omniglot:
        file = options.omniglot / "characters.npz"
        shares.append(Share(OmniglotGlyphs(file, options.without), 14))
    if options.sprites:
        shares.append(Share(Sprites(options.sprites), 8, photograph=True))
    if options.signs:
        shares.append(Share(Photographs(options.signs, options.without), 6, photograph=True))
    return shares


class Training:
    """The state of a run.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        # channels last: convolutions of this size are a third faster on a CPU
        self.network = SmallEncoder(EncoderSizes()).to(
            options.device, memory_format=torch.channels_last
        )
        self.scale = torch.nn.Parameter(torch.tensor(10.0, device=options.device))
        groups = [
            {"params": [p for p in self.network.parameters() if p.ndim > 1]},
            {"params": [p for p in self.network.parameters() if p.ndim <= 1], "weight_decay": 0},
            {"params": [self.scale], "weight_decay": 0, "factor": 10.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=options.lr, weight_decay=0.02)
        self.mean = SmallEncoder(self.network.sizes).to(options.device).eval()
        self.mean.load_state_dict(self.network.state_dict())
        self.step, self.seconds = 0, 0.0

    @property
    def done(self) -> float:
        """The part of the schedule that is over, 0 to 1."""
        if self.options.steps:
            return self.step / self.options.steps
        return self.seconds / (60 * self.options.minutes)

    def update(self, shares: list[Share]) -> float:
        """Take one step; returns the loss."""
        started = time.monotonic()
        options = self.options
        warm = min(1.0, (self.step + 1) / 200)
        fall = 0.5 + 0.5 * math.cos(math.pi * min(self.done, 1.0))
        rate = options.lr * warm * (_LEAST_LR + (1 - _LEAST_LR) * fall)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        side = self.network.sizes.side
        batch = make_batch(shares, options.views, side, options.seed, self.step)
        self.network.train()
        embedded = self.network(
            batch.pictures.to(options.device, memory_format=torch.channels_last)
        )
        loss = one_shot_loss(embedded, batch.groups, batch.views, self.scale.clamp(1, 60))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._average(min(0.999, self.step / (self.step + 20)))
        self.seconds += time.monotonic() - started
        return float(loss.detach())

    @torch.no_grad()
    def _average(self, keep: float) -> None:
        own = self.network.state_dict()
        for name, tensor in self.mean.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(own[name], 1 - keep)
            else:
                tensor.copy_(own[name])

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "scale": self.scale.detach(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.scale.data.copy_(state["scale"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]


def save(training: Training, out: Path) -> None:
    """Write the state, and the averaged weights as they are shipped."""
    with atomic_path(out / "last.pt", overwrite=True) as path, path.open("wb") as file:
        torch.save(training.state(), file)  # a path would be written into the file
    tensors: dict[str, Tensor] = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in training.mean.state_dict().items()
    }
    metadata = training.mean.metadata()
    with atomic_path(out / "encoder.safetensors", overwrite=True) as path:
        save_file(tensors, path, metadata)


def scores_of(training: Training, options: argparse.Namespace) -> dict[str, float]:
    """Score the averaged network on the development episodes that are there."""
    found: dict[str, float] = {}
    if options.omniglot and (options.omniglot / "one_shot_runs.npz").is_file():
        found["omniglot_runs"] = omniglot_runs(
            training.mean, options.omniglot / "one_shot_runs.npz"
        )
    if options.signs:
        found["signs_4way_1shot"] = sign_episodes(training.mean, options.signs)
    return found


def run(options: argparse.Namespace) -> None:
    """Train to the end of the schedule."""
    options.out.mkdir(parents=True, exist_ok=True)
    training, shares = Training(options), shares_of(options)
    state = options.out / "last.pt"
    if state.is_file():
        training.go_on(torch.load(state, weights_only=True, map_location=options.device))
    log = (options.out / "log.jsonl").open("a", encoding="utf-8")
    saved, losses = time.monotonic(), []
    while training.done < 1:
        losses.append(training.update(shares))
        over = training.done >= 1
        if over or time.monotonic() - saved > options.checkpoint_seconds:
            save(training, options.out)
            row = {
                "step": training.step,
                "minutes": round(training.seconds / 60, 2),
                "loss": round(sum(losses) / len(losses), 4),
                "scale": round(training.scale.item(), 2),
                **scores_of(training, options),
            }
            print(json.dumps(row), file=sys.stderr)
            log.write(json.dumps(row) + "\n")
            log.flush()
            saved, losses = time.monotonic(), []
    log.close()


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
