"""Parts of pictures: windows at a scale, what lies beyond a border mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Windows:
    """Where n squares are cut, each from a picture of its own.

    Args:
        side: of the squares.
        top: [n], row of the picture at which a square begins.
        left: [n].
        step: [n, 2], pixels of the picture from a row, or column, of the square to the next.
        flip: bool [n], mirrored left to right.
        sizes: [n, 2], height and width of the pictures.
    """

    side: int
    top: Tensor
    left: Tensor
    step: Tensor
    flip: Tensor
    sizes: Tensor

    def cut(self, pictures: Tensor, mode: str = "bilinear") -> Tensor:
        """Cut the squares.

        Args:
            pictures: [n, C, H, W], each in the upper left corner; any number type.
            mode: "bilinear" or "nearest".

        Returns:
            float32 [n, C, side, side].
        """
        place = torch.arange(self.side, device=pictures.device, dtype=torch.float32)
        down = self.top[:, None] + (place + 0.5) * self.step[:, :1] - 0.5
        across = self.left[:, None] + (place + 0.5) * self.step[:, 1:] - 0.5
        down = mirrored(down, self.sizes[:, :1])
        width = self.sizes[:, 1:]
        across = mirrored(across, width)
        across = torch.where(self.flip[:, None], width - 1 - across, across)
        y = (2 * down + 1) / pictures.shape[2] - 1
        x = (2 * across + 1) / pictures.shape[3] - 1
        grid = torch.stack(
            [
                x[:, None, :].expand(-1, self.side, -1),
                y[:, :, None].expand(-1, -1, self.side),
            ],
            dim=-1,
        )
        return functional.grid_sample(
            pictures.float(), grid, mode=mode, padding_mode="border", align_corners=False
        )

    @property
    def inside(self) -> Tensor:
        """Rows and columns of each square that the picture fills, [n, 2], the rest is mirrored."""
        start = torch.stack([self.top, self.left], dim=1)
        return ((self.sizes - start) / self.step).round().clamp(1, self.side)


def mirrored(place: Tensor, size: Tensor) -> Tensor:
    """Fold places into a picture of this size whose border pixels are repeated: 0..size-1."""
    folded = torch.remainder(place + 0.5, 2 * size)
    # Half a pixel beyond a border would blend in what is not the picture.
    return torch.minimum(torch.minimum(folded, 2 * size - folded) - 0.5, size - 1).clamp(min=0)


def native_windows(
    sizes: Tensor, side: int, random: torch.Generator, plain: float = 0.5
) -> Windows:
    """Draw windows for repair: half at the pictures' own scale, the others at 0.5 to 1.2 of it.

    A picture that is smaller than the window begins in its corner.

    Args:
        sizes: [n, 2].
        side: of the squares.
        random: of all draws.
        plain: share at the own scale, at whole pixels.
    """
    count, device = len(sizes), sizes.device
    drawn = torch.rand(count, 5, generator=random, device=device)
    step = torch.where(drawn[:, 0] < plain, torch.ones_like(drawn[:, 0]), 0.83 + 1.17 * drawn[:, 1])
    # A window that is larger than the picture would be mirrored for the most part.
    step = torch.minimum(step, (sizes.amin(1) * 1.3 / side).clamp(min=1))
    room = (sizes - side * step[:, None]).clamp(min=0)
    start = room * drawn[:, 2:4]
    whole = (start + 0.5).floor().minimum(room.floor())
    start = torch.where((step == 1)[:, None], whole, start)
    return Windows(
        side, start[:, 0], start[:, 1], step[:, None].expand(-1, 2), drawn[:, 4] < 0.5, sizes
    )


def object_windows(sizes: Tensor, centres: Tensor, side: int, random: torch.Generator) -> Windows:
    """Draw windows for masks: a half to all of the picture, with the object's middle inside.

    Args:
        sizes: [n, 2].
        centres: [n, 2], row and column of the object.
        side: of the squares.
        random: of all draws.
    """
    drawn = torch.rand(len(sizes), 6, generator=random, device=sizes.device)
    longest = sizes.amax(1, keepdim=True)
    # Of the longer side; smaller pictures at most at their own scale, as they are shown later.
    step = (longest * (0.5 + 0.55 * drawn[:, :1]) / side).clamp(min=0.75)
    step = torch.where(longest <= side, torch.ones_like(step), step)
    stretch = 0.16 * (drawn[:, 1:2] - 0.5)
    step = step * torch.exp(torch.cat([stretch, -stretch], dim=1))
    extent = step * side
    wanted = centres - extent * (0.2 + 0.6 * drawn[:, 2:4])
    start = torch.minimum(wanted.clamp(min=0), (sizes - extent).clamp(min=0))
    return Windows(side, start[:, 0], start[:, 1], step, drawn[:, 4] < 0.5, sizes)


def continue_mirrored(pictures: Tensor, inside: Tensor) -> Tensor:
    """Replace what lies beyond `inside` by the mirror image, as a smaller picture is continued.

    Args:
        pictures: [n, C, s, s].
        inside: [n, 2], rows and columns that are kept.
    """
    side = pictures.shape[-1]
    place = torch.arange(side, device=pictures.device, dtype=inside.dtype)
    rows, columns = (
        mirrored(place[None], inside[:, axis : axis + 1]).round().long() for axis in (0, 1)
    )
    channels = pictures.shape[1]
    down = pictures.gather(2, rows[:, None, :, None].expand(-1, channels, -1, side))
    return down.gather(3, columns[:, None, None, :].expand(-1, channels, side, -1))


def is_inside(inside: Tensor, side: int) -> Tensor:
    """Return where pictures are not mirrored: float32 [n, 1, side, side]."""
    place = torch.arange(side, device=inside.device)
    rows, columns = (place[None] < inside[:, axis : axis + 1] for axis in (0, 1))
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()
