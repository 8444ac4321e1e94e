"""Reading the frames of a video."""

from __future__ import annotations

import io
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icl_core.coerce import coerce_query, to_image
from icl_core.coerce import images as images_module
from icl_core.coerce.video import Frames, to_frames
from icl_core.errors import InputError, MissingExtraError
from icl_core.types import Video

CLIP = np.random.default_rng(3).integers(0, 256, (12, 6, 8, 3), dtype=np.uint8)


def same(frames: Frames, clip: np.ndarray = CLIP) -> bool:
    return np.array_equal(np.stack(list(frames)), clip)


def test_array_list_and_tensor() -> None:
    assert same(to_frames(CLIP)) and same(to_frames(list(CLIP)))
    assert same(to_frames([Image.fromarray(frame) for frame in CLIP]))
    torch = pytest.importorskip("torch")
    assert same(to_frames(torch.from_numpy(CLIP).permute(0, 3, 1, 2)))


def test_folder_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number, frame in enumerate(CLIP):
        Image.fromarray(frame).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / ".hidden.png").write_text("not a frame")
    assert same(to_frames(tmp_path)) and same(to_frames(str(tmp_path)))


@pytest.mark.parametrize("file_format", ["TIFF", "GIF", "WEBP"])
def test_animated_images(file_format: str, tmp_path: Path) -> None:
    clip = CLIP
    if file_format == "GIF":  # A GIF has 256 colours.
        clip = np.repeat(np.arange(0, 240, 20, dtype=np.uint8), 6 * 8 * 3).reshape(CLIP.shape)
    first, *rest = [Image.fromarray(frame) for frame in clip]
    path = tmp_path / "clip.bin"
    first.save(path, file_format, save_all=True, append_images=rest, lossless=True)
    assert same(to_frames(path), clip) and same(to_frames(path.read_bytes()), clip)
    assert np.array_equal(to_image(path), clip[0])


def test_a_still_image_is_a_video_of_one_frame() -> None:
    stream = io.BytesIO()
    Image.fromarray(CLIP[0]).save(stream, "PNG")
    assert same(to_frames(stream.getvalue()), CLIP[:1])


def test_frames_are_read_lazily_and_again_on_each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    original = images_module.open_image

    def counted(value: object) -> object:
        read.append(value)
        return original(value)

    monkeypatch.setattr("icl_core.coerce.video.open_image", counted)
    frames = to_frames(CLIP)
    assert read == [] and frames.size is None
    next(iter(frames))
    assert len(read) == 1 and frames.size == (6, 8)
    assert len(list(frames)) == len(list(frames)) == 12


def test_query_keeps_being_a_video() -> None:
    query = coerce_query("segmentation", Video(CLIP))
    assert isinstance(query, Video) and same(query.frames)
    assert coerce_query("segmentation", query).frames is query.frames
    assert repr(query.frames) == "Frames(6x8)"


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="frame 2 of the video is 3x8, expected 6x8"):
        list(to_frames([CLIP[0], CLIP[0][:3]]))


def test_a_bad_frame_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="frame 2: the image is int"):
        list(to_frames([CLIP[0], 3]))


def test_frames_turned_by_exif_are_reported() -> None:
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(CLIP[0]).save(stream, "PNG", exif=exif)
    frames = to_frames([stream.getvalue()])
    assert next(iter(frames)).shape == (8, 6, 3) and frames.orientation_applied


@pytest.mark.parametrize(
    "value", [CLIP[0], 3, None, "nowhere.gif", "nowhere.mp4", (n for n in "a")]
)
def test_what_is_no_video(value: object) -> None:
    with pytest.raises(InputError):
        list(to_frames(value))


@pytest.mark.parametrize("value", [[], CLIP[:0]])
def test_no_frames(value: object) -> None:
    with pytest.raises(InputError, match="no frames"):
        list(to_frames(value))


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        to_frames(tmp_path)


class TestVideoFiles:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "clip.mp4"
        path.write_bytes(b"pretend")
        return path

    def test_without_the_library_its_command_is_named(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(MissingExtraError, match=r"'clip.mp4' needs PyAV .*pip install av"):
            to_frames(path)

    def test_with_the_library(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Frame:
            width, height = 8, 6

            def __init__(self, pixels: np.ndarray) -> None:
                self.pixels = pixels

            def to_ndarray(self, format: str) -> np.ndarray:
                assert format == "rgb24"
                return self.pixels

        class Container:
            def __enter__(self) -> Container:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def decode(self, video: int) -> list[Frame]:
                return [Frame(frame) for frame in CLIP]

        module = types.ModuleType("av")
        module.open = lambda _: Container()  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "av", module)
        assert same(to_frames(path))

    def test_a_real_file_is_read_and_a_damaged_one_is_refused(self, tmp_path: Path) -> None:
        av = pytest.importorskip("av")
        path = tmp_path / "clip.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
            for shade in (10, 120, 230):
                pixels = np.full((16, 32, 3), shade, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
        shades = [frame.mean() for frame in to_frames(path)]
        assert np.allclose(shades, [10, 120, 230], atol=8)
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(InputError, match=r"cannot read the video file 'clip.mp4'"):
            list(to_frames(path))
