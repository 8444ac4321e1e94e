"""How much of what a text is worth remains when it is said in other words.

    python plugins/forecasting/rewordings/measure.py --split develop

Scores a learner without text, with the original texts and with rewordings, by family; then on
made-up kinds of tasks, beside a forecast that knows the effect.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filling import Kind, chosen, read_kinds, reworded
from kinds import MadeUp, make
from slots import slots_of

from icl_core.errors import IclError, InputError
from icl_core.learner import Learner
from icl_core.registry import load
from icl_core.results.save import write_json
from icl_forecasting.cik.instances import Instance, read
from icl_forecasting.cik.metric import rcrps
from icl_forecasting.cik.scores.run import Result, run_learner

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "cik" / "cik_dev.jsonl.gz"
CAP = 5.0
"""An instance counts at most this much, as in the benchmark."""

SMALL_GAIN = 0.01
"""Below this gain of the original text no share is shown."""


@dataclass
class Line:
    """One line of a table: means over instances, by their weights.

    Args:
        name: family or kind.
        without: score without text.
        text: score with the original text (made-up kinds: with a wording).
        other: score with rewordings (made-up kinds: of the forecast that knows the effect).
        instances: number of instances.
        texts: number of rewordings.
        worse: rewordings that score worse than no text by more than a tenth of that score.
    """

    name: str
    without: float
    text: float
    other: float
    instances: int
    texts: int
    worse: int

    @property
    def kept(self) -> float | None:
        """Share of the gain of the original texts that rewordings keep."""
        gain = self.without - self.text
        return (self.without - self.other) / gain if gain > SMALL_GAIN else None

    @property
    def reached(self) -> float | None:
        """Share of what knowing the effect would gain that the text gains (made-up kinds)."""
        gain = self.without - self.other
        return (self.without - self.text) / gain if gain > SMALL_GAIN else None


@dataclass
class Reworded:
    """A rewording and what became of it."""

    kind: Kind
    template: int
    instance: Instance
    text: str
    score: float = float("nan")
    error: str | None = None


@dataclass
class Scores:
    """Scores of one instance."""

    family: str
    weight: float
    without: float
    original: float
    rewordings: list[Reworded] = field(default_factory=list)

    @property
    def other(self) -> float:
        """Mean over its rewordings."""
        return float(np.mean([one.score for one in self.rewordings]))

    @property
    def worse(self) -> int:
        """Rewordings that are clearly worse than no text."""
        limit = 1.1 * self.without + 0.002
        return sum(one.score > limit for one in self.rewordings)


def reword(
    instances: Sequence[Instance], kinds: Sequence[Kind], count: int | None, seed: int
) -> list[Reworded]:
    """Reword the texts of instances; those without templates get none."""
    found = []
    for instance in instances:
        slots = slots_of(instance)
        for kind in kinds:
            if instance.name not in kind.tasks:
                continue
            for at in chosen(kind, count, instance.name, instance.seed, seed):
                text = reworded(kind, at, slots, instance.name, instance.seed, seed)
                found.append(Reworded(kind, at, instance, text))
    return found


def score_rewordings(
    learner: Learner, texts: Sequence[Reworded], batch_size: int
) -> dict[str, Scores]:
    """Score rewordings beside the original text and no text: instance id -> scores."""
    instances = list({one.instance.id: one.instance for one in texts}.values())
    without = _scores(run_learner(learner, instances, texts=_all(False, instances)))
    original = _scores(run_learner(learner, instances, texts=_all(True, instances)))
    results = run_learner(
        learner,
        [one.instance for one in texts],
        texts=[one.text for one in texts],
        batch_size=batch_size,
    )
    found: dict[str, Scores] = {}
    for place, instance in enumerate(instances):
        family = next(one.kind.family for one in texts if one.instance is instance)
        weight = float(instance.weight)
        found[instance.id] = Scores(family, weight, without[place], original[place])
    for one, score, result in zip(texts, _scores(results), results, strict=True):
        one.score, one.error = score, result.error
        found[one.instance.id].rewordings.append(one)
    return found


def score_made_up(learner: Learner, made: Sequence[MadeUp], batch_size: int) -> list[Line]:
    """Score made-up kinds without and with text, beside the forecast that knows the effect."""
    without = _scores(run_learner(learner, [m.instance for m in made], texts=_all(False, made)))
    pairs = [(m, text) for m in made for _, text in m.texts]
    results = run_learner(
        learner,
        [m.instance for m, _ in pairs],
        texts=[text for _, text in pairs],
        batch_size=batch_size,
    )
    with_text: dict[str, list[float]] = {}
    for (m, _), score in zip(pairs, _scores(results), strict=True):
        with_text.setdefault(m.instance.id, []).append(score)
    lines = []
    for kind in dict.fromkeys(m.kind for m in made):
        own = [(m, base) for m, base in zip(made, without, strict=True) if m.kind == kind]
        texts = [with_text[m.instance.id] for m, _ in own]
        known = [rcrps(m.oracle, m.instance.target)["rcrps"] for m, _ in own]
        worse = sum(
            score > 1.1 * base + 0.002
            for (_, base), scores in zip(own, texts, strict=True)
            for score in scores
        )
        lines.append(
            Line(
                kind,
                float(np.mean([base for _, base in own])),
                float(np.mean([np.mean(scores) for scores in texts])),
                float(np.mean(known)),
                len(own),
                sum(len(scores) for scores in texts),
                worse,
            )
        )
    return lines


def family_lines(scores: Sequence[Scores]) -> list[Line]:
    """Average scores by family, and over all of them in the last line."""
    families = list(dict.fromkeys(one.family for one in scores))
    lines = [_line(name, [one for one in scores if one.family == name]) for name in families]
    return [*lines, _line("all", list(scores))]


def _line(name: str, scores: Sequence[Scores]) -> Line:
    weights = [one.weight for one in scores]
    return Line(
        name,
        float(np.average([one.without for one in scores], weights=weights)),
        float(np.average([one.original for one in scores], weights=weights)),
        float(np.average([one.other for one in scores], weights=weights)),
        len(scores),
        sum(len(one.rewordings) for one in scores),
        sum(one.worse for one in scores),
    )


def _all(text: bool, instances: Sequence[Any]) -> list[bool | str]:
    return [text] * len(instances)


def _scores(results: Sequence[Result]) -> list[float]:
    """Score of each answer; none or an infinite one counts as `CAP`."""
    scores = [one.outcome.metric for one in results]
    return [min(score, CAP) if np.isfinite(score) else CAP for score in scores]


def table(lines: Sequence[Line], made_up: bool) -> str:
    """Write lines as a table in Markdown."""
    titles = ("kind", "no text", "text", "knowing", "reached") if made_up else ()
    titles = titles or ("family", "no text", "original", "reworded", "kept")
    rows = ["| " + " | ".join((*titles, "texts", "worse")) + " |", "|---" * 7 + "|"]
    for one in lines:
        share = one.reached if made_up else one.kept
        shown = "-" if share is None else f"{100 * share:.0f} %"
        numbers = f"{one.without:.4f} | {one.text:.4f} | {one.other:.4f} | {shown}"
        rows.append(f"| {one.name} | {numbers} | {one.texts} | {one.worse} |")
    return "\n".join(rows)


def worst(scores: Sequence[Scores], count: int) -> str:
    """List the rewordings that lose most against the original text."""
    lost = [(one.score - of.original, of, one) for of in scores for one in of.rewordings]
    lost.sort(key=lambda entry: -entry[0] * entry[1].weight)
    pages = []
    for difference, of, one in lost[:count]:
        head = f"{one.instance.id}, template {one.template} of {one.kind.name!r}: "
        head += f"{of.original:.3f} original, {one.score:.3f} reworded, {of.without:.3f} without"
        pages.append(f"\n## {head} (lost {difference:.3f})\n{one.error or ''}\n{one.text}")
    return "\n".join(pages)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(message)s")
    try:
        _run(options)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.worst and options.split == "apart":
        raise InputError("the texts of apart are not shown: they are for measuring only")
    count = None if options.all else options.count
    kinds = [one for one in read_kinds(options.split) if options.only in one.name + one.family]
    settings = dict(pair.partition("=")[::2] for pair in options.option)
    learner = load(options.learner, options.weights, options.device, **settings)
    report: dict[str, Any] = {"split": options.split, "learner": options.learner}

    texts = reword(read(options.data), [k for k in kinds if k.tasks], count, options.seed)
    if texts:
        scores = list(score_rewordings(learner, texts, options.batch_size).values())
        lines = family_lines(scores)
        print(f"# Rewordings ({options.split})\n\n{table(lines, False)}")
        if failed := [one.error for one in texts if one.error]:
            print(f"\n{len(failed)} without an answer; the first: {failed[0]}")
        if options.worst:
            print(worst(scores, options.worst))
        report["families"] = [vars(line) | {"kept": line.kept} for line in lines]
    seeds = range(1, options.seeds + 1)
    made = [m for k in kinds if not k.tasks for m in make(k, seeds, count, options.seed)]
    if made:
        lines = score_made_up(learner, made, options.batch_size)
        means = [
            float(np.mean([getattr(one, name) for one in lines]))
            for name in ("without", "text", "other")
        ]
        totals = [sum(getattr(one, name) for one in lines) for name in ("texts", "worse")]
        lines.append(Line("all", means[0], means[1], means[2], len(made), totals[0], totals[1]))
        print(f"\n# Made-up kinds ({options.split})\n\n{table(lines, True)}")
        report["made_up"] = [vars(line) | {"reached": line.reached} for line in lines]
    if not texts and not made:
        raise InputError(f"nothing in {options.split} has {options.only!r} in its name")
    if options.json is not None:
        write_json(options.json, json.loads(json.dumps(report)), overwrite=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="measure.py", description=__doc__)
    add = parser.add_argument
    add("--split", choices=("develop", "wide", "apart"), required=True, help="whose wordings")
    add("--learner", default="cik", help="a forecasting learner")
    add("--weights", help="its weights")
    add("--option", action="append", default=[], metavar="K=V", help="a load option of it")
    add("--device", default="auto", help="device of the learner")
    add("--count", type=int, default=2, metavar="N", help="rewordings of each instance")
    add("--all", action="store_true", help="every rewording of each instance")
    add("--seeds", type=int, default=3, metavar="N", help="instances of each made-up kind")
    add("--seed", type=int, default=0, help="of the choice of rewordings")
    add("--only", default="", metavar="TEXT", help="kinds and families with this in their name")
    add("--worst", type=int, default=0, metavar="N", help="show the N worst texts (not of apart)")
    add("--batch-size", type=int, default=64, metavar="N", help="episodes in one forward pass")
    add("--data", type=Path, default=DATA, metavar="FILE", help="the development file")
    add("--json", type=Path, metavar="F", help="write the numbers to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
