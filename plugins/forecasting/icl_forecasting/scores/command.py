"""The command line of the scores: what to run, and the table at the end."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icl_core.errors import IclError, InputError
from icl_core.registry import load
from icl_core.results.save import atomic_path, write_json
from icl_forecasting.scores.run import (
    SetResult,
    finished,
    read_result,
    result_path,
    score_learner,
    score_naive,
    write_result,
)
from icl_forecasting.scores.sets import SeriesSet, published_scores, read_sets, set_names
from icl_forecasting.scores.table import (
    means_of,
    published_table,
    rows_of,
    to_json,
    to_markdown,
)
from icl_forecasting.scores.windows import Protocol, cut_windows

PUBLISHED = (
    "tirex",
    "chronos_bolt_base",
    "chronos_bolt_tiny",
    "timesfm-2.0",
    "auto_theta",
    "auto_arima",
    "auto_ets",
)


@dataclass
class Entrant:
    """One learner of a run, as the command line describes it."""

    name: str
    weights: str | None = None
    label: str | None = None
    load_options: dict[str, Any] = field(default_factory=dict)
    predict_options: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is called in folders and in the table."""
        return self.label or self.name


class _OfLearner(argparse.Action):
    """An option that belongs to the `--learner` before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        entrants: list[Entrant] = list(getattr(namespace, "learner", None) or [])
        if option_string == "--learner":
            entrants.append(Entrant(values))
        elif not entrants:
            parser.error(f"{option_string} comes after the --learner that it belongs to")
        elif option_string in ("--option", "--predict-option"):
            name, equals, value = values.partition("=")
            if not equals:
                parser.error(f"{option_string} {values!r}: expected NAME=VALUE")
            target = "load_options" if option_string == "--option" else "predict_options"
            getattr(entrants[-1], target)[name] = _value(value)
        else:
            setattr(entrants[-1], str(option_string).lstrip("-"), values)
        namespace.learner = entrants


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    Returns:
        0; 1 after an error, which is said on stderr; 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    try:
        _run(options)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # `| head` has read enough; nothing may complain when Python flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    protocol = Protocol(
        0 if options.windows == "rolling" else _whole(options.windows), options.max_items
    )
    entrants: list[Entrant] = options.learner or []
    titles = [entrant.title for entrant in entrants]
    if len(set(titles)) != len(titles):
        raise InputError(f"two learners are called {titles}", hint="give one of them a --label")
    names = options.sets.split(",") if options.sets else set_names(options.data)
    out: Path | None = options.out
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    learners = [
        load(e.name, e.weights, options.device, options.dtype, **e.load_options) for e in entrants
    ]
    naive: dict[str, SetResult] = {}
    last: dict[str, SetResult] = {}
    results: list[SetResult] = []
    for series_set in read_sets(options.data, names):
        # The reference is scored on everything: any subset can then be compared with it.
        every = cut_windows(series_set, Protocol(protocol.windows))
        naive[series_set.name] = score_naive(series_set, every)
        last[series_set.name] = score_naive(series_set, cut_windows(series_set, Protocol()))
        for entrant, learner in zip(entrants, learners, strict=True):
            results.append(_one(entrant, learner, series_set, protocol, options))
    if out is not None:
        results += _others(out, names, set(titles), naive)
    scores = published_scores(options.data)
    models = [model for model in options.published.split(",") if model]
    rows = rows_of(results, naive, options.common) + published_table(scores, models, last)
    means = means_of(rows, names)
    notes = {
        "sets": len(names),
        "windows": options.windows,
        "series per set": options.max_items or "all",
        "windows compared": "those that all learners have" if options.common else "each its own",
    }
    markdown = to_markdown(rows, means, notes)
    if out is not None:
        write_json(out / "scores.json", to_json(rows, means, notes), overwrite=True)
        with atomic_path(out / "scores.md", overwrite=True) as path:
            path.write_text(markdown, encoding="utf-8")
    print(markdown)


def _one(
    entrant: Entrant,
    learner: Any,
    series_set: SeriesSet,
    protocol: Protocol,
    options: argparse.Namespace,
) -> SetResult:
    only = _items_from(options.items_from, series_set.name)
    windows = cut_windows(series_set, protocol, only)
    weights = learner.load_options.weights
    settings = {
        "card": learner.card.name,
        "weights": None if weights is None else weights.digest(),
        "load_options": entrant.load_options,
        "predict_options": entrant.predict_options,
        "windows": protocol.windows_of(series_set),
        "horizon": series_set.horizon,
        "seasonality": series_set.seasonality,
        "scale_lag": series_set.scale_lag,
    }
    out: Path | None = options.out
    if out is not None and not options.overwrite:
        keys = [window.key for window in windows]
        known = finished(out, entrant.title, series_set.name, settings, keys)
        if known is not None:
            return known
    result = score_learner(
        learner,
        series_set,
        windows,
        label=entrant.title,
        settings=settings,
        batch_size=options.batch_size,
        predict_options=entrant.predict_options,
    )
    score = result.score()
    print(
        f"{result.learner} on {result.dataset}: MASE {score.mase:.4f}, WQL {score.wql:.4f}, "
        f"{score.windows} windows, {result.fallbacks} fallbacks, {result.seconds:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    if out is not None:
        write_result(out, result)
    return result


def _items_from(source: Path | None, dataset: str) -> set[tuple[str, int]] | None:
    """Give the windows of an earlier result, so that another learner is scored on the same."""
    if source is None:
        return None
    path = source / f"{dataset}.json" if source.is_dir() else source
    result = read_result(path)
    if result.dataset != dataset:
        raise InputError(f"{path} is about {result.dataset}, not about {dataset}")
    return set(result.sums)


def _others(
    out: Path, names: Sequence[str], done: set[str], naive: dict[str, SetResult]
) -> list[SetResult]:
    """Read the results of other learners in the folder that were made under this protocol."""
    found = []
    for folder in sorted(path for path in out.iterdir() if path.is_dir() and path.name not in done):
        for name in names:
            path = result_path(out, folder.name, name)
            if path.exists():
                result = read_result(path)
                if set(result.sums) <= set(naive[name].sums):
                    found.append(result)
                else:
                    print(f"{path} has windows of another protocol: left out", file=sys.stderr)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m icl_forecasting.scores",
        description=(
            "Score forecasters on a folder of data sets. The table goes to stdout, progress to "
            "stderr. With --out, each (learner, set) is kept in OUT/LEARNER/SET.json and not "
            "computed again; without --learner, the table is made from what is there."
        ),
    )
    add = parser.add_argument
    add("data", type=Path, metavar="DATA_DIR", help="folder with index.csv and the sets")
    of: dict[str, Any] = {"action": _OfLearner, "dest": "learner"}
    add("--learner", metavar="NAME", help="a learner to score; may be repeated", **of)
    add("--weights", metavar="W", help="weights of the --learner before it", **of)
    add("--label", metavar="TEXT", help="what to call the --learner before it", **of)
    add("--option", metavar="K=V", help="load option of the --learner before it", **of)
    add("--predict-option", metavar="K=V", help="predict option of the --learner before it", **of)
    add("--sets", metavar="A,B", help="only these sets")
    add("--windows", default="1", metavar="N|rolling", help="windows of each series, from the end")
    add("--max-items", type=int, metavar="N", help="only N series a set, evenly spaced")
    add("--items-from", type=Path, metavar="PATH", help="the windows of OUT/LEARNER[/SET.json]")
    add("--common", action="store_true", help="compare on the windows that all learners have")
    add("--out", type=Path, metavar="DIR", help="folder for results and table")
    add("--overwrite", action="store_true", help="compute again what is in --out")
    add("--batch-size", type=int, default=32, metavar="N", help="contexts in one forward pass")
    add("--device", default="auto", help="device of the learners")
    add("--dtype", default="auto", help="number type of the learners")
    add("--published", default=",".join(PUBLISHED), metavar="A,B", help="published models to show")
    return parser


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _whole(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"--windows is {text!r}, expected a whole number from 1, or rolling")
    return int(text)
