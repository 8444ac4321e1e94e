"""How sure a learner is of what it is not shown yet: what vote-k asks of a model.

Source: "Selective Annotation Makes Language Models Better Few-Shot Learners" (arXiv 2209.01975),
section 2.1: the confidence of the answer itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.learner import Learner
from icl_core.results import Classification, Segmentation
from icl_core.types import Context, Episode, Example

Sure = Callable[[Sequence[Example], Sequence[Any]], list[float]]
"""(examples that are shown, inputs) -> how sure the learner is of its answer to each."""

_TOGETHER = 16


def sureness(learner: Learner, options: Mapping[str, Any]) -> Sure:
    """Return what asks a learner how sure it is.

    Args:
        learner: loaded.
        options: its predict options.
    """

    def ask(shown: Sequence[Example], inputs: Sequence[Any]) -> list[float]:
        context = Context(tuple(shown))
        episodes = [Episode(context, one) for one in inputs]
        answers = learner.predict_episodes(episodes, batch_size=_TOGETHER, **options)
        return [_confidence(learner, answer) for answer in answers]

    return ask


def _confidence(learner: Learner, answer: Any) -> float:
    """The probability of the label; of a mask its score, else its pixels' mean distance from 1/2.

    Raises:
        InputError: the answer says nothing about how sure it is.
    """
    if isinstance(answer, Classification) and answer.probabilities is not None:
        return float(answer.probabilities[answer.labels.index(answer.label)])
    if isinstance(answer, Segmentation):
        if answer.score is not None:
            return answer.score
        return float(np.abs(np.tanh(answer.logits.astype(np.float64) / 2)).mean())
    raise InputError(
        f"vote-k asks how sure the learner is of each answer, and {learner.card.name} does not say",
        "fast-vote-k asks no model",
    )
