"""Start peers as processes of their own and time them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from icl_core.errors import InputError, MissingExtraError, PluginError

WORKER = Path(__file__).with_name("worker.py")
SETTLE = 0.3
"""Seconds between calls of different processes: the threads of the last one stop spinning."""


class Official(NamedTuple):
    """The official code: its module, its distribution, and the extra of ours that installs it."""

    module: str
    distribution: str
    extra: str


def find_official(python: str | None, package: Official) -> str:
    """The interpreter that has the official package.

    Args:
        python: a path given by the user, or None to look into this interpreter.
        package: what is looked for.

    Raises:
        InputError: the path is no interpreter.
        MissingExtraError: the package is not installed there.
    """
    interpreter = python or sys.executable
    probe = (
        f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package[0]!r}) is None)"
    )
    try:
        done = subprocess.run([interpreter, "-c", probe], capture_output=True, check=False)
    except OSError as error:
        raise InputError(f"--official-python {interpreter} cannot be run: {error}") from None
    if done.returncode:
        raise MissingExtraError(
            f"the official package {package.distribution} is not installed for {interpreter}",
            hint=f"pip install '{package.extra}', or name another interpreter that has it "
            "with --official-python",
        )
    return interpreter


class Request(NamedTuple):
    """A peer to start: its name in errors, the command, and where its first result will be."""

    peer: str
    command: list[str]
    out: Path


@dataclass
class Bench:
    """Where a comparison runs.

    Args:
        folder: for requests, results and compiler caches; temporary.
        official: interpreter with the official package; None where it is not needed.
        threads: for every peer.
    """

    folder: Path
    official: str | None
    threads: int
    _count: int = field(default=0, repr=False, kw_only=True)

    def request(self, peer: str, ours: bool, serve: bool, content: Mapping[str, Any]) -> Request:
        """Write down what a peer shall load and do.

        Args:
            peer: its name.
            ours: whether it is our code or the official one.
            serve: whether it stays and answers calls.
            content: more for the worker; see `worker.py`.
        """
        self._count += 1
        stem = self.folder / f"{self._count:03d}"
        out, written = stem.with_suffix(".npy"), stem.with_suffix(".json")
        common = {"peer": "ours" if ours else "official", "serve": serve, "out": str(out)}
        written.write_text(json.dumps({**common, **content}), encoding="utf-8")
        if not ours and self.official is None:
            raise ValueError("no interpreter with the official package")
        interpreter = sys.executable if ours or self.official is None else self.official
        return Request(peer, [interpreter, str(WORKER), str(written)], out)

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


def run_once(bench: Bench, request: Request, cache: Path) -> tuple[float, float | None, np.ndarray]:
    """Time a process from its start to its end.

    Returns:
        Wall-clock seconds, processor seconds (None where the system does not tell), its result.

    Raises:
        PluginError: the process failed; the sentence has its last line.
    """
    before = _children_cpu()
    start = time.perf_counter()
    done = subprocess.run(
        request.command,
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
        said = done.stderr.decode(errors="replace")
        raise PluginError(f"{request.peer} failed: {_last_line(said)}")
    cpu = None if before is None or after is None else after - before
    return wall, cpu, np.load(request.out)


@dataclass
class Server:
    """A warm peer that works when it is asked to.

    Args:
        request: what it was started for.
        process: where it runs.
        versions: what it says about itself.
    """

    request: Request
    process: subprocess.Popen[str]
    versions: dict[str, Any]

    def time(self, what: str = "call") -> tuple[float, float]:
        """Wall-clock and processor seconds of one call; the first is preceded by a warm-up.

        Raises:
            PluginError: the call failed; the peer stays.
        """
        time.sleep(SETTLE)
        answer = self._ask(what)
        if "failure" in answer:
            raise PluginError(f"{self.request.peer} failed: {answer['failure']}")
        return float(answer["wall"]), float(answer["cpu"])

    def result(self, what: str) -> np.ndarray:
        """What the last call of that name returned."""
        found: np.ndarray = np.load(self._ask(f"save {what}")["path"])
        return found

    def extra_memory(self) -> int | None:
        """The most bytes that were in use since the peer had loaded, beyond those in use then."""
        extra = self._ask("memory")["extra"]
        return None if extra is None else int(extra)

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise PluginError("a peer ended during the comparison") from None
        return _answer(self.process)


@contextmanager
def serving(bench: Bench, request: Request, cache: Path) -> Iterator[Server]:
    """Start a peer, let it load and work once, and end it afterwards.

    Raises:
        PluginError: it failed; the sentence has its last line.
    """
    log = request.out.with_suffix(".log")
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            request.command,
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
                raise PluginError(f"{request.peer} failed: {_last_line(text)}") from None
            yield Server(request, process, versions)
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
