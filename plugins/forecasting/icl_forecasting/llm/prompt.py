"""The prompt of Direct Prompt (arXiv 2410.18959) and of its follow-ups (arXiv 2508.09904).

The order of the parts, their tags and the form of the numbers are those of the papers' prompts;
the words are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from icl_forecasting.llm.problem import Problem, Solved

FORECAST, CORRECTED = "forecast", "corrected_forecast"

SYSTEM = (
    "You forecast time series. You weigh the numbers of the past together with everything that "
    "is known about the series, and you answer in exactly the form that is asked for."
)

TASK = (
    "Your task: say how a time series goes on, given its past and a text about it.\n\n"
    "Let the background tell you what the series is, keep to every constraint in each of your "
    "values, and take the scenario as what is really going to happen.\n"
)

EXAMPLE = """\
How the form looks, with names in place of time stamps and values. From the past
<history>
(t1, v1)
(t2, v2)
(t3, v3)
</history>
and the time stamps t4 and t5 to forecast, the answer is
"""

REASON = (
    "First think the problem through between <reason> and </reason>: which parts of the text "
    "change which values, in which direction and by how much. Then answer.\n"
)

SOLVED = "Here is a problem of the same kind, with what really came.\n"
OURS = "Now the problem that you are to solve.\n"
BASE = "A model that saw the numbers but not the text forecasts\n"
CORRECT = (
    "Correct this forecast wherever the text gives a reason to, and leave it as it is elsewhere.\n"
)


def messages(
    problem: Problem, base: tuple[str, ...] | None = None, reason: bool = False
) -> tuple[Mapping[str, Any], ...]:
    """Write a problem as a conversation of a system's and a user's turn.

    Args:
        problem: what is to be forecast.
        base: lines of a forecast that is to be corrected.
        reason: whether the answer begins with a block of reasons.
    """
    tag = FORECAST if base is None else CORRECTED
    parts = [TASK, "\n"]
    for one in problem.solved:
        parts += [SOLVED, *_shown(one), _block(FORECAST, one.future), "\n"]
    if problem.solved:
        parts += [OURS, "\n"]
    parts += _shown(problem)
    if base is not None:
        parts += [BASE, _block("base_forecast", base), CORRECT, "\n"]
    parts += ["Forecast the value at each of these time stamps:\n", *_lines(problem.stamps), "\n"]
    if reason:
        parts += [REASON, "\n"]
    parts += [
        f"Answer with one line (timestamp, value) for each of them, in this order, between "
        f"<{tag}> and </{tag}>. Nothing else stands between these tags: no units, no remarks.\n\n",
        EXAMPLE,
        _block(tag, ("(t4, v4)", "(t5, v5)")).rstrip("\n"),
    ]
    return (
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "".join(parts)},
    )


def _shown(one: Problem | Solved) -> list[str]:
    text = f"{one.text}\n" if one.text else ""
    return [f"<context>\n{text}</context>\n\n", _block("history", one.history), "\n"]


def _block(tag: str, lines: Iterable[str]) -> str:
    return f"<{tag}>\n{''.join(_lines(lines))}</{tag}>\n"


def _lines(lines: Iterable[str]) -> list[str]:
    return [f"{line}\n" for line in lines]
