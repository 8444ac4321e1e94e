"""From a context to prompt pairs: which pictures and targets answer together, and about what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from icl_core import Context, InputError
from icl_core.vision.objects import Shot, Shown, sort_context
from icl_painting.canvas import square, to_tensor
from icl_painting.network.inference import Prompts
from icl_painting.seggpt.answers import Names, Reading
from icl_painting.seggpt.colours import paint, palette
from icl_painting.seggpt.targets import PAINTED, white_on_black
from icl_painting.seggpt.task_key import TaskKey


@dataclass(frozen=True, eq=False)
class Pass:
    """Prompt pairs that answer together, by one picture.

    Args:
        images: prompt images, [N, 3, s, s], normalised.
        targets: their targets, the same shape.
        reading: how the picture they give becomes objects.
        objects: the places of those objects in the context.
    """

    images: Tensor
    targets: Tensor
    reading: Reading
    objects: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Known:
    """A picture of the context, and what the context says about it.

    Args:
        image: uint8 [H, W, 3].
        masks: object -> bool [H, W].
        painted: the target of a painted example, uint8 [H, W, 3].
    """

    image: np.ndarray
    masks: dict[int, np.ndarray]
    painted: np.ndarray | None = None

    def whole(self, names: Names) -> bool:
        """Whether the context gives the masks of all objects."""
        return len(self.masks) == len(names.ids)


NOTHING = Known(np.zeros((0, 0, 3), np.uint8), {})
"""What the context says about a picture that it does not hold."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A context whose share of the work is done.

    Args:
        passes: cover every object once.
        groups: of each pass, what the network computed of its prompts alone, group by group.
        names: of the objects.
        pictures: those of the context.
    """

    passes: tuple[Pass, ...]
    groups: tuple[tuple[Prompts, ...], ...]
    names: Names
    pictures: tuple[Known, ...]

    @property
    def only(self) -> Prompts | None:
        """The prompts of the only pass, where the network runs once for a query."""
        alone = len(self.groups) == 1 and len(self.groups[0]) == 1
        return self.groups[0][0] if alone else None

    @property
    def pairs(self) -> int:
        """The most prompts that answer together in one pass of the network."""
        return max(group.count for groups in self.groups for group in groups)

    def known(self, picture: np.ndarray) -> Known:
        """Return what the context says about a picture, found by its pixels."""
        for one in self.pictures:
            if one.image.shape == picture.shape and np.array_equal(one.image, picture):
                return one
        return NOTHING


def read_context(
    context: Context, key: TaskKey | None, side: int, device: torch.device, together: bool
) -> tuple[tuple[Pass, ...], Names, tuple[Known, ...]]:
    """Turn a coerced context into passes.

    Args:
        context: its examples may hold painted targets, see `targets.read_painted`.
        key: a tuned prompt, the first one of the only object.
        side: s, of the square.
        device: for the tensors.
        together: several objects in one pass, each in a colour of its own.

    Returns:
        The passes, what their objects are called, and what the context says of its pictures.

    Raises:
        InputError: there is nothing that shows an object, a negative example, or a mixture of
            things that do not go together.
    """
    if not context.examples:
        if key is None:
            raise InputError("seggpt needs at least one example, and the context has none")
        one = _with_key(None, key, device)
        return (one,), Names((1,), ("1",), {}), ()
    shown = _sorted(context)
    targets = [e.meta.get(PAINTED) for e in context.examples]
    squares = [to_tensor(square(image, side), device) for image in shown.images]
    if together and len(shown.objects) > 1:
        passes = [_together(shown, targets, squares, device)]
    else:
        passes = [
            _separate(shots.shots, targets, squares, number, device)
            for number, shots in enumerate(shown.objects)
        ]
    if key is not None:
        if len(shown.objects) > 1:
            raise InputError(
                f"the tuned prompt shows one object, and the context shows {len(shown.objects)}"
            )
        passes = [_with_key(passes[0], key, device)]
    return tuple(passes), Names(shown.ids, shown.names, {}), _pictures(shown, targets)


def _sorted(context: Context) -> Shown:
    shown = sort_context(context)
    if shown.negatives:
        raise InputError(
            f"example {shown.negatives[0].example + 1} is a negative one, and seggpt has no way to "
            "be shown what an object is not",
            hint="give it as an object of its own, meta={'object': ...}: a pixel goes to the "
            "object whose answer is surest",
        )
    for one in shown.objects:
        kinds = {PAINTED in context.examples[shot.example].meta for shot in one.shots}
        if len(kinds) > 1:
            raise InputError(
                "some examples of an object have pictures in colour and others masks, expected "
                "one kind"
            )
    return shown


def _separate(
    shots: Sequence[Shot],
    targets: Sequence[np.ndarray | None],
    squares: Sequence[Tensor],
    number: int,
    device: torch.device,
) -> Pass:
    """Ask for one object: each of its examples is a prompt, as in the released code."""
    shown = [_target(shot, targets) for shot in shots]
    side = squares[0].shape[-1]
    return Pass(
        torch.stack([squares[shot.image] for shot in shots]),
        torch.stack([to_tensor(square(one, side, "nearest"), device) for one in shown]),
        Reading(painted=targets[shots[0].example] is not None),
        (number,),
    )


def _together(
    shown: Shown,
    targets: Sequence[np.ndarray | None],
    squares: Sequence[Tensor],
    device: torch.device,
) -> Pass:
    """Ask for all objects in one pass: each picture of the context is one prompt."""
    colours = palette(len(shown.objects))
    painted = next((n for n, target in enumerate(targets, 1) if target is not None), None)
    if painted is not None:
        raise InputError(
            f"classes='colours' paints masks in colours of its own, and the target of example "
            f"{painted} is a picture in colour"
        )
    pictures = []
    for place, image in enumerate(shown.images):
        masks = np.zeros((len(shown.objects), *image.shape[:2]), bool)
        for number, one in enumerate(shown.objects):
            for shot in one.shots:
                if shot.image == place:
                    masks[number] |= shot.mask
        pictures.append(paint(masks, colours))
    side = squares[0].shape[-1]
    return Pass(
        torch.stack(list(squares)),
        torch.stack([to_tensor(square(one, side, "nearest"), device) for one in pictures]),
        Reading(colours),
        tuple(range(len(shown.objects))),
    )


def _with_key(one: Pass | None, key: TaskKey, device: torch.device) -> Pass:
    image, target = key.image[None].to(device), key.target[None].to(device)
    if one is None:
        return Pass(image, target, Reading(painted=key.painted), (0,))
    if one.reading.painted != key.painted:
        kind = "pictures in colour" if key.painted else "masks"
        raise InputError(f"the prompt was tuned on {kind}, and the examples have another kind")
    return Pass(
        torch.cat([image, one.images]), torch.cat([target, one.targets]), one.reading, one.objects
    )


def _target(shot: Shot, targets: Sequence[np.ndarray | None]) -> np.ndarray:
    target = targets[shot.example]
    return white_on_black(shot.mask) if target is None else target


def _pictures(shown: Shown, targets: Sequence[np.ndarray | None]) -> tuple[Known, ...]:
    found = [Known(image, {}) for image in shown.images]
    for number, one in enumerate(shown.objects):
        for shot in one.shots:
            place, target = shot.image, targets[shot.example]
            mask = shot.mask if target is None else target.sum(axis=-1, dtype=np.int64) > 3 * 128
            found[place].masks[number] = mask
            if target is not None:
                found[place] = Known(found[place].image, found[place].masks, target)
    return tuple(found)
