"""Build a TiRex-2 network from a checkpoint in any of its published layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from icl_core.errors import WeightsError
from icl_core.weights import load_tensors, read_checkpoint
from icl_forecasting.tirex2.aliases import without_aliases
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.network import Tirex2Network

CONFIG_FILE = "config.json"
LEGACY_CONFIG_FILE = "model-config.yaml"


def read_network(path: Path) -> tuple[Tirex2Network, dict[str, Any]]:
    """Read a network and the options that its file wants.

    The sizes come from the file itself (`config` in the metadata of ours), from a `config.json`
    or a `model-config.yaml` beside it, or from the tensor names and shapes.

    Args:
        path: the checkpoint: safetensors, or a torch file as first released.

    Returns:
        The network in float32 and eval mode, and learner options stored in the file.

    Raises:
        WeightsError: the file is damaged, its tensors are not those of a TiRex-2 network, or two
            names of one tensor hold different values.
        UntrustedFileError: the file wants to run code.
    """
    checkpoint = read_checkpoint(path)
    tensors = without_aliases(checkpoint.tensors)
    stored = checkpoint.metadata.get("config") or _beside(path)
    config = (
        Tirex2Config.from_official(stored)
        if isinstance(stored, Mapping)
        else Tirex2Config.from_shapes(tensors)
    )
    with torch.device("meta"):
        network = Tirex2Network(config)
    load_tensors(network, tensors, learner="tirex2")
    options = checkpoint.metadata.get("options", {})
    if not isinstance(options, Mapping):
        raise WeightsError(f"{path} has the options {options!r}, expected names with values")
    return network.eval().requires_grad_(False), dict(options)


def _beside(path: Path) -> Any:
    """The config in the folder of a checkpoint, the newer form first; None where there is none."""
    for name in (CONFIG_FILE, LEGACY_CONFIG_FILE):
        file = path.with_name(name)
        if not file.is_file():
            continue
        content = _parsed(file)
        if isinstance(content, dict) and "stack_config" in content:
            return content
    return None


def _parsed(file: Path) -> Any:
    text = file.read_text("utf-8")
    if file.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise WeightsError(f"{file} is not JSON: {error}") from None
    # huggingface_hub, which the core needs, depends on it
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WeightsError(f"{file} is not YAML: {error}") from None
