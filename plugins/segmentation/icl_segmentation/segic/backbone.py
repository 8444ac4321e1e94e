"""The vision backbone: DINOv2 with its official names, or any feature extractor of timm.

Specification: DINOv2 (arXiv 2304.07193), facebookresearch/dinov2; SEGIC section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_core.errors import InputError, WeightsError

_OFFSET = 0.1
"""Added to the number of patches when the position table is resized; part of the training."""


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens [B, L, C] to [B, L, C]."""
        rows, length, width = x.shape
        qkv = self.qkv(x).view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        out: Tensor = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


class _Scale(nn.Module):
    """LayerScale: one learned factor a channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply [..., C]."""
        return x * self.gamma


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., C] to [..., C]."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class _SwiGlu(nn.Module):
    """Gated feed-forward part of ViT-g; both branches lie in one matrix, the gate first."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., C] to [..., C]."""
        gate, value = self.w12(x).chunk(2, dim=-1)
        out: Tensor = self.w3(F.silu(gate) * value)
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, gated: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = _Attention(width, heads)
        self.ls1 = _Scale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = _SwiGlu(width, hidden) if gated else _Mlp(width, hidden)
        self.ls2 = _Scale(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens [B, L, C] to [B, L, C]."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class _PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures [B, 3, H, W] to tokens [B, h*w, C], rows first."""
        tokens: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return tokens


class DinoVisionTransformer(nn.Module):
    """DINOv2 ViT without registers; its state dict has the names of the official files.

    Args:
        width: C.
        depth: number of blocks.
        heads: attention heads.
        hidden: inner width of the feed-forward part (of one branch where it is gated).
        patch: patch side in pixels.
        grid: patches a side in the position table, 37 in the official files.
        gated: SwiGLU in place of GELU, as ViT-g has it.
    """

    def __init__(
        self,
        width: int = 1024,
        depth: int = 24,
        heads: int = 16,
        hidden: int = 4096,
        patch: int = 14,
        grid: int = 37,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.patch, self.grid = patch, grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, grid * grid + 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # in the files, never used here
        self.patch_embed = _PatchEmbed(width, patch)
        self.blocks = nn.ModuleList(_Block(width, heads, hidden, gated) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def positions(self, height: int, width: int) -> Tensor:
        """Return the position table for `height` x `width` patches, [1, 1 + height*width, C].

        The kernel is bicubic without antialias and uses the factor (n + 0.1) / grid itself, so
        the sampling points are those of a table of n + 0.1 patches.
        """
        if height == width == self.grid:
            return self.pos_embed
        table = self.pos_embed[:, 1:].view(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        factors = ((height + _OFFSET) / self.grid, (width + _OFFSET) / self.grid)
        resized = F.interpolate(table.float(), scale_factor=factors, mode="bicubic")
        if resized.shape[-2:] != (height, width):
            raise InputError(
                f"the position table of {self.grid}x{self.grid} cannot be resized to "
                f"{height}x{width} patches"
            )
        flat = resized.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
        return torch.cat([self.pos_embed[:, :1], flat], dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode normalised pictures [B, 3, H, W]: features [B, C, H/patch, W/patch].

        They are the patch tokens of the last block after the final norm.
        """
        height, width = (side // self.patch for side in pictures.shape[-2:])
        patches = self.patch_embed(pictures)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        tokens = tokens + self.positions(height, width)
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.norm(tokens)[:, 1:]
        return normed.transpose(1, 2).reshape(len(pictures), -1, height, width)


def dino_from_shapes(tensors: Mapping[str, Tensor], heads: int | None = None) -> dict[str, Any]:
    """Return the arguments of `DinoVisionTransformer` that fit official tensors.

    Args:
        tensors: name -> tensor, official names without prefix.
        heads: number of heads, which no shape shows. None = heads of 64 channels, as published;
            below the published widths (a stand-in for tests) four.

    Raises:
        WeightsError: the names are not those of a DINOv2 ViT.
        InputError: the heads do not divide the width.
    """
    gated = "blocks.0.mlp.w3.weight" in tensors
    inner = "blocks.0.mlp.w3.weight" if gated else "blocks.0.mlp.fc2.weight"
    need = ("patch_embed.proj.weight", "pos_embed", inner)
    missing = [name for name in need if name not in tensors]
    if missing:
        raise WeightsError(
            f"the backbone's weights have no {missing[0]!r}, expected the names of an official "
            "DINOv2 file such as dinov2_vitl14_pretrain.pth",
            hint="backbone='timm:NAME' takes the weights of a timm model",
        )
    width, _, patch, _ = tensors["patch_embed.proj.weight"].shape
    grid = round((tensors["pos_embed"].shape[1] - 1) ** 0.5)
    blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("blocks.")}
    return {
        "width": width,
        "depth": max(blocks) + 1,
        "heads": heads_of(width, heads, "backbone_heads"),
        "hidden": tensors[inner].shape[1],
        "patch": patch,
        "grid": grid,
        "gated": gated,
    }


def heads_of(width: int, heads: int | None, option: str) -> int:
    """Return the number of heads: as asked, else one a 64 channels, four in a stand-in.

    Raises:
        InputError: the heads do not divide the width.
    """
    found = heads or (width // 64 if width >= 192 and width % 64 == 0 else 4)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1 or width % found:
        raise InputError(f"{option} is {heads!r}, expected a divisor of the width {width}")
    return found


class TimmBackbone(nn.Module):
    """A model of timm as feature extractor: its last feature map, after its final norm.

    Its own parameters keep timm's names.

    Args:
        name: of the timm model, such as "vit_base_patch14_dinov2.lvd142m".
        pretrained: whether timm fetches its own weights.

    Raises:
        InputError: timm has no such model, or it gives no feature maps.
    """

    def __init__(self, name: str, pretrained: bool = False) -> None:
        super().__init__()
        import timm

        if not timm.is_model(name):
            raise InputError(
                f"timm has no model {name!r}", hint="timm.list_models() shows the names"
            )
        options: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0}
        try:
            # Transformers then accept any side and keep the position table of their file.
            model: Any = timm.create_model(name, dynamic_img_size=True, **options)
        except TypeError:
            model = timm.create_model(name, **options)
        if not hasattr(model, "forward_intermediates"):
            raise InputError(f"the timm model {name!r} gives no feature maps")
        last = model.feature_info[-1]
        self.width, self.patch = int(last["num_chs"]), int(last["reduction"])
        config = model.pretrained_cfg
        self.model: Any = model
        self.mean, self.std = tuple(config["mean"]), tuple(config["std"])

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode normalised pictures [B, 3, S, S]: features [B, C, S/patch, S/patch]."""
        maps: list[Tensor] = self.model.forward_intermediates(
            pictures, indices=1, norm=True, intermediates_only=True
        )
        return maps[-1]
