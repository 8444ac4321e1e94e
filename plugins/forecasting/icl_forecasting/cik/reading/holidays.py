"""Dates of holidays by name, in the years of a forecast."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

Rule = Callable[[int], date]


def _fixed(month: int, day: int) -> Rule:
    return lambda year: date(year, month, day)


def _nth(month: int, weekday: int, number: int) -> Rule:
    """The n-th weekday of a month; -1 = the last one."""

    def of(year: int) -> date:
        if number > 0:
            first = date(year, month, 1)
            return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)

    return of


def _easter(offset: int) -> Rule:
    """Days after Easter Sunday (Gregorian computus)."""

    def of(year: int) -> date:
        a, b, c = year % 19, year // 100, year % 100
        d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
        e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
        f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
        return date(year, f // 31, f % 31 + 1) + timedelta(days=offset)

    return of


def _before(month: int, day: int, weekday: int) -> Rule:
    """The last weekday before a date."""

    def of(year: int) -> date:
        end = date(year, month, day) - timedelta(days=1)
        return end - timedelta(days=(end.weekday() - weekday) % 7)

    return of


RULES: dict[str, tuple[Rule, ...]] = {
    r"new year'?s? day": (_fixed(1, 1),),
    r"new year'?s? eve": (_fixed(12, 31),),
    r"martin luther king|mlk day": (_nth(1, 0, 3),),
    r"presidents'? day|washington's birthday": (_nth(2, 0, 3),),
    r"valentine'?s day": (_fixed(2, 14),),
    r"good friday": (_easter(-2),),
    r"easter sunday": (_easter(0),),
    r"easter monday": (_easter(1),),
    r"easter(?! sunday| monday)": (_easter(-2), _easter(0), _easter(1)),
    r"ascension": (_easter(39),),
    r"whit monday|pentecost": (_easter(50),),
    r"may day": (_fixed(5, 1),),
    r"memorial day": (_nth(5, 0, -1),),
    r"victoria day": (_before(5, 25, 0),),
    r"juneteenth": (_fixed(6, 19),),
    r"canada day": (_fixed(7, 1),),
    r"independence day|(?:the )?fourth of july|(?:the )?4th of july|july 4th": (_fixed(7, 4),),
    r"bastille day": (_fixed(7, 14),),
    r"labou?r day": (_nth(9, 0, 1),),
    r"columbus day|indigenous peoples'? day": (_nth(10, 0, 2),),
    r"halloween": (_fixed(10, 31),),
    r"all saints'? day": (_fixed(11, 1),),
    r"veterans'? day|armistice day|remembrance day": (_fixed(11, 11),),
    r"thanksgiving": (_nth(11, 3, 4),),
    r"black friday": (lambda year: _nth(11, 3, 4)(year) + timedelta(days=1),),
    r"christmas eve": (_fixed(12, 24),),
    r"christmas(?! eve)": (_fixed(12, 25),),
    r"boxing day|st\.? stephen'?s day": (_fixed(12, 26),),
    r"australia day": (_fixed(1, 26),),
    r"anzac day": (_fixed(4, 25),),
    r"german unity day": (_fixed(10, 3),),
    r"guy fawkes": (_fixed(11, 5),),
}
_NAMES = [(re.compile(rf"\b(?:{name})\b", re.IGNORECASE), rules) for name, rules in RULES.items()]


_ANY = re.compile(rf"\b(?:{'|'.join(RULES)})\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def named_holidays(text: str) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """Find the names of holidays in a text, with the rules for their dates."""
    plain = text.replace("’", "'")
    if not _ANY.search(plain):
        return ()
    found = [(pattern.search(plain), rules) for pattern, rules in _NAMES]
    return tuple((match[0], rules) for match, rules in found if match)


def dates_of(rules: tuple[Rule, ...], years: range) -> tuple[np.datetime64, ...]:
    """Return the dates by some rules in some years, `datetime64[D]`, in order."""
    days = [rule(year) for year in years for rule in rules if 1 <= year < 9999]
    return tuple(np.datetime64(day, "D") for day in sorted(days))
