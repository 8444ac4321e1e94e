"""Damage to the history that measuring caused: drifts, spikes, false scales and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.reading.when import side_of
from icl_forecasting.cik.statements import Artefact, Damage
from icl_forecasting.cik.windows import Clock, Window

_PER = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "hourly": 3600,
    "day": 86_400,
    "daily": 86_400,
    "week": 604_800,
    "weekly": 604_800,
}
_FALSE = frozenset(
    """overstate understate inflate inflated exaggerate misreport misread over_report too overcount
    undercount double incorrectly wrongly falsely erroneously bias offset miscalibrate""".split()
)


def artefact_of(
    remark: Remark,
    windows: list[Window],
    remarks: Sequence[Remark],
    topic: Topic,
    clock: Clock,
) -> list[Artefact]:
    """Read false values in the history that a fault of the measurement left.

    Args:
        remark: the clause.
        windows: its times.
        remarks: all clauses of the text.
        topic: what the series is about.
        clock: of the forecast.
    """
    if remark.hypothetical or topic.away(remark):
        return []
    if remark.has("drift") or _creeps(remark, remarks):
        return _drift(remark, remarks, topic, clock)
    sentence = " ".join(clause.span.text.lower() for clause in remark.sentence.clauses)
    faulty = remark.has("fault") or _faulty(sentence)
    unreal = faulty or "not real" in sentence or remark.says("disregard", "ignore", "discard")
    points = remark.says("peak", "reading", "value", "point", "measurement") and remark.times
    if unreal and (remark.has("spikes") or (points and _moments(remark))):
        found = [one for one in windows if side_of(one, clock) in ("past", "both")]
        if not found and not remark.times and remark.has("spikes"):
            found = [Window(end=clock.now)]
        return [
            Artefact(
                window=_held(one, clock),
                damage=Damage.SPIKE,
                cause="spike",
                span=remark.span,
                confidence=1.0 if remark.times else 0.8,
            )
            for one in found
        ]
    measured = remark.has("instrument", "record") or topic.mentions(remark)
    false = remark.has("offset") or not remark.lemmas.isdisjoint(_FALSE)
    if measured and faulty and false:
        return _scaled(remark, windows, clock)
    return []


_RATED = frozenset("every each per an a with hourly daily".split())


def _creeps(remark: Remark, remarks: Sequence[Remark]) -> bool:
    """Tell whether an error grows by an amount in each hour or day."""
    rate = _rate(remark)
    if rate is None or rate[1] is None or any(one.kind == "percent" for one in remark.numbers):
        return False
    near = [one for one in remarks if abs(one.order - remark.order) <= 2]
    wrong = any(one.has("fault", "offset", "repair") for one in near)
    wrong &= any(one.has("instrument", "record", "fault") for one in near)
    grows = remark.has("rise", "offset", "fault") or remark.says("plus", "excess", "gain", "add")
    paced = not remark.lemmas.isdisjoint(_RATED) or remark.says("hour", "day", "minute")
    return wrong and grows and paced


def _moments(remark: Remark) -> bool:
    return all(one.kind == "moment" for one in remark.times)


def _faulty(sentence: str) -> bool:
    return any(
        word in sentence
        for word in (
            "fault",
            "malfunction",
            "glitch",
            "error",
            "calibrat",
            "defect",
            "false",
            "bug",
        )
    )


def _held(window: Window, clock: Clock) -> Window:
    """An artefact lies in the history alone."""
    if window.end is None and window.period is None:
        return replace(window, end=clock.now)
    return window


def _drift(remark: Remark, remarks: Sequence[Remark], topic: Topic, clock: Clock) -> list[Artefact]:
    """Read a false trend: its start and rate may stand in other clauses and the next sentence."""
    around = [one for one in remarks if 0 <= one.order - remark.order <= 1]
    around += [one for one in remarks if one.order == remark.order - 1]
    sentence = [one for one in around if one.order == remark.order]
    if not any(one.has("fault", "instrument", "offset") for one in around):
        return []
    rates = [rate for one in around if (rate := _rate(one)) is not None and _grows(one)]
    starts = [
        time.window
        for one in [*sentence, *around]
        for time in one.times
        if time.window.start is not None
        and time.window.start < clock.now
        and not one.has("repair", "open")
    ]
    window = max(starts[:4], key=_begin) if starts else Window(end=clock.now)
    if None not in (window.start, window.end):
        if window.end - window.start < 3 * clock.step:  # type: ignore[operator]
            window = replace(window, end=None)  # a moment is only its start
    value, per = rates[0] if rates else (None, None)
    return [
        Artefact(
            window=_until_repair(window, remark, remarks, clock),
            damage=Damage.DRIFT,
            value=value,
            per=per if per is not None or value is None else clock.step,
            cause="drift",
            span=remark.sentence.span,
            confidence=1.0 if rates else 0.7,
        )
    ]


def _begin(window: Window) -> np.datetime64:
    return np.datetime64("1678-01-01", "ns") if window.start is None else window.start


def _grows(remark: Remark) -> bool:
    return remark.has("rise", "fall", "drift") or remark.says("rate", "per", "every", "each", "add")


def _until_repair(
    window: Window, remark: Remark, remarks: Sequence[Remark], clock: Clock
) -> Window:
    """End a drift at the repair, or at the forecast at the latest."""
    if window.end is not None and window.end < clock.now:
        return window
    repairs = [
        time.window.start
        for one in remarks
        if one.has("repair", "open")
        and not one.clause.negated
        and 0 <= one.order - remark.order <= 3
        for time in one.times
        if time.window.start is not None and time.window.start > _begin(window)
    ]
    end = min(repairs) if repairs else clock.now
    return replace(window, end=min(end, clock.now))


def _rate(remark: Remark) -> tuple[float, np.timedelta64 | None] | None:
    """Read "0.2 every hour", "three units per day"; a fall is negative."""
    words = [t.lemma for t in remark.tokens]
    for quantity in remark.numbers:
        since = remark.says("since", "elapsed")
        if (quantity.kind == "factor" and not since) or quantity.value == 0:
            continue
        end = quantity.span.end
        after = [t.lower for t in remark.tokens if t.start >= end][:6]
        before = [t.lower for t in remark.tokens if t.end <= quantity.span.start]
        unit = next((w for w in after if w.rstrip("s") in _PER or w in _PER), None)
        if unit is None:
            unit = next(
                (
                    w
                    for back, w in zip(["", *before], before, strict=False)
                    if w.rstrip("s") in _PER and back in ("each", "every", "per", "by")
                ),
                None,
            )
        down = "decrease" in words or "fall" in words or "downward" in words or "drop" in words
        value = -quantity.value if down and quantity.value > 0 else quantity.value
        if quantity.unit in _PER:
            return value, _seconds(_PER[quantity.unit])
        if unit is not None:
            return value, _seconds(_PER.get(unit, _PER.get(unit.rstrip("s"), 3600)))
        return value, None
    return None


def _seconds(count: int) -> np.timedelta64:
    return np.timedelta64(count * 1_000_000_000, "ns")


def _scaled(remark: Remark, windows: list[Window], clock: Clock) -> list[Artefact]:
    past = [_held(one, clock) for one in windows if side_of(one, clock) in ("past", "both")]
    for quantity in remark.numbers:
        low = remark.has("fall") or remark.says("understate", "undercount", "low")
        if quantity.kind == "percent":
            damage, value = Damage.SCALE, 1 + (-1 if low else 1) * quantity.value / 100
        elif quantity.kind == "factor" and quantity.value > 0:
            damage, value = Damage.SCALE, quantity.value
            if low and value > 1:
                value = 1 / value
        else:
            damage, value = Damage.ADD, -abs(quantity.value) if low else quantity.value
        return [
            Artefact(window=one, damage=damage, value=value, cause="fault", span=remark.span)
            for one in past
            if value != 0
        ]
    return []
