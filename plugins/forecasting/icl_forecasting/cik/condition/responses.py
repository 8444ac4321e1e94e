"""A target that follows the known path of a covariate: steady level, transient, noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.effects import SURE
from icl_forecasting.cik.condition.lag import Lag, follow
from icl_forecasting.cik.condition.paths import covariate_named, held, numbers_at
from icl_forecasting.cik.condition.plausible import agreeing
from icl_forecasting.cik.condition.predictive import from_paths
from icl_forecasting.cik.condition.steady import SETTLED, Steady, settled
from icl_forecasting.cik.knowledge.laws import exponent_between
from icl_forecasting.cik.statements import TARGET, Bound, Covariate, Law, Relation

PATHS = 128
FOLLOWED = (Law.LINEAR, Law.PROPORTIONAL, Law.POWER, Law.RISING, Law.FALLING, Law.SAME)

EXPLAINED = 0.5
"""The response has to explain this share of the history's variance, if it varies there."""


EXPLAINED_UNSTATED = 0.75
"""The same for a relation that the text does not state."""

LITTLE = 0.1
"""Changes below this share of the largest one tell nothing about the response."""

JITTER = 0.2
"""Relative spread of the time constant from one transient to the next."""

MANY = 12
"""More distinct values of the covariate than this are grouped into so many."""


def apply_response(case: Case, draft: Draft) -> bool:
    """Let the target follow the first covariate whose relation the history does not contradict.

    The settled level for each value of the covariate comes from the history where it was seen,
    else from the law through what was seen and the stated anchors, with more doubt the further
    away. After a change the target goes to its new level exponentially (a first-order lag); time
    constants up and down and a delay of up to one step are fitted on the history.
    """
    for relation in case.of(Relation):
        if relation.law in FOLLOWED and _follow(case, draft, relation):
            return True
    return False


def implied(case: Case) -> list[Relation]:
    """Relations that a text implies by giving a covariate's path and nothing more.

    Numbers may make the target rise or fall; states have their own levels. The history decides
    whether it is so.
    """
    if case.of(Relation):
        return []
    found: list[Relation] = []
    for covariate in case.of(Covariate):
        numeric = all(isinstance(value, int | float) for value in covariate.values)
        law = Law.RISING if numeric else Law.STATES
        relation = Relation(span=covariate.span, confidence=0.4, law=law, of=(covariate.name,))
        if all(relation.of != one.of for one in found):
            found.append(relation)
    return found


def _follow(case: Case, draft: Draft, relation: Relation) -> bool:
    found = _path(case, relation)
    if found is None:
        draft.skip(relation, "the path of its covariate is not known over the forecast")
        return False
    covariate, path = found
    original, relation = relation, _anchored(case, relation, covariate)
    past = len(case.values)
    groups = _grouped(path, past)
    inputs, levels, residuals = settled(groups[:past], case.values)
    if not agreeing(relation, inputs, levels):
        relation = replace(relation, anchors=())
    steady = Steady(inputs, levels, residuals, relation, _exponent(case, relation, covariate))
    goals, doubt = steady.at(groups)
    if not _explains(case.values, goals, sure=relation.confidence >= SURE):
        draft.skip(original, "the history does not follow it")
        return False
    lag = Lag.fitted(goals[:past], case.values, float(np.ptp(goals)))
    paths = _simulated(case, steady, groups, goals, doubt, lag)
    draft.replace_all(original, from_paths(paths), f"follows {covariate.name or 'the covariate'}")
    return True


def _anchored(case: Case, relation: Relation, covariate: Covariate) -> Relation:
    """Let the stated maxima of covariate and target belong together where no pair is stated."""
    if relation.anchors or relation.law in (Law.FALLING, Law.SAME):
        return relation
    drive = [one.upper for one in case.of(Bound) if _same_name(one.of, covariate.name)]
    target = [one.upper for one in case.of(Bound) if one.of == TARGET and one.window is None]
    largest_drive = max((upper for upper in drive if upper is not None), default=0.0)
    largest = max((upper for upper in target if upper is not None), default=0.0)
    if largest_drive <= 0 or largest <= 0:
        return relation
    return replace(relation, anchors=((largest_drive, largest),))


def _same_name(one: str, other: str) -> bool:
    return one.casefold().strip() == other.casefold().strip()


def _path(case: Case, relation: Relation) -> tuple[Covariate, np.ndarray] | None:
    """The covariate and its path over history and future, [T + H]."""
    stamps = np.concatenate([case.past, case.future])
    for name in relation.of or ("",):
        covariate = covariate_named(case, name)
        path = None if covariate is None else numbers_at(covariate, stamps)
        if covariate is None or path is None:
            continue
        if np.isfinite(path[len(case.past) :]).mean() >= 0.5:
            return covariate, held(path)
    return None


def _exponent(case: Case, relation: Relation, covariate: Covariate) -> float:
    if relation.law is Law.POWER and relation.exponent:
        return relation.exponent
    if relation.law in (Law.POWER, Law.RISING):
        subject = case.reading.subject
        words = frozenset(covariate.name.casefold().replace("_", " ").split())
        target = subject.concepts | frozenset(subject.name.casefold().split())
        return exponent_between(words, target) or 1.0
    return 1.0


def _grouped(path: np.ndarray, past: int) -> np.ndarray:
    """Round a path of many values to the middles of `MANY` groups of them."""
    distinct = np.unique(path)
    if len(distinct) <= max(MANY, past // 8):
        return path
    edges = np.quantile(path, np.linspace(0, 1, MANY + 1)[1:-1])
    group = np.searchsorted(edges, path)
    middles = np.array(
        [np.median(path[group == g]) if (group == g).any() else 0 for g in range(MANY)]
    )
    return np.asarray(middles[group])


def _explains(values: np.ndarray, goals: np.ndarray, *, sure: bool) -> bool:
    """Whether the steady levels explain the history, or it shows too little to tell.

    A relation that nobody stated has to be shown by the history.
    """
    known = np.isfinite(values)
    seen = goals[: len(values)][known]
    # what changed just before the end has not shown its response yet
    settled_part = seen[:-SETTLED] if len(seen) > 2 * SETTLED else seen
    if np.ptp(settled_part) <= LITTLE * np.ptp(goals):
        return sure
    total = float(np.var(values[known]))
    left = float(np.median(np.abs(values[known] - seen)) * 1.4826) ** 2
    explained = EXPLAINED if sure else EXPLAINED_UNSTATED
    return total > 0 and left < (1 - explained) * total


def _simulated(
    case: Case, steady: Steady, groups: np.ndarray, goals: np.ndarray, doubt: np.ndarray, lag: Lag
) -> np.ndarray:
    """Paths [N, H]: doubt about levels, time constants and delay, and the noise of the history."""
    past, rng = len(case.values), np.random.default_rng(len(case.values))
    distinct, places = np.unique(groups, return_inverse=True)
    # one draw for each level of a path: a level that is off stays off
    shift = rng.standard_normal((PATHS, len(distinct)))[:, places] * doubt
    aims = goals + shift
    floor = steady.floor
    if floor is not None:
        aims = np.maximum(aims, np.minimum(goals, floor))
    jitter = np.exp(JITTER * rng.standard_normal((2, PATHS)))
    rise, fall = rng.choice(lag.rise, PATHS) * jitter[0], rng.choice(lag.fall, PATHS) * jitter[1]
    delay = rng.choice(lag.delays, PATHS) + rng.uniform(-0.25, 0.25, PATHS)
    tracks = follow(aims, float(held(case.values)[-1]), past, rise, fall, delay)
    pooled = np.concatenate(steady.residuals) if steady.residuals else np.zeros(1)
    noise = np.empty((PATHS, case.length))
    for step, value in enumerate(groups[past:]):
        same = np.flatnonzero(np.abs(steady.inputs - value) <= 1e-9 * max(1.0, abs(value)))
        source = steady.residuals[same[0]] if same.size else pooled
        noise[:, step] = rng.choice(source if len(source) >= 5 else pooled, PATHS)
    return np.asarray(tracks + noise)
