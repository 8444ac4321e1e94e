"""Requirement I11: no bytes crash the process, whatever they are; each gives a typed error."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_core.coerce import to_image, to_mask
from icl_core.coerce.video import to_frames
from icl_core.errors import InputError

SHORT_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000080000000808020000004b6d29dc"
    "0000000b49444154789c6360800100000a00017f80745e0000000049454e44ae426082"
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *extra: bytes) -> bytes:
    """A PNG with correct checksums whose pixels may have nothing to do with its size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def encoded(file_format: str, size: tuple[int, int] = (8, 8)) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, file_format)
    return stream.getvalue()


BAD_FILES = {
    "empty": b"",
    "one byte": b"\x89",
    "zeros": bytes(64),
    "text": b"hello",
    "html page": b"<!doctype html><html></html>",
    "git lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "pdf": b"%PDF-1.4\n",
    "zip": b"PK\x03\x04" + bytes(30),
    "ppm": b"P6 1 1 255\n\0\0\0",
    "png signature only": b"\x89PNG\r\n\x1a\n",
    "png with short pixels": SHORT_PNG,
    "png with short pixels, 512": png(512, 512, bytes(10)),
    "png bomb of 400 megapixels": png(20000, 20000, bytes(10)),
    "png wider than any limit": png(2**31 - 1, 1, bytes(10)),
    "png of no width": png(0, 8, bytes(10)),
    "png with a text bomb": png(
        8, 8, bytes(200), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(8 << 20)))
    ),
    "png with a broken checksum": SHORT_PNG[:29] + b"\0\0\0\0" + SHORT_PNG[33:],
    "jpeg start only": b"\xff\xd8\xff",
    "jpeg without a frame": b"\xff\xd8\xff\xd9",
    "gif header only": b"GIF89a\x08\0\x08\0\0\0\0",
    "gif of no size": b"GIF89a\0\0\0\0\0\0\0;",
    "bmp header only": b"BM" + bytes(12),
    "bmp of negative width": b"BM"
    + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, -8, 8, 1, 24, 0, 0, 0, 0, 0, 0),
    "tiff header only": b"II*\0\x08\0\0\0",
    "tiff that points at itself": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "webp header only": b"RIFF\x04\0\0\0WEBP",
    "webp of 16384 squared": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0",
    **{
        f"{kind.lower()} cut at {part}%": encoded(kind)[: len(encoded(kind)) * part // 100]
        for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
        for part in (30, 60, 90)
    },
}

BAD_ARRAYS = {
    "grey": (np.zeros((4, 4), np.uint8), "repeat a grey image"),
    "batch": (np.zeros((2, 4, 4, 3), np.uint8), "one image at a time"),
    "channels first": (np.zeros((3, 4, 4), np.uint8), r"transpose\(1, 2, 0\)"),
    "alpha": (np.zeros((4, 4, 4), np.uint8), "alpha"),
    "no rows": (np.zeros((0, 4, 3), np.uint8), "without a pixel"),
    "no channels": (np.zeros((4, 4, 0), np.uint8), "without a pixel"),
    "int64": (np.zeros((4, 4, 3), np.int64), "expected .H, W, 3. uint8"),
    "bool": (np.zeros((4, 4, 3), bool), "mask"),
    "object": (np.full((4, 4, 3), None), "object"),
    "text": (np.full((4, 4, 3), "a"), "expected"),
    "complex": (np.zeros((3, 4, 4), complex), "expected"),
    "channels last floats": (np.zeros((4, 5, 3)), "move the channels to the front"),
    "nan": (np.full((3, 4, 4), np.nan), "48 NaN or infinite"),
    "infinite": (np.full((3, 4, 4), np.inf), "48 NaN or infinite"),
    "0 to 255 floats": (np.full((3, 4, 4), 200.0), "divide by 255"),
    "negative floats": (np.full((3, 4, 4), -0.5), "values from -0.5"),
    "none": (None, "NoneType"),
    "number": (3, "int"),
    "list": ([[1, 2, 3]], "list"),
    "dictionary": ({}, "dict"),
    "text stream": (io.StringIO("abc"), "expected bytes"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_bytes_give_an_input_error(name: str, tmp_path: Path) -> None:
    data = BAD_FILES[name]
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    for read in (to_image, to_mask):
        for source in (data, path, io.BytesIO(data)):
            with pytest.raises(InputError) as caught:
                read(source)
            assert len(str(caught.value)) < 400 and str(tmp_path) not in str(caught.value)
    with pytest.raises(InputError):
        list(to_frames(data))


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_values_give_an_input_error(name: str) -> None:
    value, words = BAD_ARRAYS[name]
    with pytest.raises(InputError, match=words):
        to_image(value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "is not a complete image: it is empty"),
        ("png with short pixels", "is not a complete image: image file is truncated"),
        ("png bomb of 400 megapixels", "20000x20000 pixels, 400000000 in all, expected at most"),
        ("webp of 16384 squared", "16384x16384 pixels"),
        ("git lfs pointer", "Git LFS pointer"),
    ],
)
def test_the_sentence_says_what_is_wrong(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        to_image(BAD_FILES[name])


def test_bad_paths_give_an_input_error(tmp_path: Path) -> None:
    for value, words in [
        (tmp_path / "nowhere.png", "no such image file"),
        (tmp_path, "not a regular file"),
        ("a\0b.png", "cannot read"),
        ("x" * 5000, "cannot read"),
        ("", "no such image file"),
        ("https://example.org/a.png", "is a URL, expected a file"),
        ("/dev/zero", "not a regular file"),
    ]:
        with pytest.raises(InputError, match=words):
            to_image(value)


def test_animation_whose_second_header_is_empty() -> None:
    data = bytearray(encoded("TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * entries, len(data))
    data += bytes(6)
    assert to_image(bytes(data)).shape == (8, 8, 3)
    with pytest.raises(InputError, match="is not a complete image"):
        list(to_frames(bytes(data)))


FUZZ = """
    import io, logging, sys, warnings
    import numpy as np
    from hypothesis import HealthCheck, given, settings, strategies as st
    from PIL import Image
    from icl_core.coerce import to_image, to_mask
    from icl_core.coerce.video import to_frames
    from icl_core.errors import InputError

    warnings.simplefilter("ignore")
    logging.disable()

    def encoded(file_format, **options):
        stream = io.BytesIO()
        pixels = np.random.default_rng(2).integers(0, 256, (12, 10, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels)
        picture.save(stream, file_format, **options)
        return stream.getvalue()

    two = dict(save_all=True, append_images=[Image.new("RGB", (10, 12), "red")])
    seeds = {
        "PNG": encoded("PNG"), "JPEG": encoded("JPEG"),
        "PROGRESSIVE": encoded("JPEG", progressive=1),
        "WEBP": encoded("WEBP"), "LOSSLESS": encoded("WEBP", lossless=True),
        "GIF": encoded("GIF", **two), "BMP": encoded("BMP"), "TIFF": encoded("TIFF"),
        "LZW": encoded("TIFF", compression="tiff_lzw"),
    }
    edits = st.lists(
        st.tuples(st.sampled_from("scxi"), st.integers(0, 2**16), st.integers(0, 255)),
        min_size=1, max_size=12,
    )
    read = 0

    @settings(
        max_examples=int(sys.argv[1]), deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(sorted(seeds)), edits)
    def fuzz(name, changes):
        global read
        data = bytearray(seeds[name])
        for kind, place, byte in changes:
            at = place % max(1, len(data))
            if kind == "s" and data:
                data[at] = byte
            elif kind == "c":
                del data[at:at + byte]
            elif kind == "x":
                data[at:at] = data[at:at + byte]
            else:
                data[at:at] = bytes([byte])
        for use in (to_image, to_mask, lambda value: list(to_frames(value))):
            try:
                result = use(bytes(data))
            except InputError:
                continue
            read += 1
            if use is to_image:
                assert result.dtype == np.uint8 and result.shape[2] == 3 and result.size

    fuzz()
    print("read", read)
"""


def test_damaged_files_never_end_the_process(tmp_path: Path) -> None:
    script = tmp_path / "fuzz.py"
    script.write_text(textwrap.dedent(FUZZ), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), "300"], capture_output=True, text=True, cwd=tmp_path
    )
    # A signal, as of a segmentation fault, is a negative code.
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 0, "nothing was decoded: the changes are too strong"
