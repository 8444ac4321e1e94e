"""Times of day at a token: "14:00", "half past two", "noon", "1400 hours", "6 in the morning"."""

from __future__ import annotations

from datetime import timedelta

from icl_forecasting.cik.language.moments import Scene, day_of, stamp_at
from icl_forecasting.cik.language.numbers import number_at
from icl_forecasting.cik.language.vocabulary import NUMBERS

_SIXTY = {"five": 5, "ten": 10, "twenty": 20, "half": 30, "quarter": 15}


_OPENING = frozenset(NUMBERS) | frozenset(_SIXTY) | {"noon", "midday", "midnight", "the", "a"}
"""Words that a time of day can begin with."""


def clock_at(scene: Scene, i: int, bare: bool = False) -> tuple[timedelta, str, int] | None:
    """Read a time of day at a token: time, precision, index after it.

    Args:
        scene: the text.
        i: the token.
        bare: read a number without a sign of a time ("at 6") as an hour.
    """
    word, kind = scene.word(i), scene.kind(i)
    if (kind == "word" and word not in _OPENING) or kind in ("symbol", ""):
        return None
    if word == "the":
        return _clock_at(scene, i, bare)  # "the same time" depends on what was said before
    key = (i, bare)
    if key not in scene.clocks:
        scene.clocks[key] = _clock_at(scene, i, bare)
    return scene.clocks[key]


def _clock_at(scene: Scene, i: int, bare: bool) -> tuple[timedelta, str, int] | None:
    word = scene.word(i)
    j = i
    found: tuple[timedelta, str] | None = None
    if scene.kind(i) == "stamp":
        moment = stamp_at(scene, i)
        if moment is None or not moment.floating or moment.clock is None:
            return None
        found, j = (moment.lo - day_of(scene.anchor.now), moment.precision), i + 1
    elif word == "the" and scene.word(i + 1) == "same" and scene.word(i + 2) in ("time", "hour"):
        if scene.mention is None:
            return None
        return scene.mention - day_of(scene.mention), "minute", i + 3
    elif word in ("noon", "midday"):
        return timedelta(hours=12), "hour", i + 1
    elif word == "midnight":
        return timedelta(0), "hour", i + 1
    elif word in _SIXTY or scene.kind(i) == "number":
        found, j = _past_hour(scene, i)
    if found is None:
        military = _military(scene, i) or _dotted(scene, i) or _short_hour(scene, i)
        if military:
            return military
        number = number_at(scene.tokens, i)
        if number is None or not number[0].is_integer() or not 0 <= number[0] <= 24:
            return None
        hour, j = int(number[0]), number[1]
        if hour == 12 and scene.word(j) in ("noon", "midday"):
            return timedelta(hours=12), "hour", j + 1
        if hour == 12 and scene.word(j) == "midnight":
            return timedelta(0), "hour", j + 1
        oclock = scene.word(j) in ("o'clock", "o’clock") or (scene.word(j), scene.word(j + 1)) == (
            "o",
            "clock",
        )
        if oclock:
            j += 2 if scene.word(j) == "o" else 1
        elif scene.word(j) in ("hundred",) and scene.word(j + 1) == "hours":
            j += 2
        elif not (bare or _half_day(scene, j)):
            return None
        found = (timedelta(hours=hour), "hour")
    time, precision = found
    half = _half_day(scene, j)
    if half:
        name, j = half
        if name == "pm" and time < timedelta(hours=12):
            time += timedelta(hours=12)
        elif name == "night" and timedelta(hours=5) < time < timedelta(hours=12):
            time += timedelta(hours=12)
        elif name != "pm" and timedelta(hours=12) <= time < timedelta(hours=13):
            time -= timedelta(hours=12)
    while scene.word(j) in ("hours", "hrs", "sharp", "exactly", "utc", "gmt", "local"):
        j += 2 if scene.word(j) == "local" and scene.word(j + 1) == "time" else 1
    return time, precision, j


_BEFORE_TIMES = frozenset("at from until till to between and by before after - –".split())


def _military(scene: Scene, i: int) -> tuple[timedelta, str, int] | None:
    """Read "1400 hours", "0830 hrs" after a preposition."""
    text = scene.word(i)
    if len(text) != 4 or not text.isdigit() or int(text[2:]) > 59 or int(text[:2]) > 24:
        return None
    if scene.word(i + 1) not in ("hours", "hrs", "h"):
        return None
    other = scene.word(i + 3)
    paired = len(other) == 4 and other.isdigit() and scene.word(i + 2) in _BEFORE_TIMES
    if not (text[0] == "0" or scene.word(i - 1) in _BEFORE_TIMES or paired):
        return None
    return timedelta(hours=int(text[:2]), minutes=int(text[2:])), "minute", i + 2


def _short_hour(scene: Scene, i: int) -> tuple[timedelta, str, int] | None:
    """Read "8h" after a preposition of moments; "2h" alone is a length."""
    if scene.kind(i) != "number" or scene.word(i + 1) != "h":
        return None
    value = scene.tokens[i].value
    if value is None or not value.is_integer() or not 0 <= value <= 24:
        return None
    if scene.word(i - 1) not in ("at", "from", "until", "till", "to", "between", "and"):
        return None
    if scene.word(i - 1) in ("to", "and") and scene.word(i - 2) != "h":
        return None
    return timedelta(hours=value), "hour", i + 2


def _dotted(scene: Scene, i: int) -> tuple[timedelta, str, int] | None:
    """Read "08.30": two digits on both sides, one of the times near it with a leading zero."""
    text = scene.word(i)
    if len(text) != 5 or text[2] != "." or not (text[:2] + text[3:]).isdigit():
        return None
    if int(text[:2]) > 24 or int(text[3:]) > 59 or scene.word(i - 1) not in _BEFORE_TIMES:
        return None
    near = [scene.word(k) for k in (i - 2, i, i + 2)]
    leading = any(len(one) == 5 and one[0] == "0" and one[2] == "." for one in near)
    if not leading and scene.word(i + 1) not in ("h", "hrs", "hours", "o'clock"):
        return None
    j = i + 2 if scene.word(i + 1) in ("h", "hrs", "hours", "o'clock") else i + 1
    return timedelta(hours=int(text[:2]), minutes=int(text[3:])), "minute", j


def _past_hour(scene: Scene, i: int) -> tuple[tuple[timedelta, str] | None, int]:
    """Read "half past two", "a quarter to three", "ten past six"."""
    j = i
    word = scene.word(j)
    minutes = _SIXTY.get(word)
    if minutes is None:
        token = scene.tokens[j]
        minutes = int(token.value) if token.value is not None and 0 < token.value < 60 else None
    if minutes is None:
        return None, i
    j += 1
    if scene.word(j) in ("minutes", "min"):
        j += 1
    side = scene.word(j)
    if side not in ("past", "to", "before", "after") or (side != "past" and word not in _SIXTY):
        return None, i
    if side in ("before", "after", "to") and word not in ("quarter", "ten", "five", "twenty"):
        return None, i
    hour = number_at(scene.tokens, j + 1)
    if hour is None or not 1 <= hour[0] <= 24 or scene.word(hour[1]) in ("percent", "%"):
        return None, i
    if side != "past" and word != "quarter":
        return None, i  # "five to six" is a range
    at = timedelta(hours=hour[0], minutes=minutes if side in ("past", "after") else -minutes)
    scene_index = hour[1]
    return (at, "minute"), scene_index


def _half_day(scene: Scene, i: int) -> tuple[str, int] | None:
    """Read "in the morning", "pm", "at night" after a time of day."""
    word = scene.word(i)
    if word in ("am", "pm"):
        return word, i + 1
    if word == "in" and scene.word(i + 1) == "the":
        part = {"morning": "am", "afternoon": "pm", "evening": "pm"}.get(scene.word(i + 2))
        return (part, i + 3) if part else None
    if word == "at" and scene.word(i + 1) == "night":
        return "night", i + 2
    return None
