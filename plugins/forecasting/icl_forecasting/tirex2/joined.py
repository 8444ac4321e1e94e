"""Several matrices as one, so that one product does the work of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class Joined:
    """A matrix made from parameters, remembered while they stand still.

    Args:
        make: from the parameters to the matrix.
    """

    def __init__(self, make: Callable[[Sequence[Tensor]], Tensor]) -> None:
        self._make = make
        self._held: tuple[tuple[int, ...], Tensor] | None = None

    def __call__(self, parts: Sequence[Tensor]) -> Tensor:
        """The matrix; made afresh where gradients are wanted or a parameter has changed."""
        # weights loaded in inference mode do not say when they were changed
        if torch.is_grad_enabled() or any(part.is_inference() for part in parts):
            return self._make(parts)
        stamp = tuple(x for part in parts for x in (part.data_ptr(), part._version))
        if self._held is None or self._held[0] != stamp:
            self._held = (stamp, self._make([part.detach() for part in parts]).contiguous())
        return self._held[1]

    def __deepcopy__(self, memo: object) -> Joined:
        return Joined(self._make)
