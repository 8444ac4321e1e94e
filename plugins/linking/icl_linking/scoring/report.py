"""From outcomes to a table: accuracies with intervals, counts, and what each control costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_core.results.save import strict_json
from icl_linking.episodes.controls import BLANK, CONTROLS, REAL
from icl_linking.scoring.intervals import Difference, Share, paired_difference
from icl_linking.scoring.outcome import KINDS, Outcome

RULES = ("sound", "official")


@dataclass(frozen=True)
class Report:
    """How a learner did on one list of episodes.

    Args:
        outcomes: one an episode, in order.
        rule: "sound", or "official" for the released string match.
    """

    outcomes: tuple[Outcome, ...]
    rule: str = "sound"

    @property
    def overall(self) -> Share:
        """Accuracy over all episodes."""
        return self._share(self.outcomes)

    @property
    def positive(self) -> Share:
        """Accuracy where the query is of the positive class; of nothing where classes are alike."""
        return self._share(o for o in self.outcomes if o.positive is True)

    @property
    def negative(self) -> Share:
        """Accuracy where the query is of the negative class."""
        return self._share(o for o in self.outcomes if o.positive is False)

    @property
    def balanced(self) -> float:
        """Mean of positive and negative accuracy: one half for whoever always says the same."""
        return (self.positive.value + self.negative.value) / 2

    @property
    def official(self) -> Share:
        """Accuracy under the released string match, whatever the rule; of nothing for N-way."""
        judged = [o.official for o in self.outcomes if o.official is not None]
        return Share(sum(judged), len(judged))

    @property
    def follows(self) -> Share:
        """How often the answer is the name that swapped labels give to the query's class."""
        swapped = [o for o in self.outcomes if o.follows is not None]
        return Share(sum(o.named == (o.follows,) for o in swapped), len(swapped))

    @property
    def counts(self) -> dict[str, int]:
        """How many answers are right, wrong, name neither or both labels, or failed."""
        return {kind: sum(o.kind == kind for o in self.outcomes) for kind in KINDS}

    @property
    def log_loss(self) -> float:
        """Mean of -log of the right label's probability; NaN where there are none."""
        given = [o.probability for o in self.outcomes if o.probability is not None]
        if not given:
            return math.nan
        return -sum(math.log(max(p, 1e-12)) for p in given) / len(given)

    def right(self) -> list[bool]:
        """Whether each answer is right under the rule."""
        return [o.right(self.rule) for o in self.outcomes]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        shares = {
            "accuracy": self.overall,
            "positive": self.positive,
            "negative": self.negative,
            "official": self.official,
            "follows": self.follows,
        }
        numbers: dict[str, Any] = {
            name: {"value": s.value, "hits": s.hits, "total": s.total, "interval": s.interval}
            for name, s in shares.items()
            if s.total
        }
        facts = {"balanced": self.balanced, "log_loss": self.log_loss, "counts": self.counts}
        data: dict[str, Any] = strict_json({"rule": self.rule, **numbers, **facts})
        return data

    def _share(self, outcomes: Iterable[Outcome]) -> Share:
        right = [o.right(self.rule) for o in outcomes]
        return Share(sum(right), len(right))


@dataclass(frozen=True)
class ControlTable:
    """How a learner did on episodes and on their controls.

    Args:
        title: of the learner.
        source: of the episodes.
        reports: control -> report; all over the same episodes in the same order.
        skipped: control -> why it could not be made.
        notes: what else decides the numbers, such as shots.
    """

    title: str
    source: str
    reports: Mapping[str, Report]
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def real(self) -> Report:
        """The report of the unchanged episodes."""
        return self.reports[REAL]

    @property
    def image_effect(self) -> Difference:
        """Accuracy minus that with blank supports. About 0: the support pictures were not used."""
        return self.effect(BLANK)

    def effect(self, control: str) -> Difference:
        """Return accuracy minus that under a control; NaN where either is not there."""
        if REAL not in self.reports or control not in self.reports:
            return Difference(math.nan, math.nan, math.nan)
        return paired_difference(self.real.right(), self.reports[control].right())

    def to_json(self) -> dict[str, Any]:
        """Return everything but the single answers as plain data."""
        effects = {name: self.effect(name) for name in self.reports if name != REAL}
        data: dict[str, Any] = strict_json(
            {
                "learner": self.title,
                "source": self.source,
                "notes": dict(self.notes),
                "image_effect": _difference(self.image_effect),
                "controls": {name: report.to_json() for name, report in self.reports.items()},
                "effects": {name: _difference(effect) for name, effect in effects.items()},
                "skipped": dict(self.skipped),
            }
        )
        return data

    def to_markdown(self) -> str:
        """Return one table, per cent, with 95 % intervals in brackets."""
        return to_markdown([self])


def to_markdown(tables: Sequence[ControlTable]) -> str:
    """Give several results as one Markdown table, a row a control.

    The column "effect" is the accuracy lost by the control; in the row of the blank supports it is
    `image_effect`.
    """
    lines = [
        "| source | learner | control | accuracy | positive | negative | balanced | effect "
        "| official | neither | both | wrong | failed | n |",
        "|" + "---|" * 14,
    ]
    for table in tables:
        for control in CONTROLS:
            if control in table.skipped:
                why = table.skipped[control]
                lines.append(
                    f"| {_cell(table.source)} | {_cell(table.title)} | {control} "
                    f"| skipped: {_cell(why)} |" + " |" * 10
                )
            if control not in table.reports:
                continue
            lines.append(_row(table, control))
    lines.append("")
    for table in tables:
        lines.append(
            f"- {_cell(table.title)} on {_cell(table.source)}: "
            f"image_effect {table.image_effect}{_follows(table)}"
        )
    return "\n".join([*lines, ""])


def _row(table: ControlTable, control: str) -> str:
    report = table.reports[control]
    counts = report.counts
    balanced = "-" if math.isnan(report.balanced) else f"{100 * report.balanced:.1f}"
    cells = (
        _cell(table.source),
        _cell(table.title),
        control,
        str(report.overall),
        str(report.positive),
        str(report.negative),
        balanced,
        "-" if control == REAL else str(table.effect(control)),
        "-" if not report.official.total else f"{100 * report.official.value:.1f}",
        *(str(counts[kind]) for kind in ("neither", "both", "wrong", "failed")),
        str(len(report.outcomes)),
    )
    return f"| {' | '.join(cells)} |"


def _follows(table: ControlTable) -> str:
    found = [r.follows for r in table.reports.values() if r.follows.total]
    return f", follows swapped labels {found[0]}" if found else ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _difference(value: Difference) -> dict[str, float]:
    return {"value": value.value, "low": value.low, "high": value.high}
