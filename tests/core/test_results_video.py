"""Writing video files."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from icl_core.coerce.video import frame_rate, to_frames
from icl_core.errors import InputError, MissingExtraError
from icl_core.results.video import writing_video


def test_without_the_library_its_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with (
        pytest.raises(MissingExtraError, match=r"'o.mp4' needs PyAV .*pip install av"),
        writing_video(tmp_path / "o.mp4"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


class TestWithTheLibrary:
    @pytest.fixture(autouse=True)
    def needs_av(self) -> None:
        pytest.importorskip("av")

    @pytest.mark.parametrize("size", [(32, 48), (33, 47), (1, 1)])
    def test_what_is_written_is_read_again(self, tmp_path: Path, size: tuple[int, int]) -> None:
        path = tmp_path / "o.mp4"
        with writing_video(path, rate=Fraction(30000, 1001)) as add:
            for shade in (10, 120, 230):
                add(np.full((*size, 3), shade, np.uint8))
        assert frame_rate(path) == Fraction(30000, 1001)
        frames = list(to_frames(path))
        even = tuple(side + side % 2 for side in size)
        assert [frame.shape[:2] for frame in frames] == [even] * 3
        assert np.allclose([frame.mean() for frame in frames], [10, 120, 230], atol=8)

    def test_an_existing_file_stays_unless_it_may_be_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "o.mp4"
        path.write_bytes(b"mine")
        with pytest.raises(InputError, match="exists already"), writing_video(path):
            pass
        assert path.read_bytes() == b"mine"
        with writing_video(path, overwrite=True) as add:
            add(np.zeros((8, 8, 3), np.uint8))
        assert len(list(to_frames(path))) == 1

    def test_a_failure_leaves_nothing_behind(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError), writing_video(tmp_path / "o.mp4") as add:
            add(np.zeros((8, 8, 3), np.uint8))
            raise KeyError
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_written_is_a_sentence(self, tmp_path: Path) -> None:
        path = tmp_path / "o.mp4"
        frame = np.zeros((8, 8, 3), np.uint8)
        with pytest.raises(InputError, match="no frames"), writing_video(path):
            pass
        with pytest.raises(InputError, match="0 frames a second"), writing_video(path, rate=0):
            pass
        with pytest.raises(InputError, match=r"expected one of \.mp4"), writing_video("o.avi"):
            pass
        with (
            pytest.raises(InputError, match=r"uint8 \[8, 9, 3\], expected uint8 \[8, 8, 3\]"),
            writing_video(path) as add,
        ):
            add(frame)
            add(np.zeros((8, 9, 3), np.uint8))
        with pytest.raises(InputError, match=r"\[8, 8\], expected"), writing_video(path) as add:
            add(frame[..., 0])
        assert list(tmp_path.iterdir()) == []
