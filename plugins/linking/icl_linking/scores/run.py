"""Running a learner over episodes and their controls, and keeping every answer at once."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from icl_core.errors import InputError
from icl_core.learner import Learner
from icl_core.results.save import atomic_path, strict_json
from icl_core.runtime.progress import Progress
from icl_core.types import Episode
from icl_linking.episodes.controls import (
    CONTROLS,
    REAL,
    NoControlError,
    controlled,
    options_at,
    options_of,
)
from icl_linking.scoring.outcome import Outcome, judge
from icl_linking.scoring.report import RULES, ControlTable, Report
from icl_linking.scoring.sound import mentioned

FORMAT = 1

log = logging.getLogger("icl.linking.scores")


class OutcomeFile:
    """Outcomes in a file, one a line, written as they come. A run that was cut off goes on there.

    Args:
        path: JSON Lines; the first line holds the settings. None keeps nothing.
        settings: everything that decides the answers.
        overwrite: whether a file with other settings is replaced instead of refused.

    Raises:
        InputError: the file was made with other settings, or is damaged.
    """

    def __init__(
        self, path: Path | None, settings: Mapping[str, Any], overwrite: bool = False
    ) -> None:
        self.path = path
        self.known: list[Outcome] = []
        self._head: Any = strict_json({"format": FORMAT, "settings": dict(settings)})
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite and path.exists():
            self.known = self._read(path)
        # Also drops half a line, which a cut-off run may have left behind.
        with atomic_path(path, overwrite=True) as temporary:
            kept = [self._head, *(outcome.to_json() for outcome in self.known)]
            temporary.write_text("".join(map(_line, kept)), encoding="utf-8")

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Append outcomes; they are on disk when this returns."""
        if self.path is None:
            return
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write("".join(_line(outcome.to_json()) for outcome in outcomes))

    def _read(self, path: Path) -> list[Outcome]:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        try:
            head = json.loads(whole[0]) if whole else self._head
            if head != self._head:
                raise InputError(
                    f"{path} was made with other settings",
                    hint="--overwrite replaces it; another --label or --out keeps both",
                )
            return [Outcome.from_json(json.loads(line)) for line in whole[1:]]
        except ValueError as error:
            raise InputError(f"{path} is damaged: {error}", "remove it to start again") from error


def run_controls(
    learner: Learner,
    episodes: Sequence[Episode],
    controls: Iterable[str] = tuple(CONTROLS),
    *,
    rule: str = "sound",
    title: str | None = None,
    batch_size: int = 64,
    predict_options: Mapping[str, Any] | None = None,
    out: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    notes: Mapping[str, Any] | None = None,
) -> ControlTable:
    """Run a linking learner over episodes as they are and under each control.

    Args:
        learner: any loaded linking learner.
        episodes: of a linking source, or any episodes whose target is a label.
        controls: keys of `CONTROLS`; the unchanged episodes are always run.
        rule: "sound", or "official" for the released string match.
        title: name in the table; None = the card's.
        batch_size: episodes that share a forward pass.
        predict_options: options for every answer.
        out: folder for the answers, one file a control; a run that was cut off goes on from them.
        settings: what else decides the answers, kept in those files.
        overwrite: whether answers that are there are made again.
        notes: shown with the table.

    Raises:
        InputError: an unknown control or rule, no episodes, names that no answer could tell apart,
            or answers of other settings in `out`.
    """
    if rule not in RULES:
        raise InputError(f"rule is {rule!r}, expected one of {', '.join(RULES)}")
    if not len(episodes):
        raise InputError("there are no episodes to run")
    for options in {options_at(episodes, number) for number in range(len(episodes))}:
        # Names that no answer could tell apart are refused before anything is asked.
        mentioned("", options)
    wanted = list(dict.fromkeys([REAL, *controls]))
    reports: dict[str, Report] = {}
    skipped: dict[str, str] = {}
    name = title or learner.card.name
    source = str(getattr(episodes, "name", "episodes"))
    seconds = 0.0
    for control in wanted:
        try:
            changed = controlled(episodes, control)
        except NoControlError as error:
            skipped[control] = error.message
            continue
        facts = {"control": control, "source": source, **(settings or {})}
        file = OutcomeFile(out and out / f"{control}.jsonl", facts, overwrite)
        since = time.perf_counter()
        found = _outcomes(learner, changed, file, f"{name}, {control}", batch_size, predict_options)
        seconds += time.perf_counter() - since
        reports[control] = Report(tuple(found), rule)
    facts = {"episodes": len(episodes), "seconds": round(seconds, 2), **(notes or {})}
    return ControlTable(name, source, reports, skipped, facts)


def _outcomes(
    learner: Learner,
    episodes: Sequence[Episode],
    file: OutcomeFile,
    title: str,
    batch_size: int,
    predict_options: Mapping[str, Any] | None,
) -> list[Outcome]:
    found = list(file.known)
    if len(found) > len(episodes):
        raise InputError(f"{file.path} has more answers than there are episodes")
    if found:
        log.info("%s: %d of %d are there already", title, len(found), len(episodes))
    waiting = (episodes[number] for number in range(len(found), len(episodes)))
    options = dict(predict_options or {})
    with Progress(title, total=len(episodes)) as progress:
        progress.advance(len(found))
        while batch := list(islice(waiting, batch_size)):
            answers = _answers(learner, batch, options)
            judged = [judge(a, e) for a, e in zip(answers, batch, strict=True)]
            file.add(judged)
            found += judged
            progress.advance(len(judged))
    return found


def _answers(
    learner: Learner, batch: Sequence[Episode], options: Mapping[str, Any]
) -> Iterator[Any]:
    """Ask in one batch; without supports a learner is told the names to choose from."""
    if "labels" not in learner.predict_options or "labels" in options:
        yield from learner.predict_episodes(batch, batch_size=len(batch), **options)
        return
    shown = [episode for episode in batch if episode.context.examples]
    together = learner.predict_episodes(shown, batch_size=max(len(shown), 1), **options)
    for episode in batch:
        if episode.context.examples:
            yield next(together)
        else:
            asked = {**options, "labels": options_of(episode)}
            yield learner.prepare(episode.context).predict(episode.query, **asked)


def _line(value: Any) -> str:
    return json.dumps(strict_json(value), ensure_ascii=False, allow_nan=False) + "\n"
