"""The SEGIC network that a run begins with: given files, and new tensors for all that they lack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from icl_core.errors import InputError
from icl_core.weights import load_tensors, read_checkpoint
from icl_segmentation.segic.backbone import DinoVisionTransformer, TimmBackbone, dino_from_shapes
from icl_segmentation.segic.checkpoint import DINO, TIMM, Wanted, read_network
from icl_segmentation.segic.network import SegicConfig, SegicNetwork
from icl_segmentation.segic.text import TextTransformer, official_text, text_from_shapes

BACKBONE, TEXT = "backbone", "text"


@dataclass(frozen=True)
class SegicStart:
    """What a run is given.

    Args:
        side: S, side of the square; None = 896 for patches of 14, else 1024.
        weights: a SEGIC checkpoint to go on from.
        backbone: "dinov2" or "timm:NAME".
        backbone_weights: file of the backbone; "pretrained" lets timm fetch its own.
        text_weights: file of the text tower.
        backbone_sizes: arguments of `DinoVisionTransformer` for a new backbone.
        text_sizes: arguments of `TextTransformer` for a new text tower.
        backbone_heads: attention heads of a backbone of no published size.
        text_heads: attention heads of a text tower of no published size.
    """

    side: int | None = None
    weights: str | Path | None = None
    backbone: str = "dinov2"
    backbone_weights: str | Path | None = None
    text_weights: str | Path | None = None
    backbone_sizes: Mapping[str, Any] | None = None
    text_sizes: Mapping[str, int] | None = None
    backbone_heads: int | None = None
    text_heads: int | None = None

    def wanted(self) -> Wanted:
        """Return the same as the checkpoint's reader takes it."""
        return Wanted(
            self.backbone if self.backbone != "dinov2" else None,
            self.backbone_weights,
            self.text_weights,
            self.backbone_heads,
            self.text_heads,
            self.side,
        )


def begin_segic(start: SegicStart, seed: int) -> tuple[SegicNetwork, set[str]]:
    """Build the network.

    Args:
        start: what is given.
        seed: of the new tensors.

    Returns:
        The network in float32, and which of the encoders `BACKBONE` and `TEXT` have no file of
        their own, so that the run's checkpoints have to hold them.

    Raises:
        InputError: neither a file nor sizes are given for an encoder.
        WeightsError: a file is damaged or holds something else.
    """
    if start.weights is not None:
        network, _ = read_network(start.weights, start.wanted())
        names = read_checkpoint(start.weights).tensors
        inside = set()
        if start.backbone_weights is None and any(n.startswith((DINO, TIMM)) for n in names):
            inside.add(BACKBONE)
        if start.text_weights is None and any(n.startswith("encoder.text_model.") for n in names):
            inside.add(TEXT)
        return network, inside
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _new(start)


def _new(start: SegicStart) -> tuple[SegicNetwork, set[str]]:
    fresh: set[str] = set()
    timm: TimmBackbone | None = None
    dino: DinoVisionTransformer | None = None
    vision: dict[str, Any] = {}
    if start.backbone.startswith("timm:"):
        timm = _timm(start)
        patch = timm.patch
        if start.backbone_weights is None:
            fresh.add(BACKBONE)
    else:
        dino, vision = _dino(start)
        patch = dino.patch
        if start.backbone_weights is None:
            fresh.add(BACKBONE)
    tower, text = _text(start)
    if start.text_weights is None:
        fresh.add(TEXT)
    kernels = (patch // 4, 4) if patch >= 32 else (patch // 2, 2)
    side = start.side or (896 if patch == 14 else 1024)
    if patch % 2 or side % patch or side % 4:
        raise InputError(f"the side is {side}, expected a multiple of 4 and of the patch {patch}")
    config = SegicConfig(vision, text, side, mask_kernels=kernels, backbone=start.backbone)
    # The encoders are there already; a network without their blocks costs nothing.
    hollow = replace(
        config, vision={**vision, "depth": 0}, text={**text, "depth": 0, "vocabulary": 1}
    )
    network = SegicNetwork(hollow, timm)
    network.config = config
    if dino is not None:
        network.encoder.dinov2 = dino
    network.encoder.text_model.text_model = tower
    return network, fresh


def _dino(start: SegicStart) -> tuple[DinoVisionTransformer, dict[str, Any]]:
    if start.backbone_weights is None:
        if start.backbone_sizes is None:
            raise InputError(
                "segic has no backbone", hint="--backbone-weights FILE, or --backbone-sizes"
            )
        sizes = {"patch": 14, **start.backbone_sizes}
        sizes.setdefault("grid", (start.side or 896) // int(sizes["patch"]))
        sizes.setdefault("hidden", 4 * int(sizes["width"]))
        model = DinoVisionTransformer(**sizes)
        _spread(model)
        for table in (model.pos_embed, model.cls_token):
            nn.init.trunc_normal_(table, std=0.02)
        return model, sizes
    tensors = _inner(read_checkpoint(Path(start.backbone_weights).expanduser()).tensors, DINO)
    sizes = dino_from_shapes(tensors, start.backbone_heads)
    with torch.device("meta"):
        model = DinoVisionTransformer(**sizes)
    load_tensors(model, tensors, learner="segic")
    return model, sizes


def _timm(start: SegicStart) -> TimmBackbone:
    source = start.backbone_weights
    model = TimmBackbone(start.backbone.removeprefix("timm:"), pretrained=source == "pretrained")
    if source is not None and source != "pretrained":
        tensors = _inner(read_checkpoint(Path(source).expanduser()).tensors, TIMM)
        own = {n: t for n, t in tensors.items() if not n.startswith(("head.", "fc."))}
        load_tensors(model.model, own, learner="segic")
    return model


def _text(start: SegicStart) -> tuple[TextTransformer, dict[str, int]]:
    if start.text_weights is None:
        if start.text_sizes is None:
            raise InputError("segic has no text tower", hint="--text-weights FILE, or --text-sizes")
        sizes = dict(start.text_sizes)
        sizes.setdefault("hidden", 4 * sizes["width"])
        tower = TextTransformer(**sizes)
        _spread(tower)
        return tower, sizes
    tensors = official_text(read_checkpoint(Path(start.text_weights).expanduser()).tensors)
    if not tensors:
        raise InputError(f"{start.text_weights} holds no CLIP text tower")
    sizes = text_from_shapes(tensors, start.text_heads)
    with torch.device("meta"):
        tower = TextTransformer(**sizes)
    load_tensors(tower, tensors, learner="segic")
    return tower, sizes


def _inner(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    within = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    return within or dict(tensors)


def _spread(model: nn.Module) -> None:
    """Begin a transformer as is usual: matrices with a deviation of 0.02, biases 0."""
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(part.weight, std=0.02)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
