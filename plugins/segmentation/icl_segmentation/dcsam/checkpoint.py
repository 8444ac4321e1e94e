"""DC-SAM networks from the files that the released training writes, and their backbones'.

- An image checkpoint holds the prompt generator with its frozen backbone, 373 tensors for
  ResNet-50, every name behind `module.`; SAM is a file of its own.
- A video checkpoint holds `sam2.*` and `prompt_encoder.*`.
- A file with the trained parts alone needs the backbone's file beside it: a deep-stem ResNet
  (`resnet50_v2.pth`), torchvision's VGG-16 with batch norms, DINOv2 with registers
  (`dinov2_vitb14_reg4_pretrain.pth`), or `layer0` to `layer4`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from icl_core.errors import InputError, WeightsError
from icl_core.weights import load_tensors, read_checkpoint
from icl_segmentation.confidence import Calibration
from icl_segmentation.dcsam.dino import PREFIX
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.sizes import generator_sizes

GENERATOR, SAM2 = "prompt_encoder.", "sam2."
_MARK = "transformer_decoder.supp_q_feat.weight"
_STEM = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4, "conv3": 6, "bn3": 7}
_VGG_STARTS = (0, 7, 14, 24, 34)
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, eq=False)
class DcSamFile:
    """What a checkpoint holds.

    Args:
        generator: the prompt generator, float32, eval mode.
        sam2: tensors of the SAM 2 inside a video checkpoint, else empty.
        calibration: curve from the expected to the true IoU, where the file has one.
    """

    generator: PromptGenerator
    sam2: Mapping[str, Tensor]
    calibration: Calibration | None = None


def read_dcsam(
    path: str | Path, backbone: str | Path | None = None, paper_negative: bool | None = None
) -> DcSamFile:
    """Read a checkpoint.

    Args:
        path: of the checkpoint.
        backbone: file of the frozen backbone, for checkpoints without it. Where the checkpoint
            has a backbone of its own, that one is used, as the released code does.
        paper_negative: as in `PromptGenerator`; None = as the file's `config` says, else False.

    Raises:
        InputError: the checkpoint has no backbone and none is given.
        WeightsError: a file is damaged or holds something else.
        UntrustedFileError: a file wants to run code.
    """
    checkpoint = read_checkpoint(path)
    tensors, stored = checkpoint.tensors, checkpoint.metadata.get("config")
    config: Mapping[str, Any] = stored if isinstance(stored, Mapping) else {}
    if any(".base_layer." in name or ".lora_A." in name for name in tensors):
        raise WeightsError(
            f"{path} holds adapters (LoRA) beside the weights",
            hint="merge them into the weights first: peft's merge_and_unload()",
        )
    sam2 = {n.removeprefix(SAM2): t for n, t in tensors.items() if n.startswith(SAM2)}
    own = {n: t for n, t in tensors.items() if not n.startswith(SAM2)}
    if own and all(name.startswith(GENERATOR) for name in own):
        own = {name.removeprefix(GENERATOR): tensor for name, tensor in own.items()}
    if _MARK not in own:
        held = ", ".join(list(tensors)[:3])
        raise WeightsError(f"{path} holds no DC-SAM: {_MARK} is missing; there is: {held}")
    if "layer0.0.weight" not in own and f"{PREFIX}cls_token" not in own:
        if backbone is None:
            raise InputError(
                f"{path} holds the trained parts alone, without the backbone",
                hint="backbone_weights= names its file, such as resnet50_v2.pth",
            )
        own = {**read_backbone(backbone), **own}
    curve = config.get("calibration")
    if paper_negative is None:
        paper_negative = bool(config.get("paper_negative_branch", False))
    return DcSamFile(
        build_generator(own, paper_negative), sam2, Calibration.from_plain(curve) if curve else None
    )


def build_generator(tensors: Mapping[str, Tensor], paper_negative: bool = False) -> PromptGenerator:
    """Build the prompt generator that tensors belong to, which it takes over without a copy.

    Raises:
        WeightsError: names or shapes are not those of a prompt generator.
    """
    sizes = generator_sizes(tensors)
    with torch.device("meta"):
        generator = PromptGenerator(sizes, paper_negative)
    given = {n: t.long() if n.endswith(_COUNTER) else t for n, t in tensors.items()}
    for name in generator.state_dict():
        if name.endswith(_COUNTER):  # counts nothing in eval mode, and older files lack it
            given.setdefault(name, torch.zeros((), dtype=torch.long))
    load_tensors(generator, given, learner="dcsam")
    return generator.eval().requires_grad_(False)


def read_backbone(path: str | Path) -> dict[str, Tensor]:
    """Read a backbone's file under the names `layer0` to `layer4`, or `dinov2`.

    Raises:
        WeightsError: the file is damaged or holds another network.
    """
    tensors = read_checkpoint(path).tensors
    if "register_tokens" in tensors:
        return {PREFIX + name: tensor for name, tensor in tensors.items()}
    stem = tensors.get("conv1.weight")
    if stem is not None and stem.shape[-1] != 3:
        side = f"{stem.shape[-1]}x{stem.shape[-1]}"
        raise WeightsError(
            f"{path} is a ResNet with one {side} convolution as stem, expected the deep stem of "
            "three 3x3 convolutions",
            hint="the released code uses resnet50_v2.pth and resnet101_v2.pth",
        )
    renamed = {_renamed(name): tensor for name, tensor in tensors.items()}
    found = {name: tensor for name, tensor in renamed.items() if name is not None}
    if not any(name.startswith("layer0.0.") for name in found):
        held = ", ".join(list(tensors)[:3])
        raise WeightsError(
            f"{path} holds no backbone of DC-SAM, expected a deep-stem ResNet or torchvision's "
            f"VGG-16 with batch norms; there is: {held}"
        )
    return found


def _renamed(name: str) -> str | None:
    first, _, rest = name.partition(".")
    if first in _STEM:
        return f"layer0.{_STEM[first]}.{rest}"
    if re.match(r"layer[0-4]\.", name):
        return name
    match = re.match(r"features\.(\d+)\.(.+)", name)
    if match is None:  # the classifier
        return None
    place = int(match[1])
    stage = max(n for n, start in enumerate(_VGG_STARTS) if start <= place)
    return f"layer{stage}.{place - _VGG_STARTS[stage]}.{match[2]}"
