"""What a suite is: which learners meet which sets, how they are scored, and what is probed.

A suite is a YAML file. Unknown keys are refused, so that a misspelt one is not silently ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, Field, ValidationError, model_validator

from icl_bench.parts import (
    LearnerItem,
    Part,
    PoolItem,
    ProbeItem,
    Published,
    SelectorItem,
    SetItem,
)
from icl_bench.suites import suite_path, suites
from icl_core.errors import InputError, UnknownNameError
from icl_core.types import Task

__all__ = ["LearnerItem", "ProbeItem", "Published", "SetItem", "Suite", "read_suite", "suites"]

_SHOWN = 3
"""Mistakes that an error about a suite names."""


class Suite(Part):
    """A suite.

    In YAML a key `defaults` may give keys that all sets of a task have, where they do not have
    their own.

    Args:
        name: one word.
        version: a change that changes results needs a new one; it is part of every result's key.
        summary: one line.
        order: its place in lists.
        learners: task -> the learners that meet all sets of the task.
        sets: what they are asked.
        probes: what is asked about how they use their contexts.
    """

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    version: int = Field(ge=1)
    summary: str
    order: int = 0
    learners: dict[Task, tuple[LearnerItem, ...]] = Field(default_factory=dict)
    sets: tuple[SetItem, ...] = Field(min_length=1)
    probes: tuple[ProbeItem, ...] = ()

    @property
    def id(self) -> str:
        """Name and version, as they stand in the key of a result."""
        return f"{self.name}@{self.version}"

    def item(self, name: str) -> SetItem:
        """Return the set of that name.

        Raises:
            UnknownNameError: there is none.
        """
        names = [item.name for item in self.sets]
        if name not in names:
            raise _unknown(name, names, f"set of the suite {self.name}")
        return self.sets[names.index(name)]

    def learners_of(self, item: SetItem) -> list[LearnerItem]:
        """Return the learners that meet a set, without its baseline unless they name it."""
        own = self.learners.get(item.task, ()) if item.learners is None else item.learners
        return [one for one in own if one != item.baseline]

    def titles(self) -> list[str]:
        """Return what all learners are called, baselines too, each once."""
        found: dict[str, None] = {}
        for item in self.sets:
            base = [] if item.baseline is None else [item.baseline]
            found |= dict.fromkeys(one.title for one in [*base, *self.learners_of(item)])
        return list(found)

    def with_learners(self, added: Iterable[tuple[Task, LearnerItem]]) -> Suite:
        """Return the suite with more learners, which meet all sets of their task.

        A title that is there is not added again.
        """
        more: dict[Task, list[LearnerItem]] = {}
        for task, item in added:
            more.setdefault(task, []).append(item)
        own = {one.name: more.get(one.task, []) for one in self.sets if one.learners is not None}
        return self._joined(more, own)

    def merged(self, other: Suite) -> Suite:
        """Return the suite with the learners of another one that has the same sets as well."""
        own = {one.name: one.learners for one in other.sets if one.learners is not None}
        return self._joined(other.learners, own)

    def _joined(
        self,
        learners: Mapping[Task, Sequence[LearnerItem]],
        own: Mapping[str, Sequence[LearnerItem]],
    ) -> Suite:
        found = {
            task: _union(self.learners.get(task, ()), learners.get(task, ()))
            for task in dict.fromkeys([*self.learners, *learners])
        }
        sets = [
            item.model_copy(update={"learners": _union(item.learners, own[item.name])})
            if item.learners is not None and item.name in own
            else item
            for item in self.sets
        ]
        return Suite.model_validate({**self.model_dump(), "learners": found, "sets": sets})

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "defaults" not in value:
            return value
        found = {key: one for key, one in value.items() if key != "defaults"}
        defaults = value["defaults"]
        whole = isinstance(defaults, Mapping) and all(
            isinstance(one, Mapping) for one in defaults.values()
        )
        if not whole or not isinstance(value.get("sets"), list | tuple):
            raise ValueError("defaults is task -> keys of its sets, and stands beside sets")
        if odd := [task for task in defaults if task not in list(Task)]:
            raise ValueError(f"defaults names the task {odd[0]!r}")
        found["sets"] = [
            {**defaults.get(item.get("task"), {}), **item} if isinstance(item, Mapping) else item
            for item in value["sets"]
        ]
        return found

    @model_validator(mode="after")
    def _fits_together(self) -> Suite:
        _without_repetition("two sets are called", [item.name for item in self.sets])
        for item in self.sets:
            base = [] if item.baseline is None else [item.baseline]
            titles = [one.title for one in [*base, *self.learners_of(item)]]
            _without_repetition(f"two learners of the set {item.name} are called", titles)
        names = [item.name for item in self.sets]
        asked = []
        for probe in self.probes:
            if probe.set not in names:
                raise ValueError(f"a probe names the set {probe.set!r}, which the suite lacks")
            asked += [f"{name} on {probe.set}" for name in probe.probes or ("all",)]
        _without_repetition("a probe is there twice:", asked)
        return self


def _union(items: Sequence[LearnerItem], more: Sequence[LearnerItem]) -> tuple[LearnerItem, ...]:
    titles = {one.title for one in items}
    return (*items, *(one for one in more if one.title not in titles))


def _without_repetition(what: str, names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r}; give one of them another name or label")
        seen.add(name)


def read_suite(name: str | Path) -> Suite:
    """Read a suite.

    Args:
        name: of one that comes with icl, or the path of a YAML file.

    Raises:
        UnknownNameError: there is none.
        InputError: it cannot be read, or is no suite; the sentence says where it is wrong.
    """
    path = suite_path(str(name))
    if path is None:
        if str(name).endswith((".yaml", ".yml")) or len(Path(name).parts) > 1:
            raise InputError(f"the suite {name} is not there")
        raise _unknown(str(name), [one for one, _ in suites()], "suite")
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a safe loader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} cannot be read as YAML: {' '.join(str(error).split())}"
        ) from error
    return check_suite(value, str(path))


def check_suite(value: Any, where: str) -> Suite:
    """Make a suite of plain data.

    Args:
        value: of a YAML or JSON file.
        where: the file, for errors.

    Raises:
        InputError: it is no suite.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is no suite: it holds a {type(value).__name__}")
    try:
        return Suite.model_validate(value)
    except ValidationError as error:
        mistakes = list(_sentences(error))
        more = f"; and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
        raise InputError(f"{where} is no suite: {'; '.join(mistakes[:_SHOWN])}{more}") from error


def _sentences(error: ValidationError) -> Iterator[str]:
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"])
        kind, said = one["type"], one["msg"].removeprefix("Value error, ")
        if kind == "extra_forbidden":
            said = "is no known key" + _meant(str(one["loc"][-1]))
        elif kind == "missing":
            said = "is missing"
        elif not isinstance(one["input"], Mapping | BaseModel):
            said = f"is {one['input']!r:.60}: {said[:1].lower()}{said[1:]}"
        yield f"{place} {said}" if place else said


def _meant(key: str) -> str:
    parts = (Suite, SetItem, LearnerItem, ProbeItem, SelectorItem, PoolItem)
    known = sorted({name for part in parts for name in part.model_fields})
    close = get_close_matches(key, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _unknown(name: str, names: list[str], what: str) -> UnknownNameError:
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else None
    return UnknownNameError(f"there is no {what} {name!r}; there are: {', '.join(names)}", hint)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """A safe loader that refuses a key that is there twice, where YAML lets the last one win."""


def _mapping(loader: Any, node: Any) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise yaml.YAMLError(f"the key {key!r} is there twice{node.start_mark}")
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
