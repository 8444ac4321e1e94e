"""Read the LCL-MLLM in the layout of its release: parts with an index, config and tokenizer."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from icl_core import InputError, WeightCard, WeightsError
from icl_core.errors import OfflineError
from icl_core.weights import fetch, load_tensors, read_checkpoint
from icl_linking.lcl.card import VISION
from icl_linking.lcl.mllm.config import language_from_shapes, vision_from_shapes
from icl_linking.lcl.mllm.network import ClipVision, LclMllm
from icl_linking.lcl.mllm.tokenizer import LlamaTokenizer, read_tokenizer

_log = logging.getLogger("icl.lcl")

BESIDE = ("config.json", "tokenizer.model", "added_tokens.json", "tokenizer.json")
SUFFIXES = (".bin", ".safetensors", ".pt", ".pth")
_BUFFERS = (".rotary_emb.inv_freq", ".position_ids")
_LARGEST_JSON = 32 << 20
_PROJECTOR = "model.mm_projector.weight"


@dataclass(frozen=True, eq=False)
class Mllm:
    """Everything of a checkpoint.

    Args:
        network: the language model and the linear map.
        vision: the picture encoder.
        tokenizer: LLaMA's.
    """

    network: LclMllm
    vision: ClipVision
    tokenizer: LlamaTokenizer


def is_mllm(folder: Path) -> bool:
    """Whether a folder holds a checkpoint in this layout; no weights are read."""
    index = _index_of(folder)
    if index is not None:
        return _PROJECTOR in _weight_map(index)
    stored = _json(folder / "config.json") if (folder / "config.json").is_file() else {}
    return "mm_hidden_size" in stored or "mm_vision_tower" in stored


def read_mllm(
    path: Path,
    card: WeightCard | None,
    vision_weights: str | Path | None,
    dtype: torch.dtype = torch.float32,
) -> Mllm:
    """Read a checkpoint.

    Args:
        path: its folder, the index of its parts, or its only file; config and tokenizer lie
            beside it.
        card: the published weights that `path` is the index of; its other files are fetched.
        vision_weights: file of the picture encoder; None = the published one, fetched once.
        dtype: what the networks compute in.

    Raises:
        WeightsError: a file is missing, damaged, or does not fit.
        UntrustedFileError: a file wants to run code.
        OfflineError: a file is not here and the network is switched off.
        MissingExtraError: a library for the tokenizer is missing.
    """
    folder, tensors = _tensors(path, card)
    if card is not None:
        _fetch_beside(folder, card)
    stored = _json(folder / "config.json") if (folder / "config.json").is_file() else {}
    config = language_from_shapes(tensors, stored)
    with torch.device("meta"):
        network = LclMllm(config).to(dtype)
    load_tensors(network, tensors, learner="lcl")
    tokenizer = read_tokenizer(folder, config.vocabulary)
    vision = _read_vision(vision_weights, dtype)
    if vision.config.width != config.vision_width:
        raise WeightsError(
            f"the picture encoder has {vision.config.width} channels, and the weights are for "
            f"{config.vision_width}",
            "vision_weights names the file of CLIP ViT-L/14",
        )
    return Mllm(_still(network), _still(vision), tokenizer)


def _tensors(path: Path, card: WeightCard | None) -> tuple[Path, dict[str, Tensor]]:
    """Return the folder of a checkpoint, and its tensors without what no network needs."""
    index = _index_of(path) if path.is_dir() else path if path.suffix == ".json" else None
    if index is not None:
        folder = index.parent
        names = sorted({*_weight_map(index).values()})
        files = [
            folder / name if card is None else fetch(_sibling(card, name), "lcl") for name in names
        ]
    elif path.is_dir():
        folder = path
        files = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES)
        if len(files) != 1:
            raise WeightsError(
                f"the folder {path} holds {len(files)} weights files and no index of them",
                "the index is called pytorch_model.bin.index.json",
            )
    else:
        folder, files = path.parent, [path]
    tensors: dict[str, Tensor] = {}
    for file in files:
        part = read_checkpoint(file).tensors
        twice = next((name for name in part if name in tensors), None)
        if twice is not None:
            raise WeightsError(f"{folder} holds the tensor {twice!r} in two files")
        tensors |= {name: t for name, t in part.items() if not name.endswith(_BUFFERS)}
    return folder, tensors


def _index_of(folder: Path) -> Path | None:
    """The index in a folder; that of safetensors, which comes first, where there are two."""
    found = sorted(folder.glob("*.index.json")) if folder.is_dir() else []
    return found[0] if found else None


def _weight_map(index: Path) -> dict[str, str]:
    """Return tensor name -> file beside the index; a name may not lead elsewhere."""
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise WeightsError(f"{index} has no weight_map, expected the index of a checkpoint")
    for name in weight_map.values():
        plain = isinstance(name, str) and PurePosixPath(name).name == name and "\\" not in name
        if not plain or not name.endswith(SUFFIXES):
            raise WeightsError(f"{index} names the file {name!r:.80}, expected one beside it")
    return {str(name): str(file) for name, file in weight_map.items()}


def _sibling(card: WeightCard, file: str) -> WeightCard:
    """The card of another file of the same release."""
    place, at, revision = (card.url or "").partition("@")
    url = f"{place.rpartition('/')[0]}/{file}{at}{revision}"
    return WeightCard(card.name, file, url=url, licence=card.licence)


def _fetch_beside(folder: Path, card: WeightCard) -> None:
    for name in BESIDE:
        if (folder / name).is_file():
            continue
        try:
            fetch(_sibling(card, name), "lcl")
        except (WeightsError, OfflineError) as error:  # a release need not have each of them
            _log.info("%s: %s", name, error.message)


def _read_vision(source: str | Path | None, dtype: torch.dtype) -> ClipVision:
    file = fetch(VISION, "lcl") if source is None else Path(source).expanduser()
    stored: Mapping[str, Any] = {}
    if file.is_dir():
        beside = file / "config.json"
        stored = _json(beside) if beside.is_file() else {}
        inner = stored.get("vision_config")
        stored = inner if isinstance(inner, Mapping) else stored
        names = ("model.safetensors", "pytorch_model.bin")
        file = next((file / n for n in names if (file / n).is_file()), file / names[0])
    found: dict[str, Tensor] = {}
    for name, tensor in read_checkpoint(file).tensors.items():
        # transformers 5 leaves the first part of the name out where it saves the tower alone.
        own = f"vision_model.{name}" if name.startswith(_TOWER) else name
        if own.startswith("vision_model.") and not name.endswith(_BUFFERS):
            found[own] = tensor
    if not found:
        raise InputError(
            f"vision_weights {file} holds no picture encoder of CLIP, expected tensors such as "
            "'vision_model.embeddings.class_embedding'"
        )
    config = vision_from_shapes(found, stored)
    with torch.device("meta"):
        network = ClipVision(config).to(dtype)
    unused = (f"vision_model.encoder.layers.{config.layers}.", "vision_model.post_layernorm.")
    used = {name: tensor for name, tensor in found.items() if not name.startswith(unused)}
    load_tensors(network, used, learner="lcl (picture encoder)")
    return network


_TOWER = ("embeddings.", "pre_layrnorm.", "encoder.layers.", "post_layernorm.")


def _json(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _LARGEST_JSON:
            raise WeightsError(f"{file} has {file.stat().st_size} bytes, which is no config")
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise WeightsError(f"{file} holds a {type(found).__name__}, expected a mapping")
    return found


def _still(network: Any) -> Any:
    return network.eval().requires_grad_(False)
