"""What a segmenter owes to its context: scores with right and wrong references, calibrated.

    python evaluate.py DATA/vision --weights RUN/small.safetensors --json scores.json
    python evaluate.py DATA/vision --learner correspondence

For each set three rows: the right reference, the right one five times over (five shots), and a
wrong one. Each is scored at every threshold; the threshold that counts is chosen on all the other
sets ("calibrated"), and the best one for that row alone ("own best") is printed beside it, also for
the wrong reference: a model that is merely less sure of wrong references would else look better
than it is. Of sets that the small SEGIC is trained on, only the pictures that it has not seen are
used. Intervals are 95 % bootstraps over episodes (over videos for DAVIS).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tableaux import pools

import icl_core as icl
from icl_core import catalogue
from icl_core.errors import IclError
from icl_core.runtime import track
from icl_core.types import Episode

THRESHOLDS = np.round(np.arange(-4, 4.01, 0.5), 2)
DRAWS = 400
SETS: Mapping[str, dict[str, Any]] = {
    "pascal-voc": {},
    "eth80": {},
    "wbc": {},
    "dsb2018-nuclei": {},
    "neu-steel": {},
    "magnetic-tile": {},
    "retina-vessels": {},
    "car-parts": {"rivals": True},
    "camvid": {"rivals": True},
    "clothing-ccp": {"rivals": True},
}
"""Sets, and whether their queries show several classes of which one is meant."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Intersections and unions of the episodes of a row.

    Args:
        common: [N, T] at each threshold.
        union: [N, T].
        kind: class of each episode, [N].
    """

    common: np.ndarray
    union: np.ndarray
    kind: np.ndarray

    def score(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Return the mean over classes of summed intersection over summed union, [T]."""
        rows = np.arange(len(self.kind)) if chosen is None else chosen
        kinds, place = np.unique(self.kind[rows], return_inverse=True)
        shape = (len(kinds), self.common.shape[1])
        common, union = np.zeros(shape), np.zeros(shape)
        np.add.at(common, place, self.common[rows])
        np.add.at(union, place, self.union[rows])
        found: np.ndarray = 100 * (common / np.maximum(union, 1)).mean(0)
        return found

    def interval(self, threshold: int) -> tuple[float, float]:
        """Return the 95 % interval at a threshold."""
        rng = np.random.default_rng(0)
        n = len(self.kind)
        draws = [self.score(rng.integers(0, n, n))[threshold] for _ in range(DRAWS)]
        low, high = np.quantile(draws, [0.025, 0.975])
        return float(low), float(high)


def counted(episode: Episode, answer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Count intersection and union of one answer at every threshold."""
    truth = np.asarray(episode.target, bool)
    ignore = episode.meta.get("ignore")
    keep = np.ones(truth.shape, bool) if ignore is None else ~np.asarray(ignore, bool)
    logits, truth = answer.logits[keep], truth[keep]
    # counts above every threshold, from two histograms
    place = np.searchsorted(THRESHOLDS, logits, side="left")  # logits > THRESHOLDS[:place]
    size = len(THRESHOLDS) + 1
    all_above = np.bincount(place, minlength=size)[::-1].cumsum()[::-1][1:]
    true_above = np.bincount(place[truth], minlength=size)[::-1].cumsum()[::-1][1:]
    return true_above, all_above + truth.sum() - true_above


def counts(learner: Any, episodes: Sequence[Episode], label: str, batch: int) -> Counts:
    """Answer episodes and count."""
    common, union, kinds = [], [], []
    answers = learner.predict_episodes(episodes, batch_size=batch)
    shown = track(answers, total=len(episodes), label=label)
    for episode, answer in zip(episodes, shown, strict=True):
        one, other = counted(episode, answer)
        common.append(one)
        union.append(other)
        kinds.append(episode.meta["class_name"])
    return Counts(np.stack(common), np.stack(union), np.array(kinds))


def wrong(episodes: Sequence[Episode]) -> list[Episode]:
    """Give each episode the examples of the next one of another class."""
    found = []
    for place, episode in enumerate(episodes):
        for step in range(1, len(episodes)):
            other = episodes[(place + step) % len(episodes)]
            if other.meta["class_name"] != episode.meta["class_name"]:
                found.append(replace(episode, context=other.context))
                break
    return found


def held_out(folder: Path, room: Path) -> Path:
    """Return a packed set without the pictures that the small SEGIC is trained on."""
    entries = [e for e in pools.SETS if e.name == folder.name and e.group is not None]
    if not entries:
        return folder
    found = room / folder.name
    if not found.is_dir():
        found.mkdir()
        with (folder / "index.csv").open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = [row for row in reader if pools.is_held_out(entries[0], row)]
        with (found / "index.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(rows)
        for file in folder.iterdir():
            if file.name != "index.csv":
                (found / file.name).symlink_to(file.resolve())
    return found


def rows_of(
    data: Path, name: str, facts: Mapping[str, Any], count: int, room: Path
) -> dict[str, Callable[[], Any]]:
    """Return the rows of a set: right, five shots, wrong; each makes its episodes."""
    folder = held_out(data / name.replace("-", "_"), room)
    if facts.get("rivals"):
        make = catalogue.resolve("icl_episode_sources", "rival-classes")
        return {
            "right": lambda: make(folder, data=name, episodes=count),
            "five": lambda: make(folder, data=name, episodes=count, shots=5),
            "wrong": lambda: make(folder, data=name, episodes=count, wrong=True),
        }
    make = catalogue.resolve("icl_episode_sources", name)
    rows: dict[str, Callable[[], Any]] = {
        "right": lambda: make(folder, episodes=count),
        "five": lambda: make(folder, episodes=count, shots=5),
        "wrong": lambda: wrong(make(folder, episodes=count)),
    }
    return rows


def videos(learner: Any, data: Path) -> dict[str, float]:
    """Return the J of DAVIS sequences at threshold 0: the first frame is given."""
    found = {}
    episodes = catalogue.resolve("icl_episode_sources", "davis2016-val")(data / "davis2016_val")
    for episode in track(episodes, total=len(episodes), label="videos"):
        prepared = learner.prepare(episode.context)
        scores = []
        for truth, answer in zip(episode.target, prepared.follow(episode.query), strict=True):
            union = (truth | answer.mask).sum()
            scores.append((truth & answer.mask).sum() / union if union else 1.0)
        found[episode.meta["sequence"]] = 100 * float(np.mean(scores[1:-1]))
    return found


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--learner", default="segic")
    parser.add_argument("--weights")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--set", action="append", choices=sorted(SETS), dest="sets")
    parser.add_argument("--episodes", type=int, default=240)
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--no-five", action="store_true", help="leave five shots out")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as room:
            report = run(options, Path(room))
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json is not None:
        temporary = options.json.with_name(f".{options.json.name}.tmp")
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, options.json)
    return 0


def run(options: argparse.Namespace, room: Path) -> dict[str, Any]:
    """Evaluate a learner; prints a table and returns its numbers."""
    extra = dict(part.split("=", 1) for part in options.option)
    typed = {key: int(value) if value.isdigit() else value for key, value in extra.items()}
    learner = icl.load(options.learner, weights=options.weights, device="cpu", **typed)
    chosen = {name: SETS[name] for name in options.sets or SETS}
    table: dict[str, dict[str, Counts]] = {}
    for name, facts in chosen.items():
        table[name] = {}
        for row, make in rows_of(options.data, name, facts, options.episodes, room).items():
            if row == "five" and options.no_five:
                continue
            episodes = make()
            if len(episodes):
                table[name][row] = counts(learner, episodes, f"{name} {row}", 8)
    print(f"{'set':16}{'row':7}{'at 0':>7}{'calibrated':>12}{'interval':>16}{'own best':>10}")
    report: dict[str, Any] = {}
    curves = {name: rows["right"].score() for name, rows in table.items()}
    for name, rows in table.items():
        others = [curve for other, curve in curves.items() if other != name] or [curves[name]]
        threshold = int(np.mean(others, axis=0).argmax())
        report[name] = {"threshold": float(THRESHOLDS[threshold])}
        for row, one in rows.items():
            scores = one.score()
            low, high = one.interval(threshold)
            zero = float(scores[int(np.flatnonzero(THRESHOLDS == 0)[0])])
            own, best = float(scores[threshold]), float(scores.max())
            report[name][row] = {
                "zero": zero,
                "calibrated": own,
                "low": low,
                "high": high,
                "own": best,
            }
            between = f"{low:.1f} to {high:.1f}"
            print(f"{name:16}{row:7}{zero:7.1f}{own:12.1f}{between:>16}{best:10.1f}")
    overall = int(np.mean(list(curves.values()), axis=0).argmax())
    report["threshold"] = float(THRESHOLDS[overall])
    print(f"best threshold over all sets: {THRESHOLDS[overall]}")
    if not options.no_video:
        found = videos(learner, options.data)
        report["davis2016-val"] = found
        print(f"davis2016-val mean J {np.mean(list(found.values())):.1f} over {len(found)} videos")
    return report


if __name__ == "__main__":
    sys.exit(main())
