"""The source `drawn-lessons`: the drawn lessons as episodes, for trying things without a data set.

Drawings of this kind, with other seeds, are among what the bundled small network was trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_core.types import Context, Episode, Example
from icl_painting.drawings import Lesson, lessons


def drawn_lessons(tasks: Sequence[str] | None = None) -> EpisodeList:
    """Every drawn lesson once: a pair that shows a task, a query, what is right.

    Args:
        tasks: names of lessons; None = all.

    Raises:
        InputError: there is no lesson of a name.
    """
    drawn = _lessons()
    known = [lesson.name for lesson in drawn]
    if unknown := [name for name in tasks or () if name not in known]:
        raise InputError(f"there is no drawn lesson {unknown[0]!r}; there are: {', '.join(known)}")
    chosen = [lesson for lesson in drawn if tasks is None or lesson.name in tasks]

    def make(number: int) -> Episode:
        lesson = chosen[number]
        meta = {"id": lesson.name, "task": lesson.name, "protocol": "rgb"}
        context = Context((Example(lesson.input, lesson.target),))
        return Episode(context, lesson.query, lesson.truth, meta)

    def data() -> list[str]:
        return [f"{one.name} {hashlib.sha256(one.query.tobytes()).hexdigest()}" for one in chosen]

    return EpisodeList("drawn-lessons", len(chosen), make, data)


@lru_cache(maxsize=1)
def _lessons() -> tuple[Lesson, ...]:
    return tuple(lessons())
