"""Encoders of pictures, and which one a name means."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_linking.encoder.pixels import PixelEncoder

PIXELS, BUNDLED, OPEN_CLIP = "pixels", "bundled", "open_clip:"


class ImageEncoder(Protocol):
    """Pictures, and texts where it has a text tower, to points on one sphere."""

    @property
    def width(self) -> int:
        """Length of a feature."""

    def images(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Describe pictures uint8 [H, W, 3], each of any size: float32 [n, width], unit length."""

    def texts(self, prompts: Sequence[str]) -> Tensor | None:
        """Describe texts: float32 [n, width], unit length; None without a text tower."""


def build_encoder(
    name: str,
    *,
    bundled: Path | None = None,
    weights: str | Path | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> ImageEncoder:
    """Build the encoder of a name.

    Args:
        name: "bundled" for the plugin's own small network, "pixels" for the fixed descriptor that
            needs no weights, or "open_clip:ARCHITECTURE[/PRETRAINED]" for a model of open_clip,
            such as "open_clip:ViT-B-16/laion2b_s34b_b88k".
        bundled: file of the small network.
        weights: file of the open_clip model, instead of a pretrained tag.
        device: where it runs.
        dtype: in which an open_clip model computes.

    Raises:
        InputError: no such encoder, or weights that it does not take.
        MissingExtraError: open_clip is not installed.
        WeightsError: the file does not fit.
    """
    where = device or torch.device("cpu")
    if weights is not None and not name.startswith(OPEN_CLIP):
        raise InputError(
            f"encoder_weights belong to an open_clip model, but encoder is {name!r}",
            "encoder='open_clip:ViT-B-32', or weights=FILE for the small network",
        )
    if name == PIXELS:
        return PixelEncoder()
    if name == BUNDLED:
        if bundled is None:
            raise InputError("encoder is 'bundled', but there is no file of it; give weights=FILE")
        from icl_linking.encoder.network import SmallEncoder

        return SmallEncoder.from_file(bundled).to(where)
    if name.startswith(OPEN_CLIP):
        from icl_linking.encoder.clip import ClipEncoder

        architecture, _, tag = name.removeprefix(OPEN_CLIP).partition("/")
        return ClipEncoder.load(architecture, tag or None, weights, where, dtype)
    raise InputError(
        f"encoder is {name!r}, expected {BUNDLED!r}, {PIXELS!r} or "
        f"'{OPEN_CLIP}ARCHITECTURE/PRETRAINED', such as 'open_clip:ViT-B-16/laion2b_s34b_b88k'"
    )


def encode(encoder: ImageEncoder, pictures: Sequence[np.ndarray]) -> Tensor:
    """Describe pictures, each different one once.

    Args:
        encoder: of the pictures.
        pictures: uint8 [H, W, 3] each; the same array may come several times.

    Returns:
        float64 [n, width] on the CPU.
    """
    places: dict[Any, int] = {}
    different: list[np.ndarray] = []
    order = []
    for picture in pictures:
        key = id(picture)
        if key not in places:
            # Blank pictures and pictures read twice are other objects with the same pixels.
            content = picture.shape, hashlib.blake2b(picture.tobytes()).digest()
            if content not in places:
                places[content] = len(different)
                different.append(picture)
            places[key] = places[content]
        order.append(places[key])
    if not order:
        return torch.zeros(0, encoder.width, dtype=torch.float64)
    found = encoder.images(different).to("cpu", torch.float64)
    return found[torch.tensor(order)]


def encode_labels(
    encoder: ImageEncoder, labels: Sequence[str], templates: Sequence[str]
) -> Tensor | None:
    """Describe labels: each template, then their mean, both brought to unit length.

    Args:
        encoder: of the texts.
        labels: names of classes.
        templates: sentences with `{}` in the place of the name.

    Returns:
        float64 [width, C] on the CPU; None without a text tower.
    """
    prompts = [template.replace("{}", label) for label in labels for template in templates]
    found = encoder.texts(prompts)
    if found is None:
        return None
    each = found.to("cpu", torch.float64).reshape(len(labels), len(templates), -1)
    mean = torch.nn.functional.normalize(each, dim=-1).mean(1)
    return torch.nn.functional.normalize(mean, dim=-1).T
