"""What a report says, as plain data: made of a campaign, rendered elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_bench.campaign import DESCRIPTION, Campaign
from icl_bench.report.leaderboard import Place, leaderboard
from icl_bench.selections import Gain, SelectionResult, by_task
from icl_bench.standings import ProbeResult, Standing, rows_of
from icl_core.evaluation import Store
from icl_core.results.save import strict_json

if TYPE_CHECKING:
    from icl_bench.report.examples import Example

FORMAT = 1

_TABLES = ("leaderboard", "standings", "probes", "selections", "gains", "failures", "missing")

MOST_NAMES = 5
"""Episodes that are named with one kind of failure."""


@dataclass(frozen=True)
class Failure:
    """Episodes of one learner on one set that failed with the same sentence.

    Args:
        learner: its title.
        set: name of the set.
        error: the sentence.
        count: how many episodes.
        episodes: names of the first of them.
        trace: of the first one; empty for an error that explains itself.
    """

    learner: str
    set: str
    error: str
    count: int
    episodes: tuple[str, ...]
    trace: str = ""


@dataclass(frozen=True)
class Missing:
    """What was asked for and could not run.

    Args:
        set: name of the set.
        learners: their titles; empty = none could, since the set's data is not there.
        reason: one sentence.
        skipped: whether the data is not there, which is no failure.
    """

    set: str
    learners: tuple[str, ...]
    reason: str
    skipped: bool


@dataclass(frozen=True)
class Beside:
    """A published number with ours beside it.

    Args:
        set: name of the set.
        number: which number of the metric.
        method: as it is called where it was published.
        value: the published number.
        ours: ours, where a learner of that title was run; None = it was not.
        source: where it stands.
    """

    set: str
    number: str
    method: str
    value: float
    ours: Standing | None
    source: str


@dataclass(frozen=True)
class Content:
    """All that a report says.

    Args:
        suite: name and version.
        summary: of the suite.
        data: name of the data folder; None = there was none.
        versions: distribution -> version, when the run began last.
        began: date and time (UTC) of the first run into the folder; None in older folders.
        environments: that results were made in.
        leaderboard: learners by mean skill.
        standings: each learner on each set.
        probes: what probes found.
        selections: what selectors found.
        gains: of selectors over random, by modality.
        failures: episodes without an answer.
        missing: what could not run.
        published: numbers of others with ours.
        weights: learner -> digests of the weights that it had.
        examples: worst and best episodes.
        notes: sentences about examples that could not be drawn.
    """

    suite: str
    summary: str
    data: str | None
    versions: Mapping[str, str]
    began: str | None
    environments: Sequence[Mapping[str, Any]]
    leaderboard: Sequence[Place]
    standings: Sequence[Standing]
    probes: Sequence[ProbeResult]
    selections: Sequence[SelectionResult]
    gains: Sequence[Gain]
    failures: Sequence[Failure]
    missing: Sequence[Missing]
    published: Sequence[Beside]
    weights: Mapping[str, Sequence[str]]
    examples: Sequence[Example] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def counts(self) -> str:
        """One sentence: how much was run."""
        ran = [one for one in self.standings if one.episodes or one.failures]
        sets, learners = {one.set for one in ran}, {one.learner for one in ran}
        answered, failed = sum(o.episodes for o in ran), sum(o.failures for o in ran)
        without = len({one.set for one in self.missing if one.skipped})
        return (
            f"{_many(len(learners), 'learner')} on {_many(len(sets), 'set')}: "
            f"{_many(answered, 'answer')}, {_many(failed, 'failed episode')}; "
            f"{_many(without, 'set')} without data."
        )

    def with_examples(self, examples: Sequence[Example], notes: Sequence[str]) -> Content:
        """Return it with examples and with sentences about those that could not be drawn."""
        return replace(self, examples=tuple(examples), notes=tuple(notes))

    def to_json(self) -> dict[str, Any]:
        """Return it as strict JSON data: what is missing is null. Pictures are left out."""
        known = {name: [asdict(one) for one in getattr(self, name)] for name in _TABLES}
        found: dict[str, Any] = strict_json(
            {
                "format": FORMAT,
                "suite": self.suite,
                "summary": self.summary,
                "data": self.data,
                "versions": self.versions,
                "began": self.began,
                "environments": self.environments,
                "weights": self.weights,
                **known,
                "published": [
                    {**vars(one), "ours": None if one.ours is None else asdict(one.ours.score)}
                    for one in self.published
                ],
                "examples": [one.to_json() for one in self.examples],
                "notes": list(self.notes),
            }
        )
        return found


def gathered(campaign: Campaign) -> Content:
    """Gather what a report says.

    Args:
        campaign: whose folder holds the results.
    """
    table = campaign.table()
    described = _described(campaign.folder)
    selections = campaign.selection_results()
    failures: list[Failure] = []
    environments: list[dict[str, Any]] = []
    weights: dict[str, list[str]] = {}
    if campaign.store.exists():
        with Store(campaign.store) as store:
            environments = store.environments()
            named, facts = store.named(), store.trials()
            for asked in campaign.asked:
                rows = [row for row in rows_of(asked.trial, store, named) if row.failed]
                failures += _failures(asked.learner.title, asked.item.name, rows)
                known = named.get(asked.trial.title)
                digest = facts.get(known.key, {}).get("weights") if known else None
                if digest:
                    weights.setdefault(asked.learner.title, []).append(str(digest))
    return Content(
        suite=campaign.suite.id,
        summary=campaign.suite.summary,
        data=described.get("data"),
        versions=described.get("versions") or {},
        began=described.get("began"),
        environments=environments,
        leaderboard=leaderboard(table),
        standings=_by_skill(table),
        probes=campaign.probe_results(),
        selections=selections,
        gains=by_task(selections),
        failures=failures,
        missing=_missing(table),
        published=_beside(campaign, table),
        weights={name: tuple(dict.fromkeys(found)) for name, found in weights.items()},
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _by_skill(table: Sequence[Standing]) -> list[Standing]:
    """Order learners of a set by their skill; sets stay in the order of the suite."""
    places = {name: number for number, name in enumerate(dict.fromkeys(o.set for o in table))}

    def key(one: Standing) -> tuple[int, bool, float]:
        value = one.skill.value
        return places[one.set], value != value, -value if value == value else 0.0

    return sorted(table, key=key)


def _failures(learner: str, name: str, rows: Sequence[Any]) -> list[Failure]:
    by_error: dict[str, list[Any]] = {}
    for row in rows:
        by_error.setdefault(row.error, []).append(row)
    return [
        Failure(
            learner,
            name,
            error,
            len(found),
            tuple(row.episode for row in found[:MOST_NAMES]),
            found[0].trace,
        )
        for error, found in by_error.items()
    ]


def _missing(table: Sequence[Standing]) -> list[Missing]:
    """Group by set and reason; failures before sets whose data is not there."""
    found: dict[tuple[str, str, bool], list[str]] = {}
    for one in table:
        if one.missing:
            found.setdefault((one.set, one.missing, one.skipped), []).append(one.learner)
    missing = [
        Missing(name, () if skipped else tuple(learners), reason, skipped)
        for (name, reason, skipped), learners in found.items()
    ]
    return sorted(missing, key=lambda one: one.skipped)


def _beside(campaign: Campaign, table: Sequence[Standing]) -> list[Beside]:
    """Published numbers of the sets that were run."""
    known = {(one.set, one.learner): one for one in table if one.episodes}
    ran = {name for name, _ in known}
    return [
        Beside(
            one.set,
            one.number,
            one.learner,
            one.value,
            known.get((one.set, one.learner)),
            one.source,
        )
        for one in campaign.published()
        if one.set in ran
    ]


def _described(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    return found
