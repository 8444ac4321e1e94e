"""Subjects, limits, special days, relations, references: what the rest of a text gives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from icl_forecasting.cik import statements as s
from icl_forecasting.cik.windows import Clock

sys.path.append(str(Path(__file__).parent))
from cik_reading_words import DAYS, HOURS, MONTHS, clock, moment, reading, said

SHOP = "This series holds the daily number of customers of a bookshop in Bristol. "
RIVER = "This is the discharge of the river Aare in cubic metres per second, measured near Bern. "
MILL = "This is the hourly electricity use of a paper mill, in kW. "
HOSPITAL = "Hourly number of patients arriving at the emergency room of the hospital in Leeds. "
PARKING = "This series gives the share of occupied parking spaces (in %) reported by a detector. "
BRIDGE = "The series is the number of vehicles per hour on a motorway bridge. "
SECONDS = clock("1970-01-01T10:00:00", 60, 30, "s")

SUBJECTS = [
    (HOSPITAL, {"count", "patient"}, ("Leeds",), True, 0.0, None),
    ("The task is to forecast the electricity demand of Oslo (kW).", {"electricity"}, ("Oslo",),
     False, 0.0, None),
    (PARKING, {"percentage"}, (), False, 0.0, 100.0),
    ("Below are monthly brush fires in the county of Marin.", {"field-fire"}, ("Marin",), True,
     0.0, None),
    ("Unemployment rate of Polk County, in Iowa.", {"unemployment"}, ("Polk County", "Iowa"),
     False, 0.0, 100.0),
    ("Global horizontal irradiance (W/m2) at a site in Oregon.",
     {"irradiance", "global-irradiance"}, ("Oregon",), False, 0.0, None),
    ("We record the air temperature, in degrees Celsius, in Davos.", {"temperature"}, ("Davos",),
     False, None, None),
    ("How many withdrawals does a cash machine see each day? We count them.",
     {"withdrawal"}, (), True, 0.0, None),
]  # fmt: skip

LIMITS = [
    (HOSPITAL + "Admissions can never exceed 40 per hour.", ["bound ..40 always"]),
    (HOSPITAL + "At no time will there be fewer than 3 admissions.", ["bound 3.. always"]),
    (RIVER + "The discharge stays between 80 and 400.", ["bound 80..400 always"]),
    (RIVER + "Assume the values are bounded from above by 350.5.", ["bound ..350.5 always"]),
    (RIVER + "Lower limit of what is to come: 60.", ["bound 60.. always"]),
    (RIVER + "Nothing below 75 will be observed.", ["bound 75.. always"]),
    (
        RIVER + "A weir holds the flow at or below 300 from 2023-03-13 12:00 to 2023-03-13 18:00.",
        ["bound ..300 2023-03-13T12:00..2023-03-13T18:00"],
    ),
    (
        PARKING + "At 08:00 on 2023-03-13 the occupancy is at most 65 and at 09:00 on 2023-03-13 "
        "it is at most 80.",
        [
            "bound ..65 2023-03-13T08:00..2023-03-13T09:00",
            "bound ..80 2023-03-13T09:00..2023-03-13T10:00",
        ],
    ),
    (MILL + "The grid connection limits the load to 1200 kW.", ["bound ..1200 always"]),
    (SHOP + "The shop has a maximum capacity of 250 customers a day.", ["bound ..250 always"]),
]

SPECIAL = [
    (
        BRIDGE + "2023-03-14 is a public holiday, and traffic is lighter on holidays.",
        HOURS,
        ["special 2023-03-14 lower"],
    ),
    (
        BRIDGE + "Tuesday 14 March 2023 is a holiday and will look like a Sunday.",
        HOURS,
        ["special 2023-03-14 like 6"],
    ),
    (
        BRIDGE + "On 2023-03-14 all offices are shut. Such a day is just like a Sunday.",
        HOURS,
        ["special 2023-03-14 like 6"],
    ),
    (
        SHOP + "Note that Good Friday lies in these weeks.",
        clock("2023-02-01", 60, 20, "D"),
        ["special 2023-04-07"],
    ),
    (
        SHOP + "Thanksgiving is part of the forecast.",
        clock("2021-10-01", 50, 20, "D"),
        ["special 2021-11-25"],
    ),
]


@pytest.mark.parametrize(("text", "concepts", "places", "integer", "lower", "upper"), SUBJECTS)
def test_subjects(
    text: str,
    concepts: set[str],
    places: tuple[str, ...],
    integer: bool,
    lower: float | None,
    upper: float | None,
) -> None:
    subject = reading(text, HOURS).subject
    assert concepts <= subject.concepts
    assert subject.places == places
    assert (subject.integer, subject.lower, subject.upper) == (integer, lower, upper)


def test_the_name_of_the_series_says_what_the_text_does_not() -> None:
    subject = reading("All values to come stay above 2.", HOURS, "Occupancy (%)").subject
    assert {"occupancy", "percentage"} <= subject.concepts


@pytest.mark.parametrize(("text", "limits"), LIMITS)
def test_limits(text: str, limits: list[str]) -> None:
    assert said(text, HOURS) == limits


@pytest.mark.parametrize(("text", "at", "days"), SPECIAL)
def test_special_days(text: str, at: Clock, days: list[str]) -> None:
    assert said(text, at) == days


def relation(text: str, at: Clock) -> s.Relation:
    found = [one for one in reading(text, at).statements if isinstance(one, s.Relation)]
    assert len(found) == 1
    return found[0]


BROOK = "Discharge of a brook in m3/s, hourly. "
LIMITS_IN_OTHER_WORDS = [
    ("It is out of the question that it sinks under 40.", ["bound 40.. always"]),
    ("Expect readings of 55 or higher.", ["bound 55.. always"]),
    ("The outlook runs in [60, 180].", ["bound 60..180 always"]),
    ("x >= 35 at all coming hours.", ["bound 35.. always"]),
    ("Whatever lies above 220 is reported as 220.", ["bound ..220 always"]),
    ("The upper limit was lifted to 260, valid now.", ["bound ..260 always"]),
    ("A gate keeps the discharge from 50 upwards.", ["bound 50.. always"]),
    ("The band of the coming values has the borders 33 and 99.", ["bound 33..99 always"]),
    ("The agreed ceiling, from now on, is 145.", ["bound ..145 2023-03-13.."]),
    ("\n| limit | value |\n|---|---|\n| lower | 20 |\n", ["bound 20.. always"]),
]
LIMITS_OF_OTHERS = [
    "The air temperature will stay between 12 and 19 degrees.",
    "The noise of the turbine must not exceed 80 decibels.",
    "The lamp at the gauge may use up to 75 watts.",
    "The old limit of 300 is out of date.",
    "A limit of 90 was discussed and given up again.",
    "It had been announced that it would be limited to 160.",
]
LIMITS_IN_TURN = [
    (
        "At most 400 may flow until 2023-03-13 06:00, and at most 250 from then on.",
        ["bound ..400 2023-03-13..2023-03-13T06:00", "bound ..250 2023-03-13T06:00.."],
    ),
    (
        "The cap is 400. It is lowered to 250 on 2023-03-13 at 06:00.",
        ["bound ..400 ..2023-03-13T06:00", "bound ..250 2023-03-13T06:00.."],
    ),
    ("The old limit of 300 is out of date. The new limit is 240.", ["bound ..240 always"]),
    ("The maximum isn't 90 but 120.", ["bound ..120 always"]),
]


@pytest.mark.parametrize(("text", "limits"), LIMITS_IN_OTHER_WORDS + LIMITS_IN_TURN)
def test_limits_in_other_words(text: str, limits: list[str]) -> None:
    assert said(BROOK + text, HOURS) == limits


@pytest.mark.parametrize("text", LIMITS_OF_OTHERS)
def test_limits_of_others_and_old_ones_are_none(text: str) -> None:
    assert said(BROOK + text, HOURS) == []


DRIVE = (
    "The flow of a pump in litres per minute is to be forecast. Its drive was at 0 % until "
    "2023-03-12 12:00, at 40 % from 2023-03-12 12:00 until 2023-03-13 02:00, and at 80 % from "
    "2023-03-13 02:00 until 2023-03-14 00:00. "
)


@pytest.mark.parametrize(
    "told",
    [
        "Full drive, that is 100 %, makes 900 litres per minute and nothing makes more.",
        "With 100 % it does 900, never more.",
        "The top of 900 is reached with the drive at 100 %.",
        "At a drive of 100 % the flow is at its maximum, 900 litres per minute.",
    ],
)
def test_full_drive_in_other_words(told: str) -> None:
    text = DRIVE + told + " Between 0 and 100 % it is roughly linear."
    assert relation(text, HOURS).anchors == ((100.0, 900.0),)
    bounds = [one for one in reading(text, HOURS).statements if isinstance(one, s.Bound)]
    assert {one.upper for one in bounds if one.of == s.TARGET} <= {900.0}


def test_an_idle_range_without_the_name_of_the_drive() -> None:
    text = DRIVE + "At 100 % it does 900. It never runs slower than with 5 up to 15 %."
    assert relation(text, HOURS).dead_zone == (5.0, 15.0)


MOTOR = (
    "A motor turns a stirrer, and we want to forecast its speed in rpm. The speed grows linearly "
    "with the duty cycle of the motor. The duty cycle is set to 0.2 until 10:00:40, 0.6 from "
    "10:00:40 until 10:01:10, 0.1 from 10:01:10 until 10:01:30. "
)


def test_a_linear_law_with_an_anchor_and_a_dead_zone() -> None:
    text = MOTOR + "At full duty cycle (=1) the motor runs at its maximum speed of 900 rpm. "
    text += "Unless it is off, it keeps a minimum duty cycle between 0.05 and 0.1."
    found = relation(text, SECONDS)
    assert found.law is s.Law.LINEAR
    assert found.anchors == ((1.0, 900.0),)
    assert found.dead_zone == (0.05, 0.1)
    assert "bound ..900 always" in said(text, SECONDS)


@pytest.mark.parametrize(
    ("words", "law", "exponent"),
    [
        ("The pressure is proportional to the square of the speed.", s.Law.POWER, 2.0),
        ("The pressure grows with the cube of the speed.", s.Law.POWER, 3.0),
        ("The pressure is proportional to the speed.", s.Law.PROPORTIONAL, None),
        ("The pressure is inversely proportional to the speed.", s.Law.POWER, -1.0),
        ("", s.Law.POWER, 2.0),  # fans and pumps, where nothing is said
    ],
)
def test_laws(words: str, law: s.Law, exponent: float | None) -> None:
    text = "Pressure behind a pump, in bar. " + words
    text += " The speed of the pump is 600 from 10:00:00 until 10:00:40, 800 from 10:00:40 until"
    text += " 10:01:10, 500 from 10:01:10 until 10:01:30."
    found = relation(text, SECONDS)
    assert (found.law, found.exponent) == (law, exponent)


RATES = "\n".join(f"(2022-{month:02d}-01 00:00:00, {4 + month / 10})" for month in range(1, 13))
RATES += "\n(2023-01-01 00:00:00, 5.4)\n(2023-02-01 00:00:00, 5.5)\n(2023-03-01 00:00:00, 5.6)"


def test_the_reference_of_the_same_place_is_the_relevant_one() -> None:
    text = "This is the unemployment rate of Polk County, in Iowa.\n"
    text += "For reference, here are the rates of two states in the same period:\n"
    text += f"Iowa\n----\n{RATES}\n\nUtah\n----\n{RATES}\n"
    found = [one for one in reading(text, MONTHS).statements if isinstance(one, s.Reference)]
    assert [(one.name, one.relevant) for one in found] == [("Iowa", True), ("Utah", False)]
    assert [len(one.stamps) for one in found] == [15, 15]


def test_changes_of_the_sky_are_a_covariate() -> None:
    text = "Direct normal irradiance in W/m2 in Almeria. It was cloudy at first. "
    text += "It cleared up on 2023-03-11 at 09:00. It clouded over on 2023-03-12 at 15:00. "
    text += "It is expected to clear up on 2023-03-13 at 08:00."
    (sky,) = [one for one in reading(text, HOURS).statements if isinstance(one, s.Covariate)]
    assert sky.values == ("cloudy", "clear", "cloudy", "clear")
    assert moment(sky.stamps[1]) == "2023-03-11T09:00"
    assert relation(text, HOURS).law is s.Law.STATES


def test_days_of_a_shop_do_not_depend_on_headings() -> None:
    plain = said(SHOP + "The shop will be closed from 2023-03-20 to 2023-03-24.", DAYS)
    headed = "Background: " + SHOP + "\nScenario: The shop will be closed from 2023-03-20 to "
    assert said(headed + "2023-03-24.", DAYS) == plain


def references(text: str, at: Clock) -> list[tuple[str, bool | None]]:
    found = [one for one in reading(text, at).statements if isinstance(one, s.Reference)]
    return [(one.name, one.relevant) for one in found]


SUN = "\n".join(f"(2023-03-{11 + k // 8:02d} {3 * (k % 8):02d}:00:00, {50 * k})" for k in range(24))


def test_what_a_clear_sky_would_give_is_a_reference() -> None:
    text = "Global horizontal irradiance (W/m2) at a site in Portugal.\n"
    text += f"For reference, the irradiance if the sky were always clear:\n{SUN}\n"
    (found,) = [one for one in reading(text, HOURS).statements if isinstance(one, s.Reference)]
    assert found.relevant
    assert "clear-sky" in found.quantity


def test_the_place_that_is_called_similar_is_the_relevant_one() -> None:
    text = "Monthly number of bicycle thefts in the district of Northport.\nOther districts:\n"
    text += f"Southfield\n----\n{RATES}\n\nEastbay\n----\n{RATES}\n\n"
    text += "Northport is similar to Eastbay.\n"
    assert references(text, MONTHS) == [("Southfield", False), ("Eastbay", True)]


def test_a_limit_for_each_of_several_hours() -> None:
    text = PARKING + "The values at 05:00 on 2023-03-13 are bounded above by 7.5, and at 06:00 on "
    text += "2023-03-13 by 8.1."
    assert said(text, HOURS) == [
        "bound ..7.5 2023-03-13T05:00..2023-03-13T06:00",
        "bound ..8.1 2023-03-13T06:00..2023-03-13T07:00",
    ]
