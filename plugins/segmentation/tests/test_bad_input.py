"""Bad and odd pictures, masks and videos through all three learners and through the command."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

import icl_core as icl
from icl_core import InputError

LEARNERS = ("correspondence", "segic", "dcsam")


def in_turn(cases: Iterable[str]) -> list[tuple[str, str]]:
    """Give every case one learner: what the command does with it does not depend on which."""
    return list(zip(cases, cycle(LEARNERS)))


SIZE = (40, 56)
RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
BOX = np.zeros(SIZE, np.uint8)
BOX[10:26, 14:40] = 255


def encoded(array: Any, form: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    picture = Image.fromarray(array)
    stream = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(stream, form, **options)
    return stream.getvalue()


def header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(10)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b"")


def turned(array: np.ndarray, form: str = "JPEG") -> bytes:
    """A picture that a viewer turns by 90 degrees: it is shown [W, H]."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(array, form, exif=exif)


def pixel(row: int, column: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[row, column] = 1
    return mask


WHOLE = {
    "image.png": encoded(NOISE), "mask.png": encoded(BOX), "query.png": encoded(NOISE[::-1].copy())
}  # fmt: skip
TALL = np.full((SIZE[1], SIZE[0]), 255, np.uint8)

REFUSED: dict[str, tuple[dict[str, bytes], str]] = {
    "empty mask": ({"mask.png": encoded(0 * BOX)}, "the mask is empty"),
    "mask of another size": (
        {"mask.png": encoded(BOX[:-1])},
        "the mask is 39x56, expected the image's 40x56",
    ),
    "mask of one pixel": ({"mask.png": encoded(BOX[20:21, 20:21])}, "the mask is 1x1"),
    "jpeg mask": ({"mask.png": encoded(BOX, "JPEG", quality=30)}, "JPEG compression makes shades"),
    "soft mask": ({"mask.png": encoded(NOISE[..., 0])}, "none of them is 0|255 beside others"),
    "mask in colour": ({"mask.png": encoded(NOISE)}, "the mask is in colour"),
    "transparent mask": ({"mask.png": encoded(np.dstack([NOISE, BOX]))}, "transparent pixels"),
    "truncated mask": ({"mask.png": WHOLE["mask.png"][:60]}, "is not a complete image"),
    "mask that is a text": ({"mask.png": b"hello"}, "is not"),
    "mask of 20000x20000": ({"mask.png": header(20000, 20000)}, "20000x20000 pixels"),
    "rotated image": (
        {"image.png": turned(NOISE)},
        "the image carries an EXIF rotation, which was applied, and the other does not",
    ),
    "rotated mask": (
        {"mask.png": turned(BOX, "PNG")},
        "the mask carries an EXIF rotation",
    ),
    **{
        f"{case} {role}": ({f"{role}.png": data}, words)
        for role in ("image", "query")
        for case, data, words in (
            ("truncated png", WHOLE["image.png"][:900], "is not a complete image"),
            ("truncated jpeg", encoded(NOISE, "JPEG")[:900], "is not a complete image"),
            ("empty", b"", "is not a complete image: it is empty"),
            ("20000x20000", header(20000, 20000), "20000x20000 pixels, 400000000 in all"),
            ("float", encoded(9 * NOISE[..., 0].astype(np.float32), "TIFF"), "scale is unknown"),
        )
    },
}
"""What lies in other files than `WHOLE`, and words of the sentence that refuses it."""

ANSWERED: dict[str, dict[str, bytes]] = {
    "query of one pixel": {"query.png": encoded(NOISE[:1, :1])},
    "query of one row": {"query.png": encoded(NOISE[:1])},
    "query of one column": {"query.png": encoded(NOISE[:, :1])},
    "long query": {"query.png": encoded(NOISE[:, :1].repeat(4, 1))},
    "example of one pixel": {
        "image.png": encoded(NOISE[:1, :1]), "mask.png": encoded(255 + 0 * BOX[:1, :1])
    },
    "object of one pixel": {"mask.png": encoded(pixel(20, 30))},
    "object of one pixel in the corner": {"mask.png": encoded(pixel(SIZE[0] - 1, SIZE[1] - 1))},
    "object everywhere": {"mask.png": encoded(255 + 0 * BOX)},
    "16-bit grey": {"query.png": encoded(257 * NOISE[..., 0].astype(np.uint16))},
    "cmyk": {"query.png": encoded(NOISE, "JPEG", "CMYK")},
    "palette": {"query.png": encoded(NOISE, mode="P")},
    "one bit": {"query.png": encoded(NOISE, mode="1"), "mask.png": encoded(BOX, mode="1")},
    "with transparency": {"query.png": encoded(np.dstack([NOISE, BOX]))},
    "animation": {"query.png": encoded(NOISE, "GIF")},
    "one colour": {"query.png": encoded(90 + 0 * NOISE), "image.png": encoded(90 + 0 * NOISE)},
    "rotated image with its mask": {"image.png": turned(NOISE), "mask.png": encoded(TALL)},
    "rotated query": {"query.png": turned(NOISE)},
}  # fmt: skip
"""What lies in other files than `WHOLE`; all of it has an answer."""

SHOWN = {
    "query of one pixel": (1, 1), "query of one row": (1, 56), "query of one column": (40, 1),
    "long query": (40, 4), "rotated query": (56, 40),
}  # fmt: skip


@pytest.fixture(scope="module")
def options(segic_stand_in: Path, dcsam_stand_in: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """What each learner is loaded with."""
    return {
        "correspondence": {"image_size": 64},
        "segic": {"weights": segic_stand_in},
        "dcsam": dict(dcsam_stand_in),
    }


@pytest.fixture(scope="module")
def learners(options: dict[str, dict[str, Any]]) -> dict[str, icl.Learner]:
    return {name: icl.load(name, device="cpu", **options[name]) for name in LEARNERS}


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learners: dict[str, icl.Learner]
) -> Callable[..., Result]:
    """Run `icl predict` in an empty folder with learners that are loaded already."""
    from icl_cli.app import app
    from icl_core import registry

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "load_card", lambda card, **options: learners[card.name])

    def invoke(learner: str, *args: str) -> Result:
        shown = ("--example", "image.png=mask.png")
        return CliRunner().invoke(app, ["predict", learner, *shown, *args], prog_name="icl")

    return invoke


def write(files: dict[str, bytes], folder: Path) -> set[str]:
    for name, data in {**WHOLE, **files}.items():
        (folder / name).write_bytes(data)
    return {path.name for path in folder.iterdir()}


def refused(done: Result, words: str) -> None:
    """Exit code 2, nothing on stdout, one sentence (and a hint) on stderr, no traceback."""
    assert done.exit_code == 2, done.output
    assert done.stdout == "" and "Traceback" not in done.stderr
    said = done.stderr.strip().splitlines()
    said = [line for line in said if not line.startswith("Writing to ")]
    assert said[0].startswith("Error: ") and len(said) <= 2
    assert any(part in said[0] for part in words.split("|"))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused_in_one_sentence(
    case: str, name: str, learners: dict[str, icl.Learner], tmp_path: Path
) -> None:
    files, words = REFUSED[case]
    given = {**WHOLE, **files}
    context = [(given["image.png"], given["mask.png"])]
    with pytest.raises(InputError) as caught:
        icl.predict(learners[name], context, given["query.png"])
    assert any(part in caught.value.message for part in words.split("|"))
    assert "\n" not in str(caught.value.message)


@pytest.mark.parametrize(("case", "name"), in_turn(REFUSED))
def test_the_command_refuses_them_and_writes_nothing(
    case: str, name: str, run: Callable[..., Result], tmp_path: Path
) -> None:
    files, words = REFUSED[case]
    before = write(files, tmp_path)
    drawn = ("--out", "o.png", "--overlay", "drawn.png")
    refused(run(name, "--query", "query.png", *drawn), words)
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("case", ANSWERED)
def test_odd_files_are_answered(case: str, name: str, learners: dict[str, icl.Learner]) -> None:
    given = {**WHOLE, **ANSWERED[case]}
    context = [(given["image.png"], given["mask.png"])]
    answer = icl.predict(learners[name], context, given["query.png"])
    assert answer.mask.shape == SHOWN.get(case, SIZE)
    assert np.isfinite(answer.logits).all() and 0 <= answer.score <= 1
    assert answer.meta.get("orientation_applied", False) == (case == "rotated query")


@pytest.mark.parametrize(("case", "name"), in_turn(ANSWERED))
def test_the_command_answers_them(
    case: str, name: str, run: Callable[..., Result], tmp_path: Path
) -> None:
    write(ANSWERED[case], tmp_path)
    done = run(name, "--query", "query.png", "--out", "o.png", "--overlay", "drawn.png")
    assert done.exit_code == 0, done.stderr
    with Image.open(tmp_path / "o.png") as mask, Image.open(tmp_path / "drawn.png") as drawn:
        assert mask.size == drawn.size == SHOWN.get(case, SIZE)[::-1]


def test_a_picture_that_segic_cannot_see_is_refused_or_seen_in_tiles(
    learners: dict[str, icl.Learner],
) -> None:
    thin = np.tile(NOISE[:3], (1, 40, 1))
    for name in LEARNERS:
        prepared = learners[name].prepare([(NOISE, BOX)])
        if name == "segic":
            with pytest.raises(InputError, match="too long and thin for a square of 112"):
                prepared.predict(thin)
            assert prepared.predict(thin, tile=100).mask.shape == thin.shape[:2]
        else:
            assert prepared.predict(thin).mask.shape == thin.shape[:2]


def gif(*frames: np.ndarray) -> bytes:
    first, *rest = [Image.fromarray(frame) for frame in frames]
    stream = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=rest)
    return stream.getvalue()


VIDEOS: dict[str, tuple[dict[str, bytes], str]] = {
    "folder without frames": ({"clip/readme.txt": b"none"}, "holds no pictures"),
    "no video": ({"clip": b"hello"}, "is not"),
    "animation without frames": ({"clip": gif(NOISE)[:13] + b";"}, "is not a complete image"),
    "film without frames": ({"clip.mp4": b"\0" * 40}, "cannot read the video file"),
    "frame that is truncated": (
        {"clip/0.png": WHOLE["query.png"], "clip/1.png": WHOLE["query.png"][:900]},
        "frame 2: '1.png' is not a complete image",
    ),
    "frames of two sizes": (
        {"clip/0.png": WHOLE["query.png"], "clip/1.png": encoded(NOISE[1:])},
        "frame 2 of the video is 39x56, expected 40x56",
    ),
    "frame of 20000x20000": ({"clip/0.png": header(20000, 20000)}, "20000x20000 pixels"),
}


def write_video(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / next(iter(files)).split("/")[0]


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("case", VIDEOS)
def test_bad_videos_are_refused_in_one_sentence(
    case: str, name: str, learners: dict[str, icl.Learner], tmp_path: Path
) -> None:
    files, words = VIDEOS[case]
    if case.startswith("film"):
        pytest.importorskip("av")
    clip = write_video(files, tmp_path)
    prepared = learners[name].prepare([(WHOLE["image.png"], WHOLE["mask.png"])])
    for ask in (prepared.predict, lambda video: list(prepared.follow(video))):
        with pytest.raises(InputError) as caught:
            ask(icl.Video(clip))
        assert words in caught.value.message


@pytest.mark.parametrize("video", [[], np.zeros((0, 8, 8, 3), np.uint8)])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_video_in_memory_without_frames_is_refused(
    name: str, video: Any, learners: dict[str, icl.Learner]
) -> None:
    prepared = learners[name].prepare([(WHOLE["image.png"], WHOLE["mask.png"])])
    with pytest.raises(InputError, match="the video has no frames"):
        list(prepared.follow(icl.Video(video)))


@pytest.mark.parametrize(("case", "name"), in_turn(VIDEOS))
def test_the_command_refuses_bad_videos(
    case: str, name: str, run: Callable[..., Result], tmp_path: Path
) -> None:
    files, words = VIDEOS[case]
    if case.startswith("film"):
        pytest.importorskip("av")
    write({}, tmp_path)
    clip = write_video(files, tmp_path)
    refused(run(name, "--video", clip.name, "--out", "m", "--overlay", "o.mp4"), words)
    # Masks of the frames before the bad one are whole; a film that ends in an error is none.
    done = sorted((tmp_path / "m").glob("*")) if (tmp_path / "m").exists() else []
    assert [path.name for path in done] in ([], ["0.png"])
    for path in done:
        with Image.open(path) as mask:
            assert mask.size == SIZE[::-1]
    assert not list(tmp_path.glob("*o.mp4*"))
