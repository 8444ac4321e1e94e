"""Train a TiRex network on generated series alone.

    python train.py --pool DIR --out RUN --minutes 100        # by the clock
    python train.py --pool DIR --out RUN --steps 10000        # reproducible by seed

The run is resumed from `RUN/last.pt` when that exists. Progress goes to stderr and to
`RUN/log.jsonl`. The exponential moving average of the weights is what is evaluated and shipped:
`RUN/ema.safetensors` is rewritten at every checkpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing
from batches import Batch, draw_batch
from corpus import EARLY, LATE, Pool
from muon import Muon
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from start import initialise
from torch import Tensor

from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork

# tokens in a window -> share of the steps; a step always holds about the same number of tokens
EARLY_WINDOWS = {6: 0.30, 10: 0.20, 17: 0.38, 34: 0.12}
LATE_WINDOWS = {6: 0.25, 10: 0.15, 17: 0.25, 34: 0.15, 68: 0.20}
PAD_REFRESH = 10


@dataclass(frozen=True)
class Schedule:
    """Length of the run and the learning rates over it (fractions of the whole)."""

    steps: int | None
    minutes: float | None
    peak: float = 1.0
    decay_from: float = 0.30
    late_from: float = 0.55
    warmup: int = 60
    floor: float = 0.02

    def progress(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / 60 / (self.minutes or 1.0))

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rates: warm-up, constant, cosine to the floor."""
        ramp = self.peak * min(1.0, (step + 1) / self.warmup)
        if progress <= self.decay_from:
            return ramp
        x = (progress - self.decay_from) / (1 - self.decay_from)
        return ramp * (self.floor + (1 - self.floor) * 0.5 * (1 + float(np.cos(np.pi * x))))


def pinball(forecast: Tensor, batch: Batch, levels: Tensor) -> Tensor:
    """Twice the pinball loss, mean over levels and known targets; each series has its divisor."""
    known = ~batch.targets.isnan()
    gap = batch.targets[:, :, None] - forecast
    gap = torch.where(known[:, :, None], gap, 0.0)
    loss = 2 * torch.maximum(gap * levels[:, None], gap * (levels[:, None] - 1)).mean(dim=2)
    return (loss * batch.weights[:, :, None]).sum() / known.sum()


class Feeder:
    """Draws batches in a thread, ahead of the training.

    Which windows and families it draws follows `late`, or, where the run is counted in steps,
    the step that a batch is for: the thread's lead then makes no difference.
    """

    def __init__(
        self,
        pool: Path,
        seed: int,
        tokens: int,
        config: TirexConfig,
        rank: int = 0,
        late_from: float | None = None,
    ) -> None:
        self.pools = {n: Pool(pool, EARLY, length=n) for n in (576, 2304)}
        self.seed, self.tokens, self.config, self.rank = seed, tokens, config, rank
        self.late, self.late_from = False, late_from
        self._step = 0
        self._ready: queue.Queue[Batch] = queue.Queue(maxsize=4)

    def start(self, step: int) -> None:
        """Begin at a step; each step has a seed of its own, so that a resumed run continues."""
        self._step = step
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        weighed: bool | None = None
        while True:
            late = self.late if self.late_from is None else self._step >= self.late_from
            # every process draws the same window, so that none waits, and series of its own
            rng = np.random.default_rng([self.seed, self._step])
            windows = LATE_WINDOWS if late else EARLY_WINDOWS
            if self._step % 200 == 0 or weighed != late:
                for pool in self.pools.values():
                    pool.set_weights(LATE if late else EARLY)
                weighed = late
            shares = np.array(list(windows.values()))
            steps = int(rng.choice(list(windows), p=shares / shares.sum()))
            if self.rank:
                rng = np.random.default_rng([self.seed, self._step, self.rank])
            pools = {n: p for n, p in self.pools.items() if n >= (steps + 1) * self.config.patch}
            batch = max(8, self.tokens // steps)
            self._ready.put(
                draw_batch(
                    rng,
                    pools,
                    steps,
                    batch,
                    patch=self.config.patch,
                    context_tokens=self.config.context_tokens,
                )
            )
            self._step += 1

    def take(self) -> Batch:
        """The next batch."""
        return self._ready.get()


class Run:
    """Network, optimisers, moving average and clock of one training run."""

    def __init__(
        self,
        config: TirexConfig,
        schedule: Schedule,
        seed: int,
        device: str,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.config, self.schedule, self.seed = config, schedule, seed
        self.device = torch.device(device)
        self.network = TirexNetwork(config)
        initialise(self.network, torch.Generator().manual_seed(seed))
        self.network.to(self.device)
        named = list(self.network.named_parameters())
        inner = [p for n, p in named if n.startswith("blocks.") and p.ndim >= 2]
        matrices = [p for n, p in named if not n.startswith("blocks.") and p.ndim == 2]
        vectors = [p for n, p in named if p.ndim == 1]
        self.world = share[1]
        self.muon = Muon(inner, lr=0.02, share=share)
        self.adam = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}],
            lr=3e-3,
            betas=(0.9, 0.98),
        )
        self.base = [(g, g["lr"]) for o in (self.muon, self.adam) for g in o.param_groups]
        self.average = {n: p.detach().clone() for n, p in named}
        self.levels = torch.tensor(config.quantile_levels, device=self.device)
        self.step, self.seconds, self.series, self.tokens, self.skipped = 0, 0.0, 0, 0, 0
        self.before = "{}"
        self._missing: list[CellState] | None = None
        self._ticked = time.monotonic()

    def train_step(self, batch: Batch) -> float:
        """One update; returns the loss (NaN when it was skipped)."""
        batch = Batch(
            *(
                t.to(self.device, non_blocking=True)
                for t in (batch.tokens, batch.targets, batch.weights)
            ),
            batch.leading,
        )
        if self._missing is None or self.step % PAD_REFRESH == 0:
            with torch.no_grad():
                self._missing = self.network.missing_states(self.config.context_tokens)
        states = None
        if batch.leading:
            count = len(batch.tokens)
            states = [s.at(batch.leading - 1).repeat(count) for s in self._missing]
        loss = pinball(self.network(batch.tokens, states), batch, self.levels)
        loss.backward()
        value = self._agree(float(loss.detach()))
        self.step += 1
        if not np.isfinite(value):
            self.skipped += 1
            self.network.zero_grad(set_to_none=True)
            return float("nan")
        factor = self.schedule.rate(self.step, self.schedule.progress(self.step, self.seconds))
        for group, rate in self.base:
            group["lr"] = rate * factor
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in (self.muon, self.adam):
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        keep = min(0.998, self.step / (self.step + 20))
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                self.average[name].lerp_(p, 1 - keep)
        self.series += self.world * len(batch.tokens)
        self.tokens += self.world * batch.tokens.shape[0] * batch.tokens.shape[1]
        return value

    def tick(self, start: bool = False) -> None:
        """Add the time since the last tick to the run's clock."""
        now = time.monotonic()
        if not start:
            self.seconds += now - self._ticked
        self._ticked = now

    def _agree(self, loss: float) -> float:
        """Average gradients, loss and clock over the processes."""
        if self.world == 1:
            return loss
        grads = [p.grad for p in self.network.parameters() if p.grad is not None]
        clock = torch.tensor([loss, self.seconds], device=self.device)
        flat = torch.cat([clock, *(g.flatten() for g in grads)]) / self.world
        dist.all_reduce(flat)
        loss, self.seconds = flat[:2].tolist()
        for grad, part in zip(grads, flat[2:].split([g.numel() for g in grads]), strict=True):
            grad.copy_(part.view_as(grad))
        return loss

    def state(self) -> dict[str, object]:
        """All that a resumed run needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average,
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "before": self.before,
            "clock": [self.step, self.seconds, self.series, self.tokens, self.skipped],
        }

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        # loading gave the optimisers new groups; the schedule must set the rates of those
        groups = [g for o in (self.muon, self.adam) for g in o.param_groups]
        self.base = [(g, rate) for g, (_, rate) in zip(groups, self.base, strict=True)]
        self.before = state["before"]
        self.step, self.seconds, self.series, self.tokens, self.skipped = state["clock"]

    def start_from(self, path: Path) -> None:
        """Take the weights of another run, with new optimisers and a new clock."""
        with safe_open(path, "pt") as file:
            self.before = (file.metadata() or {}).get("training", "{}")
        self.network.load_state_dict(load_file(path))
        self.average = {n: p.detach().clone() for n, p in self.network.named_parameters()}

    def save(self, folder: Path) -> None:
        """Write the checkpoint and the averaged weights, each by a temporary name."""
        temporary = folder / f".last.{os.getpid()}"
        torch.save(self.state(), temporary)
        os.replace(temporary, folder / "last.pt")
        temporary = folder / f".ema.{os.getpid()}"
        metadata = {
            "config": json.dumps(self.config.to_official()),
            "step": str(self.step),
            "before": self.before,
        }
        tensors = {n: t.cpu().contiguous() for n, t in self.average.items()}
        save_file(tensors, temporary, metadata=metadata)
        os.replace(temporary, folder / "ema.safetensors")


def train(run: Run, feeder: Feeder, folder: Path, checkpoint_seconds: float) -> None:
    """Train to the end of the schedule; rank 0 logs and saves."""
    saved, losses = time.monotonic(), list[float]()
    run.tick(start=True)
    feeder.late = run.schedule.progress(run.step, run.seconds) >= run.schedule.late_from
    feeder.start(run.step)
    while (progress := run.schedule.progress(run.step, run.seconds)) < 1:
        feeder.late = progress >= run.schedule.late_from
        losses.append(run.train_step(feeder.take()))
        run.tick()
        if feeder.rank == 0 and run.step % 50 == 0:
            _log(run, folder, losses, progress)
            losses = []
        if feeder.rank == 0 and time.monotonic() - saved > checkpoint_seconds:
            run.save(folder)
            saved = time.monotonic()
    if feeder.rank == 0:
        run.save(folder)


def _log(run: Run, folder: Path, losses: list[float], progress: float) -> None:
    loss = float(np.mean([x for x in losses if np.isfinite(x)] or [np.nan]))
    line = {
        "step": run.step, "loss": loss, "progress": progress, "seconds": run.seconds,
        "series": run.series, "tokens": run.tokens, "skipped": run.skipped,
    }  # fmt: skip
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    left = run.seconds * (1 - progress) / max(progress, 1e-6)
    print(
        f"step {run.step}  loss {loss:.4f}  {run.tokens / run.seconds:.0f} tokens/s"
        f"  {progress:.1%}  {left / 60:.0f} min left",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def work(rank: int, options: argparse.Namespace, meeting: str) -> None:
    """One process of a run."""
    torch.set_num_threads(options.threads)
    world = options.processes
    if world > 1:
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    config = TirexConfig(
        embedding_dim=options.width, num_blocks=options.blocks, num_heads=4,
        input_ff_dim=options.hidden, context_length=options.context,
    )  # fmt: skip
    schedule = Schedule(
        options.steps, options.minutes, options.peak, options.decay_from, options.late_from
    )
    run = Run(config, schedule, options.seed, options.device, (rank, world))
    if (options.out / "last.pt").exists():
        run.restore(options.out / "last.pt")
    elif options.start is not None:
        run.start_from(options.start)
    if rank == 0:
        parameters = sum(p.numel() for p in run.network.parameters())
        print(f"{parameters} parameters, {asdict(config)}", file=sys.stderr)
    late_from = None if options.steps is None else schedule.late_from * options.steps
    feeder = Feeder(options.pool, options.seed, options.tokens // world, config, rank, late_from)
    train(run, feeder, options.out, options.checkpoint_seconds)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train a TiRex network on generated series.")
    parser.add_argument("--pool", type=Path, required=True, help="folder written by corpus/pool.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="updates; reproducible")
    length.add_argument("--minutes", type=float, help="wall time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights of an earlier run to begin with")
    parser.add_argument("--peak", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--decay-from", type=float, default=0.30, help="fraction of the run")
    parser.add_argument("--late-from", type=float, default=0.55, help="fraction of the run")
    parser.add_argument("--tokens", type=int, default=1536, help="tokens in one update")
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1, help="data-parallel processes")
    parser.add_argument("--threads", type=int, default=1, help="threads a process")
    parser.add_argument("--checkpoint-seconds", type=float, default=120)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.processes == 1:
        work(0, options, "")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        torch.multiprocessing.spawn(work, (options, meeting), nprocs=options.processes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
