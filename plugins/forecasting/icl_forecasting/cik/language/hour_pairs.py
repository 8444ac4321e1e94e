"""Two times of day of which the second ends what the first began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from icl_forecasting.cik.language.joining import closed, ends_there
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.pieces import Piece


def pairs_of_hours(scene: Scene, pieces: Sequence[Piece]) -> list[Piece]:
    """Join "off at eight and back on at two": two times of day, where the second ends the first."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if (
            last is not None
            and last.role == piece.role == "point"
            and last.floating
            and piece.floating
            and piece.first - last.last <= 8
            and (ends_there(scene, last, piece) or _departs(scene, last, piece))
        ):
            both = closed(last, replace(piece, role="end", hi=piece.lo, lo=None))
            if both is not None:
                found[-1] = replace(both, first=last.first, last=piece.last)
                continue
        found.append(piece)
    return found


def _departs(scene: Scene, x: Piece, y: Piece) -> bool:
    """Tell whether somebody came at the first time and went at the second."""
    between = {scene.tokens[k].lemma for k in range(x.last, y.first)}
    before = {scene.tokens[k].lemma for k in range(max(0, x.first - 4), x.first)}
    return bool(
        between & {"go", "leave", "depart"} and before & {"come", "arrive", "start", "enter"}
    )
