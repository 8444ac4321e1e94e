"""Words that a piece of time can begin with or must hold; they only save time."""

from __future__ import annotations

from icl_forecasting.cik.language.vocabulary import (
    DAY_PARTS,
    MONTHS,
    NUMBERS,
    ORDINALS,
    UNITS,
    WEEKDAYS,
)

PERIODS = (
    "period",
    "time",
    "interval",
    "window",
    "span",
    "stretch",
    "hours",
    "days",
    "timeframe",
    "phase",
    "duration",
    "spell",
    "slot",
    "months",
    "weeks",
    "moment",
    "point",
    "day",
    "date",
)


PREPOSITIONS = frozenset("at on in during throughout by of for around about".split())


CAN_BEGIN = (
    set(MONTHS)
    | set(WEEKDAYS)
    | set(PREPOSITIONS)
    | set(NUMBERS)
    | set(ORDINALS)
    | {"the", "today", "tomorrow", "yesterday", "tonight", "noon", "midnight", "midday", "next"}
    | {"last", "this", "that", "same", "following", "coming", "early", "late", "mid", "half", "a"}
    | {"an", "quarter", "day", "hour", "week", "month", "another", "several", "few", "previous"}
    | {"past", "upcoming", "couple", "one", "around", "about", "preceding", "subsequent", "final"}
)


TIME_WORDS = (
    set(UNITS)
    | set(MONTHS)
    | set(WEEKDAYS)
    | set(DAY_PARTS)
    | set(NUMBERS)
    | set(ORDINALS)
    | {part + "s" for part in DAY_PARTS}
    | set(PERIODS)
    | {"half", "quarter", "few", "several"}
    | {
        "today",
        "tomorrow",
        "yesterday",
        "tonight",
        "noon",
        "midnight",
        "overnight",
        "future",
        "past",
    }
    | {"forecast", "forecasts", "prediction", "history", "series", "notice", "now", "then", "other"}
    | {"weekdays", "weekday", "workdays", "spring", "summer", "autumn", "fall", "winter", "summers"}
    | {"nightly", "henceforth", "hereafter", "thereafter", "afterwards", "afterward", "forward"}
    | {"subsequently", "permanently", "indefinitely", "meanwhile", "meantime", "record", "data"}
    | {"couple", "dozen", "beginning", "horizon", "annually", "fortnightly", "biweekly", "quarter"}
    | {"there", "historical", "observed", "recorded", "observations", "winters", "workday", "rest"}
)
