"""Train a Painter or a SegGPT on stitched pairs of pictures.

    python train.py --config painter.toml --out RUN
    python train.py --config painter.toml --out RUN --resume
    python train.py --config painter.toml --out RUN --minutes 60

`RUN/weights.safetensors` is rewritten at every checkpoint and is what `icl.load("painter",
weights=...)` reads; `RUN/last.pt` is what `--resume` goes on from. Progress goes to stderr and
`RUN/log.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stitched.config import Config, read_config
from stitched.feed import Feed, Stitcher, stream
from stitched.measure import HeldOut
from stitched.run import LOG, STATE, Run
from stitched.schedule import Schedule
from stitched.sources import open_source
from stitched.start import begin

from icl_core.errors import IclError, InputError
from icl_core.runtime import resolve_device


def work(options: argparse.Namespace) -> None:
    """Do what the command line asks.

    Raises:
        IclError: the config, the data, the first weights or the folder do not fit.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    config = read_config(options.config, options.minutes)
    state = options.out / STATE
    if state.exists() and not options.resume:
        raise InputError(
            f"{options.out} holds a run already", hint="--resume goes on with it; or another --out"
        )
    feed, names = open_feed(config)
    held_out = HeldOut({n: feed.held_out(place, config.held_out) for place, n in enumerate(names)})
    recipe = config.recipe
    network = begin(
        config.network, recipe.drop_path, config.seed, config.start, identity=recipe.identity
    )
    schedule = Schedule(config.updates, config.minutes, recipe.warmup)
    run = Run(network, recipe, schedule, config.seed, resolve_device(options.device))
    options.out.mkdir(parents=True, exist_ok=True)
    if state.exists():
        run.restore(state, config.whole)
    count = sum(p.numel() for p in run.trained.values())
    print(f"{count} parameters, {config.side} px, {len(names)} tasks", file=sys.stderr)
    train(run, feed, held_out, config, options)


def open_feed(config: Config) -> tuple[Feed, list[str]]:
    """Open the sources of a config; return the mixture and the names of its parts."""
    sources, names, shares = [], list[str](), []
    for place, table in enumerate(config.sources):
        given = {key: value for key, value in table.items() if key not in ("name", "weight")}
        sources.append(open_source(given, config.side))
        name = str(table.get("name") or given.get("task") or given.get("source") or given["kind"])
        names.append(name if name not in names else f"{name} {place}")
        shares.append(float(table.get("weight", 1)))
    stitch = Stitcher(config.side, config.network.patch, config.recipe.half)
    return Feed(sources, shares, stitch, config.recipe.batch, config.seed), names


def train(
    run: Run, feed: Feed, held_out: HeldOut, config: Config, options: argparse.Namespace
) -> None:
    """Train to the end of the schedule.

    Args:
        run: the run, at its first update or at that which was saved last.
        feed: its canvases.
        held_out: what is measured.
        config: of the run.
        options: of the command line.
    """
    times = config.recipe.accumulate
    last = None if config.updates is None else config.updates * times
    batches = stream(feed, run.step * times, last, options.workers)
    saved, measured = time.monotonic(), time.monotonic()
    losses = list[float]()
    run.tick(start=True)
    while run.schedule.progress(run.step, run.seconds) < 1:
        rate = run.rate
        losses.append(run.update([next(batches) for _ in range(times)]))
        run.tick()
        now = time.monotonic()
        due = now - measured > options.measure_seconds
        if due or run.step % options.log_every == 0:
            _log(run, options.out, losses, rate, held_out if due else None)
            losses = []
        if due:
            run.tick(start=True)  # what is measured is no training time
            measured = time.monotonic()
        if now - saved > options.checkpoint_seconds:
            run.save(options.out, config.whole)
            saved = time.monotonic()
    _log(run, options.out, losses, run.rate, held_out)
    run.save(options.out, config.whole)


def _log(
    run: Run, folder: Path, losses: list[float], rate: float, held_out: HeldOut | None
) -> None:
    finite = [x for x in losses if np.isfinite(x)]
    loss = float(np.mean(finite)) if finite else None
    progress = run.schedule.progress(run.step, run.seconds)
    line: dict[str, Any] = {
        "step": run.step, "samples": run.samples, "seconds": round(run.seconds, 1),
        "progress": progress, "rate": rate, "loss": loss, "skipped": run.skipped,
    }  # fmt: skip
    left = run.seconds * (1 - progress) / max(progress, 1e-6)
    text = (
        f"step {run.step}  loss {'-' if loss is None else f'{loss:.4f}'}  "
        f"{run.samples / max(run.seconds, 1e-6):.1f} canvases/s  {progress:.1%}  "
        f"{left / 60:.0f} min left"
    )
    if held_out is not None:
        scores = held_out.measure(run)
        line["psnr"] = {name: score._asdict() for name, score in scores.items()}
        parts = [f"{n} {s.answer:.1f} ({s.query:.1f}, {s.other:.1f})" for n, s in scores.items()]
        text += "\n  dB (query, other prompt): " + ", ".join(parts)
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    found = argparse.ArgumentParser(description="Train Painter or SegGPT on pairs of pictures.")
    add = found.add_argument
    add("--config", type=Path, required=True, help="TOML file")
    add("--out", type=Path, required=True, help="folder of the run")
    add("--resume", action="store_true", help="go on with the run in that folder")
    add("--minutes", type=float, help="wall time, instead of the length in the config")
    add("--device", default="cpu")
    add("--workers", type=int, default=0, help="processes that draw canvases")
    add("--threads", type=int, help="threads of torch; default: its own choice")
    add("--checkpoint-seconds", type=float, default=300)
    add("--measure-seconds", type=float, default=300)
    add("--log-every", type=int, default=20, help="updates")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        work(options)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
