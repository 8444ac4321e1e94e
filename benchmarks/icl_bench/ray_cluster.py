"""A Ray cluster: one that is there, or one that is started here for a run and ended after it.

Ray moves objects between processes by pickle, so that a cluster is as trusted as the machine that
uses it. A cluster that is started here listens with a token of its own, sends no usage statistics
and leaves no file behind.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from icl_core.errors import InputError, MissingExtraError

logger = logging.getLogger("icl.ray")

_OBJECTS = 256 * 1024**2
"""Bytes of shared memory of a cluster that is started here; more is kept on the disk."""

_TOKEN = secrets.token_hex(32)
"""Of the clusters that this process starts; Ray reads it once in a process."""

_NATIVE = re.compile(rb"\[[\d-]+ [\d:,]+ [A-Z] \d+ \d+\] [\w/.]+\.cc:\d+:")
"""How a line of Ray's C++ log begins."""

_OURS = ("ICL_DEVICE", "ICL_OFFLINE", "ICL_STRICT_WEIGHTS", "HF_HUB_OFFLINE")
"""Settings that a worker on another machine takes from here."""


@dataclass(frozen=True)
class Resources:
    """What the workers of a run take of a cluster.

    Args:
        workers: how many at most, each with one model; None = as many as there is room for.
        cpus: CPU cores of each.
        gpus: GPUs of each, 0.25 for four workers on one GPU; None = one where the cluster has any
            and the device is not the CPU.
        retries: how often a job is given to another worker after its worker died.
    """

    workers: int | None = None
    cpus: float = 1.0
    gpus: float | None = None
    retries: int = 2

    def __post_init__(self) -> None:
        for name, whole, value, least in (
            ("workers", True, self.workers, 1),
            ("cpus", False, self.cpus, 0.01),
            ("gpus", False, self.gpus, 0.0),
            ("retries", True, self.retries, 0),
        ):
            if value is None:
                continue
            kinds = (int,) if whole else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
                number = "a whole number" if whole else "a number"
                raise InputError(f"{name} is {value!r}, expected {number} from {least:g}")

    def fitted(self, ray: Any, device: str) -> tuple[int, dict[str, float]]:
        """Return how many workers have room in a cluster, and what each asks Ray for.

        Args:
            ray: connected.
            device: of the learners.

        Raises:
            InputError: not one has room, or the device names one GPU of several.
        """
        if device == "auto":
            device = os.environ.get("ICL_DEVICE") or device
        if ":" in device:
            raise InputError(f"device is {device!r}, but Ray chooses the GPU: expected cuda")
        there = ray.cluster_resources()
        gpus = self.gpus
        if gpus is None:
            wanted = device == "cuda" or (device == "auto" and there.get("GPU", 0) > 0)
            gpus = 1.0 if wanted else 0.0
        room = int(there.get("CPU", 0) / self.cpus)
        if gpus:
            room = min(room, int(there.get("GPU", 0) / gpus + 1e-9))
        if not room:
            raise InputError(
                f"the cluster has {there.get('CPU', 0):g} CPU cores and {there.get('GPU', 0):g} "
                f"GPUs, too few for a worker with {self.cpus:g} and {gpus:g}"
            )
        asked = {"num_cpus": self.cpus, "num_gpus": gpus}
        return room if self.workers is None else min(room, self.workers), asked


def library() -> Any:
    """Import Ray, its usage statistics switched off.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        return import_module("ray")
    except ImportError as error:
        raise MissingExtraError("--engine ray needs Ray", "pip install 'icl-suite[ray]'") from error


@contextmanager
def connected(address: str | None, resources: Resources) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine and end it afterwards.

    A connection that the process has already is used and left open.

    Args:
        address: of a cluster, such as "10.0.0.1:6379" or "auto"; None = `RAY_ADDRESS`, or where
            that is not set, one that is started.
        resources: a started cluster has room for them.

    Yields:
        The module `ray`.

    Raises:
        InputError: there is no cluster at the address, or none can be started.
        MissingExtraError: Ray is not installed.
    """
    ray = library()
    if ray.is_initialized():
        with _quiet():
            yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _knock(address)
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with _quiet():
        if address != "local":
            try:
                ray.init(address=address, **quiet)
            except Exception as error:  # each release and kind of address has errors of its own
                raise InputError(
                    f"no Ray cluster answers at {address}: {first_line(error)}"
                ) from error
            try:
                yield ray
            finally:
                ray.shutdown()
            return
        with _private_token(), _short_folder() as folder:
            cores = os.cpu_count() or 1
            if resources.workers is not None:
                cores = max(cores, -(-int(resources.workers * resources.cpus * 100) // 100))
            try:
                ray.init(
                    address="local",
                    num_cpus=cores,
                    include_dashboard=False,
                    object_store_memory=_OBJECTS,
                    _temp_dir=str(folder),
                    **quiet,
                )
            except Exception as error:
                raise InputError(
                    f"no Ray cluster can be started here: {first_line(error)}"
                ) from error
            try:
                yield ray
            finally:
                ray.shutdown()


def _knock(address: str) -> None:
    """Refuse an address where nothing listens; Ray itself would try for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():  # "auto", "local"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster answers at {address}: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray's own words off the terminal: what matters is raised, and stdout holds results."""
    theirs = logging.getLogger("ray")
    before = theirs.level
    theirs.setLevel(logging.CRITICAL)
    # It prints the death of a worker on stdout and has no option against it. Where a release has
    # another name for this, the words are printed.
    module = import_module("ray._private.worker")
    prints = getattr(module, "print_to_stdstream", None)

    def log(data: Any, *_: Any, **__: Any) -> None:
        logger.debug("%s", " ".join(map(str, data.get("lines", ()))))

    if prints is not None:
        module.__dict__["print_to_stdstream"] = log
    try:
        yield
    finally:
        theirs.setLevel(before)
        if prints is not None:
            module.__dict__["print_to_stdstream"] = prints


@contextmanager
def without_native_log() -> Iterator[None]:
    """Keep lines of Ray's C++ log off stderr, which Python cannot switch off; others come later."""
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if _NATIVE.match(line):
                    logger.debug("%s", line.decode(errors="replace").strip())
                else:
                    os.write(2, line)


@contextmanager
def _private_token() -> Iterator[None]:
    """Give Ray a token by the environment, so that it does not write one into the home folder."""
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    before = {name: os.environ.get(name) for name in names}
    if not any(before.values()):
        os.environ["RAY_AUTH_TOKEN"] = _TOKEN
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Make a folder for sockets, whose names may have about 100 letters and no more."""
    base = "/tmp" if os.access("/tmp", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="icl-ray-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def first_line(error: BaseException) -> str:
    """Return what stands first in an error; Ray's are pages long."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def surroundings() -> tuple[str, dict[str, str]]:
    """Return the folder and the settings that `settle` gives to a worker."""
    return os.getcwd(), {name: os.environ[name] for name in _OURS if name in os.environ}


def settle(folder: str, settings: dict[str, str]) -> None:
    """Make a worker read relative paths and settings as the process does that asks it.

    Args:
        folder: of that process; ignored where it is not there.
        settings: environment variables.
    """
    if Path(folder).is_dir():
        os.chdir(folder)
    os.environ.update(settings)
