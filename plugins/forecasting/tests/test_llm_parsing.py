"""How forecasts are read in the words of a language model."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_forecasting.llm.numbers import number_in, values_of
from icl_forecasting.llm.parsing import lenient, strict
from icl_forecasting.llm.stamps import StampReader

sys.path.append(str(Path(__file__).parent))

from llm_cases import golden

STAMPS = ("2024-03-01 22:00:00", "2024-03-01 23:00:00", "2024-03-02 00:00:00")
GAINED = {
    "blank_line_inside",
    "comment_line",
    "unit_suffix",
    "uppercase_tags",
    "unclosed",
    "iso_T_timestamps",
    "no_seconds",
    "leading_space",
    "semicolon_same_line",
    "code_fence_inside_tags",
    "example_echo_then_answer",
}
CORRECTED = {
    "comma_decimal": [4.5] * 3,
    "thousands_separator": [1234.5] * 3,
    "nan_value": None,
    "inf_value": None,
}


def answer(lines, tag="forecast"):
    return f"<{tag}>\n" + "\n".join(lines) + f"\n</{tag}>"


def of(*values, stamps=STAMPS):
    return answer([f"({s}, {v})" for s, v in zip(stamps, values, strict=True)])


def read(words, stamps=STAMPS, **more):
    found = lenient(words, stamps, **more)
    assert (found.values is None) == (found.reason is not None)
    return None if found.values is None else found.values.tolist()


def test_the_strict_parser_is_the_released_one():
    table = golden()
    for case in table["parser"]:
        found = strict(case["completion"], table["future_timestamps"]).values
        texts = None if found is None else [str(float(value)) for value in found]
        assert texts == case["values"], case["case"]


def test_the_lenient_parser_reads_more():
    table = golden()
    for case in table["parser"]:
        name, found = case["case"], read(case["completion"])
        if name in CORRECTED:
            assert found == CORRECTED[name]
        elif name in GAINED:
            assert case["values"] is None and found is not None, name
        else:
            expected = case["values"]
            assert found == (None if expected is None else [float(v) for v in expected]), name


NUMBERS = st.one_of(
    st.floats(-1e9, 1e9).map(repr),
    st.integers(-(10**6), 10**6).map(lambda value: f"{value:_}"),
    st.sampled_from(["+5", ".5", "5.", "1e3", "-2.5E-3", "007"]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(NUMBERS, min_size=3, max_size=3),
    st.permutations(range(3)),
    st.sampled_from(["({}, {})", "{},{}", "('{}', {})", '("{}",  {} )', "({}), ({})"]),
    st.sampled_from(["", "Sure.\n", "```\n"]),
)
def test_what_strict_accepts_lenient_accepts_with_the_same_values(numbers, order, form, before):
    lines = [form.format(STAMPS[place], numbers[place]) for place in order]
    words = before + answer([*lines, form.format("2030-01-01 00:00:00", "1")])
    expected = strict(words, STAMPS).values
    assert expected is not None and read(words) == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["1. (2024-03-01 22:00:00, 1)", "2. (2024-03-01 23:00:00, 2)", "3. (2024-03-02, 3)"], 3),
        (["| 2024-03-01 22:00 | 1 |", "| 2024-03-01 23:00 | 2 |", "| 2024-03-02 00:00 | 3 |"], 3),
        (["- 2024-03-01 22:00:00: 1", "- 2024-03-01 23:00:00: 2", "- 2024-03-02 00:00:00: 3"], 3),
        (["[2024-03-01T22:00Z, 1], [2024-03-01T23:00Z, 2], [2024-03-02T00:00Z, 3]"], 3),
        (["(2024/3/1 22:00, 1 kW), (2024/3/1 23:00, 2 kW)", "(2024/3/2 0:00, 3 kW)"], 3),
        (["(2024-03-01 22:00:00, 1)", "(2024-03-01 23:00:00, about 2)"], None),
        (["(2024-03-01, 1)", "(2024-03-01 23:00:00, 2)", "(2024-03-02 00:00:00, 3)"], None),
    ],
)
def test_other_forms(lines, expected):
    found = read(answer(lines))
    assert found == (None if expected is None else [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1,5", "2,25", "3"], [1.5, 2.25, 3]),
        (["1,234", "2", "3"], [1234, 2, 3]),
        (["1,234", "2,5", "3"], [1.234, 2.5, 3]),
        (["1,234", "2.5", "3"], [1234, 2.5, 3]),
        (["1.234,5", "2.000,25", "3"], [1234.5, 2000.25, 3]),
        (["1,234,567.25", "2", "3"], [1234567.25, 2, 3]),
        (["0,125", "2", "3"], [0.125, 2, 3]),
        (["−4", "$5", "~6"], [-4, 5, 6]),
        (["4 ± 0.5", "5 kW", "6%"], [4, 5, 6]),
        (["4, 0.9", "5, 0.8", "6, 0.7"], [4, 5, 6]),
        (["4k", "5", "6"], None),
        (["4-5", "5", "6"], None),
        (["4 to 5", "5", "6"], None),
        (["12:30", "5", "6"], None),
        (["1e999", "5", "6"], None),
        (["1e39", "5", "6"], None),
        (["N/A", "5", "6"], None),
        (["1,23,4", "5", "6"], None),
    ],
)
def test_numbers(values, expected):
    assert read(of(*values)) == expected


def test_several_blocks_and_thoughts():
    good, other = of(1, 2, 3), of(7, 8, 9)
    assert read(f"<think>{other}</think>{good}") == [1, 2, 3]
    assert read(f"<think>{good}") == [1, 2, 3]
    assert read(f"The answer goes between <forecast> tags: {good}") == [1, 2, 3]
    assert read(good.replace("<forecast>", "").replace("</forecast>", "")) == [1, 2, 3]
    assert read(good.replace("forecast", "corrected_forecast"), tag="corrected_forecast")
    assert lenient("", STAMPS).reason == "no block"
    assert lenient(answer(["(2024-03-01 22:00:00, 5)"]), STAMPS).reason == "2 of 3 values missing"


def test_an_answer_that_was_cut_has_no_half_number():
    whole = of(1, 2, 345).removesuffix("\n</forecast>")
    assert read(whole[:-1], cut=True) is None and lenient(whole[:-1], STAMPS, cut=True).reason
    assert read(whole, cut=True) == [1, 2, 345]


def test_steps_without_time_stamps():
    stamps = ("49", "50", "51")
    assert read(of(1, 2, 3, stamps=stamps), stamps) == [1, 2, 3]
    assert strict(of(1, 2, 3, stamps=stamps), stamps).values.tolist() == [1, 2, 3]
    assert read(answer(["step 49: 1", "step 50: 2", "step 51: 3"]), stamps) == [1, 2, 3]


def test_short_time_stamps_mean_the_one_step_in_them():
    months = StampReader(("2019-06-30 00:00:00", "2019-07-31 00:00:00"))
    assert months.split("2019-07, 4") == (1, ", 4")
    assert months.split("2019-07-31, 4") == (1, ", 4")
    assert months.split("2019-08, 4") == (None, ", 4") and months.split("2019-13, 4")[0] is None
    assert months.split("July, 4") is None


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="<forecast>/(2024-03-01 2:0,.;\n1e)", max_size=200), st.booleans())
def test_no_text_raises(words, cut):
    for parse in (lenient, strict):
        found = parse(words, STAMPS)
        assert found.values is None or np.shape(found.values) == (3,)
    lenient(f"<forecast>{words}", STAMPS, cut=cut)
    number = number_in(words)
    assert number is None or len(values_of([number])) == 1
