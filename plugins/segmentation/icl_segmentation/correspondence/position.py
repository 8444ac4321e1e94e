"""The part of the features that position alone predicts, and its removal.

Dense features of vision transformers tell where a patch lies as well as what it shows; then the
top left corner of one picture matches the top left corner of another. INSID3 (arXiv 2603.28480,
section 3) finds the directions of position in the features of noise pictures and projects them
out. Here a direction counts as positional when more than half of its variance over several noise
pictures is the same in all of them, so that no number of directions has to be chosen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PICTURES = 8
SHARE = 0.5


def position_basis(features: nn.Module, side: int, device: torch.device) -> Tensor:
    """Find the directions of position.

    Args:
        features: squares float32 [B, 3, side, side] to maps [B, C, g, g].
        side: of the square.
        device: where the network is.

    Returns:
        float32 [C, R], orthonormal columns; R may be 0.
    """
    rng = torch.Generator().manual_seed(0)
    maps = []
    for number in range(PICTURES):
        shape = (1, 3, side, side) if number % 2 == 0 else (1, 3, 1, 1)
        # Noise and one-coloured pictures by turns: neither has anything at a certain place.
        noise = (0.5 + 0.25 * torch.randn(shape, generator=rng)).clamp(0, 1)
        maps.append(features(noise.expand(1, 3, side, side).to(device))[0].flatten(1).T)
    tokens = torch.stack(maps)  # [N, P, C]
    centred = tokens - tokens.mean(1, keepdim=True)
    common = centred.mean(0)
    _, _, directions = torch.linalg.svd(common, full_matrices=False)
    kept = directions.T  # [C, K]
    shared = (common @ kept).square().mean(0)
    whole = (centred @ kept).square().mean((0, 1))
    # The mean of N maps keeps one N-th of what differs between them.
    signal = (shared - (whole - shared) / (PICTURES - 1)).clamp_min(0)
    basis: Tensor = kept[:, signal > SHARE * whole.clamp_min(1e-12)].contiguous()
    return basis


def without_position(tokens: Tensor, basis: Tensor) -> Tensor:
    """Project the directions of position out of tokens [..., C]."""
    cleaned: Tensor = tokens - (tokens @ basis) @ basis.T
    return cleaned
