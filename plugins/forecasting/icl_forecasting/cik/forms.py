"""A `Reading` as JSON and back, with a check of every entry.

A statement is an object with `kind` and its fields; what is not given has its default. Times are
ISO text, durations "15 days", clock times "08:30", weekdays and months names. `SCHEMA` describes
it for a language model that is to write one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from typing import Any

from icl_core import InputError
from icl_forecasting.cik import codecs as c
from icl_forecasting.cik import statements as s

_SHARED = {
    "confidence": c.NUMBER,
    "span": c.optional(
        c.record(
            s.Span,
            {"start": c.WHOLE, "end": c.WHOLE, "text": c.TEXT},
            needed=("start", "end", "text"),
        )
    ),
}
_TERM = c.record(
    s.Term,
    {"variable": c.TEXT, "lag": c.WHOLE, "coefficient": c.optional(c.NUMBER)},
    needed=("variable", "lag"),
)
_PAIR = c.many(c.NUMBER, length=2)
_FIELDS: dict[str, tuple[type[s.Statement], dict[str, c.Codec]]] = {
    "subject": (
        s.Subject,
        {
            "name": c.TEXT,
            "concepts": c.many(c.TEXT, frozenset),
            "unit": c.optional(c.TEXT),
            "places": c.many(c.TEXT),
            "lower": c.optional(c.NUMBER),
            "upper": c.optional(c.NUMBER),
            "integer": c.FLAG,
        },
    ),
    "bound": (
        s.Bound,
        {
            "lower": c.optional(c.NUMBER),
            "upper": c.optional(c.NUMBER),
            "window": c.optional(c.WINDOW),
            "of": c.TEXT,
        },
    ),
    "effect": (
        s.Effect,
        {
            "window": c.WINDOW,
            "change": c.choice(s.Change),
            "value": c.optional(c.NUMBER),
            "usual": c.FLAG,
            "cause": c.TEXT,
        },
    ),
    "artefact": (
        s.Artefact,
        {
            "window": c.WINDOW,
            "damage": c.choice(s.Damage),
            "value": c.optional(c.NUMBER),
            "per": c.optional(c.DURATION),
            "cause": c.TEXT,
        },
    ),
    "covariate": (
        s.Covariate,
        {
            "name": c.TEXT,
            "stamps": c.many(c.MOMENT),
            "values": c.many(c.STATE),
            "steps": c.FLAG,
            "end": c.optional(c.MOMENT),
        },
    ),
    "relation": (
        s.Relation,
        {
            "law": c.choice(s.Law),
            "of": c.many(c.TEXT),
            "exponent": c.optional(c.NUMBER),
            "anchors": c.many(_PAIR),
            "dead_zone": c.optional(_PAIR),
            "terms": c.many(_TERM),
            "noise": c.optional(c.NUMBER),
        },
    ),
    "reference": (
        s.Reference,
        {
            "name": c.TEXT,
            "stamps": c.many(c.MOMENT),
            "values": c.many(c.NUMBER),
            "quantity": c.many(c.TEXT, frozenset),
            "relevant": c.optional(c.FLAG),
        },
    ),
    "statistic": (
        s.Statistic,
        {
            "amount": c.choice(s.Amount),
            "value": c.NUMBER,
            "per": c.one_of("year", "month", "week", "day", "hour"),
            "window": c.optional(c.WINDOW),
            "of": c.TEXT,
        },
    ),
    "peak": (
        s.Peak,
        {
            "cycle": c.one_of("year", "week", "day"),
            "months": c.many(c.MONTH, frozenset),
            "weekdays": c.many(c.WEEKDAY, frozenset),
            "clock": c.optional(c.CLOCK),
            "low": c.FLAG,
        },
    ),
    "special-days": (
        s.SpecialDays,
        {
            "days": c.many(c.DAY),
            "like": c.many(c.WEEKDAY, frozenset),
            "name": c.TEXT,
            "change": c.optional(c.choice(s.Change)),
        },
    ),
    "ignored": (s.Ignored, {"reason": c.TEXT}),
}
_KIND = {statement: kind for kind, (statement, _) in _FIELDS.items()}


def _needed(statement: type[s.Statement]) -> tuple[str, ...]:
    return tuple(
        one.name
        for one in fields(statement)
        if one.default is MISSING and one.default_factory is MISSING
    )


_CODECS = {
    kind: c.record(statement, own | _SHARED, needed=_needed(statement))
    for kind, (statement, own) in _FIELDS.items()
}


def _schema() -> dict[str, Any]:
    kinds = []
    for kind, codec in _CODECS.items():
        if kind != "ignored":
            kinds.append(
                codec.schema
                | {
                    "properties": {"kind": {"const": kind}} | codec.schema["properties"],
                    "required": ["kind", *codec.schema["required"]],
                }
            )
    return {
        "type": "object",
        "properties": {
            "statements": {"type": "array", "items": {"anyOf": kinds}},
            "ignored": {"type": "array", "items": _CODECS["ignored"].schema},
        },
        "required": ["statements"],
        "additionalProperties": False,
    }


SCHEMA: dict[str, Any] = _schema()
"""JSON schema (draft 2020-12) of what `from_dict` reads."""


def to_dict(reading: s.Reading) -> dict[str, Any]:
    """Write a reading as plain JSON types; `from_dict` gives it back."""
    return {
        "statements": [
            {"kind": _KIND[type(one)]} | _CODECS[_KIND[type(one)]].write(one)
            for one in reading.statements
        ],
        "ignored": [_CODECS["ignored"].write(one) for one in reading.ignored],
    }


def from_dict(data: Any) -> s.Reading:
    """Read what `to_dict` wrote, or what a user or a language model wrote.

    Raises:
        InputError: an entry is unknown, missing, of the wrong type, or makes no sense; the
            message starts with its path, such as `statements[2].window.start`.
    """
    if not isinstance(data, dict):
        raise c.refuse("the reading", data, "an object with 'statements'")
    for name in data:
        if name not in ("statements", "ignored"):
            raise InputError(f"the reading has {name!r}, expected 'statements' and 'ignored'")
    statements = _list(data, "statements")
    ignored = _list(data, "ignored")
    return s.Reading(
        tuple(_statement(one, f"statements[{i}]") for i, one in enumerate(statements)),
        tuple(_CODECS["ignored"].read(one, f"ignored[{i}]") for i, one in enumerate(ignored)),
    )


def _list(data: dict[str, Any], name: str) -> Sequence[Any]:
    found = data.get(name, [])
    if isinstance(found, str) or not isinstance(found, (list, tuple)):
        raise c.refuse(name, found, "a list")
    return found


def _statement(found: Any, path: str) -> s.Statement:
    if not isinstance(found, dict):
        raise c.refuse(path, found, "an object with 'kind'")
    kinds = [kind for kind in _CODECS if kind != "ignored"]
    kind = found.get("kind")
    if kind not in kinds:
        raise c.refuse(f"{path}.kind", kind, f"one of {', '.join(kinds)}")
    rest = {name: one for name, one in found.items() if name != "kind"}
    statement: s.Statement = _CODECS[kind].read(rest, path)
    if not 0 <= statement.confidence <= 1:
        raise c.refuse(f"{path}.confidence", statement.confidence, "a number from 0 to 1")
    _CHECKS.get(type(statement), _anything)(statement, path)
    return statement


def _anything(statement: Any, path: str) -> None:
    """Accept a statement whose entries need no check against each other."""


def _bound(bound: s.Bound | s.Subject, path: str) -> None:
    if isinstance(bound, s.Bound) and bound.lower is None and bound.upper is None:
        raise InputError(f"{path} lacks a limit, expected lower, upper or both")
    if bound.lower is not None and bound.upper is not None and bound.lower > bound.upper:
        raise c.refuse(f"{path}.upper", bound.upper, f"a number from lower = {bound.lower:g} on")


def _effect(effect: s.Effect, path: str) -> None:
    vague = effect.change in (s.Change.RAISE, s.Change.LOWER)
    if effect.value is None and not vague:
        raise InputError(f"{path} lacks 'value', which {effect.change.value!r} needs")
    if effect.change == s.Change.SCALE and effect.value is not None and effect.value < 0:
        raise c.refuse(f"{path}.value", effect.value, "a factor from 0 on")


def _artefact(artefact: s.Artefact, path: str) -> None:
    if artefact.damage == s.Damage.SCALE and artefact.value == 0:
        raise c.refuse(f"{path}.value", artefact.value, "a factor other than 0")


def _series(series: s.Covariate | s.Reference, path: str) -> None:
    if not series.stamps:
        raise c.refuse(f"{path}.stamps", [], "at least one time")
    if len(series.stamps) != len(series.values):
        raise InputError(
            f"{path}.values has {len(series.values)} entries, expected {len(series.stamps)}, "
            "one for each of stamps"
        )
    for index in range(1, len(series.stamps)):
        if series.stamps[index] <= series.stamps[index - 1]:
            shown = c.write_moment(series.stamps[index])
            raise c.refuse(f"{path}.stamps[{index}]", shown, "a time after the one before")


def _relation(relation: s.Relation, path: str) -> None:
    if relation.law == s.Law.POWER and relation.exponent is None:
        raise InputError(f"{path} lacks 'exponent', which a power law needs")
    if relation.law == s.Law.LAGGED and not relation.terms:
        raise InputError(f"{path} lacks 'terms', which a lagged law needs")
    if relation.noise is not None and relation.noise < 0:
        raise c.refuse(f"{path}.noise", relation.noise, "a standard deviation from 0 on")
    if relation.dead_zone is not None and relation.dead_zone[0] > relation.dead_zone[1]:
        raise c.refuse(f"{path}.dead_zone", list(relation.dead_zone), "two numbers in order")


def _peak(peak: s.Peak, path: str) -> None:
    given = {"year": peak.months, "week": peak.weekdays, "day": peak.clock}[peak.cycle]
    if given is None or given == frozenset():
        name = {"year": "months", "week": "weekdays", "day": "clock"}[peak.cycle]
        raise InputError(f"{path} lacks {name!r}, which a peak of the {peak.cycle} needs")


def _special_days(special: s.SpecialDays, path: str) -> None:
    if not special.days:
        raise c.refuse(f"{path}.days", [], "at least one date")
    if special.change not in (None, s.Change.RAISE, s.Change.LOWER):
        raise c.refuse(f"{path}.change", special.change.value, "raise, lower or null")


_CHECKS: dict[type[s.Statement], Callable[[Any, str], None]] = {
    s.Subject: _bound,
    s.Bound: _bound,
    s.Effect: _effect,
    s.Artefact: _artefact,
    s.Covariate: _series,
    s.Reference: _series,
    s.Relation: _relation,
    s.Peak: _peak,
    s.SpecialDays: _special_days,
}
