"""Golden arrays and the stand-in weights that they were made with."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"

sys.path.append(str(Path(__file__).resolve().parents[1] / "training"))
sys.path.append(str(Path(__file__).parent))

Seeded = Callable[[Mapping[str, Any], int], dict[str, Tensor]]


def _present(name: str) -> Path:
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip(f"the golden file ../shared/golden/{name} is not here")
    return path


@pytest.fixture(scope="session")
def seeded() -> Seeded:
    """From names, shapes and a seed to the stand-in weights of the golden arrays."""
    path = _present("seeded_weights.py")
    spec = importlib.util.spec_from_file_location("seeded_weights", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def tensors(shapes: Mapping[str, Any], seed: int) -> dict[str, Tensor]:
        found = module.seeded_state_dict(shapes, seed)
        return {name: torch.as_tensor(tensor) for name, tensor in found.items()}

    return tensors


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """From a name such as "painter/tiny_forward.npz" to its arrays."""

    def arrays(name: str) -> dict[str, np.ndarray]:
        with np.load(_present(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    return arrays


@pytest.fixture(scope="session")
def shapes() -> Callable[[str], dict[str, list[int]]]:
    """From a name such as "painter/tiny_manifest.json" to names and shapes of tensors."""

    def manifest(name: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = json.loads(_present(name).read_text(encoding="utf-8"))
        return found

    return manifest
