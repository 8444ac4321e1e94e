"""The HTML page of a report, by a template that escapes everything."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from icl_bench.report import markdown
from icl_bench.report.content import Content
from icl_bench.report.examples import Example
from icl_bench.report.plots import colours_of, probe_plot, skill_plot
from icl_core.errors import MissingExtraError

_TITLES = {"selection": "Context selection"}

_TEMPLATES = Path(__file__).parent / "templates"


def render_page(content: Content) -> str:
    """Return the HTML page.

    It is one document without remote resources. Its policy lets run the one script that sorts
    tables, known by its digest, and fetch nothing, whatever a label holds.

    Args:
        content: what the report says.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise MissingExtraError(
            "a report needs jinja2", "pip install 'icl-suite[bench]'"
        ) from error
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["plain"] = _plain
    script, style = _text("sort.js"), _text("style.css")
    broken = [one for one in content.missing if not one.skipped]
    skipped = [one for one in content.missing if one.skipped]
    scores = [one for one in content.standings if one.episodes]
    colours = _colours(content)
    skills = [(task, Markup(svg), names) for task, svg, names in _skills(content, colours)]
    curves = [
        (probe, question, [(name, unit, Markup(svg)) for name, unit, svg in plots])
        for probe, question, plots in _curves(content, colours)
    ]
    chosen = [(name, unit, Markup(svg)) for name, unit, svg in _selections(content, colours)]
    shown = {
        "failures": True,
        "leaderboard": content.leaderboard,
        "scores": scores,
        "published": content.published,
        "probes": content.probes,
        "selection": content.selections,
        "examples": content.examples or content.notes,
        "missing": skipped,
        "environment": True,
    }
    return (
        environment.get_template("report.html.j2").render(
            content=content,
            policy=policy(script),
            style=Markup(style),
            script=Markup(script),
            counts=content.counts,
            sections=[
                (name, _TITLES.get(name, name.capitalize()))
                for name, there in shown.items()
                if there
            ],
            broken=broken,
            skipped=skipped,
            scores=scores,
            skills=skills,
            curves=curves,
            chosen=chosen,
            choosers=list(dict.fromkeys(one.learner for one in content.selections)),
            probed=list(dict.fromkeys(one.learner for one in content.probes)),
            colours=colours,
            drawn=_by_learner(content),
            none_sign=markdown.NONE,
        )
        + "\n"
    )


def policy(script: str) -> str:
    """Return the Content-Security-Policy of a page with one inline script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _skills(content: Content, colours: dict[str, str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield task, plot and the learners in it."""
    for task in dict.fromkeys(one.task for one in content.standings):
        table = [o for o in content.standings if o.task == task and not o.baseline]
        if svg := skill_plot(table, colours):
            drawn = {one.learner for one in table if math.isfinite(one.skill.value)}
            yield task, svg, [name for name in colours if name in drawn]


def _curves(
    content: Content, colours: dict[str, str]
) -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    """Yield probe, its question, and (set, number, plot) of each set."""
    numbers = {one.set: one.number for one in content.standings}
    for probe in dict.fromkeys(one.probe for one in content.probes):
        asked = [one for one in content.probes if one.probe == probe]
        plots = []
        for name in dict.fromkeys(one.set for one in asked):
            found = [one for one in asked if one.set == name]
            if svg := probe_plot(found, colours):
                # A probe's set may be called by options of its source as well.
                base = [one for one in numbers if name == one or name.startswith(f"{one} (")]
                plots.append((name, numbers[max(base, key=len)] if base else "score", svg))
        if plots:
            yield probe, asked[0].question, plots


def _selections(content: Content, colours: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield set, number of its metric, and plot of each set with selectors."""
    for name in dict.fromkeys(one.set for one in content.selections):
        found = [one for one in content.selections if one.set == name]
        if svg := probe_plot(found, colours):
            yield name, found[0].number, svg


def _by_learner(content: Content) -> list[tuple[str, list[Example]]]:
    """Group the examples that were drawn, in the order of the suite."""
    drawn = [one for one in content.examples if one.drawing is not None]
    names = dict.fromkeys(one.learner for one in drawn)
    return [(name, [one for one in drawn if one.learner == name]) for name in names]


def _colours(content: Content) -> dict[str, str]:
    """Learners of the leaderboard come first, so that theirs are the easiest to tell apart."""
    named = [one.learner for one in content.leaderboard]
    named += [one.learner for one in content.standings if not one.baseline]
    named += [one.learner for one in content.probes]
    named += [one.learner for one in content.selections]
    return colours_of(list(dict.fromkeys(named)))


def _number(value: Any) -> str:
    return "" if value is None else markdown.number(float(value))


def _plain(value: Any) -> str:
    """Return a number as a script reads it; empty where there is none."""
    return "" if value is None or math.isnan(value) else repr(float(value))


@cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()
