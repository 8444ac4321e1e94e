"""Fitting tensors to a network, checking and converting files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from icl_core.errors import InputError, UntrustedFileError, WeightsError  # noqa: E402
from icl_core.weights import (  # noqa: E402
    ResolvedWeights,
    convert,
    digest,
    load_tensors,
    read_checkpoint,
    verify,
)

NAN = float("nan")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ICL_STRICT_WEIGHTS", raising=False)


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


def state() -> dict[str, Any]:
    return {name: torch.full_like(t, 2) for name, t in network().state_dict().items()}


def test_tensors_are_copied_in_the_dtype_of_the_network() -> None:
    """W5"""
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        net = network().to(dtype)
        load_tensors(net, state(), learner="probe")
        assert all((tensor == 2).all() for tensor in net.state_dict().values())
        assert net[0].weight.dtype == dtype and net[1].num_batches_tracked.dtype == torch.int64
        assert net[0].weight.requires_grad


def test_network_on_meta_takes_the_tensors() -> None:
    """W5"""
    with torch.device("meta"):
        net = network().to(torch.bfloat16)
    load_tensors(net, state(), learner="probe")
    assert net[0].weight.dtype == torch.bfloat16 and (net[0].weight == 2).all()


def test_mismatch_is_counted_named_and_copies_nothing() -> None:
    """W5"""
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    given = state()
    del given["0.bias"], given["1.weight"]
    given["0.weight"] = torch.ones(4, 5)
    given |= {f"extra.{i}": torch.ones(1) for i in range(7)}
    with pytest.raises(WeightsError) as caught:
        load_tensors(net, given, learner="probe")
    text = caught.value.message
    assert "do not fit probe: 4 of 7 tensors fit" in text
    assert "2 missing (0.bias, 1.weight)" in text
    assert "7 unexpected (extra.0, extra.1, extra.2, extra.3, extra.4 and 2 more)" in text
    assert "1 misshapen (0.weight is [4, 5] and should be [4, 3])" in text
    assert all(torch.equal(net.state_dict()[name], before[name]) for name in before)


def test_real_numbers_are_not_squeezed_into_whole_ones() -> None:
    """W5"""
    given = state() | {"1.num_batches_tracked": torch.tensor(0.5)}
    with pytest.raises(WeightsError, match=r"num_batches_tracked is torch\.float32"):
        load_tensors(network(), given, learner="probe")


def test_nearest_known_checkpoint_is_guessed() -> None:
    """W5"""
    given = {f"blocks.{i}.weight": torch.ones(1) for i in range(4)}
    known = {"sam_vit_b": [*given, "neck.weight"], "other": ["a", "b"]}
    with pytest.raises(WeightsError, match="80% of the names are those of 'sam_vit_b'"):
        load_tensors(network(), given, learner="probe", known=known)
    with pytest.raises(WeightsError) as caught:
        load_tensors(network(), {"z": torch.ones(1)}, learner="probe", known=known)
    assert caught.value.hint is None


names = st.sets(st.sampled_from([*"abcdefgh", "0.weight", "0.bias"]), max_size=8)


@settings(max_examples=50, deadline=None)
@given(names)
def test_report_counts_add_up(given_names: set[str]) -> None:
    """W5"""
    net = torch.nn.Sequential(torch.nn.Linear(2, 1))
    own = set(net.state_dict())
    given = {
        name: torch.ones(1, 2) if name == "0.weight" else torch.ones(1) for name in given_names
    }
    try:
        load_tensors(net, given, learner="probe")
        assert given_names == own
    except WeightsError as error:
        missing, unexpected = own - given_names, given_names - own
        assert missing or unexpected
        assert not missing or f"{len(missing)} missing" in error.message
        assert not unexpected or f"{len(unexpected)} unexpected" in error.message


@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf")])
def test_odd_numbers_are_refused_when_strict_and_always_by_verify(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W6"""
    given = state()
    given["0.weight"][1, 1] = value
    load_tensors(network(), given, learner="probe")
    torch.save(given, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=r"NaN or infinity in 1 of 7 tensors: 0\.weight"):
        verify(tmp_path / "a.pt")
    monkeypatch.setenv("ICL_STRICT_WEIGHTS", "1")
    with pytest.raises(WeightsError, match=r"NaN or infinity in 1 tensors: 0\.weight"):
        load_tensors(network(), given, learner="probe")
    load_tensors(network(), state(), learner="probe")


def test_verify_says_what_it_found(tmp_path: Path) -> None:
    """W6"""
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(2, 3), "f8": torch.ones(2).to(torch.float8_e4m3fn)}, path)
    found = verify(path)
    assert (found.tensors, found.numbers, found.format) == (2, 8, "torch")
    assert found.sha256 == digest(path) and found.expected is None
    resolved = ResolvedWeights("official", path, None, digest(path).upper())
    assert verify(resolved).expected == digest(path)


def test_verify_compares_with_the_card_and_with_the_record(tmp_path: Path) -> None:
    """W6, W9"""
    path = tmp_path / "a.pt"
    torch.save(state(), path)
    with pytest.raises(WeightsError, match=f"{digest(path)}, expected {'0' * 64}"):
        verify(path, sha256="0" * 64)
    (tmp_path / "a.pt.sha256").write_text("1" * 64 + "  a.pt\n")
    with pytest.raises(WeightsError, match="1" * 64):
        verify(path)
    (tmp_path / "a.pt.sha256").write_text("no digest at all")
    assert verify(path).expected is None


def test_digest_of_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    """W6"""
    with pytest.raises(WeightsError, match="cannot read"):
        digest(tmp_path / "nowhere")


def test_convert_keeps_tensors_and_metadata(tmp_path: Path) -> None:
    """W3"""
    settings_ = {"patch": 32, "names": ["a"], "rate": 0.1, "none": None}
    content = {"state_dict": state(), "hyper_parameters": settings_, "words": "plain"}
    torch.save(content, tmp_path / "a.ckpt")
    out = convert(tmp_path / "a.ckpt")
    assert out == tmp_path / "a.safetensors"
    old, new = read_checkpoint(tmp_path / "a.ckpt"), read_checkpoint(out)
    assert new.format == "safetensors" and new.metadata == old.metadata
    assert sorted(new.tensors) == sorted(old.tensors)
    for name, tensor in old.tensors.items():
        assert torch.equal(new.tensors[name], tensor) and new.tensors[name].dtype == tensor.dtype
    assert sorted(os.listdir(tmp_path)) == ["a.ckpt", "a.safetensors"]


def test_convert_separates_tensors_that_share_memory(tmp_path: Path) -> None:
    """W3"""
    base = torch.arange(12.0).reshape(3, 4)
    tied = {
        "whole": base,
        "again": base,
        "part": base[1:],
        "turned": base.T,
        "column": base[:, 1],
        "spread": torch.ones(1).expand(5),
        "empty": torch.ones(0),
        "void": torch.ones(0),
        "single": torch.tensor(3.0),
    }
    torch.save(tied, tmp_path / "a.pt")
    new = read_checkpoint(convert(tmp_path / "a.pt")).tensors
    assert sorted(new) == sorted(tied)
    assert all(torch.equal(new[name], tensor) for name, tensor in tied.items())


class Odd:
    """An object that no safe reader knows."""


def test_convert_runs_code_only_with_consent(tmp_path: Path) -> None:
    """W3"""
    path = tmp_path / "a.pt"
    torch.save({"model": network(), "odd": Path("x"), "odder": {1, 2}}, path)
    with pytest.raises(UntrustedFileError):
        convert(path)
    assert not (tmp_path / "a.safetensors").exists()
    new = read_checkpoint(convert(path, trust_pickle=True))
    assert sorted(new.tensors) == sorted(network().state_dict())
    assert new.metadata == {"odd": "x", "odder": [1, 2]}
    torch.save(network(), path)
    convert(path, trust_pickle=True, overwrite=True)


def test_convert_names_a_module_that_is_missing(tmp_path: Path) -> None:
    """W3"""
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(1), "odd": Path("x")}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"cpathlib\n", b"cpathlab\n"))
    with pytest.raises(WeightsError, match="pathlab"):
        convert(path, trust_pickle=True)


def test_convert_overwrites_only_when_told(tmp_path: Path) -> None:
    """W3, E6"""
    torch.save(state(), tmp_path / "a.pt")
    out = tmp_path / "b.safetensors"
    out.write_bytes(b"old")
    with pytest.raises(InputError, match="exists already"):
        convert(tmp_path / "a.pt", out)
    assert out.read_bytes() == b"old"
    assert convert(tmp_path / "a.pt", out, overwrite=True) == out
    assert len(read_checkpoint(out).tensors) == 7
    (tmp_path / "sub").mkdir()
    assert convert(tmp_path / "a.pt", tmp_path / "sub") == tmp_path / "sub" / "a.safetensors"
    with pytest.raises(InputError, match=r"\.safetensors"):
        convert(tmp_path / "a.pt", tmp_path / "b.pt")


def test_convert_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W3, E6"""
    torch.save(state(), tmp_path / "a.pt")
    out = tmp_path / "b.safetensors"
    out.write_bytes(b"old")

    def full(*names: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match="No space left"):
        convert(tmp_path / "a.pt", out, overwrite=True)
    assert out.read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["a.pt", out.name]
