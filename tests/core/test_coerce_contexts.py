"""Coercion of whole contexts and queries, by task."""

from __future__ import annotations

import numpy as np
import pytest

from icl_core.coerce import coerce_context, coerce_query
from icl_core.errors import InputError
from icl_core.types import Context, Example, Horizon, Series, Task


def ramp(height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_pairs_examples_and_contexts_mean_the_same() -> None:
    mask = np.arange(35).reshape(5, 7) % 2
    example = Example(ramp(), mask, {"class_name": "cat"})
    for value in ([(ramp(), mask)], [[ramp(), mask]], [example], example, Context((example,))):
        context = coerce_context(Task.SEGMENTATION, value)
        assert context.examples[0].input.dtype == np.uint8
        assert context.examples[0].output.dtype == bool
    assert context.examples[0].meta == {"class_name": "cat"}


def test_painting_reads_pictures_and_bool_masks() -> None:
    context = coerce_context("painting", [(ramp(), ramp(3, 3)), (ramp(), np.eye(4, dtype=bool))])
    assert context.examples[0].output.shape == (3, 3, 3)
    assert context.examples[1].output[..., 0].tolist() == (np.eye(4) * 255).tolist()


def test_linking_reads_words_and_class_ids() -> None:
    pairs = [(ramp(), " hedgehog "), (ramp(), 3), (ramp(), np.int64(4)), (ramp(), np.str_("a"))]
    context = coerce_context("linking", pairs)
    labels = [example.output for example in context.examples]
    assert labels == ["hedgehog", "3", "4", "a"] and {type(label) for label in labels} == {str}


@pytest.mark.parametrize("label", ["", "  ", None, True, 1.5, ["a"]])
def test_other_labels_are_refused_with_the_example(label: object) -> None:
    with pytest.raises(InputError, match="example 2: the label is"):
        coerce_context("linking", [(ramp(), "a"), (ramp(), label)])


def test_linking_may_go_without_examples_and_others_may_not() -> None:
    assert coerce_context("linking", Context()).examples == ()
    assert coerce_context("segmentation", Context(text="a cat")).text == "a cat"
    for task in ("segmentation", "painting"):
        with pytest.raises(InputError, match="no examples"):
            coerce_context(task, [])


@pytest.mark.parametrize(
    "value", ["a.png", b"abc", ("a.png", "b.png"), [ramp()], [(1, 2, 3)], 3, None, {"a": 1}]
)
def test_other_shapes_of_context_are_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"\(image, mask\)"):
        coerce_context("segmentation", value)


def test_parts_of_another_task_are_refused() -> None:
    with pytest.raises(InputError, match="history"):
        coerce_context("linking", Context(history=Series(np.ones(3))))
    with pytest.raises(InputError, match="text is int"):
        coerce_context("linking", Context(text=3))  # type: ignore[arg-type]


def test_forecasting_goes_to_series_and_horizon() -> None:
    pytest.importorskip("icl_core.coerce.series")
    context = coerce_context("forecasting", [1.0, 2.0, 3.0])
    assert isinstance(context.history, Series) and len(context.history) == 3
    context = coerce_context("forecasting", Context(history=[1.0, 2.0], text="hot"))
    assert isinstance(context.history, Series) and context.text == "hot"
    assert isinstance(coerce_query("forecasting", 4), Horizon)
    with pytest.raises(InputError, match="no history"):
        coerce_context("forecasting", Context(text="hot"))
