"""A folder to run snippets in, and a small TiRex for as long as no bundled one is here."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path("plugins/forecasting/icl_forecasting/data")
BUNDLED = ROOT / DATA / "tirex_small.safetensors"


@pytest.fixture(scope="session")
def generator() -> ModuleType:
    """The script docs/generate.py."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the bundled series where a clone of the repository has them."""
    shutil.copytree(ROOT / DATA, tmp_path / DATA, ignore=shutil.ignore_patterns("*.safetensors"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture(scope="session")
def tirex_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled weights, or random ones of a tiny network while those are not here."""
    if BUNDLED.is_file():
        return BUNDLED
    import torch
    from safetensors.torch import save_file

    from icl_forecasting.tirex.config import TirexConfig
    from icl_forecasting.tirex.network import TirexNetwork

    torch.manual_seed(0)
    config = TirexConfig(
        embedding_dim=32, num_blocks=2, num_heads=2, input_ff_dim=32, context_length=256
    )
    path = tmp_path_factory.mktemp("weights") / "tirex_small.safetensors"
    metadata = {
        "config": json.dumps(config.to_official()),
        "options": json.dumps({"monotone": True}),
    }
    tensors = {
        name: torch.zeros_like(tensor) + 0.1 * torch.randn(tensor.shape)
        for name, tensor in TirexNetwork(config).state_dict().items()
    }
    save_file(tensors, path, metadata=metadata)
    return path


@pytest.fixture
def bundled(tirex_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `tirex_file` the bundled weights of tirex."""
    from icl_core.weights import locate

    real = locate.bundled_file
    monkeypatch.setattr(
        locate,
        "bundled_file",
        lambda card: tirex_file if card.file == BUNDLED.name else real(card),
    )
    return tirex_file
