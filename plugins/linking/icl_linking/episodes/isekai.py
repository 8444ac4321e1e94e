"""ISEKAI (arXiv 2308.07891): new concepts next to their look-alikes, 2-way.

The authors never published their lists of episodes. Without `rows` a list is drawn from the folders
with a seed; `write_rows` of its rows makes it a file that others can use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from icl_core.errors import InputError
from icl_core.sources.episodes import need_file, need_folder
from icl_linking.episodes.groups import (
    LAYOUT,
    QUERIES,
    SUPPORTS,
    Group,
    draw_rows,
    find_groups,
    pair_groups,
)
from icl_linking.episodes.pictures import LinkEpisodes, planned
from icl_linking.episodes.rows import Row, read_rows
from icl_linking.episodes.turns import MAX_SHOTS, checked_shots
from icl_linking.episodes.two_way import SEED, novel_names, two_way_plans

DEMO_LIST = "episodes.jsonl"
NAMES = ("real", "novel")


def isekai_10(
    root: str | Path,
    rows: str | Path | Sequence[Row] | None = None,
    *,
    shots: int = 1,
    order: str = "shuffled",
    names: str = "real",
    seed: int = SEED,
    supports: int = SUPPORTS,
    queries: int | None = QUERIES,
    list_seed: int = 0,
) -> LinkEpisodes:
    """ISEKAI-10: a new concept (positive) and the real thing it resembles (negative).

    Args:
        root: folder with one folder a group.
        rows: a list, or its file; None = drawn from the folders.
        shots: pictures a class, 0 to 8. The paper's n is twice that.
        order: "shuffled" as in the release, "grouped", "positive-first" or "negative-first".
        names: "real", or "novel" for invented ones that tell nothing.
        seed: of the order and of invented names.
        supports: pictures a class that a drawn list may show.
        queries: pictures a class that a drawn list asks for, at most; None = all.
        list_seed: of the drawn list.

    Raises:
        InputError: a folder or picture is missing, a class has too few pictures, or an argument
            makes no sense.
    """
    found = isekai_rows(root, rows, supports=supports, queries=queries, list_seed=list_seed)
    chosen: dict[str, Any] = {"shots": shots, "order": order, "names": names, "seed": seed}
    return two_way_episodes("isekai-10", root, found, **chosen)


def isekai_pair(
    root: str | Path,
    rows: str | Path | Sequence[Row] | None = None,
    *,
    shots: int = 1,
    order: str = "shuffled",
    names: str = "real",
    seed: int = SEED,
    supports: int = SUPPORTS,
    queries: int | None = 2,
    list_seed: int = 0,
) -> LinkEpisodes:
    """ISEKAI-pair: every new concept paired with every other one. Arguments as in `isekai_10`."""
    found = isekai_rows(
        root, rows, pairs=True, supports=supports, queries=queries, list_seed=list_seed
    )
    chosen: dict[str, Any] = {"shots": shots, "order": order, "names": names, "seed": seed}
    return two_way_episodes("isekai-pair", root, found, **chosen)


def isekai_demo(
    root: str | Path,
    rows: str | Path | Sequence[Row] | None = None,
    *,
    shots: int = 1,
    order: str = "shuffled",
    names: str = "real",
    seed: int = SEED,
) -> LinkEpisodes:
    """The few pictures of the authors' demonstration, with their list `episodes.jsonl`.

    Args:
        root: folder with the groups and the list.
        rows: another list.
        shots: pictures a class; the list has one for most of its rows.
        order: as in `isekai_10`.
        names: as in `isekai_10`.
        seed: of the order and of invented names.
    """
    if rows is None:
        need_folder(Path(root), "isekai-demo", LAYOUT)
        rows = need_file(Path(root) / DEMO_LIST, "isekai-demo", f"expected ROOT/{DEMO_LIST}")
    found = read_rows(rows) if isinstance(rows, str | Path) else list(rows)
    chosen: dict[str, Any] = {"shots": shots, "order": order, "names": names, "seed": seed}
    return two_way_episodes("isekai-demo", root, found, **chosen)


def isekai_rows(
    root: str | Path,
    rows: str | Path | Sequence[Row] | None = None,
    *,
    pairs: bool = False,
    supports: int = SUPPORTS,
    queries: int | None = QUERIES,
    list_seed: int = 0,
) -> list[Row]:
    """Read a list, or draw one from the folders.

    Args:
        root: folder of the pictures.
        rows: a list, or its file; None = drawn.
        pairs: whether to pair the new concepts with each other.
        supports: pictures a class that may be shown.
        queries: pictures a class that are asked for, at most.
        list_seed: of the draw.
    """
    if isinstance(rows, str | Path):
        return read_rows(rows)
    if rows is not None:
        return list(rows)
    groups: list[Group] = find_groups(root, "isekai-pair" if pairs else "isekai-10")
    return draw_rows(pair_groups(groups) if pairs else groups, supports, queries, list_seed)


def two_way_episodes(
    source: str,
    root: str | Path,
    rows: Sequence[Row],
    *,
    shots: int,
    order: str = "shuffled",
    names: str = "real",
    seed: int = SEED,
    meta: Callable[[int], Mapping[str, Any]] | None = None,
) -> LinkEpisodes:
    """Make 2-way episodes of the rows of a list.

    Args:
        source: name of the source.
        root: folder of the pictures.
        rows: in order; row n is episode n.
        shots: pictures a class, 0 to 8.
        order: how supports are ordered.
        names: "real", or "novel" for invented ones.
        seed: of the order and of invented names.
        meta: what else is known of episode number n.
    """
    checked_shots(shots, 0, MAX_SHOTS)
    if names not in NAMES:
        raise InputError(f"names is {names!r}, expected one of {NAMES}")
    if names == "novel":
        rows = novel_names(rows, seed)
    plans = two_way_plans(rows, shots, order, seed)

    def facts(number: int) -> Mapping[str, Any]:
        known = {} if meta is None else meta(number)
        return {"positive": rows[number].is_positive, "shots": shots, "n": 2 * shots, **known}

    invented = "" if names == "real" else f", {names} names"
    title = f"{source}, n = {2 * shots} ({shots} a class), {order}{invented}, seed {seed}"
    return planned(title, root, plans, facts)
