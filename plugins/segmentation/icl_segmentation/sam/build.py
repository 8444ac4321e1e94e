"""A whole SAM from a released file, whose sizes are read from its tensors.

```python
sam = read_sam("sam_vit_b_01ec64.pth")  # eval mode, float32
embedding = sam.image_encoder(x)
sparse, dense = sam.prompt_encoder(points=(xy, labels))
masks, iou = sam.mask_decoder(embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense)
```
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from icl_core.errors import InputError, WeightsError
from icl_core.weights import load_tensors, read_checkpoint
from icl_segmentation.sam.image_encoder import EncoderSizes, ImageEncoderViT
from icl_segmentation.sam.mask_decoder import MaskDecoder
from icl_segmentation.sam.prompt_encoder import PromptEncoder

SAM_TYPES = {
    "vit_b": EncoderSizes.vit_b(),
    "vit_l": EncoderSizes.vit_l(),
    "vit_h": EncoderSizes.vit_h(),
}
"""The published sizes."""

_CONSTANTS = ("pixel_mean", "pixel_std")


class Sam(nn.Module):
    """Image encoder, prompt encoder and mask decoder under their released names.

    Args:
        sizes: of the image encoder; the other two parts have one size.
    """

    def __init__(self, sizes: EncoderSizes) -> None:
        super().__init__()
        self.image_encoder = ImageEncoderViT(sizes)
        self.prompt_encoder = PromptEncoder(
            sizes.out, (sizes.grid, sizes.grid), (sizes.image_size, sizes.image_size)
        )
        self.mask_decoder = MaskDecoder(sizes.out)

    @property
    def image_size(self) -> int:
        """Side of the square input."""
        return self.image_encoder.sizes.image_size


def encoder_sizes(tensors: Mapping[str, Tensor]) -> EncoderSizes:
    """Read the sizes of a SAM image encoder from its tensors.

    Args:
        tensors: a whole state dict, names with `image_encoder.`.

    Raises:
        WeightsError: they are not those of a SAM.
    """
    prefix = "image_encoder."
    names = ("patch_embed.proj.weight", "pos_embed", "neck.0.weight", "blocks.0.mlp.lin1.weight")
    missing = [prefix + name for name in names if prefix + name not in tensors]
    if missing:
        held = ", ".join(list(tensors)[:3])
        raise WeightsError(f"these are no SAM weights: {missing[0]} is missing; there is: {held}")
    patches, grid = tensors[prefix + names[0]], int(tensors[prefix + names[1]].shape[1])
    found = (re.match(r"image_encoder\.blocks\.(\d+)\.", name) for name in tensors)
    depth = 1 + max(int(match[1]) for match in found if match)
    tables = [tensors.get(f"{prefix}blocks.{n}.attn.rel_pos_h") for n in range(depth)]
    if any(table is None or table.ndim != 2 for table in tables):
        raise WeightsError("these are no SAM weights: a block is without its table rel_pos_h")
    sides = [(len(table) + 1) // 2 for table in tables if table is not None]
    windows = {side for side in sides if side != grid}
    if len(windows) > 1:
        raise WeightsError(f"the SAM weights have windows of {sorted(windows)}, expected one size")
    width, head = int(patches.shape[0]), int(tensors[f"{prefix}blocks.0.attn.rel_pos_h"].shape[1])
    hidden = int(tensors[prefix + names[3]].shape[0])
    return EncoderSizes(
        width=width,
        depth=depth,
        heads=width // head,
        global_blocks=tuple(n for n, side in enumerate(sides) if side == grid),
        window=next(iter(windows), 14),
        image_size=grid * int(patches.shape[-1]),
        patch=int(patches.shape[-1]),
        mlp_width=None if hidden == 4 * width else hidden,
        out=int(tensors[prefix + names[2]].shape[0]),
    )


def sam_from_tensors(tensors: Mapping[str, Tensor], sam_type: str | None = None) -> Sam:
    """Build a SAM around tensors, which it takes over without a copy.

    Args:
        tensors: name -> tensor, as in a released file.
        sam_type: "vit_b", "vit_l" or "vit_h", where the caller knows what it shall be.

    Raises:
        InputError: no such type.
        WeightsError: other tensors, or those of another type.
    """
    if sam_type is not None and sam_type not in SAM_TYPES:
        raise InputError(f"sam_type is {sam_type!r}, expected one of {', '.join(SAM_TYPES)}")
    sizes = encoder_sizes(tensors)
    held = next((name for name, known in SAM_TYPES.items() if known == sizes), None)
    if sam_type is not None and held not in (None, sam_type):
        raise WeightsError(
            f"sam_type is {sam_type!r}, but the SAM weights are those of {held}",
            hint=f"leave sam_type out, or give the file of {sam_type}",
        )
    with torch.device("meta"):
        sam = Sam(sizes)
    wanted = {name: tensor for name, tensor in tensors.items() if name not in _CONSTANTS}
    load_tensors(sam, wanted, learner="SAM")
    return sam.eval().requires_grad_(False)


def read_sam(path: str | Path, sam_type: str | None = None) -> Sam:
    """Read a released SAM file, or any file with its names.

    Args:
        path: safetensors or torch checkpoint; read safely.
        sam_type: as in `sam_from_tensors`.

    Raises:
        WeightsError: the file is missing, damaged, or holds something else.
        UntrustedFileError: the file wants to run code.
    """
    return sam_from_tensors(read_checkpoint(path).tensors, sam_type)
