"""Frozen feature extractors: models of timm with released weights, or the fixed descriptor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from icl_core import InputError, LearnerCard, Task, WeightCard
from icl_core.errors import WeightsError
from icl_core.weights import load_tensors, read_checkpoint, resolve_weights
from icl_segmentation.correspondence.colour_texture import ColourTexture
from icl_segmentation.segic.backbone import TimmBackbone

OFFLINE = "colour-texture"
"""Name of the descriptor that needs no weights."""

DEFAULT_SIDE = 256
"""Side of the square of the descriptor."""

PATCHES = 64
"""Patches a side for backbones that take any size (rotary positions): 1024 pixels at stride 16."""

_HEADS = ("head.", "fc.", "head_dist.")


class Features(nn.Module):
    """Pictures to dense features, whatever the backbone.

    Args:
        backbone: `ColourTexture` or a timm model.
        side: of the square that pictures are brought to.

    Attributes:
        learned: whether the features were learned. Those of a network are compared by angle;
            those of the fixed descriptor have a unit each and are standardised first.
    """

    def __init__(self, backbone: ColourTexture | TimmBackbone, side: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.side = side
        self.learned = isinstance(backbone, TimmBackbone)
        mean, std = (backbone.mean, backbone.std) if self.learned else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def official(self) -> nn.Module:
        """The module whose state dict has the released names."""
        return self.backbone.model if self.learned else self.backbone  # type: ignore[return-value]

    def forward(self, squares: Tensor) -> Tensor:
        """Describe squares float32 [B, 3, side, side] in [0, 1]: float32 [B, C, g, g]."""
        mean: Any = self.mean
        std: Any = self.std
        found: Tensor = self.backbone((squares - mean) / std)
        return found.float()


def square_of(image: np.ndarray, side: int, device: torch.device) -> Tensor:
    """Bring a picture to a square; its aspect ratio is given up.

    Args:
        image: uint8 [H, W, 3].
        side: of the square.
        device: where the square is made.

    Returns:
        float32 [1, 3, side, side] in [0, 1].
    """
    pixels = torch.from_numpy(_reduced(image, 2 * side)).to(device)
    pixels = pixels.permute(2, 0, 1)[None].float() / 255
    return functional.interpolate(
        pixels, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    ).clamp(0, 1)


def _reduced(image: np.ndarray, least: int) -> np.ndarray:
    """Shrink a very large picture by whole factors, in its own bytes, to at least `least`."""
    factors = (max(1, image.shape[1] // least), max(1, image.shape[0] // least))
    if factors == (1, 1):
        return np.array(image)
    from PIL import Image

    return np.array(Image.fromarray(np.asarray(image)).reduce(factors))


def cells_of(mask: np.ndarray, grid: tuple[int, int], device: torch.device) -> Tensor:
    """Return which share of each cell of a grid a mask covers.

    Args:
        mask: bool [H, W].
        grid: rows and columns.
        device: where the shares are made.

    Returns:
        float32 [rows * columns] in [0, 1].
    """
    values = torch.from_numpy(np.array(mask)).to(device)[None, None].float()
    tall = (max(values.shape[2], grid[0]), max(values.shape[3], grid[1]))
    if tall != values.shape[2:]:  # a mask smaller than the grid
        values = functional.interpolate(values, size=tall, mode="nearest")
    return functional.adaptive_avg_pool2d(values, grid).flatten()


def build_features(
    name: str, weights: str | Path | None = None, image_size: int | None = None
) -> Features:
    """Build a backbone with its weights, in eval mode, frozen.

    Args:
        name: "colour-texture", or a model of timm, with or without the tag of its weights.
        weights: file or address of the weights; None = the released ones that timm names.
        image_size: side of the square; None = 256 for the descriptor, the size of its position
            table for a transformer that has one, else `PATCHES` patches.

    Raises:
        InputError: no such model, or an option does not go with it.
        WeightsError: the weights cannot be had or do not fit.
    """
    if not isinstance(name, str):
        raise InputError(f"backbone is {name!r}, expected the name of a timm model or {OFFLINE!r}")
    if name == OFFLINE:
        if weights is not None:
            raise InputError(f"backbone_weights is given, but {OFFLINE} has no weights")
        side = DEFAULT_SIDE if image_size is None else _side(image_size, 4)
        return Features(ColourTexture(), side).eval()
    vision = TimmBackbone(name)
    _load(vision, name, weights)
    side = _default_side(vision) if image_size is None else _side(image_size, vision.patch)
    return Features(vision, side).eval().requires_grad_(False)


def _load(vision: TimmBackbone, name: str, weights: str | Path | None) -> None:
    model = vision.model
    config = model.pretrained_cfg
    hub = config.get("hf_hub_id")
    card = LearnerCard(
        "correspondence",
        Task.SEGMENTATION,
        "a backbone",
        "timm:models",
        weights=(
            WeightCard(
                "official",
                "model.safetensors",
                url=f"hf:{hub}/model.safetensors" if hub else None,
                licence=str(config.get("license") or "see the model's page"),
                source=str(config.get("origin_url") or "timm"),
            ),
        ),
    )
    if weights is None and not hub:
        raise InputError(
            f"timm names no released weights of {name!r}", hint="backbone_weights=FILE"
        )
    found = resolve_weights(card, "official" if weights is None else weights)
    assert found is not None  # the card has weights
    tensors = read_checkpoint(found.path).tensors
    own = model.state_dict()
    if set(tensors) != set(own):
        # timm knows how the first publisher named the tensors.
        convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
        if convert is not None:
            try:
                tensors = dict(convert(tensors, model))
            except (KeyError, RuntimeError, AttributeError) as error:
                raise WeightsError(f"{found.path} does not fit {name}: {error}") from error
        tensors = {n: t for n, t in tensors.items() if not n.startswith(_HEADS) or n in own}
    load_tensors(model, tensors, learner=name)


def _default_side(vision: TimmBackbone) -> int:
    table = getattr(vision.model, "pos_embed", None)
    if isinstance(table, Tensor):
        return int(vision.model.patch_embed.img_size[0])
    return PATCHES * vision.patch


def _side(asked: Any, step: int) -> int:
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < step or asked % step:
        raise InputError(f"image_size is {asked!r}, expected a multiple of {step}")
    return asked
