"""Reading checkpoints: every format, every wrapper, and what is refused."""

from __future__ import annotations

import argparse
import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from icl_core.errors import UntrustedFileError, WeightsError  # noqa: E402
from icl_core.weights import read_checkpoint  # noqa: E402
from icl_core.weights.read import WRAPPERS, safe_globals  # noqa: E402

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


def same(tensors: dict[str, Any], expected: dict[str, Any]) -> bool:
    return list(tensors) == list(expected) and all(
        torch.equal(tensors[name], expected[name]) for name in expected
    )


def test_safetensors_and_torch_files_are_read(tmp_path: Path) -> None:
    """W1"""
    save_file(STATE, tmp_path / "a.bin")
    files = {
        "safetensors": tmp_path / "a.bin",
        "torch": saved(tmp_path / "b.safetensors", STATE),
        "torch-legacy": saved(tmp_path / "c.pt", STATE, zipped=False),
    }
    for kind, path in files.items():
        checkpoint = read_checkpoint(path)
        assert checkpoint.format == kind
        assert checkpoint.path == path
        assert sorted(checkpoint.tensors) == sorted(STATE)
        assert all(torch.equal(checkpoint.tensors[name], STATE[name]) for name in STATE)
        assert len(repr(checkpoint)) < 200 + len(str(path))


def test_only_zip_archives_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W1"""
    calls: list[dict[str, Any]] = []
    load = torch.load

    def spy(*args: Any, **options: Any) -> Any:
        calls.append(options)
        return load(*args, **options)

    monkeypatch.setattr(torch, "load", spy)
    read_checkpoint(saved(tmp_path / "a.pt", STATE))
    read_checkpoint(saved(tmp_path / "b.pt", STATE, zipped=False))
    assert [call["mmap"] for call in calls] == [True, False]
    assert all(call["weights_only"] is True for call in calls)
    assert all(call["map_location"] == "cpu" for call in calls)


@pytest.mark.parametrize("zipped", [True, False])
def test_training_checkpoint_with_namespace_and_numbers_is_read(
    tmp_path: Path, zipped: bool
) -> None:
    """W2"""
    content = {
        "model": STATE,
        "args": argparse.Namespace(lr=0.1, layers=[1, 2], seed=np.int64(3)),
        "best": np.float64(0.5),
        "small": np.float32(0.25),
        "epoch": 7,
    }
    checkpoint = read_checkpoint(saved(tmp_path / "a.pt", content, zipped))
    assert same(checkpoint.tensors, STATE)
    assert checkpoint.metadata == {
        "args": {"lr": 0.1, "layers": [1, 2], "seed": 3},
        "best": 0.5,
        "small": 0.25,
        "epoch": 7,
    }
    assert type(checkpoint.metadata["best"]) is float


def test_numbers_written_by_numpy_1_are_read(tmp_path: Path) -> None:
    """W2"""
    path = saved(tmp_path / "a.pt", {"model": STATE, "best": np.float64(0.5)}, zipped=False)
    old = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(old)
    assert read_checkpoint(path).metadata == {"best": 0.5}


def test_allow_list_is_exactly_this() -> None:
    """W2"""
    names = set()
    for entry in safe_globals():
        thing, name = entry if isinstance(entry, tuple) else (entry, None)
        names.add(name or f"{thing.__module__}.{thing.__qualname__}")
    numbers = {name for name in names if name.startswith("numpy.dtypes.")}
    assert names - numbers == {
        "argparse.Namespace",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray.scalar",
        "numpy.dtype",
    }
    assert numbers >= {f"numpy.dtypes.Float{bits}DType" for bits in (16, 32, 64)}
    assert numbers >= {f"numpy.dtypes.{s}Int{b}DType" for s in ("", "U") for b in (8, 16, 32, 64)}
    kinds = {getattr(np.dtypes, name.rpartition(".")[2])().kind for name in numbers}
    assert kinds == {"f", "i", "u"}


def test_allow_list_is_taken_back(tmp_path: Path) -> None:
    """W2, D5"""
    before = set(torch.serialization.get_safe_globals())
    read_checkpoint(saved(tmp_path / "a.pt", {"model": STATE, "args": argparse.Namespace()}))
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize("zipped", [True, False])
def test_file_that_wants_to_run_code_is_refused_and_does_not_run(
    tmp_path: Path, zipped: bool
) -> None:
    """W1, W3"""
    trap = tmp_path / "sprung"
    path = saved(tmp_path / "a.pt", {"model": STATE, "evil": Trap(trap)}, zipped)
    with pytest.raises(UntrustedFileError) as caught:
        read_checkpoint(path)
    assert not trap.exists()
    text = str(caught.value)
    assert str(path) in text and "pathlib" in text
    assert "nothing of it was executed" in text
    assert f"icl weights convert {path} --trust-pickle" in text


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("value", [np.ones(3), np.bool_(True), Path("a")], ids=str)
def test_what_is_not_on_the_list_is_refused_by_name(
    tmp_path: Path, zipped: bool, value: Any
) -> None:
    """W2, W3"""
    with pytest.raises(UntrustedFileError, match=r"_reconstruct|BoolDType|Path"):
        read_checkpoint(saved(tmp_path / "a.pt", {"model": STATE, "x": value}, zipped))


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_are_taken_off(tmp_path: Path, wrapper: str) -> None:
    """W5"""
    content = {"epoch": 3, wrapper: OrderedDict(STATE)}
    checkpoint = read_checkpoint(saved(tmp_path / "a.pt", content))
    assert same(checkpoint.tensors, STATE) and checkpoint.metadata == {"epoch": 3}


def test_wrappers_in_wrappers_are_taken_off(tmp_path: Path) -> None:
    """W5"""
    content = {"model": {"module": {"state_dict": STATE}, "version": 2}}
    checkpoint = read_checkpoint(saved(tmp_path / "a.pt", content))
    assert same(checkpoint.tensors, STATE) and checkpoint.metadata == {"version": 2}


def test_part_of_a_network_called_model_is_no_wrapper(tmp_path: Path) -> None:
    """W5"""
    state = {"model": torch.ones(1), "ema": torch.zeros(2)}
    assert same(read_checkpoint(saved(tmp_path / "a.pt", state)).tensors, state)


def test_prefixes_of_parallel_and_compiled_networks_are_stripped(tmp_path: Path) -> None:
    """W5"""
    for rename in ("module.{}", "_orig_mod.{}", "module._orig_mod.{}", "module.module.{}"):
        state = {rename.format(name): tensor for name, tensor in STATE.items()}
        assert same(read_checkpoint(saved(tmp_path / "a.pt", state)).tensors, STATE)
    inside = {"head._orig_mod.weight": torch.ones(1), "module.weight": torch.zeros(1)}
    names = list(read_checkpoint(saved(tmp_path / "a.pt", inside)).tensors)
    assert names == ["head.weight", "module.weight"]
    twice = {"w": torch.ones(1), "_orig_mod.w": torch.zeros(1)}
    with pytest.raises(WeightsError, match="twice"):
        read_checkpoint(saved(tmp_path / "a.pt", twice))


def test_lightning_settings_become_metadata_and_optimiser_state_is_left_out(
    tmp_path: Path,
) -> None:
    """W5"""
    content = {
        "state_dict": torch.nn.Linear(2, 2).state_dict(),
        "hyper_parameters": {"patch": 32, "sizes": (1, 2), "dtype": torch.float32, 5: None},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2, 2)}}}],
        "scaler": {"scale": torch.tensor(9)},
        "tags": {"b", "a"},
    }
    checkpoint = read_checkpoint(saved(tmp_path / "a.ckpt", content))
    assert sorted(checkpoint.tensors) == ["bias", "weight"]
    assert checkpoint.metadata == {
        "hyper_parameters": {"patch": 32, "sizes": [1, 2], "dtype": "torch.float32", "5": None},
        "scaler": {"scale": 9},
        "tags": ["a", "b"],
    }
    json.dumps(checkpoint.metadata)


def test_safetensors_metadata_is_decoded_where_it_is_json(tmp_path: Path) -> None:
    """W1"""
    texts = {"a": '{"patch": 32}', "b": "plain words", "c": '"quoted"', "format": "pt"}
    texts["deep"] = "[" * 100_000
    save_file(STATE, tmp_path / "a.safetensors", metadata=texts)
    metadata = read_checkpoint(tmp_path / "a.safetensors").metadata
    assert metadata.pop("deep") == texts["deep"]
    assert metadata == {"a": {"patch": 32}, "b": "plain words", "c": "quoted"}


@pytest.mark.parametrize("content", [{}, {"epoch": 1}, [1, 2], 5, {"model": {"a": 1}}], ids=str)
def test_checkpoint_without_tensors_is_a_sentence(tmp_path: Path, content: Any) -> None:
    """W5"""
    with pytest.raises(WeightsError, match=r"no tensors|expected named tensors"):
        read_checkpoint(saved(tmp_path / "a.pt", content))
