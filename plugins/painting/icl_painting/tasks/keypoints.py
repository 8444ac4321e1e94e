"""Seventeen joints of a person, as colours, and back.

Red is how near a joint is, green and blue say which joint (arXiv 2212.02499, section 3.2, and the
released code). A person is seen in a crop of 192 x 256 pixels, the box around it enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icl_core import InputError

NAMES = (
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
)
"""Joints of COCO, in its order."""

JOINTS = len(NAMES)
CROP = (256, 192)
"""Height and width of a crop."""

ENLARGED = 1.25
"""A box around a person is made this much larger before it is cropped."""

LINES = (
    *((0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
)
"""Which joints a drawing of a person connects."""

SPREADS = (
    np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float64)
    / 1000
)
"""How far annotators differ about each joint, as COCO's keypoint evaluation has it."""

_MIRRORED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)

_digit = np.arange(JOINTS)
COLOURS = np.stack([255 - 51 * (_digit // 5), 255 - 51 * (_digit % 5)], axis=1).astype(np.uint8)
"""Green and blue of each joint: uint8 [17, 2]."""


def paint_keypoints(
    points: np.ndarray, visible: np.ndarray, size: tuple[int, int] = CROP
) -> np.ndarray:
    """Paint the joints of one person.

    Args:
        points: float [17, 2], x and y in pixels of the picture that is painted.
        visible: [17], above 0 where a joint is shown.
        size: (H, W).

    Returns:
        uint8 [H, W, 3] on black.
    """
    height, width = size
    near = np.zeros((JOINTS, height, width), np.float32)
    named = np.zeros((JOINTS, height, width), bool)
    for joint in np.flatnonzero(np.asarray(visible) > 0):
        place = int(points[joint][0] + 0.5), int(points[joint][1] + 0.5)
        _gaussian(near[joint], place, 3.0)
        spot = np.zeros((height, width), np.float32)
        _gaussian(spot, place, 1.5)
        named[joint] = spot > 0
    painted = np.zeros((height, width, 3), np.uint8)
    painted[..., 0] = (near.max(axis=0) * 255).astype(np.uint8)
    winner = np.where(named, near, -1.0).argmax(axis=0)
    inside = named.any(axis=0)
    painted[..., 1:][inside] = COLOURS[winner[inside]]
    return painted


def _gaussian(sheet: np.ndarray, place: tuple[int, int], sigma: float) -> None:
    """Draw a Gaussian of height 1, cut at 3 sigma, on a sheet [H, W].

    Places are rounded towards zero, also left of and above the sheet, as in the target maker
    whose pictures the released network was trained on.
    """
    reach = sigma * 3
    left, top = int(place[0] - reach), int(place[1] - reach)
    right, bottom = int(place[0] + reach + 1), int(place[1] + reach + 1)
    height, width = sheet.shape
    if left >= width or top >= height or right < 0 or bottom < 0:
        return
    steps = np.arange(0, 2 * reach + 1, dtype=np.float32)
    middle = (2 * reach + 1) // 2
    fall = np.exp(-((steps - middle) ** 2) / (2 * sigma**2))
    x, y = slice(max(0, left), min(right, width)), slice(max(0, top), min(bottom, height))
    across = fall[max(0, -left) : max(0, -left) + x.stop - x.start]
    down = fall[max(0, -top) : max(0, -top) + y.stop - y.start]
    sheet[y, x] = np.outer(down, across)


def read_heatmaps(picture: np.ndarray) -> np.ndarray:
    """Read how likely each joint is at each pixel.

    A pixel belongs to the joint whose green and blue are nearest, or to none where black is; red
    is how likely it is.

    Args:
        picture: uint8 [H, W, 3].

    Returns:
        float32 [17, H, W] in [0, 1].
    """
    colours = np.concatenate([COLOURS, np.zeros((1, 2), np.uint8)]).astype(np.int16)
    apart = np.abs(picture[..., None, 1:].astype(np.int16) - colours).sum(axis=-1)
    joint = apart.argmin(axis=-1)
    red = picture[..., 0].astype(np.float32) / 255
    return np.where(joint[None] == np.arange(JOINTS)[:, None, None], red, np.float32(0))


def mirror_heatmaps(mirrored: np.ndarray) -> np.ndarray:
    """Turn the heatmaps of a mirrored crop into those of the crop itself.

    Args:
        mirrored: float32 [17, H, W].

    Returns:
        float32 [17, H, W]: mirrored back, left and right joints swapped, moved right by one pixel,
        since the network's squares are not symmetric to the pixel.
    """
    turned = mirrored[list(_MIRRORED), :, ::-1].copy()
    turned[..., 1:] = turned[..., :-1].copy()
    return turned


def read_points(heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each joint: the largest value, moved a quarter of a pixel towards the larger neighbour.

    Args:
        heatmaps: float32 [17, H, W].

    Returns:
        Points float32 [17, 2], x and y in pixels of the heatmaps, and scores float32 [17], the
        largest values. A joint whose heatmap is empty has the score 0 and lies at (-1, -1).
    """
    count, height, width = heatmaps.shape
    flat = heatmaps.reshape(count, -1)
    best, scores = flat.argmax(axis=1), flat.max(axis=1)
    points = np.stack([best % width, best // width], axis=1).astype(np.float32)
    for joint, (x, y) in enumerate(points.astype(int)):
        one = heatmaps[joint]
        if 1 < x < width - 1 and 1 < y < height - 1:
            step = one[y, x + 1] - one[y, x - 1], one[y + 1, x] - one[y - 1, x]
            points[joint] += 0.25 * np.sign(step)
    points[scores <= 0] = -1
    return points, scores.astype(np.float32)


@dataclass(frozen=True)
class Crop:
    """A part of a picture that a person is seen in, in pixels of the picture.

    Args:
        left: may lie outside the picture.
        top: as `left`.
        width: above 0.
        height: above 0.
    """

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, box: tuple[float, float, float, float]) -> Crop:
        """Return the crop of a box [left, top, width, height]: 3 to 4, a quarter larger.

        Raises:
            InputError: the box is no four numbers, or has no area.
        """
        values = np.asarray(box, np.float64).ravel()
        if values.shape != (4,) or not np.isfinite(values).all() or (values[2:] <= 0).any():
            raise InputError(f"the box is {box!r:.80}, expected [left, top, width, height]")
        left, top, width, height = values.tolist()
        middle = left + width / 2, top + height / 2
        shape = CROP[1] / CROP[0]
        width, height = max(width, height * shape), max(height, width / shape)
        width, height = width * ENLARGED, height * ENLARGED
        return cls(middle[0] - width / 2, middle[1] - height / 2, width, height)

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Move points [N, 2] of the picture to pixels of a crop of size `CROP`."""
        scale = CROP[1] / self.width, CROP[0] / self.height
        return np.asarray((points - np.array([self.left, self.top])) * np.array(scale))

    def to_picture(self, points: np.ndarray, size: tuple[int, int] = CROP) -> np.ndarray:
        """Move points [N, 2] of a crop of size (H, W) to pixels of the picture."""
        scale = self.width / size[1], self.height / size[0]
        return np.asarray(points * np.array(scale) + np.array([self.left, self.top]))


def object_similarity(
    points: np.ndarray, others: np.ndarray, area: float, areas: np.ndarray, visibility: float = 0.2
) -> np.ndarray:
    """Return COCO's object keypoint similarity of one pose with N others: float64 [N].

    Args:
        points: float [17, 3]: x, y and score.
        others: float [N, 17, 3].
        area: of the pose's box in square pixels.
        areas: [N].
        visibility: joints with lower scores, in either pose, are left out.
    """
    apart = ((others[..., :2] - points[None, :, :2]) ** 2).sum(axis=-1)
    mean = (area + np.asarray(areas, np.float64)[:, None]) / 2 + np.spacing(1)
    error = apart / (2 * SPREADS) ** 2 / mean / 2
    seen = (points[None, :, 2] > visibility) & (others[..., 2] > visibility)
    count = seen.sum(axis=-1)
    summed = (np.exp(-error) * seen).sum(axis=-1)
    return np.asarray(np.divide(summed, count, out=np.zeros(len(others)), where=count > 0))


def suppress_poses(
    poses: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
    threshold: float = 0.9,
    visibility: float = 0.2,
) -> np.ndarray:
    """Keep the best of poses that are nearly the same.

    Args:
        poses: float [N, 17, 3]: x, y and score.
        scores: float [N].
        areas: [N], of each box.
        threshold: poses more alike than this are one.
        visibility: as in `object_similarity`.

    Returns:
        The places of those that are kept, best first: int64.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        alike = object_similarity(
            poses[best], poses[rest], float(areas[best]), np.asarray(areas)[rest], visibility
        )
        order = rest[alike <= threshold]
    return np.array(kept, np.int64)
