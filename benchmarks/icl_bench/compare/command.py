"""What the commands of this package share: their options, their output, their exit codes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from icl_core.errors import IclError, InputError, PluginError
from icl_core.results.save import atomic_path


def new_parser(command: str, text: str) -> argparse.ArgumentParser:
    """A parser with the options that every comparison has.

    Args:
        command: name of the module.
        text: its docstring; the first two paragraphs are shown.
    """
    first, _, rest = text.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=f"python -m {command}", description=first, epilog=rest.partition("\n\n")[0]
    )
    add = parser.add_argument
    add("--threads", type=int, default=2, help="threads of every peer (default 2)")
    add("--repeats", type=int, default=3, help="warm calls of each peer (default 3)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="cuda measures ours alone")
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--out", type=Path, metavar="FILE", help="write the JSON to this file as well")
    return parser


def check_counts(asked: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse counts below one.

    Raises:
        InputError: one of them is.
    """
    for name in names:
        if getattr(asked, name) < 1:
            option = name.replace("_", "-")
            raise InputError(f"--{option} is {getattr(asked, name)}, expected a number from 1")


def machine(threads: int) -> dict[str, Any]:
    """What a comparison ran on."""
    return {
        "threads": threads,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def add_peaks(parser: argparse.ArgumentParser) -> None:
    """Options for the peaks of a device, which limits are computed from."""
    add = parser.add_argument
    add("--peak-tflops", type=float, metavar="N", help="peak of the device in bfloat16, TFLOP/s")
    add("--peak-tflops-float32", type=float, metavar="N", help="the same in float32")


def check_peaks(asked: argparse.Namespace) -> None:
    """Refuse peaks that are no numbers above zero.

    Raises:
        InputError: one of them is.
    """
    for name in ("peak_tflops", "peak_tflops_float32"):
        value = getattr(asked, name)
        if value is not None and not 0 < value < float("inf"):
            option = name.replace("_", "-")
            raise InputError(f"--{option} is {value:g}, expected a number above 0")


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="icl-compare-") as name:
        yield Path(name)


def answer(asked: argparse.Namespace, found: dict[str, Any], text: str) -> None:
    """Print what was found, and write it to a file where that is asked for."""
    if asked.out is not None:
        with atomic_path(asked.out, overwrite=True) as path:
            path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2) if asked.json else text)


def exit_code(run: Callable[[], bool]) -> int:
    """Run a command that says whether a peer failed.

    Returns:
        0 done, 1 a peer failed, 2 wrong usage or the official package is missing.
    """
    try:
        return int(run())
    except IclError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 1 if isinstance(error, PluginError) else 2
