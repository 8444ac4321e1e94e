"""What is compared, against whom, and what we want to reach."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

BATCH = 16

OURS = "ours"
OFFICIAL = "official"
COMPILED = "official, compiled"
COMPILED_COLD = "official, compiled, empty cache"
"""The same as `COMPILED`, before TorchInductor has kept anything from an earlier process."""


@dataclass(frozen=True)
class Peer:
    """One way to forecast.

    Args:
        name: `OURS`, `OFFICIAL`, `COMPILED` or `COMPILED_COLD`.
        steps: patches a pass forecasts at once (`max_accelerated_rollout_steps`).
    """

    name: str
    steps: int = 1

    @property
    def ours(self) -> bool:
        """Whether this is our learner."""
        return self.name == OURS

    @property
    def compiled(self) -> bool:
        """Whether the official code is asked to compile its cell."""
        return self.name in (COMPILED, COMPILED_COLD)


@dataclass(frozen=True)
class Scenario:
    """A batch of histories and a horizon.

    Args:
        name: for the tables and for `--scenario`.
        context: values in each of the `BATCH` histories.
        horizon: steps to forecast.
        ours: our way.
        rivals: the official ways, without the one of an empty cache.
        target: how many times faster than the compiled official code at its default of one patch
            a pass we want to be.
    """

    name: str
    context: int
    horizon: int
    ours: Peer
    rivals: tuple[Peer, ...]
    target: float

    def target_for(self, peer: Peer) -> float | None:
        """The target that a comparison with this peer has, if it has one."""
        return self.target if peer.compiled and peer.steps == 1 else None


SCENARIOS = (
    Scenario(
        "context 144, horizon 24",
        144,
        24,
        Peer(OURS),
        (Peer(OFFICIAL), Peer(COMPILED)),
        12.0,
    ),
    Scenario(
        "context 2048, horizon 128",
        2048,
        128,
        Peer(OURS, 4),
        (Peer(OFFICIAL), Peer(COMPILED), Peer(OFFICIAL, 4), Peer(COMPILED, 4)),
        4.0,
    ),
    Scenario(
        "context 2048, horizon 32",
        2048,
        32,
        Peer(OURS),
        (Peer(OFFICIAL), Peer(COMPILED)),
        1.3,
    ),
)

PUBLISHED_BATCH = 256
PUBLISHED_SERIES_A_SECOND = {32: 5318.0, 64: 2739.0, 128: 1412.0}
"""Horizon to series/s of the official CUDA backend on an H100; context 2048, batch 256."""
PUBLISHED_LATENCY = 0.017
"""Seconds of one of its calls at batch 1, horizon 32."""
GPU_TARGET = 4.0


@dataclass(frozen=True)
class Measurement:
    """What one peer took in one scenario.

    Args:
        scenario: its name.
        peer: who.
        seconds: wall-clock time of each run.
        cpu_seconds: processor time of each run, over all its threads; empty where unknown.
        failure: why there are no times.
    """

    scenario: str
    peer: Peer
    seconds: tuple[float, ...] = ()
    cpu_seconds: tuple[float, ...] = ()
    failure: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A peer beside ours: `ratio` times our time, on the wall clock and in processor time."""

    measured: Measurement
    wall: float | None
    cpu: float | None
    ratio: float | None
    cpu_ratio: float | None
    target: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none or nothing was measured."""
        if self.target is None or self.ratio is None:
            return None
        return self.ratio >= self.target


def chosen(parts: list[str] | None) -> tuple[Scenario, ...]:
    """Scenarios whose names contain one of `parts`; all of them for None or an empty list."""
    if not parts:
        return SCENARIOS
    return tuple(s for s in SCENARIOS if any(part in s.name for part in parts))


def compare(scenario: Scenario, measured: list[Measurement]) -> list[Comparison]:
    """Relate the measurements of one scenario to ours, by medians.

    Args:
        scenario: which.
        measured: any measurements; those of other scenarios are left out.
    """
    here = [m for m in measured if m.scenario == scenario.name]
    own = next((m for m in here if m.peer == scenario.ours), None)
    own_wall = _median(own.seconds) if own else None
    own_cpu = _median(own.cpu_seconds) if own else None
    found = []
    for m in here:
        wall, cpu = _median(m.seconds), _median(m.cpu_seconds)
        found.append(
            Comparison(
                m,
                wall,
                cpu,
                None if m is own else _ratio(wall, own_wall),
                None if m is own else _ratio(cpu, own_cpu),
                scenario.target_for(m.peer),
            )
        )
    return found


def _median(values: tuple[float, ...]) -> float | None:
    return median(values) if values else None


def _ratio(theirs: float | None, ours: float | None) -> float | None:
    return theirs / ours if theirs is not None and ours else None
