"""`icl plugin new`: write a plugin that works at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icl_cli.guard import say

app = typer.Typer(help="Write a plugin of your own.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def plugin() -> None:
    """Write a plugin of your own."""


@app.command("new")
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the plugin and of its learner.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to write it to. [default: ./NAME]"),
    ] = None,
    task: Annotated[
        str, typer.Option("--task", metavar="TASK", help="What its learner does.")
    ] = "forecasting",
) -> None:
    """Write a plugin that installs, is listed, predicts, and passes its own contract test.

    \b
    icl plugin new my-learner
    pip install -e my-learner
    icl predict my-learner --series data.csv --column y --horizon 12
    """
    from icl_core.scaffold import new_plugin

    folder = new_plugin(name, out if out is not None else Path(name), task=task)
    typer.echo(str(folder))
    say(f"Next: pip install -e {folder}   then: icl list")
