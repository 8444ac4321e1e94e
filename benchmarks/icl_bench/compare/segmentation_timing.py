"""Run the ways of a part in turn, so that a change of the machine's mood hits all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from icl_bench.compare.peers import Bench, Official, Request
from icl_bench.compare.segmentation_report import (
    ENCODER,
    FEW,
    FEW_HALF,
    OFFICIAL,
    ONCE,
    OURS,
    OURS_HALF,
    PAIRS,
    RELEASED,
    Measured,
)
from icl_bench.compare.segmentation_shapes import Size
from icl_bench.compare.segmentation_standin import (
    Weights,
    encoder_input,
    pictures,
    write_learner,
)
from icl_bench.compare.turns import Way, largest_difference, time_in_turn
from icl_core.runtime.progress import Progress

PACKAGE = Official("segment_anything", "segment-anything", "icl-segmentation[bench]")
LOADERS = Path(__file__).with_name("segmentation_worker.py")
HALF = "bfloat16"


def ask(
    bench: Bench,
    weights: Weights,
    task: Mapping[str, Any],
    dtype: str = "float32",
    device: str = "cpu",
    ours: bool = True,
) -> Request:
    """A peer that stays: a learner, or the official encoder with the same file.

    Args:
        bench: where.
        weights: the learner's.
        task: `first`, `warm_up` and what the calls need; see `segmentation_worker.py`.
        dtype: ours, as `icl.load` takes it.
        device: "cpu" or "cuda".
        ours: whether it is the learner.
    """
    name = f"{weights.learner} ({dtype})" if ours else PACKAGE.distribution
    content = {
        "loaders": str(LOADERS),
        "distribution": "icl-segmentation" if ours else PACKAGE.distribution,
        "learner": weights.learner,
        "weights": str(weights.weights),
        "options": dict(weights.options),
        "dtype": dtype,
        "device": device,
        "warm_up": 0,
        **task,
    }
    return bench.request(name, ours, True, content)


def encoder_ways(bench: Bench, size: Size, half: bool) -> list[Way]:
    """SAM's image encoder: ours, the official one, and ours in half precision."""
    source = bench.folder / "encoder_input.npy"
    np.save(source, encoder_input(size.sam.side))
    weights = write_learner(bench.folder, "dcsam", size)
    task = {"input": str(source), "sam": asdict(size.sam), "first": "encoder"}
    official = ask(bench, weights, task, ours=False)
    ways = [
        Way(OURS, ask(bench, weights, task), "encoder"),
        Way(OFFICIAL, official, "encoder", OURS),
    ]
    if half:
        ways.append(Way(OURS_HALF, ask(bench, weights, task, HALF), "encoder", OURS))
    return ways


def learner_ways(bench: Bench, learner: str, size: Size, queries: int, half: bool) -> list[Way]:
    """Queries of one context: prepared once, per pair in two ways, and two in both number types."""
    source = write_pictures(bench.folder, queries, size.picture)
    weights = write_learner(bench.folder, learner, size)
    task = {"pictures": str(source)}
    ours = ask(bench, weights, {**task, "first": "one"})
    ways = [
        Way(ONCE, ours, "once"),
        Way(PAIRS, ours, "pairs", ONCE),
        Way(RELEASED, ours, "released", ONCE),
    ]
    if half:
        # A processor without bfloat16 takes many times as long: two queries tell enough.
        other = ask(bench, weights, {**task, "first": "prepare"}, HALF)
        ways += [Way(FEW, ours, "two"), Way(FEW_HALF, other, "two", FEW)]
    return ways


def write_pictures(folder: Path, queries: int, size: tuple[int, int]) -> Path:
    """Write a context and queries for the worker."""
    path = folder / f"pictures_{queries}.npz"
    images, masks = pictures(queries + 1, *size)
    np.savez(path, images=images, mask=masks[0])
    return path


def time_ways(
    bench: Bench, part: str, ways: Sequence[Way], repeats: int, bar: Progress
) -> tuple[list[Measured], dict[str, Any]]:
    """Time the ways of a part in turn, in processes that stay, and compare what they give.

    Returns:
        What each way took and gave, and the versions of what ran.
    """
    turns, said = time_in_turn(bench, ways, repeats, bar)
    versions: dict[str, Any] = {}
    for name, own in said.items():
        package = PACKAGE.distribution if name == OFFICIAL else "icl-segmentation"
        torch = f"torch of {package}" if name == OFFICIAL else "torch"
        versions |= {package: own["code"], torch: own["torch"]}
    results = {one.way: one.result for one in turns}
    measured = [
        Measured(
            part,
            one.way,
            one.seconds,
            one.cpu_seconds,
            one.extra_memory if part == ENCODER else None,
            failure=one.failure,
            **compared(part, one.result, results.get(way.beside or "")),
        )
        for way, one in zip(ways, turns, strict=True)
    ]
    return measured, versions


def compared(part: str, found: np.ndarray | None, other: np.ndarray | None) -> Mapping[str, Any]:
    """How a result compares with that of another way, as arguments of `Measured`.

    Args:
        part: `ENCODER`, or a learner whose results are logits [N, H, W].
        found: the result, if there is one.
        other: what it is compared with, if there is anything.
    """
    said: dict[str, Any] = {}
    if found is None:
        return said
    if part != ENCODER:
        said["share"] = float((found > 0).mean())
    if other is not None:
        said["difference"] = largest_difference(found, other)
        if part != ENCODER:
            said["ious"] = tuple(iou(a > 0, b > 0) for a, b in zip(found, other, strict=True))
    return said


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks; 1 where both are empty."""
    union = np.logical_or(one, other).sum()
    return float(np.logical_and(one, other).sum() / union) if union else 1.0
