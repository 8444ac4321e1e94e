"""Whether what was read can be true of this history: a misreading should cost little.

A reader errs, most of all by taking a number of another quantity for one of the series. Such a
number mostly lies far from anything that the series ever was. What a text calls new is believed.
"""

from __future__ import annotations

import re

import numpy as np

from icl_forecasting.cik.condition.case import Case
from icl_forecasting.cik.statements import Bound, Change, Effect, Relation

MOST_BEYOND = 0.75
"""A limit that more of the history than this breaks is none, unless it is new."""

FAR = 10.0
"""A level further from the history than this many of its ranges is not one of this series."""

LARGEST_FACTOR = 50.0
LARGEST_AMOUNT = 20.0
"""An amount of more than this many ranges of the history is in another unit."""

APART = 5.0
"""Anchors and history may differ by this factor before the anchors are left out."""

WHOLE = 0.95
"""Share of the forecast from which on an effect leaves nothing of it."""

DOUBTFUL = 0.9
"""Statements of less confidence than this were not plainly said."""

HALF = 0.5
"""Probability of a doubtful statement that would replace the whole forecast."""

_NEW = re.compile(
    r"\b(?:new|newly|now|from\s+(?:today|now|this)|as\s+of|starting|effective|any\s*more|no\s+longer|"
    r"agreed|introduc\w+|impos\w+|limited\s+to|restricted\s+to|throttled|reduced|lowered|raised|"
    r"capped|replac\w+|instead|until\s+further|permit|guaranteed|clip\w*|will|shall)\b",
    re.IGNORECASE,
)


def broken(case: Case, bound: Bound) -> bool:
    """Tell whether the history breaks a limit nearly always, though nothing says it is new."""
    known = case.values[np.isfinite(case.values)]
    if len(known) < 3:
        return False
    lower = -np.inf if bound.lower is None else bound.lower
    upper = np.inf if bound.upper is None else bound.upper
    beyond = float(np.mean((known < lower) | (known > upper)))
    if beyond <= MOST_BEYOND:
        return False
    distance = max(lower - float(known.max()), float(known.min()) - upper, 0.0)
    if distance > FAR * case.scale:
        return True
    starts = bound.window is not None and bound.window.start is not None
    if starts and bound.window is not None and bound.window.start is not None:
        return bool(bound.window.start <= case.past[0])
    return bound.span is not None and not _NEW.search(bound.span.text)


def wild(case: Case, effect: Effect) -> bool:
    """Tell whether an effect would take the series far outside of anything it can be."""
    if effect.value is None:
        return False
    value, known = effect.value, case.values[np.isfinite(case.values)]
    if effect.change is Change.SCALE:
        return not 0 <= value <= LARGEST_FACTOR
    if not known.size:
        return False
    if effect.change is Change.ADD:
        return abs(value) > LARGEST_AMOUNT * max(case.scale, float(np.abs(known).max()))
    if effect.change is Change.LEVEL and value != 0:
        reach = FAR * max(case.scale, float(np.abs(known).max()))
        return not known.min() - reach <= value <= known.max() + reach
    return False


def odds_of(case: Case, effect: Effect, covered: float, followed: bool) -> float:
    """Probability that a doubtful effect is meant: 1 where nothing speaks against it.

    Args:
        case: all that is known.
        effect: the effect.
        covered: share of the forecast that it covers.
        followed: whether the forecast follows a covariate already, which knows better.
    """
    if effect.change is not Change.LEVEL or effect.value is None:
        return 1.0
    if effect.confidence >= DOUBTFUL and not followed:
        return 1.0
    if followed and effect.confidence < 1 and case.of(Relation):
        return HALF / 2
    if effect.confidence < DOUBTFUL and covered >= WHOLE and effect.window.end is None:
        return 1.0  # "from then on" was said
    return HALF if effect.confidence < DOUBTFUL and covered >= WHOLE else 1.0


def agreeing(relation: Relation, inputs: np.ndarray, levels: np.ndarray) -> bool:
    """Tell whether the anchors of a law are of the size that the history shows."""
    zone = relation.dead_zone
    seen = (inputs > (0 if zone is None else zone[1])) & (levels > 0)
    pairs = [(x, y) for x, y in relation.anchors if x > 0 and y > 0]
    if not seen.any() or not pairs:
        return True
    x, y = pairs[0]
    ratios = levels[seen] / inputs[seen] / (y / x)
    middle = float(np.median(ratios))
    return 1 / APART <= middle <= APART
