"""Changes of colour, one for each canvas, batched on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from canvases.damage import GREY, constant, stored

PERMUTATIONS = ((2, 1, 0), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1))


@dataclass(frozen=True, eq=False)
class Recolouring:
    """y = matrix @ x ** power + offset, on colours with 1 = white.

    Args:
        matrix: [n, 3, 3].
        offset: [n, 3].
        power: [n].
    """

    matrix: Tensor
    offset: Tensor
    power: Tensor

    def __call__(self, pictures: Tensor) -> Tensor:
        """Recolour [n * r, 3, s, s], 0..255; r neighbours share a change."""
        times = len(pictures) // len(self.matrix)
        matrix, offset, power = (
            t.repeat_interleave(times, dim=0) for t in (self.matrix, self.offset, self.power)
        )
        curved = (pictures / 255).clamp(min=1e-4) ** power.view(-1, 1, 1, 1)
        mixed = torch.einsum("nij,njyx->niyx", matrix, curved) + offset[:, :, None, None]
        return stored(255 * mixed)


def draw_recolouring(count: int, random: torch.Generator, device: torch.device) -> Recolouring:
    """Draw changes; the whole negative is never among them, for it is kept for a test.

    Kinds: swapped channels, one or two channels inverted, a tint, grey, brightness and contrast, a
    matrix around the identity, one colour on another by brightness.
    """
    drawn = torch.rand(count, 24, generator=random, device=device)
    eye = torch.eye(3, device=device).expand(count, 3, 3)
    swaps = torch.eye(3, device=device)[constant(PERMUTATIONS, device)]
    swapped = swaps[(drawn[:, 0] * len(PERMUTATIONS)).long().clamp(max=len(PERMUTATIONS) - 1)]
    # Numbers 1 to 6 in binary say which channels are inverted: neither none nor all.
    number = 1 + (drawn[:, 1] * 6).long().clamp(max=5)
    inverted = (number[:, None] >> torch.arange(3, device=device)) & 1
    share = constant(GREY, device)
    tint = 0.3 + drawn[:, 2:5]
    bright = share.expand(count, 3, 3)
    scale = 0.5 + drawn[:, 5:6]
    first, second = drawn[:, 6:9], drawn[:, 9:12]
    noisy = eye + 0.8 * (drawn[:, 12:21].view(-1, 3, 3) - 0.5)
    zero = torch.zeros(count, 3, device=device)
    kinds = [
        (swapped, zero),
        (torch.diag_embed(1.0 - 2 * inverted), inverted.float()),
        (torch.diag_embed(tint / tint.amax(1, keepdim=True)), zero),
        (bright, zero),
        (eye * scale[:, None], (0.5 * (1 - scale)).expand(-1, 3) + 0.3 * (drawn[:, 21:22] - 0.5)),
        (noisy / noisy.sum(2, keepdim=True).clamp(min=0.4), zero),
        (bright * (second - first)[:, :, None], first),
    ]
    which = (torch.rand(count, generator=random, device=device) * len(kinds)).long()
    which = which.clamp(max=len(kinds) - 1)
    row = torch.arange(count, device=device)
    matrix = torch.stack([kind[0] for kind in kinds])[which, row]
    offset = torch.stack([kind[1] for kind in kinds])[which, row]
    power = torch.where(drawn[:, 22] < 0.25, torch.exp2(2 * drawn[:, 23] - 1), 1.0)
    return Recolouring(matrix, offset, power)
