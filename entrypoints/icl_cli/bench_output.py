"""What a run ends with: its results as tables or JSON on stdout."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from icl_cli.guard import say
from icl_cli.output import one_line, print_json, print_table

if TYPE_CHECKING:
    from icl_bench.campaign import Campaign
    from icl_core.evaluation import Interval


def print_results(campaign: Campaign, as_json: bool, scores: bool = True) -> None:
    """Write standings and probes to stdout, failures and what comes next to stderr.

    Args:
        campaign: that was run.
        as_json: one JSON object instead of tables.
        scores: whether standings are shown.
    """
    from icl_core.results.save import strict_json

    table, probes = campaign.table() if scores else [], campaign.probe_results()
    selections = campaign.selection_results() if scores else []
    if as_json:
        print_json(
            {
                "suite": campaign.suite.id,
                "standings": [strict_json(asdict(one)) for one in table],
                "probes": [strict_json(asdict(one)) for one in probes],
                "selections": [strict_json(asdict(one)) for one in selections],
            }
        )
        return
    standings = [
        (
            one.set,
            one.learner + (" (baseline)" if one.baseline else ""),
            one.number,
            number(one.score),
            number(one.skill),
            None if one.published is None else f"{one.published:g}",
            one.episodes,
            one.failures or None,
        )
        for one in table
        if not one.missing
    ]
    if standings:
        header = ("SET", "LEARNER", "NUMBER", "SCORE", "SKILL", "PUBLISHED", "EPISODES", "FAILED")
        print_table(header, standings)
    answered = [one for one in probes if one.points]
    if answered:
        if standings:
            print_table(("",), [])
        rows = [(p.set, p.learner, p.probe, _change(p), p.unit, _points(p)) for p in answered]
        print_table(("SET", "LEARNER", "PROBE", "CHANGE", "IN", "POINTS"), rows)
    chosen = [
        (one.set, one.learner, name, number(score), number(one.gains[name]) if place else None)
        for one in selections
        for place, (_, name, score) in enumerate(one.points)
        if not place or name in one.gains
    ]
    if chosen:
        print_table(("",), [])
        print_table(("SET", "LEARNER", "SELECTOR", "SCORE", "GAIN OVER RANDOM"), chosen)
    for one in table:
        if one.missing and not one.skipped:
            say(one_line(f"Not run: {one.learner} on {one.set}: {one.missing}"))
    say(f"Results are in {campaign.folder}. `icl bench report {campaign.folder}` shows them.")


def number(found: Interval) -> str | None:
    """Write a number with its interval; None where there is none."""
    if math.isnan(found.value):
        return None
    ends = "" if math.isnan(found.low) else f" [{found.low + 0.0:.3g}, {found.high + 0.0:.3g}]"
    return f"{found.value + 0.0:.3g}{ends}"  # + 0.0: no "-0"


def _change(probe: Any) -> str | None:
    return number(probe.number) and f"{'gain' if probe.curve else 'loss'} {number(probe.number)}"


def _points(probe: Any) -> str:
    return ", ".join(f"{name}: {found.value:.3g}" for _, name, found in probe.points)
