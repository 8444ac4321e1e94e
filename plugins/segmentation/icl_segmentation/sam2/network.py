"""The whole SAM 2 network (arXiv 2408.00714), with the parameter names of the released files."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam.prompt_encoder import PromptEncoder
from icl_segmentation.sam.transformer import MLP
from icl_segmentation.sam2.config import Sam2Config
from icl_segmentation.sam2.mask_decoder import Decoded, HighRes, Sam2MaskDecoder
from icl_segmentation.sam2.memory_attention import MemoryAttention
from icl_segmentation.sam2.memory_encoder import MemoryEncoder
from icl_segmentation.sam2.neck import ImageEncoder

WIDTH = 256
MEMORY_WIDTH = 64
MASK_MEMORIES = 7
NO_OBJECT = -1024.0
"""Logit of every pixel of an object that is not in the picture."""


class FrameFeatures(NamedTuple):
    """What the image encoder says of B pictures.

    Args:
        embed: [B, 256, h, w], the stride-16 map, without `no_mem_embed`.
        high_res: [B, 32, 4h, 4w] and [B, 64, 2h, 2w], after `conv_s0` and `conv_s1`.
    """

    embed: Tensor
    high_res: HighRes


class ObjectMasks(NamedTuple):
    """One mask for each of B objects.

    Args:
        logits: [B, 1, 4h, 4w]; -1024 everywhere where the object is not in the picture.
        iou: [B, 1], predicted IoU in [0, 1].
        object_score: [B, 1], logit of the object being in the picture.
        pointer: [B, 256], what later frames remember of the object.
    """

    logits: Tensor
    iou: Tensor
    object_score: Tensor
    pointer: Tensor


class Sam2Network(nn.Module):
    """SAM 2 or 2.1.

    Args:
        config: the sizes.
    """

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.config = config
        grid, side = config.grid, config.image_size
        self.image_encoder = ImageEncoder(config.trunk)
        self.mask_downsample = nn.Conv2d(1, 1, 4, 4)
        self.memory_attention = MemoryAttention(config.memory_layers, WIDTH, MEMORY_WIDTH)
        self.memory_encoder = MemoryEncoder(WIDTH, MEMORY_WIDTH)
        self.maskmem_tpos_enc = nn.Parameter(torch.zeros(MASK_MEMORIES, 1, 1, MEMORY_WIDTH))
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.no_mem_pos_enc = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.no_obj_ptr = nn.Parameter(torch.zeros(1, WIDTH))
        if config.absent_embedding:
            self.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, MEMORY_WIDTH))
        self.sam_prompt_encoder = PromptEncoder(WIDTH, (grid, grid), (side, side))
        self.sam_mask_decoder = Sam2MaskDecoder(WIDTH)
        self.obj_ptr_proj = MLP(WIDTH, WIDTH, WIDTH, 3)
        if config.pointer_times:
            self.obj_ptr_tpos_proj = nn.Linear(WIDTH, MEMORY_WIDTH)

    def encode(self, pictures: Tensor) -> FrameFeatures:
        """Encode normalised pictures [B, 3, S, S], S the network's image size.

        The image encoder may compute in a smaller number type than the rest.
        """
        inside, outside = self.image_encoder.dtype, self.no_mem_embed.dtype
        levels = self.image_encoder(pictures.to(inside))
        fine, middle, coarse = (level.to(outside) for level in levels)
        decoder = self.sam_mask_decoder
        return FrameFeatures(coarse, (decoder.conv_s0(fine), decoder.conv_s1(middle)))

    def without_memory(self, embed: Tensor) -> Tensor:
        """Mark a stride-16 map [B, 256, h, w] as one that has seen no memory."""
        return embed + self.no_mem_embed.view(1, -1, 1, 1)

    def decode_single(
        self, embed: Tensor, high_res: HighRes, sparse: Tensor, dense: Tensor | None = None
    ) -> Decoded:
        """Decode B prompt sets to one mask each, as it comes from the mask decoder.

        Args:
            embed: [B or 1, 256, h, w], marked by `without_memory` or conditioned on memories.
            high_res: as in `FrameFeatures`, batch B or 1.
            sparse: [B, T, 256] prompt tokens; T may be 0.
            dense: [B or 1, 256, h, w]; None = no mask prompt.
        """
        encoder = self.sam_prompt_encoder
        return self.sam_mask_decoder.decode_single(
            embed,
            encoder.get_dense_pe().to(embed.dtype),
            sparse,
            encoder.embed_no_mask() if dense is None else dense,
            high_res,
        )

    def segment(
        self, embed: Tensor, high_res: HighRes, sparse: Tensor, dense: Tensor | None = None
    ) -> ObjectMasks:
        """Segment B objects as the video path does: absent ones get no mask and a pointer of it.

        Arguments are those of `decode_single`.
        """
        decoded = self.decode_single(embed, high_res, sparse, dense)
        there = decoded.object_score > 0
        pointer = self.obj_ptr_proj(decoded.token)
        return ObjectMasks(
            logits=torch.where(there[..., None, None], decoded.masks.float(), NO_OBJECT),
            iou=decoded.iou,
            object_score=decoded.object_score,
            pointer=torch.where(there, pointer, self.no_obj_ptr),
        )

    def remember(self, features: FrameFeatures, masks: ObjectMasks, prompted: bool) -> Tensor:
        """Encode the memory of B objects on one frame.

        Args:
            features: the frame's; batch 1 or B.
            masks: what was found on it.
            prompted: whether the frame had a prompt; its mask is then cut to 0 and 1 first.

        Returns:
            bfloat16 [B, 64, h, w].
        """
        side = self.config.image_size
        logits = F.interpolate(masks.logits, (side, side), mode="bilinear", align_corners=False)
        share = (logits > 0).float() if prompted else logits.sigmoid()
        memory: Tensor = self.memory_encoder(
            features.embed, (share * 20.0 - 10.0).to(features.embed.dtype)
        )
        if self.config.absent_embedding:
            absent = (masks.object_score <= 0)[..., None, None].to(memory.dtype)
            memory = memory + absent * self.no_obj_embed_spatial[..., None, None]
        return memory.to(torch.bfloat16)
