"""Views: pictures turned, zoomed, moved and lit anew, in the square that a network reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_segmentation.segic.network import MEAN
from tableaux.draws import Draws, tied
from tableaux.pools import OUTSIDE, STORED, Gallery

SUPERSAMPLED = 160
"""Up to this side pictures are sampled at twice the side and averaged."""
_LOOK = 32
"""Side at which it is looked whether a view still shows its class."""
_SHOWN = 0.01
AS_READ = 0.25
"""Share of views that are framed as `segic` frames a picture: whole, at the upper left."""


@dataclass(frozen=True, eq=False)
class Pose:
    """What part of each of N pictures the square shows.

    Args:
        centre: pixel of the picture at the middle of the square, [N, 2].
        extent: pixels along the square's sides, [N, 2]; a negative width mirrors.
        turn: radians, [N].
    """

    centre: Tensor
    extent: Tensor
    turn: Tensor

    def theta(self) -> Tensor:
        """Return the map from the square to the stored picture, [N, 2, 3], as grids have it."""
        half = self.extent / STORED
        cos, sin = self.turn.cos(), self.turn.sin()
        wide, high = half[:, 0], half[:, 1]
        middle = self.centre * (2 / STORED) - 1
        rows = [
            torch.stack([wide * cos, -wide.abs() * sin, middle[:, 0]], dim=1),
            torch.stack([high * sin * wide.sign(), high * cos, middle[:, 1]], dim=1),
        ]
        return torch.stack(rows, dim=1)

    def moved(self, places: Tensor) -> Pose:
        """Let the middle of the view lie elsewhere in the square, at [N, 2] in -1 to 1."""
        size = self.extent.abs()
        mirrored = torch.stack([self.extent[:, 0].sign() * places[:, 0], places[:, 1]], dim=1)
        return Pose(self.centre - size / 2 * mirrored, self.extent, self.turn)

    def where(self, condition: Tensor, other: Pose) -> Pose:
        """Take these poses where a condition bool [N] holds, and others elsewhere."""
        column = condition[:, None]
        return Pose(
            torch.where(column, self.centre, other.centre),
            torch.where(column, self.extent, other.extent),
            torch.where(condition, self.turn, other.turn),
        )


def as_read(draws: Draws, sizes: Tensor) -> Pose:
    """Frame pictures of sizes [N, 2] as they are read, mirrored half of the time."""
    count = len(sizes)
    longest = sizes.amax(1)
    mirrored = draws.sign(count)
    across = torch.where(mirrored > 0, longest / 2, sizes[:, 0] - longest / 2)
    centre = torch.stack([across, longest / 2], dim=1)
    extent = torch.stack([longest * mirrored, longest], dim=1)
    return Pose(centre, extent, torch.zeros(count, device=sizes.device))


def random_poses(draws: Draws, sizes: Tensor, near: Tensor) -> Pose:
    """Draw views of pictures.

    Aspects are kept more often than not.

    Args:
        draws: of the batch.
        sizes: width and height of the pictures, [B, G, 2].
        near: tableaux whose views differ little, as frames of a video, [B]; 0 = none.
    """
    shape = sizes.shape[:2]
    low, high = math.log(0.75), math.log(2.2)
    zoom = tied(draws.uniform(*shape, 1, low=low, high=high), near, 0.12).exp()
    kept = tied(draws.uniform(*shape, 1), near, 0.0) < 0.65
    extent = torch.where(kept, sizes.amax(2, keepdim=True).expand_as(sizes), sizes) / zoom
    room = (0.5 * (1 - 1 / zoom)).clamp_min(0.06)
    share = 0.5 + tied(draws.uniform(*shape, 2, low=-1, high=1), near, 0.12) * room
    mirrored = tied(draws.sign(*shape, 1), near, 0.0)
    extent = torch.cat([extent[..., :1] * mirrored, extent[..., 1:]], dim=2)
    turn = tied(draws.normal(*shape, scale=0.22), near, 0.2)
    return Pose((sizes * share).flatten(0, 1), extent.flatten(0, 1), turn.flatten())


def sample(gallery: Gallery, places: Tensor, pose: Pose, side: int) -> tuple[Tensor, Tensor]:
    """Take views of stored pictures.

    Args:
        gallery: the pictures.
        places: which ones, [N].
        pose: what to show of them.
        side: of the square.

    Returns:
        Float32 [N, 3, S, S] in [0, 1] and labels uint8 [N, S, S].
    """
    fine = 2 * side if side <= SUPERSAMPLED else side
    stored = gallery.pictures[places].float() / 255
    images = F.grid_sample(stored, _grid(pose, fine), align_corners=False)
    if fine != side:
        images = F.avg_pool2d(images, 2)
    return images, seen_labels(gallery, places, pose, side)


def seen_labels(gallery: Gallery, places: Tensor, pose: Pose, side: int) -> Tensor:
    """Return the labels of views, uint8 [N, S, S]."""
    # what lies beside is sampled as zero
    stored = OUTSIDE - gallery.labels[places].float()[:, None]
    found = F.grid_sample(stored, _grid(pose, side), mode="nearest", align_corners=False)
    return (OUTSIDE - found[:, 0]).round().to(torch.uint8)


def _grid(pose: Pose, side: int) -> Tensor:
    theta = pose.theta()
    return F.affine_grid(theta, [len(theta), 3, side, side], align_corners=False)


def showing(
    draws: Draws, gallery: Gallery, places: Tensor, kinds: Tensor, near: Tensor, tries: int = 3
) -> Pose:
    """Draw views that still show a class; the whole picture where none does.

    Args:
        draws: of the batch.
        gallery: the pictures.
        places: which ones, [B, G].
        kinds: the class of each, [B, G].
        near: tableaux whose views differ little, [B]; 0 = none.
        tries: views looked at.
    """
    flat, sizes = places.flatten(), gallery.sizes[places]
    found = whole = as_read(draws, sizes.flatten(0, 1))
    done = draws.chance(AS_READ, *places.shape)
    done = (done & (near == 0)[:, None]).flatten()
    for _ in range(tries):
        pose = random_poses(draws, sizes, near)
        labels = seen_labels(gallery, flat, pose, _LOOK)
        share = (labels == kinds.flatten()[:, None, None]).float().mean((1, 2))
        fits = (share > _SHOWN) & ~done
        found = pose.where(fits, found)
        done = done | fits
    return found.where(done, whole)


def lit(draws: Draws, images: Tensor, near: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and colour; at times blur, noise or grey.

    In a quarter of the tableaux all pictures have their channels swapped or inverted alike.

    Args:
        draws: of the batch.
        images: float32 [B, G, 3, S, S] in [0, 1].
        near: tableaux that are lit almost alike, [B]; 0 = none.
    """
    shape = images.shape[:2]

    def drawn(low: float, high: float, channels: int = 1) -> Tensor:
        return tied(draws.uniform(*shape, channels, 1, 1, low=low, high=high), near, 0.2)

    def some(share: float) -> Tensor:
        return tied(draws.uniform(*shape, 1, 1, 1), near, 0.0) < share

    soft = F.avg_pool2d(images.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(images)
    x = torch.where(some(0.2), images + drawn(0.3, 1.0) * (soft - images), images)
    mean = x.mean((2, 3, 4), keepdim=True)
    y = (x - mean) * drawn(0.65, 1.4) + mean
    grey = y.mean(2, keepdim=True)
    y = grey + (y - grey) * torch.where(some(0.08), 0.0, drawn(0.5, 1.5))
    y = y * drawn(0.85, 1.15, 3) + drawn(-0.12, 0.12)
    x = torch.where(some(0.9), y, x)
    noise = draws.normal(*images.shape) * drawn(0.01, 0.06)
    x = torch.where(some(0.2), x + noise, x).clamp(0, 1)
    order = draws.uniform(shape[0], 3).argsort(1)
    inverted = draws.chance(0.3, shape[0], 1, 3, 1, 1)
    swapped = x.gather(2, order[:, None, :, None, None].expand_as(x))
    swapped = torch.where(inverted, 1 - swapped, swapped)
    return torch.where(draws.chance(0.25, shape[0], 1, 1, 1, 1), swapped, x)


def without_outside(images: Tensor, labels: Tensor) -> Tensor:
    """Give what lies beside pictures the colour that is zero after normalisation."""
    mean = torch.tensor(MEAN, device=images.device)[:, None, None]
    return torch.where((labels == OUTSIDE)[:, None], mean, images)
