"""A reading as JSON: it comes back equal, and a wrong entry is named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from icl_core import InputError
from icl_forecasting.cik import statements as s
from icl_forecasting.cik.forms import SCHEMA, from_dict, to_dict
from icl_forecasting.cik.windows import Window


def moment(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


def hours(count: float) -> np.timedelta64:
    return np.timedelta64(round(count * 3600e9), "ns")


FULL = s.Reading(
    (
        s.Subject(
            name="admissions",
            concepts=frozenset({"count", "patients"}),
            unit="patients",
            places=("Leeds", "York"),
            lower=0.0,
            integer=True,
            span=s.Span(0, 10, "Admissions"),
        ),
        s.Bound(upper=400.0, window=Window(clock=(hours(6), hours(7.5)))),
        s.Effect(
            window=Window(moment("2021-03-04T05:06:07"), moment("2021-03-05"), loose=True),
            change=s.Change.SCALE,
            value=2.5,
            cause="flu",
            confidence=0.5,
        ),
        s.Effect(window=Window(weekdays=frozenset({5, 6})), change=s.Change.LOWER, usual=True),
        s.Artefact(
            window=Window(moment("2021-01-01"), period=hours(240), duration=hours(1.5)),
            damage=s.Damage.DRIFT,
            value=0.25,
            per=hours(1),
        ),
        s.Covariate(
            name="valve",
            stamps=(moment("2021-01-01"), moment("2021-01-02T00:00:00.5")),
            values=("open", 0.5),
            end=moment("2021-02-01"),
        ),
        s.Relation(
            law=s.Law.LAGGED,
            of=("a",),
            exponent=2.0,
            anchors=((1.0, 60.0),),
            dead_zone=(0.1, 0.2),
            terms=(s.Term("a", 1, 0.5), s.Term(s.TARGET, 2)),
            noise=0.01,
        ),
        s.Reference(
            name="Ohio",
            stamps=(moment("2021-01-01"),),
            values=(4.0,),
            quantity=frozenset({"rate"}),
            relevant=True,
        ),
        s.Statistic(
            amount=s.Amount.MEAN, value=7.0, per="month", window=Window(months=frozenset({7}))
        ),
        s.Peak(cycle="day", clock=hours(12.5), low=True),
        s.SpecialDays(
            days=(np.datetime64("2021-12-25", "D"),),
            like=frozenset({6}),
            name="Christmas",
            change=s.Change.LOWER,
        ),
    ),
    (s.Ignored(reason="another place", span=s.Span(3, 5, "it")),),
)


def test_a_full_reading_comes_back_equal_through_json_text() -> None:
    assert from_dict(json.loads(json.dumps(to_dict(FULL)))) == FULL


def test_an_empty_reading_comes_back() -> None:
    assert from_dict(to_dict(s.Reading())) == s.Reading()
    assert from_dict({}) == s.Reading()


def test_it_is_written_as_people_would_write_it() -> None:
    written = to_dict(FULL)["statements"]
    assert written[1] == {"kind": "bound", "upper": 400.0, "window": {"clock": ["06:00", "07:30"]}}
    assert written[3]["window"] == {"weekdays": ["Saturday", "Sunday"]}
    assert written[4]["window"]["period"] == "10 days"
    assert written[4]["window"]["duration"] == "90 minutes"


EFFECT: dict[str, Any] = {"kind": "effect", "window": {}, "change": "scale", "value": 2}


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (EFFECT | {"value": "two"}, "statements[0].value"),
        (EFFECT | {"value": True}, "statements[0].value"),
        (EFFECT | {"value": float("nan")}, "statements[0].value"),
        (EFFECT | {"value": -1}, "statements[0].value"),
        (EFFECT | {"value": None}, "lacks 'value'"),
        (EFFECT | {"change": "grow"}, "statements[0].change"),
        (EFFECT | {"confidence": 1.5}, "statements[0].confidence"),
        (EFFECT | {"size": 1}, "'size'"),
        (EFFECT | {"window": None}, "statements[0].window"),
        (EFFECT | {"window": {"start": "soon"}}, "statements[0].window.start"),
        (EFFECT | {"window": {"start": "NaT"}}, "statements[0].window.start"),
        (EFFECT | {"window": {"start": "2020-01-02", "end": "2020-01-01"}}, "window.end"),
        (EFFECT | {"window": {"period": "2 days"}}, "statements[0].window"),
        (EFFECT | {"window": {"weekdays": ["Someday"]}}, "window.weekdays[0]"),
        (EFFECT | {"window": {"weekdays": "Monday"}}, "window.weekdays"),
        (EFFECT | {"window": {"months": [13]}}, "window.months[0]"),
        (EFFECT | {"window": {"clock": ["08:00"]}}, "window.clock"),
        (EFFECT | {"window": {"clock": ["08:00", "25:00"]}}, "window.clock[1]"),
        (EFFECT | {"window": {"duration": "2 moons"}}, "window.duration"),
        (EFFECT | {"span": {"start": 1}}, "statements[0].span"),
        ({"kind": "effect", "change": "raise"}, "lacks 'window'"),
        ({"kind": "wish"}, "statements[0].kind"),
        ({}, "statements[0].kind"),
        ("raise it", "statements[0]"),
        ({"kind": "bound"}, "statements[0] lacks a limit"),
        ({"kind": "bound", "lower": 3, "upper": 2}, "statements[0].upper"),
        ({"kind": "covariate", "name": "a", "stamps": [], "values": []}, "statements[0].stamps"),
        (
            {"kind": "covariate", "name": "a", "stamps": ["2020-01-01"], "values": [1, 2]},
            "statements[0].values",
        ),
        (
            {"kind": "reference", "name": "a", "stamps": ["2020-01-01"] * 2, "values": [1, 2]},
            "statements[0].stamps[1]",
        ),
        ({"kind": "relation", "law": "power"}, "exponent"),
        ({"kind": "relation", "law": "lagged"}, "terms"),
        ({"kind": "relation", "law": "linear", "dead_zone": [2, 1]}, "dead_zone"),
        (
            {"kind": "relation", "law": "lagged", "terms": [{"variable": "a", "lag": -1}]},
            "statements[0].terms[0].lag",
        ),
        ({"kind": "statistic", "amount": "mean", "value": 1, "per": "decade"}, "statements[0].per"),
        ({"kind": "peak", "cycle": "week"}, "weekdays"),
        ({"kind": "special-days", "days": []}, "statements[0].days"),
        ({"kind": "special-days", "days": ["2020-02-30"]}, "statements[0].days[0]"),
        ({"kind": "artefact", "window": {}, "damage": "scale", "value": 0}, "statements[0].value"),
    ],
)
def test_a_wrong_entry_is_named(statement: Any, named: str) -> None:
    with pytest.raises(InputError) as error:
        from_dict({"statements": [statement]})
    assert named in str(error.value)


@pytest.mark.parametrize("data", [None, [], "text", {"statements": "x"}, {"ignored": {}}, {"a": 1}])
def test_something_that_is_no_reading_is_refused(data: Any) -> None:
    with pytest.raises(InputError):
        from_dict(data)


def test_spellings_that_people_use_are_read() -> None:
    read = from_dict(
        {
            "statements": [
                EFFECT
                | {
                    "window": {
                        "start": "2020-01-01 06:00",
                        "duration": 7200,
                        "period": "1 week",
                        "weekdays": ["mon", 1],
                        "months": ["jul", 8],
                    }
                }
            ]
        }
    )
    effect = read.statements[0]
    assert isinstance(effect, s.Effect)
    assert effect.window == Window(
        start=moment("2020-01-01T06:00"),
        duration=hours(2),
        period=hours(168),
        weekdays=frozenset({0, 1}),
        months=frozenset({7, 8}),
    )


def test_the_schema_accepts_what_is_written() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(to_dict(FULL), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"statements": [{"kind": "effect"}]}, SCHEMA)


def test_the_schema_names_each_kind_of_statement() -> None:
    kinds = {
        one["properties"]["kind"]["const"]
        for one in SCHEMA["properties"]["statements"]["items"]["anyOf"]
    }
    assert kinds == {
        "subject", "bound", "effect", "artefact", "covariate", "relation", "reference",
        "statistic", "peak", "special-days",
    }  # fmt: skip
