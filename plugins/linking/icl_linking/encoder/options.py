"""The options of the learner `encoder`, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from icl_core.coerce import to_label
from icl_core.errors import InputError
from icl_linking.encoder.heads import HEADS, HeadOptions

TEMPLATES = ("a photo of a {}.",)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class EncoderOptions:
    """What a user may choose, apart from the encoder itself.

    Args:
        head: a name in `HEADS`.
        fit: numbers of the head.
        templates: sentences with `{}`.
        augment: crops of each support.
        temperature: None = found from the supports.
        reject: least probability of being known; None = nothing is rejected.
        unknown: what a rejected query is called.
    """

    head: str
    fit: HeadOptions
    templates: tuple[str, ...]
    augment: int
    temperature: float | None
    reject: float | None
    unknown: str

    @classmethod
    def take(cls, options: dict[str, Any], official: bool) -> EncoderOptions:
        """Take the known options out of `options`.

        Raises:
            InputError: a value makes no sense.
        """
        head = options.pop("head", "ncm")
        if head not in HEADS:
            raise InputError(f"head is {head!r}, expected one of {', '.join(HEADS)}")
        fit = HeadOptions(
            alpha=_number(options, "alpha", 0.0),
            beta=_number(options, "beta", 0.0, above=True),
            penalty=_number(options, "penalty", 0.0, above=True) or 0.1,
            text=_number(options, "text", 0.0),
            official=official,
        )
        augment = options.pop("augment", 0)
        if isinstance(augment, bool) or not isinstance(augment, int) or augment < 0:
            raise InputError(f"augment is {augment!r}, expected a whole number from 0")
        return cls(
            head=head,
            fit=fit,
            templates=_templates(options.pop("templates", None)),
            augment=augment,
            temperature=_number(options, "temperature", 0.0, above=True),
            reject=_reject(options.pop("reject", None)),
            unknown=to_label(options.pop("unknown", UNKNOWN)),
        )


def _number(options: dict[str, Any], name: str, least: float, above: bool = False) -> float | None:
    value = options.pop(name, None)
    if value is None:
        return None
    wrong = isinstance(value, bool) or not isinstance(value, int | float)
    if wrong or not math.isfinite(value) or value < least or (above and value == least):
        bound = f"above {least:g}" if above else f"from {least:g}"
        raise InputError(f"{name} is {value!r}, expected a number {bound}")
    return float(value)


def _templates(value: Any) -> tuple[str, ...]:
    if value is None:
        return TEMPLATES
    found = (value,) if isinstance(value, str) else tuple(value)
    for template in found:
        if not isinstance(template, str) or "{}" not in template:
            raise InputError(f"the template {template!r:.80} has no {{}} in the place of the label")
    if not found:
        raise InputError("templates is empty, expected at least one sentence with {}")
    return found


def _reject(value: Any) -> float | None:
    if value is None or value is False:
        return None
    if value is True:
        return 0.5
    if isinstance(value, int | float) and 0 < value < 1:
        return float(value)
    raise InputError(f"reject is {value!r}, expected True, False or a number between 0 and 1")
