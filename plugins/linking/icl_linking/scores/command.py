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
from icl_core.learner import Learner
from icl_core.registry import load
from icl_core.results.save import atomic_path, write_json
from icl_core.types import Task
from icl_linking.episodes.controls import CONTROLS
from icl_linking.scores.run import run_controls
from icl_linking.scores.sources import (
    episodes_of,
    guess_source,
    shots_of,
    takes_shots,
    write_list,
)
from icl_linking.scoring.report import RULES, ControlTable, to_markdown


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
            name, value = _pair(parser, option_string, values)
            target = "load_options" if option_string == "--option" else "predict_options"
            getattr(entrants[-1], target)[name] = value
        else:
            setattr(entrants[-1], str(option_string).lstrip("-"), values)
        namespace.learner = entrants


class _OfSource(argparse.Action):
    """An argument of the source, NAME=VALUE."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        name, value = _pair(parser, str(option_string), values)
        known = dict(getattr(namespace, self.dest) or {})
        setattr(namespace, self.dest, {**known, name: value})


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
    folder: Path = options.data
    source = options.source or guess_source(folder)
    source_options: dict[str, Any] = dict(options.source_option or {})
    if options.write_list is not None:
        count = write_list(source, folder, options.write_list, source_options)
        print(f"{options.write_list}: {count} rows", file=sys.stderr)
        source_options["rows"] = str(options.write_list)
    entrants: list[Entrant] = options.learner or []
    titles = [entrant.title for entrant in entrants]
    if len(set(titles)) != len(titles):
        raise InputError(f"two learners are called {titles}", hint="give one of them a --label")
    if not entrants:
        if options.write_list is None:
            raise InputError("there is nothing to run", hint="--learner NAME names a learner")
        return
    counts: list[int | None] = [*shots_of(options.shots)] if takes_shots(source) else [None]
    controls = [] if options.controls == "none" else options.controls.split(",")
    tables: list[ControlTable] = []
    for entrant in entrants:
        learner = _loaded(entrant, options)
        for shots in counts:
            tables.append(_one(entrant, learner, source, shots, source_options, controls, options))
    _show(tables, options.out)


def _loaded(entrant: Entrant, options: argparse.Namespace) -> Learner:
    learner = load(
        entrant.name,
        entrant.weights,
        options.device,
        options.dtype,
        behaviour=options.behaviour,
        **entrant.load_options,
    )
    if learner.card.task is not Task.LINKING:
        raise InputError(f"{entrant.name} is a {learner.card.task} learner, expected linking")
    return learner


def _one(
    entrant: Entrant,
    learner: Learner,
    source: str,
    shots: int | None,
    source_options: dict[str, Any],
    controls: list[str],
    options: argparse.Namespace,
) -> ControlTable:
    episodes = episodes_of(source, options.data, shots, source_options)
    if options.episodes is not None:
        episodes = episodes[: options.episodes]
    weights = learner.load_options.weights
    settings = {
        "card": learner.card.name,
        "weights": None if weights is None else weights.digest(),
        "load_options": entrant.load_options,
        "predict_options": entrant.predict_options,
        "behaviour": options.behaviour,
        "episodes": len(episodes),
        "data": episodes.digest(),
    }
    place = None
    if options.out is not None:
        name = source if shots is None else f"{source}-{shots}-shots"
        place = options.out / entrant.title / name
    table = run_controls(
        learner,
        episodes,
        controls,
        rule=options.rule or ("official" if options.behaviour == "official" else "sound"),
        title=entrant.title,
        batch_size=options.batch_size,
        predict_options=entrant.predict_options,
        out=place,
        settings=settings,
        overwrite=options.overwrite,
        notes={} if shots is None else {"shots": shots},
    )
    print(
        f"{table.title} on {table.source}: {table.real.overall}, "
        f"image_effect {table.image_effect}, {table.notes['seconds']} s",
        file=sys.stderr,
        flush=True,
    )
    return table


def _show(tables: Sequence[ControlTable], out: Path | None) -> None:
    markdown = to_markdown(tables)
    if out is not None:
        write_json(out / "scores.json", [table.to_json() for table in tables], overwrite=True)
        with atomic_path(out / "scores.md", overwrite=True) as path:
            path.write_text(markdown, encoding="utf-8")
    print(markdown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m icl_linking.scores",
        description=(
            "Score linking learners on a folder of pictures, together with the controls that show "
            "whether they use what they are shown. The table goes to stdout, progress to stderr. "
            "With --out every answer is kept as it comes, and a run that was cut off goes on there."
        ),
    )
    add = parser.add_argument
    add("data", type=Path, metavar="FOLDER", help="folder of the data set")
    of: dict[str, Any] = {"action": _OfLearner, "dest": "learner"}
    add("--learner", metavar="NAME", help="a learner to score; may be repeated", **of)
    add("--weights", metavar="W", help="weights of the --learner before it", **of)
    add("--label", metavar="TEXT", help="what to call the --learner before it", **of)
    add("--option", metavar="K=V", help="load option of the --learner before it", **of)
    add("--predict-option", metavar="K=V", help="predict option of the --learner before it", **of)
    add("--source", metavar="NAME", help="how FOLDER is read; default: by what lies in it")
    add("--source-option", metavar="K=V", action=_OfSource, help="argument of the source")
    add("--shots", default="1", metavar="A,B|A-B", help="pictures a class; the paper's n is twice")
    add("--episodes", type=int, metavar="N", help="only the first N episodes")
    add("--controls", default=",".join(CONTROLS), metavar="A,B|none", help="default: all")
    add("--rule", choices=RULES, help="how answers are judged; default: as --behaviour says")
    add("--behaviour", default="corrected", help="corrected, or official for the released code")
    add("--write-list", type=Path, metavar="FILE", help="write the list of an ISEKAI folder")
    add("--out", type=Path, metavar="DIR", help="folder for answers and table")
    add("--overwrite", action="store_true", help="ask again for what is in --out")
    add("--batch-size", type=int, default=64, metavar="N", help="episodes in one forward pass")
    add("--device", default="auto", help="device of the learners")
    add("--dtype", default="auto", help="number type of the learners")
    return parser


def _pair(parser: argparse.ArgumentParser, option: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        parser.error(f"{option} {text!r}: expected NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
