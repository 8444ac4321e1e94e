"""DC-SAM from pictures to logits: what is done once for the examples, and what for each query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.parts import Merged, Prompts, Query, Support
from icl_segmentation.dcsam.sam_path import Maps, SamPath

SHOTS = ("concatenate", "average")
"""How several examples of one object work together."""


class Reading(NamedTuple):
    """B pictures that were read once, whatever is asked of them.

    Args:
        maps: of SAM.
        query: of the prompt generator.
        size: (S, S) of the pictures.
    """

    maps: Maps
    query: Query
    size: tuple[int, int]


class Request(NamedTuple):
    """A question: the picture's row in a `Reading`, and its examples' rows in a `Support`."""

    picture: int
    shots: Sequence[int]


class DcSam:
    """A prompt generator and a SAM.

    Args:
        generator: the prompt generator.
        sam: SAM 1 or SAM 2.
        encode_batch: how many pictures SAM's encoder takes at once; None = all that come.
    """

    def __init__(
        self, generator: PromptGenerator, sam: SamPath, encode_batch: int | None = None
    ) -> None:
        self.generator = generator
        self.sam = sam
        self.encode_batch = encode_batch

    @property
    def image_size(self) -> int:
        """Side of the pictures that come in: half of SAM's, 512 as published."""
        return self.sam.image_size // 2

    def encode(self, images: Tensor) -> Maps:
        """Return SAM's maps of pictures [B, 3, S, S], enlarged to SAM's size first."""
        size = (self.sam.image_size, self.sam.image_size)
        parts = [
            self.sam.encode(F.interpolate(some, size=size, mode="bilinear", align_corners=True))
            for some in torch.split(images, self.encode_batch or len(images))
        ]
        return parts[0] if len(parts) == 1 else Maps.join(parts)

    def prepare(
        self,
        images: Tensor,
        masks: Tensor,
        places: Sequence[int] | None = None,
        leak: bool = False,
    ) -> Support:
        """Read examples; nothing here depends on a query.

        Args:
            images: [m, 3, S, S], normalised.
            masks: [n, S, S], 0 or 1.
            places: the picture of each mask; None = one each.
            leak: mix up the labels of the batch as the released code does.
        """
        features = self.sam.features(self.generator, self.encode(images))
        return self.generator.read_support(images, masks, features, places, leak)

    def read(self, images: Tensor) -> Reading:
        """Read pictures [B, 3, S, S] that something will be asked about."""
        maps = self.encode(images)
        query = self.generator.read_query(images, self.sam.features(self.generator, maps))
        return Reading(maps, query, (images.shape[-2], images.shape[-1]))

    def answer(
        self,
        reading: Reading,
        support: Support,
        requests: Sequence[Request],
        shots: str = "concatenate",
        leak: bool = False,
    ) -> Tensor:
        """Answer R requests.

        Each shot runs through both stages alone. Then "concatenate" gives SAM the prompts of all
        shots at once, and "average" takes the mean of the shots' logits.

        Args:
            reading: of the pictures.
            support: of the examples.
            requests: what is asked.
            shots: one of `SHOTS`.
            leak: as in `prepare`.

        Returns:
            Logits [R, 1, S, S]; the object is where they are above 0.
        """
        pictures = [request.picture for request in requests for _ in request.shots]
        counts = [len(request.shots) for request in requests]
        mine = support.rows([row for request in requests for row in request.shots])
        merged = self.merge(reading.query, mine, pictures)
        many = reading.maps.rows(pictures)
        refined = self.two_stages(many, mine, merged, reading.size, leak)
        if shots == "average":
            parts = torch.split(self.decode(many, refined, reading.size), counts)
            return torch.stack([part.mean(dim=0) for part in parts])
        out = many.embed.new_empty(len(counts), 1, *reading.size)
        branches = [torch.split(branch, counts) for branch in refined]
        for count in sorted(set(counts)):  # prompt sets of one length run together
            rows = [row for row, own in enumerate(counts) if own == count]
            joined = Prompts(
                *(torch.stack([branch[row].flatten(0, 1) for row in rows]) for branch in branches)
            )
            maps = reading.maps.rows([requests[row].picture for row in rows])
            out[rows] = self.decode(maps, joined, reading.size)
        return out

    def merge(self, query: Query, support: Support, pictures: Sequence[int]) -> Merged:
        """Merge picture `pictures[n]` with row n of the support."""
        pairs = list(zip(pictures, range(len(pictures)), strict=True))
        priors = self.generator.priors(query.last, support, pairs)
        return self.generator.merge_query(query.rows(pictures), support.prototypes, priors)

    def two_stages(
        self,
        maps: Maps,
        support: Support,
        merged: Merged,
        size: tuple[int, int],
        leak: bool = False,
    ) -> Prompts:
        """Let SAM find a coarse mask from the prompts of stage 1, and refine them on it."""
        coarse = self.decode(maps, support.prompts, size) > 0
        sees_types = self.sam.stage2_sees_types
        start = self.sam.typed(support.prompts) if sees_types else support.prompts
        return self.generator.refine(start, merged, support.merged, coarse, leak)

    def decode(self, maps: Maps, prompts: Prompts, size: tuple[int, int]) -> Tensor:
        """Return SAM's logits for prompts without types, [B, 1, *size]."""
        low = self.sam.decode(maps, self.sam.typed(prompts))
        return F.interpolate(low, size=size, mode="bilinear", align_corners=True)
