"""One of two runs that are compared, with its rows, and whether episodes are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from icl_bench.campaign import Campaign
from icl_bench.planning import Asked, Probed, Selected
from icl_bench.standings import rows_of
from icl_core.evaluation import Named, Row, Store, Trial

_SAME = ("data", "source", "source_options", "metric", "change")
"""Facts of a trial that have to be the same in both runs, so that an episode is the same one."""

_SAID = {
    "data": "the data",
    "source": "the source",
    "source_options": "the options of the source",
    "metric": "the metric",
    "change": "the change",
}


class ComparedRun:
    """The results of a run.

    Args:
        folder: of the run.

    Raises:
        InputError: it holds no campaign.
    """

    def __init__(self, folder: str | Path) -> None:
        self.campaign = Campaign.open(folder)
        self.asked: dict[tuple[str, str], Asked] = {}
        self.probed: dict[tuple[str, str, str], Probed] = {}
        self.selected: dict[tuple[str, str], Selected] = {}
        self.named: Mapping[str, Named] = {}
        self._facts: Mapping[str, Mapping[str, Any]] = {}
        self._rows: dict[str, list[Row]] = {}
        if not self.campaign.store.exists():
            return
        with Store(self.campaign.store) as store:
            self.named, self._facts = store.named(), store.trials()
            for one in self.campaign.asked:
                if one.trial.title in self.named:
                    self.asked[one.item.name, one.learner.title] = one
                    self._read(store, one.trial)
            for probed in self.campaign.probed:
                place = probed.asked.trial.source.title, probed.asked.learner.title
                self.probed[(*place, probed.probe.name)] = probed
                self._read(store, *_with_baseline(probed))
            for chosen in self.campaign.selected:
                self.selected[chosen.asked.trial.source.title, chosen.asked.learner.title] = chosen
                self._read(store, *_with_baseline(chosen))

    def _read(self, store: Store, *trials: Trial) -> None:
        for trial in trials:
            if trial.title not in self._rows and trial.title in self.named:
                self._rows[trial.title] = rows_of(trial, store, self.named)

    def rows(self, trial: Trial) -> list[Row]:
        """Rows of a trial; none where it never ran."""
        return self._rows.get(trial.title, [])

    def baseline(self, asked: Asked) -> list[Row]:
        """Rows of the set's baseline; none where there is none."""
        return [] if asked.baseline is None else self.rows(asked.baseline)

    def facts(self, trial: Trial) -> Mapping[str, Any]:
        """What decided the results of a trial; empty where it never ran."""
        known = self.named.get(trial.title)
        return {} if known is None else self._facts.get(known.key, {})


def _with_baseline(one: Probed | Selected) -> tuple[Trial, ...]:
    base = one.asked.baseline
    return one.trials if base is None else (base, *one.trials)


def differ(
    old: Mapping[str, Any], new: Mapping[str, Any], was: Sequence[Row], now: Sequence[Row]
) -> str:
    """Say why episodes of the two runs are not the same ones; empty where they are.

    Args:
        old: facts of the trial in the earlier run.
        new: the same in the later run.
        was: its rows in the earlier run.
        now: its rows in the later run.
    """
    if old and new:
        for name in _SAME:
            if old.get(name) != new.get(name):
                return f"{_SAID[name]} of the set changed"
    names = {row.number: row.episode for row in was}
    if any(names.get(row.number, row.episode) != row.episode for row in now):
        return "the episodes of the set changed"
    return ""
