"""The 2-way policy of the released evaluation.

Shots are counted a class. The paper's "n-shot" counts all supports: n = 2 * shots.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase
from typing import Any

from icl_core.errors import InputError
from icl_linking.episodes.rows import Row, inside
from icl_linking.episodes.turns import Plan, checked_shots, query_turn, support_turns

ORDERS = ("shuffled", "grouped", "positive-first", "negative-first")
SEED = 42
"""Seed of the released runs."""


@dataclass(frozen=True)
class TestClass:
    """A class of ImageNet-100.

    Args:
        class_id: its number in the ILSVRC list.
        name: as it is written there.
        context: paths of pictures to show.
        queries: paths of pictures to ask for.
    """

    class_id: str
    name: str
    context: tuple[str, ...]
    queries: tuple[str, ...]

    __test__ = False  # the name starts with "Test", but it is no test

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TestClass:
        """Read a row of `test100_pairs.jsonl`.

        Raises:
            InputError: a key is missing. An early release held the training list under this name.
        """
        missing = [k for k in ("class_name", "context_samples", "test_samples") if k not in value]
        if missing:
            training = " (it has the keys of the training list)" if "neighbors" in value else ""
            raise InputError(f"the key {missing[0]!r} is missing{training}")
        return cls(
            str(value.get("class_id", "")),
            str(value["class_name"]),
            tuple(inside(path) for path in value["context_samples"]),
            tuple(inside(path) for path in value["test_samples"]),
        )


def imagenet_rows(classes: Sequence[TestClass], queries: int = 50) -> list[Row]:
    """Pair the classes and ask for their pictures.

    Class i is paired with i + 1 where i is even, else with i - 1, in the order of the list. The
    query is always of the positive class, and both members of a pair get their turn. Names are
    lower-cased.

    Args:
        classes: an even number.
        queries: the first so many of each class; 0 = all.

    Raises:
        InputError: an odd number of classes, or a pair with one name.
    """
    if len(classes) % 2:
        raise InputError(f"the list has {len(classes)} classes, expected pairs: an even number")
    rows = []
    for number, own in enumerate(classes):
        other = classes[number + 1 if number % 2 == 0 else number - 1]
        names = own.name.lower(), other.name.lower()
        if names[0] == names[1]:
            raise InputError(
                f"the classes {own.class_id} and {other.class_id} are a pair, and both are called "
                f"{names[0]!r}; expected two names"
            )
        asked = own.queries[:queries] if queries else own.queries
        rows += [Row(image, own.context, other.context, *names, names[0]) for image in asked]
    return rows


def novel_names(rows: Sequence[Row], seed: int = SEED) -> list[Row]:
    """Give every class an invented name of 4 to 10 letters, the same in all rows.

    The published names tell a language model much ("cactihog" looks like a cactus and a hedgehog);
    these tell nothing, so that only the supports can.

    Args:
        rows: of any list.
        seed: of the names; a class's name depends on the seed and its own name.
    """
    invented: dict[str, str] = {}
    for name in dict.fromkeys(n for row in rows for n in (row.positive, row.negative)):
        stream = random.Random(f"{seed}/{name}")
        taken = set(invented.values())
        while (word := "".join(stream.choices(ascii_lowercase, k=stream.randint(4, 10)))) in taken:
            pass
        invented[name] = word
    return [
        replace(
            row,
            positive=invented[row.positive],
            negative=invented[row.negative],
            label=invented[row.label],
        )
        for row in rows
    ]


def two_way(row: Row, shots: int, stream: random.Random) -> Plan:
    """Show the first `shots` pictures of both classes in random order, then ask.

    Args:
        row: the query and the pictures that may be shown.
        shots: a class; 0 shows nothing.
        stream: Python's generator. The released code seeds it once, and goes on with it from row
            to row, so the order of an episode depends on all before it.

    Raises:
        InputError: a class has too few pictures.
    """
    shown = _shown(row, shots)
    stream.shuffle(shown)
    return _plan(row, shown)


def two_way_plans(
    rows: Sequence[Row], shots: int, order: str = "shuffled", seed: int = SEED
) -> list[Plan]:
    """Plan all episodes of a list.

    Args:
        rows: in order.
        shots: a class.
        order: "shuffled" as in the released evaluation; "grouped": one random order for all
            queries with the same supports, so that a learner can prepare them once;
            "positive-first" or "negative-first": classes in blocks.
        seed: of the order.

    Raises:
        InputError: an unknown order, or a class with too few pictures.
    """
    checked_shots(shots)
    if order not in ORDERS:
        raise InputError(f"order is {order!r}, expected one of {ORDERS}")
    stream = random.Random(seed)
    if order == "shuffled":
        return [two_way(row, shots, stream) for row in rows]
    known: dict[tuple[tuple[str, str], ...], list[tuple[str, str]]] = {}
    plans = []
    for row in rows:
        shown = _shown(row, shots)
        if order == "negative-first":
            shown = shown[shots:] + shown[:shots]
        elif order == "grouped":
            key = tuple(shown)
            if key not in known:
                stream.shuffle(shown)
                known[key] = shown
            shown = known[key]
        plans.append(_plan(row, shown))
    return plans


def _shown(row: Row, shots: int) -> list[tuple[str, str]]:
    shown = []
    sides = ((row.positive, row.positives), (row.negative, row.negatives))
    for name, paths in sides:
        if len(paths) < shots:
            raise InputError(
                f"{name!r} has {len(paths)} pictures to show with {row.image}, shots is {shots}"
            )
        shown += [(path, name) for path in paths[:shots]]
    return shown


def _plan(row: Row, shown: Sequence[tuple[str, str]]) -> Plan:
    query = query_turn(row.image, row.label)
    return Plan(support_turns(shown), query, (row.positive, row.negative))
