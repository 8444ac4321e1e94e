"""Which classes of a context are asked for: all of them, some, or those an oracle names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from icl_core.errors import InputError

PROTOCOLS = ("open", "oracle")


@dataclass(frozen=True)
class Asked:
    """What one query is asked for.

    Args:
        objects: places of the objects in the context; None = all.
        oracle: whether examples that are the query itself count as nothing.
        overlaps: whether the answer keeps the logits of every object.
    """

    objects: tuple[int, ...] | None = None
    oracle: bool = False
    overlaps: bool = True


def asked_classes(
    names: Sequence[str], queries: int, classes: Any = None, protocol: str = "open"
) -> list[Asked]:
    """Read the predict options `classes` and `protocol`.

    Args:
        names: of the context's objects.
        queries: how many there are.
        classes: names to decode, each standing for all objects of that name; a list of such
            lists has one a query.
        protocol: "open", or "oracle" for the released evaluation of semantic segmentation, which
            decodes the classes that the ground truth holds.

    Returns:
        What each query is asked for.

    Raises:
        InputError: an option has a bad value; the sentence names the class that is unknown.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol is {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
    oracle = protocol == "oracle"
    if classes is None:
        if oracle:
            raise InputError(
                "protocol='oracle' needs classes=, the names of the classes in the ground truth"
            )
        return [Asked()] * queries
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
        raise InputError(f"classes is {classes!r}, expected a list of class names")
    nested = not isinstance(classes[0], str)
    if nested and len(classes) != queries:
        raise InputError(
            f"classes has {len(classes)} lists of names, expected one for each of the "
            f"{queries} queries"
        )
    lists = list(classes) if nested else [classes] * queries
    return [Asked(_places(names, one), oracle) for one in lists]


def _places(names: Sequence[str], wanted: Any) -> tuple[int, ...]:
    if isinstance(wanted, str) or not isinstance(wanted, Sequence) or not wanted:
        raise InputError(f"classes holds {wanted!r}, expected a list of class names")
    places = []
    for name in wanted:
        if name not in names:
            close = get_close_matches(str(name), names, n=1)
            meant = f"did you mean {close[0]!r}?" if close else None
            shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
            raise InputError(
                f"the context shows no class {name!r}; it shows {shown}",
                hint=meant or "every class needs an example with its class_name",
            )
        places += [place for place, known in enumerate(names) if known == name]
    if len(set(places)) != len(places):
        raise InputError(f"classes names a class twice: {list(wanted)}")
    return tuple(places)
