"""Labels of linking examples."""

from __future__ import annotations

import numbers
from typing import Any

from icl_core.errors import InputError


def to_label(value: Any) -> str:
    """Turn a label into a string.

    Args:
        value: a string, whose surrounding space is dropped, or a whole number such as a class id.

    Raises:
        InputError: an empty string, a truth value, or another type.
    """
    if isinstance(value, str):
        label = str(value).strip()
        if not label:
            raise InputError("the label is empty, expected a word or a class id")
        return label
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(int(value))
    raise InputError(f"the label is {value!r:.80}, expected a word or a class id")
