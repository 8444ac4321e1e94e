"""The string match of the released evaluation, holes included.

* It is case-sensitive, and the right label is lower-cased: an answer with a capital is wrong.
* `.` and `'` are taken out of the right label and stay in the answer: such a name is never
  right.
* Where the right name lies inside the other one ("fox", "kit fox"), the other one is right too.
* There are no word boundaries ("acactihogb" is right).
"""

from __future__ import annotations

from collections.abc import Mapping

from icl_core.errors import InputError

_BEFORE, _AFTER = "ASSISTANT:", "</s>"
_REMOVED = ("The answer is", "there is", "in the image", '"', "'", ".")


def official_label(target: str) -> str:
    """Take the label out of the text of the right answer.

    Args:
        target: decoded text, special tokens kept; what counts is between the last `ASSISTANT:`
            and the next `</s>`.

    Returns:
        The label without quotes and full stops, in lower case.
    """
    text = target.rpartition(_BEFORE)[2].partition(_AFTER)[0]
    for piece in _REMOVED:
        text = text.replace(piece, "")
    return text.strip().lower()


def other_label(label: str, positive: str, negative: str) -> str:
    """Find the wrong name of an ISEKAI row: the last of its names that is not the right one.

    Args:
        label: of `official_label`.
        positive: name of the positive class.
        negative: name of the negative class.

    Raises:
        InputError: both are the right one. The released code stops there as well.
    """
    others = [name for name in (positive.lower(), negative.lower()) if name != label]
    if not others:
        raise InputError(f"both classes are called {label!r}, expected two names")
    return others[-1]


def paired_label(label: str, pairs: Mapping[str, str]) -> str:
    """Find the wrong name of an ImageNet-100 row: the other class of the pair.

    Args:
        label: of `official_label`.
        pairs: lower-cased name -> lower-cased name of the other class.

    Raises:
        InputError: the label is not in the table. The released code stops there as well (with a
            KeyError): names with an apostrophe or a full stop lose it in `official_label`.
    """
    if label not in pairs:
        raise InputError(f"the label {label!r} is not in the table of pairs")
    return pairs[label]


def official(prediction: str, target: str, other: str) -> bool:
    """Decide whether an answer is right.

    Args:
        prediction: decoded text of the answer, unchanged.
        target: the right label, of `official_label`.
        other: the wrong one, of `other_label`; for ImageNet-100 the other class of the pair.

    Returns:
        Whether the answer holds the right label and, with it taken out, not the wrong one.
    """
    return target in prediction and other not in prediction.replace(target, "")
