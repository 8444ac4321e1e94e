"""Writing files: all or nothing."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core.errors import InputError
from icl_core.results.save import atomic_path, check_suffix, csv_cell, strict_json, write_json


def test_file_appears_only_when_the_body_is_done(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".json"
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new" and os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_failing_body_leaves_the_old_file_and_nothing_else(
    error: type[BaseException], tmp_path: Path
) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["out.json"]


def test_existing_file_is_refused_before_the_body_runs(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(InputError, match="exists already") as caught, atomic_path(target):
        raise AssertionError("the body ran")
    assert "overwrite=True" in str(caught.value) and "--overwrite" in str(caught.value)
    with atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with pytest.raises(InputError, match="exists already"), atomic_path(target) as temporary:
        temporary.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs" and os.listdir(tmp_path) == ["out.json"]


def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(InputError, match=r"cannot write .*out\.json: No space left"),
        atomic_path(target, overwrite=True) as temporary,
    ):
        temporary.write_text("new")
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["out.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_really_full_device(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="No space left"),
        atomic_path(tmp_path / "out.txt"),
        open("/dev/full", "w") as device,
    ):
        device.write("x")
        device.flush()
    assert os.listdir(tmp_path) == []


def test_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    for name in ("out.exe", "out", "out.json.bak", ".json"):
        with pytest.raises(InputError, match=r"expected one of \.png, \.json"):
            check_suffix(tmp_path / name, (".png", ".json"))
    assert check_suffix("A.PNG", (".png",)) == ".png"
    with (
        pytest.raises(InputError, match="expected one of"),
        atomic_path(tmp_path / "out.exe", suffixes=(".png",)),
    ):
        raise AssertionError("the body ran")


def test_missing_folder_and_folder_as_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"), atomic_path(tmp_path / "no" / "f.json"):
        pass
    with pytest.raises(InputError, match="is a folder"), atomic_path(tmp_path):
        pass


def test_write_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link, target = tmp_path / "link.txt", tmp_path / "real" / "target.txt"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_path(link, overwrite=True) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and target.read_text() == "new"


def test_rights_are_the_usual_ones_and_kept_on_overwrite(tmp_path: Path) -> None:
    usual, target = tmp_path / "usual.txt", tmp_path / "out.txt"
    usual.touch()
    with atomic_path(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    target.chmod(0o600)
    with atomic_path(target, overwrite=True):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_LIKE)
def test_strict_json_always_round_trips(value: object) -> None:
    plain = strict_json(value)
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text) == plain


def test_strict_json_of_numpy_and_others(tmp_path: Path) -> None:
    value = {
        "array": np.array([[1.0, np.nan], [np.inf, 2.0]], dtype=np.float32),
        "scalar": np.float64("nan"),
        "whole": np.int64(3),
        "truth": np.bool_(True),
        "time": np.datetime64("2024-01-02T03", "h"),
        "no time": np.datetime64("NaT"),
        "zero-dimensional": np.array(4),
        "tuple": (1, -math.inf),
        "path": tmp_path,
        7: None,
    }
    assert strict_json(value) == {
        "array": [[1.0, None], [None, 2.0]],
        "scalar": None,
        "whole": 3,
        "truth": True,
        "time": "2024-01-02T03",
        "no time": None,
        "zero-dimensional": 4,
        "tuple": [1, None],
        "path": str(tmp_path),
        "7": None,
    }


def test_write_json_is_utf8(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"name": "Größe", "value": math.nan})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Größe", "value": None}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1"])
def test_formulas_are_prefixed(text: str) -> None:
    assert csv_cell(text) == "'" + text
    assert csv_cell("a=1") == "a=1" and csv_cell(-1) == -1
