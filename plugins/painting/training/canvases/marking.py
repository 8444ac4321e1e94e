"""Tasks about objects: masks of photographs, of drawn shapes, and of one sprite among others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from canvases import damage
from canvases.bank import Bank
from canvases.lessons import Pairs, pairs_of, photographs, pick, twice, uniform
from canvases.recolour import draw_recolouring
from canvases.windows import object_windows

SLOTS = 3
"""Sprites in a scene."""

IGNORE = 255


def masks(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """A class of the photographs with masks."""
    return _labelled(bank, bank.class_share, count, side, random)


def drawn_masks(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Drawn shapes of one colour, of one form, or all."""
    return _labelled(bank, bank.drawn_share, count, side, random)


def _labelled(bank: Bank, shares: Tensor, count: int, side: int, random: torch.Generator) -> Pairs:
    kind = pick(shares, count, random)
    first, members = bank.class_first[kind], bank.class_count[kind]
    draws = torch.rand(2, count, generator=random, device=shares.device)
    one = (draws[0] * members).long().minimum(members - 1)
    other = (one + 1 + (draws[1] * (members - 1)).long()) % members
    entry = torch.stack([first + one, first + other], dim=1).flatten()
    number = bank.entry_picture[entry]
    windows = object_windows(bank.sizes[number], bank.entry_centre[entry], side, random)
    inputs = _other_light(windows.cut(bank.pictures[number]), random)
    labels = windows.cut(bank.labels[number][:, None], "nearest").round().long()
    mask = bank.entry_values[entry].gather(1, labels.flatten(1)).view_as(labels).float()
    valid = (labels != IGNORE).float()
    return pairs_of(inputs, painted(mask, inputs, random), windows.inside, valid)


def _other_light(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Change the light of most pictures, each alone, and the colours of some pairs alike."""
    count, device = len(pictures), pictures.device
    gain = uniform(count, 0.65, 1.3, random)[:, None] * (
        0.9 + 0.2 * torch.rand(count, 3, generator=random, device=device)
    )
    offset = uniform(count, -25, 25, random)[:, None]
    plain = uniform(count, 0, 1, random)[:, None] < 0.35
    gain, offset = torch.where(plain, 1.0, gain), torch.where(plain, 0.0, offset)
    lit = damage.stored(pictures * gain[:, :, None, None] + offset[:, :, None, None])
    change = draw_recolouring(count // 2, random, device)
    draw = twice(torch.rand(count // 2, 1, 1, 1, generator=random, device=device))
    return torch.where(draw < 0.15, change(lit), lit)


def painted(mask: Tensor, inputs: Tensor, random: torch.Generator) -> Tensor:
    """Paint masks in one style for prompt and query.

    White on black 35 %, one colour on black 30 %, on another colour 20 %; the object cut out 7 %,
    the object coloured in the picture 8 %.

    Args:
        mask: [2m, 1, s, s], 0 to 1.
        inputs: [2m, 3, s, s].
        random: of styles and colours.
    """
    count = len(mask) // 2
    device = mask.device
    style = twice(torch.rand(count, 1, 1, 1, generator=random, device=device))
    front = torch.rand(count, 3, 1, 1, generator=random, device=device)
    front = front / front.amax(1, keepdim=True) * uniform(count, 0.6, 1, random).view(-1, 1, 1, 1)
    back = torch.rand(count, 3, 1, 1, generator=random, device=device)
    # Two colours that are too alike would show nothing.
    alike = (front - back).abs().amax(1, keepdim=True) < 0.35
    back = torch.where(alike, 1 - front.round(), back)
    front, back = (twice(colour).expand_as(inputs) * 255 for colour in (front, back))
    front = torch.where(style < 0.35, torch.full_like(front, 255), front)
    back = torch.where(style < 0.65, torch.zeros_like(back), back)
    front = torch.where((style > 0.85) & (style < 0.92), inputs, front)
    back = torch.where((style > 0.85) & (style < 0.92), torch.zeros_like(back), back)
    front = torch.where(style > 0.92, 0.4 * inputs + 0.6 * front, front)
    back = torch.where(style > 0.92, inputs, back)
    return damage.stored(back + (front - back) * mask)


def scenes(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Scenes of three sprites; one of them is the answer, and all are in prompt and query.

    Grounds, places, sizes, light and, of half of the sprites, the drawing style differ.
    """
    ground, inside = photographs(bank, 2 * count, side, random)
    calm = uniform(2 * count, 0, 1, random).view(-1, 1, 1, 1)
    clouds = 255 * torch.rand(2 * count, 3, 4, 4, generator=random, device=device)
    clouds = functional.interpolate(clouds, size=(side, side), mode="bicubic").clamp(0, 255)
    picture = torch.where(calm < 0.25, clouds, ground)
    which = torch.randint(len(bank.sprites), (count, SLOTS), generator=random, device=device)
    # Now and then the first is there twice, and never as another one.
    answer = torch.zeros(2 * count, 1, side, side, device=device)
    order = torch.rand(2 * count, SLOTS, generator=random, device=device).argsort(dim=1)
    around = uniform(2 * count, 0, 2 * torch.pi, random)
    for place in range(SLOTS):
        slot = order[:, place]
        sprite = twice(which).gather(1, slot[:, None])[:, 0]
        wanted = ((slot == 0) | (sprite == twice(which)[:, 0])).view(-1, 1, 1, 1)
        style = torch.randint(2, (2 * count,), generator=random, device=device)
        turned = around + 2 * torch.pi * place / SLOTS
        layer = _placed(bank.sprites[sprite, style].float(), side, turned, random)
        cover = layer[:, 3:] / 255
        light = uniform(2 * count, 0.75, 1.2, random).view(-1, 1, 1, 1)
        picture = picture + (light * layer[:, :3] - picture) * cover
        answer = torch.where(wanted, torch.maximum(answer, cover), answer * (1 - cover))
    inputs = damage.stored(picture)
    whole = torch.full_like(inside, side)
    return pairs_of(inputs, painted(answer, inputs, random), whole)


def _placed(sprites: Tensor, side: int, start: Tensor, random: torch.Generator) -> Tensor:
    """Turn, size and move sprites [n, 4, h, h] onto squares: [n, 4, side, side].

    Args:
        sprites: colours and opacity, 0..255.
        side: of the squares.
        start: [n], direction from the middle in which each lies, about.
        random: of all draws.
    """
    count = len(sprites)
    size = uniform(count, 0.28, 0.6, random)  # of the side
    turn = uniform(count, -0.5, 0.5, random)
    mirror = uniform(count, 0, 1, random).sub(0.5).sign()
    angle = start + uniform(count, -0.7, 0.7, random)
    reach = uniform(count, 0.2, 0.6, random)
    x, y = reach * torch.cos(angle), reach * torch.sin(angle)
    cosine, sine = torch.cos(turn) / size, torch.sin(turn) / size
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, sine * mirror, -(cosine * x + sine * y) * mirror], 1),
            torch.stack([-sine, cosine, sine * x - cosine * y], 1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, [count, 4, side, side], align_corners=False)
    # Colours are multiplied by their opacity first, or borders would get dark rims.
    cover = sprites[:, 3:]
    whole = torch.cat([sprites[:, :3] * cover / 255, cover], dim=1)
    laid = functional.grid_sample(whole, grid, align_corners=False)
    return torch.cat([laid[:, :3] * 255 / laid[:, 3:].clamp(min=1), laid[:, 3:]], dim=1)
