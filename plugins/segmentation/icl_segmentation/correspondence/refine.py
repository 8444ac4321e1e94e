"""Refinement by Segment Anything, where its weights are given.

Each connected part of the mask prompts SAM with its box and with the log odds as mask prompt, as
Matcher and GF-SAM do with points. SAM's masks cut along objects; which of them to believe is
decided by the correspondence: the one with the largest expected IoU under its probabilities, and
none that has less than half of its union in common with the part.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from icl_segmentation.sam.build import Sam

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
PARTS = 16
AGREEMENT = 0.5


@torch.inference_mode()
def sam_embedding(sam: Sam, image: np.ndarray, device: torch.device) -> Tensor:
    """Encode a picture: the longer side fills SAM's square, the rest is padding.

    Args:
        sam: the network.
        image: uint8 [H, W, 3].
        device: where the network is.

    Returns:
        float32 [1, C, h, w].
    """
    rows, columns = _inner(image.shape[:2], sam.image_size)
    pixels = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None].float()
    pixels = functional.interpolate(
        pixels, size=(rows, columns), mode="bilinear", align_corners=False, antialias=True
    )
    mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=device).view(1, 3, 1, 1)
    side = sam.image_size
    padded = functional.pad((pixels - mean) / std, (0, side - columns, 0, side - rows))
    found: Tensor = sam.image_encoder(padded)
    return found


@torch.inference_mode()
def refine(sam: Sam, embedding: Tensor, logits: np.ndarray) -> np.ndarray:
    """Replace the parts of a mask by SAM's masks where both agree.

    Args:
        sam: the network.
        embedding: of the picture.
        logits: float32 [H, W], the log odds of the correspondence.

    Returns:
        float32 [H, W]; as given where SAM does not agree.
    """
    device = embedding.device
    size = (int(logits.shape[0]), int(logits.shape[1]))
    low = 4 * embedding.shape[-1]
    rows, columns = _inner(size, low)
    odds = torch.from_numpy(np.array(logits)).to(device)[None, None]
    small = functional.interpolate(odds, (rows, columns), mode="bilinear", align_corners=False)
    result = small[0, 0].clone()
    touched = torch.zeros_like(result, dtype=torch.bool)
    probability = torch.sigmoid(small[0, 0])
    for part in connected_parts(small[0, 0] > 0)[:PARTS]:
        masks = _candidates(sam, embedding, torch.where(part, small[0, 0], -small[0, 0].abs()))
        masks = masks[:, :rows, :columns]
        own = torch.where(part | (small[0, 0] <= 0), probability, torch.zeros_like(probability))
        inside = masks > 0
        union = inside.sum((1, 2)) + (own * ~inside).sum((1, 2))
        expected = (own * inside).sum((1, 2)) / union
        best = int(expected.argmax())
        common = (inside[best] & part).sum() / (inside[best] | part).sum()
        if common >= AGREEMENT:
            result = torch.where(part, masks[best], torch.maximum(result, masks[best]))
            touched |= part | inside[best]
    both = torch.stack([result, touched.to(result.dtype)])[None]
    new, where = functional.interpolate(both, size, mode="bilinear", align_corners=False)[0]
    full = torch.where(where > 0, new, odds[0, 0])
    return np.ascontiguousarray(full.float().cpu().numpy())


def _candidates(sam: Sam, embedding: Tensor, logits: Tensor) -> Tensor:
    """Return SAM's masks for one part, logits [4, 4h, 4w] in the padded square."""
    low = 4 * embedding.shape[-1]
    inside = (logits > 0).nonzero()
    top, left = inside.min(0).values.tolist()
    bottom, right = inside.max(0).values.tolist()
    scale = sam.image_size / low
    corners = [left * scale, top * scale, (right + 1) * scale, (bottom + 1) * scale]
    box = torch.tensor([corners], device=embedding.device)
    rows, columns = logits.shape
    prompt = functional.pad(logits[None, None], (0, low - columns, 0, low - rows), value=-8.0)
    encoder = sam.prompt_encoder
    sparse = encoder.embed_boxes(box)
    dense = encoder.embed_masks(prompt)
    masks: Tensor = sam.mask_decoder(embedding, encoder.get_dense_pe(), sparse, dense, iou=False)[0]
    return masks[0]


def connected_parts(mask: Tensor) -> list[Tensor]:
    """Split a mask into its connected parts (8 neighbours), the largest first.

    Args:
        mask: bool [H, W].

    Returns:
        bool [H, W] each.
    """
    numbers = torch.arange(1, mask.numel() + 1, device=mask.device, dtype=torch.float64)
    labels = numbers.reshape(mask.shape) * mask
    while True:
        spread = functional.max_pool2d(labels[None, None], 3, 1, 1)[0, 0] * mask
        if torch.equal(spread, labels):
            break
        labels = spread
    present = np.unique(labels.cpu().numpy())
    found = [labels == float(number) for number in present if number > 0]
    return sorted(found, key=lambda part: -int(part.sum()))


def _inner(size: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return rows and columns of a picture whose longer side is `side`."""
    longer = max(size)
    return max(1, round(size[0] * side / longer)), max(1, round(size[1] * side / longer))
