"""The released way of working, in our networks: nothing is shared, attention is written out.

The official code of SEGIC and DC-SAM cannot be installed. What it costs is measured by what it
does: every pair of example and query is encoded from the beginning, and attention makes its whole
matrix of weights, as DINOv2 without xFormers and SAM 1 do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def written_out(network: nn.Module) -> Iterator[None]:
    """Within this, `network` keeps every matrix of attention weights in memory.

    Args:
        network: whose attention over grids with relative positions is to add them all at once.
    """
    grids: list[Any] = [m for m in network.modules() if hasattr(m, "rel_pos_h")]
    forms = [grid.form for grid in grids]
    for grid in grids:
        grid.form = "bias"
    try:
        with mock.patch("torch.nn.functional.scaled_dot_product_attention", plain_attention):
            yield
    finally:
        for grid, form in zip(grids, forms, strict=True):
            grid.form = form


def plain_attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, **options: Any
) -> Tensor:
    """Attend as the fused function does, one step after the other.

    Args:
        q: [..., L, d].
        k: [..., M, d].
        v: [..., M, e].
        attn_mask: added to the scores, or True where a key is seen.
        options: `scale` and `is_causal` of the fused function.
    """
    scale = options.get("scale") or q.shape[-1] ** -0.5
    scores = (q * scale) @ k.transpose(-2, -1)
    if options.get("is_causal"):
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    mixed: Tensor = scores.softmax(dim=-1) @ v
    return mixed
