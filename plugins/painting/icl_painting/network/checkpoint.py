"""Networks of Painter and SegGPT from files, and into files.

Recognised by content: the releases and what their training writes (a dict with the weights under
`model`, beside the optimiser's state and the arguments), bare tensors, SegGPT with the names of
transformers, and our own safetensors, which say in their metadata which blocks the decoder reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from icl_core.errors import InputError, WeightsError
from icl_core.results.save import atomic_path
from icl_core.weights import load_tensors, read_checkpoint
from icl_painting.network.config import TYPES, PainterConfig, config_from_shapes
from icl_painting.network.network import PainterNetwork

METADATA = "icl_painting"
"""Key of our own metadata, JSON."""

LEARNERS = {"painter": "Painter", "seggpt": "SegGPT"}

TRANSFORMERS = {
    "model.embeddings.mask_token": "mask_token",
    "model.embeddings.segment_token_input": "segment_token_x",
    "model.embeddings.segment_token_prompt": "segment_token_y",
    "model.embeddings.type_token_semantic": "type_token_cls",
    "model.embeddings.type_token_instance": "type_token_ins",
    "model.embeddings.position_embeddings": "pos_embed",
    "model.embeddings.patch_embeddings.projection": "patch_embed.proj",
    "model.encoder.layernorm": "norm",
    "decoder.decoder_embed": "decoder_embed",
    "decoder.decoder_pred.conv": "decoder_pred.0",
    "decoder.decoder_pred.layernorm": "decoder_pred.1",
    "decoder.decoder_pred.head": "decoder_pred.3",
}
"""Names of transformers, or what they start with, and the released ones."""

TRANSFORMERS_BLOCK = {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention": "attn",
    "mlp.lin1": "mlp.fc1",
    "mlp.lin2": "mlp.fc2",
}
"""The same within a block, `model.encoder.layers.i` and `blocks.i`."""

_LAYER = re.compile(r"model\.encoder\.layers\.(\d+)\.(.+)")


def read_network(path: str | Path, learner: str) -> PainterNetwork:
    """Read a network.

    Args:
        path: of the file.
        learner: "painter", without type tokens, or "seggpt", with them.

    Returns:
        The network in float32 and eval mode, without gradients; what our own files note beside
        merge and taps is its `notes`.

    Raises:
        WeightsError: the file is damaged, holds the other network or something else, or names and
            shapes do not fit.
        UntrustedFileError: the file wants to run code.
    """
    checkpoint = read_checkpoint(path)
    tensors = official_names(checkpoint.tensors)
    _refuse_others(tensors, path, learner)
    notes = _notes(checkpoint.metadata, path)
    try:
        config = config_from_shapes(tensors, notes.pop("merge", None), notes.pop("taps", None))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error.message}", error.hint) from None
    with torch.device("meta"):
        network = PainterNetwork(config)
    try:
        load_tensors(network, tensors, learner=learner)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error.message}", error.hint) from None
    network.notes = notes
    return network.eval().requires_grad_(False)


def save_network(
    network: PainterNetwork,
    path: str | Path,
    half: bool = True,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write a network as safetensors with the released names; the same weights give the same file.

    Args:
        network: what is written.
        path: the new file, in .safetensors; an old one is replaced when the new one is whole.
        half: write float16, else float32.
        notes: more for the metadata, plain data; None = those of the network.

    Raises:
        InputError: the path is no name in .safetensors, cannot be written, or a weight is too large
            for float16.
    """
    from safetensors.torch import save_file

    config = network.config
    kept = dict(network.notes if notes is None else notes)
    text = json.dumps({**kept, "merge": config.merge, "taps": list(config.taps)}, sort_keys=True)
    dtype = torch.float16 if half else torch.float32
    tensors = {n: t.detach().to("cpu", dtype).contiguous() for n, t in network.state_dict().items()}
    lost = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if lost:
        raise InputError(
            f"{len(lost)} tensors are not finite in {dtype}: {', '.join(lost[:5])}",
            "write float32" if half else None,
        )
    with atomic_path(path, overwrite=True, suffixes=(".safetensors",)) as temporary:
        save_file(tensors, temporary, metadata={METADATA: text})


def official_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with the names of transformers under the released names; others as they are.

    Raises:
        WeightsError: two names become one.
    """
    names = {name: _official(name) for name in tensors}
    if len(set(names.values())) != len(names):
        raise WeightsError("the weights hold a tensor twice, once under its name in transformers")
    return {names[name]: tensor for name, tensor in tensors.items()}


def transformers_names(config: PainterConfig) -> dict[str, str]:
    """Return official name -> name in transformers, for every tensor of a network."""
    with torch.device("meta"):
        names = list(PainterNetwork(config).state_dict())
    outer = {ours: theirs for theirs, ours in TRANSFORMERS.items()}
    inner = {ours: theirs for theirs, ours in TRANSFORMERS_BLOCK.items()}
    found = {}
    for name in names:
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            found[name] = f"model.encoder.layers.{number}.{_replaced(rest, inner)}"
        else:
            found[name] = _replaced(name, outer)
    return found


def _official(name: str) -> str:
    layer = _LAYER.fullmatch(name)
    if layer:
        return f"blocks.{layer[1]}.{_replaced(layer[2], TRANSFORMERS_BLOCK)}"
    return _replaced(name, TRANSFORMERS)


def _replaced(name: str, table: Mapping[str, str]) -> str:
    for start, new in table.items():
        if name == start or name.startswith(start + "."):
            return new + name.removeprefix(start)
    return name


def _refuse_others(tensors: Mapping[str, Tensor], path: str | Path, learner: str) -> None:
    """Say what a file holds that is another network's."""
    if learner not in LEARNERS:
        raise InputError(f"the learner is {learner!r}, expected painter or seggpt")
    own = "segment_token_x" in tensors
    if not own and "cls_token" in tensors and "patch_embed.proj.weight" in tensors:
        raise WeightsError(
            f"{path} holds a plain vision transformer, such as MAE's, from which a training starts",
            f"expected the trained weights of {LEARNERS[learner]}",
        )
    if not own:
        held = ", ".join(list(tensors)[:3])
        raise WeightsError(
            f"{path} holds no {LEARNERS[learner]}: segment_token_x is missing; there is: {held}"
        )
    found = "seggpt" if any(name in tensors for name in TYPES) else "painter"
    if found != learner:
        tokens = "has" if found == "seggpt" else "lacks"
        raise WeightsError(
            f"{path} holds the weights of {LEARNERS[found]} and not of {LEARNERS[learner]}: it "
            f"{tokens} the type tokens {' and '.join(TYPES)}",
            f"load it as {found!r}",
        )


def _notes(metadata: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Return our own metadata, where there is some, with its merge and taps checked."""
    notes = metadata.get(METADATA, {})
    if not isinstance(notes, dict):
        raise WeightsError(f"{path}: the metadata {METADATA} is no JSON object")
    merge, taps = notes.get("merge"), notes.get("taps")
    whole = merge is None or _whole(merge)
    if not whole or not (taps is None or (isinstance(taps, list) and all(map(_whole, taps)))):
        raise WeightsError(
            f"{path}: merge is {merge!r} and taps are {taps!r} in the metadata, expected numbers "
            "of blocks"
        )
    return dict(notes)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
