"""`icl list`: which learners there are."""

from __future__ import annotations

from typing import Annotated

import typer

from icl_cli.guard import warn_of_broken_plugins
from icl_cli.output import print_json, print_table


def list_learners(
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Only learners of this task."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the learners that are installed."""
    from icl_core import registry
    from icl_core.errors import UnknownNameError
    from icl_core.types import Task

    if task is not None and task not in list(Task):
        raise UnknownNameError(f"there is no task {task!r}; the tasks are: {', '.join(Task)}")
    cards = [card for card in registry.learners() if task in (None, card.task)]
    if as_json:
        print_json(
            [
                {
                    "name": card.name,
                    "task": str(card.task),
                    "summary": card.summary,
                    "weights": [weights.name for weights in card.weights],
                    "licence": card.licence,
                }
                for card in cards
            ]
        )
    else:
        rows = [
            (card.name, card.task, ", ".join(w.name for w in card.weights) or None, card.summary)
            for card in cards
        ]
        print_table(("NAME", "TASK", "WEIGHTS", "SUMMARY"), rows)
    warn_of_broken_plugins()
