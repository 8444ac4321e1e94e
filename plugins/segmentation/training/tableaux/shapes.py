"""Invented things: star-shaped outlines with textures and parts, as many classes as wanted."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from tableaux.draws import Draws, tied
from tableaux.pools import STORED, THING, Gallery

_WAVES = 6
_PATTERNS = 5


def invent(draws: Draws, classes: int, each: int, gallery: Gallery) -> Tensor:
    """Draw some things of each of some new classes.

    A class is an outline, a texture and a smaller part on it with another texture; things of a
    class differ a little. In one class in three the texture alone is the class, in one the outline
    alone, and the rest is new for each thing.

    Args:
        draws: of the batch.
        classes: number of classes.
        each: things of each.
        gallery: parts of its pictures are textures too.

    Returns:
        uint8 [classes * each, 4, 128, 128], colours multiplied by opacity.
    """
    what = draws.below(torch.full((classes,), 3, device=draws.device))
    same_outline, same_texture = what != 0, what != 1
    shape = (classes, each)
    outer = _outline(draws, shape, same_outline, 0.62)
    inner = _outline(draws, shape, same_outline, 0.3)
    body = _texture(draws, shape, same_texture, gallery)
    part = _texture(draws, shape, same_texture, gallery)
    has_part = draws.chance(0.6, classes, 1, 1, 1, 1).float()
    on = inner[:, :, None].float() * has_part
    colours = body * (1 - on) + part * on
    opacity = outer[:, :, None].float()
    things = torch.cat([colours * opacity, opacity], dim=2) * 255
    return things.round().clamp(0, 255).to(torch.uint8).flatten(0, 1)


def _places(device: torch.device) -> tuple[Tensor, Tensor]:
    steps = (torch.arange(THING, device=device) + 0.5) / (THING / 2) - 1
    return steps[None, :], steps[:, None]


def _outline(draws: Draws, shape: tuple[int, int], same: Tensor, size: float) -> Tensor:
    """Return bool [K, E, 128, 128]."""
    x, y = _places(draws.device)
    angle, radius = torch.atan2(y, x), (x**2 + y**2).sqrt()
    numbers = torch.arange(1, _WAVES + 1, device=draws.device)
    falls = numbers ** -tied(draws.uniform(*shape, 1, low=0.6, high=1.6), same, 0.0)
    strength = tied(draws.uniform(*shape, 1, low=0.08, high=0.3), same, 0.0)
    heights = tied(draws.normal(*shape, _WAVES), same, 0.0) * falls * strength
    heights = heights + draws.normal(*shape, _WAVES, scale=0.05) * falls
    phases = tied(draws.uniform(*shape, _WAVES, high=2 * math.pi), same, 0.0)
    # the part lies beside the middle
    shift = tied(draws.normal(*shape, 2, scale=0.15 if size < 0.5 else 0.0), same, 0.1)
    if size < 0.5:
        dx, dy = shift[..., 0, None, None], shift[..., 1, None, None]
        angle, radius = torch.atan2(y - dy, x - dx), ((x - dx) ** 2 + (y - dy) ** 2).sqrt()
    edge = torch.full_like(heights[..., 0, None, None], size)
    for n in range(_WAVES):
        wave = torch.cos((n + 1) * angle + phases[..., n, None, None])
        edge = edge + heights[..., n, None, None] * wave
    return radius < edge.clamp(0.1, 0.98)


def _texture(draws: Draws, shape: tuple[int, int], same: Tensor, gallery: Gallery) -> Tensor:
    """Return colours in [0, 1], [K, E, 3, 128, 128]."""
    x, y = _places(draws.device)
    first, second = (tied(draws.uniform(*shape, 3, 1, 1), same, 0.03) for _ in range(2))
    turn = tied(draws.uniform(*shape, 1, 1, high=math.pi), same, 0.05)
    size = tied(draws.uniform(*shape, 1, 1, low=4, high=20), same, 0.05)
    shift = draws.uniform(*shape, 1, 1, high=2 * math.pi)
    along, across = x * turn.cos() + y * turn.sin(), y * turn.cos() - x * turn.sin()
    stripes = 0.5 + 0.5 * torch.sin(size * along + shift)
    plaid = 0.5 + 0.5 * torch.sin(size * along + shift) * torch.sin(size * across + shift)
    spots = (plaid > 0.75).float()
    plain = (stripes * 0 + tied(draws.uniform(*shape, 1, 1, high=0.3), same, 0.0)).expand_as(plaid)
    ways = torch.stack([plain, stripes, plaid, spots], dim=2)
    kind = tied(draws.uniform(*shape, high=_PATTERNS), same, 0.0).long()
    chosen = F.one_hot(kind.clamp_max(3), 4)[..., None, None].float()
    share = (ways * chosen).sum(2)[:, :, None]
    colours = first + (second - first) * share
    photo = (kind == _PATTERNS - 1)[..., None, None, None]
    colours = torch.where(photo, _parts_of_pictures(draws, shape, same, gallery), colours)
    light = 1 + 0.25 * draws.normal(*shape, 1, 1, 1) * y
    return (colours * light).clamp(0, 1)


def _parts_of_pictures(
    draws: Draws, shape: tuple[int, int], same: Tensor, gallery: Gallery
) -> Tensor:
    """Cut squares out of pictures: [K, E, 3, 128, 128] in [0, 1]."""
    count = torch.full(shape, len(gallery.pictures), device=draws.device)
    place = tied(draws.below(count).float(), same, 0.0).long().flatten()
    least = gallery.sizes[place].amin(1).view(*shape, 1)
    side = least * tied(draws.uniform(*shape, 1, low=0.15, high=0.5), same, 0.05)
    room = gallery.sizes[place].view(*shape, 2) - side
    corner = room * tied(draws.uniform(*shape, 2), same, 0.05)
    steps = (torch.arange(THING, device=draws.device) + 0.5) / THING
    columns = (corner[..., :1] + side * steps) * (2 / STORED) - 1
    rows = (corner[..., 1:] + side * steps) * (2 / STORED) - 1
    wide = (*shape, THING, THING)
    grid = torch.stack([columns[:, :, None].expand(wide), rows[..., None].expand(wide)], dim=-1)
    cut = F.grid_sample(
        gallery.pictures[place].float() / 255, grid.flatten(0, 1), align_corners=False
    )
    return cut.view(*shape, 3, THING, THING)
