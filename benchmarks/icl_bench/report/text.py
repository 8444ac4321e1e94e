"""A report as Markdown, without pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from icl_bench.report.content import Content
from icl_bench.report.markdown import NONE, cell, number, table

Rows = Sequence[Sequence[object]]


def render_markdown(content: Content) -> str:
    """Return the report as Markdown.

    Args:
        content: what the report says.
    """
    return "\n\n".join(_parts(content)) + "\n"


def _parts(content: Content) -> Iterator[str]:
    yield f"# {cell(content.suite)}"
    yield cell(content.summary)
    yield cell(content.counts + (f" Begun {content.began}." if content.began else ""))
    broken = [one for one in content.missing if not one.skipped]
    yield "## Failures"
    if not broken and not content.failures:
        yield "No episode failed, and every learner could run where its data is there."
    if broken:
        rows: Rows = [(one.set, ", ".join(one.learners), one.reason) for one in broken]
        yield table(("set", "could not run", "reason"), rows)
    if content.failures:
        yield table(
            ("set", "learner", "episodes", "error", "such as"),
            [(o.set, o.learner, o.count, o.error, ", ".join(o.episodes)) for o in content.failures],
        )
    if content.leaderboard:
        yield "## Leaderboard"
        yield (
            "By skill, (score − baseline) / (perfect − baseline), mean over the sets of the task "
            "that all its learners have; in brackets 95 % intervals over episodes."
        )
        yield table(*_places(content))
    if any(one.episodes for one in content.standings):
        yield "## Scores"
        yield table(*_scores(content))
    if content.published:
        yield "## Beside published numbers"
        rows = [
            (o.set, o.method, o.number, o.value, o.ours and o.ours.score, o.source)
            for o in content.published
        ]
        yield table(("set", "method", "number", "published", "ours", "source"), rows)
    if content.probes:
        yield "## Probes"
        yield table(*_probes(content))
    if content.selections:
        yield "## Context selection"
        yield (
            "Which examples of a pool are shown. A gain is how much better a selector is than "
            "random on the same episodes, in units of skill where the set has a baseline."
        )
        if content.gains:
            gains = [(one.task, one.selector, one.gain, one.results) for one in content.gains]
            yield table(("task", "selector", "mean gain over random", "results"), gains)
        yield table(*_selections(content))
    if skipped := [(one.set, one.reason) for one in content.missing if one.skipped]:
        yield "## Missing sets"
        yield table(("set", "reason"), skipped)
    yield "## Environment"
    yield table(("distribution", "version"), sorted(content.versions.items()))
    for known in content.environments:
        yield cell(", ".join(f"{name} {value}" for name, value in sorted(known.items())))


def _places(content: Content) -> tuple[Sequence[str], Rows]:
    header = ("rank", "learner", "task", "mean skill", "sets", "failed", "s / episode")
    return header, [
        (
            one.rank,
            one.learner,
            one.task,
            one.skill,
            f"{len(one.sets)} of {one.asked}",
            one.failures,
            one.seconds,
        )
        for one in content.leaderboard
    ]


def _scores(content: Content) -> tuple[Sequence[str], Rows]:
    header = ("set", "learner", "skill", "number", "score", "published", "episodes", "failed")
    return header, [
        (
            one.set,
            one.learner + (" (baseline)" if one.baseline else ""),
            one.skill,
            one.number,
            one.score,
            one.published,
            one.episodes,
            one.failures,
        )
        for one in content.standings
        if one.episodes
    ]


def _probes(content: Content) -> tuple[Sequence[str], Rows]:
    header = ("probe", "set", "learner", "what", "number", "in", "levels")
    return header, [
        (
            one.probe,
            one.set,
            one.learner,
            "gain" if one.curve else "loss",
            one.number,
            one.unit,
            one.missing
            or ", ".join(f"{name}: {number(at.value) or NONE}" for _, name, at in one.points),
        )
        for one in content.probes
    ]


def _selections(content: Content) -> tuple[Sequence[str], Rows]:
    header = ("set", "learner", "selector", "shown", "number", "score", "gain over random", "in")
    rows: list[Sequence[object]] = []
    for one in content.selections:
        for place, (_, name, score) in enumerate(one.points):
            gain: object = None if place == 0 else one.gains.get(name)
            rows.append((one.set, one.learner, name, one.budget, one.number, score, gain, one.unit))
        for name, reason in one.unanswered.items():
            rows.append((one.set, one.learner, name, one.budget, one.number, reason, None, None))
        if one.missing and not one.points:
            rows.append(
                (one.set, one.learner, None, one.budget, one.number, one.missing, None, None)
            )
    return header, rows
