"""What is kept of a context: one vector an example, a text an object (SEGIC section 3.2).

Several examples of one object were never shown to the network in training, and the released code
has no K-shot mode for pictures. Three ways stay inside what it was trained on:

- "tokens": every example gives an instance token marked as the object's own, as the released
  video mode does with its two exemplars; the prior is the mean of their cosine maps, rescaled.
- "pool": one vector for the object, the mean over the patches of all its examples.
- "logits": one answer an example, their logits averaged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_core.errors import InputError
from icl_core.vision.objects import Shot, Shown
from icl_segmentation.segic.correspondence import Cells
from icl_segmentation.segic.preprocess import Frame

SHOTS = ("tokens", "pool", "logits")
NOBODY = -1
"""Owner of an instance token that shows what no object is."""


@dataclass(frozen=True, eq=False)
class References:
    """The references of N objects.

    Args:
        vectors: one an instance token, object by object, [T, C].
        owner: the object of each token, or `NOBODY`.
        image: the picture each token comes from, by its place in the context; -1 for several.
        text: projected text, [N, 256].
        cells: all cells of each object's references, for a network that compares them.
    """

    vectors: Tensor
    owner: tuple[int, ...]
    image: tuple[int, ...]
    text: Tensor
    cells: Cells | None = None

    @property
    def units(self) -> Tensor:
        """What the prior compares with, [N, C]: the vector, or the mean direction of several."""
        places: list[list[int]] = [[] for _ in self.text]
        for token, owner in enumerate(self.owner):
            if owner != NOBODY:
                places[owner].append(token)
        if all(len(own) == 1 for own in places):
            return self.vectors[[own[0] for own in places]]
        groups = [self.vectors[own] for own in places]
        return torch.stack(
            [own[0] if len(own) == 1 else F.normalize(own, dim=-1).mean(0) for own in groups]
        )

    def kinds(self, rows: Sequence[int]) -> Tensor:
        """Return int64 [len(rows), T]: 1 where the object owns the token."""
        table = [[int(owner == row) for owner in self.owner] for row in rows]
        return torch.tensor(table, dtype=torch.long, device=self.vectors.device)

    def select(self, objects: Sequence[int]) -> References:
        """Keep some objects, in the given order; what shows none of them stays as well."""
        order = [*objects, NOBODY]
        places = [t for o in order for t, owner in enumerate(self.owner) if owner == o]
        renamed = {old: new for new, old in enumerate(objects)} | {NOBODY: NOBODY}
        return References(
            self.vectors[places],
            tuple(renamed[self.owner[t]] for t in places),
            tuple(self.image[t] for t in places),
            self.text[list(objects)],
            None if self.cells is None else self.cells.rows(objects),
        )

    def without(self, images: Collection[int]) -> References:
        """Zero what comes from some pictures, as the released evaluation does."""
        if not images:
            return self
        kept = torch.tensor([i not in images for i in self.image], device=self.vectors.device)
        vectors = self.vectors * kept[:, None]
        return replace(self, vectors=vectors)

    def extended(
        self, latest: Sequence[Tensor | None], text: Tensor, cells: Cells | None = None
    ) -> References:
        """Add one more token an object behind its own, and put one text [1, 256] for all.

        Args:
            latest: of each object, [C]; None where there is none.
            text: [1, 256].
            cells: more cells of all objects.
        """
        rows: list[Tensor] = []
        owner: list[int] = []
        image: list[int] = []
        for number in [*range(len(latest)), NOBODY]:
            places = [t for t, own in enumerate(self.owner) if own == number]
            rows += [self.vectors[t] for t in places]
            image += [self.image[t] for t in places]
            seen = latest[number] if number != NOBODY else None
            if seen is not None:
                rows.append(seen)
                image.append(-1)
            owner += [number] * (len(rows) - len(owner))
        shared = text.expand(len(latest), -1)
        known = self.cells if self.cells is None or cells is None else self.cells.joined(cells)
        return References(torch.stack(rows), tuple(owner), tuple(image), shared, known)


def patch_weights(masks: Tensor, size: tuple[int, int], soft: bool) -> Tensor:
    """Return how much each patch counts for each mask.

    Args:
        masks: [N, S, S] in [0, 1].
        size: (h, w) of the patch grid.
        soft: a mask too small to fill half of any patch counts by the share it covers; the
            released code gives it no patch at all, and so a zero vector.

    Returns:
        [N, h * w]: 1 where the bilinear resize of the mask exceeds 0.5, else 0.
    """
    resized = F.interpolate(masks[:, None], size, mode="bilinear", align_corners=False)
    weights = (resized[:, 0] > 0.5).float().flatten(1)
    if soft:
        covered = F.adaptive_avg_pool2d(masks[:, None], size)[:, 0].flatten(1)
        # Scaled to one patch in all, since the mean divides by one patch at least.
        covered = covered / covered.sum(1, keepdim=True).clamp_min(1e-12)
        weights = torch.where((weights.sum(1) == 0)[:, None], covered, weights)
    return weights


def masked_mean(features: Tensor, weights: Tensor) -> Tensor:
    """Average features [C, h, w] with patch weights [N, h * w]: [N, C]."""
    return weights @ features.flatten(1).T / weights.sum(1, keepdim=True).clamp_min(1.0)


def padded_cells(own: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> Cells:
    """Put the pictures of each object side by side.

    Args:
        own: for each of N objects the keys [K, h, w] and `cell_shares` [2, h * w] of its pictures.
    """
    most = max(len(pictures) for pictures in own)
    rows = []
    for pictures in own:
        keys = torch.cat([one.flatten(1) for one, _ in pictures], dim=1)
        share, known = torch.cat([part for _, part in pictures], dim=1)
        room = (0, keys.shape[1] // len(pictures) * (most - len(pictures)))
        rows.append((F.pad(keys, room), F.pad(share, room), F.pad(known, room)))
    return Cells(*(torch.stack(part) for part in zip(*rows, strict=True)))


def cell_shares(masks: Tensor, frame: Frame, size: tuple[int, int]) -> Tensor:
    """Return how much of each cell masks cover, and which cells the picture fills by half.

    Args:
        masks: [N, S, S] in [0, 1].
        frame: where their picture lies in the square.
        size: (h, w) of the cells.

    Returns:
        [N, 2, h * w].
    """
    there = torch.zeros_like(masks[:1])
    there[:, : frame.height, : frame.width] = 1
    shares = F.adaptive_avg_pool2d(masks[:, None], size).flatten(1)
    known = (F.adaptive_avg_pool2d(there[:, None], size).flatten(1) >= 0.5).float()
    return torch.stack([shares, known.expand_as(shares)], dim=1)


def collect(
    shown: Shown,
    features: Sequence[Tensor],
    weights: Sequence[Tensor],
    text: Tensor,
    shots: str,
    keys: Sequence[Tensor] | None = None,
    shares: Sequence[Tensor] | None = None,
) -> tuple[References, ...]:
    """Turn a context into references.

    Args:
        shown: the context by objects.
        features: of each picture, [C, h, w].
        weights: of the patches, for each example by its place in the context, [h * w].
        text: projected text of each object, [N, 256].
        shots: what to do with several examples of one object, one of `SHOTS`.
        keys: what a network compares cell by cell, of each picture, [K, h, w].
        shares: how much of each cell an example's mask covers, by its place, [2, h * w].

    Returns:
        One set of references, or for "logits" one for each round of examples.

    Raises:
        InputError: `shots` is another word.
    """
    if shots not in SHOTS:
        raise InputError(f"shots is {shots!r}, expected one of {', '.join(SHOTS)}")

    def vector(shot: Shot) -> Tensor:
        return masked_mean(features[shot.image], weights[shot.example][None])[0]

    def pooled(group: Sequence[Shot]) -> Tensor:
        counts = [weights[shot.example].sum() for shot in group]
        total = torch.stack([vector(s) * c for s, c in zip(group, counts, strict=True)]).sum(0)
        mean: Tensor = total / torch.stack(counts).sum().clamp_min(1e-12)
        return mean

    def gather(groups: Sequence[Sequence[Shot]]) -> References:
        rows, owner, image = [], [], []
        for number, group in enumerate(groups):
            rows += [vector(shot) for shot in group]
            owner += [number] * len(group)
            image += [shot.image for shot in group]
        owners, images = (*owner, *nobody), (*image, *away_images)
        return References(torch.stack(rows + away), owners, images, text, cells(groups))

    def cells(groups: Sequence[Sequence[Shot]]) -> Cells | None:
        if keys is None or shares is None:
            return None
        nothing = torch.tensor([[0.0], [1.0]], device=text.device)
        own = [
            [(keys[s.image], shares[s.example]) for s in group]
            # what shows none of the objects is background for all
            + [(keys[s.image], shares[s.example] * nothing) for s in shown.negatives]
            for group in groups
        ]
        return padded_cells(own)

    away = [vector(shot) for shot in shown.negatives]
    nobody = [NOBODY] * len(away)
    away_images = [shot.image for shot in shown.negatives]
    groups = [one.shots for one in shown.objects]
    most = max(len(group) for group in groups)
    if shots == "logits":
        rounds = ([[g[turn % len(g)]] for g in groups] for turn in range(most))
        return tuple(gather(one) for one in rounds)
    if shots == "pool" and most > 1:
        rows = [vector(g[0]) if len(g) == 1 else pooled(g) for g in groups]
        image = [g[0].image if len({s.image for s in g}) == 1 else -1 for g in groups]
        owner = (*range(len(groups)), *nobody)
        images = (*image, *away_images)
        return (References(torch.stack(rows + away), owner, images, text, cells(groups)),)
    return (gather(groups),)
