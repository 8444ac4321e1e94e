"""In-context tuning: learn the prompt of a task and leave the network as it is.

    python -m icl_painting.seggpt.tuning --weights seggpt_vit_large.pth --data FOLDER \\
        --out task.safetensors --steps 1000 --device cuda
    learner = icl.load("seggpt", weights=..., prompt="task.safetensors")
    learner.prepare([]).predict("query.jpg")

`FOLDER` holds `images/NAME.*` and `masks/NAME.*`. The paper describes the idea (arXiv 2304.03284,
section 3.3: the picture of the prompt is a tensor that is learned with the training loss) and
releases neither code nor prompts; rates and lengths here are our own. Progress goes to stderr. A
run goes on from `task.safetensors.state` where that exists.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from icl_core.errors import IclError, InputError, WeightsError
from icl_core.results.save import atomic_path
from icl_core.runtime import resolve_device
from icl_painting.canvas import square, to_tensor
from icl_painting.network.checkpoint import read_network
from icl_painting.network.loss import SEGGPT_EPS, painting_loss
from icl_painting.network.network import PainterNetwork
from icl_painting.seggpt.options import TYPES
from icl_painting.seggpt.task_key import TaskKey
from icl_painting.seggpt.tuning_pairs import Pair, names_of, order, pairs_in, varied

STARTS = ("example", "noise")


@dataclass(frozen=True)
class Recipe:
    """How a prompt is tuned.

    Args:
        steps: updates.
        batch: pairs an update.
        rate: learning rate of Adam at the start; it falls to 0 along half a cosine.
        seed: of all draws.
        type: "instance" or "semantic".
        painted: targets are pictures, passed on as they are.
        augment: crops and mirrors the pairs.
        start: "example", the first pair, or "noise".
        image_size: side of the square; None = as the network was made for.

    Raises:
        InputError: one of them has a bad value.
    """

    steps: int = 1000
    batch: int = 2
    rate: float = 0.03
    seed: int = 0
    type: str = "instance"
    painted: bool = False
    augment: bool = True
    start: str = "example"
    image_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "image_size"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{name} is {value!r}, expected a whole number from 1")
        if not 0 < self.rate < math.inf:
            raise InputError(f"rate is {self.rate!r}, expected a number above 0")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed!r}, expected a whole number from 0")
        for name, known in (("type", tuple(TYPES)), ("start", STARTS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {getattr(self, name)!r}, expected one of {known}")


class Tuning:
    """A prompt that is being learned.

    Args:
        network: SegGPT's; its weights get no gradient and stay as they are.
        pairs: of the task.
        recipe: how.
        amp: bfloat16 inside the network.

    Raises:
        InputError: there are no pairs, the first cannot be read, or the square does not fit.
    """

    def __init__(
        self, network: PainterNetwork, pairs: Sequence[Pair], recipe: Recipe, amp: bool = False
    ) -> None:
        if not pairs:
            raise InputError("there is nothing to tune on, expected at least one pair")
        self.network = network.eval().requires_grad_(False)
        self.pairs, self.recipe, self.amp = list(pairs), recipe, amp
        self.device = network.mask_token.device
        config = network.config
        self.side = recipe.image_size or config.side
        if self.side % config.patch:
            raise InputError(
                f"image_size is {self.side}, expected a multiple of {config.patch}, the network's "
                "patch"
            )
        if recipe.start == "example":
            image, target = self._tensors(*self.pairs[0].read(recipe.painted))
        else:
            noise = np.random.default_rng([recipe.seed, 2]).standard_normal(
                (2, 3, *[self.side] * 2)
            )
            image, target = torch.from_numpy(noise).float()
        self.image, self.target = (nn.Parameter(t.to(self.device)) for t in (image, target))
        self.optimiser = torch.optim.Adam([self.image, self.target], lr=recipe.rate)
        self.step = 0
        tokens = 2 * (self.side // config.patch) ** 2
        self._masked = (torch.arange(tokens, device=self.device) >= tokens // 2).float()[None]

    def _tensors(self, image: np.ndarray, target: np.ndarray) -> tuple[Tensor, Tensor]:
        return (
            to_tensor(square(image, self.side)),
            to_tensor(square(target, self.side, "nearest")),
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return pictures and targets [B, 3, s, s] of an update, which its number decides."""
        recipe, found = self.recipe, []
        start = step * recipe.batch
        for place, number in enumerate(order(len(self.pairs), start, recipe.batch, recipe.seed)):
            image, target = self.pairs[number].read(recipe.painted)
            if recipe.augment:
                rng = np.random.default_rng([recipe.seed, step, place, 1])
                image, target = varied(image, target, rng)
            found.append(self._tensors(image, target))
        images, targets = (torch.stack(part).to(self.device) for part in zip(*found, strict=True))
        return images, targets

    def loss(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the training loss of the prompt on pictures and targets [B, 3, s, s]."""
        count = len(images)
        prompt, shown = (t.expand(count, -1, -1, -1) for t in (self.image, self.target))
        seg_type = torch.full((count, 1), float(TYPES[self.recipe.type]), device=self.device)
        canvas = torch.cat([shown, targets], dim=2)
        with torch.autocast(self.device.type, torch.bfloat16) if self.amp else nullcontext():
            painted = self.network(
                torch.cat([prompt, images], dim=2), canvas, self._masked, seg_type
            )
        return painting_loss(
            painted,
            canvas,
            self._masked,
            torch.ones_like(canvas),
            patch=self.network.config.patch,
            eps=SEGGPT_EPS,
        )

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        done = min(self.step / self.recipe.steps, 1.0)
        return self.recipe.rate * 0.5 * (1 + math.cos(math.pi * done))

    def update(self) -> float:
        """Take one update; return the loss before it.

        Raises:
            InputError: a pair cannot be read; or the loss is not finite, which leaves the prompt
                as it was.
        """
        loss = self.loss(*self.batch(self.step))
        if not bool(loss.isfinite()):
            raise InputError(f"the loss of update {self.step + 1} is not finite", "a smaller rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def key(self, **notes: Any) -> TaskKey:
        """Return the prompt as it is now."""
        about = {"steps": self.step, "pairs": len(self.pairs), "recipe": asdict(self.recipe)}
        image, target = self.image.detach().clone(), self.target.detach().clone()
        return TaskKey(image, target, self.recipe.type, self.recipe.painted, {**about, **notes})

    def _run(self) -> str:
        """Describe what a saved state has to agree with."""
        about = {**asdict(self.recipe), "side": self.side, "pairs": names_of(self.pairs)}
        return json.dumps(about, sort_keys=True)

    def save(self, path: Path) -> None:
        """Write what the run goes on from; it appears whole or not at all."""
        state = {
            "image": self.image.detach(),
            "target": self.target.detach(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "run": self._run(),
        }
        with atomic_path(path, overwrite=True) as temporary:
            torch.save(state, temporary)

    def restore(self, path: Path) -> None:
        """Go on from a saved state.

        Raises:
            WeightsError: the file is damaged or something else.
            InputError: it is of another run.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            run, step = state["run"], int(state["step"])
            tensors = [state[name] for name in ("image", "target")]
            optimiser = state["optimiser"]
        except Exception as error:  # damaged bytes raise almost anything
            raise WeightsError(
                f"{path} is no state of a tuning run ({type(error).__name__})", "remove it"
            ) from error
        if run != self._run():
            raise InputError(
                f"{path} is of a run with other options or other data",
                hint="name another file, remove it, or give the options of that run",
            )
        with torch.no_grad():
            for own, saved in zip((self.image, self.target), tensors, strict=True):
                own.copy_(saved)
        self.optimiser.load_state_dict(optimiser)
        self.step = step


def tune(
    tuning: Tuning, state: Path | None = None, log_every: int = 20, checkpoint_seconds: float = 60
) -> TaskKey:
    """Tune to the end of the recipe.

    Args:
        tuning: the run.
        state: file from which it goes on where it exists, rewritten on the way.
        log_every: updates between two lines on stderr; 0 = none.
        checkpoint_seconds: between two checkpoints.
    """
    if state is not None and state.exists():
        tuning.restore(state)
    steps, first = tuning.recipe.steps, tuning.step
    started = saved = time.monotonic()
    losses: list[float] = []
    while tuning.step < steps:
        losses.append(tuning.update())
        now = time.monotonic()
        if log_every and (tuning.step % log_every == 0 or tuning.step == steps):
            pace = (tuning.step - first) / max(now - started, 1e-9)
            print(
                f"step {tuning.step}/{steps}  loss {np.mean(losses):.4f}  {pace:.2f} steps/s  "
                f"{(steps - tuning.step) / pace / 60:.0f} min left",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            losses = []
        if state is not None and (now - saved > checkpoint_seconds or tuning.step == steps):
            tuning.save(state)
            saved = now
    return tuning.key()


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    usual = Recipe()
    found = argparse.ArgumentParser(
        prog="python -m icl_painting.seggpt.tuning",
        description="Learn the prompt of a task, for SegGPT.",
    )
    add = found.add_argument
    add("--weights", type=Path, required=True, help="file of SegGPT, of any layout")
    add("--data", type=Path, required=True, help="folder with images/ and masks/")
    add("--out", type=Path, required=True, help="the prompt, a .safetensors file")
    add("--steps", type=int, default=usual.steps)
    add("--batch", type=int, default=usual.batch, help="pairs an update")
    add("--rate", type=float, default=usual.rate)
    add("--seed", type=int, default=usual.seed)
    add("--type", default=usual.type, choices=tuple(TYPES))
    add("--painted", action="store_true", help="targets are pictures in colour")
    add("--no-augment", dest="augment", action="store_false", help="no crops and mirrors")
    add("--start", default=usual.start, choices=STARTS)
    add("--image-size", type=int, help="side of the square; default: that of the weights")
    add("--device", default="auto")
    add("--amp", action="store_true", help="bfloat16 inside the network")
    add("--log-every", type=int, default=20, help="updates; 0 = silent")
    add("--checkpoint-seconds", type=float, default=60)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        if options.out.suffix != ".safetensors":
            raise InputError(f"--out is {options.out}, expected a .safetensors file")
        recipe = Recipe(**{name: getattr(options, name) for name in asdict(Recipe())})
        pairs = pairs_in(options.data)
        network = read_network(options.weights, "seggpt").to(resolve_device(options.device))
        tuning = Tuning(network, pairs, recipe, options.amp)
        state = options.out.with_name(options.out.name + ".state")
        key = tune(tuning, state, options.log_every, options.checkpoint_seconds)
        key.save(options.out, overwrite=True)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
