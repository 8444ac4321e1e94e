"""Run the peers of a scenario in turn, so that a change of the machine's mood hits all alike."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from icl_bench.compare.forecasting_bench import ForecastingBench
from icl_bench.compare.peers import Server, run_once, serving
from icl_bench.compare.report import Difference
from icl_bench.compare.scenarios import (
    BATCH,
    COMPILED,
    COMPILED_COLD,
    SCENARIOS,
    Measurement,
    Peer,
    Scenario,
)
from icl_bench.compare.standin import contexts
from icl_core.errors import PluginError
from icl_core.runtime.progress import Progress


def process_peers(scenario: Scenario, compile: bool = True) -> list[Peer]:
    """Who runs as whole processes, in turn; a filled cache comes after the run that fills it."""
    rivals = [p for p in scenario.rivals if compile or not p.compiled]
    peers = [scenario.ours]
    for peer in rivals:
        if peer.name == COMPILED:
            peers.append(Peer(COMPILED_COLD, peer.steps))
        peers.append(peer)
    return peers


def time_processes(
    bench: ForecastingBench, scenario: Scenario, peers: list[Peer], repeats: int, bar: Progress
) -> list[Measurement]:
    """Whole processes, peers in turn. An empty cache is tried once: it takes minutes."""
    source = _write_contexts(bench, BATCH, scenario.context)
    walls: dict[Peer, list[float]] = {peer: [] for peer in peers}
    cpus: dict[Peer, list[float]] = {peer: [] for peer in peers}
    failures: dict[Peer, str] = {}
    for turn in range(repeats):
        for peer in peers:
            if peer in failures or (turn and peer.name == COMPILED_COLD):
                continue
            cache = _cache(bench, scenario, peer)
            request = bench.ask(peer, source, BATCH, scenario.horizon, serve=False)
            try:
                wall, cpu, _ = run_once(bench, request, cache)
            except PluginError as error:
                failures[peer] = error.message
                continue
            finally:
                bar.advance()
            walls[peer].append(wall)
            if cpu is not None:
                cpus[peer].append(cpu)
    return [
        Measurement(scenario.name, p, tuple(walls[p]), tuple(cpus[p]), failures.get(p))
        for p in peers
    ]


def time_calls(
    bench: ForecastingBench, scenario: Scenario, peers: list[Peer], repeats: int, bar: Progress
) -> tuple[list[Measurement], list[Difference], dict[str, Any]]:
    """Warm calls of processes that stay, in turn, and how far the forecasts are apart."""
    series = contexts(BATCH, scenario.context)
    source = _write_contexts(bench, BATCH, scenario.context)
    walls: dict[Peer, list[float]] = {peer: [] for peer in peers}
    cpus: dict[Peer, list[float]] = {peer: [] for peer in peers}
    failures: dict[Peer, str] = {}
    versions: dict[str, Any] = {}
    outputs: dict[Peer, np.ndarray] = {}
    with contextlib.ExitStack() as stack:
        servers: dict[Peer, Server] = {}
        for peer in peers:
            cache = _cache(bench, scenario, peer)
            request = bench.ask(peer, source, BATCH, scenario.horizon, serve=True)
            try:
                servers[peer] = stack.enter_context(serving(bench, request, cache))
            except PluginError as error:
                failures[peer] = error.message
                continue
            found = servers[peer].versions
            versions["icl-forecasting" if peer.ours else "tirex-ts"] = found["code"]
            versions["torch" if peer.ours else "torch of tirex-ts"] = found["torch"]
            outputs[peer] = np.load(request.out)
        for _ in range(repeats):
            for peer, server in servers.items():
                wall, cpu = server.time()
                walls[peer].append(wall)
                cpus[peer].append(cpu)
                bar.advance()
        if scenario.ours in servers:
            outputs |= _same_steps(bench, scenario, peers, source, outputs)
    measured = [
        Measurement(scenario.name, p, tuple(walls[p]), tuple(cpus[p]), failures.get(p))
        for p in peers
    ]
    return measured, differences(scenario, outputs, series), versions


def differences(
    scenario: Scenario, outputs: dict[Peer, np.ndarray], series: np.ndarray
) -> list[Difference]:
    """Ours beside the official forecasts [B, P, 9] of equal steps, in units of each series' std."""
    spread = series.std(axis=1)[:, None, None]
    found = []
    for peer, theirs in outputs.items():
        own = next((o for p, o in outputs.items() if p.ours and p.steps == peer.steps), None)
        if own is None or peer.ours or peer.compiled:
            continue
        apart = np.abs(own.astype(np.float64) - theirs) / spread
        found.append(Difference(scenario.name, peer.steps, float(apart.max()), float(apart.mean())))
    return found


def _same_steps(
    bench: ForecastingBench,
    scenario: Scenario,
    peers: list[Peer],
    source: Path,
    outputs: dict[Peer, np.ndarray],
) -> dict[Peer, np.ndarray]:
    """Ours at the steps that only rivals ran at, so that there is something to compare."""
    missing = {p.steps for p in peers if not p.ours} - {p.steps for p in outputs if p.ours}
    found = {}
    for steps in missing:
        peer = Peer(scenario.ours.name, steps)
        cache = _cache(bench, scenario, peer)
        request = bench.ask(peer, source, BATCH, scenario.horizon, serve=False)
        _, _, found[peer] = run_once(bench, request, cache)
    return found


def _write_contexts(bench: ForecastingBench, batch: int, length: int) -> Path:
    path = bench.folder / f"contexts_{batch}_{length}.npy"
    if not path.exists():
        np.save(path, contexts(batch, length))
    return path


def _cache(bench: ForecastingBench, scenario: Scenario, peer: Peer) -> Path:
    """One cache a scenario and steps: the first process finds it empty, later ones filled."""
    return bench.folder / f"cache_{SCENARIOS.index(scenario)}_{peer.steps}"
