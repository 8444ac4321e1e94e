"""Write the pages and tables that follow from the code: `python docs/generate.py [--check]`.

`docs/cli.md` and `docs/settings.md` are written as a whole. In other pages the part between
`<!-- generated: NAME -->` and `<!-- end -->` is replaced. Run it after changing a command, an
environment variable or a card; a test compares the pages with what it would write.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- Written by docs/generate.py; edit the code, not this page. -->\n"
WIDTH = 100
_PART = re.compile(r"(<!-- generated: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TYPER = re.compile(r"help texts as typer (\S+) lays them out")
_WORDS = re.compile(r"^#+ `.*`|^  (?:-\w, )?--[\w-]+", re.MULTILINE)
_WITH_OPTIONS = (
    "tirex",
    "tirex2",
    "cik",
    "direct-prompt",
    "llmp",
    "correspondence",
    "segic",
    "dcsam",
    "painter",
    "seggpt",
    "encoder",
    "lcl",
)
_SHIPPED = "icl-forecasting,icl-linking,icl-painting,icl-segmentation"


def pages() -> dict[Path, str]:
    """Return what each page with generated parts should hold."""
    with _only_shipped_plugins():
        parts = {
            "learners": learners_table(),
            **{f"{name}-options": options_table(name) for name in _WITH_OPTIONS},
            "hooks": hooks_table(),
        }
        found = {
            ROOT / "docs" / "cli.md": cli_page(),
            ROOT / "docs" / "settings.md": settings_page(),
        }
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        if path not in found and _PART.search(text):
            found[path] = _PART.sub(lambda m: f"{m[1]}{parts[m[2]]}{m[3]}", text)
    return found


def cli_page() -> str:
    """The help text of every command."""
    blocks = [
        "# Command line\n",
        NOTE,
        f"<!-- help texts as typer {version('typer')} lays them out -->\n",
        "Data goes to standard output, everything else to standard error. Exit codes: 0 done, "
        "1 failed, 2 wrong usage or input, 3 partly failed, 130 interrupted; "
        "see [errors](errors.md). `--debug` shows the traceback of an error. The variables that "
        "change how `icl` works are in [settings](settings.md).\n",
    ]
    for path, text in command_help():
        blocks.append(f"{'##' if path.count(' ') < 2 else '###'} `{path}`\n")
        blocks.append(f"```text\n{text}\n```\n")
    return "\n".join(blocks)


def command_help() -> Iterator[tuple[str, str]]:
    """Yield ("icl weights pull", its help text) for every command, parents first."""
    import typer

    from icl_cli.app import app

    yield from _help_of(typer.main.get_command(app), "icl", None)


def settings_page() -> str:
    """One row an environment variable."""
    from icl_core.settings import Settings

    rows = [
        f"| `{f.metadata['variable']}` | {f.metadata['default']} | {f.metadata['meaning']} |"
        for f in fields(Settings)
    ]
    return "\n".join(
        [
            "# Settings\n",
            NOTE,
            "Environment variables are the only settings. They are read when they are needed, "
            "never at import, so a program may set them before it calls.\n",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
            "A switch is on with 1, true, yes or on, and off with 0, false, no or off; any other "
            "word is an error. From Python, `icl_core.settings.settings()` returns what holds "
            "now.\n",
        ]
    )


def learners_table() -> str:
    """The learners that this repository brings."""
    from icl_core import learners

    lines = ["| learner | task | weights | licence | needs |", "|---|---|---|---|---|"]
    for card in learners():
        none = "a file of yours" if card.takes_file else "none of its own"
        weights = ", ".join(f"`{w.name}` ({w.licence})" for w in card.weights) or none
        needs = f"`pip install '{card.extra}'`" if card.extra else "nothing more"
        lines.append(f"| `{card.name}` | {card.task} | {weights} | {card.licence} | {needs} |")
    return "\n".join([*lines, ""])


def options_table(name: str) -> str:
    """The load options of a learner."""
    from icl_core.registry import learner_card

    lines = ["| option | meaning |", "|---|---|"]
    lines += [f"| `{key}` | {text} |" for key, text in learner_card(name).options.items()]
    return "\n".join([*lines, ""])


def hooks_table() -> str:
    """All hooks, each with the first line of its description."""
    from icl_core import hookspecs
    from icl_core.plugins import hook_names

    lines = ["| hook | what it does |", "|---|---|"]
    for hook in hook_names():
        first = (getattr(hookspecs, hook).__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{hook}` | {first} |")
    return "\n".join([*lines, ""])


def up_to_date(old: str, new: str) -> bool:
    """Whether a page is what would be written now.

    Versions of typer lay the same help out differently. A page that another version wrote is
    compared by its commands and their options alone.
    """
    if old == new or _TYPER.findall(old) == _TYPER.findall(new):
        return old == new
    return _WORDS.findall(old) == _WORDS.findall(new)


def _help_of(command: Any, path: str, parent: Any) -> Iterator[tuple[str, str]]:
    # typer may bring its own click: take the context class from the command.
    how = {**command.context_settings, "terminal_width": WIDTH}
    context = command.context_class(
        command, info_name=path.rpartition(" ")[2], parent=parent, **how
    )
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    for name, child in getattr(command, "commands", {}).items():
        yield from _help_of(child, f"{path} {name}", context)


@contextmanager
def _only_shipped_plugins() -> Iterator[None]:
    before = os.environ.get("ICL_LOAD_PLUGINS")
    os.environ["ICL_LOAD_PLUGINS"] = _SHIPPED
    try:
        yield
    finally:
        if before is None:
            del os.environ["ICL_LOAD_PLUGINS"]
        else:
            os.environ["ICL_LOAD_PLUGINS"] = before


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the docs.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    options = parser.parse_args()
    stale = []
    for path, text in pages().items():
        if path.exists() and up_to_date(path.read_text(encoding="utf-8"), text):
            continue
        stale.append(path)
        if not options.check:
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in stale:
        verb = "is out of date" if options.check else "written"
        print(f"{path.relative_to(ROOT)} {verb}", file=sys.stderr)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
