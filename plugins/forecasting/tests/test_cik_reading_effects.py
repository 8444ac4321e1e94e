"""Sentences about what will happen, and the effects that must be read from them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from icl_forecasting.cik.windows import Clock

sys.path.append(str(Path(__file__).parent))
from cik_reading_words import DAYS, HOURS, said

HOSPITAL = "Hourly number of patients arriving at the emergency department of the clinic in Leeds. "
SHOP = "This series holds the daily number of customers of a bookshop in Bristol. "
PAGES = "The data are page views of a news website, counted every hour. "
MILL = "This is the hourly electricity use of a paper mill, in kW. "
BRIDGE = "The series is the number of vehicles per hour on a motorway bridge. "
MUSEUM = "Daily visitors of a museum. "
PARKING = "This series gives the share of occupied parking spaces (in %) reported by a detector. "

MULTIPLES = [
    (
        HOSPITAL + "A marathon takes place on 2023-03-13 from 10:00 to 15:00, and admissions are "
        "expected to double during the race.",
        HOURS,
        "scale 2 2023-03-13T10:00..2023-03-13T15:00",
    ),
    (
        HOSPITAL + "Suppose a stomach bug goes round and brings the department, between 2023-03-13 "
        "18:00 and 2023-03-14 06:00, thrice the normal number of patients.",
        HOURS,
        "scale 3 2023-03-13T18:00..2023-03-14T06:00",
    ),
    (
        SHOP
        + "From 20 March 2023 on, for five days, the owner runs a sale and sees three times as "
        "many customers as usual.",
        DAYS,
        "scale 3 2023-03-20..2023-03-25",
    ),
    (
        SHOP + "Owing to road works that begin on 2023-03-16 and last one week, footfall will drop "
        "by 40%.",
        DAYS,
        "scale 0.6 2023-03-16..2023-03-23",
    ),
    (
        SHOP + "Footfall is going to fall to 40% of its normal level between 2023-03-16 and "
        "2023-03-22.",
        DAYS,
        "scale 0.4 2023-03-16..2023-03-23",
    ),
    (
        SHOP + "A parade passes the shop on 17 March 2023 and customers rise by 50 percent.",
        DAYS,
        "scale 1.5 2023-03-17..2023-03-18",
    ),
    (
        PAGES + "A campaign goes live at 2023-03-13 18:00. It runs for three hours and brings five "
        "times the normal traffic.",
        HOURS,
        "scale 5 2023-03-13T18:00..2023-03-13T21:00",
    ),
    (
        PAGES + "Half of the usual page views are expected on 2023-03-14 from 09:00 until 12:00 "
        "because of a failing search engine.",
        HOURS,
        "scale 0.5 2023-03-14T09:00..2023-03-14T12:00",
    ),
    (
        MILL + "A second machine is started at 2023-03-13 06:00 and runs for 8 hours. Consumption "
        "then is 150% of the usual level.",
        HOURS,
        "scale 1.5 2023-03-13T06:00..2023-03-13T14:00",
    ),
    (
        MILL + "Demand will be 20 to 30 percent above normal between 2023-03-13 06:00 and "
        "2023-03-13 10:00.",
        HOURS,
        "scale 1.25 2023-03-13T06:00..2023-03-13T10:00",
    ),
    (
        MILL + "- what: load test\n- start: 2023-03-13 06:00\n- duration: 3 hours\n"
        "- demand: 250 % of normal",
        HOURS,
        "scale 2.5 2023-03-13T06:00..2023-03-13T09:00",
    ),
    (
        BRIDGE + "An accident blocks the bridge on 2023-03-13 from 07:00 to 09:00, cutting traffic "
        "to a quarter of what is typical.",
        HOURS,
        "scale 0.25 2023-03-13T07:00..2023-03-13T09:00",
    ),
    (
        BRIDGE + "Because of a crash at 2023-03-13 16:00, traffic is reduced by 70% for two hours.",
        HOURS,
        "scale 0.3 2023-03-13T16:00..2023-03-13T18:00",
    ),
    (
        BRIDGE + "Vehicle numbers drop by half on 2023-03-13 between 06:00 and 09:00, while on the "
        "neighbouring tunnel they double.",
        HOURS,
        "scale 0.5 2023-03-13T06:00..2023-03-13T09:00",
    ),
    (
        BRIDGE + "A ban of lorries, which studies have shown lowers vehicle numbers by 15%, starts "
        "on 2023-03-14 and stays in force.",
        HOURS,
        "scale 0.85 2023-03-14..",
    ),
    (
        MUSEUM + "A new exhibition opens on 2023-03-18 and will triple the number of visitors for "
        "ten days.",
        DAYS,
        "scale 3 2023-03-18..2023-03-28",
    ),
    (
        MUSEUM
        + "Visitor numbers soared to four times the usual figure in the festival week, which "
        "started on 2023-03-20 and lasted for 7 days.",
        DAYS,
        "scale 4 2023-03-20..2023-03-27",
    ),
]

AMOUNTS = [
    (
        MILL + "Starting at 2023-03-13 06:00, a test adds 200 kW; it ends after 4 hours.",
        HOURS,
        "add 200 2023-03-13T06:00..2023-03-13T10:00",
    ),
    (
        MILL + "Demand rises to 900 kW at 2023-03-13 06:00 and stays there for three hours.",
        HOURS,
        "level 900 2023-03-13T06:00..2023-03-13T09:00",
    ),
    (
        PARKING
        + "From 2023-03-13 06:00 on, the values are 10 percentage points higher than usual.",
        HOURS,
        "add 10 2023-03-13T06:00..",
    ),
    (
        PARKING + "The detector is stuck at 35 from 2023-03-13 06:00 until 2023-03-13 10:00.",
        HOURS,
        "level 35 2023-03-13T06:00..2023-03-13T10:00",
    ),
    (
        MUSEUM + "From 2023-03-20 to 2023-03-22 school classes bring 80 additional visitors a day.",
        DAYS,
        "add 80 2023-03-20..2023-03-23",
    ),
]

STOPS = [
    (
        HOSPITAL + "From 08:00 on 14 March 2023 a strike of nurses closes the department for six "
        "hours.",
        HOURS,
        "level 0 2023-03-14T08:00..2023-03-14T14:00",
    ),
    (
        SHOP + "The shop will be closed for renovation from 2023-03-20 to 2023-03-24.",
        DAYS,
        "level 0 2023-03-20..2023-03-25",
    ),
    (
        SHOP + "The shop is closed from 2023-03-20 until further notice.",
        DAYS,
        "level 0 2023-03-20..",
    ),
    (
        SHOP + "The shop is closed from 2023-03-20 on. It reopens on 2023-03-25.",
        DAYS,
        "level 0 2023-03-20..2023-03-25",
    ),
    (
        SHOP + "From 2023-03-20 to 2023-03-22 nobody can buy anything, so the number of customers "
        "is zero.",
        DAYS,
        "level 0 2023-03-20..2023-03-23",
    ),
    (
        PAGES + "On 14 March between 02:00 and 05:00 the servers are shut down, so no page views "
        "will be recorded.",
        HOURS,
        "level 0 2023-03-14T02:00..2023-03-14T05:00",
    ),
    (
        MILL + "The mill is shut down from 2023-03-13 06:00 until 2023-03-13 22:00.",
        HOURS,
        "level 0 2023-03-13T06:00..2023-03-13T22:00",
    ),
    (
        BRIDGE + "The bridge is closed to all vehicles on 2023-03-13 between 16:00 and 18:00.",
        HOURS,
        "level 0 2023-03-13T16:00..2023-03-13T18:00",
    ),
    (MUSEUM + "The museum is closed on Mondays.", DAYS, "level 0 days 0"),
    (
        MUSEUM
        + "The building that houses the museum is closed on Saturdays and Sundays, so nobody "
        "can enter.",
        DAYS,
        "level 0 days 56",
    ),
    (
        PARKING + "The detector will be unavailable from 2023-03-13 10:00 to 2023-03-13 13:00 and "
        "will report zero.",
        HOURS,
        "level 0 2023-03-13T10:00..2023-03-13T13:00",
    ),
    (
        PARKING + "The detector will be taken offline at 10:00 on 13 March 2023 for three hours.",
        HOURS,
        "level 0 2023-03-13T10:00..2023-03-13T13:00",
    ),
]

VAGUE = [
    (
        SHOP + "Because of the rain fewer customers than usual will come on 2023-03-20.",
        DAYS,
        "lower 2023-03-20..2023-03-21",
    ),
    (
        SHOP
        + "Customer numbers are expected to be higher than usual from 2023-03-20 to 2023-03-22 "
        "thanks to a book fair.",
        DAYS,
        "raise 2023-03-20..2023-03-23",
    ),
    (MILL + "On weekends the mill needs less electricity.", HOURS, "lower days 56"),
]

CORRECTED = [
    (
        MUSEUM + "The strike planned for 2023-03-20 will close the museum. Update: the strike has "
        "been moved to 2023-03-22.",
        DAYS,
        "level 0 2023-03-22..2023-03-23",
    ),
    (
        MUSEUM + "At first a doubling of visitors was expected on 2023-03-18. The latest estimate "
        "is that visitors will triple on 2023-03-18.",
        DAYS,
        "scale 3 2023-03-18..2023-03-19",
    ),
    (
        MUSEUM + "The museum was to be shut from 2023-03-20 to 2023-03-26; instead it will be shut "
        "only on 2023-03-22.",
        DAYS,
        "level 0 2023-03-22..2023-03-23",
    ),
]


@pytest.mark.parametrize(("text", "at", "effect"), MULTIPLES)
def test_multiples_of_the_usual_level(text: str, at: Clock, effect: str) -> None:
    assert said(text, at) == [effect]


@pytest.mark.parametrize(("text", "at", "effect"), AMOUNTS)
def test_amounts_and_levels(text: str, at: Clock, effect: str) -> None:
    assert said(text, at) == [effect]


@pytest.mark.parametrize(("text", "at", "effect"), STOPS)
def test_what_stops_is_zero(text: str, at: Clock, effect: str) -> None:
    assert said(text, at) == [effect]


@pytest.mark.parametrize(("text", "at", "effect"), VAGUE)
def test_directions_without_a_number(text: str, at: Clock, effect: str) -> None:
    assert said(text, at) == [effect]


@pytest.mark.parametrize(("text", "at", "effect"), CORRECTED)
def test_the_later_statement_wins(text: str, at: Clock, effect: str) -> None:
    assert said(text, at) == [effect]


def test_one_clause_is_found_in_news_prose() -> None:
    text = (
        "Books in bloom. Bristol is getting ready for spring, and so are its shops. The series is "
        "the daily number of customers of one of them. The council has painted the benches, and "
        "the tram has new seats. A reading week begins on 2023-03-20 and lasts for six days. Two "
        "authors from Norway will be there. The owner expects twice the usual number of customers "
        "in this time. Parking is free on the old market square. Tickets are sold at the counter."
    )
    assert said(text, DAYS) == ["scale 2 2023-03-20..2023-03-26"]
