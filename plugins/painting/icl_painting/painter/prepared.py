"""What a context becomes: prompts of the network, and the pictures they were made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from icl_painting.network.inference import Prompts
from icl_painting.tiling import telling_tile

Pair = tuple[np.ndarray, np.ndarray]
"""An example's two pictures, uint8 [H, W, 3] each."""

Encode = Callable[[Sequence[Pair]], tuple[Prompts, ...]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A prepared context.

    Args:
        prompts: by the picture that they ask for: None, or the branches of the panoptic task. Those
            of one picture are asked in turn, and what they paint is averaged.
        pairs: the examples, kept for tasks that can be asked in tiles.
        encode: makes prompts of examples.
        tiled: prompts at the scale of tiles, by the tile's side; made when first asked for.
    """

    prompts: dict[str | None, tuple[Prompts, ...]]
    pairs: tuple[Pair, ...]
    encode: Encode
    tiled: dict[int, tuple[Prompts, ...]] = field(default_factory=dict)

    def at_scale(self, side: int) -> tuple[Prompts, ...]:
        """Return prompts that show each example at the scale of a tile."""
        if side not in self.tiled:
            cut = [telling_tile(image, output, side) for image, output in self.pairs]
            self.tiled[side] = self.encode(cut)
        return self.tiled[side]
