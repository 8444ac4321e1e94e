"""Few-shot heads over unit-length features: from a few labelled features to logits.

All compute in float64 on the CPU. F [N, d] are the features of the supports, Y [N, C] their labels
as ones and zeros, W [d, C] text prototypes (None without a text tower), q [M, d] queries.

    * `ncm`: cosine to the normalised mean of each class.
    * `tip-adapter` (arXiv 2111.03930): 100 q W + alpha * exp(-beta (1 - q F')) Y.
    * `tip-adapter-f`: the same with F trained (`icl_linking.encoder.adapter`).
    * `gda` (arXiv 2402.04087): Gaussian discriminant analysis with one shrunken covariance,
      fused with 100 q W.
    * `ridge`: kernel ridge regression, K = exp(-beta (1 - F F')), on the labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from icl_core.errors import InputError

HEADS = ("ncm", "tip-adapter", "tip-adapter-f", "gda", "ridge")
LOGIT_SCALE = 100.0
"""What cosines to text prototypes are multiplied by, as in CLIP."""

Head = Callable[[Tensor], Tensor]
"""From queries [M, d] to logits [M, C]."""


@dataclass(frozen=True)
class Shots:
    """What a head is fitted to.

    Args:
        features: float64 [N, d], unit length.
        classes: int64 [N], in 0..C-1; every class occurs.
        count: C.
        text: float64 [d, C], unit length; None without a text tower.
    """

    features: Tensor
    classes: Tensor
    count: int
    text: Tensor | None = None

    @property
    def labels(self) -> Tensor:
        """Labels as ones and zeros: float64 [N, C]."""
        return one_hot(self.classes, self.count).to(self.features.dtype)

    @property
    def fewest(self) -> int:
        """Shots of the class that has the fewest."""
        return int(torch.bincount(self.classes, minlength=self.count).min())

    def means(self) -> Tensor:
        """Mean feature of each class: [C, d]."""
        labels = self.labels
        return (labels.T @ self.features) / labels.sum(0)[:, None]

    def take(self, keep: Tensor) -> Shots:
        """Return the shots that a bool [N] marks."""
        return Shots(self.features[keep], self.classes[keep], self.count, self.text)


@dataclass(frozen=True)
class HeadOptions:
    """How a head is fitted; None = the head's own default.

    Args:
        alpha: weight of the cache of Tip-Adapter, or of GDA's logits beside the text's.
        beta: sharpness of exp(-beta (1 - cosine)).
        penalty: lambda of kernel ridge.
        text: weight of the text prototypes, at least 0.
        official: GDA as released where no class varies (all logits alike).
    """

    alpha: float | None = None
    beta: float | None = None
    penalty: float = 0.1
    text: float | None = None
    official: bool = False

    def text_weight(self, head: str) -> float:
        """Default: 1 where the published head has a text term, else 0."""
        if self.text is not None:
            return self.text
        return 0.0 if head in ("ncm", "ridge") else 1.0


def fit_head(name: str, shots: Shots, options: HeadOptions | None = None) -> Head:
    """Fit a head without training; `tip-adapter-f` is trained in `adapter`.

    Raises:
        InputError: no such head.
    """
    asked = options or HeadOptions()
    weight = asked.text_weight(name)
    text = shots.text if weight > 0 else None
    if name == "ncm":
        return ncm(shots, text, weight)
    if name in ("tip-adapter", "tip-adapter-f"):
        alpha = 1.17 if asked.alpha is None else asked.alpha
        beta = default_beta(text) if asked.beta is None else asked.beta
        return tip_adapter(shots, alpha, beta, text, weight)
    if name == "gda":
        alpha = 1.0 if asked.alpha is None else asked.alpha
        return gda(shots, alpha, text, weight, official=asked.official)
    if name == "ridge":
        beta = 5.5 if asked.beta is None else asked.beta
        return ridge(shots, beta, asked.penalty, text, weight)
    raise InputError(f"head is {name!r}, expected one of {', '.join(HEADS)}")


def default_beta(text: Tensor | None) -> float:
    """Return 1 as published for ImageNet beside text; 5.5, the method's start, without."""
    return 5.5 if text is None else 1.0


def zero_shot(text: Tensor) -> Head:
    """Compare with text prototypes alone: 100 q W."""
    return lambda queries: LOGIT_SCALE * queries @ text


def ncm(shots: Shots, text: Tensor | None = None, weight: float = 0.0) -> Head:
    """Nearest class mean. Text prototypes are mixed in: normalise(mean + weight * text)."""
    prototypes = normalize(shots.means(), dim=-1)
    if text is not None:
        prototypes = normalize(prototypes + weight * text.T, dim=-1)
    return lambda queries: queries @ prototypes.T


def affinity(queries: Tensor, keys: Tensor, beta: float) -> Tensor:
    """Return exp(-beta (1 - cosine)): [M, N]."""
    return torch.exp(-beta * (1 - queries @ keys.T))


def tip_adapter(
    shots: Shots,
    alpha: float,
    beta: float,
    text: Tensor | None = None,
    weight: float = 1.0,
    keys: Tensor | None = None,
) -> Head:
    """Tip-Adapter: a cache of the supports beside the text prototypes.

    Args:
        shots: the supports.
        alpha: weight of the cache.
        beta: sharpness.
        text: text prototypes; None leaves their term out.
        weight: of that term; 1 as published.
        keys: trained features instead of those of the supports.
    """
    stored, labels = shots.features if keys is None else keys, shots.labels

    def logits(queries: Tensor) -> Tensor:
        found = alpha * affinity(queries, stored, beta) @ labels
        return found if text is None else found + weight * LOGIT_SCALE * queries @ text

    return logits


def search_tip_adapter(
    shots: Shots, queries: Tensor, classes: Tensor, betas: int = 200, alphas: int = 20
) -> tuple[float, float, float]:
    """Search beta and alpha on a validation split, as published.

    Args:
        shots: the supports, with text.
        queries: float64 [M, d] of the validation split.
        classes: int64 [M].
        betas: steps from 0.1 to 7.
        alphas: steps from 0.1 to 3.

    Returns:
        Accuracy, beta and alpha; of equal accuracies the first is kept.
    """
    labels = shots.labels
    base = torch.zeros(len(queries), shots.count, dtype=queries.dtype)
    if shots.text is not None:
        base = LOGIT_SCALE * queries @ shots.text
    best = (-1.0, 0.0, 0.0)
    for i in range(betas):
        beta = 0.1 + i * (7 - 0.1) / betas
        cache = affinity(queries, shots.features, beta) @ labels
        for j in range(alphas):
            alpha = 0.1 + j * (3 - 0.1) / alphas
            right = (base + alpha * cache).argmax(-1) == classes
            accuracy = float(right.double().mean())
            if accuracy > best[0]:
                best = (accuracy, beta, alpha)
    return best


def gda(
    shots: Shots,
    alpha: float = 1.0,
    text: Tensor | None = None,
    weight: float = 1.0,
    official: bool = False,
) -> Head:
    """Gaussian discriminant analysis: 100 q W + alpha (q P mu - mu' P mu / 2 - log C).

    P = d ((N - 1) S + trace(S) I)^-1 with S the covariance within classes. With fewer supports than
    dimensions the N x N form of Woodbury's identity gives the same.

    Where no class varies (one shot a class) S is 0, and the published formula makes all logits
    alike (`official`). Otherwise half the variance between the classes stands in for its trace.
    """
    weights, bias = gda_weights(shots, official)

    def logits(queries: Tensor) -> Tensor:
        found = alpha * (queries @ weights + bias)
        return found if text is None else found + weight * LOGIT_SCALE * queries @ text

    return logits


def gda_weights(shots: Shots, official: bool = False) -> tuple[Tensor, Tensor]:
    """Return GDA as a linear map: [d, C] and [C]."""
    means = shots.means()
    centred = shots.features - means[shots.classes]
    count, width = shots.features.shape
    trace = float(centred.square().sum()) / max(count - 1, 1)
    if trace <= 1e-12:
        # What is left of features that are all the same is rounding.
        centred = torch.zeros_like(centred)
        spread = float((means - means.mean(0)).square().sum(-1).mean())
        trace = 0.0 if official else spread / 2
    logs = torch.log(torch.tensor(float(shots.count), dtype=means.dtype))
    if trace <= 1e-12:
        return torch.zeros_like(means.T), -logs.expand(shots.count)
    if count < width:
        inner = centred @ centred.T
        inner.diagonal().add_(trace)
        solved = torch.linalg.solve(inner, centred @ means.T)
        weights = width * (means.T - centred.T @ solved) / trace
    else:
        scatter = centred.T @ centred
        scatter.diagonal().add_(trace)
        weights = width * torch.linalg.solve(scatter, means.T)
    bias = -logs - 0.5 * (means * weights.T).sum(-1)
    return weights, bias


def ridge(
    shots: Shots,
    beta: float = 5.5,
    penalty: float = 0.1,
    text: Tensor | None = None,
    weight: float = 0.0,
) -> Head:
    """Kernel ridge regression on the labels.

    Text is the prior: with p(x) = softmax(100 x W) the regression is of Y - weight * p(F), and
    weight * p(q) is added to its answer.
    """

    def prior(features: Tensor) -> Tensor:
        if text is None:
            return torch.zeros(len(features), shots.count, dtype=features.dtype)
        return weight * torch.softmax(LOGIT_SCALE * features @ text, -1)

    kernel = affinity(shots.features, shots.features, beta)
    kernel.diagonal().add_(penalty)
    solved = torch.linalg.solve(kernel, shots.labels - prior(shots.features))
    return lambda queries: prior(queries) + affinity(queries, shots.features, beta) @ solved
