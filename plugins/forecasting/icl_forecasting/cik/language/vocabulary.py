"""Words of number and time: what every English text shares."""

from __future__ import annotations

NUMBERS: dict[str, float] = {
    word: float(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    word: 10.0 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
NUMBERS |= {"nil": 0.0, "fourty": 40.0}

SCALES: dict[str, float] = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
}

FRACTIONS: dict[str, float] = {
    "half": 1 / 2,
    "halves": 1 / 2,
    "third": 1 / 3,
    "thirds": 1 / 3,
    "quarter": 1 / 4,
    "quarters": 1 / 4,
    "fourth": 1 / 4,
    "fourths": 1 / 4,
    "fifth": 1 / 5,
    "fifths": 1 / 5,
    "sixth": 1 / 6,
    "sixths": 1 / 6,
    "eighth": 1 / 8,
    "eighths": 1 / 8,
    "tenth": 1 / 10,
    "tenths": 1 / 10,
    "hundredth": 1 / 100,
    "hundredths": 1 / 100,
    "thousandth": 1 / 1000,
    "thousandths": 1 / 1000,
}

GROUPS: dict[str, float] = {"dozen": 12.0, "score": 20.0, "fortnight": 14.0}

ORDINALS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
        "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth "
        "twentieth".split(),
        start=1,
    )
} | {"thirtieth": 30}

MULTIPLES: dict[str, float] = {
    "twice": 2.0,
    "thrice": 3.0,
    "double": 2.0,
    "triple": 3.0,
    "treble": 3.0,
    "quadruple": 4.0,
    "quintuple": 5.0,
    "sextuple": 6.0,
    "halve": 0.5,
    "twofold": 2.0,
    "threefold": 3.0,
    "fourfold": 4.0,
    "fivefold": 5.0,
    "sixfold": 6.0,
    "sevenfold": 7.0,
    "eightfold": 8.0,
    "ninefold": 9.0,
    "tenfold": 10.0,
    "hundredfold": 100.0,
}
"""Lemmas that are multiples on their own."""

UNITS: dict[str, str] = {}
"""Words for units of time -> the unit."""
for _unit, _words in {
    "second": "second seconds sec secs s",
    "minute": "minute minutes min mins",
    "hour": "hour hours hr hrs h hourly",
    "day": "day days d daily",
    "week": "week weeks wk wks weekly",
    "fortnight": "fortnight fortnights fortnightly",
    "month": "month months mo mth mths monthly",
    "quarter": "quarters",
    "year": "year years yr yrs yearly",
    "decade": "decade decades",
    "weekend": "weekend weekends",
    "night": "night nights",
    "step": "timestep timesteps step steps",
}.items():
    UNITS |= {_word: _unit for _word in _words.split()}
SHORT_UNITS = frozenset({"s", "h", "d", "mo"})
"""Units that are only read directly after a number."""

SECONDS: dict[str, int] = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "night": 86_400,
    "week": 7 * 86_400,
    "fortnight": 14 * 86_400,
    "weekend": 2 * 86_400,
}
MONTHS_IN: dict[str, int] = {"month": 1, "quarter": 3, "year": 12, "decade": 120}

_MONTH_NAMES = (
    "january february march april may june july august september october november december"
).split()
MONTHS: dict[str, int] = {name: i for i, name in enumerate(_MONTH_NAMES, start=1)}
MONTHS |= {name[:3]: i for i, name in enumerate(_MONTH_NAMES, start=1)} | {"sept": 9}

_WEEKDAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday".split()
WEEKDAYS: dict[str, int] = {name: i for i, name in enumerate(_WEEKDAY_NAMES)}
WEEKDAYS |= {name + "s": i for i, name in enumerate(_WEEKDAY_NAMES)}
WEEKDAYS |= {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3}
WEEKDAYS |= {"thurs": 3, "fri": 4, "sat": 5, "sun": 6}

DAY_PARTS: dict[str, tuple[int, int]] = {
    "morning": (6, 12),
    "afternoon": (12, 18),
    "evening": (18, 24),
    "night": (22, 6),
    "overnight": (22, 6),
    "nighttime": (22, 6),
    "daytime": (6, 20),
    "lunchtime": (12, 14),
    "midday": (12, 13),
    "dawn": (5, 7),
    "dusk": (18, 21),
    "daylight": (6, 20),
}
"""Parts of the day as hours since midnight; where they begin is a habit, so they are loose."""
