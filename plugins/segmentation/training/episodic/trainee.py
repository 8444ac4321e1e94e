"""What the trainer asks of a learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from episodic.samples import Sample, SampleMaker


class Trainee(Protocol):
    """A network that is trained, with its loss and the layout of its checkpoints."""

    learner: str
    device: torch.device

    @property
    def samples(self) -> SampleMaker:
        """What makes its samples."""

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained; all others are frozen."""

    def moving(self) -> dict[str, Tensor]:
        """Return the buffers that training changes."""

    def loss(self, batch: Sequence[Sample], rng: np.random.Generator) -> Tensor:
        """Return the loss of a batch; every draw comes from `rng`."""

    def released(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a checkpoint in the official layout.

        Args:
            weights: in place of the trained parameters, such as their moving average.
        """

    def config(self) -> dict[str, Any]:
        """Return what the tensors do not show and a reader may need."""


def autocast(device: torch.device, wanted: bool) -> AbstractContextManager[Any]:
    """Return bfloat16 for matrix products and convolutions, where it is wanted."""
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()


def shortened(module: nn.Module, device: torch.device) -> None:
    """Let a module compute in bfloat16; its parameters stay as they are."""
    forward = torch.autocast(device.type, torch.bfloat16)(module.forward)
    object.__setattr__(module, "forward", forward)


def freeze(module: nn.Module, trained: Mapping[str, nn.Parameter]) -> None:
    """Let gradients reach the trained parameters of a module and no others."""
    module.requires_grad_(False)
    for parameter in trained.values():
        parameter.requires_grad_(True)


def seeded(rng: np.random.Generator) -> int:
    """Draw a seed for a generator of torch."""
    return int(rng.integers(2**62))
