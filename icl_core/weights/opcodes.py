"""Which globals a pickle names, by reading its instructions and running none of them."""

from __future__ import annotations

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from pathlib import Path
from typing import IO

_PICKLES = 5
"""An old torch checkpoint is: magic number, protocol, system, content, storage names."""


def pickled_globals(path: Path) -> set[str]:
    """Return the globals ("module.name") in the pickles at the start of a file."""
    found: set[str] = set()
    with open(path, "rb") as stream:
        for _ in range(_PICKLES):
            try:
                _collect(stream, found)
            except Exception:  # what follows the pickles are raw numbers
                break
    return found


def _collect(stream: IO[bytes], found: set[str]) -> None:
    texts: list[str] = []
    memo: dict[int, str] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "GLOBAL":
            found.add(_today(*str(argument).split(" ", 1)))
        elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
            found.add(_today(*texts[-2:]))
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else ""
        elif opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"}:
            memo[int(argument or 0)] = texts[-1] if texts else ""
        elif opcode.name in {"GET", "BINGET", "LONG_BINGET"}:
            texts.append(memo.get(int(argument or 0), ""))
        elif isinstance(argument, str) and "UNICODE" in opcode.name:
            texts.append(argument)


def _today(module: str, name: str = "") -> str:
    """Return what Python 3 calls a global that a pickle spells as Python 2 did."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return f"{module}.{name}"
