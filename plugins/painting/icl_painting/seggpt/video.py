"""What SegGPT remembers of a video: its last frames and what was predicted for them.

The paper keeps the first frame, whose mask is given, and up to eight of the latest (arXiv
2304.03284); the released script does the same with as many as it is asked to.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from icl_painting.seggpt.prompts import Pass


class Memory:
    """The last frames of a video and what was painted on them, for the prompts of one pass.

    Args:
        one: the pass, with the context's own prompts.
        length: how many frames are kept.
    """

    def __init__(self, one: Pass, length: int) -> None:
        self._own = one
        self.images: deque[Tensor] = deque(maxlen=length)
        self._targets: deque[Tensor] = deque(maxlen=length)

    def add(self, image: Tensor, target: Tensor) -> None:
        """Remember a frame [3, s, s] and its target; the oldest is forgotten."""
        self.images.append(image)
        self._targets.append(target)

    def prompts(self) -> tuple[Tensor, Tensor]:
        """Return images and targets [N, 3, s, s]: the context's own first, then oldest first."""
        return (
            torch.cat([self._own.images, torch.stack(list(self.images))]),
            torch.cat([self._own.targets, torch.stack(list(self._targets))]),
        )
