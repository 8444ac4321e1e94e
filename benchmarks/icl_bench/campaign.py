"""A campaign: a suite that is run into a folder, gone on with, and read again from the folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from icl_bench.description import DESCRIPTION, RESULTS, clear, describe, described
from icl_bench.planning import (
    Asked,
    Probed,
    Selected,
    plan,
    plan_probes,
    plan_selections,
    with_baselines,
)
from icl_bench.selections import SelectionResult, selection_result
from icl_bench.sets import data_folder
from icl_bench.standings import ProbeResult, Standing, probe_result, standing
from icl_bench.suite import Suite
from icl_core.errors import InputError
from icl_core.evaluation import Outcome, RunOptions, Store, Trial, Watcher

__all__ = [
    "DESCRIPTION",
    "RESULTS",
    "Campaign",
    "PublishedNumber",
]

ENGINES = ("local", "ray")

DONE, REGRESSED, BAD_INPUT, PARTLY_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""


_APART = {"learners": None, "selectors": (), "budget": None, "pool": None}
"""Parts of a set that may change between runs into one folder: their results have own keys."""


@dataclass(frozen=True)
class PublishedNumber:
    """A number that others have published.

    Args:
        set: name of the set.
        number: which number of the metric it is.
        learner: as it is called there.
        value: the number.
        source: where it stands.
    """

    set: str
    number: str
    learner: str
    value: float
    source: str


class Campaign:
    """A suite and its results. Made by `create` and `open`.

    Args:
        suite: what is run.
        folder: of the results.
        data: folder of all data; None = there is none.
        learners: titles or names of the learners that are run; None = all.
        sets: names of the sets that are run; None = all.
    """

    def __init__(
        self,
        suite: Suite,
        folder: str | Path,
        data: Path | None = None,
        *,
        learners: Collection[str] | None = None,
        sets: Collection[str] | None = None,
    ) -> None:
        for name in sets or ():
            suite.item(name)
        self.suite = suite
        self.folder = Path(folder)
        self.data = data
        self._learners, self._sets = learners, sets
        # Intervals take a while, and results change in `run` alone.
        self._table: list[Standing] | None = None
        self._probes: list[ProbeResult] | None = None
        self._selections: list[SelectionResult] | None = None

    @classmethod
    def create(
        cls,
        suite: Suite,
        folder: str | Path,
        data: str | Path | None = None,
        *,
        learners: Collection[str] | None = None,
        sets: Collection[str] | None = None,
        overwrite: bool = False,
    ) -> Campaign:
        """Begin a campaign, or go on with the one that the folder holds.

        Learners of the folder's suite that this one lacks are kept.

        Args:
            suite: what is run.
            folder: of the results; it is made where it is missing.
            data: folder of all data; None = that of `ICL_DATA`.
            learners: titles or names of the learners that are run; None = all.
            sets: names of the sets that are run; None = all.
            overwrite: begin anew; earlier results of a campaign are thrown away.

        Raises:
            InputError: the folder holds another suite, another version of it, or other files.
        """
        place = Path(folder)
        if overwrite:
            clear(place)
        if (place / DESCRIPTION).exists():
            known = described(place)
            if known.id != suite.id:
                raise InputError(
                    f"{place} holds results of {known.id}, and {suite.id} is asked for",
                    "choose another folder, or --overwrite to throw them away",
                )
            same = [item.model_copy(update=_APART) for item in suite.sets]
            for item in known.sets:
                if item.model_copy(update=_APART) not in same:
                    raise InputError(
                        f"the set {item.name} of {suite.id} is not what it was in {place}",
                        "a change that changes results needs another version of the suite",
                    )
            suite = suite.merged(known)
        elif place.is_dir() and any(place.iterdir()):
            raise InputError(
                f"{place} holds files, and no campaign", "choose an empty folder or a new one"
            )
        campaign = cls(suite, place, data_folder(data), learners=learners, sets=sets)
        place.mkdir(parents=True, exist_ok=True)
        describe(place, suite, campaign.data)
        return campaign

    @classmethod
    def open(cls, folder: str | Path, data: str | Path | None = None) -> Campaign:
        """Read a campaign from its folder; no data, learner or weights are needed.

        Args:
            folder: of the results.
            data: folder of all data, for those who want to see episodes again; None = that of
                `ICL_DATA`.

        Raises:
            InputError: the folder holds no campaign.
        """
        return cls(described(Path(folder)), folder, data_folder(data))

    @property
    def store(self) -> Path:
        """The file of the results."""
        return self.folder / RESULTS

    @cached_property
    def asked(self) -> list[Asked]:
        """Which learner meets which set."""
        return plan(self.suite, self.data, learners=self._learners, sets=self._sets)

    @cached_property
    def probed(self) -> list[Probed]:
        """Which probes are asked of which learner."""
        return plan_probes(self.suite, self.data, learners=self._learners, sets=self._sets)

    @cached_property
    def selected(self) -> list[Selected]:
        """Which selectors choose the contexts of which learner."""
        return plan_selections(self.suite, self.data, learners=self._learners, sets=self._sets)

    @property
    def trials(self) -> list[Trial]:
        """What the engine runs, but for probes and selectors."""
        return [one.trial for one in self.asked]

    def run(
        self,
        options: RunOptions | None = None,
        engine: str = "local",
        watcher: Watcher | None = None,
        *,
        address: str | None = None,
        scores: bool = True,
        probes: bool = True,
        selections: bool = True,
    ) -> Outcome:
        """Run what is not in the store yet. It may be killed at any moment and called again.

        Args:
            options: how.
            engine: "local" or "ray".
            watcher: is told what happens.
            address: of a Ray cluster.
            scores: whether learners are scored on the sets.
            probes: whether the probes are asked.
            selections: whether the selectors are compared.

        Returns:
            What was done; `missing` has the sets without data as well.

        Raises:
            InputError: there is no such engine.
        """
        run = _engine(engine)
        options, watcher = options or RunOptions(), watcher or Watcher()
        outcome = Outcome()
        self._table = self._probes = self._selections = None
        with Store(self.store) as store:

            def go(asked: Sequence[tuple[Trial, str]], **more: Any) -> None:
                ready = [trial for trial, skip in asked if not skip]
                for trial, skip in asked:
                    if skip:
                        outcome.missing[trial.title] = skip
                        store.name_trial(trial.title, missing=skip)
                        watcher.missing(trial, skip)
                if not ready:
                    return
                chosen = {"address": address} if engine == "ray" else {}
                found = run(ready, store, watcher=watcher, **chosen, **more)
                outcome.keys |= found.keys
                outcome.missing |= found.missing
                outcome.failures += found.failures
                outcome.stopped = outcome.stopped or found.stopped
                for title, key in found.keys.items():
                    store.name_trial(title, key)

            if scores:
                go([(one.trial, one.skip) for one in self.asked], options=options)
            more: list[Probed | Selected] = [
                *(self.probed if probes else ()),
                *(self.selected if selections else ()),
            ]
            if more and not outcome.stopped:
                # A learner may refuse a level altogether, such as no examples: not a failed run.
                go(
                    with_baselines(more),
                    options=replace(options, max_failures=None),
                    changes=dict(pair for one in more for pair in one.changes().items()),
                )
        return outcome

    def table(self) -> list[Standing]:
        """Return a standing for each learner on each set that was asked for, set by set."""
        if self._table is None and self.store.exists():
            with Store(self.store) as store:
                named = store.named()
                found = [standing(one, store, named) for one in self.asked]
            order = [item.name for item in self.suite.sets]
            known = [one for one in found if one is not None]
            self._table = sorted(known, key=lambda one: order.index(one.set))
        return list(self._table or ())

    def probe_results(self) -> list[ProbeResult]:
        """Return a result for each probe that was asked."""
        if self._probes is None and self.store.exists():
            with Store(self.store) as store:
                named = store.named()
                found = [probe_result(one, store, named) for one in self.probed]
            self._probes = [one for one in found if one is not None]
        return list(self._probes or ())

    def selection_results(self) -> list[SelectionResult]:
        """Return a result for each set with selectors and each learner that was asked there."""
        if self._selections is None and self.store.exists():
            with Store(self.store) as store:
                named = store.named()
                found = [selection_result(one, store, named) for one in self.selected]
            self._selections = [one for one in found if one is not None]
        return list(self._selections or ())

    def published(self) -> list[PublishedNumber]:
        """Return all numbers of others that the suite knows."""
        return [
            PublishedNumber(item.name, item.number, learner, value, item.published.source)
            for item in self.suite.sets
            if item.published is not None
            for learner, value in item.published.values.items()
        ]

    def exit_code(self, outcome: Outcome | None = None) -> int:
        """Return 3 where episodes or trials failed or nothing could run, else 0.

        Sets whose data is not there are skipped, which is no failure.

        Args:
            outcome: of the run; whether it was stopped counts.
        """
        table, probes = self.table(), self.probe_results()
        ran = any(one.episodes for one in table) or any(one.points for one in probes)
        ran = ran or any(one.points for one in self.selection_results())
        failed = any(one.partly_failed for one in table)
        stopped = outcome is not None and outcome.stopped
        return PARTLY_FAILED if failed or stopped or not ran else DONE


def _engine(name: str) -> Callable[..., Outcome]:
    if name not in ENGINES:
        raise InputError(f"engine is {name!r}, expected one of {', '.join(ENGINES)}")
    if name == "ray":
        from icl_core.catalogue import import_object

        run: Callable[..., Outcome] = import_object("icl_bench.ray_engine:run", "the engine ray")
        return run
    from icl_core.evaluation import run as run_here

    return run_here
