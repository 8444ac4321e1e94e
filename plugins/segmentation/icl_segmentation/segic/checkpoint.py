"""Build a SEGIC network from its released files: the trained part, the backbone, the text tower.

A released checkpoint holds the 148 trained tensors alone. The backbone comes from an official
DINOv2 file, the text tower from a CLIP file in any published layout; a file that holds everything
loads by itself. Sizes come from the tensor shapes; what no shape shows (the side of the square,
attention heads) from options, from the file's `config`, or from what was published.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from icl_core.errors import InputError, WeightsError
from icl_core.weights import fetch, load_tensors, read_checkpoint
from icl_segmentation.segic.backbone import TimmBackbone, dino_from_shapes
from icl_segmentation.segic.card import BACKBONES, TEXT
from icl_segmentation.segic.network import MEAN, STD, SegicConfig, SegicNetwork
from icl_segmentation.segic.small import KERNELS, SmallSegic, SmallSizes
from icl_segmentation.segic.text import official_text, text_from_shapes

if TYPE_CHECKING:
    from icl_core.cards import WeightCard

_log = logging.getLogger("icl.segic")

DINO, TIMM = "encoder.dinov2.", "encoder.timm.model."
TEXT_PREFIX = "encoder.text_model.text_model."
HEADS = 8
"""Heads of the mask decoder, in every release of SAM and SEGIC."""


@dataclass(frozen=True)
class Wanted:
    """What a caller asks for beside the trained tensors; None = from the file or as published.

    Args:
        backbone: "dinov2" or "timm:NAME".
        backbone_weights: file of the backbone; "pretrained" lets timm fetch its own.
        text_weights: file of the text tower.
        backbone_heads: attention heads of the backbone.
        text_heads: attention heads of the text tower.
        image_size: side of the square.
    """

    backbone: str | None = None
    backbone_weights: str | Path | None = None
    text_weights: str | Path | None = None
    backbone_heads: int | None = None
    text_heads: int | None = None
    image_size: int | None = None


def read_network(
    path: str | Path, wanted: Wanted | None = None
) -> tuple[SegicNetwork, dict[str, Any]]:
    """Read a network.

    Args:
        path: the trained tensors, or everything.
        wanted: the other files, and sizes that no shape shows.

    Returns:
        The network in float32 and eval mode, and what its file says beside: its `config`, with
        `unused`, the names in the files that the network has no use for.

    Raises:
        WeightsError: a file is damaged, or tensors are missing or misshapen.
        UntrustedFileError: a file wants to run code.
        InputError: an option does not fit the weights.
        OfflineError: a file is not here and the network is switched off.
    """
    wanted = wanted or Wanted()
    main = read_checkpoint(path)
    stored = main.metadata.get("config")
    stored = stored if isinstance(stored, Mapping) else {}
    tensors = dict(main.tensors)
    if stored.get("backbone") == "compact":
        return _small(tensors, path, wanted, stored)
    _need(tensors, path)
    kernels = _kernels(tensors)
    backbone = wanted.backbone or str(stored.get("backbone", "dinov2"))
    vision, timm = _vision(tensors, backbone, wanted, stored)
    tower = _tower(tensors, wanted.text_weights)
    text = text_from_shapes(tower, wanted.text_heads or stored.get("text_heads"))
    depth = 1 + max(int(n.split(".")[3]) for n in tensors if n.startswith(_LAYERS))
    config = SegicConfig(
        vision=vision,
        text=text,
        side=_side(wanted.image_size or stored.get("image_size"), kernels),
        width=tensors["prompt_proj.weight"].shape[0],
        mask_kernels=kernels,
        decoder={
            "depth": depth,
            "heads": int(stored.get("decoder_heads", HEADS)),
            "mlp_width": tensors[f"{_LAYERS}0.mlp.lin1.weight"].shape[0],
        },
        backbone=backbone,
    )
    patch = timm.patch if timm else int(vision["patch"])
    if patch != config.stride:
        raise InputError(
            f"the backbone has patches of {patch} pixels, and the weights are for {config.stride}"
        )
    with torch.device("meta"):
        network = SegicNetwork(config, timm)
    tensors |= {TEXT_PREFIX + name: tensor for name, tensor in tower.items()}
    mean, std = (timm.mean, timm.std) if timm else (MEAN, STD)
    tensors.setdefault("pixel_mean", torch.tensor(mean).view(3, 1, 1))
    tensors.setdefault("pixel_std", torch.tensor(std).view(3, 1, 1))
    own = network.state_dict()
    unused = sorted(name for name in tensors if name not in own)
    if unused:
        some = ", ".join(unused[:5]) + (", ..." if len(unused) > 5 else "")
        _log.warning("%s: %d tensors that segic has no use for: %s", path, len(unused), some)
    used = {name: tensor for name, tensor in tensors.items() if name in own}
    load_tensors(network, used, learner="segic")
    return network.eval().requires_grad_(False), {**stored, "unused": unused}


def _small(
    tensors: dict[str, Tensor], path: str | Path, wanted: Wanted, stored: Mapping[str, Any]
) -> tuple[SegicNetwork, dict[str, Any]]:
    """Build the small network, whose file holds everything."""
    for name in ("backbone", "backbone_weights", "text_weights", "backbone_heads", "text_heads"):
        if getattr(wanted, name) is not None:
            raise InputError(f"{name} is given, and {path} holds a network with its own encoder")
    try:
        sizes = SmallSizes.from_plain(stored["small"])
    except (KeyError, TypeError) as error:
        raise WeightsError(
            f"{path} does not say the sizes of its small network, expected a file of this "
            "plugin's trainer"
        ) from error
    network = SmallSegic(sizes)
    load_tensors(network, tensors, learner="segic")
    if wanted.image_size is not None:
        network.resize(_side(wanted.image_size, KERNELS))
    return network.eval().requires_grad_(False), {**stored, "unused": []}


_LAYERS = "mask_decoder.transformer.layers."
_NEEDED = (
    "neck.0.weight",
    "prompt_proj.weight",
    "inst_proj.weight",
    "prompt_encoder.mask_downscaling.0.weight",
    "prompt_encoder.mask_downscaling.3.weight",
    f"{_LAYERS}0.mlp.lin1.weight",
)


def _need(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    missing = [name for name in _NEEDED if name not in tensors]
    if missing:
        raise WeightsError(
            f"{path} is no SEGIC checkpoint: it has no tensor {missing[0]!r}",
            "the backbone goes to backbone_weights= and the text tower to text_weights=",
        )


def _kernels(tensors: Mapping[str, Tensor]) -> tuple[int, int]:
    first, second = (
        tensors[f"prompt_encoder.mask_downscaling.{part}.weight"].shape[-1] for part in (0, 3)
    )
    return first, second


def _side(asked: Any, kernels: tuple[int, int]) -> int:
    stride = kernels[0] * kernels[1]
    side = asked or (896 if stride == 14 else 1024)
    whole = isinstance(side, int) and not isinstance(side, bool)
    if not whole or side < stride or side % stride or side % 4:
        raise InputError(f"image_size is {asked!r}, expected a multiple of {stride} and of 4")
    return int(side)


def _vision(
    tensors: dict[str, Tensor], backbone: str, wanted: Wanted, stored: Mapping[str, Any]
) -> tuple[dict[str, Any], TimmBackbone | None]:
    """Add the backbone's tensors; return its sizes, or the model of timm."""
    if backbone.startswith("timm:"):
        return {}, _timm(tensors, backbone.removeprefix("timm:"), wanted.backbone_weights)
    if backbone != "dinov2":
        raise InputError(f"backbone is {backbone!r}, expected 'dinov2' or 'timm:NAME'")
    channels = tensors["neck.0.weight"].shape[1]
    inner = {n.removeprefix(DINO): t for n, t in tensors.items() if n.startswith(DINO)}
    if wanted.backbone_weights is not None or not inner:
        inner = _read(wanted.backbone_weights, BACKBONES.get(channels), "backbone_weights")
        within = {n.removeprefix(DINO): t for n, t in inner.items() if n.startswith(DINO)}
        inner = within or inner
        tensors.update({DINO + name: tensor for name, tensor in inner.items()})
    sizes = dino_from_shapes(inner, wanted.backbone_heads or stored.get("backbone_heads"))
    if sizes["width"] != channels:
        raise WeightsError(
            f"the backbone has {sizes['width']} channels, and the trained weights are for "
            f"{channels}",
            "ViT-B has 768, ViT-L 1024 and ViT-g 1536",
        )
    return sizes, None


def _timm(tensors: dict[str, Tensor], name: str, source: str | Path | None) -> TimmBackbone:
    held = any(n.startswith(TIMM) for n in tensors)
    if source is None and not held:
        raise InputError(
            f"backbone is 'timm:{name}' and its weights are missing",
            hint="backbone_weights=FILE, or backbone_weights='pretrained' to let timm fetch them",
        )
    vision = TimmBackbone(name, pretrained=source == "pretrained")
    if source == "pretrained":
        found = vision.model.state_dict()
    elif source is not None:
        found = read_checkpoint(source).tensors
    else:
        return vision
    own, classifier = vision.model.state_dict(), ("head.", "fc.", "classifier.")
    tensors.update(
        {TIMM + n: t for n, t in found.items() if n in own or not n.startswith(classifier)}
    )
    return vision


def _tower(tensors: dict[str, Tensor], source: str | Path | None) -> dict[str, Tensor]:
    """Return the text tower; its tensors leave `tensors`, where they may be in any layout."""
    start = "encoder.text_model."
    inner = {n.removeprefix(start): tensors.pop(n) for n in list(tensors) if n.startswith(start)}
    if source is not None or not inner:
        width = tensors["prompt_proj.weight"].shape[1]
        inner = _read(source, TEXT if width == 768 else None, "text_weights")
    tower = official_text(inner)
    if not tower:
        raise WeightsError(
            f"{source or 'the file'} holds no CLIP text tower, expected names such as "
            "'text_model.embeddings.token_embedding.weight' or 'token_embedding.weight'"
        )
    return tower


def _read(source: str | Path | None, card: WeightCard | None, option: str) -> dict[str, Tensor]:
    if source is None:
        if card is None:
            raise InputError(f"{option} is missing, and these weights are of no published size")
        source = fetch(card, "segic")
    return read_checkpoint(Path(source).expanduser()).tensors
