"""DC-SAM in training (arXiv 2504.12080, sections 3.4 and 4.2, and the released settings)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from episodic.losses import canvas_loss
from episodic.samples import DcSamSamples, Sample
from episodic.trainee import freeze, seeded, shortened
from icl_core.errors import InputError
from icl_segmentation.dcsam.generator import PromptGenerator
from icl_segmentation.dcsam.pipeline import DcSam, Reading, Request
from icl_segmentation.dcsam.sam_path import Sam1Path, Sam2Path, SamPath
from icl_segmentation.dcsam.video import VideoDcSam, VideoNetwork
from icl_segmentation.sam.build import Sam
from icl_segmentation.sam2.image import Sam2ImageModel
from icl_segmentation.sam2.network import Sam2Network

DECODER, MEMORY = "decoder", "memory"
PARTS: Mapping[str, tuple[str, ...]] = {
    DECODER: ("sam2.sam_mask_decoder.",),
    MEMORY: ("sam2.memory_attention.", "sam2.memory_encoder."),
}
"""Parts of SAM 2 that can be trained beside the prompt generator."""
_NEVER = (
    "sam2.sam_mask_decoder.pred_obj_score_head.",
    "sam2.sam_mask_decoder.iou_prediction_head.",
)
_CLIPS_ONLY = ("sam2.sam_mask_decoder.conv_s0.", "sam2.sam_mask_decoder.conv_s1.")
_GENERATOR = "prompt_encoder."
_FAR = 32.0
"""Logits are cut here: an object that SAM 2 takes for absent has -1024, which no gradient mends."""


class DcSamTrainee:
    """A prompt generator on a frozen SAM, or with parts of a SAM 2 trained too.

    With parts of SAM 2 a sample goes through SAM 2's video path, clips and single pictures alike,
    and checkpoints have the layout of the released video model; otherwise that of the image model.

    Args:
        generator: the prompt generator.
        sam: SAM 1 or SAM 2.
        parts: which of `PARTS` are trained too.
        clips: whether samples are clips. For single pictures SAM 2's convolutions of the fine maps
            stay frozen, as in the released pre-training.
        leak: mix up the labels of a batch as the released code does.
        device: where it runs.
        amp: bfloat16 in SAM's image encoder.

    Raises:
        InputError: clips or parts are asked of SAM 1.
    """

    learner = "dcsam"

    def __init__(
        self,
        generator: PromptGenerator,
        sam: Sam | Sam2Network,
        *,
        parts: Collection[str] = (),
        clips: bool = False,
        leak: bool = False,
        device: torch.device | str = "cpu",
        amp: bool = False,
    ) -> None:
        if isinstance(sam, Sam) and (parts or clips):
            raise InputError(
                "clips and the training of SAM's parts need SAM 2, and this is SAM 1",
                hint="--sam-type sam2.1_hiera_l, or view=pair without --train",
            )
        self.device = torch.device(device)
        self.generator = generator.to(self.device)
        sam.to(self.device).eval()
        if amp:
            shortened(sam.image_encoder, self.device)
        self.parts, self.clips, self.leak = set(parts), clips, leak
        path: SamPath
        self.video: VideoDcSam | None = None
        if isinstance(sam, Sam2Network):
            model = Sam2ImageModel(sam)
            path = Sam2Path(model)
            if parts or clips:
                self.video = VideoDcSam(generator, model)
        else:
            path = Sam1Path(sam)
        self.pipeline = self.video or DcSam(generator, path)
        self.samples = DcSamSamples(self.pipeline.image_size)
        self.network: nn.Module = generator
        if self.video is not None and isinstance(sam, Sam2Network):
            self.network = VideoNetwork(sam, generator)
        sam.requires_grad_(False)
        freeze(self.network, self.trained())
        generator.train()

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, under their names in the checkpoint."""
        prefixes = tuple(prefix for part in self.parts for prefix in PARTS[part])
        never = _NEVER if self.clips else (*_NEVER, *_CLIPS_ONLY)
        found = {}
        for name, parameter in self.network.named_parameters():
            inner = name.removeprefix(_GENERATOR)
            mine = not name.startswith("sam2.") and not inner.startswith("layer")
            if mine or (name.startswith(prefixes) and not name.startswith(never)):
                found[name] = parameter
        return found

    def moving(self) -> dict[str, Tensor]:
        """Return nothing: the backbone's statistics are frozen."""
        return {}

    def loss(self, batch: Sequence[Sample], rng: np.random.Generator) -> Tensor:
        """Return the loss of a batch, on the canvas of every picture or frame."""
        with torch.random.fork_rng(devices=self._devices()):  # for the dropout
            torch.manual_seed(seeded(rng))
            logits = self._pictures(batch) if self.video is None else self._clips(batch)
        views = [view for sample in batch for view in sample.queries]
        masks = torch.stack([view.masks[0] for view in views]).to(self.device)
        ignore = torch.stack([view.ignore for view in views]).to(self.device)
        return canvas_loss(logits, masks, ignore)

    def _devices(self) -> list[int]:
        if self.device.type != "cuda":
            return []
        return [self.device.index or 0]

    def _pictures(self, batch: Sequence[Sample]) -> Tensor:
        """Segment pictures: logits [B, S, S]."""
        generator, sam = self.generator, self.pipeline.sam
        shown = torch.stack([sample.support.image for sample in batch]).to(self.device)
        masks = torch.stack([sample.support.masks[0] for sample in batch]).to(self.device).float()
        asked = torch.stack([sample.queries[0].image for sample in batch]).to(self.device)
        maps = self.pipeline.encode(torch.cat([shown, asked]))
        rows = range(len(batch))
        own, other = maps.rows(list(rows)), maps.rows([n + len(batch) for n in rows])
        support = generator.read_support(shown, masks, sam.features(generator, own), leak=self.leak)
        query = generator.read_query(asked, sam.features(generator, other))
        reading = Reading(other, query, (asked.shape[-2], asked.shape[-1]))
        requests = [Request(n, (n,)) for n in rows]
        return self.pipeline.answer(reading, support, requests, leak=self.leak)[:, 0]

    def _clips(self, batch: Sequence[Sample]) -> Tensor:
        """Segment clips of T frames: logits [B * T, S, S]."""
        assert self.video is not None
        found = []
        for sample in batch:
            shown = sample.support.image[None].to(self.device)
            mask = sample.support.masks[:1].to(self.device).float()
            support = self.video.prepare(shown, mask)
            frames = [view.image[None].to(self.device) for view in sample.queries]
            answers = self.video.follow(frames, support, [[0]])
            found += [answer.logits[0, 0] for answer in answers]
        return torch.stack(found).clamp(-_FAR, _FAR)

    def released(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a checkpoint as the released training writes it, names behind `module.`."""
        state = {**self.network.state_dict(), **weights}
        return {f"module.{name}": tensor.detach().cpu() for name, tensor in state.items()}

    def config(self) -> dict[str, Any]:
        """Return which of the two negative branches was trained."""
        return {"paper_negative_branch": self.generator.paper_negative}
