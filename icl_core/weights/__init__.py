"""Weights: find them, fetch them, read them safely, fit them to a network.

```python
from icl_core.weights import load_tensors, read_checkpoint, resolve_weights

found = resolve_weights(card, "official")  # bundled, cached, or downloaded and checked
checkpoint = read_checkpoint(found.path)  # never runs code from the file
load_tensors(network, checkpoint.tensors, learner=card.name)
```

torch is imported when a file is read, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icl_core.weights.conversion import convert
    from icl_core.weights.digests import digest
    from icl_core.weights.download import fetch
    from icl_core.weights.locate import ResolvedWeights, local_file, resolve_weights
    from icl_core.weights.match import load_tensors
    from icl_core.weights.read import Checkpoint, read_checkpoint
    from icl_core.weights.verification import Verified, verify

__all__ = [
    "Checkpoint",
    "ResolvedWeights",
    "Verified",
    "convert",
    "digest",
    "fetch",
    "load_tensors",
    "local_file",
    "read_checkpoint",
    "resolve_weights",
    "verify",
]

# No module here is named like a function: importing `convert.py` would bind the module to the name
# `convert` in this package, and `__getattr__` would never be asked for the function.
_HOME = {
    "Checkpoint": "read",
    "ResolvedWeights": "locate",
    "Verified": "verification",
    "convert": "conversion",
    "digest": "digests",
    "fetch": "download",
    "load_tensors": "match",
    "local_file": "locate",
    "read_checkpoint": "read",
    "resolve_weights": "locate",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
