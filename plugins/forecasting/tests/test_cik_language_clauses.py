"""Sentences and clauses: negation, mood, tense, report, headings."""

from __future__ import annotations

import numpy as np
import pytest

from icl_forecasting.cik.language import Clause, parse
from icl_forecasting.cik.windows import Clock

STAMPS = np.datetime64("2024-01-11T00", "ns") + np.arange(48) * np.timedelta64(1, "h")
CLOCK = Clock(STAMPS[:24], STAMPS[24:])


def _clauses(text: str) -> list[Clause]:
    return [clause for sentence in parse(text, CLOCK).sentences for clause in sentence.clauses]


@pytest.mark.parametrize(
    ("text", "flag", "values"),
    [
        ("The works will not affect the lane.", "negated", [True]),
        ("The pump is no longer in service.", "negated", [True]),
        ("It reads zero rather than the true value.", "negated", [False, True]),
        ("Instead of four hours, it lasted two hours.", "negated", [True, False]),
        ("It is unlikely that this will be repeated.", "negated", [True, True]),
        ("Not only does the load rise, it doubles.", "negated", [False, False]),
        ("Without rain, the river drops.", "negated", [True, False]),
        ("If the dam broke, the flow would triple.", "hypothetical", [True, True]),
        ("Had it not rained, demand would have doubled.", "hypothetical", [True]),
        ("Suppose that there were a fire and demand tripled.", "hypothetical", [False, False]),
        ("Suppose that there were a fire and demand tripled.", "supposed", [True, True]),
        ("The event may be cancelled.", "hypothetical", [True]),
        ("Officials said the road would close.", "hypothetical", [False, False]),
        ("Officials said the road would close.", "reported", [True, True]),
        ("The mayor believes that his plan will work.", "reported", [True, True]),
        ("The unit reports zeros.", "reported", [False]),
        ("Note that it falls on holidays.", "reported", [False, False]),
        ("The strike was called off, so trains will run.", "past", [True, False]),
        ("The strike was called off, so trains will run.", "future", [False, True]),
        ("The valve is set to 0.5.", "future", [False]),
        ("The plant is due to close.", "future", [True]),
        ("Sales usually fall in January.", "usual", [True]),
        ("The shop is open every day except on Sundays.", "exception", [False, True]),
    ],
)
def test_flags(text: str, flag: str, values: list[bool]) -> None:
    """What the verbs and links of each clause say."""
    assert [getattr(clause, flag) for clause in _clauses(text)] == values


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("The level rose because of a storm, but it has fallen.", [None, "because", "but"]),
        ("A storm comes, leading to a jam.", [None, "leading"]),
        ("The sensor is off, which results in zeros.", [None, "which"]),
        ("Demand rises by 20% and then returns to normal.", [None, "and"]),
    ],
)
def test_links(text: str, links: list[str | None]) -> None:
    """The word that joins a clause to the one before."""
    assert [clause.link for clause in _clauses(text)] == links


def test_headings_and_questions() -> None:
    """Headings are taken off; they hold for the sentences below them."""
    document = parse("Background: A pump.\nScenario: It stops. Will it start?", CLOCK)
    assert [one.heading for one in document.sentences] == ["background", "scenario", "scenario"]
    assert document.sentences[0].span.text == "A pump."
    assert [one.question for one in document.sentences] == [False, False, True]


def test_quotations() -> None:
    """A sentence in quotation marks is quoted, and so reported."""
    document = parse('It rains. "We will end all leaks for good," she claimed.', CLOCK)
    assert [one.quoted for one in document.sentences] == [False, True]
    assert document.sentences[1].clauses[0].reported


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It rose, e.g. by 3.5 kW at 2 p.m. in town. Then it fell.", 2),
        ("The grid.According to him it failed.", 2),
        ("- first item\n- second item\n- third item", 3),
        ("It lies in city A. We measure it.", 2),
        ("a short line\nanother short line", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    """Full stops of abbreviations and numbers end no sentence; items of a list do."""
    assert len(parse(text, CLOCK).sentences) == count
