"""The process that is timed. Run as a script, by an interpreter that need not know `icl_bench`.

Usage: `python worker.py request.json`. It loads one peer through the file `loaders`, whose
`load(request)` returns named calls, does the call `first`, writes its result to `out`, and ends.

With `"serve": true` it stays and answers each line of standard input with one line of JSON:

- the name of a call: it is done and timed, the first time after `warm_up` untimed ones;
- `save NAME`: the last result of that call is written to a file;
- `memory`: the most memory in use since everything was loaded, beyond what was in use then.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[[], Any]


def main(path: str) -> None:
    """Run one request."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print is no reply
    with open(path, encoding="utf-8") as file:
        request = json.load(file)
    calls: dict[str, Call] = _module(request["loaders"]).load(request)
    memory = Memory()

    import numpy as np

    results = {request["first"]: calls[request["first"]]()}
    np.save(request["out"], results[request["first"]])
    if not request["serve"]:
        return
    replies.write(json.dumps(versions(request)) + "\n")
    warm: set[str] = set()
    for line in sys.stdin:
        verb, _, name = line.strip().partition(" ")
        if verb == "save":
            out = f"{request['out'].removesuffix('.npy')}_{name.replace(' ', '_')}.npy"
            np.save(out, results[name])
            reply: dict[str, Any] = {"path": out}
        elif verb == "memory":
            reply = {"extra": memory.extra()}
        else:
            reply = timed(line.strip(), calls, results, warm, request["warm_up"])
        replies.write(json.dumps(reply) + "\n")


def timed(
    name: str, calls: dict[str, Call], results: dict[str, Any], warm: set[str], warm_up: int
) -> dict[str, Any]:
    """Do a call and say how long it took, or why it failed."""
    try:
        for _ in range(0 if name in warm else warm_up):
            calls[name]()
        warm.add(name)
        wall, cpu = time.perf_counter(), time.process_time()
        results[name] = calls[name]()
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    except Exception as error:  # such as a device without enough memory: others may still run
        lines = str(error).strip().splitlines()
        return {"failure": f"{type(error).__name__}: {lines[0] if lines else 'without a word'}"}


class Memory:
    """Memory in use, counted from the moment when this is made."""

    def __init__(self) -> None:
        self._resets = _forget_peak()
        now = _status("VmRSS") if self._resets else _peak()
        self._base = now

    def extra(self) -> int | None:
        """The most bytes in use since then beyond those in use then; None where unknown."""
        peak = _status("VmHWM") if self._resets else _peak()
        return None if peak is None or self._base is None else max(0, peak - self._base)


def _forget_peak() -> bool:
    """Make Linux count its record of the memory in use anew: loading may have needed more."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        return False
    return _status("VmHWM") is not None


def _status(name: str) -> int | None:
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            found = [line.split() for line in file if line.startswith(name + ":")]
    except OSError:
        return None
    return 1024 * int(found[0][1]) if found else None


def _peak() -> int | None:
    try:
        from resource import RUSAGE_SELF, getrusage
    except ModuleNotFoundError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * getrusage(RUSAGE_SELF).ru_maxrss


def _module(path: str) -> Any:
    """Import a file by its path: it may lie in a package that this interpreter does not have."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def versions(request: dict[str, Any]) -> dict[str, Any]:
    """What ran: versions, threads and the device's name."""
    from importlib.metadata import version

    import torch

    found = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    found["code"] = version(request["distribution"])
    if request["device"].startswith("cuda"):
        found["device"] = torch.cuda.get_device_name()
    return found


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its modules must not be taken for others of the same name
    main(sys.argv[1])
