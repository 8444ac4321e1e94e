"""Laws between two kinds of quantity, where a text names the quantities and not the law."""

from __future__ import annotations

AFFINITY = (
    (frozenset({"speed", "rpm", "rotation", "rotational"}), frozenset({"pressure", "head"}), 2.0),
    (frozenset({"speed", "rpm", "rotation", "rotational"}), frozenset({"power"}), 3.0),
    (frozenset({"speed", "rpm", "rotation", "rotational"}), frozenset({"flow"}), 1.0),
    (frozenset({"wind"}), frozenset({"power"}), 3.0),
    (frozenset({"voltage"}), frozenset({"power", "heat"}), 2.0),
    (frozenset({"flow"}), frozenset({"pressure"}), 2.0),
)
"""Cause, consequence, exponent: the affinity laws of fans and pumps, and their relatives."""


def exponent_between(cause: frozenset[str], consequence: frozenset[str]) -> float | None:
    """Exponent of the power law by which one kind of quantity follows another, if one is known.

    Args:
        cause: concepts and words of the covariate.
        consequence: concepts and words of the target.
    """
    for of, to, exponent in AFFINITY:
        if cause & of and consequence & to:
            return exponent
    return None
