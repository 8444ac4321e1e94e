"""Objects followed through a video: the first reference, the latest answer, nothing else.

SEGIC section 3.5 and the released `forward_vos`. The memory of a video of any length is one
vector an object.
"""

from __future__ import annotations

import torch
from torch import Tensor

from icl_segmentation.segic.correspondence import Cells
from icl_segmentation.segic.decoding import decode
from icl_segmentation.segic.network import SegicNetwork
from icl_segmentation.segic.preprocess import Frame, crop_logits
from icl_segmentation.segic.prior import VIDEO_EPS
from icl_segmentation.segic.references import (
    References,
    cell_shares,
    masked_mean,
    padded_cells,
    patch_weights,
)


class Tracker:
    """Follows N objects, one frame after the other.

    Args:
        network: the network.
        references: of the objects.
        text: projected text of the instance prompt, [1, 256].
        official: the released code: what an answer marks in the padding counts for its vector,
            and an object that is gone gives a zero vector. Otherwise the padding is left out and
            the last frame that showed the object is kept.
    """

    def __init__(
        self, network: SegicNetwork, references: References, text: Tensor, official: bool
    ) -> None:
        self.network = network
        self.official = official
        self._references = references
        self._text = text
        self._latest: list[Tensor | None] = [None] * len(references.text)
        self._latest_cells: Cells | None = None

    def references(self) -> References:
        """Return what the next frame is compared with."""
        return self._references.extended(self._latest, self._text, self._latest_cells)

    def step(self, features: Tensor, frame: Frame) -> Tensor:
        """Segment the next frame and remember it.

        Args:
            features: of the frame, [C, g, g].
            frame: where it lies in the square.

        Returns:
            Logits of mask 0, float32 [N, 4g, 4g].
        """
        logits = decode(
            self.network,
            features[None],
            [self.references()],
            # The prior compares with the references alone, never with the latest answer.
            units=[self._references.units],
            eps=VIDEO_EPS,
            negatives=True,
        )[0]
        self._remember(features, logits, frame)
        return logits

    def _remember(self, features: Tensor, logits: Tensor, frame: Frame) -> None:
        side = self.network.config.side
        whole = frame._replace(height=side, width=side) if self.official else frame
        masks = torch.zeros(len(logits), side, side, device=logits.device)
        masks[:, : whole.height, : whole.width] = (crop_logits(logits, whole, side) > 0).float()
        height, width = features.shape[-2:]
        weights = patch_weights(masks, (height, width), soft=False)
        vectors = masked_mean(features, weights)
        for number, vector in enumerate(vectors):
            if self.official or weights[number].any():
                self._latest[number] = vector
        keys = self.network.keys(features[None])
        if keys is not None:
            shares = cell_shares(masks, frame, (height, width))
            self._latest_cells = padded_cells([[(keys[0], share)] for share in shares])
