"""Turn the averaged weights of a run into the file that the plugin ships.

    python export.py --run RUN --out ../icl_forecasting/data/tirex_small.safetensors

Weights are stored in float16. The file carries what is needed to use it: the sizes, in the
layout of the released checkpoint, and the options that surround the network at inference. Steps,
series, tokens and seconds are those of the run and of the run that its weights began with. The
same weights and log give the same file. Prints size and sha256 for the card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

OPTIONS = {"sign_flip": True, "monotone": True, "views": "auto", "rollout_steps": 0}


def export(run: Path, out: Path) -> None:
    """Write the shipped file from `run/ema.safetensors` and the last line of its log.

    Raises:
        ValueError: a weight does not fit float16.
    """
    tensors = load_file(run / "ema.safetensors")
    with safe_open(run / "ema.safetensors", "pt") as file:
        config = json.loads(file.metadata()["config"])
        before = json.loads(file.metadata()["before"])
    half = {name: tensor.to(torch.float16) for name, tensor in tensors.items()}
    lost = [name for name, tensor in half.items() if not tensor.isfinite().all()]
    if lost:
        raise ValueError(f"these tensors do not fit float16: {lost}")
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    trained = {
        key: last[key] + before.get(key, 0) for key in ("step", "series", "tokens", "seconds")
    }
    metadata = {
        "config": json.dumps(config),
        "options": json.dumps(OPTIONS),
        "training": json.dumps({**trained, "data": "generated series alone"}),
        "licence": "Apache-2.0",
    }
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    save_file(half, temporary, metadata=metadata)
    os.replace(temporary, out)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Export the weights of a training run.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    export(options.run, options.out)
    content = options.out.read_bytes()
    print(f"size={len(content)} sha256={hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
