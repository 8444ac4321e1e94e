"""Prompts that answer together, on a device and in a number type."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from icl_painting.canvas import square, to_tensor
from icl_painting.network.inference import Engine, Prompts
from icl_painting.network.network import PainterNetwork


class Ensemble:
    """Runs the network for the learner.

    Args:
        network: SegGPT's, on its device.
        side: s of the square, in pixels.
        seg_type: 0 = semantic, 1 = instance.
        most: prompts that answer together; more answer in groups, whose pictures are averaged.
            None = any number, as in the released code.
        cast: number type of autocast; None = that of the network.
        compile: whether to run it through `torch.compile`.
    """

    def __init__(
        self,
        network: PainterNetwork,
        side: int,
        seg_type: int,
        most: int | None = None,
        cast: torch.dtype | None = None,
        compile: bool = False,
    ) -> None:
        self.side, self.seg_type, self.most = side, seg_type, most
        self.device = network.mask_token.device
        self.engine = Engine(network)
        paint: Any = self.engine.paint
        self._paint = torch.compile(paint) if compile else paint
        self._cast = cast

    def squares(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Return pictures uint8 [H, W, 3] as the network sees them, [B, 3, s, s]."""
        squares = [to_tensor(square(picture, self.side)) for picture in pictures]
        return torch.stack(squares).to(self.device)

    def prepare(self, images: Tensor, targets: Tensor) -> tuple[Prompts, ...]:
        """Do the share of the work of prompts [N, 3, s, s], in groups of about equal size."""
        groups = -(-len(images) // (self.most or len(images)))
        ends = np.linspace(0, len(images), groups + 1).round().astype(int).tolist()
        with self._autocast():
            return tuple(
                self.engine.prepare(images[start:end], targets[start:end], self.seg_type)
                for start, end in pairwise(ends)
            )

    def paint(self, groups: Sequence[Prompts], squares: Tensor) -> Tensor:
        """Paint the answers to queries.

        Args:
            groups: of `prepare`.
            squares: queries, [B, 3, s, s].

        Returns:
            float32 [B, 3, s, s] on the CPU: the mean of the groups, by their number of prompts.
        """
        with self._autocast():
            painted: list[Tensor] = [self._paint(group, squares).float() for group in groups]
        if len(painted) == 1:
            return painted[0].cpu()
        mean = torch.zeros_like(painted[0])
        for group, one in zip(groups, painted, strict=True):
            mean += one * (group.count / count(groups))
        return mean.cpu()

    def paint_each(self, several: Sequence[Prompts], squares: Tensor) -> Tensor:
        """Paint the answer to each query with prompts of its own.

        Args:
            several: one group for each query, all with as many prompts.
            squares: queries, [B, 3, s, s].

        Returns:
            float32 [B, 3, s, s] on the CPU.
        """
        with self._autocast():
            return self.engine.paint_each(several, squares).float().cpu()

    def _autocast(self) -> Any:
        if self._cast is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._cast)


def count(groups: Sequence[Prompts]) -> int:
    """Return the number of prompts in all groups."""
    return sum(group.count for group in groups)
