"""DC-SAM on videos: examples prompt the first frame, SAM 2's memory carries the object on.

```python
video = VideoDcSam(generator, Sam2ImageModel(network))
support = video.prepare(images, masks)  # the examples, once
for masks in video.follow(frames, support, [[0]]):  # frames [1, 3, 512, 512], one at a time
    masks.logits  # [1, 1, 512, 512]
```

Stage 1, the coarse mask and stage 2 run on the first frame; the refined prompts are its prompt
and later frames get none (arXiv 2504.12080, section 3.4). Memory and time a frame do not grow
with the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from icl_core.errors import InputError
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.parts import Prompts, Support
from icl_segmentation.dcsam.pipeline import SHOTS, DcSam
from icl_segmentation.dcsam.sam_path import Maps, Sam2Path
from icl_segmentation.sam2.image import Sam2ImageModel
from icl_segmentation.sam2.network import FrameFeatures, ObjectMasks, Sam2Network
from icl_segmentation.sam2.tracking import POINTERS, Tracker

_FAR = 32.0
"""Logits are cut here before shots are averaged: "absent" is -1024 and would outvote all others."""


class VideoNetwork(nn.Module):
    """SAM 2 and the prompt generator under the names of DC-SAM's video checkpoints.

    It computes nothing; `VideoDcSam` does, with the same two parts.

    Args:
        sam2: the whole SAM 2.
        prompt_encoder: the prompt generator, with its layers for SAM 2.
    """

    def __init__(self, sam2: Sam2Network, prompt_encoder: PromptGenerator) -> None:
        super().__init__()
        self.sam2 = sam2
        self.prompt_encoder = prompt_encoder


class VideoMasks(NamedTuple):
    """What one frame shows of O objects.

    Args:
        logits: float32 [O, 1, S, S]; the object is where they are above 0.
        iou: [O], predicted IoU in [0, 1].
        object_score: [O], logit of the object being in the frame.
    """

    logits: Tensor
    iou: Tensor
    object_score: Tensor


class VideoDcSam(DcSam):
    """DC-SAM with SAM 2's video path.

    On single pictures it answers as SAM 2's video path does on the first frame: no mask at all
    where the object score says that there is no object, and logits enlarged without aligned
    corners.

    Args:
        generator: a prompt generator with layers for SAM 2.
        model: SAM 2.
    """

    def __init__(self, generator: PromptGenerator, model: Sam2ImageModel) -> None:
        super().__init__(generator, Sam2Path(model))
        self.network = model.sam2

    def decode(self, maps: Maps, prompts: Prompts, size: tuple[int, int]) -> Tensor:
        """Return SAM 2's logits for prompts without types, [B, 1, *size]."""
        fine = (maps.fine[0], maps.fine[1])
        sparse = torch.cat(self.sam.typed(prompts), dim=1)
        return _enlarged(self.network.segment(maps.embed, fine, sparse).logits, size)

    def follow(
        self,
        frames: Iterable[Tensor],
        support: Support,
        shots_of: Sequence[Sequence[int]],
        shots: str = "concatenate",
        encode_batch: int = 1,
    ) -> Iterator[VideoMasks]:
        """Segment a video, one frame at a time.

        Each shot runs through both stages alone on the first frame. Then "concatenate" prompts an
        object with the prompts of all its shots at once; "average" follows each shot alone and
        takes the mean of their logits.

        Args:
            frames: pictures [1, 3, S, S], normalised; up to 16 are read ahead, since the length
                of a shorter clip matters to SAM 2.1.
            support: the examples of all objects.
            shots_of: for each object, which rows of `support` are its examples.
            shots: one of `SHOTS`.
            encode_batch: how many frames the image encoder takes at once.

        Yields:
            One `VideoMasks` a frame, objects in the order of `shots_of`.

        Raises:
            InputError: there is no frame, or an object without examples.
        """
        if shots not in SHOTS:
            raise InputError(f"shots is {shots!r}, expected one of {SHOTS}")
        if not shots_of or not all(shots_of):
            raise InputError("an object of the video has no example, expected at least one")
        source = iter(frames)
        ahead = list(islice(source, POINTERS))
        if not ahead:
            raise InputError("the video has no frames, expected at least one")
        length = len(ahead) if len(ahead) < POINTERS else None
        encoded = self._encoded(chain(ahead, source), max(encode_batch, 1))
        size = (ahead[0].shape[-2], ahead[0].shape[-1])
        first = next(encoded)
        prompted = self._prompts(ahead[0], first, support, shots_of)
        tracks = _Tracks(self.network, prompted, [len(rows) for rows in shots_of], shots, length)
        del ahead, prompted
        yield tracks.answer(tracks.start(first), size)
        for features in encoded:
            yield tracks.answer(tracks.step(features), size)

    def _encoded(self, frames: Iterable[Tensor], batch: int) -> Iterator[FrameFeatures]:
        side = self.sam.image_size
        source = iter(frames)
        while pictures := list(islice(source, batch)):
            x = torch.cat(pictures)
            x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=True)
            embed, (fine, middle) = self.network.encode(x)
            for row in range(len(x)):
                one = slice(row, row + 1)
                yield FrameFeatures(embed[one], (fine[one], middle[one]))

    def _prompts(
        self,
        image: Tensor,
        features: FrameFeatures,
        support: Support,
        shots_of: Sequence[Sequence[int]],
    ) -> Tensor:
        """Return the prompt tokens of every shot of every object on a frame, [n, T, 256]."""
        maps = Maps(self.network.without_memory(features.embed), features.high_res)
        mine = support.rows([row for rows in shots_of for row in rows])
        queries = [0] * len(mine.merged)
        query = self.generator.read_query(image, self.sam.features(self.generator, maps))
        merged = self.merge(query, mine, queries)
        size = (image.shape[-2], image.shape[-1])
        refined = self.two_stages(maps.rows(queries), mine, merged, size)
        return torch.cat(self.sam.typed(refined), dim=1)


class _Tracks:
    """Trackers of all objects of a video.

    Objects with equally many prompt tokens share one tracker and its batch.

    Args:
        network: SAM 2.
        prompts: [n, T, 256], those of every shot of every object.
        counts: how many shots each object has.
        shots: one of `SHOTS`.
        length: number of frames, where it is below 16.
    """

    def __init__(
        self,
        network: Sam2Network,
        prompts: Tensor,
        counts: Sequence[int],
        shots: str,
        length: int | None,
    ) -> None:
        self.counts = list(counts)
        self.average = shots == "average"
        sizes = [1] * len(prompts) if self.average else self.counts
        objects = torch.split(prompts, sizes)
        tokens = [own.flatten(0, 1) for own in objects]
        self.groups = [
            [row for row, own in enumerate(tokens) if len(own) == size]
            for size in sorted({len(own) for own in tokens})
        ]
        self.prompts = [torch.stack([tokens[row] for row in rows]) for rows in self.groups]
        self.trackers = [Tracker(network, length) for _ in self.groups]

    def start(self, features: FrameFeatures) -> list[ObjectMasks]:
        """Prompt the first frame."""
        pairs = zip(self.trackers, self.prompts, strict=True)
        return [tracker.prompt(features, sparse) for tracker, sparse in pairs]

    def step(self, features: FrameFeatures) -> list[ObjectMasks]:
        """Follow into the next frame."""
        return [tracker.track(features) for tracker in self.trackers]

    def answer(self, found: Sequence[ObjectMasks], size: tuple[int, int]) -> VideoMasks:
        """Bring the groups' answers into the order of the objects, at the frame's size."""
        order = torch.tensor([row for rows in self.groups for row in rows]).argsort()
        low, iou, score = (
            torch.cat(parts)[order.to(parts[0].device)]
            for parts in (
                [masks.logits for masks in found],
                [masks.iou[:, 0] for masks in found],
                [masks.object_score[:, 0] for masks in found],
            )
        )
        logits = _enlarged(low, size)
        if not self.average:
            return VideoMasks(logits, iou, score)
        near = logits.clamp(-_FAR, _FAR)
        means = (
            torch.stack([part.mean(dim=0) for part in torch.split(values, self.counts)])
            for values in (near, iou, score)
        )
        return VideoMasks(*means)


def _enlarged(low: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(low.float(), size=size, mode="bilinear", align_corners=False)
