"""What a language model is told so that it reads a text into typed statements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from icl_forecasting.cik.codecs import write_duration, write_moment
from icl_forecasting.cik.forms import SCHEMA, to_dict
from icl_forecasting.cik.statements import Amount as Amounts
from icl_forecasting.cik.statements import (
    Bound,
    Change,
    Effect,
    Ignored,
    Reading,
    Span,
    Statistic,
    Subject,
)
from icl_forecasting.cik.windows import Clock, Window

SYSTEM = (
    "You read texts that accompany a time series and write down, as JSON, only what they say "
    "about the series. You do not forecast. You add nothing that the text does not say."
)

GUIDE = """\
Write one JSON object with "statements" and "ignored". Each entry has "quote": the exact words of \
the text that it comes from, copied letter by letter. Kinds of statements:
- subject: what the series is (first, once). "concepts" are plain nouns such as count, percentage, \
electricity, traffic, irradiance, speed, rate, sale. "lower" and "upper" are physical limits, such \
as 0 for counts and 100 for percentages.
- bound: a hard limit on the values to come.
- effect: something that makes the series differ in a window from what the history alone would \
suggest. "scale" multiplies (4 times the usual: 4; 30 % less: 0.7), "add" adds an amount, "level" \
is the value itself (closed, no readings: 0), "raise" and "lower" are for changes without a \
number. "usual" is true where the history shows it as well.
- artefact: something false in the history that will not come again (an outage, a wrong \
calibration, a spike), with what it did. "drift" grew by "value" per "per" since the window began.
- covariate: the known path of another variable over history and forecast.
- relation: how the series follows covariates. In a "lagged" law the terms name variables, lags in \
steps and coefficients where they are given; the series itself is "target".
- reference: readings of a comparable series, such as another place or another day.
- statistic: a number known about the series at other times (a yearly total, a mean).
- peak: when in the year, week or day the largest values come.
- special-days: dates that do not behave as their weekday, such as holidays.
"ignored" has what was said and has no effect on this series, with the reason: another place, \
another time, cancelled or corrected later, only a possibility, an association without a cause.
Windows: "start" is the first moment inside, "end" the first moment after it; "period" and \
"duration" repeat a window from its start on; "clock" is part of each day; what is not said is \
left out. Resolve every relative time against the times below. Where a later sentence corrects an \
earlier one, write the later one and put the earlier one under "ignored".
"""


def messages(text: str, clock: Clock, name: str | None) -> tuple[Mapping[str, Any], ...]:
    """Write the request for a reading as a conversation.

    Args:
        text: to be read.
        clock: the times of history and forecast.
        name: of the series.
    """
    example, answer = _example()
    parts = [
        GUIDE,
        f"JSON schema of the answer:\n{_schema()}\n",
        f"An example. {_times(EXAMPLE_CLOCK, 'visitors')}<text>\n{example}\n</text>\n",
        f"Its answer:\n{answer}\n",
        f"Now the text to read. {_times(clock, name)}<text>\n{text}\n</text>\n",
        "Answer with the JSON object alone.",
    ]
    return (
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "\n".join(parts)},
    )


def again(answer: str, problem: str) -> tuple[Mapping[str, Any], ...]:
    """Write the turns that ask for a better answer.

    Args:
        answer: that was not valid.
        problem: what was wrong with it.
    """
    asked = f"This cannot be used: {problem}. Answer again, with the corrected JSON object alone."
    return {"role": "assistant", "content": answer}, {"role": "user", "content": asked}


def _times(clock: Clock, name: str | None) -> str:
    series = f"The series is called {name!r}. " if name else ""
    history, future = clock.history, clock.future
    steps = f"one value each {write_duration(clock.step)}"
    if not clock.stamped:
        return (
            f"{series}It has no time stamps: count {steps} from {write_moment(history[0])}; the "
            f"forecast begins at {write_moment(future[0])} and has {len(future)} values.\n"
        )
    return (
        f"{series}The history goes from {write_moment(history[0])} to "
        f"{write_moment(history[-1])}, {steps}. The forecast goes from {write_moment(future[0])} "
        f"to {write_moment(future[-1])}.\n"
    )


@cache
def _schema() -> str:
    """The schema of a reading, with the words quoted in place of counted."""

    def quoted(part: Any) -> Any:
        if isinstance(part, list):
            return [quoted(one) for one in part]
        if not isinstance(part, dict):
            return part
        found = {key: quoted(one) for key, one in part.items()}
        own = found.get("properties")
        if isinstance(own, dict) and "span" in own:
            del own["span"]
            own["quote"] = {"type": "string"}
            found["required"] = [*found.get("required", []), "quote"]
        return found

    return json.dumps(quoted(SCHEMA), separators=(",", ":"))


def _moments(start: str, count: int) -> np.ndarray:
    return np.datetime64(start, "ns") + np.arange(count) * np.timedelta64(3_600_000_000_000, "ns")


EXAMPLE_CLOCK = Clock(_moments("2021-05-03T00:00", 96), _moments("2021-05-07T00:00", 24))


@cache
def _example() -> tuple[str, str]:
    """A text of our own, and its reading in the form that is asked for."""
    words = (
        "Visitors of a swimming pool, counted each hour.",
        "The pool holds at most 800 people.",
        "From 2 pm on Friday, for three hours, a contest draws twice as many as usual.",
        "In 2020 about 150000 people came in the whole year.",
        "The pool across the river stays closed.",
    )
    text = " ".join(words)
    spans = [Span(text.index(one), text.index(one) + len(one), one) for one in words]
    first = np.datetime64("2021-05-07T14:00", "ns")
    window = Window(start=first, end=first + np.timedelta64(10_800_000_000_000, "ns"))
    reading = Reading(
        (
            Subject(
                span=spans[0],
                name="visitors",
                concepts=frozenset({"count", "visitor"}),
                lower=0.0,
                integer=True,
            ),
            Bound(span=spans[1], upper=800.0),
            Effect(span=spans[2], window=window, change=Change.SCALE, value=2.0, cause="contest"),
            Statistic(span=spans[3], amount=Amounts.TOTAL, value=150000.0, per="year"),
        ),
        (Ignored(span=spans[4], reason="another place"),),
    )
    form = to_dict(reading)
    for one in (*form["statements"], *form["ignored"]):
        one["quote"] = one.pop("span")["text"]
    return text, json.dumps(form, indent=1)
