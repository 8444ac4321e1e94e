"""Which source a folder is, and its episodes for the options of the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from icl_core import catalogue
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_linking.episodes import SOURCES
from icl_linking.episodes.groups import POSITIVE
from icl_linking.episodes.imagenet import CLASS_MAP, TEST_LIST
from icl_linking.episodes.isekai import DEMO_LIST, isekai_rows
from icl_linking.episodes.omniglot import CHARACTERS_FILE, RUNS_FILE
from icl_linking.episodes.rows import write_rows
from icl_linking.episodes.turns import MAX_SHOTS

_FILES: Mapping[str, str] = {
    DEMO_LIST: "isekai-demo",
    RUNS_FILE: "omniglot-runs",
    CHARACTERS_FILE: "omniglot",
    TEST_LIST: "imagenet-100",
    CLASS_MAP: "imagenet-100",
}


def guess_source(folder: Path) -> str:
    """Tell by what lies in a folder which source reads it.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"the folder {folder} is not there")
    for file, source in _FILES.items():
        if (folder / file).is_file():
            return source
    # No deeper: a folder of a million pictures would be searched for long.
    places = (f"*/{POSITIVE}*", f"*/*/{POSITIVE}*")
    if any(path.is_dir() for pattern in places for path in folder.glob(pattern)):
        return "isekai-10"
    return "image-folders"


def source_function(name: str) -> Callable[..., EpisodeList]:
    """Find a source of this plugin, or of any other.

    Raises:
        UnknownNameError: there is none.
    """
    if name in SOURCES:
        module, _, function = SOURCES[name].partition(":")
        found: Callable[..., EpisodeList] = getattr(import_module(module), function)
        return found
    other: Callable[..., EpisodeList] = catalogue.resolve("icl_episode_sources", name)
    return other


def episodes_of(name: str, folder: Path, shots: int | None, options: Mapping[str, Any]) -> Any:
    """Make the episodes of a source.

    Args:
        name: of the source.
        folder: of its data.
        shots: a class; None = the source's own.
        options: other arguments of the source.

    Raises:
        InputError: the source does not take an option.
    """
    function = source_function(name)
    known = inspect.signature(function).parameters
    asked = dict(options)
    if shots is not None and "shots" in known:
        asked["shots"] = shots
    odd = [option for option in asked if option not in known]
    if odd:
        names = ", ".join(list(known)[1:]) or "none"
        raise InputError(f"the source {name} has no option {odd[0]!r}; it has: {names}")
    return function(folder, **asked)


def takes_shots(name: str) -> bool:
    """Whether the number of shots can be chosen."""
    return "shots" in inspect.signature(source_function(name)).parameters


def write_list(name: str, folder: Path, path: Path, options: Mapping[str, Any]) -> int:
    """Write the evaluation list of an ISEKAI folder, so that it can be shared.

    Returns:
        The number of rows.

    Raises:
        InputError: the source has no such list, or the file is there already.
    """
    if name not in ("isekai-10", "isekai-pair"):
        raise InputError(f"{name} has no list to write, expected isekai-10 or isekai-pair")
    known = ("rows", "supports", "queries", "list_seed")
    asked = {key: options[key] for key in known if key in options}
    rows = isekai_rows(folder, pairs=name == "isekai-pair", **asked)
    write_rows(path, rows, {"source": name, **asked})
    return len(rows)


def shots_of(text: str) -> list[int]:
    """Read `--shots`: numbers and ranges such as "0,1,2" or "1-8"."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise InputError(
                f"--shots is {text!r}, expected numbers such as 0,1,2 or 1-{MAX_SHOTS}"
            )
        found += range(int(first), int(last if dash else first) + 1)
    return _unique(found)


def _unique(values: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(values))
