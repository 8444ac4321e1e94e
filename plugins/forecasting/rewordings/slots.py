"""What the original text of a development instance says, as slots for the templates.

This is test tooling: it knows the sentences of the known tasks, which the forecaster must not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
from spelling import Figure, Length

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
Slots = dict[str, Any]


class Text(Protocol):
    """What is read of an instance."""

    @property
    def name(self) -> str:
        """Task class."""

    @property
    def background(self) -> str:
        """First field."""

    @property
    def scenario(self) -> str:
        """Second field."""

    @property
    def constraints(self) -> str:
        """Third field."""

    @property
    def history_stamps(self) -> np.ndarray:
        """`datetime64` [T]."""

    @property
    def future_stamps(self) -> np.ndarray:
        """`datetime64` [H]."""


def slots_of(instance: Text) -> Slots:
    """Read the slots of a development instance.

    Raises:
        ValueError: the text is not one of the known ones.
    """
    for pattern, reader in READERS:
        if re.search(pattern, instance.name):
            text = "\n".join([instance.background, instance.scenario, instance.constraints])
            return _with_lead({**_clock(instance), **reader(text)})
    raise ValueError(f"{instance.name} is not a task of the development file")


def moment(text: str) -> datetime:
    """Read a date, a month or a time stamp."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no time")


def as_moment(stamp: np.datetime64) -> datetime:
    """Turn a stamp into a moment."""
    seconds = int(stamp.astype("datetime64[s]").astype(np.int64))
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)


def _clock(instance: Text) -> Slots:
    past, future = instance.history_stamps, instance.future_stamps
    return {
        "first": as_moment(past[0]),
        "latest": as_moment(past[-1]),
        "now": as_moment(future[0]),
        "final": as_moment(future[-1]),
        "history": Length(len(past), "day"),
        "horizon": Length(len(future), "day"),
    }


def _with_lead(slots: Slots) -> Slots:
    """Add how long after the first moment of the forecast the event starts."""
    length = slots.get("length")
    if isinstance(length, Length) and "start" in slots:
        unit = timedelta(hours=1) if length.unit == "hour" else timedelta(days=1)
        slots["lead"] = Length((slots["start"] - slots["now"]) // unit, length.unit)
    return slots


def _found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text, re.DOTALL)
    if match is None:
        raise ValueError(f"{pattern!r} does not occur in the text {text[:80]!r}")
    return match


def _window(start: str, count: str, unit: str) -> Slots:
    first, length = moment(start), Length(int(count), unit.rstrip("s"))
    end = first + timedelta(**{f"{length.unit}s": length.count})
    last = end - timedelta(**{f"{length.unit}s": 1})
    plural = length.count > 1
    return {"start": first, "length": length, "end": end, "last": last, "plural": plural}


def _heat(text: str) -> Slots:
    event = _found(rf"(?:from|began on) ({STAMP})\D*(\d+) (hours?)", text)
    factor = _found(r"(\d+) times the (?:usual|typical)", text)
    slots = {**_window(event[1], event[2], event[3]), "factor": Figure(factor[1])}
    if dip := re.search(r"dip of (\d+)% .*?(\d+) weeks ago", text):
        slots |= {"distractor": "dip", "dip": Figure(dip[1]), "ago": Figure(dip[2])}
    elif cold := re.search(r"past (\d+) years.*?month of (\d+).*? by (\d+) times", text):
        slots |= {"distractor": "cold", "years": Figure(cold[1]), "factor2": Figure(cold[3])}
        slots["month"] = datetime(2000, int(cold[2]), 1)
    elif festival := re.search(r"festival in neighbouring cities.*?(\d+) times", text):
        slots |= {"distractor": "festival", "factor2": Figure(festival[1])}
    return slots


def _depleted(text: str) -> Slots:
    found = _found(rf"from ({STAMP}), for (\d+) (days?)", text)
    return _window(found[1], found[2], found[3])


def _outages(text: str) -> Slots:
    found = _found(rf"for (\d+) days, periodically every (\d+) days, starting from ({STAMP})", text)
    slots = _window(found[3], found[1], "days")
    every = Length(int(found[2]), "day")
    working = Length(every.count - int(found[1]), "day")
    return {
        **slots,
        "every": every,
        "working": working,
        "second": slots["start"] + timedelta(days=every.count),
        "conclusion": "no withdrawals" in text,
    }


def _festivity(text: str) -> Slots:
    found = _found(rf"there is a (\w+) from ({STAMP}), for (\d+) (days?)", text)
    factor = _found(r"(\d+) times the number", text)
    slots = _window(found[2], found[3], found[4])
    return {**slots, "event": found[1], "factor": Figure(factor[1])}


def _bounds(text: str) -> Slots:
    slots: Slots = {"lower": Figure(_found(r"below by ([\d.]+\d)", text)[1])}
    if upper := re.search(r"above by ([\d.]+\d)", text):
        slots["upper"] = Figure(upper[1])
    return slots


def _offline(text: str) -> Slots:
    found = _found(rf"between ({STAMP}) and ({STAMP})", text)
    hours = (moment(found[2]) - moment(found[1])) // timedelta(hours=1)
    return _window(found[1], str(hours), "hours")


def _daily_offline(text: str) -> Slots:
    found = _found(r"between (\d\d:\d\d) and (\d\d:\d\d)", text)
    return {"from": moment(f"2000-01-01 {found[1]}"), "to": moment(f"2000-01-01 {found[2]}")}


def _drift(text: str) -> Slots:
    found = _found(
        rf"starting from ({STAMP}).*?increases by ([\d.]+\d) at every.*?timestep ({STAMP})", text
    )
    return {"start": moment(found[1]), "rate": Figure(found[2]), "end": moment(found[3])}


def _fan(text: str) -> Slots:
    found = re.findall(
        r"([\d.]+\d) (?:from (\d\d:\d\d:\d\d) )?until (\d\d:\d\d:\d\d)", text.split("set to:")[1]
    )
    segments: list[Slots] = []
    for value, start, end in found:
        piece: Slots = {"value": Figure(value), "end": moment(f"1970-01-01 {end}")}
        if start:
            piece["start"] = moment(f"1970-01-01 {start}")
            seconds = int((piece["end"] - piece["start"]).total_seconds())
            piece["length"] = Length(seconds, "second")
        segments.append(piece)
    top = Figure(_found(r"maximum speed of (\d+)", text)[1])
    zone = _found(r"between ([\d.]+) and ([\d.]+\d)\. The task", text)
    return {
        "segments": segments,
        "initial": segments[0]["value"],
        "changes": segments[1:],
        "over": segments[-1]["end"],
        "top": top,
        "zone_low": Figure(zone[1]),
        "zone_high": Figure(zone[2]),
    }


def _equation(text: str) -> Slots:
    path = re.findall(r"([\d.]+\d) from (\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)", text)
    ahead = _found(r"For the next.*?from (\d{4}-\d\d-\d\d)", text)[1]
    pieces: list[Slots] = []
    for value, start, end in path:
        after = moment(end) + timedelta(days=1)
        length = Length((after - moment(start)).days, "day")
        if length.count < 1:  # one of the originals has an empty piece
            continue
        pieces.append(
            {
                "value": Figure(value),
                "start": moment(start),
                "end": moment(end),
                "after": after,
                "length": length,
                "single": length.count == 1,
            }
        )
    slots: Slots = {
        "path": pieces,
        "before": [one for one in pieces if one["start"] < moment(ahead)],
        "ahead": [one for one in pieces if one["start"] >= moment(ahead)],
        "noise": Figure(_found(r"noise scale of ([\d.e+-]+\d)", text)[1]),
        "lags": Figure(_found(r"with lag = (\d+)", text)[1]),
        "equation": "cause-effect" in text,
        "child": "X_1",
        "driver": "X_0",
    }
    terms = re.findall(r"(-?[\d.]+) \* X_(\d)\^\{t-(\d)\}", text)
    slots["terms"] = [
        {
            "coefficient": Figure(value),
            "own": which == "1",
            "lag": Figure(lag),
            "lead": number == 0,
            "negative": float(value) < 0,
        }
        for number, (value, which, lag) in enumerate(terms)
    ]
    slots["own_terms"] = [one for one in slots["terms"] if one["own"]]
    slots["driver_terms"] = [one for one in slots["terms"] if not one["own"]]
    return slots


def _sunlight(text: str) -> Slots:
    slots: Slots = {}
    if place := re.search(r"for a location in (.*?)\.\n", text):
        slots |= _place(place[1])
        found = _found(r"Over the previous (\d+) days.*average at (\d\d:\d\d:\d\d)", text)
        slots |= {"days": Length(int(found[1]), "day"), "peak": moment(f"2000-01-01 {found[2]}")}
    return slots


def _place(text: str) -> Slots:
    region, _, country = text.partition(", ")
    return {"region": region, "country": country}


def _holiday(text: str) -> Slots:
    found = _found(r"that (\d{4}-\d\d-\d\d) is a holiday due to (.*?)\.", text)
    slots: Slots = {"holiday": moment(found[1]), "holiday_name": found[2]}
    if days := re.search(r"forecast is required are (.*?)\.", text):
        slots["days"] = [{"day": day} for day in days[1].split(", ")]
    return slots


def _clouds(text: str) -> Slots:
    initial = _found(r"beginning of the series, the weather was (\w+)", text)[1]
    found = re.findall(rf"At ({STAMP}), (?:we expect that )?the weather (\w+ ?\w+) (\w+)\.", text)
    changes: list[Slots] = [
        {"start": moment(when), "clear": state == "clear", "future": verb.startswith("will")}
        for when, verb, state in found
    ]
    for one, following in zip(changes, [*changes[1:], {}], strict=True):
        one["end"] = following.get("start")
    return {
        **_place(_found(r"location in (.*?)\.\n", text)[1]),
        "quantity": "dhi" if "Diffuse" in text else "dni",
        "clear_first": initial == "clear",
        "changes": changes,
        "turn": changes[0]["start"],
        "clear_spells": [one for one in changes if one["clear"]],
        "past_changes": [one for one in changes if not one["future"]],
        "future_changes": [one for one in changes if one["future"]],
    }


def _incidents(text: str) -> Slots:
    incident = _found(r"number of ([\w ]+?) incidents", text)[1]
    place = _found(r"borough of (.*?)\. ", text)[1]
    yearly = _found(r"incidents was (\d+)|respond to (\d+)", text)
    slots: Slots = {
        "incident": incident,
        "incidents": f"{incident}s",
        "place": place,
        "yearly": Figure(yearly[1] or yearly[2]),
        "other_years": "other years" in text,
    }
    peak = re.search(r"incidents was ([A-Z]\w+)|busiest month being ([A-Z]\w+)", text)
    if peak:
        name = peak[1] or peak[2]
        slots["peak"] = datetime.strptime(f"{name} 2000", "%B %Y")
    return slots


PLANS = {
    "with water": "water",
    "retardant foam": "foam",
    "combustible gas": "gas ban",
    "gas sales": "gas sales",
    "all nautical activities": "boats ban",
    "constrained zones": "boat zones",
}


def _plan(text: str) -> Slots:
    others = _found(r"identified that (.*?) and (.*?) tend", text)
    when = _found(r"starting on (\d{4}-\d\d)", text)[1]
    return {
        **_incidents(text),
        "others": others[2],
        "plan": next(plan for words, plan in PLANS.items() if words in text),
        "start": moment(when),
        "remark": "does not imply" in text,
        "claim": "interview" in text,
    }


def _unemployment(text: str) -> Slots:
    county = _found(r"Unemployment Rate for (.*?), in (.*?)\.", text)
    states: list[Slots] = []
    for name, rows in re.findall(r"([A-Z][\w ]+)\n-+\n((?:\(.*?\)\n?)+)", text):
        readings = re.findall(rf"\(({STAMP}), ([\d.]+)\)", rows)
        pairs = [{"month": moment(when), "value": Figure(value)} for when, value in readings]
        states.append({"state": name, "rows": pairs, "own": name == county[2]})
    own = next((one for one in states if one["own"]), states[0])
    return {
        "county": county[1],
        "area": county[2],
        "states": states,
        "months": [
            {
                "month": row["month"],
                "cells": [{"state": s["state"], "value": s["rows"][at]["value"]} for s in states],
            }
            for at, row in enumerate(own["rows"])
        ],
        "state": own["state"],
        "rows": own["rows"],
    }


READERS: list[tuple[str, Callable[[str], Slots]]] = [
    (r"Electricity", _heat),
    (r"CashDepleted", _depleted),
    (r"PeriodicMaintenanceTaskWith", _outages),
    (r"IncreasedWithdrawal", _festivity),
    (r"OraclePred", _bounds),
    (r"SensorMaintenance", _offline),
    (r"SensorPeriodic", _daily_offline),
    (r"SensorTrend", _drift),
    (r"SpeedFromLoad", _fan),
    (r"SVAR", _equation),
    (r"HalfDaySolar", _sunlight),
    (r"Holidays", _holiday),
    (r"CloudStatus", _clouds),
    (r"Confounding", _plan),
    (r"ShortHistory", _incidents),
    (r"Unemployment", _unemployment),
]
