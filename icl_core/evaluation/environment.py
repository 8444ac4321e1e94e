"""What numbers may depend on in their last digits: versions, device, dtype."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from icl_core.learner import Learner


def environment(learner: Learner) -> dict[str, str]:
    """Return versions, and the device and dtype that a learner runs with."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "device": used_device(learner),
        "dtype": used_dtype(learner),
    }
    for name in ("icl-suite", "numpy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    torch = sys.modules.get("torch")
    if torch is not None:  # only where it is loaded anyway
        found["torch"] = str(torch.__version__)
        found["threads"] = str(torch.get_num_threads())
        if torch.cuda.is_available():
            found["accelerator"] = torch.cuda.get_device_name()
    return found


def used_device(learner: Learner) -> str:
    """Return the device that a learner runs on, such as "cuda:0"; "cpu" without a network."""
    parameter = _parameter(learner)
    if parameter is not None:
        return str(parameter.device)
    asked = learner.load_options.device
    return "cpu" if asked == "auto" else asked


def used_dtype(learner: Learner) -> str:
    """Return the number type that was asked for; that of the network where it was "auto"."""
    asked, parameter = learner.load_options.dtype, _parameter(learner)
    if asked != "auto" or parameter is None:
        return asked
    return str(parameter.dtype).removeprefix("torch.")


def _parameter(learner: Learner) -> Any:
    parameters = getattr(learner.network, "parameters", None)
    return next(iter(parameters()), None) if callable(parameters) else None
