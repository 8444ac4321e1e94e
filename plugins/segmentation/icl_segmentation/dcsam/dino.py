"""DINOv2 with registers as the source of the prior.

The released code has a class for it that none of its scripts builds; the paper's DINOv2-B rows
come from it. Source: arXiv 2309.16588 (registers), DC-SAM section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.segic.backbone import DinoVisionTransformer, dino_from_shapes

PREFIX = "dinov2."
ENLARGE = 1.75
"""Pictures of 512 pixels become 896, so that patches of 14 lie on a grid of 64."""


class RegisterDino(DinoVisionTransformer):
    """DINOv2 ViT with register tokens and the names of the official files.

    Args:
        registers: number of register tokens.
        **sizes: of `DinoVisionTransformer`.
    """

    def __init__(self, registers: int = 4, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.register_tokens = nn.Parameter(torch.zeros(1, registers, self.cls_token.shape[-1]))

    def positions(self, height: int, width: int) -> Tensor:
        """Return the position table for a grid, [1, 1 + height*width, C].

        Models with registers were trained with a kernel that has antialias and no offset.
        """
        if height == width == self.grid:
            return self.pos_embed
        table = self.pos_embed[:, 1:].view(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        resized = F.interpolate(table.float(), size=(height, width), mode="bicubic", antialias=True)
        flat = resized.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
        return torch.cat([self.pos_embed[:, :1], flat], dim=1)

    def patches(self, pictures: Tensor) -> Tensor:
        """Return the patch tokens of the last block before the final norm.

        Args:
            pictures: [B, 3, S, S], normalised; enlarged here.

        Returns:
            [B, C, S/8, S/8].
        """
        sides = [round(ENLARGE * side) for side in pictures.shape[-2:]]
        x = F.interpolate(pictures, size=sides, mode="bilinear", align_corners=True)
        height, width = (side // self.patch for side in sides)
        batch = len(x)
        tokens = torch.cat([self.cls_token.expand(batch, -1, -1), self.patch_embed(x)], dim=1)
        tokens = tokens + self.positions(height, width)
        registers = self.register_tokens.expand(batch, -1, -1)
        tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        inside = tokens[:, 1 + registers.shape[1] :]
        return inside.transpose(1, 2).reshape(batch, -1, height, width)

    def normed(self, patches: Tensor) -> Tensor:
        """Apply the final norm to patch tokens [B, C, h, w]."""
        normed: Tensor = self.norm(patches.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


def dino_sizes(tensors: Mapping[str, Tensor]) -> tuple[tuple[str, int | bool], ...]:
    """Read the arguments of `RegisterDino` from tensors with the names of a checkpoint."""
    own = {n.removeprefix(PREFIX): t for n, t in tensors.items() if n.startswith(PREFIX)}
    registers = own["register_tokens"].shape[1] if "register_tokens" in own else 0
    return tuple({"registers": registers, **dino_from_shapes(own)}.items())
