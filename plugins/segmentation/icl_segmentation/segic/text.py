"""The text tower of CLIP, and the prompts that SEGIC puts through it.

Specification: CLIP (arXiv 2103.00020), names as in transformers 4.32; SEGIC section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_core.errors import WeightsError
from icl_segmentation.segic.backbone import heads_of

LENGTH = 77
START, END = 49406, 49407
INSTANCES = "please segment the instances"
"""Prompt of instance masks and of videos, in place of any class name."""


def prompt_of(class_name: str | None) -> str:
    """Return the text for a class name; the empty text where there is none."""
    return f"a photo of a {class_name}" if class_name else ""


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer  # type: ignore[import-untyped]

    return SimpleTokenizer()


def tokenize(texts: Sequence[str]) -> Tensor:
    """Return CLIP's token ids, int64 [N, 77]: start, text, and the end token to the end.

    Texts of more than 75 tokens are cut; the last token is then the end token.
    """
    rows = []
    for text in texts:
        ids = [START, *_tokenizer().encode(text)][: LENGTH - 1]
        rows.append(ids + [END] * (LENGTH - len(ids)))
    return torch.tensor(rows, dtype=torch.long).view(len(rows), LENGTH)


class _Embeddings(nn.Module):
    def __init__(self, vocabulary: int, length: int, width: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.position_embedding = nn.Embedding(length, width)

    def forward(self, ids: Tensor) -> Tensor:
        """Embed ids [N, L] as [N, L, C]."""
        out: Tensor = self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]
        return out


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend from each token of [N, L, C] to those before it."""
        q, k, v = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., C] to [..., C]; CLIP's quick GELU is x * sigmoid(1.702 x)."""
        inner = self.fc1(x)
        out: Tensor = self.fc2(inner * torch.sigmoid(1.702 * inner))
        return out


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = _Attention(width, heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = _Mlp(width, hidden)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens [N, L, C] to [N, L, C]."""
        x = x + self.self_attn(self.layer_norm1(x))
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


class _Encoder(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(width, heads, hidden) for _ in range(depth))


class TextTransformer(nn.Module):
    """CLIP's text transformer without its projection.

    Args:
        width: C, 768 for ViT-L/14.
        depth: number of layers.
        heads: attention heads.
        hidden: inner width of the feed-forward part.
        vocabulary: number of tokens.
        length: positions.
    """

    def __init__(
        self,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        hidden: int = 3072,
        vocabulary: int = 49408,
        length: int = LENGTH,
    ) -> None:
        super().__init__()
        self.embeddings = _Embeddings(vocabulary, length, width)
        self.encoder = _Encoder(width, depth, heads, hidden)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """Encode ids [N, L]: the state [N, C] at the first place of the largest id, the end.

        What follows the end token cannot reach it, so texts need no padding mask.
        """
        states = self.embeddings(ids)
        for layer in self.encoder.layers:
            states = layer(states)
        states = self.final_layer_norm(states)
        # argmax of equal values gives no fixed place; the first one is asked for.
        place = (ids == ids.amax(dim=1, keepdim=True)).int().argmax(dim=1)
        out: Tensor = states[torch.arange(len(ids), device=ids.device), place]
        return out


class TextModel(nn.Module):
    """The tower under the name that transformers 4.32 gives it, `text_model`."""

    def __init__(self, **sizes: int) -> None:
        super().__init__()
        self.text_model = TextTransformer(**sizes)

    def forward(self, ids: Tensor) -> Tensor:
        """Encode ids [N, L] as [N, C]."""
        out: Tensor = self.text_model(ids)
        return out


def text_from_shapes(tensors: Mapping[str, Tensor], heads: int | None = None) -> dict[str, int]:
    """Return the arguments of `TextTransformer` that fit tensors named as in `official_text`.

    Raises:
        WeightsError: the tower is there in part only.
        InputError: the heads do not divide the width.
    """
    need = ("embeddings.position_embedding.weight", "encoder.layers.0.mlp.fc1.weight")
    missing = [name for name in need if name not in tensors]
    if missing:
        raise WeightsError(f"the text tower's weights have no {missing[0]!r}")
    vocabulary, width = tensors["embeddings.token_embedding.weight"].shape
    layers = {int(n.split(".")[2]) for n in tensors if n.startswith("encoder.layers.")}
    return {
        "width": width,
        "depth": max(layers) + 1,
        "heads": heads_of(width, heads, "text_heads"),
        "hidden": tensors["encoder.layers.0.mlp.fc1.weight"].shape[0],
        "vocabulary": vocabulary,
        "length": tensors["embeddings.position_embedding.weight"].shape[0],
    }


_PREFIXES = (
    "",
    "text_model.",
    "text_model.text_model.",
    "text.",
    "encoder.text_model.",
    "encoder.text_model.text_model.",
)
_OPENAI = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def official_text(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring the text tower of any published layout under the names of `TextTransformer`.

    Args:
        tensors: a file of transformers (with none, one or two `text_model.` in front; the picture
            tower may be there as well) or of OpenAI and open_clip (`transformer.resblocks...`,
            with or without `text.` in front).

    Returns:
        name -> float32 tensor; empty where there is no text tower.

    Raises:
        WeightsError: the tower is there in part only.
    """
    key = "embeddings.token_embedding.weight"
    for prefix in _PREFIXES:
        if prefix + key in tensors:
            return _transformers_layout(tensors, prefix)
    for prefix in ("", "text."):
        if prefix + "token_embedding.weight" in tensors:
            return _openai_layout(tensors, prefix)
    return {}


def _transformers_layout(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    parts = ("embeddings.", "encoder.", "final_layer_norm.")
    found = {}
    for name, tensor in tensors.items():
        inner = name.removeprefix(prefix)
        if name.startswith(prefix) and inner.startswith(parts) and "position_ids" not in inner:
            found[inner] = tensor.float()
    return found


def _openai_layout(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    own = {n.removeprefix(prefix): t.float() for n, t in tensors.items() if n.startswith(prefix)}
    need = ("positional_embedding", "ln_final.weight", "ln_final.bias")
    missing = [name for name in need if name not in own]
    if missing:
        raise WeightsError(f"the text tower's weights have no {missing[0]!r}")
    found = {
        "embeddings.token_embedding.weight": own["token_embedding.weight"],
        "embeddings.position_embedding.weight": own["positional_embedding"],
        "final_layer_norm.weight": own["ln_final.weight"],
        "final_layer_norm.bias": own["ln_final.bias"],
    }
    start = "transformer.resblocks."
    for name, tensor in own.items():
        if not name.startswith(start):
            continue
        number, part = name.removeprefix(start).split(".", 1)
        layer = f"encoder.layers.{number}."
        if part.startswith("attn.in_proj_"):
            kind = part.removeprefix("attn.in_proj_")
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                found[f"{layer}self_attn.{letter}_proj.{kind}"] = third
            continue
        stem, _, kind = part.rpartition(".")
        found[f"{layer}{_OPENAI.get(stem, stem)}.{kind}"] = tensor
    return found
