"""Scenes in which nothing but the example tells what is meant.

Each scene holds things of several classes that are all equally salient; the scenes of a tableau
show the same classes, elsewhere, in other sizes, in other drawings and on other backgrounds. Some
tableaux are clips: the same things move a little, as in the frames of a video.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from tableaux.draws import Draws, tied
from tableaux.pools import MIPS, Atlas, Gallery
from tableaux.views import random_poses, sample

CLASSES = 4
"""Most classes of a tableau."""
LAYERS = 9
"""Most things of a scene."""
_CLASS_SHARES = (0.1, 0.3, 0.35, 0.25)
_LEAST_OPACITY = 0.5


def compose(
    draws: Draws, atlas: Atlas, gallery: Gallery, near: Tensor, pictures: int, side: int
) -> tuple[Tensor, Tensor]:
    """Draw the scenes of tableaux.

    Args:
        draws: of the batch.
        atlas: of the things.
        gallery: pictures to paste on.
        near: which tableaux are clips, and how fast they are, [B]; 0 = none.
        pictures: G, of each tableau.
        side: of the scenes in pixels.

    Returns:
        Float32 [B * G, 3, S, S] in [0, 1] and labels uint8 [B * G, S, S]: 0, or 1 to 4.
    """
    shape = (len(near), pictures)
    images = _backgrounds(draws, gallery, near, pictures, side)
    labels = torch.zeros(len(images), side, side, dtype=torch.uint8, device=images.device)
    numbers, things, there = _cast(draws, atlas, near, pictures)
    order = tied(draws.uniform(*shape, LAYERS), near, 0.0).argsort(2)
    crowd = (there.sum(2, keepdim=True).clamp_min(1).float() ** -0.5).clamp_min(0.45) * 1.3
    middle = tied(draws.uniform(*shape, LAYERS, 2, low=0.02, high=0.98), near, 0.08)
    turn = tied(draws.normal(*shape, LAYERS, scale=0.3), near, 0.3)
    stretch = tied(draws.uniform(*shape, LAYERS, low=-0.25, high=0.25), near, 0.3).exp()
    mirrored = tied(draws.sign(*shape, LAYERS), near, 0.0)
    gain = tied(draws.uniform(*shape, LAYERS, 3, low=0.7, high=1.25), near, 0.2)
    lift = tied(draws.uniform(*shape, LAYERS, 1, low=-0.08, high=0.08), near, 0.2)
    for slot in range(LAYERS):
        place = order[..., slot, None]
        large = slot % 2 == 0
        low, high = (0.38, 1.1) if large else (0.14, 0.5)
        drawn = draws.uniform(*shape, 1, low=math.log(low), high=math.log(high))
        size = tied(drawn, near, 0.15).exp() * crowd
        mip = MIPS[(0 if large else 1) + (side <= 160)]
        stored = atlas.mips[mip][things.gather(2, place).flatten()].float() / 255
        theta = _theta(
            middle.gather(2, place[..., None].expand(-1, -1, -1, 2)).flatten(0, 2),
            size.flatten(),
            stretch.gather(2, place).flatten(),
            turn.gather(2, place).flatten(),
            mirrored.gather(2, place).flatten(),
        )
        grid = F.affine_grid(theta, [len(theta), 4, side, side], align_corners=False)
        seen = F.grid_sample(stored, grid, align_corners=False)
        seen = seen * there.gather(2, place).flatten()[:, None, None, None]
        wide = place[..., None].expand(-1, -1, -1, 3)
        bright = gain.gather(2, wide).flatten(0, 2)[..., None, None]
        lifted = lift.gather(2, place[..., None]).flatten()[:, None, None, None]
        opacity = seen[:, 3:]
        colours = (seen[:, :3] * bright + lifted * opacity).clamp(0, 1)
        images = colours + (1 - opacity) * images
        number = numbers.gather(2, place).flatten()[:, None, None]
        labels = torch.where(opacity[:, 0] >= _LEAST_OPACITY, number, labels)
    return images, labels


def _cast(draws: Draws, atlas: Atlas, near: Tensor, pictures: int) -> tuple[Tensor, Tensor, Tensor]:
    """Choose what is pasted: numbers uint8, rows of the atlas and whether it is there, [B, G, L].

    Number 0 is a thing that is not asked for.
    """
    count, device = len(near), draws.device
    shares = torch.tensor(_CLASS_SHARES, device=device)
    classes = draws.pick(shares, count) + 1
    own = draws.pick(atlas.weights, count)
    # mostly of one pool: things of another make would stand out
    mixed = draws.chance(0.3, count, 1)
    pools = torch.where(mixed, draws.pick(atlas.weights, count, LAYERS), own[:, None])
    kinds = atlas.pool_starts[pools] + draws.below(atlas.pool_counts[pools])
    layer = torch.arange(LAYERS, device=device).expand(count, LAYERS)
    asked = layer < classes[:, None]
    copied = draws.below(classes[:, None].expand(count, LAYERS))
    copy = ~asked & draws.chance(0.3, count, LAYERS)
    number = torch.where(asked, layer + 1, torch.where(copy, copied + 1, 0))
    kinds = torch.where(copy, kinds.gather(1, copied), kinds)
    present = asked | copy | draws.chance(0.25, count, LAYERS)
    shape = (count, pictures, LAYERS)
    seen = tied(draws.uniform(*shape), near, 0.0) < 0.88
    chosen = tied(draws.uniform(*shape), near, 0.0) * atlas.counts[kinds][:, None]
    rows = atlas.starts[kinds][:, None] + torch.minimum(
        chosen.long(), atlas.counts[kinds][:, None] - 1
    )
    numbers = number[:, None].expand(shape).to(torch.uint8)
    return numbers, rows, present[:, None] & seen


def _theta(middle: Tensor, size: Tensor, stretch: Tensor, turn: Tensor, mirror: Tensor) -> Tensor:
    """Return the map from the square to a thing's own square, [N, 2, 3]."""
    cos, sin = turn.cos(), turn.sin()
    wide, high = mirror / (size * stretch), stretch / size
    x, y = middle[:, 0] * 2 - 1, middle[:, 1] * 2 - 1
    rows = [
        torch.stack([wide * cos, wide * sin, -wide * (cos * x + sin * y)], dim=1),
        torch.stack([-high * sin, high * cos, high * (sin * x - cos * y)], dim=1),
    ]
    return torch.stack(rows, dim=1)


def _backgrounds(draws: Draws, gallery: Gallery, near: Tensor, pictures: int, side: int) -> Tensor:
    """Return parts of pictures or textures, [B * G, 3, S, S]; at times all of a tableau's alike."""
    shape = (len(near), pictures)
    alike = (near > 0) | draws.chance(0.3, len(near))
    count = torch.full(shape, len(gallery.pictures), device=draws.device)
    places = tied(draws.below(count).float(), alike, 0.0).long()
    pose = random_poses(draws, gallery.sizes[places] * 0.8, near)
    images, _ = sample(gallery, places.flatten(), pose, side)
    cells = tied(draws.uniform(*shape, 3, 8, 8), alike, 0.0).flatten(0, 1)
    soft = F.interpolate(cells, (side, side), mode="bicubic", align_corners=False)
    some = tied(draws.uniform(*shape), alike, 0.0).flatten()
    flat = cells[:, :, :1, :1].expand_as(images)
    textured = torch.where((some < 0.05)[:, None, None, None], flat, soft.clamp(0, 1))
    return torch.where((some < 0.22)[:, None, None, None], textured, images)
