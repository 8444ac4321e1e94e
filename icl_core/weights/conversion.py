"""Turn any checkpoint into safetensors, which can be read without trust."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icl_core.errors import InputError, WeightsError
from icl_core.weights.content import SAFETENSORS, recognise
from icl_core.weights.read import Checkpoint, from_object, read_checkpoint

if TYPE_CHECKING:
    import torch


def convert(
    path: str | Path,
    out: str | Path | None = None,
    trust_pickle: bool = False,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the tensors and the metadata of a checkpoint as safetensors.

    Args:
        path: the checkpoint.
        out: the new file, or a folder for it; None = beside `path`.
        trust_pickle: True runs whatever code the file holds. Only for files whose author you
            trust.
        overwrite: whether an existing file may be replaced.

    Returns:
        The new file.

    Raises:
        UntrustedFileError: the file wants to run code and `trust_pickle` is False.
        WeightsError: the file is damaged or no checkpoint, or the new one cannot be written.
        InputError: `out` exists, or is not a .safetensors file.
    """
    path = Path(path)
    target = _target(path, out)
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already", "pass overwrite, or name another file")
    checkpoint = _read_trusting(path) if trust_pickle else read_checkpoint(path)
    _write(checkpoint, target)
    return target


def _target(path: Path, out: str | Path | None) -> Path:
    target = path.with_suffix(".safetensors") if out is None else Path(out)
    if target.is_dir():
        target = target / (path.stem + ".safetensors")
    if target.suffix != ".safetensors":
        raise InputError(f"the new file is {target.name!r}, expected a name in .safetensors")
    return target


def _read_trusting(path: Path) -> Checkpoint:
    kind = recognise(path)
    if kind == SAFETENSORS:
        return read_checkpoint(path)
    import torch

    try:
        with warnings.catch_warnings(), open(path, "rb") as stream:
            warnings.simplefilter("ignore")  # about changed source code of pickled modules
            content = torch.load(stream, map_location="cpu", weights_only=False)
    except Exception as error:
        # The file's own code may raise anything; most often a library of its author is missing.
        raise WeightsError(
            f"{path} cannot be unpickled: {type(error).__name__}: {error}",
            "install the library that wrote it, if a module is missing",
        ) from error
    return from_object(_without_modules(content), kind, path)


def _without_modules(content: Any) -> Any:
    """Replace pickled networks, at the top or one level below, by their state."""
    import torch

    if isinstance(content, torch.nn.Module):
        return content.state_dict()
    if isinstance(content, Mapping):
        return {
            name: value.state_dict() if isinstance(value, torch.nn.Module) else value
            for name, value in content.items()
        }
    return content


def _write(checkpoint: Checkpoint, target: Path) -> None:
    from safetensors.torch import save_file

    texts = {
        name: json.dumps(value, default=str, skipkeys=True)
        for name, value in checkpoint.metadata.items()
    }
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_file(_apart(checkpoint.tensors), part, metadata={**texts, "format": "pt"})
        with open(part, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(part, target)
    except OSError as error:
        raise WeightsError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give each tensor memory of its own, since safetensors keeps no sharing.

    The first of several that share keeps its memory only when it covers all of it.
    """
    taken: set[int] = set()
    apart: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        whole = storage.nbytes() == tensor.numel() * tensor.element_size()
        address = storage.data_ptr()
        if not (whole and tensor.is_contiguous()) or (address in taken and tensor.numel()):
            tensor = tensor.detach().clone(memory_format=_contiguous())
        else:
            taken.add(address)
        apart[name] = tensor
    return apart


def _contiguous() -> Any:
    import torch

    return torch.contiguous_format
