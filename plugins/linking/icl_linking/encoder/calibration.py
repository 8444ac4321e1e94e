"""Probabilities that mean what they say, and when a query is of none of the classes shown.

Both start from constants that were fitted once, in units that do not depend on the encoder, and
move towards what the supports themselves tell where a class has two or more of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from icl_linking.encoder.heads import Head, Shots


@dataclass(frozen=True)
class Constants:
    """What stands in where the supports cannot tell.

    Args:
        shares: head -> prior temperature as a share of the head's margin on its own supports.
        known: typical standing of a query of a class shown; see `Standing`.
        slope: how fast the doubt falls with the standing.
    """

    shares: Mapping[str, float]
    known: float
    slope: float


GENERAL = Constants(
    {"ncm": 0.16, "tip-adapter": 0.08, "tip-adapter-f": 0.08, "gda": 0.16, "ridge": 0.08},
    known=0.32,
    slope=3.0,
)
"""For any encoder. Fitted by log loss on one-shot tasks, 2 to 12 classes, drawn from Omniglot (MIT)
and Sign Language Digits (Apache-2.0) under the encoder "pixels"
(`icl_linking.encoder.fit_constants`)."""

BUNDLED_CONSTANTS = Constants(
    {"ncm": 0.06, "tip-adapter": 0.05, "tip-adapter-f": 0.05, "gda": 0.06, "ridge": 0.05},
    known=0.84,
    slope=7.0,
)
"""For the bundled encoder, on alphabets that it was not trained on; a little flatter than the best,
since what it is shown may be further away."""

FOLDS = 5
_GRID = torch.linspace(-5, 5, 81, dtype=torch.float64)
"""Octaves around the prior temperature in which the right one is looked for."""

PRIOR_COUNT = 2.0
"""How many supports the constant `known` counts for."""


def margin(head: Head, shots: Shots) -> float:
    """Return how far the right logit of a support lies above the mean of the others."""
    logits = head(shots.features)
    own = logits.gather(1, shots.classes[:, None])[:, 0]
    others = (logits.sum(1) - own) / max(shots.count - 1, 1)
    return max(float((own - others).mean()), 1e-9)


def prior_temperature(
    name: str, head: Head, shots: Shots, with_text: bool, constants: Constants = GENERAL
) -> float:
    """Return the temperature before the supports are asked.

    1 where the logits hold 100 q W: these were trained as log-probabilities. Elsewhere a share of
    the margin, which brings logits of any scale to a common one.
    """
    return 1.0 if with_text else constants.shares[name] * margin(head, shots)


def temperature(fit: Callable[[Shots], Head], shots: Shots, prior: float) -> float:
    """Find the temperature by which logits are divided before the softmax.

    Each class in turn holds back one support, the head is fitted to the rest and asked for it, at
    most 5 times. Of temperatures around the prior the one with the smallest log loss is taken; the
    prior counts as a Gaussian of one octave, so a handful of supports cannot move it far.

    Args:
        fit: fits the head to shots.
        shots: all supports; with one a class the prior is returned.
        prior: of `prior_temperature`.
    """
    found = [(fit(rest)(held.features), held.classes) for rest, held in _folds(shots)]
    if not found:
        return prior
    logits = torch.cat([part for part, _ in found])
    classes = torch.cat([part for _, part in found])
    candidates = prior * 2**_GRID
    losses = [float(cross_entropy(logits / t, classes, reduction="sum")) for t in candidates]
    penalised = torch.tensor(losses, dtype=torch.float64) + _GRID.square() / 2
    return float(candidates[int(penalised.argmin())])


@dataclass(frozen=True)
class Standing:
    """Tells how likely it is that a query is of a class that was shown.

    The similarity s of a query is its largest cosine to a class mean. Its standing is
    z = (s - u) / (1 - u): u, the standing of a stranger, is the mean over supports of the largest
    cosine to the mean of another class. A query of a class shown stands at about k, the mean
    standing of supports that were held back, mixed with the constant `known`. The probability is
    logistic in z with its middle at k / 2.

    Args:
        prototypes: float64 [C, d], unit length.
        stranger: u.
        known: k.
        slope: how fast the doubt falls.
    """

    prototypes: Tensor
    stranger: float
    known: float
    slope: float = GENERAL.slope

    @classmethod
    def of(cls, shots: Shots, constants: Constants = GENERAL) -> Standing:
        """Measure the supports, of two classes or more."""
        prototypes = normalize(shots.means(), dim=-1)
        cosines = shots.features @ prototypes.T
        others = cosines.scatter(1, shots.classes[:, None], -torch.inf).amax(1)
        stranger = min(float(others.mean()), 1 - 1e-6)
        total, count = constants.known * PRIOR_COUNT, PRIOR_COUNT
        for rest, held in _folds(shots):
            means = normalize(rest.means(), dim=-1)
            found = (held.features @ means.T).amax(1)
            total += float(((found - stranger) / (1 - stranger)).clamp(0, 1).sum())
            count += len(found)
        return cls(prototypes, stranger, total / count, constants.slope)

    def similarity(self, queries: Tensor) -> Tensor:
        """Return the largest cosine to a class mean: [M]."""
        return (queries @ self.prototypes.T).amax(1)

    def standing(self, queries: Tensor) -> Tensor:
        """Return z: 0 for a typical stranger, 1 for a class mean itself: [M]."""
        return (self.similarity(queries) - self.stranger) / (1 - self.stranger)

    def probability(self, queries: Tensor) -> Tensor:
        """Return the probability that each query is of a class shown: [M]."""
        return torch.sigmoid(self.slope * (self.standing(queries) - self.known / 2))


def _folds(shots: Shots) -> Iterator[tuple[Shots, Shots]]:
    """Hold back one support of each class in turn, while every class keeps one."""
    if shots.fewest < 2:
        return
    rank = torch.zeros_like(shots.classes)
    for own in range(shots.count):
        places = shots.classes == own
        rank[places] = torch.arange(int(places.sum()))
    for fold in range(min(shots.fewest, FOLDS)):
        held = rank == fold
        yield shots.take(~held), shots.take(held)
