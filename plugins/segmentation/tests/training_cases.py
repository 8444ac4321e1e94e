"""Small networks, runs and batches that the tests of the training share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))

from episodic.dcsam import DcSamTrainee
from episodic.dcsam_start import DcSamStart, begin_dcsam
from episodic.feed import Feed, Source
from episodic.samples import Sample
from episodic.segic import SegicTrainee
from episodic.segic_start import SegicStart, begin_segic

TRAINING = Path(__file__).resolve().parents[1] / "training"
GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"


def script(name: str) -> ModuleType:
    """Import a script under a name of its own: other plugins have a `train.py` too."""
    spec = importlib.util.spec_from_file_location(f"segmentation_{name}", TRAINING / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


train, export = script("train"), script("export")

SIDE = 56
SMALL = {"threads": torch.get_num_threads(), "log-every": 1, "points": 64}


def spread(module: torch.nn.Module, seed: int) -> dict[str, Tensor]:
    """Stand-in weights that keep activations of every layer alive."""
    rng = torch.Generator().manual_seed(seed)
    found = {}
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            found[name] = tensor
            continue
        noise = torch.randn(tensor.shape, generator=rng)
        if name.endswith("running_var"):
            found[name] = 1 + 0.1 * noise.abs()
        elif tensor.ndim <= 1:
            found[name] = 0.1 * noise + float(name.endswith("weight"))
        else:
            fan = tensor[0].numel() if tensor.shape[0] > 1 else 4
            found[name] = noise / fan**0.5
    return found


def seed_weights(module: torch.nn.Module, seed: int) -> dict[str, Tensor]:
    """Stand-in weights, a little smaller, that are put into the module as well."""
    rng = torch.Generator().manual_seed(seed)
    state = module.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=rng)
        if name.endswith("running_var"):
            noise = 1 + 0.1 * noise.abs()
        elif tensor.ndim <= 1:
            noise = 0.1 * noise + float(name.endswith("weight"))
        else:
            noise = noise / tensor[0].numel() ** 0.5 if tensor.shape[0] > 1 else 0.5 * noise
        tensor.copy_(noise)
    return state


def run(learner: str, source: str, out: Path, files: dict[str, Any], **options: Any) -> Path:
    given = {"source": source, "out": out, **SMALL, **files, **options}
    if learner == "segic":
        given.setdefault("side", SIDE)
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    train.work(train.parser().parse_args([learner, *arguments]))
    return out


def weights(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(folder / "weights.pth", weights_only=True)
    return found


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def segic_trainee(files: dict[str, Any], **options: Any) -> SegicTrainee:
    network, stored = begin_segic(SegicStart(side=SIDE, **files), seed=0)
    return SegicTrainee(network, stored=stored, points=256, **options)


def dcsam_trainee(files: dict[str, Any], **options: Any) -> DcSamTrainee:
    return DcSamTrainee(*begin_dcsam(DcSamStart(**files), seed=0), **options)


def batch_of(source: str, learner: str, make: Any, count: int = 2) -> list[Sample]:
    return Feed([Source.parse(source, learner)], make, count, seed=5)[0]
