"""What became of one episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from icl_core.errors import InputError
from icl_core.types import Episode
from icl_linking.episodes.controls import options_of
from icl_linking.episodes.turns import sentence
from icl_linking.scoring.official import official, official_label, other_label
from icl_linking.scoring.sound import mentioned

KINDS = ("right", "wrong", "neither", "both", "failed")


@dataclass(frozen=True)
class Outcome:
    """One answer, judged.

    Args:
        id: of the episode.
        truth: name of the query's class.
        said: the learner's words, or its label where it has none.
        named: the labels that the answer names.
        kind: "right", "wrong", "neither" (no label), "both" (several) or "failed" (no answer).
        official: what the released string match says; None where there are not two labels.
        positive: whether the query is of the positive class; None where classes are alike.
        follows: the name that swapped labels give to the query's class.
        probability: of the right label, where the learner gives probabilities.
    """

    id: str
    truth: str
    said: str
    named: tuple[str, ...]
    kind: str
    official: bool | None = None
    positive: bool | None = None
    follows: str | None = None
    probability: float | None = None

    def right(self, rule: str = "sound") -> bool:
        """Whether the answer counts as right under a rule, "sound" or "official"."""
        if rule == "official" and self.official is not None:
            return self.official
        return self.kind == "right"

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain data."""
        return {**asdict(self), "named": list(self.named)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """Read what `to_json` gave.

        Raises:
            InputError: it is something else.
        """
        try:
            found = cls(**{**value, "named": tuple(value["named"])})
        except (KeyError, TypeError) as error:
            raise InputError(f"this is no stored outcome: {error}") from error
        if found.kind not in KINDS:
            raise InputError(f"a stored outcome is {found.kind!r}, expected one of {KINDS}")
        return found


def judge(prediction: Any, episode: Episode) -> Outcome:
    """Judge one answer.

    A learner's words are read for the labels they name; without words its label counts. An answer
    with `meta["failed"]`, such as a request that was never answered, is failed and nothing else.

    Args:
        prediction: a `Classification`.
        episode: what was asked, with its target.

    Raises:
        InputError: the episode has no target, or labels that cannot be told apart.
    """
    if episode.target is None:
        raise InputError("the episode has no target to compare with")
    truth, options = str(episode.target), options_of(episode)
    said = prediction.label if prediction.answer is None else prediction.answer
    failed = bool(prediction.meta.get("failed"))
    if prediction.answer is None:
        named: tuple[str, ...] = (said,) if said in options else ()
    else:
        named = mentioned(said, options)
    if failed:
        kind, named = "failed", ()
    elif len(named) != 1:
        kind = "both" if named else "neither"
    else:
        kind = "right" if named[0] == truth else "wrong"
    return Outcome(
        id=str(episode.meta.get("id", "")),
        truth=truth,
        said=said,
        named=named,
        kind=kind,
        official=_official(said, truth, options, failed),
        positive=episode.meta.get("positive"),
        follows=episode.meta.get("follows"),
        probability=_probability(prediction, truth),
    )


def _official(said: str, truth: str, options: Sequence[str], failed: bool) -> bool | None:
    if len({option.lower() for option in options}) != 2:
        return None
    if failed:
        return False
    label = official_label(sentence(truth))
    return official(said, label, other_label(label, options[0], options[1]))


def _probability(prediction: Any, truth: str) -> float | None:
    if prediction.probabilities is None or truth not in prediction.labels:
        return None
    return float(prediction.probabilities[prediction.labels.index(truth)])
