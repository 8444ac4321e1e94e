"""What pictures and masks go through before they are shown.

SEGIC: flips and large-scale jitter (arXiv 2012.07177) for two pictures of one class; random
resized crops, colour jitter and flips for two views of one picture. DC-SAM: nothing for pictures,
mask tubes (arXiv 2504.12080, section 3.4) for clips. All draws come from the generator that is
handed over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image, ImageEnhance

JITTER = (0.4, 0.4, 0.2, 0.1)
"""Most change of brightness, contrast, saturation and hue."""
TUBE = 5
"""Frames of a mask tube."""
_MEAN_COLOUR = (124, 116, 104)
_BLUR_SIGMA = 1.1  # of a 5 x 5 kernel where none is given: 0.3 * ((5 - 1) / 2 - 1) + 0.8


class Scene(NamedTuple):
    """A picture and what is known of it.

    Args:
        image: uint8 [H, W, 3].
        masks: bool [N, H, W].
        ignore: pixels that count nothing, bool [H, W].
    """

    image: np.ndarray
    masks: np.ndarray
    ignore: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.image.shape[0], self.image.shape[1]


def crop(scene: Scene, top: int, left: int, height: int, width: int) -> Scene:
    """Cut a rectangle out."""
    rows, columns = slice(top, top + height), slice(left, left + width)
    return Scene(
        scene.image[rows, columns], scene.masks[:, rows, columns], scene.ignore[rows, columns]
    )


def resize(scene: Scene, height: int, width: int) -> Scene:
    """Resize the picture bilinearly and its masks to the nearest pixel."""
    old_height, old_width = scene.size
    picture = Image.fromarray(np.ascontiguousarray(scene.image))
    image = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    rows = ((np.arange(height) + 0.5) * old_height / height).astype(int)
    columns = ((np.arange(width) + 0.5) * old_width / width).astype(int)
    masks = scene.masks[:, rows][:, :, columns]
    return Scene(image, masks, scene.ignore[rows][:, columns])


def mirror(scene: Scene) -> Scene:
    """Flip left and right."""
    return Scene(scene.image[:, ::-1], scene.masks[:, :, ::-1], scene.ignore[:, ::-1])


def fit(scene: Scene, side: int, scale: float = 1.0) -> Scene:
    """Resize so that the longer side is `scale` times `side`; the aspect is kept."""
    height, width = scene.size
    ratio = side * scale / max(height, width)
    return resize(scene, max(1, round(height * ratio)), max(1, round(width * ratio)))


def large_scale_jitter(
    scene: Scene,
    side: int,
    rng: np.random.Generator,
    scales: tuple[float, float] = (0.1, 2.0),
    flip: float = 0.5,
) -> Scene:
    """Flip, resize to 0.1 to 2 times the square, and cut what is larger; nothing is padded yet."""
    if rng.random() < flip:
        scene = mirror(scene)
    sized = fit(scene, side, rng.uniform(*scales))
    height, width = sized.size
    top = int(rng.integers(max(height - side, 0) + 1))
    left = int(rng.integers(max(width - side, 0) + 1))
    return crop(sized, top, left, min(height, side), min(width, side))


def random_resized_crop(
    scene: Scene,
    side: int,
    rng: np.random.Generator,
    scales: tuple[float, float] = (0.3, 1.0),
    ratios: tuple[float, float] = (3 / 4, 4 / 3),
) -> Scene:
    """Cut a rectangle of a random share and aspect and resize it to the square."""
    height, width = scene.size
    for _ in range(10):
        area = height * width * rng.uniform(*scales)
        ratio = float(np.exp(rng.uniform(*np.log(ratios))))
        wide, high = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < wide <= width and 0 < high <= height:
            top = int(rng.integers(height - high + 1))
            left = int(rng.integers(width - wide + 1))
            return resize(crop(scene, top, left, high, wide), side, side)
    # No such rectangle lies in a very long picture: its middle, as wide or high as is allowed.
    wide = min(width, max(1, round(height * ratios[1])))
    high = min(height, max(1, round(width / ratios[0])))
    middle = crop(scene, (height - high) // 2, (width - wide) // 2, high, wide)
    return resize(middle, side, side)


def colour_jitter(
    image: np.ndarray, rng: np.random.Generator, most: tuple[float, float, float, float] = JITTER
) -> np.ndarray:
    """Change brightness, contrast, saturation and hue by random factors in random order.

    Args:
        image: uint8 [H, W, 3].
        rng: of the draws.
        most: largest change of each.

    Returns:
        uint8 [H, W, 3].
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for kind in rng.permutation(4):
        change = rng.uniform(-most[kind], most[kind])
        if kind < 3:
            picture = enhance[kind](picture).enhance(1 + change)
        else:
            hue, saturation, value = picture.convert("HSV").split()
            turned = np.asarray(hue) + np.uint8(round(change * 255) % 256)
            bands = (Image.fromarray(turned), saturation, value)
            picture = Image.merge("HSV", bands).convert("RGB")
    return np.asarray(picture)


def instance_view(scene: Scene, side: int, rng: np.random.Generator) -> Scene:
    """Make one view of a picture for SEGIC's instance episodes."""
    view = random_resized_crop(scene, side, rng)
    if rng.random() < 0.2:
        view = view._replace(image=colour_jitter(view.image, rng))
    return mirror(view) if rng.random() < 0.1 else view


def mask_tube(scene: Scene, rng: np.random.Generator) -> list[Scene]:
    """Make five frames of a square picture, in random order.

    They are the picture itself, turned by up to 10 degrees, flipped either way, and blurred.
    """
    frames = [
        scene,
        _turned(scene, rng.uniform(-10, 10)),
        mirror(scene),
        Scene(scene.image[::-1], scene.masks[:, ::-1], scene.ignore[::-1]),
        scene._replace(image=_blurred(scene.image)),
    ]
    return [frames[n] for n in rng.permutation(TUBE)]


def _turned(scene: Scene, degrees: float) -> Scene:
    bilinear, nearest = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
    picture = Image.fromarray(np.ascontiguousarray(scene.image))
    image = np.asarray(picture.rotate(degrees, bilinear, fillcolor=_MEAN_COLOUR))

    def turn(mask: np.ndarray) -> np.ndarray:
        grey = Image.fromarray(mask.astype(np.uint8))
        return np.asarray(grey.rotate(degrees, nearest, fillcolor=0)) > 0

    return Scene(image, np.stack([turn(mask) for mask in scene.masks]), turn(scene.ignore))


def _blurred(image: np.ndarray) -> np.ndarray:
    place = torch.arange(5, dtype=torch.float32) - 2
    kernel = torch.exp(-(place**2) / (2 * _BLUR_SIGMA**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, 5)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    x = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    x = F.conv2d(x, kernel.transpose(2, 3), groups=3)
    return x[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
