"""Ways to repair pictures without learning, to compare with."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from icl_painting.canvas import fitted, inside
from icl_painting.network.pairfilter import read_pairs

SIDE = 8
"""Of the windows of the cosine transform."""

THRESHOLD = 2.8
"""In deviations of the noise."""


def dct_denoised(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Remove noise by hard thresholds in overlapped 8x8 cosine transforms.

    All windows are transformed, in three colours without correlation, and the answers averaged,
    with more weight for windows that keep few waves.

    Args:
        picture: uint8 [H, W, 3].
        sigma: deviation of the noise, on the scale 0..255.
    """
    steps = np.arange(SIDE)
    waves = np.cos(np.pi * np.outer(steps, steps + 0.5) / SIDE) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    table = np.einsum("ky,lx->klyx", waves, waves).reshape(SIDE**2, SIDE**2)
    transform = torch.from_numpy(table).float()
    mix = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
    values = torch.from_numpy(picture @ mix.T).float().permute(2, 0, 1)[:, None]
    wide = functional.pad(values, (SIDE - 1,) * 4, mode="reflect")
    windows = functional.unfold(wide, SIDE)  # [3, 64, L]
    found = transform @ windows
    kept = found.abs() > THRESHOLD * sigma
    kept[:, 0] = True
    weight = 1.0 / kept.sum(dim=1, keepdim=True)
    back = transform.T @ (found * kept) * weight
    size = (wide.shape[2], wide.shape[3])
    total = functional.fold(back, size, SIDE)
    count = functional.fold(weight.expand_as(back).contiguous(), size, SIDE)
    edge = SIDE - 1
    clean = (total / count)[:, 0, edge:-edge, edge:-edge].permute(1, 2, 0).numpy() @ mix
    return np.asarray(np.clip(np.rint(clean), 0, 255), np.uint8)


def means_denoised(
    picture: np.ndarray, sigma: float, strength: float = 0.65, reach: int = 8
) -> np.ndarray:
    """Remove noise by non-local means (Buades et al., CVPR 2005) over windows of 5x5.

    Args:
        picture: uint8 [H, W, 3].
        sigma: deviation of the noise, on the scale 0..255.
        strength: width of the weights, in deviations.
        reach: how far away similar windows are looked for, in pixels.
    """
    values = torch.from_numpy(picture).float().permute(2, 0, 1)[None]
    height, width = picture.shape[:2]
    wide = functional.pad(values, (reach,) * 4, mode="reflect")
    total, weights = torch.zeros_like(values), torch.zeros(1, 1, height, width)
    for down in range(2 * reach + 1):
        for across in range(2 * reach + 1):
            moved = wide[..., down : down + height, across : across + width]
            apart = ((moved - values) ** 2).mean(1, keepdim=True)
            apart = functional.avg_pool2d(
                functional.pad(apart, (2,) * 4, mode="reflect"), 5, stride=1
            )
            weight = torch.exp(-(apart - 2 * sigma**2).clamp(min=0) / (strength * sigma) ** 2)
            total, weights = total + weight * moved, weights + weight
    clean = (total / weights)[0].permute(1, 2, 0).numpy()
    return np.asarray(np.clip(np.rint(clean), 0, 255), np.uint8)


def curves_applied(shown: tuple[np.ndarray, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Map each colour by the curve that a pair shows: the mean of the output at that level.

    Args:
        shown: the pair, uint8 [H, W, 3] each, of one size.
        picture: uint8 [h, w, 3].
    """
    answer = np.zeros_like(picture)
    levels = np.arange(256)
    for colour in range(3):
        before, after = (one[..., colour].reshape(-1) for one in shown)
        counts = np.bincount(before, minlength=256).astype(np.float64)
        sums = np.bincount(before, after, minlength=256)
        counts, sums = (np.convolve(values, np.ones(5), "same") for values in (counts, sums))
        seen = counts > 0
        curve = np.interp(levels, levels[seen], sums[seen] / counts[seen])
        answer[..., colour] = np.clip(np.rint(curve), 0, 255)[picture[..., colour]]
    return answer


def holes_filled(picture: np.ndarray, rounds: int = 300) -> np.ndarray:
    """Fill what is black by the mean of its neighbours, again and again.

    Args:
        picture: uint8 [H, W, 3].
        rounds: how often.
    """
    hole = (picture == 0).all(axis=-1)
    values = picture.astype(np.float64)
    values[hole] = values[~hole].mean(axis=0) if (~hole).any() else 0
    for _ in range(rounds):
        wide = np.pad(values, ((1, 1), (1, 1), (0, 0)), "edge")
        around = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
        values[hole] = around[hole] / 4
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def filtered_by_pair(
    prompt: tuple[np.ndarray, np.ndarray], picture: np.ndarray, side: int = 264
) -> np.ndarray:
    """Repair by the filter of the pair alone, which the network blends with what it paints.

    Args:
        prompt: input and output, uint8 [h, w, 3].
        picture: uint8 [H, W, 3], of at most `side` pixels.
        side: of the square in which pictures lie.
    """
    before, after, query = (
        torch.from_numpy(fitted(one, side)).permute(2, 0, 1)[None].float()
        for one in (*prompt, picture)
    )
    pair = read_pairs(before, after)
    rows, columns = inside(picture.shape, side)
    answer = pair.filtered(pair.recoloured(query))[0, :, :rows, :columns].permute(1, 2, 0)
    return np.asarray((255 * answer).round().numpy(), np.uint8)
