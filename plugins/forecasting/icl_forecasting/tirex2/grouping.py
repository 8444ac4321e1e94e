"""Which rows of a batch belong together, and what each row is.

A row is one variate of one sample: a target or a covariate. The rows of a sample form a group,
inside which the variate mixer attends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Bucket(NamedTuple):
    """Groups of one make-up, so that one batched attention serves them all.

    Args:
        rows: int64 [G, V] rows of each group, targets first.
        targets: how many of the V are targets.
    """

    rows: Tensor
    targets: int


@dataclass(frozen=True, eq=False)
class Grouping:
    """The rows of a batch.

    Args:
        count: rows R.
        targets: int64, the target rows in order.
        known: int64, rows known into the future, which the time mixers read both ways.
        buckets: the groups of two rows and more; a row alone skips the variate mixer.
        in_order: whether one bucket holds all rows in order, so that nothing is gathered.
    """

    count: int
    targets: Tensor
    known: Tensor
    buckets: tuple[Bucket, ...]
    in_order: bool = False

    def to(self, device: torch.device) -> Grouping:
        """The same on another device."""
        buckets = tuple(Bucket(b.rows.to(device), b.targets) for b in self.buckets)
        targets, known = self.targets.to(device), self.known.to(device)
        return Grouping(self.count, targets, known, buckets, self.in_order)


def group_rows(groups: np.ndarray, targets: np.ndarray, known: np.ndarray) -> Grouping:
    """Sort rows by group.

    Args:
        groups: int [R], the group of each row.
        targets: bool [R], whether a row is a target.
        known: bool [R], whether a row is a covariate known into the future.
    """
    members: dict[int, list[int]] = {}
    for row in [*np.flatnonzero(targets), *np.flatnonzero(~targets)]:
        members.setdefault(int(groups[row]), []).append(int(row))
    by_make_up: dict[tuple[int, int], list[list[int]]] = {}
    for rows in sorted(members.values()):
        if len(rows) > 1:
            make_up = (len(rows), int(targets[rows].sum()))
            by_make_up.setdefault(make_up, []).append(rows)
    buckets = tuple(Bucket(torch.tensor(rows), count) for (_, count), rows in by_make_up.items())
    in_order = len(buckets) == 1 and torch.equal(
        buckets[0].rows.view(-1), torch.arange(len(groups))
    )
    return Grouping(
        len(groups),
        torch.from_numpy(np.flatnonzero(targets)),
        torch.from_numpy(np.flatnonzero(known)),
        buckets,
        in_order,
    )
