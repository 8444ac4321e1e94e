"""Fit named tensors to a network, or say precisely why they do not fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from icl_core.errors import WeightsError
from icl_core.settings import settings
from icl_core.weights.verification import odd_tensors

if TYPE_CHECKING:
    import torch

_SHOWN = 5
_ALIKE = 0.5
"""Share of common names from which on two checkpoints are called alike."""


def load_tensors(
    network: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    *,
    learner: str,
    known: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Copy tensors into a network, all or none; each takes the network's dtype and device.

    Args:
        network: the network; one on the "meta" device takes over the tensors themselves.
        tensors: name -> tensor, as `Checkpoint.tensors`.
        learner: name of the learner, for the message.
        known: checkpoint name -> its tensor names; used to guess what was given instead.

    Raises:
        WeightsError: names, shapes or kinds of number differ; or, with `ICL_STRICT_WEIGHTS=1`,
            a tensor holds NaN or infinities.
    """
    import torch

    own = {n: t for n, t in network.state_dict().items() if isinstance(t, torch.Tensor)}
    report = _mismatch(own, tensors)
    if report:
        raise WeightsError(
            f"these weights do not fit {learner}: {'; '.join(report)}",
            _guess(own, tensors, known or {}),
        )
    if settings().strict_weights and (odd := odd_tensors(tensors)):
        raise WeightsError(
            f"weights for {learner} hold NaN or infinity in {len(odd)} tensors: "
            f"{_some(odd)}; ICL_STRICT_WEIGHTS=1 refuses them"
        )
    empty = any(tensor.is_meta for tensor in own.values())
    cast = {name: tensors[name].to(own[name].dtype) for name in own} if empty else dict(tensors)
    network.load_state_dict(cast, strict=False, assign=empty)


def _mismatch(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> list[str]:
    """Return one phrase for each way in which the names, shapes and kinds differ."""
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    common = [name for name in own if name in given]
    misshapen = [
        f"{name} is {_shape(given[name])} and should be {_shape(own[name])}"
        for name in common
        if given[name].shape != own[name].shape
    ]
    miscounted = [
        f"{name} is {given[name].dtype} and should be {own[name].dtype}"
        for name in common
        if _rank(given[name]) > _rank(own[name])
    ]
    kinds = {
        "missing": missing,
        "unexpected": unexpected,
        "misshapen": misshapen,
        "of another kind of number": miscounted,
    }
    report = [f"{len(names)} {kind} ({_some(names)})" for kind, names in kinds.items() if names]
    if report:
        fitting = len(common) - len(misshapen)
        report.insert(0, f"{fitting} of {len(own)} tensors fit")
    return report


def _guess(
    own: Mapping[str, torch.Tensor],
    given: Mapping[str, torch.Tensor],
    known: Mapping[str, Collection[str]],
) -> str | None:
    """Return a hint that names the known checkpoint most like the given one."""
    shares = {name: _overlap(given, names) for name, names in known.items()}
    if not shares:
        return None
    best = max(shares, key=lambda name: shares[name])
    if shares[best] < _ALIKE or shares[best] <= _overlap(given, own):
        return None
    return f"{shares[best]:.0%} of the names are those of {best!r}; is it that checkpoint?"


def _overlap(left: Collection[str], right: Collection[str]) -> float:
    union = len({*left, *right})
    return len({*left} & {*right}) / union if union else 0.0


def _rank(tensor: torch.Tensor) -> int:
    """Order kinds of number by what a cast would lose: whole, real, complex."""
    return 2 if tensor.is_complex() else int(tensor.is_floating_point())


def _shape(tensor: torch.Tensor) -> str:
    return str(list(tensor.shape))


def _some(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_SHOWN])
    rest = len(names) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
