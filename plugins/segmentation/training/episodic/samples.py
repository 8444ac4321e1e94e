"""Episodes of any source become what the learners are trained on.

SEGIC reads an episode as "semantic" (the example and the query, two pictures of one class) or as
"instance" (two augmented views of the query with all its objects). DC-SAM reads it as "pair" (the
example and the query) or as "tube" (the example and a clip made of the query).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from episodic.augment import (
    TUBE,
    Scene,
    fit,
    instance_view,
    large_scale_jitter,
    mask_tube,
    resize,
)
from icl_core.coerce import to_image
from icl_core.errors import InputError
from icl_core.types import Episode, Video
from icl_segmentation.segic.text import INSTANCES, prompt_of

MOST_OBJECTS = 19
LEAST_PIXELS = 100
"""An instance has to show more pixels than this in both views of 896 x 896."""
TRIES = 10
VIEWS: Mapping[str, tuple[str, ...]] = {
    "segic": ("semantic", "instance"),
    "dcsam": ("pair", "tube"),
}
"""How each learner can read an episode, the usual way first."""

_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_STD = np.array((0.229, 0.224, 0.225), np.float32)


class View(NamedTuple):
    """A picture in the learner's square.

    Args:
        image: float32 [3, S, S], normalised; 0 beside the picture.
        masks: bool [N, S, S].
        ignore: bool [S, S].
    """

    image: Tensor
    masks: Tensor
    ignore: Tensor


class Sample(NamedTuple):
    """One episode as a learner is trained on it.

    Args:
        support: the example.
        queries: what is asked: one picture, or the frames of a clip.
        text: the prompt of a learner that reads text.
    """

    support: View
    queries: tuple[View, ...]
    text: str = ""


class SampleMaker(Protocol):
    """Turns episodes into samples."""

    def __call__(self, episode: Episode, view: str, rng: np.random.Generator) -> Sample | None:
        """Return a sample, or None where the episode does not show anything."""


def to_view(scene: Scene, side: int) -> View:
    """Normalise a scene and pad it on the right and below."""
    height, width = scene.size
    image = np.zeros((side, side, 3), np.float32)
    image[:height, :width] = (scene.image / np.float32(255) - _MEAN) / _STD
    masks = np.zeros((len(scene.masks), side, side), bool)
    masks[:, :height, :width] = scene.masks
    ignore = np.zeros((side, side), bool)
    ignore[:height, :width] = scene.ignore
    parts = (image.transpose(2, 0, 1).copy(), masks, ignore)
    return View(*(torch.from_numpy(part) for part in parts))


def scene_of(image: Any, mask: Any, ignore: Any = None) -> Scene:
    """Make a scene of a picture and its mask: bool [H, W], or ids [H, W] with 0 for background.

    Raises:
        InputError: their sizes differ.
    """
    picture, values = np.asarray(to_image(image)), np.asarray(mask)
    if values.shape != picture.shape[:2]:
        raise InputError(
            f"an episode's mask is {values.shape}, expected the size of its image, "
            f"{picture.shape[:2]}"
        )
    void = np.zeros(values.shape, bool) if ignore is None else np.asarray(ignore, bool)
    if values.dtype == bool:
        return Scene(picture, values[None], void)
    ids = [n for n in np.unique(values) if n != 0]
    masks = np.stack([values == n for n in ids]) if ids else np.zeros((0, *values.shape), bool)
    return Scene(picture, masks, void)


def shown(episode: Episode) -> Scene:
    """Return the first example of an episode."""
    example = episode.context.examples[0]
    return scene_of(example.input, example.output, example.meta.get("ignore"))


def asked(episode: Episode, rng: np.random.Generator, count: int = 1) -> list[Scene]:
    """Return the query with its truth, or `count` frames in a row of a video."""
    if not isinstance(episode.query, Video):
        return [scene_of(episode.query, episode.target, episode.meta.get("ignore"))]
    frames: Sequence[Any] = episode.query.frames
    truth: Sequence[Any] | None = episode.target
    if truth is None:
        return []
    first = int(rng.integers(max(len(frames) - count, 0) + 1))
    places = range(first, min(first + count, len(frames)))
    return [scene_of(frames[n], truth[n]) for n in places]


class SegicSamples:
    """Samples for SEGIC.

    Args:
        side: S, side of the square.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.least = LEAST_PIXELS * (side / 896) ** 2

    def __call__(self, episode: Episode, view: str, rng: np.random.Generator) -> Sample | None:
        """Read an episode as "semantic" or "instance"."""
        return self._instances(episode, rng) if view == "instance" else self._pair(episode, rng)

    def _pair(self, episode: Episode, rng: np.random.Generator) -> Sample | None:
        scenes = [shown(episode), *asked(episode, rng)]
        if len(scenes) < 2 or not all(scene.masks.any() for scene in scenes):
            return None
        merged = [_merged(scene) for scene in scenes]
        support, query = (to_view(self._jittered(scene, rng), self.side) for scene in merged)
        name = episode.context.examples[0].meta.get("class_name", episode.meta.get("class_name"))
        return Sample(support, (query,), prompt_of(name))

    def _jittered(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Augment a scene so that its object stays in the picture."""
        for _ in range(TRIES):
            found = large_scale_jitter(scene, self.side, rng)
            if found.masks.any():
                return found
        small = fit(scene, self.side)
        # An object of a few pixels may vanish in a resize as well.
        return small if small.masks.any() else fit(_grown(scene, self.side), self.side)

    def _instances(self, episode: Episode, rng: np.random.Generator) -> Sample | None:
        scenes = asked(episode, rng)
        if not scenes or not scenes[0].masks.any():
            return None
        scene = scenes[0]
        for _ in range(TRIES):
            pair = [instance_view(scene, self.side, rng) for _ in range(2)]
            sizes = np.stack([view.masks.sum((1, 2)) for view in pair])
            seen = np.flatnonzero((sizes > self.least).all(0))
            if not len(seen):
                continue
            if len(seen) > MOST_OBJECTS:
                seen = np.sort(rng.choice(seen, MOST_OBJECTS, replace=False))
            views = [to_view(v._replace(masks=v.masks[seen]), self.side) for v in pair]
            return Sample(views[0], (views[1],), INSTANCES)
        return None


class DcSamSamples:
    """Samples for DC-SAM: squares whose aspect is not kept.

    Args:
        side: S, 512 as published.
    """

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, episode: Episode, view: str, rng: np.random.Generator) -> Sample | None:
        """Read an episode as "pair" or "tube"."""
        clip = view == "tube"
        queries = asked(episode, rng, TUBE if clip else 1)
        if not queries or not queries[0].masks.any():
            return None
        support, *frames = (self._square(scene) for scene in [shown(episode), *queries])
        if not support.masks.any():
            return None
        if clip and len(frames) == 1:
            frames = mask_tube(frames[0], rng)
        views = tuple(to_view(frame, self.side) for frame in frames)
        return Sample(to_view(support, self.side), views)

    def _square(self, scene: Scene) -> Scene:
        return resize(_merged(scene), self.side, self.side)


def _merged(scene: Scene) -> Scene:
    """Make one mask of all."""
    return scene._replace(masks=np.asarray(scene.masks.any(0))[None])


def _grown(scene: Scene, side: int) -> Scene:
    """Widen masks so that one pixel of each survives a resize to the square."""
    reach = max(1, max(scene.size) // side)
    wide = torch.from_numpy(scene.masks[None].astype(np.float32))
    grown = torch.nn.functional.max_pool2d(wide, 2 * reach + 1, 1, reach)[0].numpy() > 0
    return scene._replace(masks=grown)
