"""The suites that come with icl, and where they are; listing them imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

import yaml  # type: ignore[import-untyped]

FOLDER = Path(__file__).parent
SUFFIXES = (".yaml", ".yml")


def suites() -> list[tuple[str, str]]:
    """Return (name, summary) of the suites that come with icl, in the order of their size."""
    found = []
    for path in FOLDER.glob("*.yaml"):
        with path.open(encoding="utf-8") as file:
            # The first lines say it; the sets below may be many.
            head = yaml.safe_load("".join(line for line, _ in zip(file, range(8), strict=False)))
        found.append((int(head.get("order", 0)), str(head["name"]), str(head["summary"])))
    return [(name, summary) for _, name, summary in sorted(found)]


def suite_path(name: str) -> Path | None:
    """Return the file of a suite that comes with icl, or the file that a path names.

    Returns:
        None where there is neither.
    """
    path = Path(name)
    if path.suffix in SUFFIXES or path.is_absolute() or len(path.parts) > 1:
        return path if path.is_file() else None
    own = FOLDER / f"{name}.yaml"
    return own if own.is_file() else None
