"""SEGIC in training (arXiv 2311.14671, section 3.4 and the released settings)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from episodic.losses import POINTS, point_loss
from episodic.samples import Sample, SegicSamples, View
from episodic.segic_start import BACKBONE, TEXT
from episodic.trainee import autocast, freeze, seeded
from icl_segmentation.segic.network import OTHER, OWN, SegicNetwork
from icl_segmentation.segic.prior import best_points, prepare_target, prior_mask, similarity
from icl_segmentation.segic.references import masked_mean, patch_weights
from icl_segmentation.segic.text import tokenize

NO_TEXT, OTHERS, BOXES = 0.25, 0.5, 0.5
"""Shares of the draws: an empty prompt, tokens of the other masks, the true box as a prompt."""

_ENCODERS = {
    BACKBONE: ("encoder.dinov2.", "encoder.timm."),
    TEXT: ("encoder.text_model.",),
}


class SegicTrainee:
    """A SEGIC network whose neck, prompt encoder, decoder and projections are trained.

    Args:
        network: the network.
        encoders: which of `BACKBONE` and `TEXT` are trained too.
        stored: which of them the checkpoints have to hold although they are frozen.
        device: where it runs.
        amp: bfloat16 in the backbone, the neck and the mask decoder. Points, positions and the
            prior need all digits and stay in float32.
        points: points a mask in the loss.
    """

    learner = "segic"

    def __init__(
        self,
        network: SegicNetwork,
        *,
        encoders: Collection[str] = (),
        stored: Collection[str] = (),
        device: torch.device | str = "cpu",
        amp: bool = False,
        points: int = POINTS,
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.encoders, self.stored = set(encoders), {*stored, *encoders}
        self.amp, self.points = amp, points
        self.samples = SegicSamples(network.config.side)
        self._texts: dict[str, Tensor] = {}
        freeze(network, self.trained())
        if BACKBONE in self.encoders and network.encoder.timm is not None:
            network.encoder.timm.train()

    def trained(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, by name."""
        prefixes = tuple(prefix for part in self.encoders for prefix in _ENCODERS[part])
        return {
            name: parameter
            for name, parameter in self.network.named_parameters()
            if not name.startswith("encoder.") or name.startswith(prefixes)
        }

    def moving(self) -> dict[str, Tensor]:
        """Return the running statistics of a backbone that is trained."""
        if BACKBONE not in self.encoders:
            return {}
        buffers = self.network.named_buffers()
        return {name: buffer for name, buffer in buffers if name.startswith("encoder.timm.")}

    def loss(self, batch: Sequence[Sample], rng: np.random.Generator) -> Tensor:
        """Return the mean over masks of the loss of both directions.

        First the example segments the query, then what was found in the query segments the
        example ("reverse context"). Whether masks see each other's tokens, and whether true boxes
        are given, is drawn once a batch; an empty prompt once an episode.
        """
        generator = torch.Generator().manual_seed(seeded(rng))
        others, boxes = rng.random() < OTHERS, rng.random() < BOXES
        texts = ["" if rng.random() < NO_TEXT else sample.text for sample in batch]
        queries = [self._here(sample.queries[0]) for sample in batch]
        supports = [self._here(sample.support) for sample in batch]
        pictures = torch.stack([view.image for view in [*queries, *supports]])
        features = self._encode(pictures)
        with autocast(self.device, self.amp):
            maps = self.network.neck(features)
        total = features.new_zeros(())
        masks = 0
        for n, (query, support) in enumerate(zip(queries, supports, strict=True)):
            text = self.network.prompt_proj(self._text(texts[n]))
            ends = (n, n + len(batch))
            there = support.masks.float()
            for (to, source), view in zip((ends, ends[::-1]), (query, support), strict=True):
                logits = self._decode(
                    features[to],
                    maps[to],
                    self._vectors(features[source], there),
                    text,
                    others,
                    boxes_of(view.masks) if boxes else None,
                )
                total = total + point_loss(logits, view.masks, view.ignore, generator, self.points)
                there = self._found(logits.detach())
            masks += len(query.masks)
        return total / (2 * masks)

    def _here(self, view: View) -> View:
        return View(*(part.to(self.device, non_blocking=True) for part in view))

    def _encode(self, pictures: Tensor) -> Tensor:
        learns = BACKBONE in self.encoders
        with torch.set_grad_enabled(learns), autocast(self.device, self.amp):
            return self.network.encode(pictures)

    def _text(self, text: str) -> Tensor:
        """Return the state of the text tower, [1, C]; a frozen tower reads each text once."""
        if TEXT in self.encoders:
            return self._tower(text)
        if text not in self._texts:
            with torch.no_grad():
                self._texts[text] = self._tower(text)
        return self._texts[text]

    def _tower(self, text: str) -> Tensor:
        found: Tensor = self.network.encoder.text_model(tokenize([text]).to(self.device))
        return found

    def _vectors(self, features: Tensor, masks: Tensor) -> Tensor:
        size = (features.shape[-2], features.shape[-1])
        return masked_mean(features, patch_weights(masks, size, soft=False))

    def _decode(
        self,
        features: Tensor,
        image: Tensor,
        vectors: Tensor,
        text: Tensor,
        others: bool,
        boxes: Tensor | None,
    ) -> Tensor:
        """Segment N masks in one picture.

        Args:
            features: of the picture, [C, g, g].
            image: the neck's map of it, [256, g, g].
            vectors: of the references, [N, C].
            text: projected, [1, 256].
            others: whether every mask sees the tokens of all, marked as own or other; else it has
                its own alone, without a mark.
            boxes: true boxes [N, 4], which stand in for the padding token.

        Returns:
            Logits [N, 4g, 4g].
        """
        network, count = self.network, len(vectors)
        target = prepare_target(features, network.similarity_side)
        prior = prior_mask(similarity(target, vectors), network.config.side)
        points = best_points(prior)[:, None]
        labels = torch.ones(count, 1, device=self.device)
        encoder = network.prompt_encoder
        tokens = [encoder.embed_points(points, labels, pad=boxes is None)]
        if boxes is not None:
            tokens.append(encoder.embed_boxes(boxes))
        own = network.inst_proj(vectors)
        if others:
            kinds = torch.full((count, count), OTHER, device=self.device)
            kinds.fill_diagonal_(OWN)
            instances = own[None] + network.inst_type_embed(kinds)
        else:
            instances = own[:, None]
        tokens += [text.expand(count, 1, -1), instances]
        dense, pe = encoder.embed_masks(prior[:, None]), encoder.get_dense_pe()
        with autocast(self.device, self.amp):
            masks, _ = network.mask_decoder(
                image[None], pe, torch.cat(tokens, dim=1), dense, keep=(0,), iou=False
            )
        logits: Tensor = masks[:, 0].float()
        return logits

    def _found(self, logits: Tensor) -> Tensor:
        side = self.network.config.side
        full = F.interpolate(logits[:, None], (side, side), mode="bilinear", align_corners=False)
        return (full[:, 0] > 0).float()

    def released(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the 148 tensors of a released checkpoint, and encoders that have no file."""
        prefixes = tuple(prefix for part in self.stored for prefix in _ENCODERS[part])
        state = {**self.network.state_dict(), **weights}
        return {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in state.items()
            if not name.startswith(("encoder.", "pixel_")) or name.startswith(prefixes)
        }

    def config(self) -> dict[str, Any]:
        """Return what `icl_segmentation.segic.checkpoint` reads from a file's `config`."""
        config = self.network.config
        found: dict[str, Any] = {"backbone": config.backbone, "image_size": config.side}
        if "heads" in config.vision:
            found["backbone_heads"] = config.vision["heads"]
        return {**found, "text_heads": config.text["heads"]}


def boxes_of(masks: Tensor) -> Tensor:
    """Return the corners (x0, y0, x1, y1) of masks bool [N, S, S], in pixels: [N, 4].

    A mask without any pixel has the corners 0, 0, 0, 0.
    """
    found = []
    for side in (1, 2):  # over rows: columns that hold something; then the other way round
        there = masks.any(side).int()
        low = there.argmax(1)
        high = there.shape[1] - 1 - there.flip(1).argmax(1)
        found.append((low, torch.where(there.any(1), high, low)))
    (x0, x1), (y0, y1) = found
    return torch.stack([x0, y0, x1, y1], dim=1).float()
