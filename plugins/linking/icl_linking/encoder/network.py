"""The bundled image encoder: a small residual network for glyphs, signs and sprites.

Trained by `plugins/linking/training`. Pictures are brought to a square on the colour of their
border, so that a glyph fills it, and to a small side: the network is meant for pictures of one
thing, not for scenes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor, nn

from icl_core.errors import WeightsError
from icl_core.runtime import batches
from icl_core.weights import load_tensors, read_checkpoint

METADATA = "icl_linking"
_BATCH = 256
_FINER = 3
"""Pictures are posed at so many times the side that the network reads."""
_TURNS = (-0.15, 0.0, 0.15)
_MOVES = ((0.0, 0.0), (0.06, 0.06), (0.06, -0.06), (-0.06, 0.06), (-0.06, -0.06))
"""Poses: turns in radians, moves in half sides."""


@dataclass(frozen=True)
class EncoderSizes:
    """Sizes of a `SmallEncoder`.

    Args:
        side: of the square input in pixels.
        channels: of the stem and of each stage; every stage halves the side.
        width: length of the embedding.
    """

    side: int = 32
    channels: tuple[int, ...] = (32, 64, 128, 192)
    width: int = 256


class _Block(nn.Module):
    """Two convolutions with a shortcut, then the side is halved."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, h, w] to [B, C', h/2, w/2]."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))
        return F.max_pool2d(y, 2)


class SmallEncoder(nn.Module):
    """A residual network whose embedding keeps where things are.

    The last map is flattened, not averaged: what tells glyphs apart is where their strokes lie.

    Args:
        sizes: of the network.
    """

    def __init__(self, sizes: EncoderSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes or EncoderSizes()
        first, *rest = self.sizes.channels
        self.stem = nn.Conv2d(3, first, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(first)
        pairs = zip(self.sizes.channels, rest, strict=False)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in pairs)
        cells = (self.sizes.side // 2 ** (len(rest) + 1)) ** 2
        self.project = nn.Linear(self.sizes.channels[-1] * cells, self.sizes.width)

    @property
    def width(self) -> int:
        """Length of the embedding."""
        return self.sizes.width

    def forward(self, x: Tensor) -> Tensor:
        """Embed pictures [B, 3, S, S] with values in [0, 1] as unit vectors [B, width]."""
        y = F.max_pool2d(F.relu(self.stem_norm(self.stem(2 * x - 1))), 2)
        for block in self.blocks:
            y = block(y)
        return F.normalize(self.project(y.flatten(1)), dim=1)

    @torch.inference_mode()
    def images(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """Embed pictures uint8 [H, W, 3], each of any size: float32 [n, width], unit length.

        Each is seen in several poses, a little turned and moved, and the embeddings are averaged:
        what is left of the pose in one embedding is no part of what the picture shows.
        """
        device, fine = self.project.weight.device, _FINER * self.sizes.side
        parts = []
        for group in batches(pictures, _BATCH):
            squares = torch.stack([to_input(one, fine) for one in group]).to(device)
            total = torch.stack([self(F.avg_pool2d(x, _FINER)) for x in _posed(squares)]).sum(0)
            parts.append(F.normalize(total, dim=1))
        return torch.cat(parts).float() if parts else torch.zeros(0, self.width, device=device)

    def texts(self, prompts: Sequence[str]) -> Tensor | None:
        """None: there is no text tower."""
        return None

    @classmethod
    def from_file(cls, path: Path) -> SmallEncoder:
        """Read a file that the trainer exported.

        Raises:
            WeightsError: it is damaged, or holds something else.
        """
        checkpoint = read_checkpoint(path)
        try:
            plain = checkpoint.metadata[METADATA]
            sizes = EncoderSizes(plain["side"], tuple(plain["channels"]), plain["width"])
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{path} does not say the sizes of its network, expected a file of this "
                "plugin's trainer"
            ) from error
        network = cls(sizes)
        load_tensors(network, checkpoint.tensors, learner="encoder")
        return network.eval()

    def metadata(self) -> dict[str, str]:
        """Return what a file has to say beside the tensors."""
        return {METADATA: json.dumps(asdict(self.sizes))}


def _posed(squares: Tensor) -> Iterator[Tensor]:
    """Turn and move pictures [B, 3, S, S] a little, one pose after the other."""
    for turn in _TURNS:
        cos, sin = math.cos(turn), math.sin(turn)
        for x, y in _MOVES:
            pose = torch.tensor([[cos, -sin, x], [sin, cos, y]], device=squares.device)
            grid = F.affine_grid(pose.expand(len(squares), 2, 3), list(squares.shape), False)
            yield F.grid_sample(squares, grid, padding_mode="border", align_corners=False)


def to_input(picture: np.ndarray, side: int) -> Tensor:
    """Bring a picture to the network's square: float32 [3, side, side] in [0, 1].

    It is padded to a square with the median colour of its border, and resized with area weights.

    Args:
        picture: uint8 [H, W, 3].
        side: of the square.
    """
    height, width = picture.shape[:2]
    if height != width:
        longest = max(height, width)
        square = np.empty((longest, longest, 3), np.uint8)
        square[:] = border_colour(picture)
        top, left = (longest - height) // 2, (longest - width) // 2
        square[top : top + height, left : left + width] = picture
        picture = square
    image = Image.fromarray(picture).resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.array(image, np.float32) / 255).permute(2, 0, 1)


def border_colour(picture: np.ndarray) -> np.ndarray:
    """Return the median colour of the outermost pixels of uint8 [H, W, 3]."""
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    median: np.ndarray = np.median(np.concatenate(edges), axis=0).astype(np.uint8)
    return median
