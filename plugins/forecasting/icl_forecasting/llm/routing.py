"""RouteDP (arXiv 2508.09904): a small model says which problems are hard, a large one gets them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from icl_forecasting.llm.parsing import Parsed
from icl_forecasting.llm.problem import Problem
from icl_forecasting.llm.prompt import messages
from icl_forecasting.llm.rounds import Plan, Run, collect
from icl_forecasting.llm.writers.writer import Text, Usage, Writer

UNKNOWN = 5.0
"""The rating of a problem that the router did not rate."""

MOST_TOKENS = 300

ASK = (
    "You do not have to forecast. Below is a forecasting problem that is going to be given to a "
    "small language model or to a large one. Say how hard it is to get right: how much has to be "
    "understood, known or computed beyond going on with the pattern of the numbers. 0 means that "
    "the pattern alone is enough, 10 that it takes several steps of thought. Answer with the "
    "number alone.\n\n--- the problem ---\n"
)

_NUMBER = re.compile(r"(?<![\d.])(10(?:\.0+)?|\d(?:\.\d+)?)(?![\d.]*\d)")


def ratings(
    problems: Sequence[Problem], router: Writer, who: str
) -> tuple[list[float | None], Usage, Exception | None]:
    """Ask how hard problems are.

    Args:
        problems: to be rated.
        router: the model that rates.
        who: the learner, for messages.

    Returns:
        A rating from 0 to 10 each (None = the router gave none), what they cost, and one sentence
        about requests that failed.
    """
    runs = [
        Run(router, _asked(one), 1, Plan(1, 1, 2), _rating, MOST_TOKENS, repeats=Counter())
        for one in problems
    ]
    failed = collect(runs, who)
    usage = sum((run.usage for run in runs), Usage())
    return [float(run.values[0][0]) if run.values else None for run in runs], usage, failed


def hard(rated: Sequence[float | None], fraction: float | None, threshold: float) -> list[bool]:
    """Choose the problems for the large model.

    Args:
        rated: of each problem.
        fraction: share of the problems that come together which are hard, the highest rated ones,
            earlier ones first where ratings are equal; None = the threshold decides.
        threshold: a problem is hard from this rating on.
    """
    known = np.array([UNKNOWN if one is None else one for one in rated])
    if fraction is None:
        return [bool(one >= threshold) for one in known]
    chosen = set(np.argsort(-known, kind="stable")[: round(fraction * len(known))].tolist())
    return [place in chosen for place in range(len(known))]


def _asked(problem: Problem) -> tuple[Mapping[str, Any], ...]:
    system, user = messages(problem)
    return system, {**user, "content": ASK + str(user["content"])}


def _rating(text: Text) -> Parsed:
    found = _NUMBER.search(text.words)
    return Parsed(None, "no rating") if found is None else Parsed(np.array([float(found[1])]))
