"""Check a weights file: its hash, its format, its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from icl_core.errors import WeightsError
from icl_core.weights.cache import wrong_hash
from icl_core.weights.digests import digest, recorded_digest

if TYPE_CHECKING:
    import torch

    from icl_core.weights.locate import ResolvedWeights


class Verified(NamedTuple):
    """What is known about a file that passed.

    Args:
        path: the file.
        format: "safetensors", "torch" or "torch-legacy".
        sha256: its digest, computed now.
        expected: the digest it was compared with; None where none is known.
        tensors: how many tensors it holds.
        numbers: how many numbers they hold.
    """

    path: Path
    format: str
    sha256: str
    expected: str | None
    tensors: int
    numbers: int


def verify(weights: ResolvedWeights | str | Path, *, sha256: str | None = None) -> Verified:
    """Hash a weights file again, read it, and look for NaN and infinities.

    Args:
        weights: a file, or what `resolve_weights` returned.
        sha256: what it must hash to; by default what its card says, or what was noted when it
            was downloaded.

    Raises:
        WeightsError: the hash differs, the file is damaged, or a tensor is not finite.
        UntrustedFileError: the file wants to run code when it is read.
    """
    from icl_core.weights.read import read_checkpoint

    if isinstance(weights, (str, Path)):
        path = Path(weights)
    else:
        path = weights.path
        sha256 = sha256 or weights.sha256
    expected = sha256.lower() if sha256 else recorded_digest(path)
    checkpoint = read_checkpoint(path)
    found = digest(path)
    if expected is not None and found != expected:
        raise wrong_hash(path, expected, found)
    if odd := odd_tensors(checkpoint.tensors):
        raise WeightsError(
            f"{path} holds NaN or infinity in {len(odd)} of {len(checkpoint.tensors)} tensors: "
            + ", ".join(odd[:5])
        )
    numbers = sum(tensor.numel() for tensor in checkpoint.tensors.values())
    return Verified(path, checkpoint.format, found, expected, len(checkpoint.tensors), numbers)


def odd_tensors(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the names of the tensors that hold NaN or infinities."""
    import torch

    def finite(tensor: torch.Tensor) -> bool:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return True
        if tensor.element_size() == 1:  # torch has no isfinite for the 8-bit kinds
            tensor = tensor.float()
        return bool(torch.isfinite(tensor).all())

    return [name for name, tensor in tensors.items() if not finite(tensor)]
