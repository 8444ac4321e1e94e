"""An optional branch at full resolution beside the decoder: own addition, no paper has it.

Patches carry what is asked and what is where, and lose fine detail in a small network. This branch
sees the query's pixels beside the decoder's features of each pixel, and paints
`mix @ query + painted`: a picture that is only repaired or recoloured comes from the query's own
pixels, and a mask or a picture of edges has a mix of about 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

FULL_BLOCKS, HALF_BLOCKS = 1, 3
"""Residual blocks at full resolution, on either side, and at half of it."""


class DetailBlock(nn.Module):
    """Two convolutions beside a residual; the inner channels are scaled and shifted by the task.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Map [B, C, h, w] to the same shape; scale and shift are [B, C, 1, 1]."""
        inner = F.relu(torch.addcmul(shift, self.first(x), 1 + scale))
        added: Tensor = x + self.second(inner)
        return added


class DetailBranch(nn.Module):
    """Paints the query's half at full resolution.

    Args:
        detail: channels at full resolution; half of it has twice as many.
        features: channels of the decoder's map.
        width: D of the tokens.
    """

    def __init__(self, detail: int, features: int, width: int) -> None:
        super().__init__()
        wide = 2 * detail
        self.stem = nn.Conv2d(3 + features, detail, 3, padding=1)
        self.before = nn.ModuleList(DetailBlock(detail) for _ in range(FULL_BLOCKS))
        self.down = nn.Conv2d(detail, wide, 2, 2)
        self.coarse = nn.ModuleList(DetailBlock(wide) for _ in range(HALF_BLOCKS))
        self.up = nn.ConvTranspose2d(wide, detail, 2, 2)
        self.after = nn.ModuleList(DetailBlock(detail) for _ in range(FULL_BLOCKS))
        self.last = nn.Conv2d(detail, 12, 3, padding=1)
        self.sizes = [detail] * FULL_BLOCKS + [wide] * HALF_BLOCKS + [detail] * FULL_BLOCKS
        self.task = nn.Linear(width, 2 * sum(self.sizes))

    def forward(self, query: Tensor, features: Tensor, tokens: Tensor, painted: Tensor) -> Tensor:
        """Paint the query's answer.

        Args:
            query: [B, 3, s, s], normalised; s is even.
            features: [B, C, s, s], the decoder's map of the query.
            tokens: [B, D], mean over the query's tokens of the last tap.
            painted: [B, 3, s, s], what the decoder painted.

        Returns:
            [B, 3, s, s] in normalised colours, float32 or wider.
        """
        terms = self.task(tokens)[..., None, None].split([2 * size for size in self.sizes], dim=1)
        steps = [term.chunk(2, dim=1) for term in terms]
        seen = torch.cat([query.to(features.dtype), features], dim=1)
        x = F.relu(self.stem(seen.contiguous(memory_format=torch.channels_last)))
        place = iter(steps)
        for block in self.before:
            x = block(x, *next(place))
        y = self.down(x)
        for block in self.coarse:
            y = block(y, *next(place))
        x = x + self.up(y)
        for block in self.after:
            x = block(x, *next(place))
        kind = torch.promote_types(query.dtype, torch.float32)
        out = self.last(F.relu(x)).to(kind)
        mixed = (out[:, 3:].unflatten(1, (3, 3)) * query[:, None].to(kind)).sum(dim=2)
        answer: Tensor = painted.to(kind) + out[:, :3] + mixed
        return answer

    @torch.no_grad()
    def start_as_query(self) -> None:
        """Let a new branch paint the query as it is, and leave the painted colours as they are."""
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        self.last.bias.copy_(torch.tensor([0.0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]))
        nn.init.trunc_normal_(self.task.weight, std=0.02, a=-0.04, b=0.04)
        nn.init.zeros_(self.task.bias)
