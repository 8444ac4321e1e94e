"""Train the small Painter that is bundled, on one device, by the clock.

    python train_small.py --data DATA/vision --out RUN --minutes 11 --device cuda
    python train_small.py --data DATA/vision --out RUN --minutes 11 --device cuda --resume

Pictures lie on the device, and canvases of all tasks are drawn there. RUN gets
`weights.safetensors` (half floats, the moving average), `last.pt`, from which `--resume` goes on,
and `log.jsonl`; the first two are written anew every minute. Reading the data takes about 20
seconds before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import torch
from canvases.bank import load_bank
from canvases.feed import Feed
from canvases.run import Recipe, Run
from canvases.start import SMALL, new_network


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the small Painter.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, default=11.0, help="of training, in all calls")
    parser.add_argument("--call-minutes", type=float, help="stop this call after so many")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", action="store_true", help="go on from RUN/last.pt")
    parser.add_argument("--batch", type=int, help="canvases of an update at the first side")
    parser.add_argument("--rate", type=float, help="learning rate at its highest")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sides", help="such as 0:132,0.5:192,0.8:264: share of the time:side")
    parser.add_argument("--share", type=float, default=1.0, help="of the data, for trials")
    parser.add_argument("--drawings", type=int, default=3000, help="pictures that are drawn")
    parser.add_argument("--workers", type=int, default=max(1, min(8, (os.cpu_count() or 1) - 1)))
    parser.add_argument("--log-every", type=int, default=50, help="updates")
    options = parser.parse_args(arguments)
    given = {"batch": options.batch, "rate": options.rate}
    recipe = Recipe(
        minutes=options.minutes, seed=options.seed, **{k: v for k, v in given.items() if v}
    )
    if options.sides:
        parts = (part.split(":") for part in options.sides.split(","))
        sides = tuple((float(start), int(side)) for start, side in parts)
        recipe = Recipe(**{**vars(recipe), "sides": sides})
    if (options.out / "last.pt").exists() and not options.resume:
        print(f"error: {options.out} holds a run; add --resume or name another", file=sys.stderr)
        return 1
    device = torch.device(options.device)
    if device.type == "cuda":
        # Halves do the work; what is left in float32 draws the data, and has to be exact.
        torch.backends.cudnn.allow_tf32 = False
    started = time.monotonic()
    bank = load_bank(options.data, options.share, options.drawings, options.workers).to(device)
    print(
        f"{len(bank.pictures)} pictures, {len(bank.class_first)} classes, {bank.bytes / 1e9:.2f} GB"
        f" on {device}, {time.monotonic() - started:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    network = new_network(SMALL, options.seed).to(device)
    call = None if options.call_minutes is None else options.call_minutes * 60
    run = Run(network, Feed(bank, SMALL.patch, options.seed), recipe, options.out, call)
    if options.resume and run.restore():
        print(f"going on at {run.seconds:.0f} s, update {run.step}", file=sys.stderr, flush=True)
    run.train(options.log_every)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
