"""Phrases of time against the windows that they mean."""

from __future__ import annotations

import numpy as np
import pytest

from icl_forecasting.cik.language import TimePhrase, parse
from icl_forecasting.cik.windows import Clock


def _clock(start: str, count: int, horizon: int, step: np.timedelta64) -> Clock:
    stamps = np.datetime64(start, "ns") + np.arange(count + horizon) * step
    return Clock(stamps[:count], stamps[count:])


HOURLY = _clock("2024-01-11T00", 168, 24, np.timedelta64(1, "h"))  # forecast: Thursday 2024-01-18
DAILY = _clock("2023-08-01", 120, 60, np.timedelta64(1, "D"))  # forecast from Wednesday 2023-11-29
SECONDS = _clock("1970-01-01T05:46:27", 95, 58, np.timedelta64(1, "s"))


def _phrases(text: str, clock: Clock) -> list[TimePhrase]:
    document = parse(text, clock)
    return [one for s in document.sentences for c in s.clauses for one in c.times]


def _moment(text: str | None) -> np.datetime64 | None:
    return None if text is None else np.datetime64(text, "ns")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("The pump stops tomorrow.", "2024-01-18", "2024-01-19"),
        ("It will close on Thursday from 2 pm to 5 pm.", "2024-01-18T14", "2024-01-18T17"),
        ("The road is shut between 8 and 11 am.", "2024-01-18T08", "2024-01-18T11"),
        ("It is closed from noon until midnight.", "2024-01-18T12", "2024-01-19"),
        ("From 10 pm to 6 am the lamp is on.", "2024-01-18T22", "2024-01-19T06"),
        (
            "It drops for two and a half hours starting at 14h00.",
            "2024-01-18T14",
            "2024-01-18T16:30",
        ),
        (
            "Starting at 9 am and lasting about 3 hours, it is off.",
            "2024-01-18T09",
            "2024-01-18T12",
        ),
        ("A two-hour outage begins at quarter past two.", "2024-01-18T02:15", "2024-01-18T04:15"),
        ("It starts at half past six in the evening.", "2024-01-18T18:30", None),
        ("A storm arrives at 15:00 and passes by 18:00.", "2024-01-18T15", "2024-01-18T18"),
        (
            "On 18 January 2024, between 08:00 and 14:00, it is off.",
            "2024-01-18T08",
            "2024-01-18T14",
        ),
        ("It is off on January 18th from 8 a.m. until 2 p.m.", "2024-01-18T08", "2024-01-18T14"),
        ("Over the first three hours of the forecast it is 0.", "2024-01-18", "2024-01-18T03"),
        ("In the last 6 hours of the forecast it is calm.", "2024-01-18T18", "2024-01-19"),
        ("For the rest of the forecast it is off.", "2024-01-18", "2024-01-19"),
        ("Three days ago a dip was seen.", "2024-01-15", "2024-01-16"),
        ("Last week it failed.", "2024-01-08", "2024-01-15"),
        ("Within the next 12 hours it rains.", "2024-01-18", "2024-01-18T12"),
        ("Tomorrow morning it starts.", "2024-01-18T06", "2024-01-18T12"),
        ("The outage will run from 8:00 for 90 minutes.", "2024-01-18T08", "2024-01-18T09:30"),
        ("A check takes place, 14:00-16:00.", "2024-01-18T14", "2024-01-18T16"),
        ("Hot from Thursday 6 pm through Friday 6 am.", "2024-01-18T18", "2024-01-19T06"),
        ("It will rain from 1400 hours to 1600 hours.", "2024-01-18T14", "2024-01-18T16"),
        ("Window: 2024-01-18T08:00:00 / 2024-01-18T10:00:00", "2024-01-18T08", "2024-01-18T10"),
        ("It opens at 08:00 and is back to normal at 11:00.", "2024-01-18T08", "2024-01-18T11"),
    ],
)
def test_windows_of_an_hourly_series(text: str, start: str, end: str | None) -> None:
    """Times of day, days and lengths are joined and put on the clock."""
    found = [(one.window.start, one.window.end) for one in _phrases(text, HOURLY)]
    assert (_moment(start), _moment(end)) in found


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("There is a fair from 3 December 2023 for 11 days.", "2023-12-03", "2023-12-14"),
        ("From 3 to 13 December, there is a fair.", "2023-12-03", "2023-12-14"),
        ("A fair runs 3-13 December 2023.", "2023-12-03", "2023-12-14"),
        ("The shop is closed through December 10.", None, "2023-12-11"),
        ("It is shut up to and including 10 December.", None, "2023-12-11"),
        ("It rains between Friday and Sunday.", "2023-12-01", "2023-12-04"),
        ("In the first week of December it is quiet.", "2023-12-01", "2023-12-08"),
        ("It is quiet in early December.", "2023-12-01", "2023-12-11"),
        ("The last ten days of the forecast are dry.", "2024-01-18", "2024-01-28"),
        ("For the next two weeks it is shut.", "2023-11-29", "2023-12-13"),
        ("The week starting December 4 is off.", "2023-12-04", "2023-12-11"),
        ("On the 3rd the shop closes.", "2023-12-03", "2023-12-04"),
        ("On 28/12/2023 it is shut.", "2023-12-28", "2023-12-29"),
        ("On 24-Dec-2023 it is shut.", "2023-12-24", "2023-12-25"),
        ("It is shut in December 2023.", "2023-12-01", "2024-01-01"),
        ("It will be shut next Tuesday.", "2023-12-05", "2023-12-06"),
        ("On Monday, December 4th, 2023, it is shut.", "2023-12-04", "2023-12-05"),
        ("For a fortnight from 1 December it is shut.", "2023-12-01", "2023-12-15"),
        ("As of 5 December it is shut.", "2023-12-05", None),
        ("After 5 December it is shut.", "2023-12-06", None),
        ("Before 5 December it is shut.", None, "2023-12-05"),
        ("It is shut from day 3 to day 7.", "2023-12-01", "2023-12-06"),
        ("It was low in October.", "2023-10-01", "2023-11-01"),
        ("Effective December 15, 2023, it is shut.", "2023-12-15", None),
        ("The fair opens on 3 December. It lasts five days.", "2023-12-03", "2023-12-08"),
        ("Begins: 2023-12-03\nEnds: 2023-12-05", "2023-12-03", "2023-12-06"),
        ("Five days of fair are coming. First day: 3 December.", "2023-12-03", "2023-12-08"),
    ],
)
def test_windows_of_a_daily_series(text: str, start: str | None, end: str | None) -> None:
    """Dates in many spellings; a day at the end of an interval is part of it."""
    found = [(one.window.start, one.window.end) for one in _phrases(text, DAILY)]
    assert (_moment(start), _moment(end)) in found


@pytest.mark.parametrize(
    ("text", "start", "period", "length"),
    [
        ("It is off for 7 days, every 15 days, starting from 2023-08-12.", "2023-08-12", 15, 7),
        ("Every two weeks for three days starting 12 August 2023 it is off.", "2023-08-12", 14, 3),
        ("It began on August 12th. It came every 10 days and took two days.", "2023-08-12", 10, 2),
        ("From 12 August on it was shut 3 days out of every 9.", "2023-08-12", 9, 3),
        (
            "It began on 12 August 2023 and came in a 15-day cycle; it took 4 days.",
            "2023-08-12",
            15,
            4,
        ),
    ],
)
def test_recurrences(text: str, start: str, period: int, length: int) -> None:
    """A rhythm has a start, a period and a length, wherever they are said."""
    day = np.timedelta64(1, "D")
    windows = [one.window for one in _phrases(text, DAILY)]
    assert any(
        one.start == _moment(start) and one.period == period * day and one.duration == length * day
        for one in windows
    )


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("It is off every day between 22:00 and 04:00.", 22, 4),
        ("The sensor fails daily from 13:00 to 15:00.", 13, 15),
        ("Every day at 2 am for 3 hours the pump stops.", 2, 5),
        ("Nightly from 1 am to 3 am it is cleaned.", 1, 3),
        ("Every evening from 6 to 8 there is a queue.", 18, 20),
        ("Day after day it was off from 8 am to 2 pm.", 8, 14),
    ],
)
def test_parts_of_every_day(text: str, first: int, last: int) -> None:
    """Hours that come again every day."""
    hour = np.timedelta64(1, "h")
    clocks = [one.window.clock for one in _phrases(text, HOURLY)]
    assert (first * hour, last * hour) in clocks


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Each Sunday the plant rests.", {6}),
        ("It is closed on weekends.", {5, 6}),
        ("On weekdays between 7 and 9 am there is a queue.", {0, 1, 2, 3, 4}),
        ("It is closed on Mondays, Tuesdays and Fridays.", {0, 1, 4}),
    ],
)
def test_weekdays(text: str, days: set[int]) -> None:
    """Days of the week that come again."""
    assert days in [set(one.window.weekdays) for one in _phrases(text, DAILY)]


def test_times_of_day_within_one_day() -> None:
    """A series of some minutes has each time of day once, whatever the tense."""
    phrases = _phrases("It was raised at 05:47:09. It will fall at 05:48:20.", SECONDS)
    starts = [one.window.start for one in phrases]
    assert starts == [_moment("1970-01-01T05:47:09"), _moment("1970-01-01T05:48:20")]


def test_words_that_are_no_times() -> None:
    """Modal verbs, second things and quoted numbers are not read as times."""
    for text in ("It may march on.", "The second pump is old.", "Sat there, he saw it."):
        assert not _phrases(text, HOURLY)


def test_deictic_points_back() -> None:
    """Words such as "during that time" have the window that was named before."""
    phrases = _phrases("It is off from 8:00 to 9:00. During that time it reads zero.", HOURLY)
    assert phrases[1].kind == "deictic"
    assert phrases[1].window.start == phrases[0].window.start
    assert phrases[1].window.end == phrases[0].window.end
