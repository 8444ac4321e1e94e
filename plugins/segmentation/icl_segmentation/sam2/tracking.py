"""Objects followed through a video, frame by frame, with constant memory.

```python
tracker = Tracker(network, clip_length=None)
first = tracker.prompt(network.encode(frame0), sparse)  # [O, T, 256]: one prompt set an object
for frame in later:
    masks = tracker.track(network.encode(frame))  # logits [O, 1, 256, 256]
```

A frame that was prompted is kept for good; of the others the last 6 masks and the last 15 object
pointers are (arXiv 2408.00714, section 4, "Memory bank").
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_segmentation.sam2.network import (
    MASK_MEMORIES,
    MEMORY_WIDTH,
    FrameFeatures,
    ObjectMasks,
    Sam2Network,
)
from icl_segmentation.sam2.positions import sine_map, sine_times

POINTERS = 16
"""Most object pointers that a frame looks at, that of the prompted frame included."""


@dataclass
class Memory:
    """What is kept of one frame.

    Args:
        frame: its number.
        features: bfloat16 [O, 64, h, w]; None once the frame is too long ago.
        pointer: [O, 256].
    """

    frame: int
    features: Tensor | None
    pointer: Tensor


class Tracker:
    """The memory of one pass over a video.

    Args:
        network: the network, in eval mode.
        clip_length: number of frames of the video if it is known; it matters below 16, where
            SAM 2.1 scales the age of object pointers by it.
    """

    def __init__(self, network: Sam2Network, clip_length: int | None = None) -> None:
        self.network = network
        self.frame = 0
        """Number of the frame that comes next."""
        limit = POINTERS if clip_length is None else min(clip_length, POINTERS)
        self._oldest = max(limit - 1, 1)
        self._prompted: list[Memory] = []
        self._recent: deque[Memory] = deque(maxlen=POINTERS - 1)

    def prompt(
        self, features: FrameFeatures, sparse: Tensor, dense: Tensor | None = None
    ) -> ObjectMasks:
        """Segment the next frame from prompts alone and remember it for good.

        Args:
            features: the frame's, batch 1.
            sparse: [O, T, 256], the prompt tokens of each object.
            dense: [O or 1, 256, h, w], mask prompts; None = none.
        """
        network = self.network
        embed = network.without_memory(features.embed)
        masks = network.segment(embed, features.high_res, sparse, dense)
        self._prompted.append(self._memory(features, masks, prompted=True))
        self.frame += 1
        return masks

    def track(self, features: FrameFeatures) -> ObjectMasks:
        """Segment the next frame from the memory of those before it.

        Raises:
            InputError: no frame was prompted yet.
        """
        if not self._prompted:
            raise InputError("the video has no prompted frame yet, so there is nothing to follow")
        memory, positions, plain = self._bank()
        objects = memory.shape[0]
        attention = self.network.memory_attention
        image = features.embed.expand(objects, -1, -1, -1)
        inputs = (x.to(attention.norm.weight.dtype) for x in (image, memory, positions))
        embed = attention(*inputs, plain).to(image.dtype)
        # No prompt token at all here, as in DC-SAM; the original adds a padding point.
        sparse = embed.new_empty(objects, 0, embed.shape[1])
        masks = self.network.segment(embed, features.high_res, sparse)
        self._recent.append(self._memory(features, masks, prompted=False))
        self.frame += 1
        for memory_of in self._recent:
            if self.frame - memory_of.frame >= MASK_MEMORIES:
                memory_of.features = None
        return masks

    def _memory(self, features: FrameFeatures, masks: ObjectMasks, prompted: bool) -> Memory:
        kept = self.network.remember(features, masks, prompted)
        return Memory(self.frame, kept, masks.pointer)

    def _bank(self) -> tuple[Tensor, Tensor, int]:
        """Return what the next frame sees.

        Returns:
            Memory tokens [O, N, 64], their positions [1, N, 64] and the number of pointer tokens
            at the end.
        """
        network = self.network
        ages = network.maskmem_tpos_enc
        maps: list[Tensor] = []
        moments: list[Tensor] = []
        for memory in self._prompted:
            if memory.features is not None:
                maps.append(memory.features)
                moments.append(ages[MASK_MEMORIES - 1])
        for memory in self._recent:
            if memory.features is not None:
                maps.append(memory.features)
                moments.append(ages[self.frame - memory.frame - 1])
        size = (maps[0].shape[2], maps[0].shape[3])
        place = sine_map(size, MEMORY_WIDTH, maps[0].device).flatten(1).T[None]
        pointers, pointer_positions = self._pointers()
        tokens = [*(m.flatten(2).transpose(1, 2).to(ages.dtype) for m in maps), pointers]
        positions = [*(place.to(ages.dtype) + moment for moment in moments), pointer_positions]
        return torch.cat(tokens, dim=1), torch.cat(positions, dim=1), pointers.shape[1]

    def _pointers(self) -> tuple[Tensor, Tensor]:
        """Return the tokens of n pointers [O, 4 * n, 64] and their positions [1, 4 * n, 64]."""
        recent = [m for m in reversed(self._recent) if self.frame - m.frame <= self._oldest]
        seen = [*self._prompted, *recent]
        pointers = torch.stack([memory.pointer for memory in seen], dim=1)
        parts = pointers.shape[2] // MEMORY_WIDTH
        tokens = pointers.reshape(len(pointers), len(seen) * parts, MEMORY_WIDTH)
        if not self.network.config.pointer_times:
            return tokens, torch.zeros_like(tokens[:1])
        ages = torch.tensor([self.frame - m.frame for m in seen], device=pointers.device)
        times = sine_times(ages / self._oldest, pointers.shape[2]).to(pointers.dtype)
        positions: Tensor = self.network.obj_ptr_tpos_proj(times)
        return tokens, positions.repeat_interleave(parts, dim=0)[None]
