"""The prompt of Direct Prompt and its follow-ups."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_forecasting.llm.problem import Problem
from icl_forecasting.llm.prompt import messages
from icl_forecasting.llm.stamps import stamp_texts, written_stamps

sys.path.append(str(Path(__file__).parent))

from llm_cases import context, golden, hourly


def problem(given=None, horizon=3, **more):
    return Problem.of(given or context(), icl.Horizon(horizon), "direct-prompt", **more)


def prompt_of(one, **more):
    system, user = messages(one, **more)
    assert system["role"] == "system" and user["role"] == "user"
    return user["content"]


def tags(prompt):
    return re.findall(r"</?[a-z_]+>", prompt)


def test_layout_and_numbers_are_the_papers():
    table = golden()
    series = icl.Series(
        np.array(table["history_values"]), np.datetime64("2024-03-01T15:00", "ns"), "h"
    )
    text = table["context_block"]
    found = problem(icl.Context(history=series, text=text))
    prompt = prompt_of(found)
    assert tags(prompt) == table["tag_order"]
    assert f"<context>\n{text}</context>\n" in prompt
    assert "<history>\n" + "\n".join(table["history_lines"]) + "\n</history>" in prompt
    assert list(found.stamps) == table["future_timestamps"]
    assert "\n".join(found.stamps) + "\n\n" in prompt


def test_periods():
    table = golden()
    series = icl.Series(np.ones(2), np.datetime64("2019-04-30", "ns"), "ME")
    assert written_stamps(series, 3)[1] == table["period_index_timestamps"]


def test_no_text_leaves_the_block_empty():
    assert "<context>\n</context>\n" in prompt_of(problem(icl.Context(history=hourly(4))))


def test_missing_values_are_left_out_and_a_history_can_be_cut():
    series = icl.Series(np.array([1.0, np.nan, 3.0]))
    found = problem(icl.Context(history=series))
    assert found.history == ("(1, 1)", "(3, 3)") and found.stamps == ("4", "5", "6")
    assert problem(icl.Context(history=series), most=1).history == ("(3, 3)",)


def test_time_stamps_below_a_second():
    stamps = np.array(["2024-01-01T00:00:00.5"], "datetime64[ns]")
    assert stamp_texts(stamps) == ["2024-01-01 00:00:00.500000000"]


def test_a_base_forecast_and_reasons():
    one = problem()
    prompt = prompt_of(one, base=one.pairs(np.array([1.0, 2.0, 3.0])), reason=True)
    found = tags(prompt)
    assert found[4:6] == ["<base_forecast>", "</base_forecast>"]
    assert found[6:8] == ["<reason>", "</reason>"] and "<forecast>" not in found
    assert found[-2:] == ["<corrected_forecast>", "</corrected_forecast>"]
    assert "(2024-03-01 23:00:00, 2)\n" in prompt


def test_solved_problems_come_first():
    episode = icl.Episode(context("Before."), 3, np.array([1.0, 2.0, 3.0]))
    example = icl.Example(hourly(4), [5.0, 6.0])
    given = icl.Context(history=hourly(6), text="Now.", examples=(example,))
    prompt = prompt_of(problem(given, examples=[episode]))
    assert tags(prompt)[:6] == [
        *("<context>", "</context>", "<history>", "</history>", "<forecast>", "</forecast>")
    ]
    assert prompt.index("(2024-02-29 03:00:00, 6)") < prompt.index("Before.") < prompt.index("Now.")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (icl.Episode(context(), 3), "example 1 .*no answer"),
        (icl.Example(hourly(4), "words"), "example 1 is no solved problem"),
        ("words", "example 1 .*it is str"),
        (icl.Episode(icl.Context(text="a"), 3, [1.0]), "it has no history"),
    ],
)
def test_what_is_no_solved_problem(example, message):
    with pytest.raises(icl.InputError, match=message):
        problem(examples=[example])
