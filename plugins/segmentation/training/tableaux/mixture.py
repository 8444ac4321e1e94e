"""Batches of tableaux: scenes and real pictures whose every class is a question."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from tableaux.draws import Draws, tied
from tableaux.pools import OUTSIDE, SETS, VOID, Atlas, Gallery, cut_outs, read_set, sprites
from tableaux.scenes import compose
from tableaux.shapes import invent
from tableaux.views import lit, sample, showing, without_outside

PICTURES = 3
"""Pictures of a tableau."""
ASKED = 5
"""Most classes of a tableau that are asked."""
ABSENT = 0.3
"""Share of the questions for what the target does not show that are asked."""
LEAST, MOST = 0.004, 0.95
"""Shares of a picture between which a class can be asked for, and shown as an example."""
SINGLE, DOUBLE, RIVAL, NEGATIVE = 1.2, 0.5, 0.4, 0.2
"""Questions a picture: with one example; with two; with one, and another class marked in it; with
one, and another picture that shows what is not meant."""
SCENES, CLIPS = 0.45, 0.25
MOSAICS, SAME, STRANGERS = 0.25, 0.15, 0.35
RENEWED = 40
"""Batches after which the invented things are others."""


@dataclass(frozen=True, eq=False)
class Questions:
    """T tasks with R examples each.

    Args:
        target: the picture that is asked about, int64 [T].
        reference: the pictures that are shown, int64 [T, R].
        shown: their masks, bool [T, R, S, S].
        known: what of them is part of a picture, bool [T, R, S, S].
        truth: mask of the target, bool [T, S, S].
        counted: what of the target has a label, bool [T, S, S].
        weight: 0 where there was no such question, else 1, [T].
        other: mask of something else that is shown, bool [T, S, S], in picture `beside` [T].
        beside: see there.
    """

    target: Tensor
    reference: Tensor
    shown: Tensor
    known: Tensor
    truth: Tensor
    counted: Tensor
    weight: Tensor
    other: Tensor | None = None
    beside: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Tasks over shared pictures.

    Args:
        pictures: float32 [P, 3, S, S] in [0, 1].
        labels: uint8 [P, S, S].
        questions: of several kinds.
    """

    pictures: Tensor
    labels: Tensor
    questions: tuple[Questions, ...]


class Mixture:
    """Draws batches; number n of a run depends on the seed, on n and on the device alone.

    Args:
        gallery: real pictures.
        atlas: things to paste.
        invented: classes and things of each that are invented anew.
        seed: of all draws.
    """

    def __init__(
        self, gallery: Gallery, atlas: Atlas, invented: tuple[int, int], seed: int
    ) -> None:
        self.gallery, self.atlas, self._seed = gallery, atlas, seed
        self._invented, self._age = invented, -1
        self.device = gallery.pictures.device

    def batch(self, number: int, side: int, tableaux: int) -> Batch:
        """Draw a batch.

        Args:
            number: of the batch.
            side: of the squares in pixels.
            tableaux: of the batch, of three pictures each.
        """
        self._renew(number)
        draws = Draws(2 * self._seed, number, self.device)
        scenes = round(SCENES * tableaux)
        speed = draws.uniform(tableaux, low=math.log(0.4), high=math.log(3)).exp()
        near = draws.chance(CLIPS, tableaux) * speed
        drawn = compose(draws, self.atlas, self.gallery, near[:scenes], PICTURES, side)
        real = self._real(draws, near[scenes:], side)
        images, labels = (torch.cat(part) for part in zip(drawn, real[:2], strict=True))
        shape = (tableaux, PICTURES)
        images = lit(draws, images.view(*shape, *images.shape[1:]), near).flatten(0, 1)
        images = without_outside(images, labels)
        whole = torch.cat([torch.ones(scenes, dtype=torch.bool, device=self.device), real[2]])
        questions = ask(draws, labels.view(*shape, side, side), whole)
        return Batch(images, labels, questions)

    def _renew(self, number: int) -> None:
        age = number // RENEWED
        if age != self._age:
            draws = Draws(2 * self._seed + 1, age, self.device)
            classes, each = self._invented
            things = [
                invent(draws, min(64, classes - n), each, self.gallery)
                for n in range(0, classes, 64)
            ]
            self.atlas.renew(torch.cat(things))
            self._age = age

    def _real(self, draws: Draws, near: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures, labels, and of each tableau whether its labels are complete."""
        gallery, count = self.gallery, len(near)
        same = (near > 0) | draws.chance(SAME, count)
        kind = draws.pick(gallery.weights, count)
        rivals = gallery.first[kind] + draws.below(gallery.size[kind])
        # the last picture at times shows another class of the set
        stranger = draws.chance(STRANGERS, count) & ~same
        wanted = kind[:, None].repeat(1, PICTURES)
        wanted[:, -1] = torch.where(stranger, rivals, kind)
        images, labels = self._views(draws, wanted, same, near, side, None)
        # the first ones become two pictures side by side, each with its own class
        part = round(MOSAICS * count)
        if part:
            angle = tied(draws.uniform(part, PICTURES, high=6.2832), near[:part], 0.02).flatten()
            normal = torch.stack([angle.cos(), angle.sin()], dim=1)
            other = rivals[:part, None].expand(part, PICTURES)
            halves = [
                self._views(draws, kinds, same[:part], near[:part], side, middle * normal)
                for kinds, middle in ((wanted[:part], 0.5), (other, -0.5))
            ]
            steps = (torch.arange(side, device=self.device) + 0.5) / (side / 2) - 1
            across = normal[:, 0, None, None] * steps + normal[:, 1, None, None] * steps[:, None]
            first = across > 0
            end = part * PICTURES
            images[:end] = torch.where(first[:, None], halves[0][0], halves[1][0])
            labels[:end] = torch.where(first, halves[0][1], halves[1][1])
        return images, labels, gallery.complete[kind]

    def _members(self, draws: Draws, kinds: Tensor) -> Tensor:
        gallery = self.gallery
        return gallery.members[gallery.starts[kinds] + draws.below(gallery.counts[kinds])]

    def _views(
        self,
        draws: Draws,
        kinds: Tensor,
        same: Tensor,
        near: Tensor,
        side: int,
        middle: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Take views of pictures with some classes [B, G], in the middle or elsewhere."""
        places = tied(self._members(draws, kinds).float(), same, 0.0).long()
        pose = showing(draws, self.gallery, places, self.gallery.kinds[kinds], near)
        if middle is not None:
            pose = pose.moved(middle)
        return sample(self.gallery, places.flatten(), pose, side)


def ask(draws: Draws, labels: Tensor, complete: Tensor) -> tuple[Questions, ...]:
    """Choose the questions of tableaux.

    Their number is fixed, so that nothing waits for the device; where fewer make sense, the rest
    has weight 0.

    Args:
        draws: of the batch.
        labels: uint8 [B, G, S, S].
        complete: whether what has no label surely is none of the classes, bool [B].
    """
    count, pictures, side = labels.shape[:3]
    flat = labels.flatten(2).long()
    pixels = torch.zeros(count, pictures, 256, device=labels.device)
    pixels.scatter_add_(2, flat, torch.ones_like(flat, dtype=pixels.dtype))
    share = pixels / side**2
    shown = (share > LEAST) & (share < MOST)
    shown[..., 0] = False
    shown[..., OUTSIDE:] = False
    common = shown.sum(1)
    # classes that several pictures show come first
    rank = draws.uniform(count, 256) + 2 * (common > 1) + (common > 0)
    kinds = rank.topk(ASKED, dim=1).indices
    wide = kinds[:, None].expand(-1, pictures, -1)
    there, none = shown.gather(2, wide), pixels.gather(2, wide) == 0
    none = none & complete[:, None, None]
    orders = list(permutations(range(pictures), 3))
    triples = torch.tensor(orders, device=labels.device)
    target, one, two = (there[:, triples[:, n]] for n in range(3))
    absent = none[:, triples[:, 0]] & draws.chance(ABSENT, *target.shape)
    wanted = target | absent
    # another class of the first example, and of the second where it does not show what is meant
    places = torch.eye(ASKED, dtype=torch.bool, device=labels.device)
    rivals, strangers = (
        (draws.uniform(*shape) * (seen[:, :, None] & ~places)).max(3)
        for shape, seen in (((*one.shape, ASKED), one), ((*two.shape, ASKED), two))
    )
    lone = none[:, triples[:, 2]] & (strangers.values > 0)
    table = Table(labels, kinds, triples)
    return (
        table.questions(draws, one & wanted, SINGLE, 1),
        table.questions(draws, one & two & target, DOUBLE, 2),
        table.questions(draws, one & wanted & (rivals.values > 0), RIVAL, 1, rivals.indices),
        table.questions(draws, one & wanted & lone, NEGATIVE, 2, strangers.indices),
    )


@dataclass(frozen=True, eq=False)
class Table:
    """What can be asked: for each tableau, each order of its pictures and each of its classes.

    Args:
        labels: uint8 [B, G, S, S].
        kinds: classes of each tableau, [B, K].
        triples: orders of target, first and second example, [O, 3].
    """

    labels: Tensor
    kinds: Tensor
    triples: Tensor

    def questions(
        self,
        draws: Draws,
        possible: Tensor,
        share: float,
        examples: int,
        others: Tensor | None = None,
    ) -> Questions:
        """Choose some of the possible questions.

        Args:
            draws: of the batch.
            possible: bool [B, O, K].
            share: questions a picture.
            examples: pictures that are shown.
            others: the place of the other class in `kinds`, in the last of the examples.
        """
        count, pictures = self.labels.shape[:2]
        number = min(max(1, round(share * count * pictures)), possible.numel())
        order = draws.uniform(possible.numel()) + 2 * possible.flatten().float()
        chosen = order.topk(number).indices
        place, kind = chosen // ASKED, chosen % ASKED
        tableau, triple = place // len(self.triples), place % len(self.triples)
        rows = tableau[:, None] * pictures + self.triples[triple]
        every = self.labels.flatten(0, 1)
        label = self._label(tableau, kind)
        seen, answer = every[rows[:, 1 : 1 + examples]], every[rows[:, 0]]
        shown = seen == label[:, None]
        other = beside = None
        if others is not None:
            beside = rows[:, examples]
            other = every[beside] == self._label(tableau, others.flatten()[chosen])
        elif examples == 2:
            shown = torch.cat([shown[:, :1], _worn(draws, shown[:, 1:])], dim=1)
        return Questions(
            target=rows[:, 0],
            reference=rows[:, 1 : 1 + examples],
            shown=shown,
            known=seen != OUTSIDE,
            truth=answer == label,
            counted=(answer != OUTSIDE) & (answer != VOID),
            weight=possible.flatten()[chosen].float(),
            other=other,
            beside=beside,
        )

    def _label(self, tableau: Tensor, kind: Tensor) -> Tensor:
        return self.kinds[tableau, kind].to(torch.uint8)[:, None, None]


def _worn(draws: Draws, masks: Tensor) -> Tensor:
    """Damage the outlines of some masks [T, 1, S, S], as those of a network's own answers are."""
    side = masks.shape[-1]
    field = draws.normal(len(masks), 1, 10, 10)
    field = F.interpolate(field, (side, side), mode="bicubic", align_corners=False)
    width = side // 8 // 2 * 2 + 1
    soft = F.avg_pool2d(masks.float(), width, 1, width // 2)
    worn = soft + 0.2 * field > 0.5
    # what would be gone stays as it was
    fits = draws.chance(0.5, len(masks), 1, 1, 1) & worn.any(-1).any(-1)[..., None, None]
    return torch.where(fits, worn, masks)


def build(
    data: Path, seed: int, device: str | torch.device, invented: tuple[int, int] = (512, 3)
) -> Mixture:
    """Build the mixture from a folder with the packed sets.

    Args:
        data: of the sets.
        seed: of all draws.
        device: that everything is kept and drawn on.
        invented: classes and things of each that are invented anew.
    """
    pictures = {entry.name: read_set(data, entry) for entry in SETS}
    gallery = Gallery([(pictures[e.name], e.share, e.complete) for e in SETS], device)
    atlas = Atlas(
        [
            (sprites(data / "emoji_sprites"), 0.33),
            (cut_outs(pictures["pascal_voc"]), 0.25),
            (cut_outs(pictures["eth80"], most=0.9, each=40), 0.06),
            (cut_outs(pictures["clothing_ccp"], each=30), 0.06),
        ],
        invented,
        0.3,
        device,
    )
    return Mixture(gallery, atlas, invented, seed)
