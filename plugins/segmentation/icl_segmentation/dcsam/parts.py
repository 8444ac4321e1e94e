"""What passes between the steps of DC-SAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from icl_segmentation.dcsam.prior import PriorSource


class Prompts(NamedTuple):
    """Prompts of the two branches, [n, queries, C] each, without the point types."""

    positive: Tensor
    negative: Tensor


class Prototypes(NamedTuple):
    """Mean features of object and background, [n, C] each; negative only where it is used."""

    positive: Tensor
    negative: Tensor


@dataclass(frozen=True, eq=False)
class Support:
    """What remains of n supports once they are read.

    Args:
        prompts: of stage 1, [n, queries, C] a branch.
        prototypes: [n, C] a branch.
        merged: the positive support map, [n, C, h, w].
        sources: n features that the query's positive prior compares with.
        negative_sources: n features of the negative prior; empty where no branch reads it.
    """

    prompts: Prompts
    prototypes: Prototypes
    merged: Tensor
    sources: Sequence[PriorSource]
    negative_sources: Sequence[PriorSource] = ()

    @staticmethod
    def join(parts: Sequence[Support]) -> Support:
        """Put supports one after the other."""
        return Support(
            Prompts(*(torch.cat(x) for x in zip(*(p.prompts for p in parts), strict=True))),
            Prototypes(*(torch.cat(x) for x in zip(*(p.prototypes for p in parts), strict=True))),
            torch.cat([p.merged for p in parts]),
            [source for p in parts for source in p.sources],
            [source for p in parts for source in p.negative_sources],
        )

    def rows(self, index: Sequence[int]) -> Support:
        """Return the supports at `index`, in that order, each as often as it is named."""
        at = torch.tensor(list(index), device=self.merged.device)
        return replace(
            self,
            prompts=Prompts(*(x[at] for x in self.prompts)),
            prototypes=Prototypes(*(x[at] for x in self.prototypes)),
            merged=self.merged[at],
            sources=[self.sources[i] for i in index],
            negative_sources=[self.negative_sources[i] for i in index if self.negative_sources],
        )


class Query(NamedTuple):
    """Maps of n queries: fused backbone features (None for prior-only), SAM's, and stage 4."""

    fused: Tensor | None
    sam: Tensor
    last: Tensor

    def rows(self, index: Sequence[int]) -> Query:
        """Return the queries at `index`; stage 4 stays whole, since only priors read it."""
        at = torch.tensor(list(index), device=self.sam.device)
        fused = None if self.fused is None else self.fused[at]
        return Query(fused, self.sam[at], self.last)


class Merged(NamedTuple):
    """Query maps [n, C, h, w]; the negative one only for `paper_negative`."""

    positive: Tensor
    negative: Tensor | None
