"""SAM 2 on single pictures, with prompt tokens made elsewhere."""

from __future__ import annotations

from torch import Tensor, nn

from icl_segmentation.sam2.mask_decoder import HighRes
from icl_segmentation.sam2.network import Sam2Network


class Sam2ImageModel(nn.Module):
    """The image path of a SAM 2 network.

    Args:
        network: the network; its names stay below `sam2.` in the state dict.
    """

    def __init__(self, network: Sam2Network) -> None:
        super().__init__()
        self.sam2 = network

    @property
    def image_size(self) -> int:
        """Side of the pictures that `encode` wants."""
        return self.sam2.config.image_size

    def encode(self, x: Tensor) -> tuple[Tensor, HighRes]:
        """Encode pictures once for any number of prompts.

        Args:
            x: [B, 3, 1024, 1024] (the network's image size), normalised by the ImageNet mean and
                deviation.

        Returns:
            The stride-16 map plus `no_mem_embed`, [B, 256, 64, 64]; and the fine maps after
            `conv_s0` and `conv_s1`, [B, 32, 256, 256] and [B, 64, 128, 128].
        """
        features = self.sam2.encode(x)
        return self.sam2.without_memory(features.embed), features.high_res

    def decode(
        self, embed: Tensor, high_res: HighRes, sparse: Tensor, dense: Tensor | None = None
    ) -> Tensor:
        """Decode B prompt sets to one mask each.

        It is mask 0, or the one of the other three with the best predicted IoU where mask 0 is
        not stable (0.05 around the threshold, below 0.98).

        Args:
            embed: [B or 1, 256, 64, 64] of `encode`.
            high_res: of `encode`.
            sparse: [B, T, 256] prompt tokens.
            dense: [B or 1, 256, 64, 64]; None = no mask prompt.

        Returns:
            Logits [B, 1, 256, 256].
        """
        return self.sam2.decode_single(embed, high_res, sparse, dense).masks
