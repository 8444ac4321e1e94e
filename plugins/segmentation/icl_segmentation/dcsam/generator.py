"""The trained part of DC-SAM: examples and a query become prompts of two branches.

The order of work for one pair of support and query:

```python
support = generator.read_support(images, masks, sam_maps)  # no query needed, can be kept
query = generator.read_query(images, sam_maps)
priors = generator.priors(query.last, support, [(0, 0)])  # pairs of (query, support) rows
merged = generator.merge_query(query, support.prototypes, priors)
# SAM decodes support.prompts to a coarse mask P
positive, negative = generator.refine(support.prompts, merged, support.merged, P)
```

Source: arXiv 2504.12080, section 3, in the form of the released code: the negative branch reads
the support's positive map in its second stage unless `paper_negative` says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_segmentation.dcsam.attention import PromptDecoder
from icl_segmentation.dcsam.backbone import CHANNELS, resnet_stages, vgg_stages
from icl_segmentation.dcsam.dino import RegisterDino
from icl_segmentation.dcsam.parts import Merged, Prompts, Prototypes, Query, Support
from icl_segmentation.dcsam.prior import PriorSource, prior_map, prior_source
from icl_segmentation.dcsam.sizes import GeneratorSizes
from icl_segmentation.sam.norms import LayerNorm2d

MASKS = 8
"""Most masks that are read in one pass: a picture may have dozens, and each costs 150 MB."""


class PromptGenerator(nn.Module):
    """DC-SAM's prompt generator with the names of its checkpoints.

    Args:
        sizes: of the network.
        paper_negative: whether stage 2 of the negative branch reads the query's negative map, as
            the paper says, and not the support's positive map, as released. Checkpoints of the
            released training need False.
    """

    def __init__(self, sizes: GeneratorSizes, paper_negative: bool = False) -> None:
        super().__init__()
        self.sizes = sizes
        self.paper_negative = paper_negative
        width = sizes.width
        if sizes.backbone == "dino":
            self.dinov2 = RegisterDino(**dict(sizes.dino))
        else:
            stages = resnet_stages(sizes.blocks) if sizes.backbone == "resnet" else vgg_stages()
            self.layer0, self.layer1, self.layer2, self.layer3, self.layer4 = stages
        if not sizes.prior_only:
            second, third, _ = CHANNELS[sizes.backbone]
            self.downsample_query = nn.Sequential(
                nn.Conv2d(second + third, width, 1, bias=False), nn.ReLU(), nn.Dropout2d(0.5)
            )
        merged = (2 if sizes.prior_only else 3) * width + 1
        self.merge_1 = nn.Sequential(nn.Conv2d(merged, width, 1, bias=False), nn.ReLU())
        self.merge_2 = nn.Sequential(nn.Conv2d(merged, width, 1, bias=False), nn.ReLU())
        self.transformer_decoder = PromptDecoder(width, queries=sizes.queries)
        self.neg_transformer_decoder = PromptDecoder(width, queries=sizes.queries)
        if sizes.sam2:
            self.sam_downscaling = nn.Sequential(
                nn.Conv2d(32, 64, 2, 2), LayerNorm2d(64), nn.GELU(), nn.Conv2d(64, width, 2, 2)
            )

    @property
    def stride(self) -> int:
        """Pixels of a picture [3, S, S] a cell of the grid."""
        return 16 if self.sizes.backbone == "vgg" else 8

    def train(self, mode: bool = True) -> PromptGenerator:
        """Set the mode of the trained parts; the frozen backbone stays in eval mode."""
        super().train(mode)
        for name, part in self.named_children():
            if name.startswith(("layer", "dinov2")):
                part.eval()
        return self

    def fuse_sam2(self, embed: Tensor, fine: Tensor, middle: Tensor) -> Tensor:
        """Join SAM 2's maps of stride 16 [B, 256, h, w], 4 [B, 32, ...] and 8 [B, 64, ...]."""
        first, norm, gelu, second = self.sam_downscaling
        return F.gelu(second(gelu(norm(first(fine) + middle))) + embed)

    def _middle(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return stages 2 and 3; of DINOv2 twice the patches before its final norm."""
        if self.sizes.backbone == "dino":
            patches = self.dinov2.patches(images)
            return patches, patches
        second = self.layer2(self.layer1(self.layer0(images)))
        return second, self.layer3(second)

    def _last(self, third: Tensor) -> Tensor:
        """Return stage 4, or DINOv2's patches after its final norm."""
        last: Tensor
        last = self.dinov2.normed(third) if self.sizes.dino else self.layer4(third)
        return last

    def _fuse(self, second: Tensor, third: Tensor) -> Tensor | None:
        if self.sizes.prior_only:
            return None
        fused: Tensor = self.downsample_query(
            torch.cat([_resize(second, third.shape[-2:]), third], dim=1)
        )
        return fused

    def _merge(
        self, layer: nn.Module, fused: Tensor | None, prototype: Tensor, sam: Tensor, mask: Tensor
    ) -> Tensor:
        """Join maps [n, C, h, w], a prototype [n, C] and a mask-like map [n, 1, h, w]."""
        spread = prototype[:, :, None, None].expand_as(sam)
        parts = [sam, spread] if fused is None else [fused, spread, sam]
        out: Tensor = layer(torch.cat([*parts, 10 * mask], dim=1))
        return out

    def read_support(
        self,
        images: Tensor,
        masks: Tensor,
        sam: Tensor,
        places: Sequence[int] | None = None,
        leak: bool = False,
    ) -> Support:
        """Do all that the supports allow without a query.

        Args:
            images: [m, 3, S, S], normalised.
            masks: [n, H, W], 1 where the object is, 0 elsewhere; brought to the grid by taking
                the nearest pixel.
            sam: [m, C, h', w'], SAM's map of the pictures.
            places: the picture of each mask; None = one each.
            leak: mix up the labels of the batch as the released code does.
        """
        second, third = self._middle(images)
        fused, sam = self._fuse(second, third), _resize(sam, third.shape[-2:])
        rows = range(len(masks)) if places is None else places
        step = len(masks) if leak else MASKS
        parts = []
        for first in range(0, len(masks), step):
            at = torch.tensor(list(rows[first : first + step]), device=third.device)
            own = None if fused is None else fused[at]
            parts.append(
                self._read_masks(masks[first : first + step], third[at], own, sam[at], leak)
            )
        return parts[0] if len(parts) == 1 else Support.join(parts)

    def _read_masks(
        self, masks: Tensor, third: Tensor, fused: Tensor | None, sam: Tensor, leak: bool
    ) -> Support:
        """Read masks [n, H, W] beside the maps of their pictures, n rows each."""
        size = third.shape[-2:]
        inside = F.interpolate(masks[:, None].to(third.dtype), size=size, mode="nearest")
        outside = 1 - inside
        base = sam if fused is None else fused
        prototypes = Prototypes(_masked_mean(base, inside), _masked_mean(base, outside))
        positive = self._merge(self.merge_1, fused, prototypes.positive, sam, inside)
        negative = self._merge(self.merge_2, fused, prototypes.negative, sam, outside)
        prompts = Prompts(
            self.transformer_decoder.stage1(positive, inside.flatten(1), leak),
            self.neg_transformer_decoder.stage1(negative, outside.flatten(1), leak),
        )
        # The mask is applied before stage 4, so object and background need a pass each.
        sources = self._sources(third, inside)
        others = self._sources(third, outside) if self.paper_negative else []
        return Support(prompts, prototypes, positive, sources, others)

    def _sources(self, third: Tensor, mask: Tensor) -> list[PriorSource]:
        last = self._last(third * mask)
        return [prior_source(x, m[0]) for x, m in zip(last, mask, strict=True)]

    def read_query(self, images: Tensor, sam: Tensor) -> Query:
        """Encode queries: images [B, 3, S, S] and SAM's map of them [B, C, h', w']."""
        second, third = self._middle(images)
        size = third.shape[-2:]
        return Query(self._fuse(second, third), _resize(sam, size), self._last(third))

    def merge_query(
        self, query: Query, prototypes: Prototypes, priors: tuple[Tensor, Tensor | None]
    ) -> Merged:
        """Join n queries with n prototypes [n, C] and n priors [n, 1, h, w]."""
        fused, sam, _ = query
        positive = self._merge(self.merge_1, fused, prototypes.positive, sam, priors[0])
        if priors[1] is None:
            return Merged(positive, None)
        negative = self._merge(self.merge_2, fused, prototypes.negative, sam, priors[1])
        return Merged(positive, negative)

    def priors(
        self, last: Tensor, support: Support, pairs: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor | None]:
        """Compare queries with supports.

        Args:
            last: stage 4 of the queries, `Query.last`.
            support: the supports.
            pairs: rows of `last` and of `support` that belong together.

        Returns:
            The priors of the positive and, where it is read, of the negative branch,
            [len(pairs), 1, h, w].
        """
        positive = [prior_map(support.sources[s], last[q, None]) for q, s in pairs]
        if not self.paper_negative:
            return torch.cat(positive), None
        negative = [prior_map(support.negative_sources[s], last[q, None]) for q, s in pairs]
        return torch.cat(positive), torch.cat(negative)

    def refine(
        self,
        prompts: Prompts,
        merged: Merged,
        support_map: Tensor,
        coarse: Tensor,
        leak: bool = False,
    ) -> Prompts:
        """Refine the prompts on the query: stage 2.

        Args:
            prompts: of stage 1, [n, queries, C] a branch. With SAM 1 the released code has added
                the point types to them by now, in place; the caller does so.
            merged: of `merge_query`, n rows.
            support_map: `Support.merged`, n rows.
            coarse: [n, 1, H, W], 1 where SAM found the object from the prompts of stage 1.
            leak: as in `read_support`.
        """
        size = merged.positive.shape[-2:]
        labels = F.interpolate(coarse.to(merged.positive.dtype), size=size, mode="nearest")
        labels = labels.flatten(1)
        background = support_map if merged.negative is None else merged.negative
        return Prompts(
            self.transformer_decoder.stage2(prompts.positive, merged.positive, labels, leak),
            self.neg_transformer_decoder.stage2(prompts.negative, background, 1 - labels, leak),
        )


def _resize(features: Tensor, size: torch.Size) -> Tensor:
    if features.shape[-2:] == size:
        return features
    return F.interpolate(features, size=size, mode="bilinear", align_corners=True)


def _masked_mean(features: Tensor, mask: Tensor) -> Tensor:
    """Average [n, C, h, w] over a mask [n, 1, h, w]: [n, C]."""
    return (features * mask).sum(dim=(2, 3)) / (mask.sum(dim=(2, 3)) + 0.0005)
