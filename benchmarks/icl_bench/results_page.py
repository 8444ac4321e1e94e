"""Write `benchmarks/RESULTS.md`: what `make bench` measured, when, and on what machine.

`python -m icl_bench.results_page FOLDER --out FILE` reads the campaign in `FOLDER/quick` and the
tables of the speed comparisons in `FOLDER/*.md`, one file a comparison, as they print them.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from icl_bench.campaign import Campaign
from icl_bench.standings import ProbeResult, Standing
from icl_core.errors import IclError
from icl_core.evaluation import Interval, Store
from icl_core.results.save import atomic_path

SUITE = "quick"
_CPU = Path("/proc/cpuinfo")


def page(folder: Path) -> str:
    """Return the page.

    Args:
        folder: holds the campaign and the tables.

    Raises:
        InputError: there is no campaign in it.
    """
    campaign = Campaign.open(folder / SUITE)
    return "\n".join(
        [
            *_head(campaign),
            *_scores(campaign),
            *_probes(campaign),
            *_selections(campaign),
            *_speed(folder),
        ]
    )


def _head(campaign: Campaign) -> Iterator[str]:
    yield "# Results\n"
    yield "<!-- Written by `make bench`; run it again instead of editing this page. -->\n"
    yield f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())}, {hardware()}.\n"
    with Store(campaign.store) as store:
        found = store.environments()
    names = sorted({name for one in found for name in one} - {"machine", "system"})
    facts = [f"{n} {', '.join(sorted({str(one[n]) for one in found if n in one}))}" for n in names]
    yield f"The scores were made with {'; '.join(facts)}.\n"


def hardware() -> str:
    """Name the processor and its cores, and the accelerator where torch is loaded and has one."""
    model = platform.processor() or platform.machine()
    if _CPU.is_file():
        lines = _CPU.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def _scores(campaign: Campaign) -> Iterator[str]:
    yield f"## Scores: `icl bench run {campaign.suite.name}`\n"
    yield (
        "Skill is (score - baseline) / (perfect - baseline): 0 is the trivial baseline of the set, "
        "1 cannot be beaten. In brackets 95 % bootstrap intervals over episodes.\n"
    )
    yield "| set | learner | number | score | skill | episodes | failed | s an episode |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in campaign.table():
        yield _row(one)
    yield ""


def _row(one: Standing) -> str:
    title = cell(one.learner) + (" (baseline)" if one.baseline else "")
    if one.missing:
        return (
            f"| {cell(one.set)} | {title} | {one.number} | not run: {cell(one.missing)} | | | | |"
        )
    seconds = "" if math.isnan(one.seconds) else f"{one.seconds:.3g}"
    return (
        f"| {cell(one.set)} | {title} | {one.number} | {_number(one.score)} | "
        f"{_number(one.skill)} | {one.episodes} | {one.failures or ''} | {seconds} |"
    )


def _probes(campaign: Campaign) -> Iterator[str]:
    found = [one for one in campaign.probe_results() if one.points]
    if not found:
        return
    yield "## Probes\n"
    yield (
        "Gains along a curve, and losses against the unchanged context, in units of skill: of the "
        "way from the trivial baseline to a perfect score.\n"
    )
    yield "| set | learner | probe | change | points |"
    yield "|---|---|---|---|---|"
    for one in found:
        yield (
            f"| {cell(one.set)} | {cell(one.learner)} | {one.probe} | {_change(one)} | "
            f"{', '.join(f'{name}: {value.value:.3g}' for _, name, value in one.points)} |"
        )
    yield ""


def _selections(campaign: Campaign) -> Iterator[str]:
    found = [one for one in campaign.selection_results() if one.points]
    if not found:
        return
    yield "## Context selection\n"
    yield (
        "Scores with the examples that each selector chose, and in parentheses the gain over "
        "random on the same episodes, in units of skill.\n"
    )
    yield "| set | learner | number | selectors |"
    yield "|---|---|---|---|"
    for one in found:
        said = [
            f"{cell(name)}: {value.value:.3g}"
            + (f" ({_number(one.gains[name])})" if name in one.gains else "")
            for _, name, value in one.points
        ]
        yield f"| {cell(one.set)} | {cell(one.learner)} | {one.number} | {', '.join(said)} |"
    yield ""


def _speed(folder: Path) -> Iterator[str]:
    tables = sorted(folder.glob("*.md"))
    if tables:
        yield "## Speed, beside the official implementations\n"
    for path in tables:
        yield f"### {path.stem}\n"
        yield f"`make bench-{path.stem}`\n"
        text = path.read_text(encoding="utf-8").strip()
        # Headings of a table stay below that of its comparison.
        lines = [f"##{line}" if line.startswith("#") else line for line in text.splitlines()]
        yield "\n".join(lines or ["Failed: it printed nothing."]) + "\n"


def _number(found: Interval) -> str:
    if math.isnan(found.value):
        return ""
    ends = "" if math.isnan(found.low) else f" [{found.low + 0.0:.3g}, {found.high + 0.0:.3g}]"
    return f"{found.value + 0.0:.3g}{ends}"


def _change(one: ProbeResult) -> str:
    if math.isnan(one.number.value):
        return cell(one.missing)
    return f"{'gain' if one.curve else 'loss'} {_number(one.number)}"


def cell(text: str) -> str:
    """Make a text safe inside a table of Markdown."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m icl_bench.results_page", description="Write the page of results."
    )
    parser.add_argument("folder", type=Path, help="holds the campaign and the tables")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the page")
    asked = parser.parse_args(arguments)
    try:
        text = page(asked.folder)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with atomic_path(asked.out, overwrite=True) as path:
        path.write_text(text, encoding="utf-8")
    print(asked.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
