"""Files that are no checkpoint, are damaged, or are made to trouble: each gets a sentence."""

from __future__ import annotations

import argparse
import gzip
import io
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from icl_core.errors import WeightsError  # noqa: E402
from icl_core.weights import read_checkpoint  # noqa: E402
from icl_core.weights.content import recognise  # noqa: E402

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Trap:
    """Makes a file when it is unpickled: if the file appears, code was run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def saved(path: Path, content: Any, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def test_plain_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    """W3, W11"""
    (tmp_path / "a.pt").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(WeightsError, match="plain pickle"):
        read_checkpoint(tmp_path / "a.pt")
    assert not (tmp_path / "sprung").exists()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.pt"), io.BytesIO())
    return stream.getvalue()


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    return stream.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
NO_CHECKPOINTS = {
    "empty": (b"", "is empty"),
    "lfs": (LFS, "Git LFS pointer.*git lfs pull"),
    "html": (b"\n<!DOCTYPE html><html>sign in</html>", "web page"),
    "html-bom": (b"\xef\xbb\xbf<HTML>", "web page"),
    "xml": (b"<?xml version='1.0'?><Error/>", "web page"),
    "gzip": (gzip.compress(b"net"), "gzip archive"),
    "tar": (_tar(), "tar archive"),
    "zip": (_zip("a/model.json", "a/weights"), "without data.pkl.*model.json"),
    "npz": (_zip("w.npy"), "without data.pkl.*w.npy"),
    "empty-zip": (_zip(), "without data.pkl"),
    "script": (_zip("a/data.pkl", "a/constants.pkl"), "TorchScript"),
    "half-zip": (_zip("archive/data.pkl", "archive/data/0")[:60], "incomplete zip"),
    "json": (b'{"message": "not found"}', "neither safetensors nor"),
    "text": (b"404: Not Found", "neither safetensors nor"),
    "npy": (b"\x93NUMPY\x01\x00", "NumPy"),
    "gguf": (b"GGUF\x03\x00\x00\x00", "GGUF"),
    "zeros": (bytes(64), "neither safetensors nor"),
}


@pytest.mark.parametrize("case", NO_CHECKPOINTS)
def test_what_is_no_checkpoint_gets_a_sentence_of_its_own(tmp_path: Path, case: str) -> None:
    """W4"""
    content, sentence = NO_CHECKPOINTS[case]
    path = tmp_path / "net.ckpt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=sentence) as caught:
        read_checkpoint(path)
    assert str(path) in caught.value.message
    assert "Weights only load failed" not in str(caught.value)


def test_missing_file_and_folder_are_sentences(tmp_path: Path) -> None:
    """W4"""
    with pytest.raises(WeightsError, match="cannot read"):
        read_checkpoint(tmp_path / "nowhere.pt")
    with pytest.raises(WeightsError, match="is a folder"):
        read_checkpoint(tmp_path)


HEADER = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
BROKEN = {
    "short": struct.pack("<Q", len(HEADER)) + HEADER + bytes(4),
    "cut in the header": (struct.pack("<Q", len(HEADER)) + HEADER)[:30],
    "absurd header": struct.pack("<Q", 2**60) + HEADER + bytes(8),
    "header over the limit": struct.pack("<Q", 2**63 + 1) + HEADER,
    "no json": struct.pack("<Q", 8) + b"{{{{{{{{" + bytes(8),
    "seven bytes": bytes(7),
    "no header": struct.pack("<Q", 2) + b"[]",
    "overlong": struct.pack("<Q", len(HEADER)) + HEADER + bytes(400),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_safetensors_is_a_weights_error(tmp_path: Path, case: str) -> None:
    """W10"""
    (tmp_path / "net.safetensors").write_bytes(BROKEN[case])
    with pytest.raises(WeightsError, match="broken safetensors"):
        read_checkpoint(tmp_path / "net.safetensors")


def test_header_length_that_spells_an_archive_is_still_safetensors(tmp_path: Path) -> None:
    """W4: 35615 bytes of header begin the file like gzip, 128 like a pickle."""
    for length in (0x8B1F, 128, 0x4B50):
        header = HEADER + b" " * (length - len(HEADER))
        path = tmp_path / "net.safetensors"
        path.write_bytes(struct.pack("<Q", length) + header + bytes(8))
        assert read_checkpoint(path).tensors["w"].shape == (2,)


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_torch_file_is_a_sentence(tmp_path: Path, zipped: bool) -> None:
    """W4"""
    path = saved(tmp_path / "a.pt", {"w": torch.ones(10_000)}, zipped)
    whole = path.read_bytes()
    for part in (0.999, 0.5, 0.01):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(WeightsError, match=r"incomplete|damaged"):
            read_checkpoint(path)


def test_content_that_holds_itself_ends(tmp_path: Path) -> None:
    """W4"""
    loop: dict[str, Any] = {"w": torch.ones(1)}
    loop["model"] = loop
    ring: list[Any] = []
    ring.append(ring)
    for content in (loop, {"w": torch.ones(1), "ring": ring}):
        path = saved(tmp_path / "a.pt", content)
        try:
            assert list(read_checkpoint(path).tensors) == ["w"]
        except WeightsError:
            pass


def test_small_file_that_unfolds_without_end_is_left_out(tmp_path: Path) -> None:
    """W4: ten references to one list on each of fifteen levels are 10^15 parts."""
    bomb: list[Any] = []
    for _ in range(15):
        bomb = [bomb] * 10
    checkpoint = read_checkpoint(saved(tmp_path / "a.pt", {"w": torch.ones(1), "bomb": bomb}))
    assert checkpoint.metadata == {}


FUZZ = """
import random, sys
from pathlib import Path
from icl_core.errors import IclError
from icl_core.weights import read_checkpoint
random.seed(0)
spot = Path(sys.argv[1])
for whole in (Path(name).read_bytes() for name in sys.argv[2:]):
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(random.choice((1, 1, 3, 30))):
            data[random.randrange(min(len(data), 3000))] = random.randrange(256)
        if random.random() < 0.2:
            del data[random.randrange(len(data)):]
        spot.unlink(missing_ok=True)
        spot.write_bytes(data)
        try:
            read_checkpoint(spot)
        except IclError:
            pass
print("alive")
"""


def test_damaged_bytes_never_crash_the_process(tmp_path: Path) -> None:
    """W4, W10: in a process of its own, so that a crash is a failed test."""
    save_file(STATE, tmp_path / "a.safetensors")
    content = {"model": STATE, "args": argparse.Namespace(a=1)}
    saved(tmp_path / "b.pt", content)
    saved(tmp_path / "c.pt", content, zipped=False)
    names = [str(tmp_path / name) for name in ("a.safetensors", "b.pt", "c.pt")]
    run = subprocess.run(
        [sys.executable, "-c", FUZZ, str(tmp_path / "spot"), *names],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (run.returncode, run.stdout.strip()) == (0, "alive"), run.stderr[-2000:]


def test_format_is_told_without_torch(tmp_path: Path) -> None:
    """W4"""
    path = saved(tmp_path / "a.pt", STATE)
    code = (
        "import sys; from pathlib import Path; from icl_core.weights.content import recognise;"
        "print(recognise(Path(sys.argv[1])), 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [recognise(path), "False"] == ["torch", "False"]
