"""The config of a run, as TOML."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_core.errors import InputError
from icl_painting.network.config import PainterConfig
from stitched.run import DTYPES
from stitched.schedule import Recipe


@dataclass(frozen=True)
class Config:
    """All that defines a run.

    Args:
        network: sizes.
        recipe: settings of the optimiser, the masks and the loss.
        sources: tables of the sources, each with `name`, `weight`, `kind` and what the kind takes.
        seed: of all draws.
        updates: length of the run; None with `minutes`.
        minutes: length of the run in wall time; None with `updates`.
        start: file with the first weights; empty for new ones.
        side: of the pictures in this run; None for that of the network.
        held_out: canvases of each source that are measured.
        whole: the tables as they were read, for the checkpoints.
    """

    network: PainterConfig
    recipe: Recipe
    sources: tuple[dict[str, Any], ...]
    seed: int
    updates: int | None
    minutes: float | None
    start: Path | None
    side: int
    held_out: int
    whole: dict[str, Any]


def read_config(path: Path, minutes: float | None = None) -> Config:
    """Read a config.

    Args:
        path: the TOML file.
        minutes: length of the run instead of that in the file.

    Raises:
        InputError: the file cannot be read, or a table has an unknown, missing or bad entry.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the config {path} cannot be read: {error}") from error
    if minutes is not None:
        tables.pop("updates", None)
        tables["minutes"] = minutes
    known = {
        "network", "recipe", "sources", "seed", "updates", "minutes", "start", "side", "held_out",
    }  # fmt: skip
    if tables.keys() - known:
        raise InputError(
            f"the config {path} has {min(tables.keys() - known)!r}, expected some of "
            f"{', '.join(sorted(known))}"
        )
    updates, length = tables.get("updates"), tables.get("minutes")
    if (updates is None) == (length is None):
        raise InputError(f"the config {path} needs one of updates and minutes")
    if not (updates or length or 0) > 0:
        raise InputError(f"the config {path} has a run of {updates or length}, expected above 0")
    recipe: Recipe = _filled(Recipe, tables.get("recipe", {}), f"{path}: recipe")
    for name in ("batch", "accumulate"):
        if getattr(recipe, name) < 1:
            raise InputError(f"{path}: {name} is {getattr(recipe, name)}, expected at least 1")
    if recipe.amp not in (*DTYPES, "none"):
        raise InputError(f"{path}: amp is {recipe.amp!r}, expected {', '.join(DTYPES)} or none")
    sources = tables.get("sources", [])
    if not sources:
        raise InputError(f"the config {path} has no [[sources]]")
    for place, source in enumerate(sources):
        weight = source.get("weight", 1)
        if not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise InputError(f"{path}: source {place} has weight {weight!r}, expected one above 0")
    start = tables.get("start", "")
    network: PainterConfig = _filled(PainterConfig, tables.get("network", {}), f"{path}: network")
    side = tables.get("side", network.side)
    if not isinstance(side, int) or side < network.patch or side % network.patch:
        raise InputError(f"{path}: side is {side!r}, expected a multiple of {network.patch}")
    return Config(
        network=network,
        recipe=recipe,
        sources=tuple(sources),
        seed=tables.get("seed", 0),
        updates=updates,
        minutes=length,
        start=Path(start) if start else None,
        side=side,
        held_out=tables.get("held_out", 16),
        whole=tables,
    )


def _filled(cls: type[Any], table: Mapping[str, Any], where: str) -> Any:
    """Make a dataclass of a table; lists become tuples."""
    known = {field.name for field in dataclasses.fields(cls)}
    if table.keys() - known:
        raise InputError(
            f"{where} has {min(table.keys() - known)!r}, expected some of "
            f"{', '.join(sorted(known))}"
        )
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    try:
        return cls(**given)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
