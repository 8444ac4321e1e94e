"""The command line of the scores: what to run, and the tables at the end."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from icl_core.errors import IclError, InputError
from icl_core.registry import load
from icl_core.results.save import write_json
from icl_forecasting.cik import results
from icl_forecasting.cik.instances import Instance, read
from icl_forecasting.cik.samples import KINDS
from icl_forecasting.cik.scores.run import Result, Sampling, run_learner
from icl_forecasting.cik.scores.table import Table
from icl_forecasting.cik.scores.wordings import Kept, compare, read_wordings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    Returns:
        0; 1 after an error, which is said on stderr; 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Once())
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


class _Once(logging.Filter):
    """Lets each sentence through once: what is true of one instance is true of all."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        sentence = record.getMessage()
        fresh = sentence not in self._seen
        self._seen.add(sentence)
        return fresh


def _run(options: argparse.Namespace) -> None:
    if options.json is not None and options.json.exists() and not options.overwrite:
        raise InputError(f"{options.json} is there already", hint="--overwrite replaces it")
    instances = _chosen(read(options.file), options.task)
    sets = read_wordings(options.rewordings, instances) if options.rewordings else {}
    learner = load(
        options.learner,
        options.weights,
        options.device,
        options.dtype,
        **_pairs(options.option, "--option"),
    )
    sampling = Sampling(options.sampling, options.samples, options.seed)
    predict_options = _pairs(options.predict_option, "--predict-option")

    def run(chosen: Sequence[Instance], texts: Sequence[bool | str]) -> list[Result]:
        return run_learner(
            learner,
            chosen,
            texts=texts,
            sampling=sampling,
            batch_size=options.batch_size,
            predict_options=predict_options,
        )

    found = run(instances, [not options.no_text] * len(instances))
    kept: list[Kept] = []
    if sets:
        without = found if options.no_text else run(instances, [False] * len(instances))
        original = run(instances, [True] * len(instances)) if options.no_text else found
        for name, pairs in sets.items():
            reworded = run([one for one, _ in pairs], [text for _, text in pairs])
            kept.append(compare(name, reworded, original, without))
    weights = learner.load_options.weights
    table = Table(
        {
            "file": options.file.name,
            "learner": learner.card.name,
            "weights": None if weights is None else weights.name,
            "text": not options.no_text,
            "samples": f"{options.samples} {options.sampling}, seed {options.seed}",
        },
        found,
        kept,
    )
    if options.json is not None:
        write_json(options.json, table.to_json(), overwrite=True)
    if options.results is not None:
        model = learner.card.name + ("-no-text" if options.no_text else "")
        for one in found:
            shown = "" if options.no_text else one.instance.text
            extra = {"seconds": one.seconds, "samples": sampling.samples, "sampling": sampling.kind}
            results.write(
                *(options.results, "icl", model, one.instance, one.record, one.error),
                context=shown,
                extra_info=extra,
            )
    print(table.to_markdown(options.by_task))


def _chosen(instances: list[Instance], names: Sequence[str] | None) -> list[Instance]:
    if not names:
        return instances
    chosen = [one for one in instances if any(name in one.name for name in names)]
    if not chosen:
        raise InputError(f"no task of this file has one of {list(names)} in its name")
    return chosen


def _pairs(given: Sequence[str], option: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"{option} is {pair!r}, expected NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m icl_forecasting.cik.scores",
        description=(
            "Score a forecaster on instances of Context is Key. The tables go to stdout, progress "
            "to stderr. Samples of a forecast that brings none are drawn from its quantiles; "
            "compare only scores with the same kind and number of samples."
        ),
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="JSON lines, plain or gzip; Parquet; a folder")
    add("--learner", default="cik", metavar="NAME", help="which learner (default: cik)")
    add("--weights", metavar="W", help="its weights")
    add("--option", action="append", default=[], metavar="K=V", help="a load option")
    add("--predict-option", action="append", default=[], metavar="K=V", help="a predict option")
    add("--no-text", action="store_true", help="leave the texts out")
    add("--sampling", choices=KINDS, default="independent", help="kind of samples")
    add("--samples", type=_count, default=25, metavar="N", help="samples of each forecast (25)")
    add("--seed", type=int, default=0, metavar="N", help="of the samples")
    add("--task", action="append", metavar="PART", help="only tasks with this in their name")
    add("--by-task", action="store_true", help="show each task")
    add("--rewordings", type=Path, metavar="FOLDER", help="other wordings, in JSON lines")
    add("--json", type=Path, metavar="F", help="write all numbers to this file")
    add("--overwrite", action="store_true", help="replace the file of --json")
    add("--results", type=Path, metavar="DIR", help="write results in the official layout")
    add("--batch-size", type=_count, default=32, metavar="N", help="instances in one forward pass")
    add("--device", default="auto", help="device of the learner")
    add("--dtype", default="auto", help="number type of the learner")
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
