"""The six hooks. A plugin implements the ones it needs; each returns light data or callables.

Arguments are only ever added, so that old plugins go on working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icl_core.cards import LearnerCard

hookspec = pluggy.HookspecMarker("icl")
hookimpl = pluggy.HookimplMarker("icl")


@hookspec
def icl_learners() -> Sequence[LearnerCard]:  # type: ignore[empty-body]
    """Return the cards of the learners this plugin brings."""


@hookspec
def icl_episode_sources() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return source name -> "module:callable" that yields Episodes for given options."""


@hookspec
def icl_metrics() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return metric name -> "module:callable" that maps (prediction, target, meta) to numbers."""


@hookspec
def icl_selectors() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return selector name -> "module:callable" that picks context examples from a pool."""


@hookspec
def icl_commands() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Return command name -> "module:typer_app" to add below `icl`."""


@hookspec
def icl_demos() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return demo name -> "module:callable" that yields `icl_core.demo.DemoItem`s."""
