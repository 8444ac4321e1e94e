"""Image map and prompt tokens become masks.

```python
decoder = MaskDecoder()
masks, iou = decoder(embedding, pe, sparse, dense)  # all 4 masks, [B, 4, 4h, 4w] and [B, 4]
masks, _ = decoder(embedding, pe, sparse, dense, keep=(0,), iou=False)  # mask 0 alone
```

Mask 0 is SAM's answer to an unambiguous prompt, masks 1 to 3 its three readings of one point.
`embedding` and `dense` may have a batch of 1 beside B prompt sets (one picture, many prompts) or
one entry a prompt set (many pictures). What nobody asks for is not computed; `keep=()` with
`iou=True` gives the predicted IoU without any mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from icl_segmentation.sam.norms import LayerNorm2d
from icl_segmentation.sam.transformer import MLP, TwoWayTransformer


class MaskDecoder(nn.Module):
    """SAM's mask decoder (arXiv 2304.02643, appendix A).

    Args:
        width: C of the image map and of the tokens.
        multimasks: masks beside mask 0.
        iou_depth: layers of the IoU head.
        iou_width: hidden width of the IoU head.
        transformer: the two-way transformer; SAM's own where none is given.
    """

    def __init__(
        self,
        width: int = 256,
        multimasks: int = 3,
        iou_depth: int = 3,
        iou_width: int = 256,
        transformer: TwoWayTransformer | None = None,
    ) -> None:
        super().__init__()
        self.num_masks = multimasks + 1
        self.transformer = transformer or TwoWayTransformer(width=width)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(self.num_masks, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, 2, 2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(width, width, width // 8, 3) for _ in range(self.num_masks)
        )
        self.iou_prediction_head = MLP(width, iou_width, self.num_masks, iou_depth)

    def forward(
        self,
        embedding: Tensor,
        image_pe: Tensor,
        sparse: Tensor,
        dense: Tensor,
        keep: Sequence[int] | None = None,
        iou: bool = True,
        fine: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Decode B prompt sets.

        Args:
            embedding: [B or 1, C, h, w], the image encoder's output.
            image_pe: [1, C, h, w], `PromptEncoder.get_dense_pe()`.
            sparse: [B, T, C], the prompt tokens.
            dense: [B or 1, C, h, w], the dense prompt.
            keep: which masks to compute, in that order; None = all.
            iou: whether to predict the IoU of the masks.
            fine: a finer map of the picture, [B or 1, C/4, 2h, 2w], added after the first
                enlargement; SAM has none.

        Returns:
            Mask logits [B, len(keep), 4h, 4w], and the predicted IoU [B, 4] of all masks, or
            None where it was not asked for.
        """
        batch = sparse.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight], dim=0)
        tokens = torch.cat([own.expand(batch, -1, -1), sparse], dim=1)
        found, image = self.transformer(embedding + dense, image_pe, tokens)
        kept = range(self.num_masks) if keep is None else keep
        height, width = embedding.shape[-2:]
        if len(kept) == 0:
            masks = found.new_empty(batch, 0, 4 * height, 4 * width)
        else:
            enlarge, *rest = self.output_upscaling
            upscaled = enlarge(image.transpose(1, 2).unflatten(2, (height, width)))
            upscaled = upscaled if fine is None else upscaled + fine
            for layer in rest:
                upscaled = layer(upscaled)
            masks = self.cut_masks(found[:, 1 : 1 + self.num_masks], upscaled, kept)
        return masks, self.iou_prediction_head(found[:, 0]) if iou else None

    def cut_masks(self, mask_tokens: Tensor, upscaled: Tensor, keep: Sequence[int]) -> Tensor:
        """Apply the hypernetworks of tokens [B, M, C] to a map [B, C/8, H, W]: [B, K, H, W]."""
        weights = torch.stack(
            [self.output_hypernetworks_mlps[k](mask_tokens[:, k]) for k in keep], dim=1
        )
        batch, channels, height, width = upscaled.shape
        masks = weights @ upscaled.reshape(batch, channels, height * width)
        return masks.view(batch, len(keep), height, width)
