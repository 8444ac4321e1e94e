"""Train SEGIC or DC-SAM on episodes.

    python train.py segic --source pascal-voc=DATA/pascal_voc,split=train --out RUN --steps 20000 \\
        --backbone-weights dinov2_vitl14_pretrain.pth --text-weights clip.safetensors
    python train.py dcsam --source pascal-5i=VOC,fold=0,split=train --out RUN --minutes 60 \\
        --sam-type vit_h --backbone-weights resnet50_v2.pth --device cuda --amp

The run is resumed from `RUN/last.pt` when that exists. `RUN/weights.pth` is rewritten at every
checkpoint, in the layout of the official training. Progress goes to stderr and `RUN/log.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from episodic.dcsam import PARTS, DcSamTrainee
from episodic.dcsam_start import DcSamStart, begin_dcsam
from episodic.feed import Feed, Source, stream
from episodic.losses import POINTS
from episodic.run import LOG, STATE, Run
from episodic.samples import Sample
from episodic.schedule import RECIPES, Recipe, Schedule
from episodic.segic import SegicTrainee
from episodic.segic_start import BACKBONE, TEXT, SegicStart, begin_segic
from episodic.trainee import Trainee

from icl_core.errors import IclError, InputError

_FREE = ("out", "device", "workers", "threads", "checkpoint_seconds", "log_every")
"""Options that a resumed run may change."""


def build(options: argparse.Namespace, sources: list[Source]) -> Trainee:
    """Build what is trained.

    Raises:
        InputError: an option is missing, or does not go with the others.
        WeightsError: a file is damaged or holds something else.
    """
    parts = set(options.train.split(",")) - {""}
    known = {BACKBONE, TEXT} if options.learner == "segic" else set(PARTS)
    if parts - known:
        raise InputError(
            f"--train names {min(parts - known)!r}, expected some of {', '.join(sorted(known))}"
        )
    if options.learner == "segic":
        start = SegicStart(
            side=options.side,
            weights=options.start,
            backbone=options.backbone,
            backbone_weights=options.backbone_weights,
            text_weights=options.text_weights,
            backbone_sizes=_sizes(options.backbone_sizes),
            text_sizes=_sizes(options.text_sizes),
            backbone_heads=options.backbone_heads,
            text_heads=options.text_heads,
        )
        network, stored = begin_segic(start, options.seed)
        return SegicTrainee(
            network,
            encoders=parts,
            stored=stored,
            device=options.device,
            amp=options.amp,
            points=options.points,
        )
    clips = {source.view == "tube" for source in sources}
    if len(clips) > 1:
        raise InputError("some sources have view=tube and others view=pair, expected one of them")
    generator, sam = begin_dcsam(
        DcSamStart(
            weights=options.start,
            backbone_weights=options.backbone_weights,
            sam_weights=options.sam_weights,
            sam_type=options.sam_type,
            prior_only=options.prior_only,
            paper_negative=options.paper_negative_branch,
        ),
        options.seed,
    )
    trainee = DcSamTrainee(
        generator,
        sam,
        parts=parts,
        clips=clips.pop(),
        leak=options.batch_leak,
        device=options.device,
        amp=options.amp,
    )
    if options.side not in (None, trainee.samples.side):
        raise InputError(f"--side is {options.side}, and this SAM wants {trainee.samples.side}")
    return trainee


def train(
    run: Run, feed: Feed, folder: Path, options: argparse.Namespace, kept: dict[str, Any]
) -> None:
    """Train to the end of the schedule.

    Args:
        run: the run, at its first update or at that which was saved last.
        feed: its episodes.
        folder: for the log and the checkpoints.
        options: of the command line.
        kept: those that define the run.
    """
    times = run.accumulate
    last = None if run.schedule.steps is None else run.schedule.steps * times
    batches: Iterator[list[Sample]] = stream(feed, run.step * times, last, options.workers)
    saved, losses = time.monotonic(), list[float]()
    run.tick(start=True)
    while run.schedule.progress(run.step, run.seconds) < 1:
        rate = run.rate
        losses.append(run.update([next(batches) for _ in range(times)]))
        run.tick()
        if run.step % options.log_every == 0:
            _log(run, folder, losses, rate)
            losses = []
        if time.monotonic() - saved > options.checkpoint_seconds:
            run.save(folder, kept)
            saved = time.monotonic()
    if losses:
        _log(run, folder, losses, rate)
    run.save(folder, kept)


def _log(run: Run, folder: Path, losses: list[float], rate: float) -> None:
    loss = float(np.mean([x for x in losses if np.isfinite(x)] or [np.nan]))
    progress = run.schedule.progress(run.step, run.seconds)
    line = {
        "step": run.step, "loss": loss if np.isfinite(loss) else None, "rate": rate,
        "progress": progress, "seconds": run.seconds, "episodes": run.episodes,
        "skipped": run.skipped,
    }  # fmt: skip
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    left = run.seconds * (1 - progress) / max(progress, 1e-6)
    print(
        f"step {run.step}  loss {loss:.4f}  {run.episodes / max(run.seconds, 1e-6):.1f} episodes/s"
        f"  {progress:.1%}  {left / 60:.0f} min left",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _sizes(text: str | None) -> dict[str, Any] | None:
    """Read `width=192,depth=6,heads=3`."""
    if text is None:
        return None
    try:
        return {key: int(value) for key, value in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise InputError(
            f"the sizes {text!r} cannot be read, expected such as width=192,depth=6,heads=3"
        ) from error


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return the published settings of the learner with what the command line changes."""
    given = {
        "rate": options.rate, "decay": options.decay, "weight_decay": options.weight_decay,
        "batch": options.batch, "warmup": options.warmup, "clip": options.clip,
        "average": options.average,
    }  # fmt: skip
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(RECIPES[options.learner], **changed)


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    found = argparse.ArgumentParser(description="Train SEGIC or DC-SAM on episodes.")
    add = found.add_argument
    add("learner", choices=tuple(RECIPES))
    add(
        "--source",
        action="append",
        required=True,
        metavar="NAME=FOLDER[,KEY=VALUE...]",
        help="episode source; KEY is view, weight or an option of the source; may be repeated",
    )
    add("--out", type=Path, required=True, help="folder of the run")
    length = found.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="updates; reproducible by seed")
    length.add_argument("--minutes", type=float, help="wall time")
    add("--seed", type=int, default=0)
    add("--start", help="checkpoint of the learner to go on from")
    add("--train", default="", help="parts to train too: backbone,text or decoder,memory")
    add("--side", type=int, help="side of the square; default: the published one")
    add("--device", default="cpu")
    add("--amp", action="store_true", help="bfloat16 where it is safe")
    add("--workers", type=int, default=0, help="processes that draw episodes")
    add("--threads", type=int, help="threads of torch; default: its own choice")
    add("--checkpoint-seconds", type=float, default=300)
    add("--log-every", type=int, default=20, help="updates")
    optimiser = found.add_argument_group("optimiser; default: as published").add_argument
    optimiser("--batch", type=int, help="episodes in one pass")
    optimiser("--accumulate", type=int, default=1, help="passes in one update")
    optimiser("--rate", type=float)
    optimiser("--decay", choices=("step", "cosine"))
    optimiser("--weight-decay", type=float)
    optimiser("--warmup", type=int, help="updates")
    optimiser("--clip", type=float, help="largest norm of the gradient")
    optimiser("--average", type=float, help="decay of a moving average of the weights")
    both = found.add_argument_group("backbone").add_argument
    both("--backbone-weights", help="file of the backbone ('pretrained' with timm:NAME)")
    segic = found.add_argument_group("segic").add_argument
    segic("--backbone", default="dinov2", help="dinov2 or timm:NAME")
    segic("--backbone-sizes", help="of a new backbone, such as width=192,depth=6,heads=3,patch=16")
    segic("--backbone-heads", type=int)
    segic("--text-weights", help="file of a CLIP text tower")
    segic("--text-sizes", help="of a new text tower, such as width=32,depth=1,heads=1")
    segic("--text-heads", type=int)
    segic("--points", type=int, default=POINTS, help="points a mask in the loss")
    dcsam = found.add_argument_group("dcsam").add_argument
    dcsam("--sam-weights", help="file of SAM or SAM 2")
    dcsam("--sam-type", help="such as vit_h or sam2.1_hiera_l; downloaded without --sam-weights")
    dcsam("--prior-only", action="store_true", help="the class with the backbone's prior alone")
    dcsam("--paper-negative-branch", action="store_true")
    dcsam("--batch-leak", action="store_true", help="labels of a batch mixed up, as released")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(arguments)
    try:
        work(options)
    except IclError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def work(options: argparse.Namespace) -> None:
    """Do what the command line asks."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    for name in ("steps", "batch", "accumulate", "log_every"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name.replace('_', '-')} is {value}, expected at least 1")
    sources = [Source.parse(text, options.learner) for text in options.source]
    for source in sources:
        source.open()  # what is wrong with it shall be said now and here
    options.out.mkdir(parents=True, exist_ok=True)
    trainee, recipe = build(options, sources), recipe_of(options)
    schedule = Schedule(options.steps, options.minutes, recipe.decay, recipe.warmup)
    run = Run(trainee, recipe, schedule, options.seed, options.accumulate)
    kept = {name: value for name, value in vars(options).items() if name not in _FREE}
    if (options.out / STATE).exists():
        run.restore(options.out / STATE, kept)
    trained = sum(p.numel() for p in run.trained.values())
    print(f"{options.learner}: {trained} trained parameters, {recipe}", file=sys.stderr)
    feed = Feed(sources, trainee.samples, recipe.batch, options.seed)
    train(run, feed, options.out, options, kept)


if __name__ == "__main__":
    raise SystemExit(main())
