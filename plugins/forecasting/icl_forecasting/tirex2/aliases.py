"""Released files may hold a tensor under several names: one is enough, and all must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from icl_core.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor


def canonical(name: str) -> str:
    """The name that a tensor has here: both directions share one cell, and its kernel one name."""
    name = name.replace(".rev_cell.", ".fwd_cell.")
    if name.endswith(".recurrent_kernel"):
        name = name.removesuffix("recurrent_kernel") + "_recurrent_kernel_"
    return name


def without_aliases(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor once, under its canonical name.

    Raises:
        WeightsError: two names of one tensor hold different values.
    """
    import torch

    kept: dict[str, Tensor] = {}
    first: dict[str, str] = {}
    for name, tensor in tensors.items():
        own = canonical(name)
        if own in kept and kept[own] is not tensor and not torch.equal(kept[own], tensor):
            raise WeightsError(
                f"{first[own]} and {name} are names of one tensor, but hold different values",
                hint="the file was changed after it was released",
            )
        if own not in kept:
            kept[own], first[own] = tensor, name
    return kept
