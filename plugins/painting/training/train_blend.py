"""Train the last step of the bundled Painter, the blend, on a CPU or a GPU.

    python train_blend.py --data DATA/vision --weights RUN/weights.safetensors --out BLEND
    python train_blend.py --data DATA/vision --weights RUN/weights.safetensors --out BLEND --resume

The network of RUN (`train_small.py`) stays as it is; a blend that its file has goes on learning. It
paints canvases, which are kept in BLEND/canvases; the blend then learns what to take from where.
BLEND gets `weights.safetensors` (half floats: the network with the blend), `last.pt`, from which
`--resume` goes on, and `log.jsonl`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from canvases.bank import load_bank
from canvases.blend_run import BlendRecipe, BlendRun
from canvases.feed import Feed
from canvases.shown import FOLDER, SHARES, SIZE, read_canvases, write_canvases

from icl_painting.network.blend import Blend
from icl_painting.network.checkpoint import read_network, save_network
from icl_painting.network.inference import Engine
from icl_painting.network.network import PainterNetwork

WIDTHS = (44, 56)
"""Channels of the blend; with the network below 8 M parameters and 16 MB."""

WEIGHTS = "weights.safetensors"


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the blend of the small Painter.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the packed sets")
    parser.add_argument("--weights", type=Path, required=True, help="the network, in .safetensors")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--canvases", type=int, default=2400, help="how many are painted")
    parser.add_argument("--updates", type=int, default=BlendRecipe.updates)
    parser.add_argument("--batch", type=int, default=BlendRecipe.batch)
    parser.add_argument("--crop", type=int, default=BlendRecipe.crop, help="side of a part")
    parser.add_argument("--rate", type=float, default=BlendRecipe.rate, help="highest")
    parser.add_argument("--floor", type=float, default=BlendRecipe.floor, help="of the loss")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="of a CPU")
    parser.add_argument("--resume", action="store_true", help="go on from BLEND/last.pt")
    parser.add_argument("--share", type=float, default=1.0, help="of the data, for trials")
    parser.add_argument("--drawings", type=int, default=3000, help="pictures that are drawn")
    parser.add_argument("--log-every", type=int, default=100, help="updates")
    options = parser.parse_args(arguments)
    if (options.out / "last.pt").exists() and not options.resume:
        print(f"error: {options.out} holds a run; add --resume or name another", file=sys.stderr)
        return 1
    if options.threads:
        torch.set_num_threads(options.threads)
    network = read_network(options.weights, "painter").to(options.device)
    earlier, network.blend = network.blend, None
    side, files = network.config.side, -(-options.canvases // SIZE)
    folder = options.out / FOLDER
    if any(not (folder / f"{number:04d}.pt").exists() for number in range(files)):
        started = time.monotonic()
        bank = load_bank(options.data, options.share, options.drawings, 1).to(options.device)
        print(f"data: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        feed = Feed(bank, network.config.patch, options.seed, SHARES)
        write_canvases(Engine(network), feed, folder, files, side)
    torch.manual_seed(options.seed)
    if earlier is None:
        blend = Blend(*WIDTHS).to(options.device)
        blend.start_as_painted()
    else:
        blend = earlier.requires_grad_(True)
    recipe = BlendRecipe(
        updates=options.updates,
        batch=options.batch,
        crop=options.crop,
        rate=options.rate,
        floor=options.floor,
        seed=options.seed,
    )
    run = BlendRun(blend, list(read_canvases(folder, files)), recipe, options.out)
    if options.resume and run.restore():
        print(f"going on at update {run.step}", file=sys.stderr, flush=True)
    run.train(options.log_every)
    joined = with_blend(network, run.averaged())
    training = {"updates": run.step, "canvases": files * SIZE, "seconds": round(run.seconds)}
    notes = {**network.notes, "blend": {**training, "seed": options.seed}}
    save_network(joined, options.out / WEIGHTS, notes=notes)
    return 0


def with_blend(network: PainterNetwork, blend: Blend) -> PainterNetwork:
    """Return a network that ends with a blend, and shares the weights of both."""
    widths = (blend.stem.out_channels, blend.down.out_channels)
    joined = PainterNetwork(replace(network.config, blend=widths)).to(network.mask_token.device)
    parts = {f"blend.{name}": weight for name, weight in blend.state_dict().items()}
    joined.load_state_dict({**network.state_dict(), **parts})
    return joined.eval().requires_grad_(False)


if __name__ == "__main__":
    raise SystemExit(main())
