"""Plots as SVG that stands inside the page: skill of learners, and curves of probes.

Colours of ink and lines are variables of the page, so that plots follow its dark mode. What a
plot calls its learners stands in the page's own legend, not in the plot.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from icl_bench.report.markdown import one_line
from icl_bench.selections import SelectionResult
from icl_bench.standings import ProbeResult, Standing
from icl_core.errors import MissingExtraError
from icl_core.evaluation import Interval

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7f7f7f", "#8c564b")
"""Of learners, in their order; for the colour blind (Okabe and Ito), on white and on black."""

# Placeholders that no plot uses for anything else; each becomes a variable of the page.
_INK, _SOFT, _LINE = "#010203", "#010204", "#010205"
_VARIABLES = {_INK: "var(--ink)", _SOFT: "var(--soft)", _LINE: "var(--line)"}

_LEAST, _MOST = -1.0, 1.05
"""Skill that is drawn; what is worse is drawn at the edge."""

_LINES = {True: "-", False: ":", None: ""}
"""Of a probe with a curve, one without, and of selectors."""

_LABEL, _LEVEL = 34, 4


def need_matplotlib() -> None:
    """Raise where matplotlib is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "a report needs matplotlib", "pip install 'icl-suite[bench]'"
        ) from error


def colours_of(learners: Sequence[str]) -> dict[str, str]:
    """Give each learner its colour; after the last one they begin again."""
    return dict(zip(learners, cycle(COLOURS), strict=False))


def skill_plot(table: Sequence[Standing], colours: Mapping[str, str]) -> str:
    """Draw the skill of all learners of a task: one line a set, one dot a learner.

    Args:
        table: standings of one task, without baselines; those without skill are left out.
        colours: learner -> colour.

    Returns:
        SVG; empty where there is nothing to draw.
    """
    known = [one for one in table if math.isfinite(one.skill.value)]
    if not known:
        return ""
    sets = list(dict.fromkeys(one.set for one in known))
    learners = [name for name in colours if any(one.learner == name for one in known)]
    step = 0.18 if len(learners) < 5 else 0.8 / len(learners)
    with _figure(7.6, 0.75 + len(sets) * max(0.34, 0.13 * len(learners) + 0.1)) as (axes, drawn):
        for one in known:
            middle = sets.index(one.set)
            y = middle + (learners.index(one.learner) - (len(learners) - 1) / 2) * step
            _dot(axes, one.skill, y, colours[one.learner])
        axes.axvline(0, color=_SOFT, linewidth=1, linestyle="--")
        axes.set_yticks(range(len(sets)), [_short(name) for name in sets], parse_math=False)
        axes.set_ylim(len(sets) - 0.5, -0.5)
        lowest = min(one.skill.value for one in known)
        low = min(-0.05, *(one.skill.low for one in known if math.isfinite(one.skill.low)), lowest)
        axes.set_xlim(max(_LEAST, low) - 0.05, _MOST)
        axes.set_xlabel("skill: 0 is the trivial baseline, 1 cannot be beaten")
        axes.grid(axis="x", color=_LINE, linewidth=0.8)
    return drawn.svg


def probe_plot(
    found: Sequence[ProbeResult] | Sequence[SelectionResult], colours: Mapping[str, str]
) -> str:
    """Draw one probe, or the selectors, on one set: the score at each level, one line a learner.

    Args:
        found: results on one set; those without points are left out.
        colours: learner -> colour.

    Returns:
        SVG; empty where there is nothing to draw.
    """
    known = [one for one in found if one.points]
    if not known:
        return ""
    names = {x: name for one in known for x, name, _ in one.points}
    order = sorted(names)
    shown = [_short(names[x], 16 if len(order) > _LEVEL else 12) for x in order]
    slanted = len(order) > _LEVEL and max(map(len, shown)) > _LEVEL  # names of selectors
    with _figure(3.7, 2.7 if slanted else 2.3) as (axes, drawn):
        for number, one in enumerate(known):
            # Levels stand side by side: shots double, and intervals of learners must not hide.
            shift = 0.06 * (number - (len(known) - 1) / 2)
            x = [order.index(at) + shift for at, _, _ in one.points]
            y = [point.value for _, _, point in one.points]
            colour = colours.get(one.learner, COLOURS[-1])
            axes.plot(
                x,
                y,
                color=colour,
                linewidth=1.6 if getattr(one, "curve", None) else 0.8,
                marker="o",
                markersize=4.5,
                # Selectors have no order: dots alone.
                linestyle=_LINES[getattr(one, "curve", None)],
            )
            for place, (_, _, point) in zip(x, one.points, strict=True):
                if math.isfinite(point.low):
                    axes.plot([place] * 2, [point.low, point.high], color=colour, linewidth=1.2)
        axes.set_xticks(range(len(order)), shown, parse_math=False)
        if slanted:
            axes.tick_params(axis="x", labelrotation=30)
            for label in axes.get_xticklabels():
                label.set_horizontalalignment("right")
                label.set_rotation_mode("anchor")
        axes.set_xlim(-0.4, len(order) - 0.6)
        _with_room(axes)
        axes.grid(axis="y", color=_LINE, linewidth=0.8)
    return drawn.svg


def _with_room(axes: Any) -> None:
    """Widen an axis whose numbers are all but equal: nothing is made of their last digit."""
    low, high = axes.get_ylim()
    least = 0.1 * max(abs(low), abs(high), 0.1)
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)


def _dot(axes: Any, skill: Interval, y: float, colour: str) -> None:
    if math.isfinite(skill.low):
        ends = [max(_LEAST, skill.low), max(_LEAST, skill.high)]
        axes.plot(ends, [y, y], color=colour, linewidth=2, solid_capstyle="round", alpha=0.55)
    worse = skill.value < _LEAST
    axes.plot(
        [max(_LEAST, skill.value)], [y], marker="<" if worse else "o", color=colour, markersize=6
    )


class _Drawn:
    svg = ""


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Any, _Drawn]]:
    """Give axes to draw on; the SVG is there when the body is done. Sizes are in inches."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",  # text stays text, in the page's font
        "svg.hashsalt": "icl",  # the same names of parts each time
        "text.color": _INK,
        "axes.labelcolor": _SOFT,
        "axes.edgecolor": _SOFT,
        "xtick.color": _SOFT,
        "ytick.color": _SOFT,
        "xtick.labelcolor": _INK,
        "ytick.labelcolor": _INK,
        "font.size": 9.0,
    }
    drawn = _Drawn()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font for measuring lacks
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        yield axes, drawn
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    drawn.svg = _for_a_page(written.getvalue())


def _for_a_page(svg: str) -> str:
    """Take away what only a file of its own needs: names of standards, data about the file."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    head, rest = body.split(">", 1)
    head = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", head)
    for colour, variable in _VARIABLES.items():
        rest = rest.replace(colour, variable)
    # The page's font, and names that two plots of a page would share.
    rest = re.sub(r"font-family: [^;\"]*;? ?", "", rest)
    rest = re.sub(r"font: (?:[\w ]* )?([\d.]+px) [^;\"]*", r"font-size: \1", rest)
    rest = re.sub(r'<g id="[^"]*"', "<g", rest)
    rest = re.sub(r"\s*\n\s*", "\n", rest)
    return f"{head}>{rest}".strip()


def _short(text: str, longest: int = _LABEL) -> str:
    return one_line(text, longest)
