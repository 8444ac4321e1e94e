"""The networks of the LCL-MLLM, with the names of the released files.

The language model is LLaMA (arXiv 2302.13971) with a linear map from picture features to its
width; the picture encoder is CLIP's (arXiv 2103.00020), of which the input to the last layer is
used. Sizes and names are those of ISEKAI-Portal/LCL_2WAY_WEIGHT and openai/clip-vit-large-patch14.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from icl_linking.lcl.mllm.config import LanguageConfig, VisionConfig

Cache = tuple[tuple[Tensor, Tensor], ...]
"""Keys and values [B, heads, T, channels] of each layer. Tensors in it are never written to."""


class LclMllm(nn.Module):
    """The language model and the linear map; its state dict is that of the released files.

    Args:
        config: sizes.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.model = _Model(config)
        self.lm_head = nn.Linear(config.width, config.vocabulary, bias=False)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the embeddings of ids [B, L]: [B, L, width]."""
        found: Tensor = self.model.embed_tokens(ids)
        return found

    def project(self, features: Tensor) -> Tensor:
        """Bring picture features [N, P, vision width] to the width of the words."""
        found: Tensor = self.model.mm_projector(features)
        return found

    def forward(self, embeddings: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        """Read embeddings [B, L, width] after what is in the cache.

        Args:
            embeddings: of words and pictures.
            past: of everything before; of one text or of B.

        Returns:
            States [B, L, width] after the last norm, and the longer cache.
        """
        model, batch = self.model, len(embeddings)
        before = 0 if past is None else past[0][0].shape[2]
        rotation = self._rotation(before, embeddings)
        mask = _mask(before, embeddings.shape[1], embeddings.device)
        states, grown = embeddings, []
        for number, layer in enumerate(model.layers):
            own = None
            if past is not None:
                own = tuple(one.expand(batch, -1, -1, -1) for one in past[number])
            states, cache = layer(states, rotation, mask, own)
            grown.append(cache)
        return model.norm(states), tuple(grown)

    def _rotation(self, start: int, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines [L, channels of a head], computed in float32."""
        channels = self.config.width // self.config.heads
        device, length = embeddings.device, embeddings.shape[1]
        steps = torch.arange(0, channels, 2, device=device, dtype=torch.float32) / channels
        places = torch.arange(start, start + length, device=device, dtype=torch.float32)
        angles = torch.outer(places, 1.0 / self.config.theta**steps)
        both = torch.cat([angles, angles], dim=-1)
        return both.cos().to(embeddings.dtype), both.sin().to(embeddings.dtype)


class _Model(nn.Module):
    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.depth))
        self.norm = _RmsNorm(config.width, config.eps)
        self.mm_projector = nn.Linear(config.vision_width, config.width)


class _Layer(nn.Module):
    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.self_attn = _Attention(config)
        self.mlp = _Mlp(config)
        self.input_layernorm = _RmsNorm(config.width, config.eps)
        self.post_attention_layernorm = _RmsNorm(config.width, config.eps)

    def forward(
        self,
        states: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, cache = self.self_attn(self.input_layernorm(states), rotation, mask, past)
        states = states + attended
        return states + self.mlp(self.post_attention_layernorm(states)), cache


class _Attention(nn.Module):
    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj = nn.Linear(config.width, config.width, bias=False)
        self.k_proj = nn.Linear(config.width, config.width, bias=False)
        self.v_proj = nn.Linear(config.width, config.width, bias=False)
        self.o_proj = nn.Linear(config.width, config.width, bias=False)

    def forward(
        self,
        states: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        q, k, v = (
            project(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = _rotate(q, rotation), _rotate(k, rotation)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        causal = mask is None and q.shape[2] > 1
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return self.o_proj(mixed.transpose(1, 2).flatten(2)), (k, v)


class _Mlp(nn.Module):
    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.up_proj = nn.Linear(config.width, config.hidden, bias=False)
        self.down_proj = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        found: Tensor = self.down_proj(
            functional.silu(self.gate_proj(states)) * self.up_proj(states)
        )
        return found


class _RmsNorm(nn.Module):
    """Divide by the root mean square, which is computed in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, states: Tensor) -> Tensor:
        exact = states.float()
        scaled = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * scaled.to(states.dtype)


def _rotate(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions: the two halves of a head's channels are the parts of complex numbers."""
    cosine, sine = rotation
    first, second = states.chunk(2, dim=-1)
    return states * cosine + torch.cat([-second, first], dim=-1) * sine


def _mask(before: int, length: int, device: torch.device) -> Tensor | None:
    """Who may look at whom, [L, before + L]; None where the causal kernel or no mask will do."""
    if before == 0 or length == 1:
        return None
    return torch.ones(length, before + length, dtype=torch.bool, device=device).tril(before)


class ClipVision(nn.Module):
    """CLIP's picture encoder up to the input of its last layer, named as on the hub.

    Args:
        config: sizes.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = _Tower(config)

    def forward(self, pixels: Tensor) -> Tensor:
        """Encode pictures [N, 3, S, S], normalised: [N, patches, width], without the class."""
        tower = self.vision_model
        states = tower.pre_layrnorm(tower.embeddings(pixels))
        states = tower.encoder(states)
        found: Tensor = states[:, 1:]
        return found


class _Tower(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.width, eps=config.eps)  # spelled so in the files
        self.encoder = _Encoder(config)


class _Encoder(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_VisionLayer(config) for _ in range(config.layers))

    def forward(self, states: Tensor) -> Tensor:
        for layer in self.layers:
            states = layer(states)
        return states


class _Embeddings(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(config.width))
        self.patch_embedding = nn.Conv2d(
            3, config.width, config.patch, stride=config.patch, bias=False
        )
        self.position_embedding = nn.Embedding(config.tokens, config.width)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _VisionLayer(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.self_attn = _VisionAttention(config)
        self.layer_norm1 = nn.LayerNorm(config.width, eps=config.eps)
        self.mlp = _VisionMlp(config)
        self.layer_norm2 = nn.LayerNorm(config.width, eps=config.eps)

    def forward(self, states: Tensor) -> Tensor:
        states = states + self.self_attn(self.layer_norm1(states))
        found: Tensor = states + self.mlp(self.layer_norm2(states))
        return found


class _VisionMlp(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)

    def forward(self, states: Tensor) -> Tensor:
        inner = self.fc1(states)
        found: Tensor = self.fc2(inner * torch.sigmoid(1.702 * inner))
        return found


class _VisionAttention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj = nn.Linear(config.width, config.width)
        self.k_proj = nn.Linear(config.width, config.width)
        self.v_proj = nn.Linear(config.width, config.width)
        self.out_proj = nn.Linear(config.width, config.width)

    def forward(self, states: Tensor) -> Tensor:
        q, k, v = (
            project(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v)
        found: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return found
