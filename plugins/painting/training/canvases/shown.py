"""Canvases as a network answered them: what its last step, the blend, learns from.

The network stays as it is while the blend learns, so each canvas is painted once and kept in a file
with the query, its two repairs by the pair's filter, and the target.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from canvases.feed import Feed
from icl_core.results.save import atomic_path
from icl_painting.network.blend import candidates, pair_filter
from icl_painting.network.inference import Engine

SIZE = 16
"""Canvases of a file."""

FOLDER = "canvases"

SHARES = {
    "noise": 0.25,
    "real-noise": 0.09,
    "low-light": 0.08,
    "blur": 0.10,
    "coarse": 0.15,
    "grey": 0.03,
    "holes": 0.09,
    "recolour": 0.05,
    "spoil": 0.03,
    "edges": 0.05,
    "masks": 0.04,
    "drawn-masks": 0.02,
    "scenes": 0.02,
}
"""Task -> share of the canvases: more repairs than the network learned from, since it is at repairs
that there is most to choose."""


@dataclass(frozen=True, eq=False)
class Shown:
    """N painted canvases of side s.

    Args:
        painted: float16 [N, 3, s, s], normalised.
        pictures: uint8 [N, 3, 3, s, s]: the query, recoloured, filtered.
        target: uint8 [N, 3, s, s].
        valid: uint8 [N, 1, s, s], 1 where the target counts.
        summary: float32 [N, SUMMARY] of the pairs.
        task: int64 [N], place in `TASKS`.
    """

    painted: Tensor
    pictures: Tensor
    target: Tensor
    valid: Tensor
    summary: Tensor
    task: Tensor


@torch.no_grad()
def paint_canvases(engine: Engine, feed: Feed, number: int, side: int) -> Shown:
    """Paint the canvases of one batch, each with its own prompt.

    Args:
        engine: of the network without a blend.
        feed: where canvases come from.
        number: of the batch.
        side: s.
    """
    batch = feed.batch(number, SIZE, side)
    shown, asked = batch.images.split(side, dim=2)
    shown_target, target = batch.targets.split(side, dim=2)
    painted, pictures, summaries = [], [], []
    for one in range(SIZE):
        part = slice(one, one + 1)
        prompts = engine.prepare(shown[part], shown_target[part])
        pair = pair_filter(shown[part], shown_target[part])
        answer = engine.paint(prompts, asked[part])
        pictures.append(candidates(answer, asked[part], pair)[:, 1:])
        painted.append(answer)
        summaries.append(pair.summary)
    return Shown(
        torch.cat(painted).half().cpu(),
        _bytes(torch.cat(pictures), feed),
        _bytes(target, feed),
        batch.valid[:, :, side:].byte().cpu(),
        torch.stack(summaries).cpu(),
        batch.task.cpu(),
    )


def _bytes(normalised: Tensor, feed: Feed) -> Tensor:
    values = normalised * feed.std + feed.mean
    return values.round().clamp(0, 255).byte().cpu()


def write_canvases(engine: Engine, feed: Feed, folder: Path, files: int, side: int) -> None:
    """Write the first files of a run that are not there yet; each appears whole or not."""
    folder.mkdir(parents=True, exist_ok=True)
    started, last = time.monotonic(), 0.0
    for number in range(files):
        path = folder / f"{number:04d}.pt"
        if path.exists():
            continue
        shown = paint_canvases(engine, feed, number, side)
        state = {one.name: getattr(shown, one.name) for one in fields(Shown)}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            torch.save(state, file)
        seconds = time.monotonic() - started
        if seconds - last > 10:
            last = seconds
            print(f"canvases {SIZE * (number + 1)} of {SIZE * files}", file=sys.stderr, flush=True)


def read_canvases(folder: Path, files: int) -> Iterator[Shown]:
    """Read files of canvases without loading them whole: they are mapped into memory."""
    for number in range(files):
        path = folder / f"{number:04d}.pt"
        yield Shown(**torch.load(path, mmap=True, weights_only=True))
