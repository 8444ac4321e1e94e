"""Lagged linear equations: simulated from the end of the history along the covariates' path."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.paths import covariate_named, held, numbers_at
from icl_forecasting.cik.condition.predictive import from_paths
from icl_forecasting.cik.statements import TARGET, Law, Relation

PATHS = 128
"""Simulated paths."""

ROUNDING = 1e-3
"""Standard deviation of a stated coefficient around the true one: it was rounded for the text."""

FITS = 0.6
"""An equation is used if its one-step errors are below this share of the history's changes."""

FARTHEST = 10.0
"""Simulated values stay within so many ranges of the history."""


def apply_lagged(case: Case, draft: Draft) -> bool:
    """Simulate the first lagged equation that the history agrees with; tell whether one was.

    Stated coefficients are taken as prior knowledge that is exact up to rounding; those that are
    not stated are estimated from the history by least squares. Where the stated ones do not
    explain the history (a misread sign, another order), all are estimated.
    """
    for relation in case.of(Relation):
        if relation.law is Law.LAGGED and _simulate(case, draft, relation):
            return True
    return False


def _simulate(case: Case, draft: Draft, relation: Relation) -> bool:
    if not relation.terms:
        draft.skip(relation, "it names no lags")
        return False
    stamps = np.concatenate([case.past, case.future])
    paths: dict[str, np.ndarray] = {}
    for term in relation.terms:
        if term.variable == TARGET or term.variable in paths:
            continue
        covariate = covariate_named(case, term.variable)
        path = None if covariate is None else numbers_at(covariate, stamps)
        if path is None or not np.isfinite(path).any():
            draft.skip(relation, f"the path of {term.variable} is not known")
            return False
        paths[term.variable] = held(path)
    past = len(case.values)
    rows, goal = _rows(relation, case.values, paths)
    stated = np.array([np.nan if t.coefficient is None else t.coefficient for t in relation.terms])
    known = case.values[np.isfinite(case.values)]
    usual = float(np.std(np.diff(known))) if len(known) > 2 else 0.0
    fit = _fitted(rows, goal, stated, relation.noise)
    if fit is None and np.isnan(stated).any():
        draft.skip(relation, "the history is too short to estimate it")
        return False
    if fit is not None and _misses(fit[2], usual, relation.noise) and np.isfinite(stated).any():
        fit = _fitted(rows, goal, np.full(len(stated), np.nan), relation.noise) or fit
    if fit is None:
        fit = stated, np.zeros((len(stated),) * 2), relation.noise or 0.0
    coefficients, covariance, error = fit
    if _misses(error, usual, relation.noise):
        draft.skip(relation, "the history does not follow it")
        return False
    rng = np.random.default_rng(past)
    noise = error if relation.noise is None else max(relation.noise, 0.0)
    drawn = coefficients + _drawn(rng, covariance)
    start = np.tile(held(case.values), (PATHS, 1))
    series = np.concatenate([start, np.zeros((PATHS, case.length))], axis=1)
    shocks = noise * rng.standard_normal((PATHS, case.length))
    middle, reach = float(np.median(known)), FARTHEST * case.scale
    for step in range(case.length):
        at = past + step
        value = shocks[:, step].copy()
        for place, term in enumerate(relation.terms):
            lagged = at - term.lag
            if lagged < 0:
                continue
            source = series if term.variable == TARGET else paths[term.variable][None]
            value += drawn[:, place] * source[:, lagged]
        series[:, at] = np.clip(value, middle - reach, middle + reach)
    did = "simulated the equation from the end of the history"
    draft.replace_all(relation, from_paths(series[:, past:]), did)
    return True


def _drawn(rng: np.random.Generator, covariance: np.ndarray) -> np.ndarray:
    """Normal deviations [PATHS, K], the same ones in whatever unit the variables come."""
    size = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    safe = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(safe, safe))
    # an eigenvector may come with either sign
    signs = np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(len(values))])
    root = vectors * signs * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(rng.standard_normal((PATHS, len(values))) @ root.T * size)


def _rows(
    relation: Relation, values: np.ndarray, paths: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Regressors [N, K] and goals [N] of all steps whose lags are known."""
    longest = max(term.lag for term in relation.terms)
    steps = np.arange(longest, len(values))
    columns = [
        (values if term.variable == TARGET else paths[term.variable])[steps - term.lag]
        for term in relation.terms
    ]
    rows, goal = np.stack(columns, axis=1), values[steps]
    whole = np.isfinite(rows).all(axis=1) & np.isfinite(goal)
    return rows[whole], goal[whole]


def _fitted(
    rows: np.ndarray, goal: np.ndarray, stated: np.ndarray, noise: float | None
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Coefficients [K], their covariance [K, K] and the standard deviation of the errors."""
    free = np.isnan(stated)
    if len(goal) < 2 * free.sum() + 2 or not len(goal):
        return None
    centre = np.where(free, 0.0, stated)
    residual = goal - rows @ centre
    size = np.maximum(np.sqrt((rows**2).mean(axis=0)), 1e-300)
    level = float(np.sqrt((goal**2).mean())) or 1.0
    sd = np.where(free, 10.0 * level / size, ROUNDING)
    variance = noise**2 if noise else float(np.var(residual)) or 1e-12
    covariance = np.zeros((len(stated),) * 2)
    shift = np.zeros(len(stated))
    for _ in range(3):
        precision = rows.T @ rows / variance + np.diag(1 / sd**2)
        covariance = np.linalg.pinv(precision)
        shift = covariance @ (rows.T @ residual) / variance
        error = float(np.sqrt(np.mean((residual - rows @ shift) ** 2)))
        if noise:
            break
        variance = max(error**2, 1e-18 * level**2)
    return centre + shift, covariance, error


def _misses(error: float, usual: float, noise: float | None) -> bool:
    if usual <= 0:
        return False
    return error > FITS * usual and error > 3 * (noise or 0.0)
