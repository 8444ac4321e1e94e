"""Turn the checkpoint of a run into one safetensors file, as it is shipped.

    python export.py --run RUN --out segic_small.safetensors
    python export.py --run RUN --out dcsam.safetensors --dtype float32 --trained-only
    python export.py --run SMALL --out segic-small.safetensors

The file carries in its metadata what its tensors do not show: `config`, which the learner reads
back, and `training`. The same weights give the same file. Prints size and sha256 for the card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch
from episodic.run import CONFIG, WEIGHTS
from safetensors.torch import save_file
from torch import Tensor

from icl_core.errors import IclError, InputError
from icl_core.results.save import atomic_path
from icl_core.weights import read_checkpoint
from icl_segmentation.segic.checkpoint import DINO, TEXT_PREFIX
from icl_segmentation.segic.text import official_text

SMALL = "small.safetensors"
DTYPES = {"float16": torch.float16, "float32": torch.float32}


def export(
    run: Path,
    out: Path,
    dtype: str = "float16",
    *,
    trained_only: bool = False,
    backbone_weights: Path | None = None,
    text_weights: Path | None = None,
    licence: str = "Apache-2.0",
) -> None:
    """Write the shipped file.

    Args:
        run: folder of the run.
        out: the new file, in .safetensors.
        dtype: "float16" or "float32", of all real tensors.
        trained_only: leave out DC-SAM's frozen backbone; `backbone_weights=` then has to be given
            where the file is loaded.
        backbone_weights: SEGIC's DINOv2, to be put in.
        text_weights: SEGIC's text tower, to be put in.
        licence: for the metadata.

    Raises:
        InputError: there is no finished checkpoint, or a tensor does not fit the number type.
        WeightsError: a file is damaged.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"the new file is {out.name!r}, expected a name in .safetensors")
    if (run / SMALL).is_file():
        _small(run / SMALL, out, licence)
        return
    if not (run / CONFIG).is_file() or not (run / WEIGHTS).is_file():
        raise InputError(f"{run} holds no checkpoint, expected {CONFIG} and {WEIGHTS}")
    described = json.loads((run / CONFIG).read_text(encoding="utf-8"))
    learner = described["learner"]
    tensors = dict(read_checkpoint(run / WEIGHTS).tensors)
    if learner == "dcsam":
        if backbone_weights is not None or text_weights is not None:
            raise InputError("backbone_weights and text_weights are for segic alone")
        if trained_only:
            tensors = {name: tensor for name, tensor in tensors.items() if not _frozen(name)}
    elif trained_only:
        raise InputError("trained_only is for dcsam alone: a file of segic has no frozen backbone")
    if backbone_weights is not None:
        inner = read_checkpoint(backbone_weights).tensors
        tensors |= {DINO + name.removeprefix(DINO): tensor for name, tensor in inner.items()}
    if text_weights is not None:
        inner = official_text(read_checkpoint(text_weights).tensors)
        tensors |= {TEXT_PREFIX + name: tensor for name, tensor in inner.items()}
    metadata = {
        "learner": learner,
        "config": json.dumps(described["config"]),
        "training": json.dumps(described["training"]),
        "licence": licence,
    }
    _write(_cast(tensors, DTYPES[dtype]), out, metadata)


def _small(file: Path, out: Path, licence: str) -> None:
    stored = read_checkpoint(file)
    config = dict(stored.metadata["config"])
    training = config.pop("training", {})
    metadata = {
        "learner": "segic",
        "config": json.dumps(config),
        "training": json.dumps(training),
        "licence": licence,
    }
    _write(_cast(dict(stored.tensors), torch.float16), out, metadata)


def _write(tensors: dict[str, Tensor], out: Path, metadata: dict[str, str]) -> None:
    with atomic_path(out, overwrite=True) as temporary:
        save_file(tensors, temporary, metadata=metadata)
        _sort_metadata(temporary)
    out.chmod(0o644)  # a package is read by others


def _sort_metadata(file: Path) -> None:
    """Bring the metadata into one order: the library writes it in another one each time."""
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(len(text).to_bytes(8, "little") + text + content[end:])


def _frozen(name: str) -> bool:
    return name.removeprefix("prompt_encoder.").startswith("layer")


def _cast(tensors: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    cast = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in tensors.items()
    }
    lost = [
        name
        for name, tensor in cast.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if lost:
        raise InputError(f"{len(lost)} tensors do not fit {dtype}: {', '.join(lost[:5])}")
    return cast


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Export the weights of a training run.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="float16")
    parser.add_argument("--trained-only", action="store_true", help="dcsam without its backbone")
    parser.add_argument("--backbone-weights", type=Path, help="segic: DINOv2 to put in")
    parser.add_argument("--text-weights", type=Path, help="segic: text tower to put in")
    parser.add_argument("--licence", default="Apache-2.0", help="of the weights")
    options = vars(parser.parse_args(arguments))
    try:
        export(**options)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    content = options["out"].read_bytes()
    print(f"size={len(content)} sha256={hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
