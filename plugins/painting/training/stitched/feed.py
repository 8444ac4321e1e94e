"""A mixture of sources as one stream of batches of stitched canvases.

A batch depends on the seed and on its number alone: not on the number of workers, nor on where a
run was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from icl_painting.canvas import MEAN, STD
from stitched.augment import (
    CANVAS_RATIOS,
    FLIPPED,
    JITTERED,
    colour_jitter,
    random_box,
    resized,
)
from stitched.masking import blocks, lower_half
from stitched.pairs import Pair, PairSource, handling, loss_weights

_HELD_OUT = 1_000_003
"""Keeps the draws of what is measured apart from those of batches, which have the same seed."""
_MEAN, _STD = np.array(MEAN, np.float32), np.array(STD, np.float32)


class Canvas(NamedTuple):
    """Prompt above query.

    Args:
        images: uint8 [2s, s, 3].
        targets: uint8 [2s, s, 3].
        hidden: bool [L], the patches of the target that the network has to paint, row by row.
        type: name of the task.
    """

    images: np.ndarray
    targets: np.ndarray
    hidden: np.ndarray
    type: str


class Batch(NamedTuple):
    """Canvases as tensors.

    Args:
        images: float32 [N, 3, 2s, s], normalised.
        targets: the same.
        masked: float32 [N, L], 1 = hidden.
        valid: float32 [N, 3, 2s, s], weights in the loss.
        types: names of the tasks.
    """

    images: Tensor
    targets: Tensor
    masked: Tensor
    valid: Tensor
    types: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        images, targets, masked, valid = (
            part.to(device, non_blocking=True)
            for part in (self.images, self.targets, self.masked, self.valid)
        )
        return Batch(images, targets, masked, valid, self.types)


@dataclass(frozen=True)
class Stitcher:
    """Makes canvases of pairs as published (arXiv 2212.02499, section 3.2, and its code).

    Args:
        side: s, of the network's pictures.
        patch: side of a patch.
        half: probability that the whole answer is hidden, instead of blocks of half of the patches.
    """

    side: int
    patch: int
    half: float = 0.1

    @property
    def grid(self) -> tuple[int, int]:
        """Patches of a canvas, (down, across)."""
        return 2 * self.side // self.patch, self.side // self.patch

    def __call__(self, prompt: Pair, query: Pair, rng: np.random.Generator) -> Canvas:
        """Crop, flip, recolour, stitch and hide."""
        parts = [self._augmented(pair, rng) for pair in (prompt, query)]
        images, targets = (np.concatenate(halves) for halves in zip(*parts, strict=True))
        half = rng.random() < self.half
        handled = handling(query.type)
        if handled.second_crop and not half:
            size = (2 * self.side, self.side)
            box = random_box(rng, size, ratios=CANVAS_RATIOS)
            images = resized(images, size, handled.input_filter, box)
            targets = resized(targets, size, handled.target_filter, box)
        hidden = lower_half(self.grid) if half else blocks(rng, self.grid)
        return Canvas(images, targets, hidden, query.type)

    def plain(self, prompt: Pair, query: Pair) -> Canvas:
        """Stitch whole pairs, as at inference."""
        handled, size = handling(query.type), (self.side, self.side)
        images = [resized(pair.input, size, handled.input_filter) for pair in (prompt, query)]
        targets = [resized(pair.target, size, handled.target_filter) for pair in (prompt, query)]
        return Canvas(
            np.concatenate(images), np.concatenate(targets), lower_half(self.grid), query.type
        )

    def _augmented(self, pair: Pair, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        handled, size = handling(pair.type), (self.side, self.side)
        height, width = pair.input.shape[:2]
        target = pair.target
        box = None
        if handled.crop:
            # The box is drawn on the input; a target of another size is brought to it first.
            target = resized(target, (height, width), handled.target_filter)
            box = random_box(rng, (height, width))
        shown = resized(pair.input, size, handled.input_filter, box)
        target = resized(target, size, handled.target_filter, box)
        if handled.jitter and rng.random() < JITTERED:
            shown = colour_jitter(shown, rng)
        if handled.flip and rng.random() < FLIPPED:
            shown, target = shown[:, ::-1], target[:, ::-1]
        return shown, target


class Feed(torch.utils.data.Dataset[Batch]):
    """Batch number n of a run, for any n.

    Args:
        sources: the mixture.
        shares: how often each is drawn, relative to the others.
        stitch: makes the canvases.
        batch: canvases a batch.
        seed: of all draws.
    """

    def __init__(
        self,
        sources: Sequence[PairSource],
        shares: Sequence[float],
        stitch: Stitcher,
        batch: int,
        seed: int,
    ) -> None:
        self.sources, self.stitch, self.batch, self.seed = tuple(sources), stitch, batch, seed
        self.shares = np.array(shares, np.float64) / sum(shares)

    def __getitem__(self, number: int) -> Batch:
        """Draw a batch."""
        return collate([self._draw(number, place) for place in range(self.batch)])

    def _draw(self, number: int, place: int) -> Canvas:
        rng = np.random.default_rng([self.seed, number, place])
        source = self.sources[int(rng.choice(len(self.sources), p=self.shares))]
        return self.stitch(*source.draw(rng, held_out=False), rng)

    def held_out(self, place: int, count: int) -> list[Canvas]:
        """Return canvases of one source that no batch holds, the same for a seed."""
        rngs = [np.random.default_rng([self.seed, n, place, _HELD_OUT]) for n in range(count)]
        return [self.stitch.plain(*self.sources[place].draw(rng, held_out=True)) for rng in rngs]


def collate(canvases: Sequence[Canvas]) -> Batch:
    """Stack canvases and normalise their colours."""
    images = np.stack([canvas.images for canvas in canvases]) / np.float32(255)
    targets = np.stack([canvas.targets for canvas in canvases]) / np.float32(255)
    valid = np.stack([loss_weights(t, c.type) for t, c in zip(targets, canvases, strict=True)])
    masked = np.stack([canvas.hidden for canvas in canvases]).astype(np.float32)
    parts = ((images - _MEAN) / _STD, (targets - _MEAN) / _STD, valid)
    shown, wanted, weights = (torch.from_numpy(part).permute(0, 3, 1, 2) for part in parts)
    types = tuple(canvas.type for canvas in canvases)
    return Batch(
        shown.contiguous(), wanted.contiguous(), torch.from_numpy(masked), weights.contiguous(),
        types,
    )  # fmt: skip


def stream(feed: Feed, first: int, last: int | None, workers: int) -> Iterator[Batch]:
    """Return batches `first` to `last` - 1, or without end, drawn ahead by worker processes."""
    numbers: Iterable[int] = count(first) if last is None else range(first, last)
    if not workers:
        return (feed[number] for number in numbers)
    loader: Iterable[Batch] = torch.utils.data.DataLoader(
        feed,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        collate_fn=_unchanged,
        prefetch_factor=4,
    )
    return iter(loader)


def _unchanged(batch: Any) -> Any:
    return batch
