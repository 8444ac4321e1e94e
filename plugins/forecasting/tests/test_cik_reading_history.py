"""What a text says about the past: false readings, numbers of other years, when most happens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from icl_forecasting.cik.windows import Clock

sys.path.append(str(Path(__file__).parent))
from cik_reading_words import DAYS, HOURS, MONTHS, said

SHOP = "This series holds the daily number of customers of a bookshop in Bristol. "
MUSEUM = "Daily visitors of a museum. "
PARKING = "This series gives the share of occupied parking spaces (in %) reported by a detector. "
RIVER = "This is the discharge of the river Aare in cubic metres per second, measured near Bern. "
BRIDGE = "The series is the number of vehicles per hour on a motorway bridge. "

FALSE = [
    (
        PARKING + "The detector was offline every day between 01:00 and 04:00, which gave zero "
        "readings. No such outages are expected in the future.",
        HOURS,
        ["false missing 0 1h-4h"],
    ),
    (
        PARKING + "The detector was broken from 2023-03-08 to 2023-03-09. It has been repaired "
        "since.",
        HOURS,
        ["false missing 2023-03-08..2023-03-10"],
    ),
    (
        PARKING + "Because of a faulty amplifier the readings drifted upwards by 0.5 per hour from "
        "2023-03-07 06:00; the fault was fixed on 2023-03-12 at midnight.",
        HOURS,
        ["false drift 0.5 per 1h 2023-03-07T06:00..2023-03-12"],
    ),
    (
        PARKING + "A malfunction of the detector produced false spikes on 2023-03-08 at 05:00 and "
        "2023-03-10 at 17:00; it has been replaced and they will not occur again.",
        HOURS,
        [
            "false spike 2023-03-08T05:00..2023-03-08T06:00",
            "false spike 2023-03-10T17:00..2023-03-10T18:00",
        ],
    ),
    (
        PARKING + "From 2023-03-07 to 2023-03-09 the readings were 20% too high because of a "
        "calibration error, which has been corrected.",
        HOURS,
        ["false scale 1.2 2023-03-07..2023-03-10"],
    ),
    (
        SHOP + "The till was out of order every 14 days for 2 days, starting from 2023-01-04, so "
        "that no customers were counted. It works again now and no more failures are expected.",
        DAYS,
        ["false missing 0 2023-01-04.. every 336h for 48h"],
    ),
    (
        MUSEUM + "On 2023-01-20 a burst pipe closed the museum for two days.",
        DAYS,
        ["false missing 2023-01-20..2023-01-22"],
    ),
]

KNOWN = [
    (
        MUSEUM + "On average 36,500 people visit the museum per year.",
        DAYS,
        ["total 3.65e+04 per year always"],
    ),
    (
        MUSEUM + "In previous years there were 30000 visitors a year on average, and August was "
        "the busiest month.",
        MONTHS,
        ["total 3e+04 per year always", "peak year 8"],
    ),
    (
        MUSEUM + "Usually about 1200 visitors come in July.",
        MONTHS,
        ["total 1200 per month months 7"],
    ),
    (
        "Monthly number of lost umbrellas in Ghent. Average per year: 84\nMonth with the most: May",
        MONTHS,
        ["total 84 per year always", "peak year 5"],
    ),
    (MUSEUM + "The quietest month is usually February.", MONTHS, ["low year 2"]),
    (MUSEUM + "Most visitors come on Sundays.", DAYS, ["peak week 6"]),
    (RIVER + "The flow is usually highest in spring.", MONTHS, ["peak year 3,4,5"]),
    (BRIDGE + "Traffic peaks at around 17:30 on average.", HOURS, ["peak day 17.5h"]),
]


@pytest.mark.parametrize(("text", "at", "statements"), FALSE)
def test_false_readings(text: str, at: Clock, statements: list[str]) -> None:
    assert said(text, at) == statements


def test_an_outage_that_goes_on_is_an_effect() -> None:
    text = "Web requests of a shop, counted each hour by a logger. "
    text += "The logger is offline every day between 03:00 and 04:00 and will continue to be so."
    assert said(text, HOURS) == ["level 0 3h-4h"]


@pytest.mark.parametrize(("text", "at", "statements"), KNOWN)
def test_numbers_of_other_times(text: str, at: Clock, statements: list[str]) -> None:
    assert said(text, at) == statements


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (
            "Monthly burglaries in Redhill. Across an ordinary year the town sees 84 of them, "
            "November being the worst month.",
            ["total 84 per year always", "peak year 11"],
        ),
        ("Births in a county, month by month. 1200 is the norm for a year.", ["total 1200"]),
        (
            "Monthly visits to a zoo. Any year brings 300 visits as a rule, above all in August.",
            ["total 300 per year always", "peak year 8"],
        ),
        (
            "Ambulance calls per month, Kelton. Mean per year: 640. Peak season: January.",
            ["total 640 per year always", "peak year 1"],
        ),
        (
            "Number of thefts in Barrow each month. The police have 45 cars. In an average year "
            "thefts happen 96 times.",
            ["total 96 per year always"],
        ),
        (
            "How many boat rescues a month does the lake see? In other years: 24 a year. The "
            "record month is July.",
            ["total 24 per year always", "peak year 7"],
        ),
        (
            "Monthly accidents on the A7 road. Over twelve months 150 is usual. The whole country "
            "has 9000 accidents a year.",
            ["total 150 per year always"],
        ),
        ("Monthly thefts in Barrow. They usually add up to 90 over a year.", ["total 90 per year"]),
        ("Monthly thefts in Barrow. The patrol drove 4 times the usual way.", []),
        ("Daily visitors. Power use was 4 times the typical use for this time of year.", []),
    ],
)
def test_other_years_in_other_words(text: str, statements: list[str]) -> None:
    found = said(text, MONTHS)
    assert len(found) == len(statements)
    assert all(one.startswith(start) for one, start in zip(found, statements, strict=True))
