"""Templates with slots: read from JSON files and filled.

In a template, `{slot}` or `{slot|style}` is a slot, `{?slot}...{:}...{/}` is text for a slot that
is there and true (and, after `{:}`, for one that is not), `{#list:, || and }...{/}` repeats for
each entry with separators, and `{@part}` is one of several wordings kept beside the texts.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spelling import write

HERE = Path(__file__).resolve().parent
FOLDERS = {"wide": "develop"}
MARK = re.compile(r"\{([^{}]*)\}", re.DOTALL)


@dataclass(frozen=True)
class Kind:
    """The rewordings of one kind of task.

    Args:
        name: what is told.
        family: the family it is counted in.
        tasks: names of the task classes that it rewords; empty for made-up kinds.
        texts: the templates.
        parts: wordings for `{@part}`: a list, or lists for each value of a slot.
    """

    name: str
    family: str
    tasks: tuple[str, ...]
    texts: tuple[str, ...]
    parts: Mapping[str, Any] = field(default_factory=dict)


def read_kinds(split: str, folder: Path = HERE) -> list[Kind]:
    """Read the templates of a split.

    Args:
        split: "develop", "wide" (the files `develop/wide_*.json`, which "develop" leaves out) or
            "apart".
        folder: where the splits lie.
    """
    kinds = []
    for path in sorted((folder / FOLDERS.get(split, split)).glob("*.json")):
        if path.name.startswith("wide_") != (split == "wide"):
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        for name, entry in data["kinds"].items():
            parts = {**data.get("parts", {}), **entry.get("parts", {})}
            texts = tuple(entry["texts"])
            kinds.append(Kind(name, data["family"], tuple(entry.get("tasks", ())), texts, parts))
    return kinds


def fill(
    template: str, slots: Mapping[str, Any], parts: Mapping[str, Any], rng: random.Random
) -> str:
    """Fill a template.

    Raises:
        KeyError: a slot, style or part is not known.
        ValueError: an end is missing or too many.
    """
    pieces = MARK.split(template)  # text, mark, text, mark, ..., text
    text, rest = _block(pieces, 0, slots, parts, rng, True)
    if rest != len(pieces):
        raise ValueError(f"an end without a start in {template[:60]!r}")
    return text


def reworded(
    kind: Kind, number: int, slots: Mapping[str, Any], name: str, of: int, seed: int = 0
) -> str:
    """Fill one template of a kind for an instance.

    Args:
        kind: whose templates.
        number: which template.
        slots: of the instance.
        name: task class of the instance; it seeds the choice of `{@part}` wordings.
        of: seed of the instance.
        seed: of the choices.
    """
    rng = random.Random(f"{seed}|{name}|{of}|{number}")
    return fill(kind.texts[number], slots, kind.parts, rng).strip()


def chosen(kind: Kind, count: int | None, name: str, of: int, seed: int = 0) -> list[int]:
    """Choose which templates an instance gets: `count` different ones, or all for None."""
    every = list(range(len(kind.texts)))
    if count is None or count >= len(every):
        return every
    return sorted(random.Random(f"{seed}|{name}|{of}").sample(every, count))


def _block(
    pieces: list[str],
    at: int,
    slots: Mapping[str, Any],
    parts: Mapping[str, Any],
    rng: random.Random,
    live: bool,
) -> tuple[str, int]:
    """Fill from piece `at` up to its end; a block that is not live is only skipped."""
    out: list[str] = []
    while at < len(pieces):
        if at % 2 == 0:
            out.append(pieces[at])
            at += 1
            continue
        mark = pieces[at]
        if mark in ("/", ":"):
            return "".join(out), at
        at += 1
        if mark.startswith("?"):
            there = bool(slots.get(mark[1:])) if live else False
            body, at = _block(pieces, at, slots, parts, rng, live and there)
            other = ""
            if at < len(pieces) and pieces[at] == ":":
                other, at = _block(pieces, at + 1, slots, parts, rng, live and not there)
            out.append(body if there else other)
            at = _after_end(pieces, at)
        elif mark.startswith("#"):
            name, _, glue = mark[1:].partition(":")
            between, _, last = glue.partition("||")
            entries = slots[name] if live else []
            start = at
            _, at = _block(pieces, start, slots, parts, rng, False)
            texts = [_block(pieces, start, {**slots, **e}, parts, rng, True)[0] for e in entries]
            at = _after_end(pieces, at)
            out.append(_joined(texts, between, last or between))
        elif live and mark.startswith("@"):
            name, _, style = mark[1:].partition("|")
            out.append(write(fill(_choice(parts[name], slots, rng), slots, parts, rng), style))
        elif live:
            name, _, style = mark.partition("|")
            out.append(write(slots[name], style))
    return "".join(out), at


def _after_end(pieces: list[str], at: int) -> int:
    if at >= len(pieces) or pieces[at] != "/":
        raise ValueError("an end is missing")
    return at + 1


def _joined(texts: list[str], between: str, last: str) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return between.join(texts[:-1]) + last + texts[-1]


def _choice(part: Any, slots: Mapping[str, Any], rng: random.Random) -> str:
    while isinstance(part, dict):
        part = part["of"][str(slots[part["by"]])]
    chosen: str = rng.choice(part)
    return chosen
