"""The episodes that the released model was trained on, under the names of the paper.

Each policy draws from Python's generator in a fixed order, so that a seed gives the same episodes
as the released code. The paper and the code disagree about neighbours (100 against 36) and about
the weights of the shots; the code is followed, since the checkpoints come from it.
"""

from __future__ import annotations

import math
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icl_core.errors import InputError
from icl_linking.episodes.rows import inside
from icl_linking.episodes.turns import (
    END,
    FINAL,
    FIRST,
    FURTHER,
    QUERY_QUESTION,
    Plan,
    Turn,
    checked_shots,
    query_turn,
    support_turns,
)

REFERENCE_QUESTION = "[BEGIN EXAMPLE] Tell me something about this image <image>."
REFERENCE_QUERY = (
    "Which images in the previous example are in the same category as this image <image>? "
    "(Provide the answer in order as list)"
)
LONGEST_NAME = 10
FEWEST_REFERENCES = 3


@dataclass(frozen=True)
class TrainingClass:
    """A class of the training list `train900_pairs.jsonl`.

    Args:
        class_id: its number in the ILSVRC list.
        name: as it is written there.
        samples: paths of its pictures.
        neighbours: (class id, name, path of one picture), the most similar class first.
    """

    class_id: str
    name: str
    samples: tuple[str, ...]
    neighbours: tuple[tuple[str, str, str], ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainingClass:
        """Read a row of the list.

        Raises:
            InputError: a key is missing, or there is nothing to draw from.
        """
        keys = ("class_id", "class_name", "samples", "neighbors")
        missing = [key for key in keys if key not in value]
        if missing:
            raise InputError(f"the key {missing[0]!r} is missing", f"expected the keys {keys}")
        found = cls(
            str(value["class_id"]),
            str(value["class_name"]),
            tuple(inside(path) for path in value["samples"]),
            tuple((str(n[0]), str(n[1]), inside(n[2])) for n in value["neighbors"]),
        )
        if not found.samples or not found.neighbours:
            raise InputError(f"the class {found.name!r} has no samples or no neighbours")
        return found


@dataclass(frozen=True)
class Draw:
    """What a policy draws from.

    Args:
        classes: all classes; neighbours are looked up among them by their id.
        stream: Python's generator, which goes on from episode to episode.
        question: gives the question about the query. The release picks one of its templates.
    """

    classes: Sequence[TrainingClass]
    stream: random.Random
    question: Callable[[], str] = lambda: QUERY_QUESTION

    def by_id(self, class_id: str) -> TrainingClass:
        """Find a class."""
        found = next((c for c in self.classes if c.class_id == class_id), None)
        if found is None:
            raise InputError(f"the neighbour {class_id!r} is not in the list of classes")
        return found


Policy = Callable[[TrainingClass, int, Draw], Plan]


def two_way_fixed(own: TrainingClass, shots: int, draw: Draw) -> Plan:
    """Plan an episode of [2-way] (`policy_2way_weight` in the release).

    The class gets a random name; a neighbour keeps its own, lower-cased. The neighbour at rank r
    of K is drawn with a probability proportional to K - r + 1; its first picture is the one that
    is stored with it.
    """
    return _named(own, shots, draw)


def two_way_random(own: TrainingClass, shots: int, draw: Draw) -> Plan:
    """Plan an episode of [2-way-random]: 1 to `shots` shots, all as likely.

    In the paper only; the release has no code for it.
    """
    return _named(own, draw.stream.randint(1, shots), draw)


def two_way_weight(own: TrainingClass, shots: int, draw: Draw) -> Plan:
    """Plan an episode of [2-way-weight] (`policy_2way_random_shot` in the release).

    The number of shots s is drawn from 1 to `shots` with weight exp(s / 2), as in the code; the
    paper has e^j over the total of 2 to 16.
    """
    weights = [math.exp(count / 2) for count in range(1, shots + 1)]
    return _named(own, draw.stream.choices(range(1, shots + 1), weights)[0], draw)


def reference(own: TrainingClass, shots: int, draw: Draw) -> Plan:
    """Plan an episode of `policy_2way_ref`: which of the supports share the query's class?

    The stored answer lists the names of the *other* class, as in the release. It is a list, so
    such an episode trains a language model and cannot be scored as a label.

    Raises:
        InputError: fewer than 3 shots.
    """
    checked_shots(shots, FEWEST_REFERENCES)
    stream = draw.stream
    shots = stream.randint(FEWEST_REFERENCES, shots)
    stream.randint(0, 1)
    first = stream.choice(own.samples)
    shared = random_name(stream)
    sides = [[(first, random_name(stream))]]
    sides[0] += [(stream.choice(own.samples), random_name(stream)) for _ in range(shots - 1)]
    other, stored = _neighbour(own, draw)
    sides.append([(stored, random_name(stream))])
    sides[1] += [(stream.choice(other.samples), random_name(stream)) for _ in range(shots - 1)]
    shown = [(*pair, side) for side, pairs in enumerate(sides) for pair in pairs]
    stream.shuffle(shown)
    asked = stream.randint(0, 1)
    image = stream.choice((own, other)[asked].samples)
    turns = []
    for number, (path, name, _) in enumerate(shown):
        label = f"{name}_{shared}"
        text = f'The reference name of this image is "{label}".{END}'
        turns.append(Turn(path, label, REFERENCE_QUESTION, text, FURTHER if number else FIRST))
    listed = [f"{name}_{shared}" for _, name, side in shown if side != asked]
    # In the release the shared part stands behind the list once more.
    query = Turn(image, "", REFERENCE_QUERY, f"{listed}._{shared}", FINAL)
    return Plan(tuple(turns), query, ())


def reference_or_two_way(own: TrainingClass, shots: int, draw: Draw) -> Plan:
    """Plan an episode of `policy_2way_ref_or_weight`: a fair coin between the two."""
    policy = two_way_fixed if draw.stream.randint(0, 1) else reference
    return policy(own, shots, draw)


POLICIES: Mapping[str, Policy] = {
    "2-way": two_way_fixed,
    "2-way-random": two_way_random,
    "2-way-weight": two_way_weight,
    "reference": reference,
    "reference-or-2-way": reference_or_two_way,
}
"""Name in the paper -> policy; the last two belong to the release's second mix and have no name
there. Cut-up pictures (`policy_jigsaw`) and the tasks of other data sets in [mix] are left out."""

RELEASED: Mapping[str, str] = {
    "policy_2way_weight": "2-way",
    "policy_2way_random_shot": "2-way-weight",
    "policy_2way_ref": "reference",
    "policy_2way_ref_or_weight": "reference-or-2-way",
}
"""Name in the release -> name in the paper."""


def training_policy(name: str) -> Policy:
    """Find a policy by its name in the paper, with or without brackets, or in the release.

    Raises:
        InputError: there is none.
    """
    plain = name.strip().strip("[]")
    plain = RELEASED.get(plain, plain)
    if plain not in POLICIES:
        raise InputError(f"policy is {name!r}, expected one of {', '.join(POLICIES)}")
    return POLICIES[plain]


def random_name(stream: random.Random) -> str:
    """Draw a name of 1 to 10 letters."""
    length = stream.randint(1, LONGEST_NAME)
    return "".join(stream.choices(string.ascii_uppercase, k=length)).lower()


def _named(own: TrainingClass, shots: int, draw: Draw) -> Plan:
    checked_shots(shots, 1)
    stream = draw.stream
    # One draw whose result nobody uses; without it the stream would be another one.
    stream.randint(0, 1)
    first = stream.choice(own.samples)
    name = random_name(stream)
    shown = [(first, name)]
    shown += [(stream.choice(own.samples), name) for _ in range(shots - 1)]
    other, stored = _neighbour(own, draw)
    other_name = other.name.lower()
    shown.append((stored, other_name))
    shown += [(stream.choice(other.samples), other_name) for _ in range(shots - 1)]
    stream.shuffle(shown)
    asked = stream.randint(0, 1)
    image = stream.choice((own, other)[asked].samples)
    query = query_turn(image, (name, other_name)[asked], draw.question())
    return Plan(support_turns(shown), query, (name, other_name))


def _neighbour(own: TrainingClass, draw: Draw) -> tuple[TrainingClass, str]:
    count = len(own.neighbours)
    class_id, _, stored = draw.stream.choices(own.neighbours, range(count, 0, -1))[0]
    return draw.by_id(class_id), stored
