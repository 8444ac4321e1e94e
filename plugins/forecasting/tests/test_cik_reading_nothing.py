"""Words that must have no effect: other places, other things, what is cancelled or only claimed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from icl_forecasting.cik.reading import read
from icl_forecasting.cik.statements import Effect, Reading, Subject
from icl_forecasting.cik.windows import Clock

sys.path.append(str(Path(__file__).parent))
from cik_reading_words import DAYS, HOURS, MONTHS, clock, reading, said

HOSPITAL = (
    "Hourly number of patients arriving at the emergency department of the hospital in Leeds. "
)
SHOP = "This series holds the daily number of customers of a bookshop in Bristol. "
RIVER = "This is the discharge of the river Aare in cubic metres per second, measured near Bern. "
MILL = "This is the hourly electricity use of a paper mill, in kW. "
PAGES = "The data are page views of a news website, counted every hour. "
THEFTS = "Monthly number of bicycle thefts in the district of Camden. "

DISTRACTORS = [
    (
        "another place",
        HOSPITAL + "A marathon in Manchester will double admissions there on 2023-03-13 from 10:00 "
        "to 15:00.",
        HOURS,
    ),
    (
        "another part",
        HOSPITAL + "The hospital canteen will be closed on 2023-03-13 from 10:00 to 15:00.",
        HOURS,
    ),
    (
        "hypothetical",
        SHOP + "If it snows on 2023-03-20, the number of customers would be halved.",
        DAYS,
    ),
    (
        "called off in the same sentence",
        SHOP
        + "The shop was going to close from 2023-03-20 to 2023-03-24, but the closure has been "
        "called off.",
        DAYS,
    ),
    (
        "cancelled later",
        SHOP + "The shop will be closed from 2023-03-20 to 2023-03-24. The closure was cancelled "
        "later on.",
        DAYS,
    ),
    (
        "an earlier report",
        SHOP + "Earlier reports spoke of a closure from 2023-03-20 to 2023-03-24. In fact the shop "
        "stays open as usual.",
        DAYS,
    ),
    (
        "denied",
        SHOP + "Contrary to earlier reports, the shop will not be closed between 2023-03-20 and "
        "2023-03-24.",
        DAYS,
    ),
    ("long ago", SHOP + "Two years ago a flood closed the shop for ten days.", DAYS),
    ("a neighbour", SHOP + "A neighbouring shop closes on 2023-03-20 for ten days.", DAYS),
    (
        "an intention",
        SHOP + "The mayor wants to double the number of customers in the old town.",
        DAYS,
    ),
    ("advice", SHOP + "Please bring your own bags from 2023-03-20 on.", DAYS),
    ("a number about something else", SHOP + "The owner likes cats and has three of them.", DAYS),
    (
        "an association and a ban",
        RIVER + "Sales of umbrellas and the discharge are correlated: when one rises, the other "
        "tends to rise too. From 2023-03-13 12:00 the city bans umbrellas.",
        HOURS,
    ),
    (
        "a promise in quotation marks",
        RIVER + '"I promise you that the discharge will fall by 90% from tomorrow on," the '
        "councillor said confidently.",
        HOURS,
    ),
    (
        "a rumour",
        RIVER + "Rumour has it that a dam upstream will double the discharge on 2023-03-13.",
        HOURS,
    ),
    (
        "another variable",
        MILL + "Gas consumption of the mill will triple on 2023-03-13 between 08:00 and 12:00.",
        HOURS,
    ),
    (
        "over and not coming again",
        PAGES + "Last month a failure of the servers caused a drop of 60% in page views. It is not "
        "expected to happen again.",
        HOURS,
    ),
    (
        "sales of something else",
        PAGES + "Sales of the printed paper will rise by 20% on 2023-03-14.",
        HOURS,
    ),
    (
        "a plan against a thing that only goes along",
        THEFTS + "Bicycle thefts and ice cream sales tend to go up together. That is no proof that "
        "one causes the other. The council will prohibit ice cream from November 2022 on. "
        '"I am certain that this will put an end to bicycle thefts," the mayor said.',
        MONTHS,
    ),
]


@pytest.mark.parametrize(("what", "text", "at"), DISTRACTORS)
def test_it_has_no_effect(what: str, text: str, at: Clock) -> None:
    assert said(text, at) == [], what


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            SHOP + "If it snows on 2023-03-20, the number of customers would be halved.",
            "hypothetical",
        ),
        (
            SHOP + "In Cardiff, customers will double from 2023-03-20 to 2023-03-22.",
            "another place",
        ),
        (
            SHOP + "The shop closes from 2023-03-20 to 2023-03-24. The closure was cancelled.",
            "cancelled",
        ),
        (SHOP + "On 2024-03-20 customers will triple.", "after the forecast"),
    ],
)
def test_the_reason_is_told(text: str, reason: str) -> None:
    found = reading(text, DAYS)
    assert reason in [one.reason for one in found.ignored]
    assert all(one.span is not None for one in found.ignored)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "?",
        "....... ::: ((( ",
        "\x00\ufffd",
        "1 2 3 4 5 6 7 8 9",
        "x" * 5000,
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
        "% % % of of of to by from until",
        "No. Yes. Nothing. Zero. Never.",
        "2023-03-13",
        "from until between and every 0 days for -3 hours",
        "Bonjour, le musée est fermé lundi.",
    ],
)
def test_odd_text_gives_no_effect_and_never_raises(text: str) -> None:
    for at in (HOURS, DAYS, MONTHS, clock("1970-01-01T00", 3, 1), clock("2020-01-01", 1, 1, "D")):
        found = read(text, at)
        assert not [one for one in found.statements if isinstance(one, Effect)]


def test_no_text_gives_an_empty_reading() -> None:
    assert read("", HOURS) == Reading()


def test_only_the_subject_is_read_where_nothing_else_is_said() -> None:
    found = reading("Hourly sales of a kiosk in Riga, in euros.", HOURS)
    assert [type(one) for one in found.statements] == [Subject]


def test_every_statement_points_at_its_words() -> None:
    text = SHOP + "The shop is closed on 2023-03-20. On 2023-03-24 customers will double."
    for one in reading(text, DAYS).statements:
        assert one.span is not None
        assert text[one.span.start : one.span.end] == one.span.text


def test_the_name_of_the_series_alone_is_no_statement() -> None:
    assert read("", HOURS, "GHI") == Reading()
    assert read("Thank you for your help.", HOURS, "Occupancy (%)").statements == ()
