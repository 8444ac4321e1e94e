"""Names of devices and number types become PyTorch objects here, and nowhere else."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from icl_core.errors import InputError, MissingExtraError
from icl_core.settings import settings

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")
_DEVICE = re.compile(r"(cpu|cuda|mps)(?::(\d+))?")


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of that name.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps"; "auto" is `ICL_DEVICE` where it is set, else CUDA
            where there is one, else MPS, else the CPU.

    Raises:
        InputError: the name is no device, or this machine does not have it.
        MissingExtraError: PyTorch is not installed.
    """
    _need_torch()
    import torch

    origin = "device"
    if name == "auto":
        chosen = settings().device
        if chosen is None or chosen == "auto":
            if torch.cuda.is_available():
                return torch.device("cuda", torch.cuda.current_device())
            return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
        name, origin = chosen, "ICL_DEVICE"
    match = _DEVICE.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise InputError(f"{origin} is {name!r}, expected auto, cpu, cuda, cuda:<number> or mps")
    kind, index = match[1], None if match[2] is None else int(match[2])
    if kind == "cuda":
        return _cuda(name, origin, index)
    if index:
        raise InputError(f"{origin} is {name!r}, but there is only one {kind} device")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InputError(
            f"{origin} is 'mps', but PyTorch finds no Apple GPU here", "use device='cpu'"
        )
    return torch.device(kind)


def resolve_dtype(name: str, device: torch.device, bfloat16_ok: bool) -> torch.dtype:
    """Return the number type a network computes in.

    Args:
        name: "float32", "bfloat16", "float16"; "auto" is bfloat16 on a CUDA device that has it in
            hardware, for learners whose parity test allows it, else float32.
        device: where the network runs.
        bfloat16_ok: whether the learner's parity test passes in bfloat16.

    Raises:
        InputError: the name is no number type.
    """
    _need_torch()
    import torch

    if name == "auto":
        fast = (
            bfloat16_ok
            and device.type == "cuda"
            and torch.cuda.is_bf16_supported(including_emulation=False)
        )
        return torch.bfloat16 if fast else torch.float32
    if name not in DTYPES:
        raise InputError(f"dtype is {name!r}, expected auto, {', '.join(DTYPES)}")
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def _cuda(name: str, origin: str, index: int | None) -> torch.device:
    import torch

    if not torch.cuda.is_available():
        raise InputError(
            f"{origin} is {name!r}, but PyTorch finds no CUDA GPU here", "use device='cpu'"
        )
    count = torch.cuda.device_count()
    if index is not None and index >= count:
        raise InputError(f"{origin} is {name!r}, but the last CUDA GPU here is cuda:{count - 1}")
    return torch.device("cuda", torch.cuda.current_device() if index is None else index)


def _need_torch() -> None:
    if find_spec("torch") is None:
        raise MissingExtraError(
            "choosing a device needs PyTorch, which is not installed", "pip install torch"
        )
