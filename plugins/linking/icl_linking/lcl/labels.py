"""The labels of a context, and answers as `Classification`s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core import Classification, Context, InputError

NO_LABEL = ""
"""The label of an answer that names none of the labels, or several."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a context shows.

    Args:
        examples: pictures uint8 [H, W, 3] and their labels, in order.
        text: words that go with it.
    """

    examples: tuple[tuple[np.ndarray, str], ...]
    text: str | None = None

    @classmethod
    def of(cls, context: Context) -> Shown:
        """Read a coerced context."""
        return cls(tuple((one.input, one.output) for one in context.examples), context.text)

    @property
    def labels(self) -> tuple[str, ...]:
        """Different labels, in the order in which they appear."""
        return tuple(dict.fromkeys(label for _, label in self.examples))


def choices(shown: Shown, asked: Any, name: str, free: bool = False) -> tuple[str, ...]:
    """Return the labels that there are to choose from.

    Args:
        shown: the context.
        asked: what was given as `labels=`; None = those of the context.
        name: of the learner.
        free: whether answers in words are read, which need no labels where nothing is shown.

    Raises:
        InputError: there are fewer than two, or some that the context shows are missing.
    """
    if asked is None:
        labels = shown.labels
        if len(labels) == 1:
            raise InputError(
                f"the context of {name} shows one class only, {labels[0]!r}, expected two or more",
                "add examples of another class, or name all of them with labels=[...]",
            )
    else:
        labels = _named(asked)
        absent = [label for label in shown.labels if label not in labels]
        if absent:
            raise InputError(
                f"labels has no {absent[0]!r}, which the context shows; expected all its labels"
            )
    if not labels and not free:
        raise InputError(
            f"the context of {name} has no examples, so there are no labels to choose from",
            "labels=['cat', 'dog'] names them",
        )
    return labels


def _named(asked: Any) -> tuple[str, ...]:
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        raise InputError(f"labels is {asked!r:.80}, expected a list of two or more words")
    for label in asked:
        if not isinstance(label, str) or not label.strip():
            raise InputError(f"labels holds {label!r:.80}, expected words")
    labels = tuple(label.strip() for label in asked)
    repeated = next((label for label in labels if labels.count(label) > 1), None)
    if repeated is not None:
        raise InputError(f"labels holds {repeated!r} twice, expected different words")
    if len(labels) < 2:
        raise InputError(f"labels holds {len(labels)} words, expected two or more")
    return labels


def from_scores(
    labels: Sequence[str], scores: Sequence[float], meta: dict[str, Any]
) -> Classification:
    """Choose the label with the highest score; of equal ones the first.

    Args:
        labels: to choose from.
        scores: log-likelihoods, as many; softmax makes them probabilities.
        meta: how they came about.
    """
    values = np.asarray(scores, dtype=np.float64)
    weights = np.exp(values - values.max())
    probabilities = (weights / weights.sum()).astype(np.float32)
    kept = {**meta, "scores": dict(zip(labels, values.tolist(), strict=True))}
    best = labels[int(values.argmax())]
    return Classification(best, tuple(labels), probabilities, None, kept)


def from_text(labels: Sequence[str], text: str, meta: dict[str, Any]) -> Classification:
    """Read which label an answer in words names.

    Args:
        labels: to choose from; none where the answer is free, and its own label.
        text: the answer, kept unchanged.
        meta: how it came about. `decided` is added: whether the answer names one label.

    Returns:
        That label; or, where the answer names none or several, an answer without a label
        (`NO_LABEL`, with `labels` empty and the choices in `meta`).
    """
    from icl_linking.scoring import decide

    if not labels:
        return Classification(text.strip(), (), None, text, {**meta, "decided": None})
    found = decide(text, labels)
    if found is None:
        return without_label(labels, text, meta)
    return Classification(found, tuple(labels), None, text, {**meta, "decided": True})


def without_label(labels: Sequence[str], text: str | None, meta: dict[str, Any]) -> Classification:
    """Return the record of an answer that is none."""
    kept = {**meta, "decided": False, "choices": list(labels)}
    return Classification(NO_LABEL, (), None, text, kept)
