"""Anything a user may hand over becomes one of the nouns of `icl_core.types`, here and only here.

`coerce_context` and `coerce_query` choose by the learner's task. They are strict: what cannot be
read without guessing is refused with a sentence that says what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from icl_core.coerce.images import LoadedImage, UprightImage, open_image, to_image
from icl_core.coerce.labels import to_label
from icl_core.coerce.masks import open_mask, to_mask
from icl_core.errors import InputError
from icl_core.types import Context, Example, Task, Video

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LoadedImage",
    "UprightImage",
    "coerce_context",
    "coerce_query",
    "open_image",
    "open_mask",
    "to_image",
    "to_label",
    "to_mask",
]

_PAIRS = {
    Task.SEGMENTATION: "(image, mask)",
    Task.PAINTING: "(image, picture)",
    Task.LINKING: "(image, label)",
}


def coerce_context(task: Task, value: Any) -> Context:
    """Turn a context, or a shorthand for one, into a `Context` whose parts are coerced.

    Args:
        task: the learner's task.
        value: a `Context`; or for forecasting anything that is a series; or for the other tasks a
            list of `Example`s or pairs: (image, mask), (image, picture), (image, label). The
            `meta` of a segmentation `Example` may hold `threshold`, `mask_id` and `colours`, see
            `to_mask`.

    Returns:
        Images are uint8 [H, W, 3], masks bool [H, W] of the image's size, labels `str`, the
        history a `Series`.

    Raises:
        InputError: a part cannot be used; the sentence names the example.
    """
    task = Task(task)
    if task is Task.FORECASTING:
        return _forecasting_context(value)
    context = value if isinstance(value, Context) else Context(examples=_examples(task, value))
    _check_text(context.text)
    if context.history is not None:
        raise InputError(f"the context has a history, which a {task} learner cannot read")
    if not context.examples and context.text is None and task is not Task.LINKING:
        raise InputError(
            "the context has no examples, expected at least one",
            hint=f"give a list of {_PAIRS[task]} pairs",
        )
    examples = _examples(task, context.examples)
    return replace(
        context,
        examples=tuple(_coerce_example(task, e, number) for number, e in enumerate(examples, 1)),
    )


def coerce_query(task: Task, value: Any) -> Any:
    """Turn what a learner is asked into what it reads.

    Args:
        task: the learner's task.
        value: for forecasting a number of steps or a `Horizon`; for the other tasks an image, or
            a `Video`, whose frames are read lazily.

    Returns:
        A `Horizon`, an image as uint8 [H, W, 3], or a `Video` whose `frames` is a `Frames`.

    Raises:
        InputError: the query cannot be used.
    """
    task = Task(task)
    if task is Task.FORECASTING:
        from icl_core.coerce.series import to_horizon

        return to_horizon(value)
    if isinstance(value, Video):
        from icl_core.coerce.video import to_frames

        return replace(value, frames=to_frames(value.frames))
    return to_image(value)


def _forecasting_context(value: Any) -> Context:
    from icl_core.coerce.series import to_series

    if not isinstance(value, Context):
        return Context(history=to_series(value))
    _check_text(value.text)
    if value.history is None:
        raise InputError(
            "the context has no history, expected the past of a series",
            hint="Context(history=series)",
        )
    return replace(value, examples=tuple(value.examples), history=to_series(value.history))


def _check_text(text: Any) -> None:
    if text is not None and not isinstance(text, str):
        raise InputError(f"the context's text is {type(text).__name__}, expected str or None")


def _examples(task: Task, value: Any) -> tuple[Example, ...]:
    """Read a list of `Example`s or pairs without looking inside them."""
    expected = f"a list of {_PAIRS[task]} pairs"
    if isinstance(value, Example):
        return (value,)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"the context is {type(value).__name__}, expected {expected}")
    examples = []
    for number, item in enumerate(value, 1):
        if isinstance(item, Example):
            examples.append(item)
        elif isinstance(item, tuple | list) and len(item) == 2:
            examples.append(Example(item[0], item[1]))
        else:
            size = f" of {len(item)}" if isinstance(item, tuple | list) else ""
            raise InputError(
                f"example {number} of the context is {type(item).__name__}{size}, "
                f"expected {_PAIRS[task]}",
                hint=f"the context is {expected}, also when there is one pair",
            )
    return tuple(examples)


def _coerce_example(task: Task, example: Example, number: int) -> Example:
    try:
        loaded = open_image(example.input)
        output: Any
        if task is Task.SEGMENTATION:
            output = _mask_of(loaded, example)
        elif task is Task.PAINTING:
            output = _painted(example.output)
        else:
            output = to_label(example.output)
    except InputError as error:
        raise InputError(f"example {number}: {error.message}", error.hint) from error
    return replace(example, input=loaded.array, output=output)


def _mask_of(image: LoadedImage, example: Example) -> np.ndarray:
    meta = example.meta
    mask = open_mask(
        example.output,
        threshold=meta.get("threshold"),
        mask_id=meta.get("mask_id"),
        colours=meta.get("colours"),
        size=(image.array.shape[0], image.array.shape[1]),
    )
    size, expected = mask.array.shape, image.array.shape[:2]
    if size == expected:
        return mask.array
    sentence = f"the mask is {size[0]}x{size[1]}, expected the image's {expected[0]}x{expected[1]}"
    if size == expected[::-1] and image.orientation_applied != mask.orientation_applied:
        turned = "image" if image.orientation_applied else "mask"
        raise InputError(
            f"{sentence} (height x width): the {turned} carries an EXIF rotation, "
            "which was applied, and the other does not",
            hint="rotate the pixels of one of the two, or remove its EXIF orientation",
        )
    raise InputError(f"{sentence} (height x width)")


def _painted(value: Any) -> np.ndarray:
    """An output picture; a bool mask [H, W] counts as one, white on black."""
    import numpy as np

    if getattr(value, "ndim", None) == 2 and str(value.dtype).endswith("bool"):
        mask = to_mask(value, allow_empty=True)
        return np.repeat(np.where(mask, 255, 0).astype(np.uint8)[..., None], 3, axis=-1)
    return to_image(value)
