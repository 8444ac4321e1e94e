"""From folders of concepts to evaluation lists.

Layout of ISEKAI: `<set>/<group>/pos-<concept>/*` and, beside it, the folder of the look-alike. Any
group of two folders is read; `pos-` marks the positive class. A third folder `query-<name>` holds
pictures that are asked for and never shown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import need_folder
from icl_linking.episodes.pictures import pictures_in
from icl_linking.episodes.rows import Row

POSITIVE, NEGATIVE, QUERY = "pos-", "neg-", "query-"
SUPPORTS, QUERIES = 8, 16
LAYOUT = (
    "expected ROOT/<group>/pos-<new concept>/*.jpg and ROOT/<group>/neg-<look-alike>/*.jpg, "
    "one group a pair"
)

log = logging.getLogger("icl.linking.episodes")


@dataclass(frozen=True)
class Concept:
    """One class.

    Args:
        name: as it is shown.
        images: paths that may be shown or asked for.
        queries: paths that are only asked for.
    """

    name: str
    images: tuple[str, ...]
    queries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A positive class and the negative one beside it.

    Args:
        name: of the folder.
        positive: the new concept.
        negative: the look-alike.
    """

    name: str
    positive: Concept
    negative: Concept


def find_groups(root: str | Path, source: str) -> list[Group]:
    """Read the groups of a set, by name.

    Args:
        root: folder of the set, or the one above it.
        source: name for errors.

    Raises:
        InputError: no group, or a group that has not two classes with pictures.
    """
    base = need_folder(Path(root), source, LAYOUT)
    found = [path for path in sorted(base.iterdir()) if path.is_dir() and path.name[0] != "."]
    groups = [_group(path, base, source) for path in found if _is_group(path)]
    if not groups:
        # The set may lie one folder deeper.
        groups = [
            _group(path, base, source)
            for parent in found
            for path in sorted(parent.iterdir())
            if path.is_dir() and _is_group(path)
        ]
    if not groups:
        raise InputError(f"{source} finds no group in {base}", LAYOUT)
    return groups


def pair_groups(groups: Sequence[Group]) -> list[Group]:
    """Pair every new concept with every other one, as ISEKAI-pair does."""
    concepts = {group.positive.name: group.positive for group in groups}
    if all(group.negative.images[0].split("/")[-2].startswith(POSITIVE) for group in groups):
        # The folders are pairs already; their members are all new concepts.
        concepts |= {group.negative.name: group.negative for group in groups}
    if len(concepts) < 2:
        raise InputError("pairs need two new concepts, the folder has one")
    return [
        Group(f"{one.name}+{other.name}", one, other)
        for one, other in combinations(concepts.values(), 2)
    ]


def draw_rows(
    groups: Sequence[Group],
    supports: int = SUPPORTS,
    queries: int | None = QUERIES,
    seed: int = 0,
) -> list[Row]:
    """Draw an evaluation list.

    In a class with more than `supports` pictures that many are drawn to be shown, and the rest is
    asked for. In a smaller one each picture is asked for once, and the others are shown. Both
    classes of a group are asked for equally often where both have pictures to ask for, so the
    number of rows is even.

    Args:
        groups: what to draw from.
        supports: pictures a class that may be shown; the tables of the paper need 8.
        queries: at most so many a class; None = all there are.
        seed: of the draw; a group's share depends on the seed and its own name and pictures.

    Raises:
        InputError: a group has nothing to ask for.
    """
    for what, value in (("supports", supports), ("queries", queries)):
        if value is not None and (isinstance(value, bool) or value < 1):
            raise InputError(f"{what} is {value!r}, expected a whole number from 1")
    rows: list[Row] = []
    for group in groups:
        sides = (group.positive, group.negative)
        drawn = [_split(concept, supports, group.name, seed) for concept in sides]
        counts = [len(found.asked) for found in drawn]
        most = min((c for c in counts if c), default=0)
        if not most:
            raise InputError(f"the group {group.name!r} has no picture to ask for")
        if not all(counts):
            log.info("the group %s asks for one class only", group.name)
        most = most if queries is None else min(most, queries)
        for own, concept in enumerate(sides):
            for image in drawn[own].asked[:most]:
                shown = [tuple(p for p in found.shown if p != image) for found in drawn]
                names = group.positive.name, group.negative.name
                rows.append(Row(image, shown[0], shown[1], *names, concept.name))
    return rows


@dataclass(frozen=True)
class _Split:
    shown: tuple[str, ...]
    asked: tuple[str, ...]


def _split(concept: Concept, supports: int, group: str, seed: int) -> _Split:
    text = f"{group}/{concept.name}".encode()
    rng = np.random.default_rng(np.random.SeedSequence([seed, *text]))
    order = [concept.images[n] for n in rng.permutation(len(concept.images))]
    if concept.queries:
        kept = [concept.queries[n] for n in rng.permutation(len(concept.queries))]
        return _Split(tuple(order[:supports]), tuple(kept))
    if len(order) > supports:
        return _Split(tuple(order[:supports]), tuple(order[supports:]))
    # A single picture can be shown or asked for, not both.
    return _Split(tuple(order), tuple(order) if len(order) > 1 else ())


def _is_group(path: Path) -> bool:
    """Whether a folder holds classes: two folders or more, which hold no folders."""
    inner = [p for p in path.iterdir() if p.is_dir() and not p.name.startswith(QUERY)]
    return len(inner) >= 2 and not any(p.is_dir() for folder in inner for p in folder.iterdir())


def _group(path: Path, root: Path, source: str) -> Group:
    folders = [p for p in sorted(path.iterdir()) if p.is_dir() and p.name[0] != "."]
    classes = [p for p in folders if not p.name.startswith(QUERY)]
    if len(classes) != 2:
        names = ", ".join(p.name for p in classes)[:200]
        raise InputError(f"{source}: the group {path} has the classes {names}, expected two")
    # Stable: of two that are marked alike, the first by name is the positive one.
    classes.sort(key=lambda p: not p.name.startswith(POSITIVE))
    asked = {_name(p): pictures_in(p, root) for p in folders if p.name.startswith(QUERY)}
    concepts = [Concept(_name(p), pictures_in(p, root), asked.get(_name(p), ())) for p in classes]
    for folder, concept in zip(classes, concepts, strict=True):
        if not concept.images:
            raise InputError(f"{source} finds no picture in {folder}")
    return Group(path.name, concepts[0], concepts[1])


def _name(path: Path) -> str:
    name = path.name
    for prefix in (POSITIVE, NEGATIVE, QUERY):
        name = name.removeprefix(prefix)
    return " ".join(name.replace("_", " ").split())
