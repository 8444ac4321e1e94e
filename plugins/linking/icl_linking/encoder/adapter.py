"""Tip-Adapter-F: the keys of the cache are trained on the supports (arXiv 2111.03930)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from icl_linking.encoder.heads import Head, HeadOptions, Shots, default_beta, tip_adapter

STEPS = 20
LEARNING_RATE = 1e-3
EPSILON = 1e-4


def tip_adapter_f(shots: Shots, options: HeadOptions, steps: int = STEPS) -> Head:
    """Train the keys, then answer as Tip-Adapter does.

    AdamW, learning rate 0.001 with a cosine to 0, eps 1e-4, 20 steps over all supports at once,
    cross-entropy. The published recipe takes 20 epochs over crops of the supports; crops are made
    by the learner's option `augment`.

    Each support is left out of its own cache while it is trained on, where its class has another:
    it would otherwise find itself, and there would be nothing to learn.

    Args:
        shots: the supports.
        options: alpha, beta and the weight of the text.
        steps: of training.
    """
    weight = options.text_weight("tip-adapter-f")
    text = shots.text if weight > 0 else None
    alpha = 1.17 if options.alpha is None else options.alpha
    beta = default_beta(text) if options.beta is None else options.beta
    keys = _trained(shots, alpha, beta, text, weight, steps)
    return tip_adapter(shots, alpha, beta, text, weight, keys)


def _trained(
    shots: Shots, alpha: float, beta: float, text: Tensor | None, weight: float, steps: int
) -> Tensor:
    features, labels = shots.features, shots.labels
    base = 0.0 if text is None else weight * 100.0 * features @ text
    # The caller may run in inference mode, whose tensors cannot be trained.
    with torch.inference_mode(False), torch.enable_grad():
        fixed, target, classes = features.clone(), labels.clone(), shots.classes.clone()
        alone = target.sum(0)[classes] == 1
        hidden = torch.eye(len(fixed), dtype=torch.bool) & ~alone[:, None]
        start = base.clone() if isinstance(base, Tensor) else base
        keys = fixed.clone().requires_grad_(True)
        adam = torch.optim.AdamW([keys], lr=LEARNING_RATE, eps=EPSILON)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in range(steps):
            found = torch.exp(-beta * (1 - fixed @ keys.T)).masked_fill(hidden, 0.0)
            loss = cross_entropy(start + alpha * found @ target, classes)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            schedule.step()
    return keys.detach()
