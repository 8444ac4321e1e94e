"""Run the ways of a part in turn, so that a change of the machine's mood hits all alike."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from icl_bench.compare.peers import Bench, Official, Request, Server, serving
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
from icl_core.errors import PluginError
from icl_core.runtime.progress import Progress

PACKAGE = Official("segment_anything", "segment-anything", "icl-segmentation[bench]")
LOADERS = Path(__file__).with_name("segmentation_worker.py")
HALF = "bfloat16"


class Way(NamedTuple):
    """A way of doing a part.

    Args:
        name: for the tables.
        request: the process that knows it.
        call: what that process is asked for.
        beside: the way whose result this one's is held against; None for none.
    """

    name: str
    request: Request
    call: str
    beside: str | None = None


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
    walls: dict[str, list[float]] = {way.name: [] for way in ways}
    cpus: dict[str, list[float]] = {way.name: [] for way in ways}
    failures: dict[str, str] = {}
    results: dict[str, np.ndarray] = {}
    memory: dict[str, int | None] = {}
    versions: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        servers = _start(bench, ways, stack, failures)
        for name, server in servers.items():
            package = PACKAGE.distribution if name == OFFICIAL else "icl-segmentation"
            torch = f"torch of {package}" if name == OFFICIAL else "torch"
            versions |= {package: server.versions["code"], torch: server.versions["torch"]}
        for turn in range(repeats):
            for way in ways:
                if way.name in failures:
                    continue
                server = servers[way.name]
                try:
                    wall, cpu = server.time(way.call)
                    walls[way.name].append(wall)
                    cpus[way.name].append(cpu)
                    if turn == repeats - 1:
                        results[way.name] = server.result(way.call)
                        memory[way.name] = server.extra_memory()
                except PluginError as error:
                    failures[way.name] = error.message
                bar.advance()
    measured = [
        Measured(
            part,
            way.name,
            tuple(walls[way.name]),
            tuple(cpus[way.name]),
            memory.get(way.name) if part == ENCODER else None,
            failure=failures.get(way.name),
            **compared(part, results.get(way.name), results.get(way.beside or "")),
        )
        for way in ways
    ]
    return measured, versions


def _start(
    bench: Bench, ways: Sequence[Way], stack: contextlib.ExitStack, failures: dict[str, str]
) -> dict[str, Server]:
    """Start one process for each different request."""
    started: dict[Path, Server | str] = {}
    servers: dict[str, Server] = {}
    for way in ways:
        key = way.request.out
        if key not in started:
            try:
                started[key] = stack.enter_context(
                    serving(bench, way.request, bench.folder / "cache")
                )
            except PluginError as error:
                started[key] = error.message
        server = started[key]
        if isinstance(server, str):
            failures[way.name] = server
        else:
            servers[way.name] = server
    return servers


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
        said["difference"] = float(np.abs(found - other).max())
        if part != ENCODER:
            said["ious"] = tuple(iou(a > 0, b > 0) for a, b in zip(found, other, strict=True))
    return said


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks; 1 where both are empty."""
    union = np.logical_or(one, other).sum()
    return float(np.logical_and(one, other).sum() / union) if union else 1.0
