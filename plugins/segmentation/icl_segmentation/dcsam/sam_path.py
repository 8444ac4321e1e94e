"""SAM 1 and SAM 2 behind one interface, as DC-SAM uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.parts import Prompts
from icl_segmentation.sam.build import Sam
from icl_segmentation.sam.prompt_encoder import PromptEncoder
from icl_segmentation.sam2.image import Sam2ImageModel


class Maps(NamedTuple):
    """SAM's maps of n pictures: stride 16 [n, 256, h, w], and SAM 2's of stride 4 and 8."""

    embed: Tensor
    fine: tuple[Tensor, ...] = ()

    def rows(self, index: Sequence[int]) -> Maps:
        """Return the maps at `index`."""
        at = torch.tensor(list(index), device=self.embed.device)
        return Maps(self.embed[at], tuple(x[at] for x in self.fine))

    @staticmethod
    def join(parts: Sequence[Maps]) -> Maps:
        """Put maps one after the other."""
        fine = zip(*(p.fine for p in parts), strict=True)
        return Maps(torch.cat([p.embed for p in parts]), tuple(torch.cat(x) for x in fine))


class SamPath(Protocol):
    """What DC-SAM asks of a SAM."""

    stage2_sees_types: bool
    """Whether the prompts that enter stage 2 have the point types added."""

    @property
    def image_size(self) -> int:
        """Side of the square input."""

    def encode(self, x: Tensor) -> Maps:
        """Encode [B, 3, S, S], normalised as for ImageNet."""

    def features(self, generator: PromptGenerator, maps: Maps) -> Tensor:
        """Return the map that the prompt generator reads, [B, 256, h, w]."""

    def typed(self, prompts: Prompts) -> Prompts:
        """Return the prompts with the types foreground and background added."""

    def decode(self, maps: Maps, typed: Prompts) -> Tensor:
        """Return mask logits [B, 1, 4h, 4w] for one prompt set a picture."""


def with_types(encoder: PromptEncoder, prompts: Prompts) -> Prompts:
    """Add SAM's point types: foreground to the positive prompts, background to the negative."""
    positive, negative = encoder.point_type(1), encoder.point_type(0)
    return Prompts(prompts.positive + positive, prompts.negative + negative)


class Sam1Path:
    """SAM 1: no box, no padding point, no mask prompt, mask 0.

    The released code adds the point types to the prompts in place, so that its second stage gets
    them too; its checkpoints were trained so.
    """

    stage2_sees_types = True

    def __init__(self, sam: Sam) -> None:
        self.sam = sam
        self.run_encoder = sam.image_encoder.__call__
        """Replaced where the encoder is compiled."""

    @property
    def image_size(self) -> int:
        """Side of the square input."""
        return self.sam.image_size

    def encode(self, x: Tensor) -> Maps:
        """Encode [B, 3, S, S]; the encoder may compute in a smaller number type."""
        dtype = self.sam.image_encoder.pos_embed.dtype
        return Maps(self.run_encoder(x.to(dtype)).float())

    def features(self, generator: PromptGenerator, maps: Maps) -> Tensor:
        """Return the embedding itself."""
        return maps.embed

    def typed(self, prompts: Prompts) -> Prompts:
        """Return the prompts with the point types added."""
        return with_types(self.sam.prompt_encoder, prompts)

    def decode(self, maps: Maps, typed: Prompts) -> Tensor:
        """Return the logits of mask 0, [B, 1, 4h, 4w]."""
        encoder = self.sam.prompt_encoder
        masks, _ = self.sam.mask_decoder(
            maps.embed,
            encoder.get_dense_pe(),
            torch.cat(typed, dim=1),
            encoder.embed_no_mask(),
            keep=(0,),
            iou=False,
        )
        logits: Tensor = masks
        return logits


class Sam2Path:
    """SAM 2 on single pictures; mask 0, or the best of the others where mask 0 is unstable."""

    stage2_sees_types = False

    def __init__(self, model: Sam2ImageModel, dtype: torch.dtype = torch.float32) -> None:
        self.model = model
        self.dtype = dtype

    @property
    def image_size(self) -> int:
        """Side of the square input."""
        return self.model.image_size

    def encode(self, x: Tensor) -> Maps:
        """Encode [B, 3, S, S]; the encoder may compute in a smaller number type."""
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            embed, fine = self.model.encode(x)
        return Maps(embed.float(), tuple(part.float() for part in fine))

    def features(self, generator: PromptGenerator, maps: Maps) -> Tensor:
        """Return the three maps joined by the generator's own layers."""
        return generator.fuse_sam2(maps.embed, *maps.fine)

    def typed(self, prompts: Prompts) -> Prompts:
        """Return the prompts with the point types added."""
        return with_types(self.model.sam2.sam_prompt_encoder, prompts)

    def decode(self, maps: Maps, typed: Prompts) -> Tensor:
        """Return the logits [B, 1, 4h, 4w]."""
        fine = (maps.fine[0], maps.fine[1])
        return self.model.decode(maps.embed, fine, torch.cat(typed, dim=1))
