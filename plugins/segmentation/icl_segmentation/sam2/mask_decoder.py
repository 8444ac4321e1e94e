"""SAM 2's mask decoder: SAM's, with fine image maps and a score for the object being there."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.sam.mask_decoder import MaskDecoder
from icl_segmentation.sam.transformer import MLP, TwoWayTransformer

STABILITY_DELTA = 0.05
STABILITY_THRESHOLD = 0.98

HighRes = tuple[Tensor, Tensor]
"""Fine maps after `conv_s0` and `conv_s1`: [B, 32, 4h, 4w] and [B, 64, 2h, 2w]."""


class Decoded(NamedTuple):
    """What the decoder says of B prompt sets.

    Args:
        masks: [B, M, 4h, 4w] logits.
        iou: [B, M], predicted IoU of each mask in [0, 1].
        token: [B, C], the output token of mask 0.
        object_score: [B, 1], logit of the object being in the picture.
    """

    masks: Tensor
    iou: Tensor
    token: Tensor
    object_score: Tensor


class Sam2MaskDecoder(MaskDecoder):
    """The decoder of SAM 2 and 2.1 (arXiv 2408.00714, appendix D)."""

    def __init__(self, width: int = 256) -> None:
        transformer = TwoWayTransformer(
            width=width, mlp=lambda inner, hidden: MLP(inner, hidden, inner, 2)
        )
        super().__init__(width, transformer=transformer)
        self.obj_score_token = nn.Embedding(1, width)
        self.conv_s0 = nn.Conv2d(width, width // 8, 1)
        self.conv_s1 = nn.Conv2d(width, width // 4, 1)
        self.iou_prediction_head = MLP(width, width, self.num_masks, 3, sigmoid=True)
        self.pred_obj_score_head = MLP(width, width, 1, 3)

    def decode(
        self, embedding: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor, high_res: HighRes
    ) -> Decoded:
        """Decode B prompt sets to all four masks.

        Args:
            embedding: [B or 1, C, h, w], the stride-16 map.
            image_pe: [1, C, h, w], `PromptEncoder.get_dense_pe()`.
            sparse: [B, T, C]; T may be 0.
            dense: [B or 1, C, h, w].
            high_res: [B or 1, C/8, 4h, 4w] and [B or 1, C/4, 2h, 2w].
        """
        parts = (self.obj_score_token, self.iou_token, self.mask_tokens)
        own = torch.cat([part.weight for part in parts])
        tokens = torch.cat([own.expand(sparse.shape[0], -1, -1), sparse], dim=1)
        found, image = self.transformer(embedding + dense, image_pe, tokens)
        coarse = image.transpose(1, 2).reshape(-1, *embedding.shape[1:])
        mask_tokens = found[:, 2 : 2 + self.num_masks]
        upscaled = self._upscale(coarse, high_res)
        return Decoded(
            masks=self.cut_masks(mask_tokens, upscaled, range(self.num_masks)),
            iou=self.iou_prediction_head(found[:, 1]),
            token=mask_tokens[:, 0],
            object_score=self.pred_obj_score_head(found[:, 0]),
        )

    def decode_single(
        self, embedding: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor, high_res: HighRes
    ) -> Decoded:
        """Decode to one mask, [B, 1, 4h, 4w].

        It is mask 0, or the best of the others where mask 0 would change much with its threshold.
        The token stays that of mask 0.
        """
        every = self.decode(embedding, image_pe, sparse, dense, high_res)
        first = every.masks[:, :1]
        best = every.iou[:, 1:].argmax(dim=1)
        rows = torch.arange(len(best), device=best.device)
        stable = (stability(first) >= STABILITY_THRESHOLD)[:, 0]
        chosen = torch.where(stable, torch.zeros_like(best), best + 1)
        return every._replace(
            masks=every.masks[rows, chosen][:, None], iou=every.iou[rows, chosen][:, None]
        )

    def _upscale(self, image: Tensor, high_res: HighRes) -> Tensor:
        up1, norm, _, up2, _ = self.output_upscaling
        x = F.gelu(norm(up1(image) + high_res[1]))
        return F.gelu(up2(x) + high_res[0])


def stability(logits: Tensor) -> Tensor:
    """Return how little masks change with their threshold, [B, M] in [0, 1].

    The IoU of the mask cut at +0.05 with the one cut at -0.05; 1 where both are empty.
    """
    inner = (logits > STABILITY_DELTA).flatten(-2).sum(-1).float()
    outer = (logits > -STABILITY_DELTA).flatten(-2).sum(-1).float()
    return torch.where(outer > 0, inner / outer, torch.ones_like(inner))
