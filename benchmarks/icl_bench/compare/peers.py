"""Start peers as processes of their own and time them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from icl_bench.compare.scenarios import Peer
from icl_core.errors import InputError, MissingExtraError, PluginError

WORKER = Path(__file__).with_name("worker.py")
SETTLE = 0.3
"""Seconds between calls of different processes: the threads of the last one stop spinning."""


def find_official(python: str | None) -> str:
    """The interpreter that has the official package.

    Args:
        python: a path given by the user, or None to look into this interpreter.

    Raises:
        InputError: the path is no interpreter.
        MissingExtraError: the package is not installed there.
    """
    interpreter = python or sys.executable
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('tirex') is None)"
    try:
        done = subprocess.run([interpreter, "-c", probe], capture_output=True, check=False)
    except OSError as error:
        raise InputError(f"--official-python {interpreter} cannot be run: {error}") from None
    if done.returncode:
        raise MissingExtraError(
            f"the official package tirex-ts is not installed for {interpreter}",
            hint="pip install 'icl-forecasting[bench]', or name another interpreter that has it "
            "with --official-python",
        )
    return interpreter


@dataclass
class Bench:
    """Where a comparison runs.

    Args:
        folder: for requests, forecasts and compiler caches; temporary.
        checkpoint: the stand-in weights.
        official: interpreter with the official package; None where it is not needed.
        threads: for every peer.
        device: "cpu" or "cuda".
        dtype: ours, as `icl.load` takes it.
        options: ours, for `icl.load`.
    """

    folder: Path
    checkpoint: Path
    official: str | None
    threads: int
    device: str = "cpu"
    dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)
    _count: int = field(default=0, repr=False)

    def request(
        self, peer: Peer, contexts: Path, batch: int, horizon: int, serve: bool
    ) -> tuple[list[str], Path]:
        """The command that runs a peer, and where its forecast will be."""
        self._count += 1
        stem = self.folder / f"{self._count:03d}"
        out = stem.with_suffix(".npy")
        content = {
            "peer": "ours" if peer.ours else "official",
            "checkpoint": str(self.checkpoint),
            "official_path": f"./{self.checkpoint.relative_to(self.folder).as_posix()}",
            "contexts": str(contexts),
            "batch": batch,
            "horizon": horizon,
            "steps": peer.steps,
            "device": self.device,
            "dtype": self.dtype,
            "options": self.options,
            "compile": peer.compiled,
            "serve": serve,
            "out": str(out),
        }
        stem.with_suffix(".json").write_text(json.dumps(content), encoding="utf-8")
        if not peer.ours and self.official is None:
            raise ValueError("no interpreter with the official package")
        interpreter = sys.executable if peer.ours or self.official is None else self.official
        return [interpreter, str(WORKER), str(stem.with_suffix(".json"))], out

    def environment(self, cache: Path) -> dict[str, str]:
        """This process's environment with the thread count and the compiler's cache set."""
        threads = str(self.threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
        return {
            **os.environ,
            **dict.fromkeys(names, threads),
            "TORCHINDUCTOR_CACHE_DIR": str(cache),
            "ICL_PROGRESS": "0",
        }


def run_once(
    bench: Bench, peer: Peer, contexts: Path, batch: int, horizon: int, cache: Path
) -> tuple[float, float | None, np.ndarray]:
    """Time a process from its start to its end.

    Returns:
        Wall-clock seconds, processor seconds (None where the system does not tell), forecasts
        [batch, horizon, 9].

    Raises:
        PluginError: the process failed; the sentence has its last line.
    """
    command, out = bench.request(peer, contexts, batch, horizon, serve=False)
    before = _children_cpu()
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=bench.folder,
        env=bench.environment(cache),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    wall = time.perf_counter() - start
    after = _children_cpu()
    if done.returncode:
        raise PluginError(f"{peer.name} failed: {_last_line(done.stderr.decode(errors='replace'))}")
    cpu = None if before is None or after is None else after - before
    return wall, cpu, np.load(out)


@dataclass
class Server:
    """A warm peer that forecasts when it is asked to."""

    process: subprocess.Popen[str]
    versions: dict[str, Any]
    out: Path

    def time(self, what: str = "call") -> tuple[float, float]:
        """Wall-clock and processor seconds of one call; the first is preceded by a warm-up."""
        assert self.process.stdin is not None
        time.sleep(SETTLE)
        try:
            self.process.stdin.write(f"{what}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise PluginError("a peer ended during the comparison") from None
        answer = _answer(self.process)
        return float(answer["wall"]), float(answer["cpu"])


@contextmanager
def serving(
    bench: Bench, peer: Peer, contexts: Path, batch: int, horizon: int, cache: Path
) -> Iterator[Server]:
    """Start a peer, let it load and forecast once, and end it afterwards.

    Raises:
        PluginError: it failed; the sentence has its last line.
    """
    command, out = bench.request(peer, contexts, batch, horizon, serve=True)
    log = out.with_suffix(".log")
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            cwd=bench.folder,
            env=bench.environment(cache),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            try:
                versions = _answer(process)
            except PluginError:
                process.wait()
                text = log.read_text(encoding="utf-8", errors="replace")
                raise PluginError(f"{peer.name} failed: {_last_line(text)}") from None
            yield Server(process, versions, out)
        finally:
            process.terminate()


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise PluginError("a peer ended during the comparison")
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer


def _children_cpu() -> float | None:
    """Processor seconds of all ended child processes and of theirs."""
    try:
        from resource import RUSAGE_CHILDREN, getrusage
    except ModuleNotFoundError:  # Windows
        return None
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
