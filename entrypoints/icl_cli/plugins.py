"""`icl plugins`: which plugins there are, and why one of them is not."""

from __future__ import annotations

from typing import Annotated

import typer

from icl_cli.guard import say
from icl_cli.output import one_line, print_json, print_table

SLOW = 1.0
"""Seconds of import above which a plugin is called slow."""


def list_plugins(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if any plugin has a problem.")
    ] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Show how long each plugin takes to import.")
    ] = False,
) -> None:
    """List the plugins, and why one of them failed.

    With --debug the traceback of each failure is written to stderr.
    """
    from icl_core import plugins, registry

    registry.learners()  # asks every plugin once, so that a hook that raises is reported too
    reports = plugins.reports()
    failed = [report for report in reports if report.error]
    debug = bool(ctx.meta.get("icl.debug"))
    if as_json:
        print_json(
            [
                {
                    "name": report.name,
                    "distribution": report.distribution,
                    "version": report.version,
                    "hooks": list(report.hooks),
                    "error": report.error,
                    **({"seconds": round(report.seconds, 4)} if timings else {}),
                    **({"trace": report.trace} if debug else {}),
                }
                for report in reports
            ]
        )
    else:
        header = ["NAME", "DISTRIBUTION", "VERSION", *(["SECONDS"] if timings else []), "STATUS"]
        rows = [
            [
                report.name,
                report.distribution,
                report.version,
                *([_seconds(report.seconds)] if timings else []),
                f"failed: {report.error}" if report.error else ", ".join(report.hooks) or "no hook",
            ]
            for report in reports
        ]
        print_table(header, rows)
        if debug:
            for report in failed:
                say(f"\n{one_line(report.name)}:\n{report.trace or report.error}")
    if check and failed:
        say(f"{len(failed)} of {len(reports)} plugins have a problem.")
        raise typer.Exit(1)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" + (" slow" if seconds > SLOW else "")
