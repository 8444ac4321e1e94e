"""Fit the curve from a learner's expected IoU to the true IoU of its masks, and score the masks.

    python calibrate.py DATA --out curve.json
    python calibrate.py DATA --learner segic --weights segic.pth --option backbone_weights=dino.pth
    python calibrate.py --source fss-1000=FSS,split=val --source perseg=PERSEG --learner dcsam ...

DATA is a folder that holds packed sets under their names (`pascal_voc`, `eth80`, ...). Every
episode of every source is answered; what the learner expected (`meta["expected_iou"]`) and the IoU
that its mask had make one point. How far the curve holds on sets that it never saw is measured by
leaving out one set after the other. The same arguments give the same curve.
`icl.load(..., calibration=FILE)` uses it.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import json
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from episodic.calibration import POINTS, Answer, report, scores
from PIL import Image

import icl_core as icl
from icl_core import catalogue
from icl_core.errors import IclError, InputError
from icl_segmentation.metrics import class_mean_iou, intersection_union
from icl_segmentation.sources import SOURCES

PACKED = tuple(name for name, place in SOURCES.items() if ".packed_sets:" in place)


def opened(name: str, folder: str | Path, shots: int, **options: Any) -> Any:
    """Open a source of single pictures; None where it has fewer shots.

    Args:
        name: of the source.
        folder: of its data.
        shots: examples an episode.
        **options: of the source; None = its own choice.

    Raises:
        IclError: no such source, or its data are not there.
    """
    make = catalogue.resolve("icl_episode_sources", name)
    takes = inspect.signature(make).parameters
    given = {key: value for key, value in options.items() if value is not None}
    if "as_video" in takes:
        given["as_video"] = False
    if "shots" in takes:
        given["shots"] = shots
    elif shots > 1:
        return None
    try:
        return make(folder, **given)
    except TypeError as error:
        raise InputError(f"the source {name!r} does not take its options: {error}") from error


def spaced(length: int, count: int) -> list[int]:
    """Return at most `count` places, evenly over a list: many are sorted by class."""
    count = min(count, length)
    return [round(n * (length - 1) / max(count - 1, 1)) for n in range(count)]


def answered(learner: icl.Learner, name: str, shots: int, episodes: Iterable[Any]) -> list[Answer]:
    """Answer episodes of single pictures.

    Raises:
        InputError: the learner does not say which IoU it expects, or a query is a video.
    """
    found = []
    for episode in episodes:
        if isinstance(episode.query, icl.Video):
            raise InputError(f"the source {name!r} has videos, expected single pictures")
        answer = icl.predict(learner, episode.context, episode.query)
        if "expected_iou" not in answer.meta:
            raise InputError(f"{learner.card.name} has no meta['expected_iou'] to calibrate")
        numbers = class_mean_iou(answer, episode.target, episode.meta)
        shown = Image.fromarray(episode.context.examples[0].output)
        copy = np.array(shown.resize(episode.target.shape[::-1], Image.Resampling.NEAREST))
        inter, union = intersection_union(copy, episode.target, episode.meta.get("ignore"))
        found.append(
            Answer(
                name, shots, str(episode.meta["id"]),
                str(episode.meta.get("class_id", episode.meta.get("class_name"))),
                float(answer.meta["expected_iou"]), numbers["iou"],
                numbers["intersection"], numbers["union"],
                float(inter[1] / union[1]) if union[1] else 1.0, float(inter[1]), float(union[1]),
            )
        )  # fmt: skip
    return found


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    found = argparse.ArgumentParser(description="Fit a learner's expected IoU to true IoU.")
    add = found.add_argument
    add("data", nargs="?", type=Path, help="folder of packed sets")
    add(
        "--source",
        action="append",
        default=[],
        metavar="NAME=FOLDER[,KEY=VALUE...]",
        help="episode source of single pictures; may be repeated",
    )
    add("--learner", default="correspondence")
    add("--weights")
    add("--option", action="append", default=[], metavar="KEY=VALUE", help="of the learner")
    add("--device", default="cpu")
    add("--episodes", type=int, default=20, help="of each source")
    add("--shots", default="1", help="examples, such as 1,5")
    add("--seed", type=int, help="of the draws; default: the source's own")
    add("--points", type=int, default=POINTS, help="most points of the curve")
    add("--rows", type=Path, help="CSV file for the numbers of every episode")
    add("--out", type=Path, help="JSON file for the curve")
    return found


@dataclass(frozen=True)
class Source:
    """A source of episodes: its name, folder and options, and what its set is called."""

    name: str
    folder: str
    options: dict[str, Any]
    label: str


def asked_sources(options: argparse.Namespace) -> list[Source]:
    """Return every source that is asked for.

    Raises:
        InputError: a source is written in another way, or there is none.
    """
    found: list[Source] = []
    for name in PACKED if options.data else ():
        folder = options.data / name.replace("-", "_")
        if folder.is_dir():
            found.append(Source(name, str(folder), {}, name))
    for text in options.source:
        name, place, given = pairs(text)
        twice = name in {one.name for one in found}
        found.append(Source(name, place, given, text if twice else name))
    if not found:
        raise InputError(
            f"there is no set in {options.data}" if options.data else "no source is named",
            hint="a folder with pascal_voc, eth80, ..., or --source NAME=FOLDER",
        )
    return found


def pairs(text: str) -> tuple[str, str, dict[str, Any]]:
    """Read `name=value[,key=value...]`; numbers and truth values are read as such."""
    first, *rest = text.split(",")
    name, equals, value = first.partition("=")
    parts = [part.partition("=") for part in rest]
    if not equals or not all(sign for _, sign, _ in parts):
        raise InputError(f"{text!r} cannot be read, expected NAME=VALUE, then ,KEY=VALUE")
    return name, value, {key: plain(given) for key, _, given in parts}


def plain(text: str) -> Any:
    """Read a number, true, false or null; everything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def work(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line asks; return what the file holds."""
    sources = asked_sources(options)
    try:
        shots = [int(part) for part in options.shots.split(",")]
    except ValueError as error:
        raise InputError(f"--shots is {options.shots!r}, expected such as 1,5") from error
    asked = {key: plain(value) for key, _, value in (o.partition("=") for o in options.option)}
    learner = icl.load(options.learner, weights=options.weights, device=options.device, **asked)
    answers: list[Answer] = []
    for one in sources:
        for k in shots:
            given = {"seed": options.seed, **one.options}
            if one.name in PACKED and one.name != "pascal-voc":
                given.setdefault("episodes", options.episodes)  # drawn uniformly
            episodes = opened(one.name, one.folder, k, **given)
            if episodes is None:
                continue
            places = spaced(len(episodes), options.episodes)
            answers += answered(learner, one.label, k, (episodes[n] for n in places))
            print(f"{one.label}, {k}-shot: {len(places)} episodes", file=sys.stderr, flush=True)
    found = {
        "learner": options.learner,
        "command": shlex.join(["python", "calibrate.py", *options.typed]),
        **report(answers, options.points),
    }
    if options.rows:
        with options.rows.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [one.name for one in fields(Answer)])
            writer.writeheader()
            writer.writerows(asdict(one) for one in answers)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("\n".join(scores(answers)))
    print(json.dumps(found, indent=1))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    options.typed = sys.argv[1:] if arguments is None else arguments
    try:
        work(options)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
