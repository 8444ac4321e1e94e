"""Listings, paths told in sentences, and equations."""

from __future__ import annotations

import numpy as np
import pytest

from icl_forecasting.cik.language import Equation, Listing, parse
from icl_forecasting.cik.windows import Clock

MONTHLY = Clock(
    np.arange("2023-08", "2024-02", dtype="datetime64[M]").astype("datetime64[ns]"),
    np.arange("2024-02", "2024-08", dtype="datetime64[M]").astype("datetime64[ns]"),
)
_SECONDS = np.datetime64("1970-01-01T05:46:27", "ns") + np.arange(153) * np.timedelta64(1, "s")
SECONDS = Clock(_SECONDS[:95], _SECONDS[95:])
_HOURS = np.datetime64("2024-01-11T00", "ns") + np.arange(192) * np.timedelta64(1, "h")
HOURLY = Clock(_HOURS[:168], _HOURS[168:])
_DAYS = np.datetime64("2023-08-01", "ns") + np.arange(180) * np.timedelta64(1, "D")
DAILY = Clock(_DAYS[:120], _DAYS[120:])


def _listings(text: str, clock: Clock) -> tuple[Listing, ...]:
    return parse(text, clock).listings


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Rates:\nOhio\n---\n(2023-08-01 00:00:00, 3.0)\n(2023-09-01 00:00:00, 2.5)", "Ohio"),
        ("Ohio: Aug 2023 3.0, Sep 2023 2.5, Oct 2023 2.6.", "Ohio"),
        ("| Month | Ohio |\n|---|---|\n| 2023-08 | 3.0 |\n| 2023-09 | 2.5 |", "Ohio"),
        ("date,value\n2023-08-01,3.0\n2023-09-01,2.5", ""),
        ("Ohio: 2023-08 - 3.0; 2023-09 - 2.5; 2023-10 - 2.1", "Ohio"),
        ("2023-08-01: 3.0 %\n2023-09-01: 2.5 %", ""),
    ],
)
def test_rows(text: str, name: str) -> None:
    """Rows of a moment and a value, in many spellings."""
    (found,) = _listings(text, MONTHLY)
    assert found.name == name
    assert found.values[:2] == (3.0, 2.5)
    assert found.stamps[0] == np.datetime64("2023-08-01", "ns")
    assert not found.steps


def test_several_columns_and_titles() -> None:
    """Each column and each title makes a listing, with the sentence that introduces them."""
    table = "Two.\n| Month | Ohio | Utah |\n|---|---|---|\n| 2023-08 | 3 | 4 |\n| 2023-09 | 2 | 5 |"
    found = _listings(table, MONTHLY)
    assert [(one.name, one.values) for one in found] == [("Ohio", (3.0, 2.0)), ("Utah", (4.0, 5.0))]
    rows = "(2023-08, {})\n(2023-09, 2.5)"
    blocks = "These are rates:\nOhio\n" + rows.format(3.0) + "\n\nUtah\n" + rows.format(4.0)
    found = _listings(blocks, MONTHLY)
    assert [one.name for one in found] == ["Ohio", "Utah"]
    assert {one.intro for one in found} == {"These are rates:"}


@pytest.mark.parametrize(
    "text",
    [
        "The valve is set to: 0.5 until 05:47:09, 0.7 from 05:47:09 until 05:48:00.",
        "Valve: 0.5 (up to 05:47:09), 0.7 (05:47:09 to 05:48:00).",
        "The valve was at 0.5 at first. At 05:47:09 it is changed to 0.7. So until 05:48:00.",
        "Valve over time:\nup to 05:47:09: 0.5\n05:47:09 - 05:48:00: 0.7",
        "| from | to | valve |\n|---|---|---|\n"
        "| start | 05:47:09 | 0.5 |\n| 05:47:09 | 05:48:00 | 0.7 |",
        "The valve equals 0.5 until 05:47:09; from 05:47:09 until 05:48:00 the valve equals 0.7.",
    ],
)
def test_levels_that_hold(text: str) -> None:
    """A path of levels, each from its moment until the next one."""
    (found,) = _listings(text, SECONDS)
    assert found.values == (0.5, 0.7)
    assert found.stamps == (_SECONDS[0], np.datetime64("1970-01-01T05:47:09", "ns"))
    assert found.steps


def test_days_of_levels_in_two_sentences() -> None:
    """The past and the future of one variable make one path; days at the end are part of it."""
    text = (
        "For the first 120 days, the input Z_2 is 0.1 from 2023-08-01 to 2023-09-30, 0.2 from "
        "2023-10-01 to 2023-11-28. For the next 60 days, Z_2 is 0.3 from 2023-11-29 to 2023-12-31, "
        "0.4 from 2024-01-01 to 2024-01-27."
    )
    (found,) = _listings(text, DAILY)
    assert found.name == "Z_2"
    assert found.values == (0.1, 0.2, 0.3, 0.4)
    assert found.end == np.datetime64("2024-01-28", "ns")


@pytest.mark.parametrize(
    "text",
    [
        "Initially, the gate was open.\nAt 2024-01-18 02:00 the gate became shut.\n"
        "At 2024-01-18 05:00, we expect that the gate will become open.",
        "Gate: open at first, then shut as of 2024-01-18 02:00, then open as of 2024-01-18 05:00.",
        "Gate\n2024-01-11 00:00: open\n2024-01-18 02:00: shut\n2024-01-18 05:00: open (planned)",
    ],
)
def test_states(text: str) -> None:
    """States with their times."""
    (found,) = _listings(text, HOURLY)
    assert found.values == ("open", "shut", "open")
    assert found.stamps[1:] == (
        np.datetime64("2024-01-18T02", "ns"),
        np.datetime64("2024-01-18T05", "ns"),
    )
    assert found.steps


def _equation(text: str, child: str) -> Equation:
    (system,) = parse(text, DAILY).equations
    found = system.of(child)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        r"Z_1^{t} = 0.5 * Z_0^{t-1} - 0.3 * Z_1^{t-2} + \epsilon_1^{t}",
        "$Z_{1,t} = 0.5 Z_{0,t-1} - 0.3 Z_{1,t-2} + e_t$",
        "Z_1[t] = 0.5*Z_0[t-1] - 0.3 Z_1[t-2] + noise",
        "Z_1 at time t is the sum of 0.5 times Z_0 at t-1 and -0.3 times Z_1 at t-2, plus noise.",
        "Forecast Z_1. Coefficients on Z_0: 0.5 (lag 1). Coefficients on Z_1: -0.3 (lag 2).",
    ],
)
def test_equations_with_coefficients(text: str) -> None:
    """LaTeX, plain signs and words give the same terms."""
    terms = _equation(text, "Z_1").terms
    assert {(one.variable, one.lag, one.coefficient) for one in terms} == {
        ("Z_0", 1, 0.5),
        ("Z_1", 2, -0.3),
    }


@pytest.mark.parametrize(
    "text",
    [
        "The parents of Z_1 at lag 2 are Z_0 and Z_1.",
        "Parents for variable Z_1 at lag 2: Z_0, Z_1.",
        "Z_1 depends on Z_0 two steps before and on itself at lag 2.",
        "At lag 2, Z_1 is influenced by Z_0 and itself.",
        "Z_1 is a linear function of Z_0(t-2) and Z_1(t-2), with unknown weights.",
        "Z_1 has Z_0 and Z_1 as parents at lag 2.",
    ],
)
def test_parents_without_coefficients(text: str) -> None:
    """Dependence in words gives terms whose coefficients are not known."""
    terms = _equation(text, "Z_1").terms
    assert {(one.variable, one.lag, one.coefficient) for one in terms} == {
        ("Z_0", 2, None),
        ("Z_1", 2, None),
    }


def test_noise_lags_and_target() -> None:
    """What is said about a system beside its equations."""
    text = (
        "Forecast the variable Z_1. The Gaussian noise has a noise scale of 5.5e-04, with lag = 2. "
        "Parents of Z_1 at lag 1: Z_0. No parents for Z_0 at any lag."
    )
    (system,) = parse(text, DAILY).equations
    assert system.noise == pytest.approx(5.5e-4)
    assert (system.lags, system.target, system.known) == (2, "Z_1", False)
    assert system.of("Z_0") is not None
