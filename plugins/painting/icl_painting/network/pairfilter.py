"""A filter that is read off a prompt pair in closed form: own addition, no paper has it.

What a pair does to colours and to detail can be measured on the pair itself, without training:

1. Colours: a ridge regression from the picture's colours to the target's, on local means, of
   `[1, rgb, sqrt(rgb)]`. Where a pair changes no colours it stays near "as they are".
2. Detail: pictures become coefficients of overlapped 8x8 cosine transforms of three opponent
   colours. For each colour and frequency the pair shows by what factor a coefficient of the picture
   has to be multiplied to come nearest to the target's, as a curve over how strong the coefficient
   and its neighbours are. Noise gives curves that take away what is weak, blur gives factors above
   1, a plain copy gives 1.

The curves of one pair are applied to any query. They hold for what is the same everywhere in a
picture (noise, blur, lost resolution, darkness, other colours) and know nothing about objects; the
`summary` says how well they explain the pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

BLOCK = 8
"""Side of a transformed block in pixels."""

STRIDE = 3
"""Pixels from block to block."""

RANKS = (0.0, 0.3, 0.55, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.985, 0.993, 0.998, 1.0)
"""Shares of the coefficients, by rising strength, between which a curve has one point each: most
points where few coefficients are, since it is the rare strong ones that carry pictures."""

SAMPLED = 4
"""One coefficient in so many tells where the ranks begin."""

NEAR = 0.9
"""Share of the neighbouring blocks in a coefficient's strength."""

RIDGE = 1e-3
"""Of the colours, which are 0..1."""

BAND_WEIGHT, FLAT_WEIGHT = 15.0, 20.0
"""How many coefficients the mean curve of a band counts for in a curve, and the mean factor of a
frequency in the curve of its band."""

GROUPS = ((0, 0), (1, 1), (2, 3), (4, 6), (7, 14))
"""Orders of frequency (row plus column) that are one entry of the summary."""

SUMMARY = 3 * len(GROUPS) * 6
"""Numbers in a summary."""

FLOOR = 1e-7
"""Least energy of a coefficient that a summary tells from nothing; a grey level is 1.5e-5."""


@dataclass(frozen=True, eq=False)
class PairFilter:
    """What a pair, or several of one task, does.

    Args:
        colours: float32 [3, 7], from `[1, rgb, sqrt(rgb)]` to rgb.
        before: float32 [192], mean of each coefficient of the pictures, 0 but for the constant one.
        after: the same, of the targets.
        strength: float32 [192, K], rising: where the curves have their points.
        factor: float32 [192, K], by what a coefficient is multiplied.
        summary: float32 [SUMMARY], logarithms of energies of picture, target, what is between them,
            and what the filter leaves; about -1 to 1.
    """

    colours: Tensor = field(repr=False)
    before: Tensor = field(repr=False)
    after: Tensor = field(repr=False)
    strength: Tensor = field(repr=False)
    factor: Tensor = field(repr=False)
    summary: Tensor = field(repr=False)

    def recoloured(self, pictures: Tensor) -> Tensor:
        """Map colours alone: [B, 3, h, w], 0..1, to the same; some may lie beyond."""
        # Rounding may leave a black pixel below 0, which has no root.
        seen = _colour_terms(pictures.flatten(2).clamp(0, 1))
        return (self.colours @ seen).view(pictures.shape)

    def filtered(self, recoloured: Tensor) -> Tensor:
        """Filter pictures whose colours are mapped already, [B, 3, h, w], to the same, 0..1."""
        x = _coefficients(recoloured)
        batch, _, *grid = x.shape
        x = x - self.before.view(-1, 1, 1)
        strong = _strength(x).transpose(0, 1).flatten(1)
        factor = _on_curves(self.strength, self.factor, strong)
        x = x * factor.view(len(factor), batch, *grid).transpose(0, 1)
        x = x + self.after.view(-1, 1, 1)
        return _pictures(x, recoloured.shape[-2:]).clamp(0, 1)


@torch.no_grad()
def read_pairs(pictures: Tensor, targets: Tensor) -> PairFilter:
    """Read what pairs of one task do.

    Args:
        pictures: float32 [N, 3, h, w], 0..1.
        targets: the same shape.
    """
    pictures, targets = pictures.clamp(0, 1), targets.clamp(0, 1)
    plain = _coefficients(pictures)
    y = _coefficients(targets)
    apart = plain - y
    colours = _read_colours(pictures, targets)
    seen = (colours @ _colour_terms(pictures.flatten(2))).view(pictures.shape)
    x = _coefficients(seen)
    constant = _orders(x.device).eq(0).repeat(3)
    before, after = (
        torch.where(constant, value.mean(dim=(0, 2, 3)), torch.zeros(len(constant)).to(value))
        for value in (x, y)
    )
    x, y = x - before.view(-1, 1, 1), y - after.view(-1, 1, 1)
    strong, u, v = (t.transpose(0, 1).flatten(1) for t in (_strength(x), x, y))
    strength, factor = _read_curves(strong, u, v)
    left = v - _on_curves(strength, factor, strong) * u
    energies = torch.stack(
        [
            plain.square().mean(dim=(0, 2, 3)),
            apart.square().mean(dim=(0, 2, 3)),
            u.square().mean(dim=1),
            v.square().mean(dim=1),
            (v - u).square().mean(dim=1),
            left.square().mean(dim=1),
        ]
    )
    return PairFilter(colours, before, after, strength, factor, _summary(energies))


def _read_curves(strong: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Fit curves to coefficients u and v [C, P] that are so strong: points and factors, [C, K].

    Each factor is a ridge regression of v on u within a rank; it leans on that of its band, and the
    band's on the mean factor of its frequencies.
    """
    strength, count, product, square = _in_ranks(strong, u, v)
    energy = (square / count.clamp(min=1)).clamp(min=FLOOR)
    flat = product.sum(1, keepdim=True) / square.sum(1, keepdim=True).clamp(min=FLOOR)
    band = _bands(u.device)
    shared = _shared(product + FLAT_WEIGHT * flat * energy, band) / _shared(
        square + FLAT_WEIGHT * energy, band
    )
    return strength, (product + BAND_WEIGHT * shared * energy) / (square + BAND_WEIGHT * energy)


def _in_ranks(strong: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gather coefficients by how strong they are.

    Args:
        strong: [C, P].
        u: [C, P], of the pictures.
        v: [C, P], of the targets.

    Returns:
        Of each rank, [C, K]: mean strength, rising; how many; sums of u * v and of u * u.
    """
    sample, _ = strong[:, ::SAMPLED].sort(dim=1)
    edges = sample[:, [round(share * (sample.shape[1] - 1)) for share in RANKS[1:-1]]]
    values = torch.stack([torch.ones_like(u), strong, u * v, u * u], dim=-1)
    sums, inside = [], torch.ones_like(strong)
    for edge in edges.T[..., None]:
        above = (strong > edge).to(u.dtype)
        sums.append(((inside - above)[:, None] @ values)[:, 0])
        inside = above
    sums.append((inside[:, None] @ values)[:, 0])
    count, middle, product, square = torch.stack(sums, dim=1).unbind(dim=-1)
    mean = middle / count.clamp(min=1)
    return mean.cummax(dim=1).values, count, product, square


def _colour_terms(pixels: Tensor) -> Tensor:
    """Return `[1, rgb, sqrt(rgb)]`: [..., 3, P] to [..., 7, P]."""
    return torch.cat([torch.ones_like(pixels[..., :1, :]), pixels, pixels.sqrt()], dim=-2)


def _read_colours(pictures: Tensor, targets: Tensor) -> Tensor:
    """Fit colours of local means, since noise would flatten the fit: float32 [3, 7]."""
    x, y = (
        F.avg_pool2d(F.pad(t, (2, 2, 2, 2), mode="replicate"), 5, 2).transpose(0, 1).flatten(1)
        for t in (pictures, targets)
    )
    terms = _colour_terms(x)
    as_they_are = torch.eye(3, len(terms), device=terms.device).roll(1, dims=1)
    # A few sums are left, which are solved on the CPU: not every accelerator has float64.
    ridge = torch.full((len(terms),), RIDGE, dtype=torch.float64)
    ridge[0] = 1e-9  # the constant term is free
    count = terms.shape[1]
    system = (terms @ terms.T).double().cpu() / count + torch.diag(ridge)
    wanted = (terms @ (y - as_they_are @ terms).T).double().cpu() / count
    change = torch.linalg.solve(system, wanted).float().to(terms.device)
    as_shown = as_they_are @ terms
    # As much of the change as it explains: noise alone is no reason to touch the colours.
    left = (y - as_shown - change.T @ terms).square().sum()
    explained = 1 - left / (y - as_shown).square().sum().clamp(min=1e-12)
    fitted: Tensor = as_they_are + explained.clamp(min=0) * change.T
    return fitted


def _strength(coefficients: Tensor) -> Tensor:
    """Return how strong coefficients [B, C, h, w] are, together with those around them."""
    energy = coefficients.square()
    around = _neighbours(_neighbours(energy, 3), 2)
    rows, columns = (_neighbours(energy.new_ones(size), 0) for size in energy.shape[-2:])
    return torch.lerp(energy, around / (rows[:, None] * columns), NEAR).sqrt_()


def _neighbours(values: Tensor, axis: int) -> Tensor:
    """Add to each value the one before and the one after it."""
    total, size = values.clone(), values.shape[axis]
    total.narrow(axis, 1, size - 1).add_(values.narrow(axis, 0, size - 1))
    total.narrow(axis, 0, size - 1).add_(values.narrow(axis, 1, size - 1))
    return total


def _on_curves(strength: Tensor, factor: Tensor, strong: Tensor) -> Tensor:
    """Look up curves [C, K] at strengths [C, P], straight between points, flat beyond them.

    As a sum of ramps, which takes no lookups: those are slow.
    """
    found = factor[:, :1].expand_as(strong).clone()
    slope, rise = 1 / strength.diff(dim=1).clamp(min=1e-9), factor.diff(dim=1)
    start = -strength[:, :-1] * slope
    for point in range(slope.shape[1]):
        here = slice(point, point + 1)
        way = torch.addcmul(start[:, here], strong, slope[:, here]).clamp_(0, 1)
        found.addcmul_(way, rise[:, here])
    return found


def _coefficients(pictures: Tensor) -> Tensor:
    """Transform overlapped blocks: [B, 3, h, w] to [B, 192, rows, columns]."""
    batch, _, height, width = pictures.shape
    edge = BLOCK - 1
    wide = _opponent(pictures.device) @ pictures.flatten(2)
    wide = F.pad(wide.view(batch * 3, 1, height, width), (edge,) * 4, mode="reflect")
    blocks = F.unfold(wide, BLOCK, stride=STRIDE)
    rows, columns = ((size + 2 * edge - BLOCK) // STRIDE + 1 for size in (height, width))
    return (_cosines(pictures.device) @ blocks).view(batch, -1, rows, columns)


def _pictures(coefficients: Tensor, size: torch.Size) -> Tensor:
    """Average the blocks: [B, 192, rows, columns] to [B, 3, h, w]."""
    batch, _, rows, columns = coefficients.shape
    device, edge = coefficients.device, BLOCK - 1
    blocks = _cosines(device).T @ coefficients.view(batch * 3, BLOCK**2, -1)
    height, width = ((n - 1) * STRIDE + BLOCK for n in (rows, columns))
    added = F.fold(blocks, (height, width), BLOCK, stride=STRIDE)
    counts = _counts(rows, device)[:, None] * _counts(columns, device)
    mean = (added / counts)[..., edge : edge + size[0], edge : edge + size[1]]
    colours = mean.reshape(batch, 3, -1)
    return (_opponent(device).T @ colours).view(batch, 3, *size)


@lru_cache(maxsize=16)
def _counts(blocks: int, device: torch.device) -> Tensor:
    """Return how many blocks of a line cover each place."""
    ones = torch.ones(1, BLOCK, blocks, device=device)
    return F.fold(ones, (1, (blocks - 1) * STRIDE + BLOCK), (1, BLOCK), stride=STRIDE)[0, 0, 0]


@lru_cache(maxsize=4)
def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal two-dimensional cosine transform, float32 [64, 64]."""
    place = torch.arange(BLOCK, dtype=torch.float64)
    line = torch.cos(math.pi * (place + 0.5) * place[:, None] / BLOCK) * math.sqrt(2 / BLOCK)
    line[0] /= math.sqrt(2)
    both: Tensor = torch.kron(line, line)
    return both.float().to(device)


@lru_cache(maxsize=4)
def _opponent(device: torch.device) -> Tensor:
    """Return the orthonormal brightness, red-blue and green-magenta of colours, [3, 3]."""
    rows = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
    return F.normalize(rows, dim=1).to(device)


@lru_cache(maxsize=4)
def _orders(device: torch.device) -> Tensor:
    """Return row plus column of each frequency, int64 [64]."""
    place = torch.arange(BLOCK)
    return (place[:, None] + place).flatten().to(device)


@lru_cache(maxsize=4)
def _bands(device: torch.device) -> Tensor:
    """Return the band of each coefficient, colour and order, one-hot float32 [192, bands]."""
    order = _orders(device).clamp(max=10)
    band = (11 * torch.arange(3, device=device)[:, None] + order).flatten()
    return F.one_hot(band, 33).float()


def _shared(values: Tensor, band: Tensor) -> Tensor:
    """Add up over bands: [192, K] to the same."""
    total: Tensor = band @ (band.T @ values)
    return total


def _summary(energies: Tensor) -> Tensor:
    """Return logarithms of the mean energies [6, 192] of groups, scaled to about -1 to 1."""
    orders = _orders(energies.device)
    groups = torch.stack([((low <= orders) & (orders <= high)).float() for low, high in GROUPS])
    mean = energies.view(-1, 3, len(orders)) @ (groups / groups.sum(1, keepdim=True)).T
    return (mean + FLOOR).log10().flatten() / 4 + 0.75
