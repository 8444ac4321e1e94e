"""Checkpoints: sizes from the file or its shapes, and a sentence for everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import icl_core as icl
from icl_core import UntrustedFileError, WeightsError
from icl_forecasting.tirex.checkpoint import read_network
from icl_forecasting.tirex.config import NINE_LEVELS, TirexConfig
from icl_forecasting.tirex.network import TirexNetwork

Tensors = dict[str, torch.Tensor]
KERNEL = "blocks.0.slstm_layer.slstm_cell._recurrent_kernel_"


def lightning(path: Path, tensors: Mapping[str, torch.Tensor], config: Any) -> Path:
    torch.save({"hyper_parameters": config, "state_dict": dict(tensors)}, path)
    return path


def bare(path: Path, tensors: Tensors) -> Path:
    torch.save(dict(tensors), path)
    return path


def test_the_defaults_are_the_published_sizes() -> None:
    config = TirexConfig()
    with torch.device("meta"):
        network = TirexNetwork(config)
    assert config.ffn_dim == 1408 and config.head_dim == 128 and config.context_tokens == 64
    assert config.quantile_levels == NINE_LEVELS and config.median_index == 4
    assert sum(p.numel() for p in network.parameters()) == 35_291_200
    assert len(network.state_dict()) == 157


def test_a_config_survives_the_official_form(golden_config: TirexConfig) -> None:
    assert TirexConfig.from_official(golden_config.to_official()) == golden_config
    assert TirexConfig.from_official(json.loads(json.dumps(TirexConfig().to_official()))) == (
        TirexConfig()
    )


def test_the_released_config_is_read_and_its_other_keys_are_ignored() -> None:
    released = {
        "model_config": {
            "input_patch_size": 32,
            "output_patch_size": 32,
            "quantiles": list(NINE_LEVELS),
            "block_kwargs": {
                "num_blocks": 12,
                "embedding_dim": 512,
                "num_heads": 4,
                "all_slstm": True,
                "return_last_states": True,
                "vocab_size": 0,
            },
            "input_ff_dim": 2048,
            "something_new": {"a": 1},
        },
        "train_ctx_len": 2048,
        "optimizer": "muon",
    }
    assert TirexConfig.from_official(released) == TirexConfig()


@pytest.mark.parametrize("key", ["model_config", "train_ctx_len"])
def test_a_missing_key_is_named(tiny_config: TirexConfig, key: str) -> None:
    config = tiny_config.to_official()
    del config[key]
    with pytest.raises(WeightsError, match=f"no key '{key}'"):
        TirexConfig.from_official(config)


def test_patches_must_be_equal(tiny_config: TirexConfig) -> None:
    config = tiny_config.to_official()
    config["model_config"]["output_patch_size"] = 64
    with pytest.raises(WeightsError, match="input patch 32 and output patch 64 differ"):
        TirexConfig.from_official(config)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("block_kwargs", "num_heads", 0),
        ("block_kwargs", "num_heads", 5),
        ("block_kwargs", "num_blocks", -1),
        ("block_kwargs", "embedding_dim", "wide"),
        ("model_config", "input_ff_dim", None),
        ("model_config", "quantiles", []),
        ("model_config", "quantiles", [0.5, 0.1]),
        ("model_config", "quantiles", 9),
        ("model_config", "block_kwargs", None),
        (None, "train_ctx_len", 100),
        (None, "train_ctx_len", 0),
        (None, "model_config", "TiRex"),
    ],
)
def test_impossible_sizes_are_refused(
    tiny_config: TirexConfig, part: str | None, key: str, value: object
) -> None:
    config: dict[str, Any] = tiny_config.to_official()
    inside = {
        None: config,
        "model_config": config["model_config"],
        "block_kwargs": config["model_config"]["block_kwargs"],
    }[part]
    inside[key] = value
    with pytest.raises(WeightsError):
        TirexConfig.from_official(config)


def test_sizes_are_read_off_the_shapes(tiny_tensors: Tensors, tiny_config: TirexConfig) -> None:
    found = TirexConfig.from_shapes(tiny_tensors)
    assert found == TirexConfig.from_official({**tiny_config.to_official(), "train_ctx_len": 2048})
    with torch.device("meta"):
        published = TirexNetwork(TirexConfig()).state_dict()
    assert TirexConfig.from_shapes(published) == TirexConfig()


def test_a_bare_state_dict_loads_and_takes_its_context_length_as_option(
    tmp_path: Path, tiny_tensors: Tensors, tiny_checkpoint: Path
) -> None:
    path = bare(tmp_path / "weights.pt", tiny_tensors)
    context = np.sin(np.arange(100.0))
    assert icl.load("tirex", weights=path, device="cpu").network.config.context_length == 2048
    short = icl.load("tirex", weights=path, device="cpu", context_length=128)
    beside = icl.load("tirex", weights=tiny_checkpoint, device="cpu")
    assert np.array_equal(
        icl.predict(short, context, 40).quantiles, icl.predict(beside, context, 40).quantiles
    )


def test_a_config_beside_the_file_must_be_json(tmp_path: Path, tiny_tensors: Tensors) -> None:
    path = bare(tmp_path / "weights.pt", tiny_tensors)
    (tmp_path / "config.json").write_text('{"model_type": "of something else"}')
    assert read_network(path)[0].config.context_length == 2048
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json is not JSON"):
        read_network(path)


def test_missing_unexpected_and_misshapen_tensors_are_counted_and_named(
    tmp_path: Path, tiny_tensors: Tensors, tiny_config: TirexConfig
) -> None:
    tensors = dict(tiny_tensors)
    del tensors["out_norm.weight"]
    tensors["head.weight"] = torch.zeros(3)
    tensors[KERNEL] = torch.zeros(4, 4, 8)
    path = lightning(tmp_path / "model.ckpt", tensors, tiny_config.to_official())
    with pytest.raises(WeightsError) as error:
        icl.load("tirex", weights=path)
    sentence = str(error.value)
    assert "do not fit tirex" in sentence
    assert "1 missing (out_norm.weight)" in sentence
    assert "1 unexpected (head.weight)" in sentence
    assert f"1 misshapen ({KERNEL} is [4, 4, 8] and should be [4, 4, 16])" in sentence


def test_a_config_of_other_sizes_is_a_mismatch(tmp_path: Path, tiny_tensors: Tensors) -> None:
    path = lightning(tmp_path / "model.ckpt", tiny_tensors, TirexConfig().to_official())
    with pytest.raises(WeightsError, match="do not fit tirex"):
        icl.load("tirex", weights=path)


def test_another_network_is_no_tirex_checkpoint(tmp_path: Path) -> None:
    path = bare(tmp_path / "other.pt", {"conv1.weight": torch.zeros(3, 3)})
    with pytest.raises(WeightsError, match="not a TiRex checkpoint"):
        icl.load("tirex", weights=path)


@pytest.mark.parametrize("shape", [(4, 16), (4, 4, 4, 4), (0, 4, 16)])
def test_a_kernel_of_another_rank_is_refused(
    tmp_path: Path, tiny_tensors: Tensors, shape: tuple[int, ...]
) -> None:
    path = bare(tmp_path / "odd.pt", {**tiny_tensors, KERNEL: torch.zeros(shape)})
    with pytest.raises(WeightsError):
        icl.load("tirex", weights=path)


def test_a_width_that_does_not_follow_needs_the_config(
    tmp_path: Path, tiny_tensors: Tensors
) -> None:
    tensors = {n: torch.zeros(96, 16) if "proj_up" in n else t for n, t in tiny_tensors.items()}
    with pytest.raises(WeightsError, match="feed-forward width 96 does not follow"):
        icl.load("tirex", weights=bare(tmp_path / "wide.pt", tensors))


def test_half_precision_files_become_float32(
    tmp_path: Path, tiny_tensors: Tensors, tiny_config: TirexConfig
) -> None:
    path = tmp_path / "half.safetensors"
    halves = {n: t.half() for n, t in tiny_tensors.items()}
    save_file(halves, path, metadata={"config": json.dumps(tiny_config.to_official())})
    network, _ = read_network(path)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_options_come_from_the_file_below_those_of_the_caller(
    tmp_path: Path, tiny_tensors: Tensors, tiny_config: TirexConfig
) -> None:
    path = tmp_path / "own.safetensors"
    stored = {"monotone": True, "sign_flip": True, "option_of_a_later_version": 3}
    metadata = {
        "config": json.dumps(tiny_config.to_official()),
        "options": json.dumps(stored),
        "step": "100",
    }
    save_file(tiny_tensors, path, metadata=metadata)
    learner: Any = icl.load("tirex", weights=path, sign_flip=False)
    assert learner.settings.monotone and not learner.settings.sign_flip
    official: Any = icl.load("tirex", weights=path, behaviour="official")
    assert not official.settings.monotone


def test_options_of_the_file_that_are_no_mapping_are_a_sentence(
    tmp_path: Path, tiny_tensors: Tensors, tiny_config: TirexConfig
) -> None:
    path = tmp_path / "own.safetensors"
    metadata = {"config": json.dumps(tiny_config.to_official()), "options": '"monotone"'}
    save_file(tiny_tensors, path, metadata=metadata)
    with pytest.raises(WeightsError, match="options"):
        icl.load("tirex", weights=path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 141000000\n", "LFS"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"", "empty"),
        (b"\xff" * 9 + b"{}", ""),
    ],
)
def test_files_that_are_no_checkpoint_are_recognised(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"(?i){says}"):
        icl.load("tirex", weights=path)


class Bad:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_file_that_runs_code_is_refused_and_runs_nothing(
    tmp_path: Path, tiny_tensors: Tensors
) -> None:
    touched = tmp_path / "touched"
    torch.save({"state_dict": tiny_tensors, "callback": Bad(touched)}, tmp_path / "bad.ckpt")
    with pytest.raises(UntrustedFileError):
        icl.load("tirex", weights=tmp_path / "bad.ckpt")
    assert not touched.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_strict_loading_refuses_tensors_that_are_not_finite(
    tmp_path: Path,
    tiny_tensors: Tensors,
    tiny_config: TirexConfig,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
) -> None:
    spoilt = {n: t.clone() for n, t in tiny_tensors.items()}
    spoilt["out_norm.weight"][3] = value
    path = lightning(tmp_path / "model.ckpt", spoilt, tiny_config.to_official())
    icl.load("tirex", weights=path)
    monkeypatch.setenv("ICL_STRICT_WEIGHTS", "1")
    with pytest.raises(WeightsError, match=r"NaN or infinity in 1 tensors: out_norm\.weight"):
        icl.load("tirex", weights=path)
