"""A tuned prompt in a file: one picture and its target that stand for a task.

In-context tuning (arXiv 2304.03284, section 3.3) leaves the network as it is and learns the prompt;
what it learns is small, and is kept as the key to the task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from icl_core import InputError, WeightsError
from icl_core.results.save import atomic_path
from icl_core.weights import read_checkpoint
from icl_painting.seggpt.options import TYPES

METADATA = "icl_painting"
KIND = "seggpt-prompt"


@dataclass(frozen=True, eq=False)
class TaskKey:
    """A tuned prompt.

    Args:
        image: float32 [3, s, s], normalised; not a picture that anybody has to recognise.
        target: float32 [3, s, s].
        type: the type of the examples it was tuned on, "instance" or "semantic".
        painted: whether their targets were pictures in colour.
        notes: how it was tuned, as plain data.
    """

    image: Tensor
    target: Tensor
    type: str = "instance"
    painted: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def side(self) -> int:
        """Side of the square, in pixels."""
        return int(self.image.shape[-1])

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the key as safetensors, whole or not at all.

        Raises:
            InputError: another suffix than .safetensors, or the place cannot be written.
        """
        about = {
            "kind": KIND,
            "type": self.type,
            "painted": self.painted,
            "notes": dict(self.notes),
        }
        tensors = {
            name: tensor.detach().float().cpu().contiguous()
            for name, tensor in (("image", self.image), ("target", self.target))
        }
        with atomic_path(path, overwrite, suffixes=(".safetensors",)) as temporary:
            save_file(tensors, temporary, metadata={METADATA: json.dumps(about)})
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> TaskKey:
        """Read a key.

        Raises:
            WeightsError: the file is missing, damaged, or something else.
            InputError: it was not given as a path.
        """
        if not isinstance(path, str | Path):
            raise InputError(f"prompt is {type(path).__name__}, expected the file of a tuned one")
        file = read_checkpoint(path)
        about = file.metadata.get(METADATA)
        image, target = file.tensors.get("image"), file.tensors.get("target")
        good = (
            isinstance(about, Mapping)
            and about.get("kind") == KIND
            and about.get("type") in TYPES
            and isinstance(about.get("painted"), bool)
            and set(file.tensors) == {"image", "target"}
        )
        if not good or image is None or target is None or not isinstance(about, Mapping):
            raise WeightsError(
                f"{path} is no tuned prompt of seggpt",
                hint="python -m icl_painting.seggpt.tuning makes one",
            )
        for name, tensor in (("image", image), ("target", target)):
            square = (
                tensor.dim() == 3 and tensor.shape[0] == 3 and tensor.shape[1] == tensor.shape[2]
            )
            if not square or tensor.shape != image.shape or tensor.dtype != torch.float32:
                raise WeightsError(
                    f"the {name} of the tuned prompt {path} is {tensor.dtype} "
                    f"{list(tensor.shape)}, expected float32 [3, s, s]"
                )
            if not tensor.isfinite().all():
                raise WeightsError(f"the {name} of the tuned prompt {path} has NaN or infinities")
        notes = about.get("notes")
        return cls(
            image, target, about["type"], about["painted"], notes if notes is not None else {}
        )
