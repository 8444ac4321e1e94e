"""Turn the checkpoint of a run into one safetensors file, as it is shipped.

    python export.py --run RUN --out painter.safetensors --task denoise
    python export.py --run RUN --out painter.safetensors --float32

Tensors have the official names; the metadata hold what their shapes do not show, and how long the
run was. The same weights give the same file. Prints size and sha256 for the card.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from stitched.run import WEIGHTS

from icl_core.errors import IclError, InputError
from icl_core.weights import read_checkpoint
from icl_painting.network.checkpoint import read_network, save_network


def export(
    run: Path,
    out: Path,
    *,
    half: bool = True,
    licence: str = "Apache-2.0",
    tasks: Sequence[str] | None = None,
) -> None:
    """Write the shipped file.

    Args:
        run: folder of the run.
        out: the new file, in .safetensors.
        half: write half floats.
        licence: for the metadata.
        tasks: the named tasks of `painter` that the network learned, beside any pair of pictures;
            the others are then refused. None = does not say.

    Raises:
        InputError: there is no checkpoint, the name is another one, or a weight is too large for
            half floats.
        WeightsError: the checkpoint is damaged.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"the new file is {out.name!r}, expected a name in .safetensors")
    path = run / WEIGHTS
    if not path.is_file():
        raise InputError(f"{run} holds no checkpoint, expected {WEIGHTS}")
    learner = "seggpt" if "type_token_cls" in read_checkpoint(path).tensors else "painter"
    network = read_network(path, learner)
    notes = {**network.notes, "licence": licence}
    if tasks is not None:
        notes["tasks"] = list(tasks)
    save_network(network, out, half=half, notes=notes)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Export the weights of a training run.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--float32", action="store_true", help="no half floats")
    parser.add_argument("--licence", default="Apache-2.0", help="of the weights")
    parser.add_argument("--task", action="append", help="named task it learned; once for each")
    options = parser.parse_args(arguments)
    try:
        export(
            options.run,
            options.out,
            half=not options.float32,
            licence=options.licence,
            tasks=options.task,
        )
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    content = options.out.read_bytes()
    print(f"size={len(content)} sha256={hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
