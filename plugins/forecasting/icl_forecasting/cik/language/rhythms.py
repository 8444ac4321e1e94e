"""Pieces of time that come again: "every 15 days", "each Sunday", "on weekdays", "nightly"."""

from __future__ import annotations

from datetime import timedelta

from icl_forecasting.cik.language.almanac import Length
from icl_forecasting.cik.language.durations import length_at, unit_at
from icl_forecasting.cik.language.moments import Scene, month_at, weekday_at
from icl_forecasting.cik.language.numbers import number_at, ordinal_at
from icl_forecasting.cik.language.pieces import Piece
from icl_forecasting.cik.language.vocabulary import DAY_PARTS, UNITS

WORKING_DAYS = frozenset(range(5))
WEEKEND = frozenset({5, 6})
_RHYTHMS = {
    "hourly": (1.0, "hour"),
    "daily": (1.0, "day"),
    "nightly": (1.0, "day"),
    "weekly": (1.0, "week"),
    "fortnightly": (2.0, "week"),
    "biweekly": (2.0, "week"),
    "monthly": (1.0, "month"),
    "yearly": (1.0, "year"),
    "annually": (1.0, "year"),
}


def rhythm_at(scene: Scene, i: int) -> Piece | None:
    """Read a rhythm that begins at token `i`."""
    j = i
    word = scene.word(j)
    if word in (
        "periodically",
        "regularly",
        "repeatedly",
        "recurring",
        "cyclically",
        "once",
        "twice",
    ):
        j += 1
        if scene.word(j) in ("in", "on", ","):
            j += 1
        inner = rhythm_at(scene, j) if scene.word(j) not in ("", word) else None
        if inner is None and word in ("once", "twice") and scene.word(j) in ("a", "an", "per"):
            inner = _every(scene, j)
        if inner:
            inner.first = i
        return inner
    if word in ("every", "each"):
        return _every(scene, i)
    if word in ("day", "night", "week", "month", "hour", "year"):
        return _after_each_other(scene, i)
    if word in ("on", "during", "over", "at", "in", "all", "only", "the"):
        return _plural(scene, i)
    if word in _RHYTHMS and scene.word(i + 1) not in ("average", "mean"):
        return _named(scene, i)
    return _plural(scene, i - 1) if _is_plural(scene, i) else None


def _after_each_other(scene: Scene, i: int) -> Piece | None:
    """Read "day after day", "night after night", "day in, day out"."""
    unit = scene.word(i)
    last = 0
    if scene.word(i + 1) == "after" and scene.word(i + 2) == unit:
        last = i + 3
    elif scene.word(i + 1) == "in" and unit in (scene.word(i + 2), scene.word(i + 3)):
        j = i + 2 if scene.word(i + 2) == unit else i + 3
        last = j + 2 if scene.word(j + 1) == "out" else 0
    if not last:
        return None
    if unit == "night":
        return Piece("every", i, last, clock=_part("night"), loose=True)
    return Piece("every", i, last, period=Length(((1.0, unit),)), precision=unit)


_CYCLES = frozenset("rhythm cycle cycles interval intervals periodicity spacing frequency".split())


def cycle_at(scene: Scene, i: int) -> Piece | None:
    """Read "a 15-day cycle", "intervals of 15 days", "7 days out of every 15", "15 days apart"."""
    j = i
    if scene.word(j) == "period" and scene.word(j + 1) not in (":", "="):
        size = length_at(scene.tokens, j + 1)  # "duration 7 days, period 15 days"
        return Piece("every", i, size[1], period=size[0], precision=size[0].unit) if size else None
    if scene.word(j) in _CYCLES | {"period"} and scene.word(j + 1) in ("of", ":", "is", "was", "="):
        size = length_at(scene.tokens, j + 2)
        return Piece("every", i, size[1], period=size[0], precision=size[0].unit) if size else None
    if scene.word(j) in ("in", "at", "with", "on"):
        j += 1
        k = j + 1 if scene.word(j) in ("a", "an", "regular") else j
        if scene.word(k) in _CYCLES | {"period"} and scene.word(k + 1) == "of":
            size = length_at(scene.tokens, k + 2)
            if size:
                return Piece("every", i, size[1], period=size[0], precision=size[0].unit)
    if scene.word(j) == "a" and scene.kind(j + 1) == "number":
        j += 1
    size = length_at(scene.tokens, j)
    if size is None:
        return _share(scene, i, j)
    length, k = size
    if scene.word(k) in _CYCLES or scene.word(k) == "apart":
        return Piece("every", i, k + 1, period=length, precision=length.unit)
    if scene.word(k) == "from" and scene.word(k + 1) in ("one", "start", "beginning", "each"):
        ends = [m for m in range(k + 2, k + 7) if scene.word(m) in ("next", "start", "beginning")]
        if ends:
            return Piece("every", i, ends[-1] + 1, period=length, precision=length.unit)
    if (scene.word(k) == "out" and scene.word(k + 1) == "of") or scene.word(k) == "of":
        m = k + 2 if scene.word(k) == "out" else k + 1
        if scene.word(m) in ("every", "each"):
            whole = length_at(scene.tokens, m + 1)
            number = number_at(scene.tokens, m + 1)
            if whole:
                return Piece("every", i, whole[1], period=whole[0], length=length)
            if number:
                period = Length(((number[0], length.unit),))
                return Piece("every", i, number[1], period=period, length=length)
    return None


_AGAIN = frozenset("again on alternating alternately alternates repeats repeated repeating".split())


def alternation(scene: Scene, pieces: list[Piece], last: int) -> None:
    """Read "7 days on, then 8 days off, and so on": two lengths that take turns make a rhythm.

    Args:
        scene: the tokens and the clock.
        pieces: of a sentence; the first length becomes the rhythm.
        last: index after the last token of the sentence.
    """
    lengths = [one for one in pieces if one.role == "length" and one.length is not None]
    if len(lengths) != 2:
        return
    a, b = lengths
    between = [scene.word(k) for k in range(a.last, b.first)]
    after = [scene.word(k) for k in range(b.last, min(last, b.last + 14))]
    turns = not _TURNS.isdisjoint(between) or (len(between) <= 8 and "," in between)
    again = any(word in _AGAIN for word in after) or _over_and_over(after)
    gap = "between" in after and "next" in after  # "8 days between one and the next"
    if (not (turns and again) and not gap) or a.length is None or b.length is None:
        return
    if len(a.length.parts) == 1 and len(b.length.parts) == 1 and a.length.unit == b.length.unit:
        total = a.length.parts[0][0] + b.length.parts[0][0]
        a.role, a.period = "every", Length(((total, a.length.unit),))
        pieces.remove(b)


_TURNS = frozenset("then followed alternating repeat repeated".split())


def _over_and_over(words: list[str]) -> bool:
    """Tell whether words say "over and over", "and so on", "on and on", "etc"."""
    told = " ".join(words)
    return any(
        one in told for one in ("over and over", "and so on", "so forth", "on and on", "etc")
    )


def _share(scene: Scene, i: int, j: int) -> Piece | None:
    """Read "7 of every 15 days", "7 out of 15 days"."""
    part = number_at(scene.tokens, j)
    if part is None or scene.word(part[1]) not in ("of", "out"):
        return None
    k = part[1] + 1
    while scene.word(k) in ("of", "every", "each"):
        k += 1
    if k < part[1] + 2:
        return None
    whole = length_at(scene.tokens, k)
    if whole is None or len(whole[0].parts) != 1 or whole[0].parts[0][0] <= part[0]:
        return None
    length = Length(((part[0], whole[0].unit),))
    return Piece("every", i, whole[1], period=whole[0], length=length, precision=whole[0].unit)


def _named(scene: Scene, i: int) -> Piece | None:
    word = scene.word(i)
    if word not in ("nightly", "daily", "hourly") and scene.word(i + 1) not in (
        ",",
        ".",
        "from",
        "between",
        "at",
        "on",
        "for",
        "starting",
        "beginning",
        "and",
        "",
        "in",
    ):
        return None  # "the weekly report" names a thing
    count, unit = _RHYTHMS[word]
    piece = Piece("every", i, i + 1, period=Length(((count, unit),)), precision=unit)
    if word == "nightly":
        piece.clock, piece.loose = _part("night"), True
    elif scene.word(i + 1) not in (",", ".", "from", "between", "at", "for", "", "starting", "in"):
        piece.generic = True  # "daily values": an adjective, of use only beside other pieces
    return piece


def _part(name: str) -> tuple[timedelta, timedelta]:
    lo, hi = DAY_PARTS[name]
    return timedelta(hours=lo), timedelta(hours=hi)


def _every(scene: Scene, i: int) -> Piece | None:
    """Read "every day", "every other week", "every 15 days", "each Monday", "every night"."""
    j = i + 1
    tokens = scene.tokens
    if scene.word(j) in ("single", "and", "consecutive"):
        j += 1
    weekdays, k = weekday_list(scene, j)
    if weekdays:
        return Piece("every", i, k, weekdays=weekdays, named=(weekdays, frozenset()))
    group = _day_group(scene, j)
    if group:
        return Piece("every", i, group[1], weekdays=group[0])
    word = scene.word(j)
    if word in DAY_PARTS:
        return Piece(
            "every", i, j + 1, period=Length(((1.0, "day"),)), clock=_part(word), loose=True
        )
    month = month_at(scene, j)
    if month is not None:
        return Piece("every", i, j + 1, months=frozenset({month}), precision="month")
    if word in ("other", "second", "alternate"):
        weekdays, k = weekday_list(scene, j + 1)
        if weekdays:
            return Piece("every", i, k, period=Length(((2.0, "week"),)), weekdays=weekdays)
        unit = unit_at(tokens, j + 1, False)
        if unit:
            return Piece("every", i, j + 2, period=Length(((2.0, unit),)), precision=unit)
    length = length_at(tokens, j)
    if length and length[1] > j:
        size = length[0]
        return Piece("every", i, length[1], period=size, precision=size.unit)
    ordinal = ordinal_at(tokens, j)
    if ordinal:
        unit = unit_at(tokens, ordinal[1], False)
        if unit:
            period = Length(((ordinal[0], unit),))
            return Piece("every", i, ordinal[1] + 1, period=period, precision=unit)
    unit = unit_at(tokens, j, False)
    if unit is None:
        return None
    k = j + 1
    if unit == "weekend":
        return Piece("every", i, k, weekdays=WEEKEND)
    return Piece("every", i, k, period=Length(((1.0, unit),)), precision=unit)


def weekday_list(scene: Scene, i: int) -> tuple[frozenset[int], int]:
    """Read "Mondays", "Monday, Tuesday and Friday", "Monday to Friday": the days, index after."""
    found: set[int] = set()
    j = last = i
    while True:
        day = weekday_at(scene, j)
        if day is None:
            break
        found.add(day)
        j = last = j + 1
        if scene.word(j) in ("to", "through", "thru", "-", "–", "until"):
            end = weekday_at(scene, j + 1)
            if end is not None:
                found.update((day + n) % 7 for n in range((end - day) % 7 + 1))
                j = last = j + 2
        while scene.word(j) in (",", "and", "or", "&", "on", "every", "each") and j < last + 3:
            j += 1
    return frozenset(found), last


def _day_group(scene: Scene, i: int) -> tuple[frozenset[int], int] | None:
    word, following = scene.word(i), scene.word(i + 1)
    if word in ("weekday", "weekdays", "workday", "workdays"):
        return WORKING_DAYS, i + 1
    if word in ("working", "week", "business", "work") and following in ("day", "days"):
        return WORKING_DAYS, i + 2
    if word == "week" and following == "-" and scene.word(i + 2) in ("days", "day"):
        return WORKING_DAYS, i + 3
    if word in ("weekend", "weekends"):
        return WEEKEND, i + 1
    return None


def _is_plural(scene: Scene, i: int) -> bool:
    """Tell whether a token can be a rhythm without a preposition: "Sundays", "weekdays"."""
    word = scene.word(i)
    if word in ("weekdays", "weekends", "workdays"):
        return True
    plural = word.endswith("days") and weekday_at(scene, i) is not None
    return plural


def _plural(scene: Scene, i: int) -> Piece | None:
    """Read "on Mondays", "at night", "in the mornings", "on weekends", "during the night"."""
    word = scene.word(i)
    j = i + 1
    if scene.word(j) in ("the", "most", "all") and word in ("in", "during", "over", "on", "at"):
        j += 1
    group = _day_group(scene, j)
    if group and scene.word(group[1] - 1).endswith("s"):
        return Piece("every", max(i, 0), group[1], weekdays=group[0])
    if weekday_at(scene, j) is not None:
        weekdays, k = weekday_list(scene, j)
        several = len(weekdays) > 1 or scene.word(k - 1).endswith("days")
        if weekdays and several and scene.kind(k) != "number":
            return Piece("every", max(i, 0), k, weekdays=weekdays, named=(weekdays, frozenset()))
        return None
    season = _season(scene, i, j)
    if season:
        return season
    part = scene.word(j)
    if part.endswith("s") and part[:-1] in DAY_PARTS:
        piece = Piece("every", i, j + 1, period=Length(((1.0, "day"),)), loose=True)
        piece.clock = _part(part[:-1])
        return piece
    if part in DAY_PARTS and word in ("at", "in", "during", "over", "by"):
        if part in ("midday",) and word == "at":
            return None
        if word in ("at", "by") and part not in ("night", "nighttime", "dawn", "dusk", "lunchtime"):
            return None
        generic = part in ("night", "nighttime", "daytime", "daylight")
        piece = Piece("clock", i, j + 1, clock=_part(part), floating=True, loose=True)
        piece.generic = (generic and scene.word(j - 1) != "the") or part in ("daytime", "daylight")
        piece.precision = "hour"
        return piece
    return None


_SEASONS = {
    "spring": frozenset({3, 4, 5}),
    "summer": frozenset({6, 7, 8}),
    "autumn": frozenset({9, 10, 11}),
    "fall": frozenset({9, 10, 11}),
    "winter": frozenset({12, 1, 2}),
}


def _season(scene: Scene, i: int, j: int) -> Piece | None:
    """Read "in summer", "during the winter months", those of the northern half of the earth."""
    months = _SEASONS.get(scene.word(j)) or _SEASONS.get(scene.word(j).removesuffix("s"))
    if months is None or scene.word(i) not in ("in", "during", "over"):
        return None
    if (scene.word(j) == "fall" and scene.word(j - 1) != "the") or scene.word(j + 1) == "of":
        return None
    last = j + 2 if scene.word(j + 1) in ("months", "time", "season", "period") else j + 1
    return Piece("every", i, last, months=months, precision="month", loose=True)


def overnight_at(scene: Scene, i: int) -> Piece | None:
    """Read "overnight"."""
    piece = Piece("clock", i, i + 1, clock=_part("night"), floating=True, loose=True)
    piece.precision = "hour"
    return piece


def is_rhythm_word(word: str) -> bool:
    """Tell whether a word can begin a rhythm on its own."""
    return word in _RHYTHMS or (word in UNITS and word.endswith("ly"))
