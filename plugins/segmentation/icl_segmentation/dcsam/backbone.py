"""The frozen networks whose features tell where the support's class is: ResNet and VGG-16.

Five stages `layer0` to `layer4` under the names of DC-SAM's checkpoints. ResNet is the variant
with three 3x3 convolutions as stem and dilated last stages, so that stages 2 to 4 share the
stride 8; VGG-16 has batch norms and pools that round up.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

RESNET_BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
CHANNELS = {"resnet": (512, 1024, 2048), "vgg": (256, 512, 512)}
"""Channels of stages 2, 3 and 4."""

_VGG = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Bottleneck(nn.Module):
    """A residual block: 1x1, 3x3 with stride and dilation, 1x1."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, 4*width, H/stride, W/stride]."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


def resnet_stages(blocks: Sequence[int]) -> list[nn.Sequential]:
    """Build the five stages of a ResNet with `blocks` blocks in stages 1 to 4."""
    stem = nn.Sequential(
        *_convolution(3, 64, 2),
        *_convolution(64, 64),
        *_convolution(64, 128),
        nn.MaxPool2d(3, 2, 1),
    )
    stages, inputs = [stem], 128
    plan = ((64, 1, 1, 1), (128, 2, 1, 1), (256, 1, 1, 2), (512, 1, 2, 4))
    for count, (width, stride, first, later) in zip(blocks, plan, strict=True):
        stage = [Bottleneck(inputs, width, stride, first)]
        inputs = 4 * width
        stage += [Bottleneck(inputs, width, 1, later) for _ in range(count - 1)]
        stages.append(nn.Sequential(*stage))
    return stages


def vgg_stages() -> list[nn.Sequential]:
    """Build the five stages of VGG-16 with batch norms; a pool ends each but the last."""
    stages, inputs = [], 3
    for number, widths in enumerate(_VGG, 1):
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
        if number < len(_VGG):
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        stages.append(nn.Sequential(*layers))
    return stages


def _convolution(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
