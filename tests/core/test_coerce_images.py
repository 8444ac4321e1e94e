"""Reading pictures: requirements I1 to I8 and I10."""

from __future__ import annotations

import ast
import io
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile

import icl_core.coerce
from icl_core.coerce import UprightImage, open_image, to_image
from icl_core.coerce import decode as decode_module
from icl_core.coerce import images as images_module
from icl_core.errors import InputError

ORIENTATION = 0x0112


def ramp(height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def turned(pixels: np.ndarray, orientation: int, file_format: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(Image.fromarray(pixels), file_format, exif=exif)


class TestFormats:
    @pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
    def test_lossless_formats_are_read_exactly(self, file_format: str) -> None:
        pixels = ramp()
        assert np.array_equal(to_image(encoded(Image.fromarray(pixels), file_format)), pixels)

    @pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "GIF"])
    def test_other_formats_are_read_as_pillow_reads_them(self, file_format: str) -> None:
        data = encoded(Image.fromarray(ramp()), file_format)
        expected = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.array_equal(to_image(data), expected)

    def test_the_list_of_formats_is_closed(self) -> None:
        assert decode_module.FORMATS == ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")

    def test_postscript_is_refused_without_being_opened(self) -> None:
        data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
        assert Image.open(io.BytesIO(data)).format == "EPS"
        with pytest.raises(InputError, match="not an image in a known format, expected PNG"):
            to_image(data)

    @pytest.mark.parametrize("file_format", ["PPM", "ICO", "TGA", "PCX", "JPEG2000"])
    def test_formats_outside_the_list_are_refused(self, file_format: str) -> None:
        try:
            data = encoded(Image.fromarray(ramp(16, 16)), file_format)
        except (KeyError, OSError):
            pytest.skip(f"this Pillow cannot write {file_format}")
        with pytest.raises(InputError, match="known format"):
            to_image(data)

    def test_only_pillow_decodes(self) -> None:
        """No other library that reads pictures is imported by any module of the core."""
        for file in Path(icl_core.coerce.__file__).parents[1].rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    assert name.split(".")[0] not in {"torchvision", "cv2", "imageio"}, file

    def test_importing_the_module_does_not_import_pillow_or_torch(self) -> None:
        code = (
            "import sys, icl_core.coerce, icl_core.results; "
            "print([m for m in ('PIL', 'torch', 'pandas', 'matplotlib') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "[]", done.stderr


class TestSources:
    def test_path_string_bytes_stream_and_picture_agree(self, tmp_path: Path) -> None:
        pixels = ramp()
        path = tmp_path / "a picture ü.png"
        path.write_bytes(encoded(Image.fromarray(pixels)))
        data = path.read_bytes()
        sources = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)]
        for source in [*sources, Image.fromarray(pixels), Image.open(path)]:
            assert np.array_equal(to_image(source), pixels)
        with path.open("rb") as stream:
            assert np.array_equal(to_image(stream), pixels)

    def test_the_suffix_does_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "photo.eps"
        path.write_bytes(encoded(Image.fromarray(ramp())))
        assert to_image(path).shape == (5, 7, 3)

    def test_result_can_be_written_to_and_the_source_is_untouched(self) -> None:
        image = Image.fromarray(ramp())
        result = to_image(image)
        result[:] = 0
        assert np.array_equal(np.array(image), ramp())

    def test_many_threads_read_the_same_and_leave_no_file_open(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        path.write_bytes(encoded(Image.fromarray(ramp(40, 40)), "TIFF"))
        results: list[np.ndarray] = []
        threads = [
            threading.Thread(target=lambda: results.append(to_image(path))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 8
        assert all(np.array_equal(result, results[0]) for result in results)
        os.replace(path, tmp_path / "b.tif")

    def test_gif_gives_its_first_frame(self) -> None:
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert (to_image(data) == [255, 0, 0]).all()


class TestLimits:
    def test_size_is_refused_before_decoding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = encoded(Image.fromarray(ramp(20, 30)))

        def explode(*_: object) -> None:
            raise AssertionError("decoded before its size was checked")

        monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
        with pytest.raises(InputError) as caught:
            to_image(data, max_pixels=599)
        assert "30x20 pixels, 600 in all, expected at most 599 (max_pixels)" in str(caught.value)
        assert "max_pixels=None" in (caught.value.hint or "")

    @pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
    def test_the_limit_holds_for_every_format(self, file_format: str) -> None:
        data = encoded(Image.fromarray(ramp(20, 30)), file_format)
        assert to_image(data, max_pixels=600).shape == (20, 30, 3)
        with pytest.raises(InputError, match="expected at most 599"):
            to_image(data, max_pixels=599)

    @pytest.mark.parametrize("options", [{"lossless": True}, {}, {"exif": b"Exif\0\0II*\0"}])
    def test_webp_size_is_read_from_its_first_chunk(self, options: dict[str, object]) -> None:
        data = encoded(Image.fromarray(ramp(20, 300)), "WEBP", **options)
        assert decode_module._webp_size(data[:32]) == (300, 20)

    def test_the_setting_of_the_caller_is_named(self) -> None:
        with pytest.raises(InputError, match="ICL_SERVER_MAX_PIXELS"):
            to_image(
                encoded(Image.new("L", (9, 9))), max_pixels=80, setting="ICL_SERVER_MAX_PIXELS"
            )

    def test_side_limit(self) -> None:
        data = encoded(Image.new("1", (300, 1)))
        assert to_image(data, max_side=300).shape == (1, 300, 3)
        with pytest.raises(InputError, match="300x1 pixels, expected at most 299 a side"):
            to_image(data, max_side=299)

    def test_default_limit_is_the_one_of_pillow(self) -> None:
        assert images_module.MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS == 178_956_970
        assert decode_module.Limits().pixels == images_module.MAX_PIXELS

    @pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
    def test_no_size_warning_gets_out(
        self, file_format: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = encoded(Image.fromarray(ramp(20, 30)), file_format)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert to_image(data).shape == (20, 30, 3)

    def test_pillow_settings_are_left_alone(self) -> None:
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
        to_image(encoded(Image.new("L", (9, 9))), max_pixels=None)
        after = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
        assert before == after
        assert Image.MAX_IMAGE_PIXELS is not None and not ImageFile.LOAD_TRUNCATED_IMAGES

    def test_none_reads_beyond_pillows_own_limit_and_speaks_of_tiles(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        monkeypatch.setattr(images_module, "_LARGE", 10)
        data = encoded(Image.fromarray(ramp(20, 30)))
        with caplog.at_level(logging.WARNING, "icl"):
            assert to_image(data, max_pixels=None).shape == (20, 30, 3)
        assert "30x20" in caplog.text and "tiles" in caplog.text


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
    def test_pixels_are_turned_upright(self, orientation: int, file_format: str) -> None:
        upright = ramp(4, 6)
        back = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.transpose(1, 0, 2),
            6: np.rot90(upright, 1),
            7: upright[::-1, ::-1].transpose(1, 0, 2),
            8: np.rot90(upright, -1),
        }
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        stored = Image.fromarray(np.ascontiguousarray(back[orientation]))
        options: dict[str, object] = {"lossless": True} if file_format == "WEBP" else {}
        loaded = open_image(encoded(stored, file_format, exif=exif, **options))
        assert np.array_equal(loaded.array, upright)
        assert loaded.orientation_applied == (orientation != 1)

    def test_jpeg_60x40_with_orientation_6_is_40x60(self) -> None:
        assert to_image(turned(ramp(40, 60), 6, "JPEG")).shape == (60, 40, 3)

    def test_only_a_turned_image_is_marked(self) -> None:
        assert isinstance(to_image(turned(ramp(), 6)), UprightImage)
        assert type(to_image(turned(ramp(), 1))) is np.ndarray
        assert open_image(to_image(turned(ramp(), 6))).orientation_applied

    @pytest.mark.parametrize("orientation", [0, 9, 255])
    def test_orientation_without_meaning_is_upright(self, orientation: int) -> None:
        assert np.array_equal(to_image(turned(ramp(), orientation)), ramp())

    def test_damaged_exif_does_not_cost_the_picture(self) -> None:
        data = encoded(Image.fromarray(ramp()), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
        assert np.array_equal(to_image(data), ramp())

    def test_limit_is_the_same_before_and_after_turning(self) -> None:
        with pytest.raises(InputError, match="expected at most 34"):
            to_image(turned(ramp(5, 7), 6), max_pixels=34)


class TestModes:
    @pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
    def test_16_bit_grey_is_scaled_not_clipped(self, file_format: str) -> None:
        grey = np.linspace(0, 60000, 256).astype(np.uint16).reshape(16, 16)
        result = to_image(encoded(Image.fromarray(grey), file_format))
        assert len(np.unique(result)) > 230
        expected = np.round(grey / 257).astype(np.uint8)
        assert np.array_equal(result, np.repeat(expected[..., None], 3, axis=-1))

    @given(st.integers(0, 65535))
    def test_16_bit_scaling_is_rounded_division_by_257(self, value: int) -> None:
        picture = Image.fromarray(np.array([[value]], dtype=np.uint16))
        assert to_image(picture)[0, 0, 0] == round(value / 257)

    def test_float_grey_in_unit_range_is_scaled(self) -> None:
        picture = Image.fromarray(np.array([[0, 0.5, 1]], dtype=np.float32))
        assert to_image(picture)[0, :, 0].tolist() == [0, 128, 255]

    @pytest.mark.parametrize(
        "values",
        [
            np.array([[0, 2.5]], dtype=np.float32),
            np.array([[-0.1, 1]], dtype=np.float32),
            np.array([[np.nan, 1]], dtype=np.float32),
            np.array([[0, 70000]], dtype=np.int32),
            np.array([[0, 200]], dtype=np.int32),
        ],
    )
    def test_grey_of_unknown_scale_is_refused(self, values: np.ndarray) -> None:
        with pytest.raises(InputError, match="whose scale is unknown"):
            to_image(encoded(Image.fromarray(values), "TIFF"))

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
    def test_other_modes_are_converted_as_pillow_does(self, mode: str) -> None:
        picture = Image.fromarray(ramp()).convert(mode)
        assert np.array_equal(to_image(picture), np.array(picture.convert("RGB")))

    def test_mode_without_a_conversion_is_refused(self) -> None:
        with pytest.raises(InputError, match="the La picture cannot be converted to RGB"):
            to_image(Image.new("La", (3, 3)))

    def test_transparent_red_is_red_and_said_once(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(images_module, "_notes", set())
        data = encoded(Image.new("RGBA", (3, 3), (255, 0, 0, 0)))
        with caplog.at_level(logging.INFO, "icl"):
            assert (to_image(data) == [255, 0, 0]).all()
            to_image(data)
        assert caplog.text.count("transparency") == 1

    @pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255]), None])
    def test_palette_with_transparency_keeps_its_colours_without_a_warning(
        self, transparency: object
    ) -> None:
        picture = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8)).convert("P")
        picture.putpalette([9, 8, 7, 60, 50, 40, 200, 210, 220])
        options = {} if transparency is None else {"transparency": transparency}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = to_image(encoded(picture, **options))
        assert result.tolist() == [[[9, 8, 7], [60, 50, 40], [200, 210, 220]]]


class TestArrays:
    def test_uint8_hwc_is_returned_as_it_is(self) -> None:
        pixels = ramp()
        assert to_image(pixels) is pixels

    def test_result_is_contiguous_and_writable(self) -> None:
        pixels = ramp()
        pixels.flags.writeable = False
        for array in (pixels, ramp()[:, ::-1]):
            result = to_image(array)
            assert result.flags.c_contiguous and result.flags.writeable
            assert np.array_equal(result, array)

    @given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)))
    def test_unit_floats_bring_every_byte_back(self, grey: np.ndarray) -> None:
        pixels = np.stack([grey, 255 - grey, grey // 2], axis=-1)
        for dtype in (np.float16, np.float32, np.float64):
            floats = (pixels / 255).astype(dtype).transpose(2, 0, 1)
            assert np.array_equal(to_image(floats), pixels)

    def test_torch_tensors_are_channels_first(self) -> None:
        torch = pytest.importorskip("torch")
        pixels = ramp()
        tensor = torch.from_numpy(pixels).permute(2, 0, 1)
        assert np.array_equal(to_image(tensor), pixels)
        assert np.array_equal(to_image((tensor / 255).requires_grad_()), pixels)
        assert to_image((tensor / 255).bfloat16()).dtype == np.uint8
        with pytest.raises(InputError, match=r"permute\(2, 0, 1\)"):
            to_image(torch.from_numpy(pixels))


def test_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[union-attr]
    to_image(turned(ramp(), 6, "JPEG"))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[union-attr]
