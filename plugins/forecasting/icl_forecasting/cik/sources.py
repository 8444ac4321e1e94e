"""The episode source `cik`: every instance of Context is Key as one episode.

```python
from icl_core import catalogue

source = catalogue.resolve("icl_episode_sources", "cik")
episodes = source("all_tasks.jsonl.gz")
without = source("all_tasks.jsonl.gz", text=False)
```
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList
from icl_forecasting.cik.instances import Instance, read


def cik(
    path: str | Path,
    *,
    text: bool = True,
    tasks: Sequence[str] | None = None,
    per_task: int | None = None,
) -> EpisodeList:
    """List the instances of a file or folder as episodes, in the order of the file.

    An episode's context is history and text, its query the horizon, its target a `RcrpsTarget`;
    its meta has `id`, `weight` (a fraction as text), `sources`, `skills` and `seasonality`.

    Args:
        path: see `instances.read`.
        text: False leaves all texts out.
        tasks: only tasks with these names; None = all.
        per_task: only so many instances of each task, the first ones; None = all.

    Raises:
        InputError: the file is missing or broken, a task is not in it, or an option makes no
            sense.
    """
    if per_task is not None and (isinstance(per_task, bool) or per_task < 1):
        raise InputError(f"per_task is {per_task!r}, expected a whole number from 1")
    found = read(path)
    if tasks is not None:
        known = {one.name for one in found}
        if unknown := [name for name in tasks if name not in known]:
            raise InputError(f"{path} has no task {unknown[0]!r}")
        found = [one for one in found if one.name in set(tasks)]
    if per_task is not None:
        taken: dict[str, int] = {}
        kept = []
        for one in found:
            taken[one.name] = taken.get(one.name, 0) + 1
            if taken[one.name] <= per_task:
                kept.append(one)
        found = kept
    name = "cik" if text else "cik without text"
    return EpisodeList(
        name, len(found), lambda n: found[n].episode(text), lambda: _data_lines(found)
    )


def _data_lines(instances: Sequence[Instance]) -> Iterator[str]:
    for one in instances:
        sha = hashlib.sha256(one.text.encode())
        for array in (one.history.values, one.future, one.history_stamps, one.future_stamps):
            sha.update(array.tobytes())
        target = one.target
        limits = (target.lower, target.upper, target.upper_steps, target.upper_values)
        sha.update(repr((target.scaling, target.region_steps, *limits, one.weight)).encode())
        yield f"{one.id} {sha.hexdigest()}"
