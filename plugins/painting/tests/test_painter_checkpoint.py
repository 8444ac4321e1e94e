"""Weights in every layout, and files that are something else."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from icl_core.errors import InputError, WeightsError
from icl_painting.network.checkpoint import (
    METADATA,
    official_names,
    read_network,
    save_network,
    transformers_names,
)
from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork

PUBLISHED = PainterConfig(8, 2, 8, patch=4, grid=(4, 2), table=2, decoder_width=2)
SHORT = replace(PUBLISHED, depth=3, merge=0, taps=(1, 2))


def made(config: PainterConfig = PUBLISHED, **changes: Any) -> PainterNetwork:
    generator = torch.Generator().manual_seed(0)
    network = PainterNetwork(replace(config, **changes))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network


def same(found: PainterNetwork, expected: PainterNetwork) -> None:
    ours = found.state_dict()
    assert found.config == expected.config and not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())
    for name, tensor in expected.state_dict().items():
        assert ours[name].dtype == torch.float32 and torch.equal(ours[name], tensor), name


@pytest.mark.parametrize(("learner", "types"), [("painter", False), ("seggpt", True)])
def test_releases_training_files_and_bare_tensors(
    tmp_path: Path, learner: str, types: bool
) -> None:
    network = made(types=types)
    tensors = network.state_dict()
    parallel = {f"module.{name}": tensor for name, tensor in tensors.items()}
    training = {
        "model": tensors,
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
        "epoch": 14,
        "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(model="painter", lr=1e-3),
    }
    layouts = {"released": {"model": tensors}, "training": training, "bare": tensors}
    for name, content in {**layouts, "parallel": {"model": parallel}}.items():
        torch.save(content, tmp_path / f"{name}.pth")
        same(read_network(tmp_path / f"{name}.pth", learner), network)
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    same(read_network(tmp_path / "old.pth", learner), network)
    save_file(tensors, tmp_path / "bare.safetensors")
    same(read_network(tmp_path / "bare.safetensors", learner), network)


def test_the_names_of_transformers_are_read_one_to_one(tmp_path: Path) -> None:
    network = made(types=True)
    names = transformers_names(network.config)
    assert len(set(names.values())) == len(names) == 354
    tensors = {names[name]: tensor for name, tensor in network.state_dict().items()}
    assert list(official_names(tensors)) == list(names)
    save_file(tensors, tmp_path / "model.safetensors")
    same(read_network(tmp_path / "model.safetensors", "seggpt"), network)
    twice = {**tensors, "mask_token": tensors[names["mask_token"]].clone()}
    save_file(twice, tmp_path / "twice.safetensors")
    with pytest.raises(WeightsError, match="a tensor twice"):
        read_network(tmp_path / "twice.safetensors", "seggpt")


@pytest.mark.slow  # its import takes seconds
def test_transformers_itself_has_these_names() -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.SegGptConfig(
        hidden_size=8,
        num_hidden_layers=24,
        num_attention_heads=2,
        image_size=[16, 8],
        patch_size=4,
        mlp_dim=8,
        pretrain_image_size=8,
        decoder_hidden_size=2,
        use_relative_position_embeddings=True,
    )
    theirs = transformers.SegGptForImageSegmentation(config).state_dict()
    ours = transformers_names(replace(PUBLISHED, types=True))
    assert set(theirs) == set(ours.values())
    shapes = {name: tuple(tensor.shape) for name, tensor in made(types=True).state_dict().items()}
    assert {name: tuple(theirs[ours[name]].shape) for name in ours} == shapes


def test_our_own_files_say_what_shapes_do_not_show(tmp_path: Path) -> None:
    network, path = made(SHORT, types=True), tmp_path / "own.safetensors"
    save_network(network, path, half=False, notes={"tasks": ["holes"], "steps": 5})
    found = read_network(path, "seggpt")
    same(found, network)
    assert found.notes == {"tasks": ["holes"], "steps": 5}
    first = path.read_bytes()
    save_network(found, path, half=False)
    assert path.read_bytes() == first  # notes included
    save_network(found, path)
    assert all(t.dtype == torch.float16 for t in load_file(path).values())
    half = read_network(path, "seggpt").state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(half[name], tensor.half().float())


def test_only_finite_numbers_and_safetensors_are_written(tmp_path: Path) -> None:
    network = made(SHORT)
    with pytest.raises(InputError, match="safetensors"):
        save_network(network, tmp_path / "own.pth")
    with torch.no_grad():
        network.mask_token[0, 0, 0, 0] = 1e6
    with pytest.raises(InputError, match=r"1 tensors are not finite in torch.float16: mask_token"):
        save_network(network, tmp_path / "own.safetensors")
    assert not list(tmp_path.iterdir())
    save_network(network, tmp_path / "own.safetensors", half=False)


@pytest.mark.parametrize(
    ("types", "learner", "sentence"),
    [
        (False, "seggpt", "holds the weights of Painter and not of SegGPT: it lacks the type"),
        (True, "painter", "holds the weights of SegGPT and not of Painter: it has the type"),
    ],
)
def test_the_other_learners_file_is_refused(
    tmp_path: Path, types: bool, learner: str, sentence: str
) -> None:
    torch.save({"model": made(types=types).state_dict()}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=sentence) as caught:
        read_network(tmp_path / "other.pth", learner)
    assert "load it as" in str(caught.value.hint)


def spoiled(**changes: Tensor | None) -> dict[str, Tensor]:
    tensors: dict[str, Any] = {**made().state_dict(), **changes}
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"layer.weight": torch.zeros(2)}, "holds no Painter: segment_token_x is missing; there"),
        (
            {"cls_token": torch.zeros(1, 1, 8), "patch_embed.proj.weight": torch.zeros(8, 3, 4, 4)},
            "a plain vision transformer, such as MAE's",
        ),
        (spoiled(mask_token=None), "1 of 11 tensors that show the sizes are missing"),
        (spoiled(**{"norm.bias": None}), r"351 of 352 tensors fit; 1 missing \(norm.bias\)"),
        (spoiled(extra=torch.zeros(2)), r"1 unexpected \(extra\)"),
        (
            spoiled(**{"blocks.3.attn.rel_pos_h": torch.zeros(3, 4)}),
            r"1 misshapen \(blocks.3.attn.rel_pos_h is \[3, 4\] and should be \[7, 4\]\)",
        ),
        (spoiled(pos_embed=torch.zeros(1, 4, 8)), "3 cells"),
    ],
)
def test_files_of_something_else_are_refused_with_a_sentence(
    tmp_path: Path, tensors: dict[str, Tensor], sentence: str
) -> None:
    torch.save(tensors, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=sentence) as caught:
        read_network(tmp_path / "bad.pth", "painter")
    assert "bad.pth" in caught.value.message


@pytest.mark.parametrize(
    ("notes", "sentence"),
    [
        ([1], "is no JSON object"),
        ({"merge": "two", "taps": [1, 2]}, "merge is 'two'"),
        ({"merge": 0, "taps": [1, True]}, "taps are"),
        ({"merge": 0, "taps": [1, 7]}, "rising numbers that end with 2"),
        ({"merge": 2, "taps": [1, 2]}, "expected a block before 1"),
        ({}, "do not say which of them the decoder reads"),
    ],
)
def test_bad_metadata_is_refused(tmp_path: Path, notes: Any, sentence: str) -> None:
    path = tmp_path / "own.safetensors"
    save_file(made(SHORT).state_dict(), path, metadata={METADATA: json.dumps(notes)})
    with pytest.raises(WeightsError, match=sentence):
        read_network(path, "painter")
