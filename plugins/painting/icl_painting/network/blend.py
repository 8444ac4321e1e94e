"""An optional last step that weighs answers against each other: own addition, no paper has it.

Four candidates say what the answer could be at each pixel: what the network painted, the query as
it is, the query in the colours that the prompt pair teaches, and the query filtered as the pair
teaches (`icl_painting.network.pairfilter`). A small convolutional network sees them and the summary
of the pair, and paints their weighted mean plus a correction. What is the same everywhere in a
picture (noise, blur, lost resolution) is left to the filter, which knows the pair's own noise; what
is in the picture (masks, edges, holes) to the transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_painting.canvas import MEAN, STD
from icl_painting.network.detail import DetailBlock
from icl_painting.network.pairfilter import SUMMARY, PairFilter, read_pairs

CANDIDATES = 4
OUTER_BLOCKS, INNER_BLOCKS = 2, 1
"""Residual blocks at half of the resolution, on either side, and at a quarter of it."""

SLOPE = 0.1
"""Of the last rectifier, below 0."""

HIDDEN = 64
"""Width between the summary and what it scales and shifts."""


class Blend(nn.Module):
    """Weighs candidates.

    Args:
        width: channels at half of the resolution.
        inner: channels at a quarter of it.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4 * 3 * CANDIDATES, width, 3, padding=1)
        self.before = nn.ModuleList(DetailBlock(width) for _ in range(OUTER_BLOCKS))
        self.down = nn.Conv2d(width, inner, 2, 2)
        self.inner = nn.ModuleList(DetailBlock(inner) for _ in range(INNER_BLOCKS))
        self.up = nn.ConvTranspose2d(inner, width, 2, 2)
        self.after = nn.ModuleList(DetailBlock(width) for _ in range(OUTER_BLOCKS))
        self.last = nn.Conv2d(width, 4 * (CANDIDATES + 3), 3, padding=1)
        self.sizes = [width] * OUTER_BLOCKS + [inner] * INNER_BLOCKS + [width] * OUTER_BLOCKS
        self.pair = nn.Sequential(
            nn.Linear(SUMMARY, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * sum(self.sizes))
        )

    def forward(self, candidates: Tensor, summary: Tensor) -> Tensor:
        """Blend.

        Args:
            candidates: [B, 4, 3, s, s]: painted, query, recoloured, filtered, in normalised
                colours; s is a multiple of 4.
            summary: [B or 1, SUMMARY] of the pair.

        Returns:
            [B, 3, s, s] in normalised colours, float32 or wider.
        """
        kind = torch.promote_types(candidates.dtype, torch.float32)
        weight = self.stem.weight
        terms = self.pair(summary.to(weight.dtype))[..., None, None]
        steps = [
            term.chunk(2, dim=1) for term in terms.split([2 * size for size in self.sizes], dim=1)
        ]
        place = iter(steps)
        seen = F.pixel_unshuffle(candidates.flatten(1, 2).to(weight.dtype), 2)
        x = self.stem(seen.contiguous(memory_format=torch.channels_last))
        for block in self.before:
            x = block(x, *next(place))
        y = self.down(x)
        for block in self.inner:
            y = block(y, *next(place))
        x = x + self.up(y)
        for block in self.after:
            x = block(x, *next(place))
        # Leaky: with plain rectifiers here, all of them once died in training.
        out = F.pixel_shuffle(self.last(F.leaky_relu(x, SLOPE)).to(kind), 2)
        share = out[:, :CANDIDATES].softmax(dim=1)
        mean = (share[:, :, None] * candidates.to(kind)).sum(dim=1)
        answer: Tensor = mean + out[:, CANDIDATES:]
        return answer

    @torch.no_grad()
    def start_as_painted(self) -> None:
        """Let a new network give nearly what was painted, and correct nothing."""
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        shares = torch.tensor([2.0, 0, 0, 0, 0, 0, 0])
        self.last.bias.copy_(shares.repeat_interleave(4))


def pair_filter(images: Tensor, targets: Tensor) -> PairFilter:
    """Read the filter of prompts that answer together, [N, 3, s, s] each, normalised."""
    with torch.autocast(images.device.type, enabled=False):
        return read_pairs(_unit(images), _unit(targets))


def blended(
    blend: Blend, painted: Tensor, queries: Tensor, filters: Sequence[PairFilter]
) -> Tensor:
    """Give the answers to queries.

    Args:
        blend: the last step.
        painted: [B, 3, s, s], what the network painted, normalised.
        queries: the same shape.
        filters: one for all queries, or one for each.

    Returns:
        [B, 3, s, s] in normalised colours, float32 or wider.
    """
    if len(filters) == 1:
        found, summary = candidates(painted, queries, filters[0]), filters[0].summary[None]
    else:
        each = zip(painted[:, None], queries[:, None], filters, strict=True)
        found = torch.cat([candidates(one, query, pair) for one, query, pair in each])
        summary = torch.stack([pair.summary for pair in filters])
    answer: Tensor = blend(found, summary)
    return answer


def candidates(painted: Tensor, queries: Tensor, pair: PairFilter) -> Tensor:
    """Return what `Blend.forward` chooses from, float32 [B, 4, 3, s, s]."""
    mean, std = _colour_scale(queries.device)
    # Halves are too coarse for the sums of a filter, as in `pair_filter`.
    with torch.autocast(queries.device.type, enabled=False):
        recoloured = pair.recoloured(_unit(queries))
        filtered = pair.filtered(recoloured)
    own = [(colours - mean) / std for colours in (recoloured.clamp(0, 1), filtered)]
    return torch.stack([painted.float(), queries.float(), *own], dim=1)


def _unit(normalised: Tensor) -> Tensor:
    """Return colours float32, 1 = white."""
    mean, std = _colour_scale(normalised.device)
    return normalised.float() * std + mean


@lru_cache(maxsize=4)
def _colour_scale(device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, STD))
    return mean, std
