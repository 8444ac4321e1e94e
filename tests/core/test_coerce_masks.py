"""Reading masks: requirements I5 and I9."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from icl_core.coerce import coerce_context, open_mask, to_mask
from icl_core.errors import InputError
from icl_core.results.rle import encode_rle
from icl_core.types import Example

OBJECT = np.array([[0, 0, 1], [0, 1, 1]], dtype=bool)


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def palette_png(ids: np.ndarray) -> bytes:
    image = Image.fromarray(ids.astype(np.uint8)).convert("P")
    image.putpalette([n % 256 for n in range(768)])
    return encoded(image)


@pytest.mark.parametrize("foreground", [True, 1, 255, 15, 1.0, 255.0])
def test_two_values_are_background_and_object(foreground: object) -> None:
    array = OBJECT * np.asarray(foreground)
    for value in (array, array[None], array[..., None]):
        mask = to_mask(value)
        assert mask.dtype == bool and np.array_equal(mask, OBJECT)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I", "I;16", "F"])
def test_every_mode_of_a_black_and_white_file(mode: str) -> None:
    image = Image.fromarray((OBJECT * 255).astype(np.uint8)).convert(mode)
    file_format = "TIFF" if mode in ("I", "F") else "PNG"
    assert np.array_equal(to_mask(encoded(image, file_format)), OBJECT)
    assert np.array_equal(to_mask(image), OBJECT)


def test_path_and_tensor(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(OBJECT).save(path)
    assert np.array_equal(to_mask(path), OBJECT)
    torch = pytest.importorskip("torch")
    for tensor in (torch.from_numpy(OBJECT), torch.from_numpy(OBJECT)[None].float()):
        assert np.array_equal(to_mask(tensor), OBJECT)


def test_result_is_a_new_array() -> None:
    source = OBJECT.copy()
    to_mask(source)[:] = False
    assert np.array_equal(source, OBJECT)


class TestIds:
    IDS = np.array([[0, 1, 2], [0, 0, 2]])

    def test_several_ids_are_one_object_and_it_is_said(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, "icl"):
            assert np.array_equal(to_mask(self.IDS), self.IDS > 0)
        assert "2 ids" in caplog.text and "mask_id" in caplog.text

    @pytest.mark.parametrize("value", [IDS, palette_png(IDS)])
    def test_mask_id_picks_one(self, value: object) -> None:
        assert np.array_equal(to_mask(value, mask_id=2), self.IDS == 2)
        with pytest.raises(InputError, match="empty: no pixel belongs to the object with id 7"):
            to_mask(value, mask_id=7)

    def test_void_of_a_palette_image_is_not_object(self) -> None:
        ids = np.array([[0, 15, 255], [0, 15, 15]])
        assert np.array_equal(to_mask(palette_png(ids)), ids == 15)
        with pytest.raises(InputError, match="255 beside others is a shade, or void"):
            to_mask(ids)
        assert np.array_equal(to_mask(ids, mask_id=15), ids == 15)

    def test_palette_with_0_and_255_only(self) -> None:
        assert np.array_equal(to_mask(palette_png(OBJECT * 255)), OBJECT)

    @pytest.mark.parametrize("values", [[[1, 2]], [[1, 2, 3]]])
    def test_ids_without_background_are_refused(self, values: list[list[int]]) -> None:
        with pytest.raises(InputError, match="background"):
            to_mask(np.array(values))

    def test_a_full_mask_is_fine(self) -> None:
        assert to_mask(np.full((2, 2), 255)).all()

    @given(
        hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 9)),
        st.integers(0, 9),
    )
    def test_mask_id_is_equality_from_arrays_and_files(self, ids: np.ndarray, pick: int) -> None:
        expected = ids == pick
        assert np.array_equal(to_mask(ids, mask_id=pick, allow_empty=True), expected)
        data = palette_png(ids)
        assert np.array_equal(to_mask(data, mask_id=pick, allow_empty=True), expected)


class TestSoft:
    def test_jpeg_with_shades_needs_a_threshold(self) -> None:
        disc = np.hypot(*np.mgrid[-16:16, -16:16]) < 9
        data = encoded(Image.fromarray((disc * 255).astype(np.uint8)), "JPEG", quality=60)
        with pytest.raises(InputError, match="JPEG compression makes shades") as caught:
            to_mask(data)
        assert "threshold=" in (caught.value.hint or "")
        assert (to_mask(data, threshold=127) == disc).mean() > 0.98

    def test_jpeg_with_two_levels_is_fine(self) -> None:
        half = np.zeros((16, 16), np.uint8)
        half[:, 8:] = 255
        assert np.array_equal(
            to_mask(encoded(Image.fromarray(half), "JPEG", quality=100)), half > 0
        )

    def test_smooth_edges_need_a_threshold(self) -> None:
        soft = np.array([[0, 90, 255]], dtype=np.uint8)
        with pytest.raises(InputError, match=r"3 values \(0, 90, 255\)"):
            to_mask(soft)
        assert to_mask(soft, threshold=127).tolist() == [[False, False, True]]

    @pytest.mark.parametrize("values", [[[0.0, 0.4, 0.9]], [[0.0, 0.4]], [[-3.0, 2.0]]])
    def test_soft_floats_need_a_threshold(self, values: list[list[float]]) -> None:
        with pytest.raises(InputError) as caught:
            to_mask(np.array(values))
        assert "threshold=" in (caught.value.hint or "")
        assert to_mask(np.array(values), threshold=0.3).any()

    def test_threshold_and_id_exclude_each_other(self) -> None:
        with pytest.raises(InputError, match="both given"):
            to_mask(np.array([[0, 1]]), threshold=0.5, mask_id=1)


class TestColour:
    COLOURED = np.array([[[0, 0, 0], [128, 0, 0], [0, 128, 0]]] * 2, dtype=np.uint8)

    def test_colour_needs_a_table(self) -> None:
        with pytest.raises(InputError, match=r"in colour \(\(0, 0, 0\)") as caught:
            to_mask(self.COLOURED)
        assert "colours=" in (caught.value.hint or "")

    def test_table_maps_colours_to_ids(self) -> None:
        table = {(0, 0, 0): 0, (128, 0, 0): 1, (0, 128, 0): 2}
        for value in (self.COLOURED, encoded(Image.fromarray(self.COLOURED))):
            assert to_mask(value, colours=table, mask_id=2).tolist() == [[False, False, True]] * 2

    def test_colour_outside_the_table_is_named(self) -> None:
        with pytest.raises(InputError, match=r"\(0, 128, 0\) at row 0, column 2"):
            to_mask(self.COLOURED, colours={(0, 0, 0): 0, (128, 0, 0): 1})

    def test_one_row_of_a_colour_file_is_in_colour(self) -> None:
        with pytest.raises(InputError, match="in colour"):
            to_mask(encoded(Image.fromarray(self.COLOURED[:1])))

    def test_transparent_pixels_have_no_meaning(self) -> None:
        image = Image.new("RGBA", (2, 1), (255, 255, 255, 255))
        image.putpixel((0, 0), (255, 255, 255, 0))
        with pytest.raises(InputError, match="transparent pixels"):
            to_mask(encoded(image))


class TestRefused:
    @pytest.mark.parametrize(
        "value",
        [
            np.zeros((3, 3)),
            np.zeros((3, 3), bool),
            encoded(Image.new("L", (3, 3))),
            encoded(Image.new("1", (3, 3))),
        ],
    )
    def test_empty_mask_unless_allowed(self, value: object) -> None:
        with pytest.raises(InputError, match="the mask is empty: no pixel belongs to the object"):
            to_mask(value)
        assert not to_mask(value, allow_empty=True).any()

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (np.zeros((0, 3)), "without a pixel"),
            (np.ones(3), r"expected \[H, W\]"),
            (np.ones((2, 3, 4, 5)), r"expected \[H, W\]"),
            (np.ones((3, 4, 2)), r"expected \[H, W\]"),
            (np.array([[0, np.nan]]), "NaN"),
            (np.array([[0, np.inf]]), "infinite"),
            (np.array([["a"]]), "expected bool, integer or float"),
            (np.array([[1j]]), "expected bool, integer or float"),
            (np.array([[None]]), "expected bool, integer or float"),
            (np.array([[-1, 1]]), "negative"),
            (None, "NoneType"),
            (3, "int"),
            ([[0, 1]], "list"),
            (b"", "empty"),
            ("nowhere.png", "no such image file"),
        ],
    )
    def test_what_is_no_mask(self, value: object, words: str) -> None:
        with pytest.raises(InputError, match=words):
            to_mask(value)


class TestSizes:
    @staticmethod
    def file(size: tuple[int, int], orientation: int, mode: str = "RGB") -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return encoded(Image.new(mode, size, "white"), "PNG", exif=exif)

    def test_image_and_mask_are_both_turned(self) -> None:
        pair = (self.file((60, 40), 6), self.file((60, 40), 6, "L"))
        example = coerce_context("segmentation", [pair]).examples[0]
        assert example.input.shape == (60, 40, 3) and example.output.shape == (60, 40)
        assert open_mask(pair[1]).orientation_applied

    @pytest.mark.parametrize(("image", "mask", "who"), [(6, 1, "image"), (1, 8, "mask")])
    def test_one_turned_and_one_not_is_explained(self, image: int, mask: int, who: str) -> None:
        pair = (self.file((60, 40), image), self.file((60, 40), mask, "L"))
        with pytest.raises(InputError, match=f"example 1: .*the {who} carries an EXIF rotation"):
            coerce_context("segmentation", [pair])

    def test_other_sizes_are_refused_with_both(self) -> None:
        pair = (self.file((60, 40), 1), self.file((40, 60), 1, "L"))
        with pytest.raises(InputError, match="60x40, expected the image's 40x60") as caught:
            coerce_context("segmentation", [pair])
        assert "EXIF" not in str(caught.value)

    def test_choices_stand_in_the_meta_of_an_example(self) -> None:
        soft = np.array([[0, 90, 255]], dtype=np.uint8)
        image = np.zeros((1, 3, 3), np.uint8)
        example = Example(image, soft, {"threshold": 127})
        assert coerce_context("segmentation", [example]).examples[0].output.sum() == 1
        example = Example(image, soft, {"mask_id": 90})
        assert coerce_context("segmentation", [example]).examples[0].output[0, 1]


class TestCoco:
    MASK = np.zeros((6, 8), bool)
    MASK[2:5, 1:4] = True
    POLYGON: ClassVar[list[float]] = [1, 2, 4, 2, 4, 5, 1, 5]

    @pytest.mark.parametrize("compressed", [False, True])
    def test_run_lengths_alone_in_an_annotation_or_as_an_answer_was_saved(
        self, compressed: bool
    ) -> None:
        rle = encode_rle(self.MASK, compressed=compressed)
        for value in (rle, {"segmentation": rle, "area": 9}, {"type": "segmentation", "rle": rle}):
            assert np.array_equal(to_mask(value), self.MASK)

    def test_polygons_take_the_size_of_the_image(self) -> None:
        value = {"segmentation": [self.POLYGON]}
        assert np.array_equal(to_mask(value, size=(6, 8)), self.MASK)
        image = np.zeros((6, 8, 3), np.uint8)
        context = coerce_context("segmentation", [(image, value)])
        assert np.array_equal(context.examples[0].output, self.MASK)
        with pytest.raises(InputError, match="the size of its image is not known"):
            to_mask(value)

    def test_several_polygons_are_one_mask_and_what_sticks_out_is_cut(self) -> None:
        value = {"segmentation": [self.POLYGON, [6, -3, 20, -3, 20, 1, 6, 1]]}
        expected = self.MASK.copy()
        expected[0, 6:] = True
        assert np.array_equal(to_mask(value, size=(6, 8)), expected)

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({}, "incomplete"),
            ({"segmentation": []}, "no polygons"),
            ({"segmentation": [[1, 2, 3]]}, "polygon 1 of the annotation"),
            ({"segmentation": [[1, 2, 3, float("nan"), 5, 6]]}, "polygon 1"),
            ({"segmentation": {"size": [6, 8], "counts": [1]}}, "add up to 1"),
            ({"size": [1, 4], "counts": [4]}, "the mask is empty"),
        ],
    )
    def test_bad_ones_are_sentences(self, value: dict[str, object], words: str) -> None:
        with pytest.raises(InputError, match=words):
            to_mask(value, size=(6, 8))

    def test_one_of_another_size_than_its_image_is_refused(self) -> None:
        image = np.zeros((6, 9, 3), np.uint8)
        with pytest.raises(InputError, match="the mask is 6x8, expected the image's 6x9"):
            coerce_context("segmentation", [(image, encode_rle(self.MASK))])
