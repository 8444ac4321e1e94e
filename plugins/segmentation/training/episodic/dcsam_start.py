"""The DC-SAM network that a run begins with: given files, and a new prompt generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_segmentation.dcsam.checkpoint import build_generator, read_backbone, read_dcsam
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.sizes import GeneratorSizes, generator_sizes
from icl_segmentation.sam.build import Sam, read_sam
from icl_segmentation.sam.files import sam_file
from icl_segmentation.sam2.build import build_sam2, load_sam2
from icl_segmentation.sam2.network import Sam2Network


@dataclass(frozen=True)
class DcSamStart:
    """What a run is given.

    Args:
        weights: a DC-SAM checkpoint to go on from.
        backbone_weights: file of the frozen backbone.
        sam_weights: file of SAM or SAM 2; None = the released one of `sam_type`.
        sam_type: such as "vit_h" or "sam2.1_hiera_l".
        prior_only: a new generator takes nothing but the prior from the backbone.
        paper_negative: stage 2 of the negative branch as in the paper, not as released.
    """

    weights: str | Path | None = None
    backbone_weights: str | Path | None = None
    sam_weights: str | Path | None = None
    sam_type: str | None = None
    prior_only: bool = False
    paper_negative: bool = False


def begin_dcsam(start: DcSamStart, seed: int) -> tuple[PromptGenerator, Sam | Sam2Network]:
    """Build the prompt generator and the SAM that it prompts.

    Args:
        start: what is given.
        seed: of the new tensors.

    Raises:
        InputError: a file that is needed is not given, or it does not fit the others.
        WeightsError: a file is damaged or holds something else.
    """
    generator: PromptGenerator | None = None
    inside: Mapping[str, Tensor] = {}
    if start.weights is not None:
        file = read_dcsam(start.weights, start.backbone_weights, start.paper_negative)
        generator, inside = file.generator, file.sam2
    sam: Sam | Sam2Network
    if inside and start.sam_weights is None and start.sam_type is None:
        sam = build_sam2(inside, learner="dcsam")
    else:
        path = sam_file(start.sam_weights, start.sam_type).path
        second = start.sam_type.startswith("sam2") if start.sam_type else None
        sam = load_sam2(path) if second or (second is None and _is_sam2(path)) else read_sam(path)
    if generator is None:
        generator = new_generator(start, isinstance(sam, Sam2Network), seed)
    if generator.sizes.sam2 != isinstance(sam, Sam2Network):
        needed = "SAM 2" if generator.sizes.sam2 else "SAM 1"
        raise InputError(f"{start.weights} was trained on {needed}, and another SAM is given")
    return generator, sam


def new_generator(start: DcSamStart, sam2: bool, seed: int) -> PromptGenerator:
    """Make a prompt generator with new trained parts around a backbone's file.

    Raises:
        InputError: no backbone is given.
    """
    if start.backbone_weights is None:
        raise InputError(
            "dcsam has no backbone",
            hint="--backbone-weights names its file, such as resnet50_v2.pth",
        )
    backbone = read_backbone(start.backbone_weights)
    width = GeneratorSizes.width
    marks = {
        "transformer_decoder.supp_q_feat.weight": torch.empty(GeneratorSizes.queries, width),
        "downsample_query.0.weight": torch.empty(0),
    }
    sizes = replace(generator_sizes({**backbone, **marks}), sam2=sam2, prior_only=start.prior_only)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = PromptGenerator(sizes, start.paper_negative).state_dict()
    fresh = {name: tensor for name, tensor in state.items() if not name.startswith("layer")}
    return build_generator({**backbone, **fresh}, start.paper_negative)


def _is_sam2(path: Path) -> bool:
    from icl_core.weights import read_checkpoint

    return "maskmem_tpos_enc" in read_checkpoint(path).tensors
