"""The network of SEGIC (arXiv 2311.14671): frozen encoders, three prompts, SAM's mask decoder.

Its state dict has the names of the released checkpoints, with the vision backbone under
`encoder.dinov2.` (`encoder.timm.model.` for one of timm) and the text tower under
`encoder.text_model.text_model.`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from icl_segmentation.sam.mask_decoder import MaskDecoder
from icl_segmentation.sam.norms import LayerNorm2d
from icl_segmentation.sam.prompt_encoder import PromptEncoder
from icl_segmentation.sam.transformer import TwoWayTransformer
from icl_segmentation.segic.backbone import DinoVisionTransformer, TimmBackbone
from icl_segmentation.segic.correspondence import Cells
from icl_segmentation.segic.prior import (
    PICTURE_EPS,
    Target,
    best_points,
    prior_mask,
    similarity,
)
from icl_segmentation.segic.text import TextModel

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OTHER, OWN = 0, 1
"""Rows of `inst_type_embed`: an instance token of another mask, and of the mask itself."""


@dataclass(frozen=True)
class SegicConfig:
    """Sizes of a SEGIC network; the defaults are the published ViT-L.

    Args:
        vision: arguments of `DinoVisionTransformer`.
        text: arguments of `TextTransformer`.
        side: S, side of the square in pixels.
        width: channels of the prompts and of the decoder.
        mask_kernels: strides of the two convolutions that bring a mask prompt to the patch grid.
        decoder: `depth`, `heads` and `mlp_width` of the two-way transformer.
        backbone: "dinov2", or "timm:NAME".
    """

    vision: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, int] = field(default_factory=dict)
    side: int = 896
    width: int = 256
    mask_kernels: tuple[int, int] = (7, 2)
    decoder: Mapping[str, Any] = field(default_factory=dict)
    backbone: str = "dinov2"

    @property
    def stride(self) -> int:
        """Pixels a patch."""
        return self.mask_kernels[0] * self.mask_kernels[1]


class Encoder(nn.Module):
    """The frozen encoders, under their official names."""

    def __init__(self, config: SegicConfig, vision: TimmBackbone | None = None) -> None:
        super().__init__()
        self.dinov2: DinoVisionTransformer | None = None
        self.timm = vision
        if vision is None:
            self.dinov2 = DinoVisionTransformer(**config.vision)
        self.text_model = TextModel(**config.text)

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode normalised pictures [B, 3, S, S] as features [B, C, g, g]."""
        backbone: nn.Module = self.dinov2 or self.timm  # type: ignore[assignment]
        features: Tensor = backbone(pictures)
        return features


@dataclass(frozen=True, eq=False)
class Prompts:
    """What the decoder is told about each of N masks.

    Args:
        points: (x, y) in pixels of the square, [N, P, 2].
        labels: 1 = on the object, 0 = on another, [N, P].
        text: projected text, [N, 256].
        instances: instance tokens with their type, [N, T, 256].
        prior: the prior at the square's size, [N, S, S].
    """

    points: Tensor
    labels: Tensor
    text: Tensor
    instances: Tensor
    prior: Tensor


class SegicNetwork(nn.Module):
    """SEGIC as released.

    ```python
    features = network.encode(pictures)  # normalised [B, 3, S, S] -> [B, C, g, g]
    prompts = network.prompts(prepare_target(features[0], side), ...)
    dense = network.prompt_encoder.embed_masks(prompts.prior[:, None])
    logits, _ = network.decode(network.neck(features[:1]), network.sparse(prompts), dense)
    ```

    Args:
        config: the sizes.
        vision: a backbone of timm in place of DINOv2; it is not built on the meta device.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: SegicConfig, vision: TimmBackbone | None = None) -> None:
        super().__init__()
        self.config = config
        width, grid = config.width, config.side // config.stride
        channels = vision.width if vision else int(config.vision.get("width", 1024))
        mean, std = (vision.mean, vision.std) if vision else (MEAN, STD)
        self.register_buffer("pixel_mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("pixel_std", torch.tensor(std).view(3, 1, 1))
        self.encoder = Encoder(config, vision)
        self.neck = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            LayerNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            LayerNorm2d(width),
        )
        self.prompt_encoder = PromptEncoder(
            width,
            embedding_size=(grid, grid),
            input_size=(config.side, config.side),
            mask_kernels=config.mask_kernels,
        )
        self.mask_decoder = MaskDecoder(
            width, transformer=TwoWayTransformer(width=width, **config.decoder)
        )
        self.inst_type_embed = nn.Embedding(2, width)
        self.prompt_proj = nn.Linear(int(config.text.get("width", 768)), width)
        self.inst_proj = nn.Linear(channels, width)

    @property
    def grid(self) -> int:
        """Patches a side."""
        return self.config.side // self.config.stride

    @property
    def similarity_side(self) -> int:
        """Side of the similarity map, S / 4."""
        return self.config.side // 4

    def encode(self, pictures: Tensor) -> Tensor:
        """Encode normalised pictures [B, 3, S, S]: float32 features [B, C, g, g]."""
        features: Tensor = self.encoder(pictures)
        return features.float()

    def keys(self, features: Tensor) -> Tensor | None:
        """Return what a network compares cell by cell of features [B, C, g, g]; SEGIC does not."""
        return None

    def compare(self, features: Tensor, cells: Cells) -> Tensor:
        """Return the dense prompt of N masks from their references' cells; see `SmallSegic`."""
        raise NotImplementedError

    def encode_texts(self, ids: Tensor) -> Tensor:
        """Encode token ids [N, 77] and project them: [N, 256]."""
        projected: Tensor = self.prompt_proj(self.encoder.text_model(ids))
        return projected

    def prompts(
        self,
        target: Target,
        units: Tensor,
        text: Tensor,
        vectors: Tensor,
        kinds: Tensor,
        eps: float = PICTURE_EPS,
        negatives: bool = False,
    ) -> Prompts:
        """Build the prompts of N masks for one target (section 3.3).

        Args:
            target: of `prepare_target`.
            units: what the prior is compared with, one vector a mask, [N, C].
            text: projected text, [N, 256].
            vectors: reference vectors of all instance tokens in order, [T, C].
            kinds: `OWN` where a mask owns the token, else `OTHER`, int64 [N, T].
            eps: smallest length the cosine divides by.
            negatives: whether each mask also gets the points of the others, as in videos.
        """
        prior = prior_mask(similarity(target, units, eps), self.config.side)
        points, labels = spread_points(best_points(prior), negatives)
        # every mask sees the vectors of all, its own marked as such
        instances = self.inst_proj(vectors)[None] + self.inst_type_embed(kinds)
        return Prompts(points, labels, text, instances, prior)

    def sparse(self, prompts: Prompts, boxes: Tensor | None = None) -> Tensor:
        """Return the tokens of N masks: points, padding, text, instances, [N, T, 256].

        Args:
            prompts: of `prompts`.
            boxes: (x0, y0, x1, y1) in pixels of the square, [N, 4]; their two corners take the
                place of the padding. In training half of the masks have one, at inference none.
        """
        encoder = self.prompt_encoder
        points = encoder.embed_points(prompts.points, prompts.labels, pad=boxes is None)
        corners = [] if boxes is None else [encoder.embed_boxes(boxes)]
        return torch.cat([points, *corners, prompts.text[:, None], prompts.instances], dim=1)

    def decode(
        self,
        image: Tensor,
        sparse: Tensor,
        dense: Tensor,
        keep: Sequence[int] = (0,),
        iou: bool = False,
        features: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Decode N masks.

        Args:
            image: the neck's map, [N or 1, 256, g, g].
            sparse: tokens, [N, T, 256].
            dense: mask prompt, [N, 256, g, g].
            keep: masks of the decoder to compute; only mask 0 is trained.
            iou: whether to run the IoU head, which is not trained either.
            features: of the pictures; the published network reads the neck's map alone.

        Returns:
            Logits [N, len(keep), 4g, 4g] in float32, and the IoU output [N, 4] or None.
        """
        pe = self.prompt_encoder.get_dense_pe()
        masks, quality = self.mask_decoder(image, pe, sparse, dense, keep=keep, iou=iou)
        return masks.float(), quality


def spread_points(points: Tensor, negatives: bool) -> tuple[Tensor, Tensor]:
    """Give each of N masks its point, or all N points with those of others marked as such.

    Args:
        points: [N, 2].
        negatives: whether a mask also gets the points of the others.

    Returns:
        Points [N, P, 2] and labels [N, P], P = N or 1.
    """
    count = len(points)
    if not negatives:
        return points[:, None], torch.ones(count, 1, device=points.device)
    labels = torch.eye(count, device=points.device)
    return points[None].expand(count, -1, -1), labels
