"""Where `icl predict` writes its answers about pictures: chosen, and checked, before the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from icl_cli.request import BESIDE
from icl_core.errors import InputError
from icl_core.results.draw import DRAWINGS


@dataclass(frozen=True)
class Place:
    """Where one answer goes; None = it is not written."""

    out: Path | None
    overlay: Path | None


def places(
    queries: Sequence[Path],
    single: bool,
    out: Path | None,
    overlay: str | None,
    suffix: str,
    overwrite: bool,
) -> list[Place]:
    """Choose where each answer goes.

    Args:
        queries: the pictures.
        single: whether one file was named; then `out` and `overlay` may name files.
        out: a file or a folder; None writes no answers.
        overlay: a file, a folder or `BESIDE`; None draws nothing.
        suffix: of an answer in a folder.
        overwrite: whether existing files may be replaced.

    Raises:
        InputError: a place is of the wrong kind, exists already, or would be written twice.
    """
    if overlay == BESIDE and out is None:
        raise InputError("--overlay has no place and there is no --out", "--overlay FILE or DIR")
    answers = _files(queries, single, "--out", out, suffix)
    drawings: Sequence[Path | None]
    if overlay == BESIDE:
        drawings = [beside(path) for path in answers if path is not None]
    else:
        drawings = _files(queries, single, "--overlay", Path(overlay) if overlay else None, ".png")
    for path in drawings:
        if path is not None and path.suffix.lower() not in DRAWINGS:
            raise InputError(f"--overlay {path}: expected one of {', '.join(DRAWINGS)}")
    taken: set[Path] = set()
    for path in (*answers, *drawings):
        if path in taken:
            raise InputError(
                f"two pictures would both be written to {path}",
                "rename a query, or give --overlay a place of its own",
            )
        if path is not None:
            taken.add(path)
            free(path, overwrite)
    return [Place(*pair) for pair in zip(answers, drawings, strict=True)]


def beside(answer: Path) -> Path:
    """Return where the drawing of an answer goes that has no place of its own."""
    return answer.with_name(f"{answer.stem}_overlay.png")


def free(place: Path, overwrite: bool) -> None:
    """Raise where a file would be replaced without leave.

    Raises:
        InputError: it would.
    """
    if place.is_file() and not overwrite:
        raise InputError(
            f"{place} exists already and was left as it is", hint="--overwrite replaces it"
        )


def _files(
    queries: Sequence[Path], single: bool, option: str, place: Path | None, suffix: str
) -> Sequence[Path | None]:
    if place is None:
        return [None] * len(queries)
    if single and place.suffix and not place.is_dir():
        return [place]
    is_file = place.suffix.lower() in (*DRAWINGS, suffix, ".npz", ".json") and not place.is_dir()
    if place.is_file() or is_file:
        raise InputError(
            f"{option} {place} is a file, expected a folder for {len(queries)} "
            f"answer{'' if len(queries) == 1 else 's'}"
        )
    return [place / f"{query.resolve().stem}{suffix}" for query in queries]
