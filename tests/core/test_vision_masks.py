"""Masks of several objects on the way in, and the label map on the way out."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import icl_core as icl
from icl_core import InputError, PluginError
from icl_core.coerce import coerce_context
from icl_core.coerce.coco import from_polygons
from icl_core.results.label_map import LabelMap, colour_of, palette_picture, resolve
from icl_core.results.rle import decode_rle, encode_rle, unpack_counts
from icl_core.vision.objects import sort_context
from icl_core.vision.palette_contexts import read_ids, split_context

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)


def ids(*numbers: int) -> np.ndarray:
    array = np.zeros((8, 10), np.uint8)
    for row, number in enumerate(numbers):
        array[row] = number
    return array


def encoded(array: np.ndarray, form: str, mode: str = "L") -> bytes:
    picture = Image.fromarray(array)
    if mode == "P":
        picture = palette_picture(array.astype(np.int32))
    stream = io.BytesIO()
    picture.save(stream, form)
    return stream.getvalue()


def split(output: Any, **meta: Any) -> tuple[icl.Example, ...]:
    examples: tuple[icl.Example, ...] = split_context([icl.Example(IMAGE, output, meta)])
    return examples


@pytest.mark.parametrize(
    "value",
    [
        ids(1, 5),
        ids(1, 5).astype(np.int64),
        ids(1, 5)[None],
        encoded(ids(1, 5), "PNG"),
        encoded(ids(1, 5, 255), "PNG", "P"),  # 255 is void in a palette
    ],
)
def test_every_id_becomes_an_example(value: Any) -> None:
    parts = split(value)
    assert [part.meta["object"] for part in parts] == [1, 5]
    for part, row in zip(parts, (0, 1), strict=True):
        assert part.output.dtype == bool and part.output[row].all()
        assert part.output.sum() == 10
        assert part.input is IMAGE


@pytest.mark.parametrize(
    "value",
    [
        ids(1),
        ids(255),
        ids(1) > 0,
        ids(1, 255),  # a shade, or void: the core asks
        ids(1, 5).astype(np.float32),
        encoded(ids(1, 5), "JPEG"),
        np.full((8, 10), 3, np.uint8),
        "nowhere.png",
    ],
)
def test_what_is_one_object_or_unclear_is_left_to_the_core(value: Any) -> None:
    if value == "nowhere.png" if isinstance(value, str) else False:
        with pytest.raises(InputError, match="example 1: no such image file"):
            split(value)
        return
    (part,) = split(value)
    assert part.output is value


def test_a_chosen_id_stays_one_object() -> None:
    (part,) = split(ids(1, 5), mask_id=5)
    context = coerce_context(icl.Task.SEGMENTATION, [part])
    assert np.array_equal(context.examples[0].output, ids(1, 5) == 5)


def test_colours_become_ids_by_their_table() -> None:
    picture = np.zeros((8, 10, 3), np.uint8)
    picture[0], picture[1] = (255, 0, 0), (0, 255, 0)
    table = {(0, 0, 0): 0, (255, 0, 0): 4, (0, 255, 0): 9}
    parts = split(picture, colours=table, class_names={4: "cat"})
    assert [part.meta["object"] for part in parts] == [4, 9]
    assert parts[0].meta["class_name"] == "cat" and "class_name" not in parts[1].meta
    assert read_ids(picture, {(0, 0, 0): 0, (255, 0, 0): 4}) is None


def test_pairs_contexts_and_single_examples_are_split_alike() -> None:
    pair = (IMAGE, ids(1, 2))
    assert len(split_context([pair])) == 2
    assert len(split_context(icl.Example(*pair))) == 2
    assert len(split_context(icl.Context((icl.Example(*pair),), text="x")).examples) == 2
    assert split_context("nonsense") == "nonsense"
    assert split_context([3]) == (3,)


def test_open_files_are_read_once() -> None:
    image, mask = io.BytesIO(encoded(IMAGE, "PNG")), io.BytesIO(encoded(ids(1, 5), "PNG"))
    parts = split_context([(image, mask)])
    assert [part.meta["object"] for part in parts] == [1, 5]
    assert np.array_equal(parts[0].input, IMAGE)
    single = split_context([(IMAGE, io.BytesIO(encoded(ids(1), "PNG")))])
    context = coerce_context(icl.Task.SEGMENTATION, single)
    assert np.array_equal(context.examples[0].output, ids(1) > 0)


def test_run_lengths_and_polygons_are_masks() -> None:
    mask = ids(0, 1, 1) > 0
    mask[:, 6:] = False
    rle = encode_rle(mask)
    polygon = [[0, 1, 6, 1, 6, 3, 0, 3]]
    for value in (rle, {"segmentation": rle}, {"segmentation": polygon}):
        (part,) = split(value)
        assert np.array_equal(part.output, mask)


def pack(counts: list[int]) -> str:
    """COCO's packing, written from its description."""
    text = ""
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        while True:
            part, value = value & 31, value >> 5
            more = value != (-1 if part & 16 else 0)
            text += chr(48 + (part | 32 if more else part))
            if not more:
                break
    return text


def test_packed_run_lengths_are_read() -> None:
    counts = [3, 40, 2000, 1, 77, 5, 0, 12345, 6]
    assert unpack_counts(pack(counts)) == counts
    assert unpack_counts(pack(counts).encode()) == counts
    mask = np.random.default_rng(2).random((8, 10)) > 0.6
    rle = encode_rle(mask)
    (part,) = split({"size": rle["size"], "counts": pack(rle["counts"])})
    assert np.array_equal(part.output, mask)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"size": [8, 10], "counts": "€"}, "hold the character"),
        ({"size": [8, 10], "counts": "o"}, "end inside a number"),
        ({"size": [8, 10], "counts": [1]}, "add up to 1"),
        ({"segmentation": []}, "has no polygons"),
        ({"segmentation": [[0, 0, 1, 1]]}, "polygon 1 of the annotation"),
        ({"segmentation": [[0, 0, 1, 1, 2]]}, "polygon 1 of the annotation"),
        ({"segmentation": ["ab"]}, "polygon 1 of the annotation"),
    ],
)
def test_bad_annotations_are_refused_with_their_example(value: Any, words: str) -> None:
    with pytest.raises(InputError, match=r"^example 1: ") as caught:
        split(value)
    assert words in caught.value.message


def test_polygons_are_drawn_by_pixel_corners() -> None:
    mask = from_polygons([[2, 3, 7, 3, 7, 6, 2, 6]], (8, 10))
    wanted = np.zeros((8, 10), bool)
    wanted[3:6, 2:7] = True
    assert np.array_equal(mask, wanted)


def test_examples_are_sorted_by_object_and_equal_images_are_one() -> None:
    mask = ids(1) > 0
    metas: list[dict[str, Any]] = [
        {"class_name": "cat"},
        {"class_name": "dog"},
        {"class_name": "cat", "instance": True},
        {"negative": True},
    ]
    images = [IMAGE, IMAGE[::-1].copy(), IMAGE.copy(), IMAGE]
    examples = [icl.Example(i, mask, m) for i, m in zip(images, metas, strict=True)]
    shown = sort_context(coerce_context(icl.Task.SEGMENTATION, examples))
    assert len(shown.images) == 2
    assert [one.key for one in shown.objects] == ["cat", "dog"]
    assert [[s.image for s in one.shots] for one in shown.objects] == [[0, 0], [1]]
    assert [one.instance for one in shown.objects] == [True, False]
    assert [s.example for s in shown.negatives] == [3]


def test_overlaps_go_to_the_largest_positive_logit() -> None:
    logits = np.array([[[1.0, -1.0, 2.0, 1.0]], [[3.0, -2.0, -1.0, 1.0]]], np.float32)
    found = resolve(logits, [4, 9], ["cat", "dog"], [0.8, 0.6])
    assert found.labels.tolist() == [[9, 0, 4, 4]]
    assert found.mask.tolist() == [[True, False, True, True]]
    assert found.logits.tolist() == [[3.0, -1.0, 2.0, 1.0]]
    assert [one.mask.tolist() for one in found.objects] == [
        [[True, False, True, True]],
        [[True, False, False, True]],
    ]
    assert found.score == pytest.approx(0.7)
    assert "cat 50.0%" in repr(found)


def test_a_label_map_checks_its_fields() -> None:
    mask, logits = np.zeros((2, 3), bool), np.zeros((2, 3), np.float32)
    with pytest.raises(PluginError, match=r"LabelMap\.labels"):
        LabelMap(mask, logits)
    with pytest.raises(PluginError, match="0 names"):
        LabelMap(
            mask,
            logits,
            labels=np.zeros((2, 3), np.int32),
            ids=(1,),
            object_logits=logits[None],
        )


def test_ids_keep_their_number_in_a_palette_picture() -> None:
    labels = np.array([[0, 1, 255]], np.int32)
    picture = palette_picture(labels)
    assert picture.mode == "P" and np.array_equal(np.array(picture), labels)
    assert picture.getpalette()[3:6] == list(colour_of(1))  # type: ignore[index]
    wide = np.array(palette_picture(np.array([[0, 300]], np.int32)))
    assert wide.tolist() == [[0, 300]]


def test_a_label_map_is_one_coco_annotation_an_object() -> None:
    logits = np.full((3, 8, 10), -1, np.float32)
    logits[0, 1:3, 2:6], logits[1, 5:7, 4:9] = 2, 3
    found = resolve(logits, (1, 4, 9), ("a", "b", "c"), (0.5, 0.75, 0.1)).to_coco(image_id=3)
    assert [(one["id"], one["image_id"], one["category_id"]) for one in found] == [
        (1, 3, 1),
        (2, 3, 4),
    ]
    assert [one["bbox"] for one in found] == [[2, 1, 4, 2], [4, 5, 5, 2]]
    assert [one["score"] for one in found] == [0.5, 0.75]
    for one, layer in zip(found, logits, strict=False):
        assert np.array_equal(decode_rle(one["segmentation"]), layer > 0)


def test_a_saved_label_map_keeps_every_array_and_the_canvas(tmp_path: Path) -> None:
    logits = np.random.default_rng(1).normal(size=(2, 8, 10)).astype(np.float32)
    found = resolve(logits, [4, 9], ["cat", "dog"], [0.8, 0.6])
    painted = replace(found, canvas=np.zeros((2, 3, 4, 4), np.float32))
    with np.load(painted.save(tmp_path / "map.npz"), allow_pickle=False) as file:
        assert set(file.files) == {"mask", "logits", "canvas", "labels", "ids", "object_logits"}
        assert np.array_equal(file["labels"], found.labels)
    assert "canvas" not in np.load(found.save(tmp_path / "plain.npz"), allow_pickle=False).files
