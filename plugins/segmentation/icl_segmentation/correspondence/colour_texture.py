"""A fixed descriptor of colour and texture: the stand-in for a backbone where there are no weights.

Nothing in it is learned. It knows what a patch looks like, not what it is, so it finds the same
stuff again (cells, defects, materials, the same object) and not another object of a kind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SCALES = (1.0, 2.0, 4.0, 8.0)
"""Standard deviations of the smoothing in pixels of the 256-pixel input, one octave apart."""


class ColourTexture(nn.Module):
    """Colour, contrast, edges, spots and texture energy at four scales.

    At each scale: lightness and the two opponent colours of CIE Lab, smoothed; the signed
    difference to twice the scale (spots and lines, darker or lighter than what is around);
    gradient strength; orientation of the structure tensor; standard deviation of lightness.
    Each kind of channel is brought to the same energy by a constant that follows from the range
    of Lab, so that no statistics of a data set enter.
    """

    def __init__(self, side: int = 256, stride: int = 4) -> None:
        super().__init__()
        self.side = side
        self.stride = stride
        self.channels = len(SCALES) * 10

    def forward(self, images: Tensor) -> Tensor:
        """Describe pictures.

        Args:
            images: float32 [B, 3, side, side], RGB in [0, 1].

        Returns:
            float32 [B, 40, side / stride, side / stride].
        """
        lab = rgb_to_lab(images) / 100.0
        parts = []
        for scale in SCALES:
            near, far = smooth(lab, scale), smooth(lab, 2 * scale)
            light = near[:, :1]
            dx, dy = gradients(light)
            tensor = smooth(torch.cat([dx * dx, dy * dy, dx * dy], 1), 2 * scale)
            trace = tensor[:, :1] + tensor[:, 1:2]
            # Strength of texture and of edges, in units of lightness at this scale.
            strength = (trace + 1e-8).sqrt() * scale
            axis = torch.cat([tensor[:, :1] - tensor[:, 1:2], 2 * tensor[:, 2:]], 1)
            oriented = strength * axis / (trace + 1e-6)
            spread = (smooth(lab[:, :1] ** 2, 2 * scale) - far[:, :1] ** 2).clamp_min(0).sqrt()
            parts += [near, near - far, strength, oriented, spread]
        found = torch.cat(parts, 1)
        pooled: Tensor = functional.avg_pool2d(found, self.stride)
        return pooled


def rgb_to_lab(images: Tensor) -> Tensor:
    """Convert sRGB in [0, 1] to CIE Lab (D65).

    Args:
        images: float32 [B, 3, H, W].

    Returns:
        float32 [B, 3, H, W]: L in [0, 100], a and b within about [-110, 110].
    """
    linear = torch.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055) ** 2.4)
    matrix = images.new_tensor(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    white = images.new_tensor([0.95047, 1.0, 1.08883])
    xyz = torch.einsum("ij,bjhw->bihw", matrix / white[:, None], linear)
    f = torch.where(xyz > 216 / 24389, xyz.clamp_min(1e-9) ** (1 / 3), xyz * 841 / 108 + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def smooth(images: Tensor, sigma: float) -> Tensor:
    """Smooth with a Gaussian; the border is repeated.

    Args:
        images: float32 [B, C, H, W].
        sigma: standard deviation in pixels.
    """
    radius = max(1, math.ceil(3 * sigma))
    steps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    count = images.shape[1]
    padded = functional.pad(images, (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(count, 1, 1, -1), groups=count)
    return functional.conv2d(rows, kernel.view(1, 1, -1, 1).expand(count, 1, -1, 1), groups=count)


def gradients(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences along x and y; the border is repeated.

    Args:
        images: float32 [B, 1, H, W].
    """
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return dx, dy
