"""`icl bench`: suites of episodes, what learners score on them, and how two runs compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icl_cli.bench_run import probe_learner, run_suite
from icl_cli.guard import say
from icl_cli.output import print_json, print_table

app = typer.Typer(
    help="Benchmarks: suites of episodes, and what learners score on them.",
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def bench(ctx: typer.Context) -> None:
    """Benchmarks: suites of episodes, and what learners score on them.

    \b
    Quick start:
      icl bench run smoke --out smoke          a minute, offline, without any data
      icl bench run quick --data DIR --out quick
      icl bench report quick                   one HTML page, Markdown and JSON
      icl bench probe tirex --out probes       does it learn from its context?
      icl bench compare old new                1 where something got worse
    """
    if ctx.invoked_subcommand is None:
        list_suites()


@app.command("list")
def list_suites(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the suites."""
    from icl_bench.suites import suites

    found = suites()
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in found])
        return
    print_table(("SUITE", "SUMMARY"), found)


app.command("run")(run_suite)
app.command("probe")(probe_learner)


@app.command("report")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Folder of all data; default: ICL_DATA."),
    ] = None,
    examples: Annotated[
        bool,
        typer.Option(
            "--examples/--no-examples",
            help="Whether the best and worst answers are drawn; they are predicted anew.",
        ),
    ] = True,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="SET",
            help="Draw no answers of this set, such as one whose terms forbid to show its "
            "pictures; may be given again.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps; for the examples.")
    ] = "auto",
) -> None:
    """Write the report of a run into its folder: HTML, Markdown and JSON."""
    from icl_bench.report import write

    typer.echo(str(write(folder, data, examples=examples, without=without or (), device=device)))


@app.command("compare")
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of the earlier run.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of the later run.")],
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold", min=0.0, help="Loss of skill that is no regression yet, such as 0.01."
        ),
    ] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Compare two runs, episode by episode; exit with 1 where NEW is worse than OLD."""
    from icl_bench.comparison import compare as compared

    found = compared(old, new, threshold)
    if as_json:
        print_json(found.to_json())
    else:
        typer.echo(found.to_markdown())
    if found.regressions:
        say(f"Worse by more than {threshold:g}: {', '.join(map(str, found.regressions))}")
        raise typer.Exit(1)
