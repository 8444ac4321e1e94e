"""The commands of `icl`, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from icl_cli import bench, plugin_new, weights
from icl_cli.demo import demo
from icl_cli.guard import Commands
from icl_cli.info import show_info
from icl_cli.list import list_learners
from icl_cli.plugins import list_plugins
from icl_cli.predict import PredictCommand, predict
from icl_cli.select import select

# Plain help: the same text in a terminal, in a pipe and in the docs, and quick to start.
app = typer.Typer(
    cls=Commands,
    name="icl",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from icl_core import __version__

        typer.echo(f"icl {__version__}")
        raise typer.Exit


@app.callback()
def icl(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show progress notes, and the traceback of an error.")
    ] = False,
) -> None:
    """In-context learners: show a context, ask a query, get a prediction.

    \b
    Quick start:
      icl demo                      see it work, offline, in one HTML page
      icl list                      which learners there are
      icl info tirex                what one of them is and takes
      icl predict tirex --series passengers.csv --column passengers --horizon 24
      icl predict tirex --series data.csv --column y --horizon 24 --out f.csv --plot f.png
      cat data.csv | icl predict tirex --series - --column y --horizon 24

    Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage
    or input, 3 partly failed, 130 interrupted.
    """


app.command("list")(list_learners)
app.command("info")(show_info)
app.command("predict", cls=PredictCommand)(predict)
app.command("demo")(demo)
app.command("select")(select)
app.add_typer(weights.app, name="weights")
app.add_typer(bench.app, name="bench")
app.command("plugins")(list_plugins)
app.add_typer(plugin_new.app, name="plugin")
