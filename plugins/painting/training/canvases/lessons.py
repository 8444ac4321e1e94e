"""Tasks: pairs of prompt and query, each from one draw of parameters for both.

A task gives `Pairs`; prompt and query are neighbours on the second axis. Restoration is told from
its counter-tasks, which have the same inputs and other targets, by the prompt alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from canvases import damage
from canvases.bank import Bank
from canvases.recolour import draw_recolouring
from canvases.windows import continue_mirrored, is_inside, native_windows

Damage = Callable[[Tensor, torch.Generator], Tensor]
"""From clean pictures [2m, 3, s, s], neighbours alike, to spoilt ones."""

COARSE = (0, 1, 3, 2, 2, 2, 2, 2)
"""Places in `FACTORS`, each as often as the others."""

EDGE_GAIN, EDGE_SIGMA = 1.2, 1.0


@dataclass(frozen=True, eq=False)
class Pairs:
    """Inputs and targets of m canvases.

    Args:
        inputs: float32 [m, 2, 3, s, s], 0..255: prompt, query.
        targets: the same.
        valid: float32 [m, 2, 1, s, s], weight in the loss.
    """

    inputs: Tensor
    targets: Tensor
    valid: Tensor


def uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    """Draw float32 [count] on the generator's device."""
    return low + (high - low) * torch.rand(count, generator=random, device=random.device)


def pick(shares: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Draw places by their shares, int64 [count]."""
    # torch.multinomial may wait for the device.
    draws = uniform(count, 0, 1, random)
    place = torch.searchsorted(shares.cumsum(0), draws, right=True)
    return place.clamp(max=len(shares) - 1)


def photographs(
    bank: Bank, count: int, side: int, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw windows of pictures.

    Returns:
        float32 [count, 3, side, side], whole numbers 0..255, and [count, 2], what is not mirrored.
    """
    chosen = bank.photo_index[pick(bank.photo_share, count, random)]
    windows = native_windows(bank.sizes[chosen], side, random)
    return damage.stored(windows.cut(bank.pictures[chosen])), windows.inside


def twice(values: Tensor) -> Tensor:
    """Give prompt and query the same: [m, ...] to [2m, ...]."""
    return values.repeat_interleave(2, dim=0)


def pairs_of(inputs: Tensor, targets: Tensor, inside: Tensor, valid: Tensor | None = None) -> Pairs:
    """Put pictures [2m, 3, s, s] together, mirrored beyond what is inside [2m, 2]."""
    side = inputs.shape[-1]
    weight = is_inside(inside, side)
    if valid is not None:
        weight = weight * valid
    shown = [continue_mirrored(part, inside) for part in (inputs, targets)]
    return Pairs(*(part.view(-1, 2, *part.shape[1:]) for part in (*shown, weight)))


def noise(clean: Tensor, random: torch.Generator) -> Tensor:
    """Add noise of 5 to 60, the same for prompt and query."""
    return damage.noise(clean, twice(uniform(len(clean) // 2, 5, 60, random)), random)


def low_light(clean: Tensor, random: torch.Generator) -> Tensor:
    """Darken, with a little noise."""
    count = len(clean) // 2
    gamma, gain = uniform(count, 1.0, 2.8, random), uniform(count, 0.2, 0.7, random)
    sigma = uniform(count, 0, 7, random)
    return damage.dark(clean, twice(gamma), twice(gain), twice(sigma), random)


def blur(clean: Tensor, random: torch.Generator) -> Tensor:
    """Blur by a Gaussian, a box or a motion."""
    count = len(clean) // 2
    kinds = torch.stack(
        [
            damage.gaussian_kernels(uniform(count, 0.6, 3.0, random)),
            damage.box_kernels(uniform(count, 0.6, 3.5, random)),
            damage.motion_kernels(
                uniform(count, 3, 15, random), uniform(count, 0, torch.pi, random)
            ),
        ]
    )
    which = (uniform(count, 0, 5, random).long() - 2).clamp(min=0)
    return damage.blur(clean, twice(kinds[which, torch.arange(count, device=which.device)]))


def coarse(clean: Tensor, random: torch.Generator) -> Tensor:
    """Lose resolution, for the most part by four."""
    table = damage.constant(COARSE, clean.device)
    draws = uniform(len(clean) // 2, 0, len(COARSE), random).long().clamp(max=len(COARSE) - 1)
    which = table[draws]
    return damage.coarse(clean, twice(which))


def grey(clean: Tensor, random: torch.Generator) -> Tensor:
    """Lose the colours."""
    return damage.grey(clean)


def holes(clean: Tensor, random: torch.Generator) -> Tensor:
    """Cut boxes, strokes or writing out, filled with one colour or noise."""
    count, side = len(clean), clean.shape[-1]
    draws = torch.rand(4, count // 2, 1, 1, 1, generator=random, device=clean.device)
    shape, fill, level = (twice(one) for one in draws[:3])
    share = twice(uniform(count // 2, 0.05, 0.35, random))
    hole = torch.where(
        shape < 0.5,
        damage.boxes(count, side, share, random),
        torch.where(
            shape < 0.75,
            damage.strokes(count, side, random, clean.device),
            damage.writing(count, side, random, clean.device),
        ),
    )
    random_colour = twice(torch.rand(count // 2, 3, 1, 1, generator=random, device=clean.device))
    grain = torch.rand(clean.shape, generator=random, device=clean.device)
    grain = torch.where(level < 0.5, grain, grain[:, :1])
    colour = torch.where(fill < 0.85, random_colour.expand_as(clean), grain)
    colour = torch.where(fill < 0.7, torch.ones_like(clean), colour)
    colour = torch.where(fill < 0.6, torch.full_like(clean, 0.5), colour)
    colour = torch.where(fill < 0.45, torch.zeros_like(clean), colour)
    return torch.where(hole, damage.stored(255 * colour), clean)


DAMAGES: dict[str, Damage] = {
    "noise": noise,
    "low-light": low_light,
    "blur": blur,
    "coarse": coarse,
    "grey": grey,
    "holes": holes,
}


def repair(
    name: str, bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Spoilt pictures; the target is the clean one, or of every fifth canvas something else.

    Counter-tasks: leave it as it is (14 %), recolour what is spoilt (4 %), repair and recolour
    (4 %).
    """
    clean, inside = photographs(bank, 2 * count, side, random)
    spoilt = DAMAGES[name](clean, random)
    return _with_counter_tasks(clean, spoilt, inside, random)


def _with_counter_tasks(
    clean: Tensor, spoilt: Tensor, inside: Tensor, random: torch.Generator
) -> Pairs:
    draw = twice(torch.rand(len(clean) // 2, 1, 1, 1, generator=random, device=clean.device))
    change = draw_recolouring(len(clean) // 2, random, clean.device)
    target = torch.where(draw < 0.14, spoilt, clean)
    recoloured = change(torch.where(draw > 0.96, spoilt, clean))
    target = torch.where(draw > 0.92, recoloured, target)
    return pairs_of(spoilt, target, inside)


def real_noise(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Cameras' noise; of every second canvas prompt and query are of one scene."""
    first = torch.randint(len(bank.noisy), (count,), generator=random, device=device)
    same = (bank.scene[first][:, None] == bank.scene[None]).float()
    near = (same * torch.rand(same.shape, generator=random, device=device)).argmax(dim=1)
    far = torch.randint(len(bank.noisy), (count,), generator=random, device=device)
    half = torch.rand(count, generator=random, device=device) < 0.5
    chosen = torch.stack([first, torch.where(half, near, far)], dim=1).flatten()
    sizes = bank.sizes.new_full((2 * count, 2), float(bank.noisy.shape[-1]))
    windows = native_windows(sizes, side, random, 0.85)
    clean, spoilt = (damage.stored(windows.cut(part[chosen])) for part in (bank.clean, bank.noisy))
    return _with_counter_tasks(clean, spoilt, windows.inside, random)


def recolour(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Clean pictures in other colours; of every eighth canvas as they are."""
    clean, inside = photographs(bank, 2 * count, side, random)
    change = draw_recolouring(count, random, device)
    draw = twice(torch.rand(count, 1, 1, 1, generator=random, device=device))
    return pairs_of(clean, torch.where(draw < 0.12, clean, change(clean)), inside)


def spoil(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Clean pictures made coarse, blurred or dark, where nothing has to be guessed."""
    clean, inside = photographs(bank, 2 * count, side, random)
    none = torch.zeros(count, device=device)
    gamma, gain = uniform(count, 1.0, 2.8, random), uniform(count, 0.2, 0.7, random)
    dark = damage.dark(clean, twice(gamma), twice(gain), twice(none), random)
    draw = twice(torch.rand(count, 1, 1, 1, generator=random, device=device))
    target = torch.where(draw < 0.35, dark, blur(clean, random))
    return pairs_of(clean, torch.where(draw > 0.7, coarse(clean, random), target), inside)


def edge_picture(pictures: Tensor) -> Tensor:
    """Paint where the brightness changes: grey levels [n, 3, s, s], 0..255, white = much.

    The length of the gradient (central differences over two pixels on either side) of the
    brightness blurred by `EDGE_SIGMA` pixels, times `EDGE_GAIN`, through x / (x + 40).
    """
    count = len(pictures)
    sigma = pictures.new_full((count,), EDGE_SIGMA)
    soft = damage.blur(damage.grey(pictures), damage.gaussian_kernels(sigma))[:, :1]
    wide = torch.nn.functional.pad(soft, (1, 1, 1, 1), mode="replicate")
    down = wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    across = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]
    strength = EDGE_GAIN * torch.sqrt(down**2 + across**2)
    return damage.stored(255 * strength / (strength + 40)).expand(-1, 3, -1, -1)


def edges(
    bank: Bank, count: int, side: int, random: torch.Generator, device: torch.device
) -> Pairs:
    """Edges, white on black or black on white."""
    clean, inside = photographs(bank, 2 * count, side, random)
    drawn = edge_picture(clean)
    style = twice(torch.rand(count, 1, 1, 1, generator=random, device=device))
    return pairs_of(clean, torch.where(style < 0.65, drawn, 255 - drawn), inside)
