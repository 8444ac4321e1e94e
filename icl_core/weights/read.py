"""Read a checkpoint without running anything in it, and bring it into one form."""

from __future__ import annotations

import argparse
import json
import pickle
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core.errors import UntrustedFileError, WeightsError
from icl_core.weights.content import SAFETENSORS, TORCH_ZIP, recognise
from icl_core.weights.opcodes import pickled_globals
from icl_core.weights.plain import keep_plain

if TYPE_CHECKING:
    import torch

WRAPPERS = ("state_dict", "model", "state_dict_ema", "model_ema", "ema", "module")
_WRAPPED = 4


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a weights file holds.

    Args:
        tensors: name -> tensor on the CPU, of the dtype in the file; wrappers and the prefixes
            of data-parallel and compiled networks are gone.
        metadata: everything else as plain Python, such as Lightning's `hyper_parameters`.
        format: "safetensors", "torch" or "torch-legacy".
        path: where it was read.
    """

    tensors: dict[str, torch.Tensor]
    metadata: dict[str, Any] = field(default_factory=dict)
    format: str = SAFETENSORS
    path: Path | None = None

    def __repr__(self) -> str:
        return f"Checkpoint({len(self.tensors)} tensors, {self.format}, {self.path})"


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read safetensors or a torch checkpoint; the format is recognised by content.

    Raises:
        WeightsError: the file is missing, damaged, or no checkpoint.
        UntrustedFileError: the file wants to run code; none of it was run.
    """
    path = Path(path)
    kind = recognise(path)
    if kind == SAFETENSORS:
        tensors, metadata = _read_safetensors(path)
        return Checkpoint(strip_prefixes(tensors, path), metadata, kind, path)
    return from_object(_load_torch(path, kind), kind, path)


def from_object(content: Any, kind: str, path: Path) -> Checkpoint:
    """Find the tensors in what a torch checkpoint holds.

    Raises:
        WeightsError: there are none.
    """
    import torch

    metadata: dict[str, Any] = {}
    for _ in range(_WRAPPED):
        if not isinstance(content, Mapping):
            break
        wrapper = next((w for w in WRAPPERS if _wraps(content.get(w))), None)
        for name, value in content.items():
            if name != wrapper and not isinstance(value, torch.Tensor):
                keep_plain(metadata, str(name), value)
        if wrapper is None:
            break
        content = content[wrapper]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected named tensors")
    tensors = {str(n): t.detach() for n, t in content.items() if isinstance(t, torch.Tensor)}
    if not tensors:
        held = ", ".join(list(map(str, content))[:5]) or "nothing"
        raise WeightsError(f"{path} holds no tensors; at its top level there is: {held}")
    return Checkpoint(strip_prefixes(tensors, path), metadata, kind, path)


def strip_prefixes(tensors: Mapping[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """Undo what `torch.compile` and data-parallel wrappers did to the names.

    `_orig_mod.` goes wherever it stands; `module.` only where every name starts with it, since
    a network may have a part of that name.

    Raises:
        WeightsError: two names become one.
    """
    names = {name: name.replace("_orig_mod.", "") for name in tensors}
    while names and all(name.startswith("module.") for name in names.values()):
        names = {old: name.removeprefix("module.") for old, name in names.items()}
    if len(set(names.values())) != len(names):
        raise WeightsError(f"{path} names a tensor twice, with and without '_orig_mod.'")
    return {names[old]: tensor for old, tensor in tensors.items()}


def safe_globals() -> list[Any]:
    """Return what a checkpoint may hold beside tensors: `Namespace` and numpy's plain numbers."""
    import numpy as np

    try:
        multiarray = import_module("numpy._core.multiarray")
    except ModuleNotFoundError:  # numpy 1
        multiarray = import_module("numpy.core.multiarray")
    scalar = multiarray.scalar
    # The letters of numpy's float, signed and unsigned types, e to g, b to q and B to Q.
    classes = dict.fromkeys(type(np.dtype(letter)) for letter in "efdgbhilqBHILQ")
    # Written by numpy 2 and numpy 1: one function under two names.
    names = ("numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar")
    return [argparse.Namespace, *((scalar, name) for name in names), np.dtype, *classes]


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            texts = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path} is a broken safetensors file: {error}") from error
    if not tensors:
        raise WeightsError(f"{path} holds no tensors")
    if texts.get("format") == "pt":
        del texts["format"]  # says which library wrote the file, not what is in it
    return tensors, {name: _decoded(text) for name, text in texts.items()}


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _load_torch(path: Path, kind: str) -> Any:
    import torch

    with torch.serialization.safe_globals(safe_globals()):
        try:
            if path.suffix == ".safetensors":  # a wrong name, which torch would go by
                with open(path, "rb") as stream:
                    return torch.load(stream, map_location="cpu", weights_only=True)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=kind == TORCH_ZIP)
        except Exception as error:
            # Damaged bytes raise almost anything here; the two cases are told apart by whether
            # the file names something that is not allowed.
            refused = _refused(path, kind, error)
            if refused:
                raise untrusted(path, refused) from error
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise WeightsError(
                f"{path} is a damaged torch checkpoint ({type(error).__name__}: {reason[0][:200]})"
            ) from error


def untrusted(path: Path, refused: list[str]) -> UntrustedFileError:
    """Return the refusal of a file that wants more than tensors."""
    return UntrustedFileError(
        f"{path} wants more than tensors when it is read, which can run code: "
        f"{', '.join(refused[:10])}; it was refused and nothing of it was executed",
        f"if you trust its author: icl weights convert {shlex.quote(str(path))} --trust-pickle",
    )


def _refused(path: Path, kind: str, error: Exception) -> list[str]:
    """Return the globals for which torch refused a file; call it inside `safe_globals`."""
    import torch

    if not isinstance(error, pickle.UnpicklingError):
        return []
    found: set[str] = set()
    try:
        if kind == TORCH_ZIP:
            found.update(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
        else:
            found.update(pickled_globals(path) - _allowed_names())
    except Exception:  # a damaged pickle cannot be listed either
        found.clear()
    if not found:
        # Some things are only refused when they are built, such as a dtype that is not a number.
        text = str(error)
        found.update(re.findall(r"GLOBAL (\S+) was not an allowed global", text))
        found.update(re.findall(r"but got <class '([^']+)'>", text))
    return sorted(found)


def _allowed_names() -> set[str]:
    unpickler: Any = import_module("torch._weights_only_unpickler")
    return {*unpickler._get_allowed_globals(), *unpickler._get_user_allowed_globals()}


def _wraps(value: Any, depth: int = _WRAPPED) -> bool:
    """Whether this is a mapping with tensors in it, at once or inside another wrapper."""
    import torch

    if not isinstance(value, Mapping) or depth == 0:
        return False
    return any(isinstance(v, torch.Tensor) for v in value.values()) or any(
        _wraps(value.get(wrapper), depth - 1) for wrapper in WRAPPERS
    )
