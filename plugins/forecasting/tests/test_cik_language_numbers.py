"""Numbers in words and digits, with unit, comparison and basis."""

from __future__ import annotations

import numpy as np
import pytest

from icl_forecasting.cik.language import Quantity, parse
from icl_forecasting.cik.language.tokens import lemma
from icl_forecasting.cik.windows import Clock

STAMPS = np.datetime64("2024-01-11T00", "ns") + np.arange(48) * np.timedelta64(1, "h")
CLOCK = Clock(STAMPS[:24], STAMPS[24:])


def _quantities(text: str) -> list[Quantity]:
    document = parse(text, CLOCK)
    return [one for s in document.sentences for c in s.clauses for one in c.quantities]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5e3 kW", 1500.0),
        ("3,000 rpm", 3000.0),
        ("0,35 kW", 0.35),
        ("minus 4 degrees", -4.0),
        ("-3.5", -3.5),
        ("a dozen trucks", 12.0),
        ("three hundred and twenty-five", 325.0),
        ("1.2 million", 1.2e6),
        ("zero point six", 0.6),
        ("5.5 x 10^-4", 5.5e-4),
        ("a hundred", 100.0),
        ("½ bar", 0.5),
    ],
)
def test_values(text: str, value: float) -> None:
    """Digits and words give the same numbers."""
    (found,) = _quantities(text)
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "kind", "value", "basis"),
    [
        ("It rises to 40% of normal.", "percent", 40.0, "to"),
        ("It drops by 40 %.", "percent", 40.0, "by"),
        ("It is 75 percent lower.", "percent", 75.0, "less"),
        ("A dip of 75% was seen.", "percent", 75.0, "less"),
        ("A 20 per cent increase is due.", "percent", 20.0, "more"),
        ("It is 10% above normal.", "percent", 10.0, "above"),
        ("Twice the usual demand came.", "factor", 2.0, None),
        ("Four times as many came.", "factor", 4.0, None),
        ("Demand quadruples.", "factor", 4.0, None),
        ("A fourfold rise was seen.", "factor", 4.0, "more"),
        ("It halves.", "factor", 0.5, None),
        ("Half the normal level is left.", "factor", 0.5, "of"),
        ("A third of its value is left.", "factor", 1 / 3, "of"),
        ("Three quarters of what is usual is left.", "factor", 0.75, "of"),
        ("It grows by a factor of four.", "factor", 4.0, "by"),
        ("The load is x4 today.", "factor", 4.0, None),
        ("4x the usual load is seen.", "factor", 4.0, None),
        ("Two and a half times the load is seen.", "factor", 2.5, None),
        ("It will increase by half.", "factor", 0.5, "by"),
    ],
)
def test_percentages_and_multiples(text: str, kind: str, value: float, basis: str | None) -> None:
    """How a percentage or a multiple is meant is told by the words around it."""
    found = _quantities(text)[0]
    assert (found.kind, found.basis) == (kind, basis)
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "comparison"),
    [
        ("It is at least 5.", "at least"),
        ("It is no more than 12.", "at most"),
        ("It never exceeds 10.5.", "at most"),
        ("It cannot fall below 3.", "at least"),
        ("It holds up to 30 mm.", "at most"),
        ("It stays at or below 11.", "at most"),
        ("It is 12 or less.", "at most"),
        ("It is not less than 3.", "at least"),
        ("It must stay under 12.5.", "less than"),
        ("About 200 people came.", "about"),
        ("It is ≥ 4.", "at least"),
    ],
)
def test_comparisons(text: str, comparison: str) -> None:
    """A denial is part of the comparison."""
    assert _quantities(text)[0].comparison == comparison


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("It lies between 2 and 3 MW.", 2.0, 3.0),
        ("It lies at 0.1 to 0.2.", 0.1, 0.2),
        ("It is 10-20 %.", 10.0, 20.0),
        ("It grows 40% to 60%.", 40.0, 60.0),
    ],
)
def test_ranges(text: str, low: float, high: float) -> None:
    """A range has two ends."""
    found = _quantities(text)[0]
    assert (found.value, found.high) == (low, high)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("It rises by 0.5 per hour.", 60),
        ("It increases by 0.08 at every hour.", 60),
        ("It loses 2 units a day.", 1440),
        ("It grows 3 kW every 10 minutes.", 10),
        ("It drifts by 0.02 each time step.", 60),
    ],
)
def test_rates(text: str, minutes: int) -> None:
    """So much in a unit of time is a rate."""
    assert _quantities(text)[0].per == np.timedelta64(minutes, "m")


def test_numbers_of_dates_are_no_quantities() -> None:
    """Days, years and times of day are not counted as numbers."""
    assert not _quantities("On 28 May 2013 at 14:00 and on 2024-01-12 it rained until 3 pm.")


@pytest.mark.parametrize(
    ("word", "base"),
    [
        ("lasted", "last"),
        ("raising", "raise"),
        ("resulted", "result"),
        ("planned", "plan"),
        ("became", "become"),
        ("ceased", "cease"),
        ("required", "require"),
        ("closing", "close"),
        ("varies", "vary"),
        ("occurring", "occur"),
    ],
)
def test_lemmas(word: str, base: str) -> None:
    """Forms of one word come together."""
    assert lemma(word) == base
