"""Fit the constants of `calibration`: `python -m icl_linking.encoder.fit_constants DATA_DIR`.

DATA_DIR holds `omniglot` and `sign_digits`. One-shot tasks with 2 to 12 classes are drawn from
both; a share of the margin is chosen for each head by log loss (divided by that of guessing, so
that tasks of all sizes count alike), and the two numbers of `Standing` by the log loss of telling
members from pictures of classes that were not shown.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from icl_core.coerce import to_image
from icl_linking.encoder.calibration import Standing, margin
from icl_linking.encoder.features import BUNDLED, PIXELS, ImageEncoder, build_encoder, encode
from icl_linking.encoder.heads import HEADS, Shots, fit_head
from icl_linking.episodes.omniglot import CHARACTERS_FILE, glyph
from icl_linking.episodes.pictures import pictures_in

SHARES = (0.03, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3, 0.5, 1.0)
MIDDLES = tuple(n / 50 for n in range(1, 31))
SLOPES = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0)
QUERIES = 4

Classes = Mapping[str, Tensor]
"""Class -> features [n, d]."""


@dataclass(frozen=True)
class Task:
    """A drawn task.

    Args:
        shots: one support a class.
        queries: of the classes shown, [M, d].
        classes: of the queries, [M].
        strangers: of other classes, [S, d].
    """

    shots: Shots
    queries: Tensor
    classes: Tensor
    strangers: Tensor


def read_pools(data: Path, encoder: ImageEncoder) -> list[Classes]:
    """Encode the pictures: one pool an alphabet, and one of signs."""
    pools: list[Classes] = []
    with np.load(data / "omniglot" / CHARACTERS_FILE, allow_pickle=False) as stored:
        bits, alphabet, character = (stored[n] for n in ("bits", "alphabet", "character"))
    for one in np.unique(alphabet):
        own = {
            str(c): encode(encoder, [glyph(b) for b in bits[(alphabet == one) & (character == c)]])
            for c in np.unique(character[alphabet == one])
        }
        pools.append(own)
    signs = data / "sign_digits"
    folders = [folder for folder in sorted(signs.iterdir()) if folder.is_dir()]
    pools.append(
        {
            folder.name: encode(encoder, [to_image(signs / p) for p in pictures_in(folder, signs)])
            for folder in folders
        }
    )
    return pools


def draw(pools: Sequence[Classes], tasks: int, seed: int = 0) -> list[Task]:
    """Draw tasks; glyphs and signs have the same share."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(tasks):
        pool = pools[-1] if number % 2 else pools[int(rng.integers(len(pools) - 1))]
        names = [list(pool)[n] for n in rng.permutation(len(pool))]
        ways = int(rng.integers(2, min(12, len(names) - 1) + 1))
        picked = [pool[name][torch.from_numpy(rng.permutation(len(pool[name])))] for name in names]
        shown, others = picked[:ways], picked[ways : ways + 3]
        queries = [features[1 : 1 + QUERIES] for features in shown]
        drawn.append(
            Task(
                Shots(torch.stack([f[0] for f in shown]), torch.arange(ways), ways),
                torch.cat(queries),
                torch.arange(ways).repeat_interleave(QUERIES),
                torch.cat([f[:QUERIES] for f in others]),
            )
        )
    return drawn


def share_losses(head: str, tasks: Sequence[Task]) -> dict[float, float]:
    """Return the log loss of each share, 1 = guessing."""
    sums = dict.fromkeys(SHARES, 0.0)
    for task in tasks:
        fitted = fit_head(head, task.shots)
        logits, unit = fitted(task.queries), margin(fitted, task.shots)
        for share in SHARES:
            loss = float(cross_entropy(logits / (share * unit), task.classes))
            sums[share] += loss / math.log(task.shots.count) / len(tasks)
    return sums


def standing_constants(tasks: Sequence[Task]) -> tuple[float, float, float]:
    """Return KNOWN, SLOPE and their log loss; guessing has 1.386."""
    members, strangers = [], []
    for task in tasks:
        found = Standing.of(task.shots)
        members.append(found.standing(task.queries))
        strangers.append(found.standing(task.strangers))
    known, unknown = torch.cat(members), torch.cat(strangers)
    losses = {
        (2 * middle, slope): float(
            -torch.nn.functional.logsigmoid(slope * (known - middle)).mean()
            - torch.nn.functional.logsigmoid(-slope * (unknown - middle)).mean()
        )
        for middle in MIDDLES
        for slope in SLOPES
    }
    best = min(losses, key=lambda pair: losses[pair])
    return (*best, losses[best])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m icl_linking.encoder.fit_constants")
    parser.add_argument("data", type=Path, help="folder with omniglot and sign_digits")
    parser.add_argument("--weights", type=Path, help="file of the small network; default: pixels")
    parser.add_argument("--tasks", type=int, default=400)
    options = parser.parse_args(arguments)
    name = PIXELS if options.weights is None else BUNDLED
    encoder = build_encoder(name, bundled=options.weights)
    tasks = draw(read_pools(options.data, encoder), options.tasks)
    for head in HEADS:
        losses = share_losses(head, tasks)
        best = min(losses, key=lambda share: losses[share])
        print(f"{head}: share {best:g}, loss {losses[best]:.3f}")
    known, slope, loss = standing_constants(tasks)
    print(f"standing: known {known:g}, slope {slope:g}, loss {loss:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
