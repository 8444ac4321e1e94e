"""`icl bench`: the place of the benchmark; it has no suites yet."""

from __future__ import annotations

from typing import Annotated

import typer

from icl_cli.guard import say
from icl_cli.output import print_json, print_table

app = typer.Typer(
    help="Benchmarks: suites of episodes, and what learners score on them.",
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def bench(ctx: typer.Context) -> None:
    """Benchmarks: suites of episodes, and what learners score on them."""
    if ctx.invoked_subcommand is None:
        list_suites()


@app.command("list")
def list_suites(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the suites."""
    if as_json:
        print_json([])
        return
    print_table(("SUITE", "SUMMARY"), [])
    say("There are no suites yet. `make bench-forecasting` measures forecasting speed.")
