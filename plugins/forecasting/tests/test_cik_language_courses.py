"""Courses told by a repeated pattern, values without times, states in turn, and memory in prose."""

from __future__ import annotations

import numpy as np
import pytest

from icl_forecasting.cik.language import TimePhrase, parse
from icl_forecasting.cik.statements import TARGET
from icl_forecasting.cik.windows import Clock

_HOURS = np.datetime64("2024-05-06T00", "ns") + np.arange(72) * np.timedelta64(1, "h")
HOURLY = Clock(_HOURS[:48], _HOURS[48:])
_DAYS = np.datetime64("2023-08-01", "ns") + np.arange(180) * np.timedelta64(1, "D")
DAILY = Clock(_DAYS[:120], _DAYS[120:])
MONTHLY = Clock(
    np.arange("2023-08", "2024-02", dtype="datetime64[M]").astype("datetime64[ns]"),
    np.arange("2024-02", "2024-08", dtype="datetime64[M]").astype("datetime64[ns]"),
)
_SECONDS = np.datetime64("1970-01-01T09:00:00", "ns") + np.arange(240) * np.timedelta64(1, "s")
SECONDS = Clock(_SECONDS[:160], _SECONDS[160:])


@pytest.mark.parametrize(
    "text",
    [
        "The valve opens at 10 to begin with. We push it to 40 at 09:01:00. We push it to 25 "
        "at 09:02:10. We push it to 70 at 09:03:05.",
        "Opening: 10 until 09:01:00, then 40 until 09:02:10, then 25 until 09:03:05, then 70 "
        "until 09:04:00.",
        "opening ends\n10, ends 09:01:00\n40, ends 09:02:10\n25, ends 09:03:05\n70, ends 09:04:00",
        "Come 09:01:00 the feed gets 40. Come 09:02:10 the feed gets 25. Come 09:03:05 the feed "
        "gets 70. Earlier on it had been 10.",
        "Feed: 10 (to 09:01:00); 40 (09:01:00 to 09:02:10); 25 (09:02:10 to 09:03:05); 70 "
        "(09:03:05 "
        "to 09:04:00).",
        "The burner stood at 10 first, and its setting was 40 from 09:01:00, 25 from 09:02:10, 70 "
        "from 09:03:05.",
        "Setpoint 10; 09:01:00 -> 40; 09:02:10 -> 25; 09:03:05 -> 70",
        "(.., 09:01:00) -> 10; [09:01:00, 09:02:10) -> 40; [09:02:10, 09:03:05) -> 25; "
        "[09:03:05, 09:04:00) -> 70",
        "| until | flow |\n|---|---|\n| 09:01:00 | 10 |\n| 09:02:10 | 40 |\n| 09:03:05 | 25 |\n"
        "| 09:04:00 | 70 |",
        "10 until 09:01:00, followed by 40 for 70 s, followed by 25 for 55 s, followed "
        "by 70 for 55 s.",
    ],
)
def test_courses(text: str) -> None:
    """Whatever the verb is, values hold from their moment until the next one."""
    (found,) = parse(text, SECONDS).listings
    assert found.steps
    assert found.values == (10.0, 40.0, 25.0, 70.0)
    clocks = [str(one)[11:19] for one in found.stamps]
    assert clocks == ["09:00:00", "09:01:00", "09:02:10", "09:03:05"]


@pytest.mark.parametrize(
    "text",
    [
        "At 10:00 there were 5 visitors. A second group of 12 came at 11:00.",
        "The 3 teams met on 4 May and again on 7 May.",
        "In 2019 it had 30 rooms; in 2021 it had 45 rooms; in 2022 it had 52 rooms.",
        "Page 3, section 2, version 1.4 of 6 May 2024.",
    ],
)
def test_no_courses(text: str) -> None:
    """Numbers and times that repeat no pattern within the series are no course."""
    assert not [one for one in parse(text, HOURLY).listings if one.steps and len(one.values) > 2]


@pytest.mark.parametrize(
    "text",
    [
        "Rates from Aug 2023, one per month: Utah 3.0, 2.5, 2.6, 2.0. Maine 4.1, 4.0, 3.8, 3.9.",
        "start: 2023-08-01\nstep: 1 month\nUtah = [3.0, 2.5, 2.6, 2.0]\nMaine = [4.1, "
        "4.0, 3.8, 3.9]",
        "| region | Aug 2023 | Sep 2023 | Oct 2023 | Nov 2023 |\n|---|---|---|---|---|\n"
        "| Utah | 3.0 | 2.5 | 2.6 | 2.0 |\n| Maine | 4.1 | 4.0 | 3.8 | 3.9 |",
        "For August 2023, Utah 3.0, Maine 4.1; for September 2023, Utah 2.5, Maine 4.0; "
        "for October "
        "2023, Utah 2.6, Maine 3.8; for November 2023, Utah 2.0, Maine 3.9.",
        "Utah,3.0,2.5,2.6,2.0\nMaine,4.1,4.0,3.8,3.9\n(from August 2023 to November 2023, monthly)",
        "month / Utah / Maine\nAug 2023 / 3.0 / 4.1\nSep 2023 / 2.5 / 4.0\nOct 2023 / 2.6 / 3.8\n"
        "Nov 2023 / 2.0 / 3.9",
        "What about Utah? 3.0 in Aug 2023, 2.5 in Sep 2023, 2.6 in Oct 2023, 2.0 in Nov 2023. What "
        "about Maine? 4.1 in Aug 2023, 4.0 in Sep 2023, 3.8 in Oct 2023, 3.9 in Nov 2023.",
    ],
)
def test_values_of_several(text: str) -> None:
    """Rows of values with a start and a step, under dates, or with names before each value."""
    found = {one.name: one for one in parse(text, MONTHLY).listings}
    assert set(found) == {"Utah", "Maine"}
    assert found["Utah"].values == (3.0, 2.5, 2.6, 2.0)
    assert found["Maine"].values == (4.1, 4.0, 3.8, 3.9)
    for one in found.values():
        assert not one.steps
        assert str(one.stamps[0])[:7] == "2023-08" and str(one.stamps[-1])[:7] == "2023-11"


@pytest.mark.parametrize(
    "text",
    [
        "A shift to idle was logged at 2024-05-06 09:00. A shift to busy was logged at 2024-05-06 "
        "14:00. A shift to idle was logged at 2024-05-07 03:00. A shift to busy is planned for "
        "2024-05-08 05:00.",
        "6 May, 9 am: the gate has been lifted. 6 May, 2 pm: the gate is down. 7 May, 3 "
        "am: the gate "
        "has been lifted. 8 May, 5 am: the gate will be down.",
    ],
)
def test_states_in_turn(text: str) -> None:
    """Two states are known by what every first and every second change says."""
    (found,) = parse(text, HOURLY).listings
    assert len(found.values) >= 4 and len(set(found.values[-4:])) == 2
    assert [str(one)[5:13] for one in found.stamps[-4:]] == [
        "05-06T09",
        "05-06T14",
        "05-07T03",
        "05-08T05",
    ]


_PATH = (
    " Path of the inflow: 0.2 from 2023-08-01 to 2023-09-30; 0.4 from 2023-10-01 to 2023-11-05; "
)
_PATH += "0.3 from 2023-11-06 to 2024-01-27."


@pytest.mark.parametrize(
    "text",
    [
        "The level is linear in the inflow and in the level of one and two days ago, plus noise.",
        "Inflow and level of each of the last two days matter, in a linear way.",
        "The level depends linearly on both, with delays of one to two days.",
        "The level today results from inflow and level yesterday, and from inflow and "
        "level the day "
        "before that day; it is a linear law with lags 1 and 2.",
    ],
)
def test_memory(text: str) -> None:
    """Lags in prose belong to the driver and to the series itself."""
    (system,) = parse(text + _PATH, DAILY).equations
    terms = {(one.variable == TARGET, one.lag) for one in system.equations[0].terms}
    assert terms == {(False, 1), (False, 2), (True, 1), (True, 2)}


@pytest.mark.parametrize(
    "text",
    [
        "Take 0.8 of the inflow of 1 day ago, and -0.3 of the response of 2 days ago.",
        "inflow, lag 1: 0.8\nresponse, lag 2: -0.3\n",
        "The response sums up 0.8 times the inflow 1 day before and minus 0.3 times the response 2 "
        "days before.",
    ],
)
def test_weights(text: str) -> None:
    """Weights stand before or behind the name and the lag that they belong to."""
    (system,) = parse(text + _PATH, DAILY).equations
    terms = {
        (one.variable == TARGET, one.lag, one.coefficient) for one in system.equations[0].terms
    }
    assert terms == {(False, 1, 0.8), (True, 2, -0.3)}


def _times(text: str, clock: Clock) -> list[TimePhrase]:
    return [t for s in parse(text, clock).sentences for c in s.clauses for t in c.times]


@pytest.mark.parametrize(
    ("text", "period", "length"),
    [
        ("Seven days wet, eight days dry, over and over, counted from 12 August 2023.", 15, 7),
        (
            "Tests of 2 days, with 5 days between the end of one and the next, since 4 Aug 2023.",
            7,
            2,
        ),
        ("wet phase: 3 d\ndry phase: 4 d\nfirst wet phase: 2023-08-12", 7, 3),
        (
            "It recurs with a period of 10 days from August 12, 2023, with a duration of 2 days.",
            10,
            2,
        ),
        ("The first check was from 12 to 14 August 2023. One more came every ten days.", 10, 3),
    ],
)
def test_rhythms_in_prose(text: str, period: int, length: int) -> None:
    """Phases, gaps and periods make a rhythm."""
    windows = [one.window for one in _times(text, DAILY) if one.window.period is not None]
    assert windows
    assert windows[0].period == np.timedelta64(period, "D")
    assert windows[0].duration == np.timedelta64(length, "D")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("The lift is out of order in [2023-12-03, 2023-12-07).", "2023-12-07"),
        ("The lift is out of order in [2023-12-03, 2023-12-07].", "2023-12-08"),
    ],
)
def test_brackets(text: str, end: str) -> None:
    """A bracket tells whether the last day is part of an interval."""
    (time,) = _times(text, DAILY)
    assert time.window.start == np.datetime64("2023-12-03", "ns")
    assert time.window.end == np.datetime64(end, "ns")
