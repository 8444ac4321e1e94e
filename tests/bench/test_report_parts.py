"""The parts of a report by themselves: leaderboard, plots, Markdown."""

import math

from icl_bench.report.content import gathered
from icl_bench.report.leaderboard import leaderboard
from icl_bench.report.markdown import cell, table
from icl_bench.report.plots import colours_of, probe_plot, skill_plot
from icl_bench.standings import ProbeResult, Standing
from icl_core.evaluation import Interval
from icl_core.evaluation.scores import mean_of

# The leaderboard.


def standing(name, learner, skill, task="linking", **parts):
    known = math.isfinite(skill)
    return Standing(
        set=name, task=task, learner=learner, baseline=False, metric="m", number="n", perfect=1.0,
        skill=Interval(skill, skill - 0.1, skill + 0.2), episodes=3 if known else 0, **parts,
    )  # fmt: skip


def test_learners_are_compared_on_the_sets_that_all_have():
    table = [
        standing("easy", "one", 0.9),
        standing("hard", "one", 0.1),
        standing("easy", "two", 0.8),
        standing("hard", "two", 0.4),
        standing("easy", "three", 0.95),
        standing("hard", "three", math.nan, missing="no weights"),
        standing("own", "two", 0.7),
        standing("other", "painter", 0.55, task="painting"),
        standing("gone", "one", math.nan, missing="needs it", skipped=True),
        standing("broken", "one", math.nan, missing="no source"),
        standing("broken", "two", math.nan, missing="no source"),
    ]
    found = leaderboard(table)
    shown = [(one.rank, one.learner, round(one.skill.value, 3), len(one.sets)) for one in found]
    assert shown == [
        (1, "two", 0.6, 2),
        (2, "painter", 0.55, 1),
        (3, "one", 0.5, 2),
        (None, "three", 0.95, 1),
    ]
    assert [one.asked for one in found] == [4, 1, 3, 2]
    equal = [standing("easy", name, 0.5) for name in ("a", "b")]
    assert [one.rank for one in leaderboard([*equal, standing("easy", "c", 0.25)])] == [1, 1, 3]


def test_the_interval_of_a_mean_shrinks_with_the_number_of_sets():
    one = Interval(0.5, 0.4, 0.7)
    assert mean_of([one]) == Interval(0.5, 0.4, 0.7)
    four = mean_of([one] * 4)
    assert four.value == 0.5 and math.isclose(four.low, 0.45) and math.isclose(four.high, 0.6)
    assert math.isnan(mean_of([one, Interval(0.5)]).low)


def test_baselines_have_no_rank(ran):
    content = gathered(ran("out"))
    assert [one.learner for one in content.leaderboard] == ["toy-nearest"]
    assert [one.learner for one in content.standings] == ["toy-nearest", "toy-first"]


# Plots.


def test_a_plot_follows_the_page_and_names_no_place():
    table = [standing("a", "x", 0.5), standing("b & <b>", "y", -4.0), standing("c", "x", math.nan)]
    svg = skill_plot(table, colours_of(["x", "y"]))
    assert svg.startswith("<svg ") and svg.endswith("</svg>")
    assert "http" not in svg and "<metadata" not in svg and "font-family" not in svg
    assert "var(--ink)" in svg and "b &amp; &lt;b&gt;" in svg and "#010203" not in svg
    assert skill_plot(table, colours_of(["x", "y"])) == svg
    assert skill_plot([standing("c", "x", math.nan)], {}) == ""


def test_a_probe_without_points_has_no_plot():
    points = ((0, "right", Interval(0.5, 0.4, 0.6)), (1, "wrong", Interval(0.25)))
    one = ProbeResult("x", "a", "linking", "order", "?", False, Interval(0.1), "skill", points)
    assert "wrong" in probe_plot([one], {"x": "#123456"})
    assert "#123456" in probe_plot([one], {"x": "#123456"})
    none = ProbeResult("x", "a", "linking", "order", "?", False, Interval(math.nan), "skill")
    assert probe_plot([none], {}) == ""


# Markdown.


def test_cells_of_markdown_hold_no_markup():
    assert cell("a|b\nc") == "a\\|b c"
    assert "](" not in cell("[click](javascript:alert(1))")
    assert "![" not in cell("![x](y)")
    assert "://" not in cell("https://example.invalid")
    assert cell("\x1b[31mred\x00") == "[31mred"
    assert cell(None) == cell(math.nan) == cell(Interval(math.nan)) == "–"
    assert (
        cell(-0.0) == cell(-5e-17) == "0"
        and cell(Interval(12.3456, 1.0, 2000.4)) == "12.3 [1, 2000]"
    )
    assert len(cell("x" * 5000)) == 300
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |"
