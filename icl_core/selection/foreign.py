"""Selectors that plugins bring: `selector(pool, query, budget)` returns items of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from icl_core import catalogue
from icl_core.errors import IclError, PluginError
from icl_core.selection.methods import METHODS

HOOK = "icl_selectors"


def selector_names() -> list[str]:
    """Return the methods of the core, then the selectors of plugins that have another name."""
    foreign = sorted(entry.name for entry in catalogue.entries(HOOK) if entry.first)
    return [*METHODS, *(name for name in foreign if name not in METHODS)]


def run_selector(name: str, pool: Sequence[Any], query: Any, budget: int) -> list[int]:
    """Let a plugin's selector choose.

    Args:
        name: of the selector, or `distribution:name`.
        pool: the items; the selector is given a list of them.
        query: what they are chosen for; None where that is not known.
        budget: how many are wanted.

    Returns:
        The numbers of the items, in the selector's order.

    Raises:
        UnknownNameError: no plugin brings it.
        PluginError: it failed, or returned too many items, one twice, or one that is not of the
            pool.
    """
    selector = catalogue.resolve(HOOK, name)
    items = list(pool)
    try:
        chosen = list(selector(items, query, budget))
    except IclError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"selector {name} failed: {type(error).__name__}: {error}") from error
    places: dict[int, list[int]] = {}  # the same object may be several items
    for place, item in enumerate(items):
        places.setdefault(id(item), []).append(place)
    found = []
    for item in chosen:
        if id(item) not in places:
            raise PluginError(f"selector {name} returned something that is no item of the pool")
        free = places[id(item)]
        found.append(free.pop(0) if len(free) > 1 else free[0])
    if len(found) > budget or len(set(found)) < len(found):
        raise PluginError(
            f"selector {name} returned {len(found)} items, {len(set(found))} of them different, "
            f"expected at most {budget} different ones"
        )
    return found
