"""What the folder of a campaign says about itself: suite, date, name of the data, versions."""

from __future__ import annotations

import json
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from icl_bench.suite import Suite, check_suite
from icl_core.errors import InputError
from icl_core.results.save import write_json

FORMAT = 1
DESCRIPTION, RESULTS = "campaign.json", "results.sqlite"


def describe(folder: Path, suite: Suite, data: Path | None) -> None:
    """Write it; the data folder is named without its place, since folders are handed on."""
    write_json(
        folder / DESCRIPTION,
        {
            "format": FORMAT,
            "suite": suite.model_dump(mode="json"),
            "began": _began(folder) or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "data": None if data is None else data.resolve().name,
            "versions": versions(),
        },
        overwrite=True,
    )


def _began(folder: Path) -> str | None:
    """Return when the first run into a folder began, so that one that goes on keeps it."""
    path = folder / DESCRIPTION
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8")).get("began")
    return found if isinstance(found, str) else None


def described(folder: Path) -> Suite:
    """Read the suite of a folder.

    Raises:
        InputError: the folder holds no campaign, or one of another format.
    """
    path = folder / DESCRIPTION
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no campaign: {DESCRIPTION} is not there") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise InputError(f"{path} is no campaign of format {FORMAT}", "upgrade icl?")
    return check_suite(value.get("suite"), str(path))


def clear(folder: Path) -> None:
    """Throw away a campaign; a folder that holds no campaign is left alone."""
    if not (folder / DESCRIPTION).exists():
        return
    for path in folder.iterdir():
        ours = path.name.startswith((DESCRIPTION, RESULTS, "report"))
        if ours and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif ours:
            path.unlink()


def versions() -> dict[str, str]:
    """Return the versions of icl and of all plugins."""
    from icl_core import __version__, plugins

    found = {"icl-suite": __version__}
    for report in plugins.reports():
        try:
            found[report.distribution] = version(report.distribution)
        except PackageNotFoundError:
            found[report.distribution] = str(report.version)
    return found
