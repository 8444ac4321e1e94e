"""Time ways in turn, in processes that stay: a change of the machine's mood hits all alike."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from icl_bench.compare.peers import Bench, Request, Server, serving
from icl_core.errors import PluginError
from icl_core.runtime.progress import Progress


class Way(NamedTuple):
    """A way of doing something.

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


@dataclass(frozen=True)
class Turns:
    """What the turns of one way took and gave.

    Args:
        way: its name.
        seconds: wall-clock time of each turn.
        cpu_seconds: processor time of each turn, over all threads.
        extra_memory: most bytes in use beyond those after loading; None where unknown.
        result: of the last turn; None where it failed.
        failure: why something is missing.
    """

    way: str
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    extra_memory: int | None = None
    result: np.ndarray | None = None
    failure: str | None = None


def time_in_turn(
    bench: Bench, ways: Sequence[Way], repeats: int, bar: Progress
) -> tuple[list[Turns], dict[str, dict[str, Any]]]:
    """Start a process for each different request, and time the ways in turn.

    Returns:
        What each way took and gave, and by its name what its process says about itself.
    """
    with contextlib.ExitStack() as stack:
        peers = _start(bench, ways, stack)
        turns = take_turns({way.name: (peers[way.name], way.call) for way in ways}, repeats, bar)
    servers = {name: peer for name, peer in peers.items() if isinstance(peer, Server)}
    return turns, {name: server.versions for name, server in servers.items()}


def _start(
    bench: Bench, ways: Sequence[Way], stack: contextlib.ExitStack
) -> dict[str, Server | str]:
    """The process of each way, or why it did not start."""
    started: dict[Path, Server | str] = {}
    for way in ways:
        key = way.request.out
        if key not in started:
            try:
                server = serving(bench, way.request, bench.folder / "cache")
                started[key] = stack.enter_context(server)
            except PluginError as error:
                started[key] = error.message
    return {way.name: started[way.request.out] for way in ways}


def take_turns(
    peers: Mapping[str, tuple[Server | str, str]], repeats: int, bar: Progress
) -> list[Turns]:
    """Time ways in turn; one that fails is not tried again.

    Args:
        peers: name of a way -> its process, or why there is none, and what that is asked for.
        repeats: turns of each.
        bar: moves on with each call.
    """
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in peers}
    failures = {way: peer for way, (peer, _) in peers.items() if isinstance(peer, str)}
    results: dict[str, np.ndarray] = {}
    memory: dict[str, int | None] = {}
    for turn in range(repeats):
        for way, (peer, call) in peers.items():
            if isinstance(peer, str) or way in failures:
                continue
            try:
                times[way].append(peer.time(call))
                if turn == repeats - 1:
                    results[way] = peer.result(call)
                    memory[way] = peer.extra_memory()
            except PluginError as error:
                failures[way] = error.message
            bar.advance()
    return [
        Turns(
            way,
            tuple(wall for wall, _ in times[way]),
            tuple(cpu for _, cpu in times[way]),
            memory.get(way),
            results.get(way),
            failures.get(way),
        )
        for way in peers
    ]


def largest_difference(found: np.ndarray | None, other: np.ndarray | None) -> float | None:
    """Largest absolute difference of two results; None where one is missing."""
    return None if found is None or other is None else float(np.abs(found - other).max())
