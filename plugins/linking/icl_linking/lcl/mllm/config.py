"""Sizes of the LCL-MLLM, read from the shapes of its tensors where a shape tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

from torch import Tensor

from icl_core import WeightsError

HEAD = 128
"""Channels of an attention head in LLaMA of every published size."""


@dataclass(frozen=True)
class LanguageConfig:
    """Sizes of the language model; the defaults are those of LLaMA 7B with three more tokens."""

    vocabulary: int = 32003
    width: int = 4096
    hidden: int = 11008
    depth: int = 32
    heads: int = 32
    vision_width: int = 1024
    eps: float = 1e-6
    theta: float = 10000.0


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of the picture encoder; the defaults are those of CLIP ViT-L/14.

    Args:
        layers: how many are run: the last one of the file is left out.
        tokens: patches and the class token.
    """

    width: int = 1024
    hidden: int = 4096
    layers: int = 23
    heads: int = 16
    patch: int = 14
    tokens: int = 257
    eps: float = 1e-5

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return isqrt(self.tokens - 1)

    @property
    def side(self) -> int:
        """Pixels along a side."""
        return self.grid * self.patch


def language_from_shapes(
    tensors: Mapping[str, Tensor], stored: Mapping[str, Any]
) -> LanguageConfig:
    """Read the sizes of the language model.

    Args:
        tensors: under their official names.
        stored: the `config.json` beside them, for what no shape tells.

    Raises:
        WeightsError: a tensor is missing, or the heads do not divide the width.
    """
    for name in ("embed_tokens.weight", "mm_projector.weight", "layers.0.mlp.gate_proj.weight"):
        if f"model.{name}" not in tensors:
            raise WeightsError(
                f"this is no LCL-MLLM: it has no tensor 'model.{name}'",
                "transformers models are loaded with model=FOLDER",
            )
    vocabulary, width = tensors["model.embed_tokens.weight"].shape
    layers = {int(n.split(".")[2]) for n in tensors if n.startswith("model.layers.")}
    heads = stored.get("num_attention_heads") or max(1, width // HEAD)
    if not isinstance(heads, int) or heads < 1 or width % (2 * heads):
        raise WeightsError(f"the config says {heads!r} heads for a width of {width}")
    return LanguageConfig(
        vocabulary=vocabulary,
        width=width,
        hidden=tensors["model.layers.0.mlp.gate_proj.weight"].shape[0],
        depth=max(layers) + 1,
        heads=heads,
        vision_width=tensors["model.mm_projector.weight"].shape[1],
        eps=_number(stored, "rms_norm_eps", 1e-6),
        theta=_number(stored, "rope_theta", 10000.0),
    )


def vision_from_shapes(tensors: Mapping[str, Tensor], stored: Mapping[str, Any]) -> VisionConfig:
    """Read the sizes of the picture encoder.

    Args:
        tensors: named as in `ClipVision`, with all layers of the file.
        stored: its `config.json`, for what no shape tells.

    Raises:
        WeightsError: a tensor is missing, or it has one layer alone.
    """
    start = "vision_model."
    need = ("embeddings.patch_embedding.weight", "embeddings.position_embedding.weight")
    for name in (*need, "encoder.layers.0.mlp.fc1.weight"):
        if start + name not in tensors:
            raise WeightsError(f"the picture encoder has no tensor {start + name!r}")
    width, _, patch, _ = tensors[start + need[0]].shape
    layers = {int(n.split(".")[3]) for n in tensors if n.startswith(f"{start}encoder.layers.")}
    if max(layers) < 1:
        raise WeightsError("the picture encoder has one layer, and its last one is never used")
    heads = stored.get("num_attention_heads") or max(1, width // 64)
    if not isinstance(heads, int) or heads < 1 or width % heads:
        raise WeightsError(f"the picture encoder has {heads!r} heads for a width of {width}")
    return VisionConfig(
        width=width,
        hidden=tensors[f"{start}encoder.layers.0.mlp.fc1.weight"].shape[0],
        layers=max(layers),
        heads=heads,
        patch=patch,
        tokens=tensors[start + need[1]].shape[0],
        eps=_number(stored, "layer_norm_eps", 1e-5),
    )


def _number(stored: Mapping[str, Any], name: str, default: float) -> float:
    value = stored.get(name)
    fine = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if fine else default  # type: ignore[arg-type]
