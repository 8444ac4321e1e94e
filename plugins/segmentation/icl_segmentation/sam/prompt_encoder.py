"""Prompts become tokens and a dense map.

```python
encoder = PromptEncoder()  # SAM: 64x64 map of a 1024x1024 input
encoder = PromptEncoder(input_size=(896, 896), mask_kernels=(7, 2))  # SEGIC on patches of 14
pe = encoder.get_dense_pe()  # [1, C, h, w], for the mask decoder
sparse, dense = encoder(points=(xy, labels), boxes=None, masks=None)
tokens = encoder.embed_points(xy, labels, pad=True)  # one kind of prompt at a time
tokens = encoder.embed_boxes(corners)
dense = encoder.embed_masks(logits)  # or encoder.embed_no_mask(batch)
```

`point_embeddings[0]` and `[1]` are the types background and foreground, `[2]` and `[3]` the two
corners of a box; learners that bring their own tokens add `point_embeddings[k].weight`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from icl_segmentation.sam.norms import LayerNorm2d


class PositionEmbeddingRandom(nn.Module):
    """Random Fourier features of positions in the unit square (arXiv 2006.10739).

    Args:
        features: half of the output width.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, features: int = 128) -> None:
        super().__init__()
        matrix = torch.empty(2, features)
        if not matrix.is_meta:
            # A generator of its own: building a network leaves the global random state alone.
            matrix.normal_(generator=torch.Generator().manual_seed(0))
        self.register_buffer("positional_encoding_gaussian_matrix", matrix)

    def encode(self, coordinates: Tensor) -> Tensor:
        """Encode (x, y) in [0, 1], [..., 2], as [..., 2 * features]."""
        matrix = self.positional_encoding_gaussian_matrix
        angles = 2 * math.pi * ((2 * coordinates.to(matrix.dtype) - 1) @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Encode the cell centres of a grid [h, w] as [2 * features, h, w]."""
        height, width = size
        like = self.positional_encoding_gaussian_matrix
        y = (torch.arange(height, device=like.device, dtype=torch.float32) + 0.5) / height
        x = (torch.arange(width, device=like.device, dtype=torch.float32) + 0.5) / width
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        return self.encode(torch.stack([columns, rows], dim=-1)).permute(2, 0, 1)


class PromptEncoder(nn.Module):
    """SAM's prompt encoder for any input size and any stride of the mask prompt.

    Args:
        width: C of tokens and map.
        embedding_size: (h, w) of the image map.
        input_size: (H, W) of the picture that points and boxes are given in, in pixels.
        mask_channels: channels of the mask prompt before the last convolution.
        mask_kernels: kernel = stride of the two strided convolutions; a mask prompt of
            (h * k0 * k1, w * k0 * k1) fits the map.
    """

    def __init__(
        self,
        width: int = 256,
        embedding_size: tuple[int, int] = (64, 64),
        input_size: tuple[int, int] = (1024, 1024),
        mask_channels: int = 16,
        mask_kernels: Sequence[int] = (2, 2),
    ) -> None:
        super().__init__()
        self.width = width
        self.embedding_size = embedding_size
        self.input_size = input_size
        self.pe_layer = PositionEmbeddingRandom(width // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        first, second = mask_kernels
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, mask_channels // 4, first, first),
            LayerNorm2d(mask_channels // 4),
            nn.GELU(),
            nn.Conv2d(mask_channels // 4, mask_channels, second, second),
            LayerNorm2d(mask_channels),
            nn.GELU(),
            nn.Conv2d(mask_channels, width, 1),
        )
        self.no_mask_embed = nn.Embedding(1, width)

    def get_dense_pe(self) -> Tensor:
        """Return the position encoding of the image map, [1, C, h, w]."""
        grid: Tensor = self.pe_layer(self.embedding_size)
        return grid[None]

    def point_type(self, label: int) -> Tensor:
        """Return the type embedding [1, C]: 0 background, 1 foreground, 2 and 3 box corners."""
        weight: Tensor = self.point_embeddings[label].weight  # type: ignore[assignment]
        return weight

    def _encode_pixels(self, points: Tensor) -> Tensor:
        height, width = self.input_size
        scale = torch.tensor([width, height], device=points.device, dtype=torch.float32)
        return self.pe_layer.encode((points + 0.5) / scale)

    def embed_points(self, points: Tensor, labels: Tensor, pad: bool) -> Tensor:
        """Encode points.

        Args:
            points: [B, N, 2], (x, y) in pixels of the input.
            labels: [B, N]; 1 foreground, 0 background, -1 padding.
            pad: whether a padding token follows, as SAM wants it when there is no box.

        Returns:
            [B, N, C], or [B, N + 1, C] with the padding.
        """
        types = torch.cat(
            [self.not_a_point_embed.weight, self.point_type(0), self.point_type(1)], dim=0
        )
        tokens = self._encode_pixels(points).masked_fill((labels == -1)[..., None], 0.0)
        tokens = tokens + types[labels.long() + 1]
        if not pad:
            return tokens
        padding = self.not_a_point_embed.weight.expand(points.shape[0], 1, -1)
        return torch.cat([tokens, padding], dim=1)

    def embed_boxes(self, boxes: Tensor) -> Tensor:
        """Encode boxes [B, 4], (x0, y0, x1, y1) in pixels of the input, as [B, 2, C]."""
        corners = self._encode_pixels(boxes.reshape(-1, 2, 2))
        return corners + torch.cat([self.point_type(2), self.point_type(3)], dim=0)

    def embed_masks(self, masks: Tensor) -> Tensor:
        """Encode mask logits [B, 1, h*k, w*k], k the product of the kernels, as [B, C, h, w]."""
        dense: Tensor = self.mask_downscaling(masks)
        return dense

    def embed_no_mask(self, batch: int = 1) -> Tensor:
        """Return the dense map of no mask prompt, [batch, C, h, w], without copying it."""
        return self.no_mask_embed.weight.view(1, -1, 1, 1).expand(batch, -1, *self.embedding_size)

    def forward(
        self,
        points: tuple[Tensor, Tensor] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Encode prompts of B prompt sets, any of them absent.

        Args:
            points: coordinates [B, N, 2] and labels [B, N].
            boxes: [B, 4].
            masks: [B, 1, h*k, w*k] logits.

        Returns:
            Sparse tokens [B, T, C] (T may be 0) and the dense map [B, C, h, w].
        """
        given = next((p for p in (points and points[0], boxes, masks) if p is not None), None)
        batch = 1 if given is None else given.shape[0]
        parts = []
        if points is not None:
            parts.append(self.embed_points(*points, pad=boxes is None))
        if boxes is not None:
            parts.append(self.embed_boxes(boxes))
        empty = self.not_a_point_embed.weight.new_empty(batch, 0, self.width)
        sparse = torch.cat(parts, dim=1) if parts else empty
        return sparse, self.embed_no_mask(batch) if masks is None else self.embed_masks(masks)
