"""Which claims count: comparisons with the usual, shares, denials, other subjects, tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from icl_forecasting.cik.reading import read
from icl_forecasting.cik.statements import Effect
from icl_forecasting.cik.windows import Clock

sys.path.append(str(Path(__file__).parent))
from cik_reading_words import DAYS, HOURS, said

SHOP = "This series holds the daily number of customers of a bookshop in Bristol. "
MILL = "This is the hourly electricity use of a paper mill, in kW. "
TOWN = "Hourly electricity demand of the town of Ulm, in kW. "
RIVER = "Level of the river at Bonn, in cm, hourly. "
BRIDGE = "Daily number of bicycles crossing a bridge in Lyon. "
WEEK = " from 2023-03-20 to 2023-03-24."
NOON = " from 10:00 to 14:00 on 2023-03-13."
IN_WEEK = "2023-03-20..2023-03-25"
AT_NOON = "2023-03-13T10:00..2023-03-13T14:00"

INVERSE = [
    (TOWN + "Normal demand is a quarter of what is expected" + NOON, HOURS, f"scale 4 {AT_NOON}"),
    (TOWN + "The usual demand is only 20 % of the demand" + NOON, HOURS, f"scale 5 {AT_NOON}"),
    (TOWN + "A demand a third as high would have been normal" + NOON, HOURS, f"scale 3 {AT_NOON}"),
    (TOWN + "Demand is a quarter of the usual" + NOON, HOURS, f"scale 0.25 {AT_NOON}"),
    (SHOP + "A third of what is usual will come" + WEEK, DAYS, f"scale 0.3333 {IN_WEEK}"),
    (
        SHOP + "The usual number of customers is half of what is expected" + WEEK,
        DAYS,
        f"scale 2 {IN_WEEK}",
    ),
    (SHOP + "Half of the usual customers will come" + WEEK, DAYS, f"scale 0.5 {IN_WEEK}"),
]
AMOUNTS = [
    (SHOP + "Customers per day: -30 %" + WEEK, DAYS, f"scale 0.7 {IN_WEEK}"),
    (SHOP + "The number of customers is minus 30 %" + WEEK, DAYS, f"scale 0.7 {IN_WEEK}"),
    (SHOP + "300 % more customers than usual come" + WEEK, DAYS, f"scale 4 {IN_WEEK}"),
    (SHOP + "75 % less customers are expected" + WEEK, DAYS, f"scale 0.25 {IN_WEEK}"),
    (
        SHOP + "The number of customers falls 30 % short of the usual" + WEEK,
        DAYS,
        f"scale 0.7 {IN_WEEK}",
    ),
    (
        SHOP + "The number of customers will be 30 % in excess of the usual" + WEEK,
        DAYS,
        f"scale 1.3 {IN_WEEK}",
    ),
    (TOWN + "Another 200 % of the normal demand is needed" + NOON, HOURS, f"scale 3 {AT_NOON}"),
    (
        TOWN + "In addition to the usual demand, 50 % more is drawn" + NOON,
        HOURS,
        f"scale 1.5 {AT_NOON}",
    ),
    (RIVER + "The level is 80 cm higher than it would be" + NOON, HOURS, f"add 80 {AT_NOON}"),
    (RIVER + "The level stands 80 cm above its usual value" + NOON, HOURS, f"add 80 {AT_NOON}"),
    (RIVER + "The level is 80 cm below normal" + NOON, HOURS, f"add -80 {AT_NOON}"),
    (RIVER + "Add 80 cm to the level" + NOON, HOURS, f"add 80 {AT_NOON}"),
    (RIVER + "Level: +80 cm" + NOON, HOURS, f"add 80 {AT_NOON}"),
]
SHARES = [
    (SHOP + "70 % of the customers remain" + WEEK, DAYS, f"scale 0.7 {IN_WEEK}"),
    (SHOP + "A rival takes over a third of the customers" + WEEK, DAYS, f"scale 0.6667 {IN_WEEK}"),
    (SHOP + "A quarter of the customers will go elsewhere" + WEEK, DAYS, f"scale 0.75 {IN_WEEK}"),
    (
        SHOP + "One in five customers is sent to another branch" + WEEK,
        DAYS,
        f"scale 0.8 {IN_WEEK}",
    ),
    (SHOP + "Only two of the five tills are open" + WEEK, DAYS, f"scale 0.4 {IN_WEEK}"),
    (
        "Jars per day filled in a cannery with three equal lines. Two of them stand still" + WEEK,
        DAYS,
        f"scale 0.3333 {IN_WEEK}",
    ),
    (
        SHOP + "Books cost 10 % more" + WEEK[:-1] + ", and 20 % fewer people come.",
        DAYS,
        f"scale 0.8 {IN_WEEK}",
    ),
    (
        SHOP + "With 30 percent off all novels, the number of customers doubles" + WEEK,
        DAYS,
        f"scale 2 {IN_WEEK}",
    ),
]
CORRECTED = [
    (
        SHOP + "The number of customers was not three times but twice the usual" + WEEK,
        DAYS,
        f"scale 2 {IN_WEEK}",
    ),
    (
        SHOP + "The shop will be closed" + WEEK + " A second closure, planned for May, has been "
        "cancelled.",
        DAYS,
        f"level 0 {IN_WEEK}",
    ),
    (
        SHOP + "The shop will be closed" + WEEK + " A strike, which many expected, did not take "
        "place.",
        DAYS,
        f"level 0 {IN_WEEK}",
    ),
    (
        SHOP + "A fair was announced for 2023-03-18. It was moved to 2023-03-25. It doubles the "
        "number of customers.",
        DAYS,
        "scale 2 2023-03-25..2023-03-26",
    ),
    (
        SHOP + "From 2023-03-20 on the number of customers falls by a fifth, for good.",
        DAYS,
        "scale 0.8 2023-03-20..",
    ),
    (
        SHOP + "The number of customers falls by a fifth on 2023-03-20 and stays at that level.",
        DAYS,
        "scale 0.8 2023-03-20..",
    ),
]
NOTHING = [
    BRIDGE + "15 % of the lamps on the bridge are broken" + WEEK,
    BRIDGE + "The price of petrol rises by 12 %" + WEEK,
    BRIDGE + "Wages rose 4 % on 2023-03-20.",
    BRIDGE + "Ninety percent of the shops open late" + WEEK,
    SHOP + "40 % of the customers are tourists" + WEEK,
    SHOP + "A figure of five times the usual number" + WEEK[:-1] + " was denied by the owner.",
    SHOP + "For four years running, a book fair in March had tripled the number of customers. This "
    "year there is none.",
    SHOP + "In each of the last five years a fair in March doubled the number of customers.",
    SHOP + "Two pubs, an inn and a cinema closed on 2023-03-20.",
    SHOP + "When the fair is over on 2023-03-22, the streets will be empty.",
    SHOP + "The shops of Bath, next to ours, doubled their number of customers" + WEEK,
    SHOP + "Fairs and customers are associated, which says nothing about causes. The mayor speaks "
    'of "the best plan ever, there will be no customers left from 2023-03-20 on".',
    "Daily number of withdrawals at a cash machine in Bath. The machine is always in service in "
    "the coming days.",
    "Daily number of withdrawals at a cash machine in Bath. From today on there are no works.",
]


@pytest.mark.parametrize(("text", "at", "effect"), [*INVERSE, *AMOUNTS, *SHARES, *CORRECTED])
def test_one_effect_is_read(text: str, at: Clock, effect: str) -> None:
    assert [one for one in said(text, at) if not one.startswith("bound")] == [effect]


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_happens_to_the_series(text: str) -> None:
    assert not read(text, DAYS).of(Effect)


def test_each_row_of_a_table_of_events_is_an_effect() -> None:
    table = (
        "| event | begins | ends | customers |\n|---|---|---|---|\n"
        "| fair | 2023-03-20 10:00 | 2023-03-22 10:00 | x 3 |\n"
        "| works | 2023-03-25 10:00 | 2023-03-26 10:00 | -40 % |\n"
    )
    assert said(table + SHOP, DAYS) == [
        "scale 3 2023-03-20T10:00..2023-03-22T10:00",
        "scale 0.6 2023-03-25T10:00..2023-03-26T10:00",
    ]
    for effect in read(table + SHOP, DAYS).of(Effect):
        assert effect.span is not None
        assert (table + SHOP)[effect.span.start : effect.span.end] == effect.span.text


def test_a_discount_in_a_table_is_no_effect() -> None:
    table = "first day;last day;discount;customers\n2023-03-20;2023-03-22;30 %;+50 %\n"
    assert said(table + SHOP, DAYS) == ["scale 1.5 2023-03-20..2023-03-23"]
