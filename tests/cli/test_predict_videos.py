"""`icl predict --video`."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

ASKED = ("predict", "alike", "--example", "clip/f5.png=mask.png")
NAMES = [f"f{number}" for number in (5, 6, 7, 8, 9, 10, 11)]


def frame(number):
    picture = np.full((6, 20, 3), 20, np.uint8)
    picture[2:4, 2 * number : 2 * number + 3] = 200
    return picture


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip").mkdir()
    for number, name in enumerate(NAMES):
        Image.fromarray(frame(number)).save(f"clip/{name}.png")
    Image.fromarray((frame(0)[..., 0] == 200).astype(np.uint8) * 255).save("mask.png")
    return tmp_path


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_folder_of_frames_gives_a_folder_of_masks_of_the_same_names(icl, clip):
    done = icl(*ASKED, "--video", "clip", "--out", "masks", "--overlay", "drawn")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "masks\ndrawn\n"
    assert files(clip / "masks") == files(clip / "drawn") == sorted(f"{n}.png" for n in NAMES)
    for number, name in enumerate(NAMES):
        shown = frame(number)[..., 0] == 200
        assert np.array_equal(read(f"masks/{name}.png") > 0, shown)
        assert np.array_equal(read(f"drawn/{name}.png")[~shown], frame(number)[~shown])


def test_an_animated_picture_gives_numbered_masks(icl, clip):
    first, *rest = [Image.fromarray(frame(number)) for number in range(3)]
    first.save("clip.webp", save_all=True, append_images=rest, lossless=True)
    done = icl(*ASKED, "--video", "clip.webp", "--out", "masks", "--overlay", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {
        "video": "clip.webp", "frames": 3, "out": "masks", "overlay": "masks_overlay",
    }  # fmt: skip
    names = ["00000.png", "00001.png", "00002.png"]
    assert files(clip / "masks") == files(clip / "masks_overlay") == names


def test_several_videos_have_a_folder_each(icl, clip):
    Image.fromarray(frame(3)).save("one.png")
    done = icl(*ASKED, "--video", "clip", "--video", "one.png", "--out", "masks")
    assert done.exit_code == 0, done.stderr
    assert files(clip / "masks") == ["clip", "one"]
    assert files(clip / "masks" / "one") == ["00000.png"]


def test_frames_are_read_and_masks_written_one_at_a_time(icl, clip, monkeypatch):
    from icl_core.coerce import video
    from icl_core.results import Segmentation

    events = []
    read_one, save_one = video.open_image, Segmentation.save

    def reading(item):
        events.append("read")
        return read_one(item)

    def saving(self, path, overwrite=False):
        events.append("save")
        return save_one(self, path, overwrite)

    monkeypatch.setattr(video, "open_image", reading)
    monkeypatch.setattr(Segmentation, "save", saving)
    assert icl(*ASKED, "--video", "clip", "--out", "masks").exit_code == 0
    assert events == ["read", "save"] * len(NAMES)


def test_a_file_without_the_library_names_its_command(icl, clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (clip / "film.mp4").write_bytes(b"x")
    for args, file in ((("film.mp4", "--out", "m"), "film.mp4"),
                       (("clip", "--overlay", "o.mp4"), "o.mp4")):  # fmt: skip
        result = icl(*ASKED, "--video", *args)
        assert result.exit_code == 2
        assert f"{file!r} needs PyAV" in result.stderr and "pip install av" in result.stderr
    assert files(clip) == ["clip", "film.mp4", "mask.png"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--video", "clip"], "give --out DIR"),
        (["--video", "clip", "--overlay"], "give --out DIR"),
        (["--video", "none", "--out", "m"], "no such file or folder"),
        (["--video", ".", "--out", "m", "--overlay", "m"], "expected a folder for each"),
        (["--video", "clip", "--out", "o.mp4"], "expected a folder for an answer a frame"),
        (["--video", "clip", "--out", "mask.png"], "expected a folder for an answer a frame"),
        (["--video", "clip", "--out", "clip"], "folder that is not empty"),
        (["--video", "clip", "--out", "m", "--overlay", "mask.png"], "expected a folder or"),
        (["--video", "clip", "--video", ".", "--overlay", "o.mp4"], "folder for several videos"),
        (["--video", "clip", "--video", "clip", "--out", "m"], "two videos are called clip"),
        (["--video", "clip", "--out", "m", "--fps", "0"], "--fps is 0"),
    ],
)
def test_places_that_cannot_be_are_refused_before_the_work(icl, clip, args, sentence):
    result = icl(*ASKED, *args)
    assert result.exit_code == 2 and sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert files(clip) == ["clip", "mask.png"]


def test_overwrite_replaces_masks(icl, clip):
    asked = (*ASKED, "--video", "clip", "--out", "masks")
    assert icl(*asked).exit_code == 0
    assert icl(*asked).exit_code == 2
    assert icl(*asked, "--overwrite").exit_code == 0


class TestWithTheLibrary:
    @pytest.fixture(autouse=True)
    def needs_av(self):
        pytest.importorskip("av")

    def test_a_video_file_in_and_a_drawn_one_out(self, icl, clip):
        from icl_core.coerce.video import frame_rate, to_frames
        from icl_core.results.video import writing_video

        with writing_video("film.mp4", rate=12) as add:
            for number in range(5):
                add(np.kron(frame(number), np.ones((8, 8, 1), np.uint8)))
        done = icl(*ASKED, "--video", "film.mp4", "--out", "masks", "--overlay", "o.mp4")
        assert done.exit_code == 0, done.stderr
        assert files(clip / "masks") == [f"{number:05d}.png" for number in range(5)]
        assert frame_rate("o.mp4") == 12
        assert [f.shape for f in to_frames("o.mp4")] == [(48, 160, 3)] * 5
        again = icl(*ASKED, "--video", "clip", "--overlay", "slow.mp4", "--fps", "2.5")
        assert again.exit_code == 0, again.stderr
        assert float(frame_rate("slow.mp4")) == 2.5
        assert "exists already" in icl(*ASKED, "--video", "clip", "--overlay", "slow.mp4").stderr
