import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture
def bundled(site):
    """The bundled weights of the learner `weighty`."""
    from safetensors.torch import save_file

    folder = site / "fake_learners" / "data"
    folder.mkdir(exist_ok=True)
    path = folder / "tiny.safetensors"
    save_file({"a": torch.arange(6.0).reshape(2, 3)}, path)
    yield path
    path.unlink()


def cached(content: bytes) -> Path:
    """Where the official weights of `weighty` are cached, with this content."""
    from icl_core.settings import settings

    path = settings().home / "weights" / "weighty" / ("0" * 12) / "big.ckpt"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_weights_lists_by_default_and_says_what_is_here(icl, bundled):
    result = icl("weights")
    assert result.exit_code == 0
    header, first, second = result.stdout.splitlines()
    assert header.split() == ["LEARNER", "WEIGHTS", "STATE", "SIZE", "LICENCE", "PLACE"]
    assert first.split() == ["weighty", "bundled", "bundled", "-", "MIT", str(bundled)]
    assert "not fetched" in second and "2.0 MB" in second and "https://example.invalid" in second


def test_weights_list_json(icl, bundled):
    cached(b"x")
    rows = json.loads(icl("weights", "list", "weighty", "--json").stdout)
    assert [row["state"] for row in rows] == ["bundled", "fetched"]
    assert rows[0]["path"] == str(bundled)


def test_a_bundled_file_that_is_not_there_is_missing(icl):
    rows = json.loads(icl("weights", "list", "weighty", "--json").stdout)
    assert [row["state"] for row in rows] == ["missing", "not fetched"]


def test_path_prints_the_default_or_the_named_weights(icl, bundled):
    assert icl("weights", "path", "weighty").stdout == f"{bundled}\n"
    result = icl("weights", "path", "weighty", "--weights", "official")
    assert result.exit_code == 2
    assert "not here" in result.stderr
    assert "icl weights pull weighty --weights official" in result.stderr
    place = cached(b"x")
    assert icl("weights", "path", "weighty", "--weights", "official").stdout == f"{place}\n"
    assert icl("weights", "path", "weighty", "--weights", "huge").exit_code == 2
    assert "needs no weights" in icl("weights", "path", "last-value").stderr


def test_pull_offline_opens_no_connection_and_says_what_to_do(icl, monkeypatch):
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setenv("ICL_OFFLINE", "1")
    result = icl("weights", "pull", "weighty")
    assert result.exit_code == 2
    assert "big.ckpt" in result.stderr and "ICL_OFFLINE" in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""


def test_pull_of_a_learner_without_weights(icl):
    result = icl("weights", "pull", "last-value")
    assert result.exit_code == 0
    assert "needs no weights" in result.stderr


def test_verify_all_reports_each_file_and_partly_failed_is_3(icl, bundled):
    assert icl("weights", "verify").exit_code == 0
    cached(b"no checkpoint at all")
    result = icl("weights", "verify", "--json")
    assert result.exit_code == 3
    good, bad = json.loads(result.stdout)
    assert (good["ok"], good["tensors"], good["numbers"]) == (True, 1, 6)
    assert bad["ok"] is False and "big.ckpt" in bad["problem"]
    assert "1 of 2 weights files failed." in result.stderr


def test_verify_a_file(icl, bundled, tmp_path):
    result = icl("weights", "verify", bundled)
    assert result.exit_code == 0 and " ok " in result.stdout
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(bundled.read_bytes()[:-4])
    result = icl("weights", "verify", bad)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ") and "bad.safetensors" in result.stderr
    assert icl("weights", "verify", tmp_path / "absent.pt").exit_code == 2
    assert icl("weights", "verify", "last-value").exit_code == 2


def test_verify_finds_nan(icl, tmp_path):
    torch.save({"state_dict": {"w": torch.tensor([1.0, float("nan")])}}, tmp_path / "nan.pt")
    result = icl("weights", "verify", tmp_path / "nan.pt")
    assert result.exit_code == 2
    assert "NaN" in result.stderr and "w" in result.stderr


class Mark:
    """Leaves a mark when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_convert_refuses_a_pickle_that_runs_code_and_runs_nothing(icl, tmp_path):
    file, mark = tmp_path / "evil.ckpt", tmp_path / "mark"
    torch.save({"w": Mark(mark)}, file)
    result = icl("weights", "convert", file)
    assert result.exit_code == 2
    assert "evil.ckpt" in result.stderr and "--trust-pickle" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(p.name for p in tmp_path.glob("*")) == ["evil.ckpt"]  # no mark, no output


def test_convert_writes_safetensors_once(icl, tmp_path):
    from safetensors.torch import load_file

    file = tmp_path / "model.ckpt"
    torch.save({"state_dict": {"w": torch.ones(2)}}, file)
    result = icl("weights", "convert", file)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'model.safetensors'}\n"
    assert load_file(tmp_path / "model.safetensors")["w"].tolist() == [1.0, 1.0]
    assert icl("weights", "convert", file).exit_code == 2  # it exists
    assert icl("weights", "convert", file, "--overwrite").exit_code == 0
    assert icl("weights", "convert", file, "--out", tmp_path / "n.safetensors").exit_code == 0


def test_convert_of_no_file_is_a_sentence(icl, tmp_path):
    result = icl("weights", "convert", tmp_path / "absent.ckpt")
    assert result.exit_code == 2 and "absent.ckpt" in result.stderr
