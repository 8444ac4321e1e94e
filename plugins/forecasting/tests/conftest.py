"""Golden arrays and the small network that they were made with."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden arrays beside the repository."""
    if not GOLDEN.is_dir():
        pytest.skip("the golden arrays (../shared/golden) are not here")
    return GOLDEN


@pytest.fixture(scope="session")
def golden_arrays(golden: Path) -> Callable[[str], dict[str, np.ndarray]]:
    """Reader of one TiRex golden file by its stem."""

    def read(stem: str) -> dict[str, np.ndarray]:
        with np.load(golden / "tirex" / f"{stem}.npz", allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    return read


@pytest.fixture(scope="session")
def golden_manifest(golden: Path) -> dict[str, tuple[int, ...]]:
    """State-dict names and shapes of the golden network."""
    raw = json.loads((golden / "tirex" / "manifest.json").read_text())
    return {name: tuple(shape) for name, shape in raw.items()}


@pytest.fixture(scope="session")
def golden_config(golden: Path) -> TirexConfig:
    """Sizes of the golden network."""
    return TirexConfig.from_official(json.loads((golden / "tirex" / "config.json").read_text()))


@pytest.fixture(scope="session")
def golden_tensors(
    golden: Path, golden_manifest: dict[str, tuple[int, ...]]
) -> dict[str, torch.Tensor]:
    """The stand-in weights, rebuilt from names, shapes and seed 0."""
    spec = importlib.util.spec_from_file_location("seeded_weights", golden / "seeded_weights.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tensors: dict[str, torch.Tensor] = module.seeded_state_dict(golden_manifest, seed=0)
    return tensors


@pytest.fixture
def golden_network(
    golden_config: TirexConfig, golden_tensors: dict[str, torch.Tensor]
) -> TirexNetwork:
    """A fresh float32 golden network in eval mode."""
    network = TirexNetwork(golden_config)
    network.load_state_dict(golden_tensors, strict=True)
    return network.eval()


@pytest.fixture(scope="session")
def tiny_config() -> TirexConfig:
    """Sizes of a network that runs in well under a millisecond a token."""
    return TirexConfig(
        embedding_dim=16, num_blocks=2, num_heads=4, input_ff_dim=16, context_length=128
    )


@pytest.fixture(scope="session")
def tiny_tensors(tiny_config: TirexConfig) -> dict[str, torch.Tensor]:
    """Weights for it, with no part at zero, so that every part shows in the forecast."""
    rng = torch.Generator().manual_seed(5)
    shapes = {name: p.shape for name, p in TirexNetwork(tiny_config).named_parameters()}
    tensors = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=rng)
        if len(shape) > 1:
            tensors[name] = noise / shape[-1] ** 0.5
        else:
            tensors[name] = 0.3 * noise + (1.0 if "norm" in name and "group" not in name else 0.0)
    return tensors


@pytest.fixture
def tiny_network(tiny_config: TirexConfig, tiny_tensors: dict[str, torch.Tensor]) -> TirexNetwork:
    """A fresh tiny network in eval mode."""
    network = TirexNetwork(tiny_config)
    network.load_state_dict(tiny_tensors, strict=True)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_config: TirexConfig,
    tiny_tensors: dict[str, torch.Tensor],
) -> Path:
    """The tiny network as a file, as ours are written."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_file(tiny_tensors, path, metadata={"config": json.dumps(tiny_config.to_official())})
    return path
