"""`icl demo`: run every plugin's demo and write one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icl_cli.guard import say, warn_of_broken_plugins
from icl_cli.output import one_line, print_json

if TYPE_CHECKING:
    from icl_core.catalogue import Entry
    from icl_core.demo import DemoItem


def demo(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder of the page, index.html."),
    ] = Path("icl-demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Predict bundled inputs offline; write one HTML page."""
    from icl_core import catalogue
    from icl_core.demo import write_page
    from icl_core.errors import InputError

    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file, expected a folder for the page")
    items: list[DemoItem] = []
    notes: list[str] = []
    for entry in catalogue.entries("icl_demos"):
        say(f"Running {entry.plugin.name}: {entry.name} ...")
        try:
            items += _run(entry)
        except (Exception, SystemExit) as error:
            reason = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            notes.append(f"The demo {entry.name} of {entry.plugin} failed: {one_line(reason)}")
            say(notes[-1])
    warn_of_broken_plugins()
    if not items and not notes:
        raise InputError(
            "no installed plugin has a demo", hint="pip install icl-forecasting brings one"
        )
    page = write_page(items, out / "index.html", notes=notes)
    if as_json:
        listing = [
            {"title": i.title, "learner": i.learner, "command": i.command, "numbers": i.numbers}
            for i in items
        ]
        print_json({"page": str(page), "items": listing, "failed": notes})
    else:
        for item in items:
            typer.echo(one_line(item.summary()))
        typer.echo(f"Page: {page}")
    if notes:
        raise typer.Exit(3 if items else 1)


def _run(entry: Entry) -> list[DemoItem]:
    from icl_core.catalogue import import_object
    from icl_core.demo import DemoItem
    from icl_core.errors import PluginError

    items = list(import_object(entry.value, f"demo {entry.name} of {entry.plugin}")())
    for item in items:
        if not isinstance(item, DemoItem):
            raise PluginError(f"it yielded a {type(item).__name__}, expected a DemoItem")
    return items
