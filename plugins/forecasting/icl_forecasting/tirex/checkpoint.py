"""Build a TiRex network from a checkpoint in any of its published layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from icl_core.errors import InputError, WeightsError
from icl_core.weights import load_tensors, read_checkpoint
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork

OLDER_NESTING = "block_stack."
"""The released file nests blocks and final norm in a module of this name; ours does not."""


def read_network(
    path: Path, context_length: int | None = None
) -> tuple[TirexNetwork, dict[str, Any]]:
    """Read a network and the options that its file wants.

    The sizes come from the file itself (`hyper_parameters` of the released layout, `config` of
    ours), from a `config.json` beside it, or from the tensor shapes.

    Args:
        path: the checkpoint.
        context_length: steps of the context, in place of what the file says.

    Returns:
        The network in float32 and eval mode, and learner options stored in the file.

    Raises:
        WeightsError: the file is damaged, or its tensors are not those of a TiRex network.
        UntrustedFileError: the file wants to run code.
        InputError: `context_length` cannot be one.
    """
    checkpoint = read_checkpoint(path)
    tensors = {n.replace(OLDER_NESTING, ""): t for n, t in checkpoint.tensors.items()}
    metadata = checkpoint.metadata
    stored = metadata.get("hyper_parameters") or metadata.get("config") or _sidecar(path)
    config = (
        TirexConfig.from_official(stored)
        if isinstance(stored, Mapping)
        else TirexConfig.from_shapes(tensors)
    )
    if context_length is not None:
        config = replace(config, context_length=_asked(context_length, config.patch))
    with torch.device("meta"):
        network = TirexNetwork(config)
    load_tensors(network, tensors, learner="tirex")
    options = metadata.get("options", {})
    if not isinstance(options, Mapping):
        raise WeightsError(f"{path} has the options {options!r}, expected names with values")
    return network.eval().requires_grad_(False), dict(options)


def _asked(context_length: Any, patch: int) -> int:
    whole = isinstance(context_length, int) and not isinstance(context_length, bool)
    if not whole or context_length < 1 or context_length % patch:
        raise InputError(f"context_length is {context_length!r}, expected a multiple of {patch}")
    return int(context_length)


def _sidecar(path: Path) -> Any:
    beside = path.with_name("config.json")
    if not beside.is_file():
        return None
    try:
        content = json.loads(beside.read_text("utf-8"))
    except ValueError as error:
        raise WeightsError(f"{beside} is not JSON: {error}") from None
    return content if isinstance(content, dict) and "model_config" in content else None
